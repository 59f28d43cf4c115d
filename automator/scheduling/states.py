"""The states of runs."""

from __future__ import annotations

from enum import StrEnum


class RunState(StrEnum):
    """How far one occurrence of a job has come."""

    SCHEDULED = "scheduled"
    RUNNING = "running"
    WAITING = "waiting"  #: parked until ``ready_at``; no worker is held
    DONE = "done"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"  #: it may have happened; a person settles it
    MISSED = "missed"  #: too late to be run
    CANCELLED = "cancelled"


OPEN_STATES = (RunState.SCHEDULED, RunState.RUNNING, RunState.WAITING)
