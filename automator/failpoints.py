"""Named places at which a test may end or stop this process, to prove that nothing is lost or doubled."""

from __future__ import annotations

import os
import signal

VARIABLE = "AUTOMATOR_FAILPOINT"  #: "name" or "name:STOP"

POINTS = (
    "before-intent",
    "before-record",
    "after-record",
    "before-first-byte",
    "after-answer",
    "before-store",
    "after-store",
    "before-settle",
    "after-settle",
)


def reach(name: str) -> None:
    """Die (SIGKILL) or stop (SIGSTOP) here if the environment names this point; otherwise nothing."""
    wanted = os.environ.get(VARIABLE)
    if wanted is None:
        return
    point, _, how = wanted.partition(":")
    if point == name:
        os.kill(os.getpid(), signal.SIGSTOP if how == "STOP" else signal.SIGKILL)
