"""Backups: a copy of the database that is whole, and what a restored copy must not do on its own."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from automator import accounts, place
from automator.clock import instant, micros
from automator.db import DatabaseError, connect
from automator.keys import own
from automator.ledger import chain, checkpoint
from automator.ledger.chain import Fault
from automator.notices import Notice, tell
from automator.posting import posts
from automator.scheduling import lease
from automator.scheduling.states import OPEN_STATES, RunState
from automator.trading import bots, settling
from automator.trading.closing import doubt_all as doubt_sales
from automator.trouble import damaged
from automator.vault.store import Store
from automator.version import LATEST
from automator.version import version as version_of
from jobs.posting.deliver import KIND

REASON = "it was due while the restored copy was not in use, so it may have gone out"
PART = "restore.part"  #: a copy that is not in place yet
PROBED = 2_200  #: newer versions of a key that are looked for in the vault: half a year of tokens of two hours


class BackupError(Exception):
    """A backup that can't be made or used; one sentence."""


def backup(source: sqlite3.Connection, to: Path) -> None:
    """Copy the database while it is in use, and look whether the copy is whole. Keys are not in it.

    Raises:
        BackupError: the file exists, can't be written, or would be of no use, as the database is damaged.
    """
    if to.exists():
        raise BackupError(f"{to} exists already; name another file")
    part = to.with_name(f"{to.name}.part")
    try:
        _copy(source, part)
        if fault := _fault(part):
            raise BackupError(
                f"the database is damaged ({fault}), and so would be {to}, which is not kept; "
                "put an earlier backup back"
            )
        part.replace(to)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{to} can't be written: {_why(error)}") from None
    finally:
        part.unlink(missing_ok=True)


def restore(database: Path, file: Path, store: Store, now: datetime, *, actor: str) -> tuple[datetime, int]:
    """Put a backup in place of the database, which is kept beside it, once what may have gone out since is held in it.

    Returns when the backup was made, and how many posts are held.

    Raises:
        BackupError: the file is no whole ledger of this version or an older one, something works on the database, or
            the copy can't be written; nothing was changed.
    """
    from automator import schema  # noqa: PLC0415 - keeps the classes of the tables out of the service

    made, home = _made(file), database.parent
    part = database.with_name(PART)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        # whoever began meanwhile would go on with the database that is put aside, and send what the copy sends again
        with lease.alone(home / lease.FOLDER) as alone:
            if not alone:
                raise BackupError("something works on this installation; stop `automator serve` first")
            with closing(sqlite3.connect(file)) as source:
                _copy(source, part)
            schema.create(part, apart=True)
            with closing(connect(part)) as copy:
                old, held = behind(home, copy), _held(copy, store, made, now, actor)
            if old:
                aside(home / checkpoint.FILE, now)
            aside(database, now)
            part.replace(database)
    except (OSError, sqlite3.Error, DatabaseError) as error:
        raise BackupError(f"{file} can't be put in place, and nothing was changed: {_why(error)}") from None
    finally:
        for left in home.glob(f"{PART}*"):
            left.unlink()
    return made, held


def _held(copy: sqlite3.Connection, store: Store, made: datetime, now: datetime, actor: str) -> int:
    copy.execute("BEGIN IMMEDIATE")
    held = restored(copy, newest_keys(copy, store), made, now, actor=actor)
    copy.execute("COMMIT")
    return held


def _copy(source: sqlite3.Connection, to: Path) -> None:
    """All of it, what its log holds too, for its owner's eyes only."""
    os.close(os.open(to, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(to)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")


def _why(error: Exception) -> object:
    return error.strerror if isinstance(error, OSError) else error


def aside(path: Path, now: datetime) -> None:
    """Keep a file under another name, with what belongs to it."""
    for ending in ("", "-wal", "-shm"):
        found = path.with_name(f"{path.name}{ending}")
        if found.exists():
            found.replace(path.with_name(f"{path.name}.before-{now:%Y%m%dT%H%M%S}{ending}"))


def behind(home: Path, reader: sqlite3.Connection) -> bool:
    """Whether the database is older than its own signed checkpoints: an old copy was put in its place."""
    return checkpoint.reached(home) > chain.head(reader)[0]


def newest_keys(reader: sqlite3.Connection, store: Store) -> dict[str, int]:
    """Accounts whose key was renewed after the copy was made, with the version that the vault has of this very account.

    What it has of another one that was connected under the name since is not taken.
    """
    found: dict[str, int] = {}
    for who in accounts.everything(reader):
        for version in range(who.version + PROBED, who.version, -1):
            if own(store.get(who.name, version), who.made) is not None:
                found[who.name] = version
                break
    return found


def restored(tx: sqlite3.Connection, keys: dict[str, int], since: datetime | None, now: datetime, *, actor: str) -> int:
    """Hold back what may have gone out after the copy was made, until a person has looked; returns how many posts.

    What is still to come is not touched: that it was moved to an earlier time since, this copy can't know. What had
    ended may have been tried again, whatever its time. The keys are those that the vault has.
    """
    at = micros(now)
    rows = tx.execute(
        "SELECT r.job, j.account, r.state FROM run AS r JOIN job AS j ON j.id = r.job "
        "WHERE j.kind = ? AND r.state <> 'done' AND (r.scheduled_for <= ? OR r.state NOT IN (?, ?, ?))",
        (KIND, at, *OPEN_STATES),
    ).fetchall()
    for job, _, _ in rows:
        posts.hold(tx, job, REASON, at)
    held = [(job, account) for job, account, state in rows if state in {*OPEN_STATES, RunState.UNCONFIRMED}]
    for job, account in held:
        tell(tx, Notice("unconfirmed", job, f"{job}: {REASON}", account), at)
    settling.doubt_all(tx, now)
    doubt_sales(tx, now)
    bots.hold_all(tx, "a backup was put back; look at its orders, then start it again", now, actor=actor)
    place.forget(tx)
    for name, version in keys.items():
        tx.execute("UPDATE account SET version = ? WHERE name = ?", (version, name))
    said = {"what": "restored", "since": since.isoformat() if since else None, "held": len(held), "actor": actor}
    chain.append(tx, "event", at, said)
    return len(held)


def _fault(copy: Path) -> str:
    """What is wrong with a copy; empty: nothing."""
    if damaged(copy):
        return "its pages do not fit together"
    with closing(connect(copy, readonly=True)) as opened:
        try:
            found = chain.verify(opened)
        except sqlite3.Error as error:
            return str(error)
    return str(found) if isinstance(found, Fault) else ""


def _made(file: Path) -> datetime:
    if not file.is_file():
        raise BackupError(f"there is no file {file}")
    try:
        copy = connect(file, readonly=True)
        try:
            if version_of(copy) > LATEST:
                raise BackupError(f"{file} was made by a newer version of Automator; install that one")
            at = copy.execute("SELECT max(at) FROM entry").fetchone()[0]
        finally:
            copy.close()
    except sqlite3.Error as error:
        raise BackupError(f"{file} is no backup of Automator ({error})") from None
    if fault := _fault(file):
        raise BackupError(f"{file} is damaged: {fault}")
    return instant(at or 0)
