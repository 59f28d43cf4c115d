"""Killed anywhere, a post goes out once: real processes, real SIGKILL, and the provider's world counted."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from automator import failpoints
from automator.db import connect
from automator.ledger.chain import verify
from tests.children import Child
from tests.conftest import ToyServer
from tests.toy import worker

FAULTS = ("none", "drop-before", "drop-after", "error-after", "html-after", "throttle")
# the effect, and whether the plan was frozen under a claim before or is frozen as it is sent
WAYS = ("once", "once-planned", "repeatable", "repeatable-planned")
LOST_REPLY = frozenset({"drop-before", "drop-after", "error-after", "html-after"})
DROPS = frozenset({"drop-before", "drop-after"})


def reached(point: str, effect: str, fault: str) -> bool:
    """Whether a first attempt under this fault comes to this point at all."""
    once = effect.startswith("once")
    if point in {"before-settle", "after-settle"}:
        return once and fault in LOST_REPLY
    if point == "after-answer":
        return fault not in DROPS or not once  # a repeat gets an answer
    return True


SCENARIOS = [
    (point, effect, fault)
    for point in failpoints.POINTS
    for effect in WAYS
    for fault in FAULTS
    if reached(point, effect, fault)
]
SAMPLE = SCENARIOS[::24]


def start(path: Path, toy: ToyServer, effect: str, key: str, *without: str, point: str = "") -> Child:
    """One worker process, which says in a file how it went."""
    env = {**os.environ, **({failpoints.VARIABLE: point} if point else {})}
    arguments = (str(path), toy.url, effect, key, *without)
    return Child(worker.main, *arguments, environment=env, output=path.with_suffix(".said"))


def run(path: Path, toy: ToyServer, effect: str, key: str, *without: str, point: str = "") -> tuple[int, str]:
    """One from its start to its end, or to its death at ``point``."""
    with start(path, toy, effect, key, *without, point=point) as child:
        return child.wait(), path.with_suffix(".said").read_text().strip()


def overtake(path: Path, toy: ToyServer, effect: str, key: str, *without: str, point: str) -> None:
    """Stop one worker at ``point``, let another finish, and wake the first up to its end."""
    with start(path, toy, effect, key, *without, point=f"{point}:STOP") as stopped:
        assert stopped.wait_for_stop()
        code, said = run(path, toy, effect, key, *without)
        assert code == 0, said
        while stopped.wait_for_stop():  # once per round of its loop
            stopped.send_signal(signal.SIGCONT)


def kill_and_take_over(path: Path, toy: ToyServer, point: str, effect: str, fault: str) -> None:
    key = f"{point}-{effect}-{fault}-{path.parent.name}"
    toy.plan_faults(*([] if fault == "none" else [fault]))
    code, said = run(path, toy, effect, key, point=point)
    assert code == -signal.SIGKILL, f"the first process was to die at {point}: {said}"
    code, state = run(path, toy, effect, key)
    assert code == 0, state
    count = toy.count(f"hello {key}")
    assert count <= 1, "sent twice"
    if state == "done":
        assert count == 1, "called done, but it is not there"
    else:
        assert state == "unconfirmed"
        assert effect.startswith("once")
    reader = connect(path, readonly=True)
    entries = verify(reader)
    reader.close()
    assert isinstance(entries, int), entries


@pytest.mark.parametrize(("point", "effect", "fault"), SAMPLE)
def test_sample(tmp_path: Path, toy: ToyServer, point: str, effect: str, fault: str) -> None:
    """A worker that is killed and one that takes over publish once between them."""
    kill_and_take_over(tmp_path / "a.db", toy, point, effect, fault)


@pytest.mark.long
@pytest.mark.parametrize(("point", "effect", "fault"), SCENARIOS)
def test_every_point(tmp_path: Path, toy: ToyServer, point: str, effect: str, fault: str) -> None:
    """The same at every point, for every effect and fault."""
    kill_and_take_over(tmp_path / "a.db", toy, point, effect, fault)


def test_the_suite_sees_a_double_post(tmp_path: Path, toy: ToyServer) -> None:
    """With Once and the compare-and-swap switched off, the same scenario shows two posts."""
    path, key = tmp_path / "a.db", f"blind-{tmp_path.name}"
    toy.plan_faults()
    code, said = run(path, toy, "once", key, "once", "cas", point="before-store")
    assert code == -signal.SIGKILL, said
    run(path, toy, "once", key, "once", "cas")
    assert toy.count(f"hello {key}") == 2


@pytest.mark.parametrize(("without", "posts"), [(("frozen",), 1), (("frozen", "once"), 2)])
def test_without_once_a_plan_made_anew_is_another_post(
    tmp_path: Path, toy: ToyServer, without: tuple[str, ...], posts: int
) -> None:
    """What Once alone is for: the compare-and-swap lets a repeat by the provider's own key pass, whatever is in it."""
    path, key = tmp_path / "a.db", f"anew-{len(without)}-{tmp_path.name}"
    toy.plan_faults()
    code, said = run(path, toy, "repeatable", key, *without, point="after-answer")
    assert code == -signal.SIGKILL, said
    run(path, toy, "repeatable", key, *without)
    assert toy.count(f"hello {key}") == posts


@pytest.mark.parametrize("way", WAYS[:2])
@pytest.mark.parametrize(
    ("point", "without", "posts"),
    [
        ("before-record", (), 1),
        ("before-record", ("once",), 1),
        ("before-record", ("cas",), 2),
        ("after-record", (), 1),
    ],
)
def test_the_recorders_compare_and_swap_has_the_last_word(  # noqa: PLR0913, PLR0917 - a table
    tmp_path: Path, toy: ToyServer, way: str, point: str, without: tuple[str, ...], posts: int
) -> None:
    """Stopped just before the decision and overtaken, a worker sends nothing; without the swap it would."""
    path, key = tmp_path / "a.db", f"overtaken-{tmp_path.name}"
    toy.plan_faults()
    overtake(path, toy, way, key, *without, point=point)
    assert toy.count(f"hello {key}") == posts


def test_without_asking_the_provider_a_lost_answer_is_a_double_post(tmp_path: Path, toy: ToyServer) -> None:
    """What Resolve is for: the post arrived, its answer did not."""
    for without, posts in ((), 1), (("resolve",), 2):
        path, key = tmp_path / "a.db", f"lost-{len(without)}-{tmp_path.name}"
        toy.plan_faults("drop-after")
        code, said = run(path, toy, "once", key, *without)
        assert code == 0, said
        assert toy.count(f"hello {key}") == posts


def test_a_stopped_worker_that_was_overtaken_sends_nothing(tmp_path: Path, toy: ToyServer) -> None:
    """A process that is stopped before its first byte, and wakes up after another took over, does not double the post."""
    path, key = tmp_path / "a.db", f"stopped-{tmp_path.name}"
    toy.plan_faults()
    overtake(path, toy, "once", key, point="before-intent")
    assert toy.count(f"hello {key}") == 1
