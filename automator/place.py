"""Where an installation lies: a copy of it that works elsewhere would send once more what the first one sends."""

from __future__ import annotations

import hashlib
import platform
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from automator.scheduling import beats

BEAT = "place "  #: begins the name of the beat that holds it
IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))  #: machine-id(5)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a database lies.

    Attributes:
        machine: A mark of the machine.
        file: The number that the file system has given it, which it keeps when it is renamed; a copy has another.
        path: Whole, without links.
    """

    machine: str
    file: int
    path: Path


def here(database: Path) -> Place:
    """The place of a database that is there."""
    return Place(_machine(), database.stat().st_ino, database.resolve())


def known(connection: sqlite3.Connection) -> Place | None:
    """Where it was when it was last worked on; ``None``: it never was, or a person has said that it is a copy."""
    query = "SELECT name FROM beat WHERE substr(name, 1, ?) = ?"
    row = connection.execute(query, (len(BEAT), BEAT)).fetchone()
    if row is None:
        return None
    machine, file, path = row[0].removeprefix(BEAT).split(" ", 2)
    return Place(machine, int(file), Path(path))


def note(tx: sqlite3.Connection, place: Place, now: datetime) -> None:
    """It is worked on here."""
    forget(tx)
    beats.beat(tx, f"{BEAT}{place.machine} {place.file} {place.path}", now)


def forget(tx: sqlite3.Connection) -> None:
    """Whoever works on it next has it."""
    beats.forget(tx, BEAT, ())


def copied(before: Place, now: Place, *, still: bool) -> bool:
    """Whether one of two is a copy of the other. ``still``: where it was, there is a database, and it is not this one.

    A container has its own idea of the machine, and a folder may be moved: neither makes it a copy.
    """
    if before.machine == now.machine:
        return before.path != now.path and still
    return before.file != now.file


def trouble(connection: sqlite3.Connection, now: Place) -> str:
    """Why nothing may be sent from here, and what to do about it; empty: it may."""
    before = known(connection)
    if before is None or not copied(before, now, still=_still(before.path, now.path)):
        return ""
    machine = "" if before.machine == now.machine else " of another machine"
    return (
        f"{now.path.parent} is a copy of {before.path.parent}{machine}, and both would send the same posts and orders; "
        "if nothing works there any more, say so with `automator restored`; for a second installation "
        "name an empty folder with --home, and begin with `automator init`"
    )


def _still(before: Path, now: Path) -> bool:
    try:
        return before.exists() and not before.samefile(now)
    except OSError:
        return True  # it is another user's, and can't be looked at


def _machine() -> str:
    for path in IDS:
        try:
            if found := path.read_bytes().strip():
                break
        except OSError:
            continue
    else:
        found = platform.node().encode()
    # a machine's id is not to be shown, and a digest of it serves as well
    return hashlib.sha256(b"automator " + found).hexdigest()[:12]
