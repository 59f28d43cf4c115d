"""Whole deliveries, killed at every named point under every fault: the world sees each post once, or is asked about it."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from automator import failpoints
from tests.children import overtake
from tests.crash.place import PATHS, Place

FAULTS = (None, "drop-before", "drop-after", "error-after", "html-after", "garbage-after")
INSTANTS = 20
LIFE = {"x": 0.7, "bluesky": 1.3}  #: seconds; a worker lives about so long under the fault that it meets here
#: come by only after a doubt: Bluesky, where a repeat is harmless, has none, and a run ends with its last answer
AFTER_DOUBT = frozenset({"before-settle", "after-settle", "before-finish", "after-finish"})
POINTS = (*failpoints.POINTS, *failpoints.RUN)
SURE = [point for point in POINTS if point not in AFTER_DOUBT]
CASES = [
    (provider, fault, point)
    for provider in PATHS
    for fault in FAULTS
    for point in (POINTS if provider == "x" and fault else SURE)
]
SAMPLE = {
    ("x", None, "after-record"),
    ("x", "drop-after", "before-store"),
    ("bluesky", None, "after-answer"),
    ("bluesky", "error-after", "after-store"),
    ("x", None, "after-last-byte"),
    ("x", "drop-before", "before-finish"),
}


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    provider, fault = request.param
    made = Place(tmp_path, provider, fault)
    yield made
    made.close()


def _case(case: tuple[str, str | None, str]) -> Any:
    provider, fault, point = case
    marks = () if case in SAMPLE else (pytest.mark.long,)
    return pytest.param((provider, fault), point, id=f"{provider}-{fault}-{point}", marks=marks)


def _judged(place: Place) -> None:
    state, texts = place.ended()
    assert len(texts) == len(set(texts)), "a duplicate"
    # what is unconfirmed ends there, and a person is asked; a provider that dedupes by our key never needs one
    assert state == "done" or (state == "unconfirmed" and place.provider == "x"), state
    if state == "done":
        assert texts == ["First part.", "Second part."], "a lost part"


@pytest.mark.parametrize(("place", "point"), [_case(case) for case in CASES], indirect=["place"])
def test_killed_at_a_point_a_new_worker_goes_on(place: Place, point: str) -> None:
    """Whoever dies wherever, the next worker brings the thread to its end without a duplicate or a lost part."""
    with place.worker(point) as first:
        assert first.wait(60) == -signal.SIGKILL
    place.work()
    _judged(place)


@pytest.mark.long
@pytest.mark.parametrize(
    ("place", "point"),
    [_case((provider, None, point)) for provider in PATHS for point in SURE],
    indirect=["place"],
)
def test_a_stopped_worker_that_wakes_up_sends_nothing_twice(place: Place, point: str) -> None:
    """A process stopped for longer than its call may wait finds, on waking, that it must not send what is stale."""
    assert overtake(place.worker(f"{point}:STOP"), place.worker)
    place.work()
    _judged(place)


@pytest.mark.long
@pytest.mark.parametrize("number", range(INSTANTS))
@pytest.mark.parametrize("place", [("x", "drop-after"), ("bluesky", "slow")], indirect=True, ids=["x", "bluesky"])
def test_killed_at_any_instant(place: Place, number: int) -> None:
    """No instant is special: kills spread over the whole life of a worker."""
    with place.worker() as first:
        time.sleep(LIFE[place.provider] * number / INSTANTS)
        first.kill()
    place.work()
    _judged(place)
