"""Beats: when the engine last did one of its own regular duties, for all processes to see."""

from __future__ import annotations

import sqlite3
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
