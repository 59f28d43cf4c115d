"""A post that is staged before it is shown, killed at every point under every fault: out once, and nobody is asked."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from connectors.post import Part
from tests.crash.place import Place
from tests.crash.test_delivery import FAULTS, POINTS

ONE = (Part("First part."),)
STAGED = {"publishing": "staged"}
CALLS = {"stage": 0, "publish": 1}  #: the post's calls that change something, in order
SAMPLE = {
    ("publish", None, "after-record"),
    ("publish", "drop-after", "before-store"),
    ("publish", "drop-before", "after-answer"),
    ("stage", "error-after", "before-intent"),
}
CASES = [(call, fault, point) for call in CALLS for fault in FAULTS for point in POINTS if fault or call == "publish"]


def _case(case: tuple[str, str | None, str]) -> Any:
    return pytest.param(*case, id="-".join(map(str, case)), marks=() if case in SAMPLE else (pytest.mark.long,))


@pytest.mark.parametrize(("call", "fault", "point"), [_case(case) for case in CASES])
def test_a_staged_post_is_out_once_and_nobody_is_asked(
    tmp_path: Path, call: str, fault: str | None, point: str
) -> None:
    """Duplicates 0, lost 0, unconfirmed 0: what is staged says itself whether it is shown."""
    place = Place(tmp_path, "facebook", fault, parts=ONE, skip=CALLS[call], chosen=STAGED)
    try:
        with place.worker(point) as first:
            code = first.wait(60)
        if code != -signal.SIGKILL:
            # the point is not on this path: then the first worker has done it all
            assert place.ended() == ("done", ["First part."])
        place.work()
        assert place.ended() == ("done", ["First part."])
    finally:
        place.close()


@pytest.mark.parametrize("fault", ["drop-after", pytest.param("error-after", marks=pytest.mark.long)])
def test_a_list_that_lags_matters_to_nobody(tmp_path: Path, fault: str) -> None:
    """Nothing is looked for in lists, so that one which is an hour late does no harm."""
    place = Place(tmp_path, "facebook", fault, parts=ONE, skip=1, chosen=STAGED, lists_lag=3_600.0)
    try:
        place.work()
        assert place.ended() == ("done", ["First part."])
    finally:
        place.close()


@pytest.mark.parametrize("lag", [0.0, 3_600.0], ids=["seen", "late"])
def test_in_one_step_a_lost_answer_is_read_back_or_told(tmp_path: Path, lag: float) -> None:
    """What the page's list shows is adopted; what it does not show is never sent again by itself."""
    place = Place(tmp_path, "facebook", "drop-after", parts=ONE, chosen={"publishing": "direct"}, lists_lag=lag)
    try:
        place.work()
        assert place.ended() == ("unconfirmed" if lag else "done", ["First part."])
        place.settle()
        assert place.ended() == ("done", ["First part."])
    finally:
        place.close()
