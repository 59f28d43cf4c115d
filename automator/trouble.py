"""Why a database can't be used: what SQLite says (sqlite.org/rescode.html) and how its folder lies, in one clause."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

DAMAGED = "it is damaged; put a backup of it back"
_SAID = {
    sqlite3.SQLITE_FULL: "the disk is full; make room on it",
    sqlite3.SQLITE_NOTADB: "it is no database; put a backup of it back",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_BUSY: "another program holds it locked; try again when that is done",
    sqlite3.SQLITE_LOCKED: "another program holds it locked; try again when that is done",
}


def primary(error: sqlite3.Error) -> int:
    """SQLite's code without what it says beside it: whoever is busy with recovery is busy."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def trouble(database: Path, error: sqlite3.Error) -> str:
    """Why ``database`` can't be used, and what to do about it."""
    return _SAID.get(primary(error)) or _place(database) or f"SQLite says: {error}; is the disk full, or failing?"


def damaged(database: Path) -> bool:
    """Whether SQLite's own examination finds a fault: what is read of such a database may be of any kind."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except (sqlite3.Error, UnicodeDecodeError):
        return True


def _place(database: Path) -> str:
    """What is wrong with where it lies; empty: nothing that can be seen. SQLite writes beside a database to read it."""
    folder = database.parent
    if not folder.is_dir():
        return f"{folder} is no folder"
    state = os.statvfs(folder)
    if state.f_flag & os.ST_RDONLY:
        return f"{folder} is on a file system that is mounted read-only; name another folder with --home"
    files = [database, *(database.with_name(f"{database.name}-{end}") for end in ("wal", "shm"))]
    for place in (folder, *filter(Path.exists, files)):
        for right, verb in ((os.X_OK if place is folder else os.R_OK, "read"), (os.W_OK, "write to")):
            if not os.access(place, right):
                return f"you may not {verb} {place}; run it as its owner, or name another folder with --home"
    return "" if state.f_bavail else "the disk is full; make room on it"
