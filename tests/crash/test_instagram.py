"""Instagram, killed at every named point under every fault: each post once, none lost, none asked about."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from automator import failpoints
from connectors.post import Part
from jobs.posting.media import inspect
from tests.crash.place import SETTLE, Place

FAULTS = (None, "drop-before", "drop-after", "error-after", "html-after", "garbage-after")
#: these come once on the way, all others with each call, of which the post is the fourth: quota, container, status, post
RARE = ("before-intent", "before-settle", "after-settle")
CASES = [(fault, point) for fault in FAULTS for point in failpoints.POINTS if fault or not point.endswith("-settle")]
SAMPLE = {(None, "after-answer"), ("drop-after", "after-answer"), ("drop-before", "before-settle")}


def picture(folder: Path, number: int = 0) -> Any:
    path = folder / f"{number}.jpg"
    Image.new("RGB", (400, 400), (number * 20 % 256, 80, 120)).save(path)
    return inspect(path, "A picture.")


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    fault, lag = request.param
    parts = (Part("Caption.", (picture(tmp_path), picture(tmp_path, 1))),)
    made = Place(tmp_path, "instagram", fault, lists_lag=lag, parts=parts[:1])
    yield made
    made.close()


def _case(fault: str | None, point: str, lag: float = 0) -> Any:
    marks = () if (fault, point) in SAMPLE and not lag else (pytest.mark.long,)
    return pytest.param((fault, lag), point, id=f"{fault}-{point}-{lag:g}", marks=marks)


def _killed(place: Place, point: str) -> None:
    # a carousel of two is made of two containers more, each with its status
    times = 1 if point in RARE else 4 + 4
    with place.worker(f"{point}:KILL:{times}") as first:
        assert first.wait(60) == -signal.SIGKILL


def _out_once(place: Place) -> None:
    for _ in range(3):  # what waits for a list that lags is taken up again
        place.work()
    post = place.delivery()
    assert (post.state, len(place.world())) == ("done", 1), post.reason
    (seen,) = place.world()
    assert (seen["text"], len(seen["files"])) == ("Caption.", 2)
    assert [result["id"] for result in post.results] == [seen["id"]]


@pytest.mark.parametrize(("place", "point"), [_case(*case) for case in CASES], indirect=["place"])
def test_killed_at_a_point_a_new_worker_goes_on(place: Place, point: str) -> None:
    """Whoever dies wherever: the container says whether it was published, so nobody is ever asked."""
    _killed(place, point)
    _out_once(place)


@pytest.mark.parametrize(
    ("place", "point"),
    [_case(fault, "after-answer", SETTLE * 8) for fault in FAULTS if fault != "drop-before"],
    indirect=["place"],
)
def test_a_list_that_lags_is_waited_for(place: Place, point: str) -> None:
    """It is known that the post is there; which one it is, the list says later."""
    _killed(place, point)
    _out_once(place)


@pytest.mark.long
@pytest.mark.parametrize("place", [("drop-after", 0.0)], indirect=True)
@pytest.mark.parametrize("call", range(1, 9))
def test_killed_at_each_call_on_the_way(place: Place, call: int) -> None:
    """Containers made by one who died are left to expire; the next one makes its own."""
    with place.worker(f"after-answer:KILL:{call}") as first:
        assert first.wait(60) == -signal.SIGKILL
    _out_once(place)


@pytest.mark.parametrize("place", [(None, 0.0)], indirect=True)
def test_no_file_stays_on_the_media_host(place: Place) -> None:
    """Killed while its files are shown, the next worker removes them once the post has ended."""
    shown = place.state / "media"
    _killed(place, "after-answer")
    assert len(list(shown.iterdir())) == 2
    with place.worker() as second:
        assert second.wait(60) == 0
    assert place.ended() == ("done", ["Caption."])
    assert list(shown.iterdir()) == []
    with sqlite3.connect(place.home.database) as connection:
        assert connection.execute("SELECT count(*) FROM hosted").fetchone() == (0,)


@pytest.mark.parametrize("place", [(None, 0.0)], indirect=True)
def test_a_media_host_that_shows_a_page_fails_the_post_in_a_sentence(place: Place) -> None:
    """Instagram could not fetch the picture: the person is told where to look, and nothing is shown."""
    (place.home.path / "config.toml").write_text(
        (place.home.path / "config.toml").read_text().replace('public_url = "', 'public_url = "http://127.0.0.1:9" # ')
    )
    place.work()
    post = place.delivery()
    assert (post.state, place.world()) == ("failed", [])
    assert "automator media test" in post.reason
    assert json.loads((place.state / "world.json").read_text())["instagram"] == []
