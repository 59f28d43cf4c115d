"""What falls due: jobs, and their runs."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel


class JobRow(SQLModel, table=True):
    """What is to be done, and when."""

    __tablename__ = "job"
    __table_args__ = (Index("job_next", "next_at"),)

    id: str = Field(primary_key=True)
    kind: str  #: which handler does it: ``deliver``
    account: str | None
    payload: str  #: canonical JSON, frozen
    zone: str  #: IANA name of the zone in which a person chose the time
    wall: str  #: the wall-clock time that the person chose, or the cron line
    cron: str | None  #: five fields; ``None`` for a job that runs once
    next_at: int | None  #: when a recurring job is due next, microseconds UTC
    late: int  #: how late it may start, microseconds; later it is missed
    created_at: int


class RunRow(SQLModel, table=True):
    """One occurrence of a job."""

    __tablename__ = "run"
    __table_args__ = (UniqueConstraint("job", "scheduled_for"), Index("run_ready", "state", "ready_at"))

    id: int = Field(primary_key=True)
    job: str
    scheduled_for: int  #: microseconds UTC
    ready_at: int  #: not before this; later than ``scheduled_for`` when parked
    state: str
    attempt: int  #: raised by every claim; an older holder can change nothing
    owner: str | None
    lease_until: int | None
    started_at: int | None
    reason: str


class BeatRow(SQLModel, table=True):
    """When the engine last did one of its own regular duties; ``doctor`` reads it."""

    __tablename__ = "beat"

    name: str = Field(primary_key=True)
    at: int  #: microseconds UTC
