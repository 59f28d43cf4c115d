"""Where the record itself falls short: a backup put back, lists that lag, a lease taken from the living."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from automator import accounts, failpoints
from automator.scheduling import lease
from connectors.post import Part
from tests.crash.place import PATHS, Place
from tests.scheduling.desk import picture

LAG = 3_600.0  #: seconds; far longer than anyone waits before asking
LOST = ("drop-after", "error-after", "html-after")
BOTH = ["First part.", "Second part."]


def done(place: Place, *arguments: str) -> None:
    with place.command(*arguments) as command:
        assert command.wait(60) == 0, arguments


def killed(place: Place, point: str) -> None:
    with place.worker(point) as worker:
        assert worker.wait(60) == -signal.SIGKILL


def texts(place: Place) -> list[str]:
    return [post["text"] for post in place.world()]


def settled_once(place: Place) -> None:
    """Nothing more goes out by itself; once a person has looked, every part is there once."""
    before = texts(place)
    place.work()
    assert (place.delivery().state, texts(place)) == ("unconfirmed", before)
    place.settle()
    assert place.ended() == ("done", BOTH)


def _sampled(values: tuple[tuple[str, str], ...], sample: tuple[str, str]) -> list[object]:
    return [pytest.param(*value, marks=() if value == sample else pytest.mark.long) for value in values]


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    made = Place(tmp_path, **request.param)
    yield made
    made.close()


on_both = pytest.mark.parametrize("place", [{"provider": name} for name in PATHS], ids=[*PATHS], indirect=True)
on_lagging_x = pytest.mark.parametrize(
    "place", [{"provider": "x", "fault": fault, "lists_lag": LAG} for fault in LOST], ids=LOST, indirect=True
)


def at_each(names: Iterable[str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "point", [pytest.param(name, marks=() if name == "after-store" else pytest.mark.long) for name in names]
    )


points = at_each(failpoints.POINTS)
sure_points = at_each(name for name in failpoints.POINTS if not name.endswith("-settle"))  #: of who has no doubt


@on_both
@sure_points
def test_a_backup_of_before_is_put_back(place: Place, tmp_path: Path, point: str) -> None:
    """The copy knows nothing of what went out since, so a person is asked about each part."""
    done(place, "backup", str(tmp_path / "copy.db"))
    killed(place, point)
    done(place, "restore", str(tmp_path / "copy.db"))
    settled_once(place)


@pytest.mark.long
@on_both
@sure_points
def test_a_backup_of_the_midst_is_put_back(place: Place, tmp_path: Path, point: str) -> None:
    """The copy holds an open intention of a worker that died; another one has finished since."""
    killed(place, point)
    done(place, "backup", str(tmp_path / "copy.db"))
    place.work()
    place.settle()
    assert place.ended() == ("done", BOTH)
    done(place, "restore", str(tmp_path / "copy.db"))
    settled_once(place)


@on_lagging_x
@points
def test_a_list_that_lags_is_no_proof(place: Place, point: str) -> None:
    """The provider does not show what it has: nothing is sent again until a person says so."""
    killed(place, point)
    place.work()
    assert place.delivery().state in {"unconfirmed", "done"}
    assert len(texts(place)) == len(set(texts(place)))
    place.settle()
    assert place.ended() == ("done", BOTH)


@pytest.mark.parametrize(("guard", "posts"), [("on", 1), ("off", 2)])
def test_a_lease_is_not_taken_from_the_living(
    tmp_path: Path, guard: str, posts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped just before its first byte, a worker still may send; with the lock ignored there would be two posts."""
    # with a picture, because X itself refuses a repeat of the text alone
    place = Place(tmp_path, "x", lists_lag=LAG, parts=(Part("Once.", (picture(tmp_path),)),))
    if guard == "off":
        monkeypatch.setattr(lease.Owner, "gone", lambda *_: True)

    async def take_over() -> None:
        async with place.engine() as engine:
            now = engine.clock.now()
            await engine.writer.run(lambda tx: accounts.change(tx, "x/brand", now, send_again=True, actor="test"))
            await engine.worker.run_due()
            while guard == "off" and not place.world():
                await asyncio.sleep(0.02)
                await engine.worker.run_due()

    first = place.worker("before-first-byte:STOP:5")
    try:
        assert first.wait_for_stop()
        asyncio.run(take_over())
        while first.wait_for_stop():
            first.send_signal(signal.SIGCONT)
        place.work()
        assert texts(place) == ["Once."] * posts
    finally:
        first.kill()
        first.wait()
        place.close()
