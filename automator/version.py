"""Which version a database is of. SQLite's own module says it, so that a command need not load all tables to start."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

LATEST = 14  #: the newest step in migrations/versions; a database says in ``user_version`` which one it has


def version(connection: sqlite3.Connection) -> int:
    """The newest step that a database has; 0 if it is empty, or from before versions were kept."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def current(path: Path) -> bool:
    """Whether the database is there and of this version; not so, too, if it can't be read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return version(connection) == LATEST
    except sqlite3.Error:
        return False  # who makes or brings up the database meets it again, and says what it is
