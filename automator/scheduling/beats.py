"""Beats: when the engine last did one of its own regular duties, for all processes to see."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime, timedelta

from automator.clock import instant, micros

NEVER = timedelta.max


def beat(tx: sqlite3.Connection, name: str, at: datetime) -> None:
    """It was done now."""
    tx.execute(
        "INSERT INTO beat (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at",
        (name, micros(at)),
    )


def since(connection: sqlite3.Connection, name: str, now: datetime) -> timedelta:
    """How long ago it was done; ``NEVER`` if it never was, or the clock was set back since."""
    row = connection.execute("SELECT at FROM beat WHERE name = ?", (name,)).fetchone()
    if row is None or instant(row[0]) > now:
        return NEVER
    return now - instant(row[0])


def forget(tx: sqlite3.Connection, begins: str, but: Collection[str]) -> list[str]:
    """Forget what begins so, but for those names; returns what was forgotten."""
    known = [row[0] for row in tx.execute("SELECT name FROM beat WHERE substr(name, 1, ?) = ?", (len(begins), begins))]
    gone = [name for name in known if name not in but]
    tx.executemany("DELETE FROM beat WHERE name = ?", [(name,) for name in gone])
    return gone
