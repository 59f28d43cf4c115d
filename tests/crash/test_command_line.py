"""Killed, the programs that people start go on where they were: the command line itself, loaded anew each time."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.crash.place import Place

BOTH = ["First part.", "Second part."]
POINTS = ("before-claim", "after-record", "after-answer", "after-store")


def _point(name: str) -> object:
    return pytest.param(name, marks=() if name == "after-record" else pytest.mark.long)


@pytest.mark.parametrize("point", [_point(name) for name in POINTS])
def test_run_due_goes_on_where_one_died(tmp_path: Path, point: str) -> None:
    """As cron starts it: the next minute's process ends what the last one had begun."""
    place = Place(tmp_path, "bluesky")
    try:
        with place.program("run-due", "--wait", "20", failpoint=point) as first:
            assert first.wait(60) == -signal.SIGKILL
        with place.program("run-due", "--wait", "20") as second:
            assert second.wait(60) == 0
        assert place.ended() == ("done", BOTH)
    finally:
        place.close()


@pytest.mark.parametrize("point", [_point(name) for name in POINTS])
def test_serve_goes_on_where_one_died(tmp_path: Path, point: str) -> None:
    """As a service manager starts it: anew after its death, until it is told to stop."""
    place = Place(tmp_path, "bluesky")
    try:
        with place.program("serve", failpoint=point) as first:
            assert first.wait(60) == -signal.SIGKILL
        with place.program("serve") as second:
            deadline = time.monotonic() + 60
            while place.delivery().state != "done" and time.monotonic() < deadline:
                time.sleep(0.05)
            second.terminate()
            said, _ = second.communicate(timeout=40)
            assert (second.returncode, "nothing is lost" in said) == (0, True)
        assert place.ended() == ("done", BOTH)
    finally:
        place.close()
