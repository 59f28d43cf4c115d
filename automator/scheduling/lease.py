"""Leases: which process works on a run. A lease passes on only when its owner's process has gone."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from automator.clock import instant, micros
from automator.db import DatabaseError
from automator.intentions import Fenced, begun
from automator.notices import Notice, tell
from automator.scheduling.states import RunState
from connectors.words import counted

LEASE = timedelta(seconds=60)
LEAD = timedelta(milliseconds=200)  #: claimed so early, so that what is due leaves when it is due
FOLDER = "owners"  #: beside the database: the locks of the processes that work on it
GATE = "opening"  #: among them: held by whoever begins to work, and by whoever needs that nobody does
ENDED = (RunState.FAILED, RunState.UNCONFIRMED)


class Owner:
    """This process, as other processes on the machine see it: a locked file that the system frees when we die.

    A process that is stopped, not dead, keeps its lock, so nobody acts in its place. It must be there before the
    database is opened: who puts another in its place looks for it.

    Raises:
        DatabaseError: somebody else has the installation to itself.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.id = f"{os.getpid()}-{secrets.token_hex(6)}"
        self._path = folder / f"{self.id}.lock"
        with _gate(folder) as gate:
            try:
                fcntl.flock(gate, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DatabaseError(
                    "a backup is being put back, or the database is brought to a newer version; "
                    "try again when that is done"
                ) from None
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def gone(self, owner: str) -> bool:
        """Whether another owner's process has ended."""
        if owner == self.id:
            return False
        try:
            other = os.open(self.folder / f"{owner}.lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            return locked(other)
        finally:
            os.close(other)

    def close(self) -> None:
        """Give the lock back."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def kept(path: Path) -> int:
    """Open one that stays for everybody's locks: it is the folder's owner's, or root, who looked once, keeps him out.

    Raises:
        OSError: it can't be opened.
    """
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        whose = path.parent.stat()
        with suppress(OSError):  # a file system without owners
            os.fchown(file, whose.st_uid, whose.st_gid)
    return file


@contextmanager
def _gate(folder: Path) -> Iterator[int]:
    file = kept(folder / GATE)
    try:
        yield file
    finally:
        os.close(file)


@contextmanager
def alone(owners: Path) -> Iterator[bool]:
    """Whether no process on this machine works on the installation; while this lasts none begins to."""
    owners.mkdir(parents=True, exist_ok=True)
    with _gate(owners) as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield not _in_use(owners)


def _in_use(owners: Path) -> bool:
    for path in owners.glob("*.lock"):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # it has just ended
        try:
            if not locked(file):
                return True
        finally:
            os.close(file)
    return False


def locked(file: int) -> bool:
    """Lock an open file until it is closed; ``False``: another process has it locked."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Run:
    """One claimed occurrence of a job."""

    id: int
    job: str
    kind: str
    account: str | None
    payload: Mapping[str, Any]
    attempt: int
    scheduled_for: datetime
    ready_at: datetime  #: not before this
    late: timedelta = timedelta.max  #: how long after that it may still be begun


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a run. ``until``: when a waiting one is taken up again."""

    state: RunState
    reason: str = ""
    until: datetime | None = None
    begun: bool = True  #: ``False``: nothing of it has left, so it must still start in time


_READY = """
SELECT r.id, r.job, j.kind, j.account, j.payload, r.attempt, r.scheduled_for, r.owner, r.state, j.late, r.started_at,
  r.reason, r.ready_at
FROM run AS r JOIN job AS j ON j.id = r.job
"""


def claim(  # noqa: PLR0913 - what a claim depends on
    tx: sqlite3.Connection,
    owner: str,
    now: datetime,
    *,
    limit: int,
    gone: Callable[[str], bool],
    held: Collection[int] = (),
) -> list[Run]:
    """Take up to ``limit`` runs that are ready within ``LEAD``, and those that nobody works on any more.

    Whichever has been ready for longest comes first, so that no rush keeps one that was parked from its turn.
    ``held`` are the numbers of the runs that this owner is working on: one of its own that is not among them was
    dropped when its verdict could not be stored.
    """
    at, soon = micros(now), micros(now + LEAD)
    rows: list[tuple[Any, ...]] = []
    for number in _dropped(tx, owner, gone, held)[:limit]:  # first, as they were due first
        rows += tx.execute(f"{_READY} WHERE r.id = ?", (number,)).fetchall()
    ready, room = list[tuple[Any, ...]](), limit - len(rows)
    for state in (RunState.SCHEDULED, RunState.WAITING):  # an index has each of them in order, but not both
        query = f"{_READY} WHERE r.state = ? AND r.ready_at <= ? ORDER BY r.ready_at LIMIT ?"
        ready += tx.execute(query, (state, soon, room)).fetchall()
    rows += sorted(ready, key=itemgetter(-1))[:room]
    claimed = (_claim_one(tx, owner, at, row) for row in rows)
    return [run for run in claimed if run is not None]


def claim_job(
    tx: sqlite3.Connection, owner: str, job: str, now: datetime, *, gone: Callable[[str], bool]
) -> Run | None:
    """Take the run of one job that is ready, or that nobody works on any more; ``None``: there is none."""
    query = f"{_READY} WHERE r.job = ? AND r.state IN (?, ?) AND r.ready_at <= ?"
    row = tx.execute(query, (job, RunState.SCHEDULED, RunState.WAITING, micros(now))).fetchone()
    if row is None:
        holder = tx.execute("SELECT id, owner FROM run WHERE job = ? AND state = 'running'", (job,)).fetchone()
        if holder is not None and holder[1] not in {None, owner} and gone(holder[1]):
            row = tx.execute(f"{_READY} WHERE r.id = ?", (holder[0],)).fetchone()
    return _claim_one(tx, owner, micros(now), row) if row else None


def _dropped(tx: sqlite3.Connection, owner: str, gone: Callable[[str], bool], held: Collection[int]) -> list[int]:
    """The numbers of the running ones that nobody works on any more."""
    known: dict[str, bool] = {}
    found = []
    for number, holder in tx.execute("SELECT id, coalesce(owner, '') FROM run WHERE state = 'running'"):
        if holder == owner:
            dropped = number not in held
        else:
            dropped = known[holder] if holder in known else known.setdefault(holder, gone(holder))
        if dropped:
            found.append(number)
    return found


def _claim_one(tx: sqlite3.Connection, owner: str, at: int, row: tuple[Any, ...]) -> Run | None:
    number, job, kind, account, payload, attempt, scheduled_for, _, _, late, started, reason, ready = row
    # what was begun may take its time, but when nobody was there to go on with it, and nothing of it is out, it is late
    if at - (scheduled_for if started is None else ready) > late and (started is None or not begun(tx, job)):
        tx.execute("UPDATE run SET state = ?, reason = 'too late' WHERE id = ?", (RunState.MISSED, number))
        by = counted((at - scheduled_for) // 60_000_000, "minute")
        why = f": {reason}" if reason else ""
        tell(tx, Notice("missed", job, f"{job} was {by} late and was not run{why}", account), at)
        return None
    tx.execute(
        "UPDATE run SET state = ?, owner = ?, lease_until = ?, attempt = attempt + 1, "
        "started_at = coalesce(started_at, ?) WHERE id = ?",
        (RunState.RUNNING, owner, at + LEASE // timedelta(microseconds=1), at, number),
    )
    may, said = timedelta(microseconds=late), json.loads(payload)
    return Run(number, job, kind, account, said, attempt + 1, instant(scheduled_for), instant(ready), may)


def check(tx: sqlite3.Connection, run: Run) -> None:
    """Raise ``Fenced`` unless this claim of the run is still the current one."""
    row = tx.execute("SELECT attempt, state FROM run WHERE id = ?", (run.id,)).fetchone()
    if row is None or row[0] != run.attempt or row[1] != RunState.RUNNING:
        raise Fenced(f"run {run.id} of {run.job} was taken over or cancelled; this worker does nothing more for it")


def ended(connection: sqlite3.Connection, run: Run) -> bool:
    """Whether a verdict of this claim is stored."""
    row = connection.execute("SELECT attempt, state FROM run WHERE id = ?", (run.id,)).fetchone()
    return bool(row == (run.attempt, RunState.DONE))


def finish(tx: sqlite3.Connection, run: Run, verdict: Verdict, now: datetime) -> bool:
    """Store what became of a run; ``False`` if this claim was no longer the current one.

    One that has not begun waits no longer than it may be late: then a person is told that it is missed.
    """
    ready = micros(verdict.until) if verdict.until else micros(now)
    changed = tx.execute(
        "UPDATE run SET state = ?1, reason = ?2, owner = NULL, lease_until = NULL, "
        "ready_at = CASE WHEN ?4 THEN ?3 "
        "ELSE min(?3, scheduled_for + (SELECT late FROM job AS j WHERE j.id = run.job) + 1) END, "
        "started_at = CASE WHEN ?4 THEN started_at END WHERE id = ?5 AND attempt = ?6 AND state = 'running'",
        (verdict.state, verdict.reason, ready, verdict.begun, run.id, run.attempt),
    ).rowcount
    if changed and verdict.state in ENDED:
        tell(tx, Notice(verdict.state, run.job, f"{run.job}: {verdict.reason}", run.account), micros(now))
    return bool(changed)
