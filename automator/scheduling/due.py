"""Jobs and the runs that fall due. Functions of an open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from automator.clock import instant, micros
from automator.ledger.chain import canonical
from automator.scheduling.states import OPEN_STATES, RunState

LATE = timedelta(hours=1)  #: how late a job may start unless it says otherwise


class BadSchedule(ValueError):
    """A cron line that cannot be read; the sentence says why."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to add.

    Attributes:
        id: Unique; adding the same id twice adds nothing.
        at: When it is due (aware); for a recurring job, the instant from which it counts.
        zone: IANA name.
        wall: The wall-clock intention.
        cron: Five fields, for a recurring job; read in ``zone``.
    """

    id: str
    kind: str
    payload: Mapping[str, Any]
    at: datetime
    account: str | None = None
    zone: str = "UTC"
    wall: str = ""
    cron: str | None = None
    late: timedelta = LATE


def next_time(cron: str, zone: str, after: datetime) -> datetime | None:
    """The first occurrence after ``after``; wall-clock times that do not exist are skipped.

    Raises:
        BadSchedule: not a cron line.
    """
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415 - only recurring jobs need it

    try:
        trigger = CronTrigger.from_crontab(cron, timezone=zone)
    except ValueError as error:
        raise BadSchedule(f"{cron!r} is no cron line of five fields ({error})") from None
    found = trigger.get_next_fire_time(after, after)
    return found if isinstance(found, datetime) else None


def add(tx: sqlite3.Connection, job: NewJob, now: datetime) -> bool:
    """Add a job, and for a single one its run; ``False`` if it was there already."""
    due = next_time(job.cron, job.zone, job.at) if job.cron else job.at
    changed = tx.execute(
        "INSERT INTO job (id, kind, account, payload, zone, wall, cron, next_at, late, created_at) "
        "VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO NOTHING",
        (
            job.id,
            job.kind,
            job.account,
            canonical(dict(job.payload)),
            job.zone,
            job.wall,
            job.cron,
            micros(due) if job.cron and due else None,
            job.late // timedelta(microseconds=1),
            micros(now),
        ),
    ).rowcount
    if changed and not job.cron:
        _run(tx, job.id, micros(job.at))
    return bool(changed)


def _run(tx: sqlite3.Connection, job: str, at: int) -> None:
    tx.execute(
        "INSERT INTO run (job, scheduled_for, ready_at, state, attempt, reason) VALUES (?,?,?,?,0,'') "
        "ON CONFLICT (job, scheduled_for) DO NOTHING",
        (job, at, at, RunState.SCHEDULED),
    )


def again(tx: sqlite3.Connection, job: str, now: datetime) -> None:
    """Have a single job that is there done now: what waits is due at once, and what has ended is begun once more."""
    at = micros(now)
    hurried = tx.execute("UPDATE run SET ready_at = ? WHERE job = ? AND state = 'waiting'", (at, job)).rowcount
    if not hurried and not is_open(tx, job):
        _run(tx, job, at)


def spawn(tx: sqlite3.Connection, now: datetime) -> int:
    """Make runs of the recurring jobs that have fallen due: the newest occurrence only, never a backlog."""
    rows = tx.execute(
        "SELECT id, cron, zone, next_at FROM job WHERE next_at IS NOT NULL AND next_at <= ?", (micros(now),)
    ).fetchall()
    for job, cron, zone, next_at in rows:
        latest, coming = next_at, instant(next_at)
        while (following := next_time(cron, zone, coming + timedelta(microseconds=1))) and following <= now:
            latest, coming = micros(following), following
        _run(tx, job, latest)
        tx.execute("UPDATE job SET next_at = ? WHERE id = ?", (micros(following) if following else None, job))
    return len(rows)


def coming(connection: sqlite3.Connection, before: datetime) -> dict[str, datetime]:
    """By account, when something of it falls due next, if that is before an instant; what is under way counts."""
    rows = connection.execute(
        "SELECT j.account, min(r.ready_at) FROM run AS r JOIN job AS j ON j.id = r.job "
        "WHERE r.state IN ('scheduled', 'waiting', 'running') AND r.ready_at <= ? AND j.account IS NOT NULL "
        "GROUP BY j.account",
        (micros(before),),
    )
    return {account: instant(at) for account, at in rows}


def many(connection: sqlite3.Connection, before: datetime, number: int) -> bool:
    """Whether so many runs at least are ready to begin before an instant."""
    query = "SELECT count(*) FROM (SELECT 1 FROM run WHERE state = ? AND ready_at <= ? LIMIT ?)"
    states = (RunState.SCHEDULED, RunState.WAITING)
    found = (int(connection.execute(query, (state, micros(before), number)).fetchone()[0]) for state in states)
    return sum(found) >= number


def is_open(connection: sqlite3.Connection, job: str) -> bool:
    """Whether a run of this job is still to be worked on."""
    marks = ",".join("?" * len(OPEN_STATES))
    query = f"SELECT 1 FROM run WHERE job = ? AND state IN ({marks})"  # noqa: S608 - marks
    return connection.execute(query, (job, *OPEN_STATES)).fetchone() is not None


def why(connection: sqlite3.Connection, job: str) -> str:
    """Why a job waits that was begun; empty: it does not, or was parked without a word."""
    row = connection.execute("SELECT reason FROM run WHERE job = ? AND state = 'waiting'", (job,)).fetchone()
    return str(row[0]) if row else ""


def earliest(connection: sqlite3.Connection) -> datetime | None:
    """When something falls due next; ``None`` if nothing is planned."""
    row = connection.execute(
        "SELECT min(at) FROM ("
        " SELECT min(ready_at) AS at FROM run WHERE state = 'scheduled'"
        " UNION ALL SELECT min(ready_at) FROM run WHERE state = 'waiting'"
        " UNION ALL SELECT min(next_at) FROM job)"
    ).fetchone()
    return instant(row[0]) if row[0] is not None else None
