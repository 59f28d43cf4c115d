"""Smaller copies of pictures in the installation's folder: removed once nobody may need them any more."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

from automator.clock import micros
from automator.engine import Engine
from automator.ledger import chain
from automator.scheduling import beats
from automator.scheduling.states import OPEN_STATES, RunState

EVERY = timedelta(hours=20)
_NAME = re.compile(r"[0-9a-f]{64}\.jpg")

_NEEDED = """
SELECT d.parts FROM delivery AS d JOIN run AS r ON r.job = d.id
WHERE instr(d.parts, '.jpg') > 0 AND (r.state IN (?, ?, ?, ?) OR d.at >= ?)
"""


async def clear(engine: Engine) -> int:
    """Remove, once a day, what the settings no longer keep; returns how many files."""
    now, days = engine.clock.now(), engine.settings.posting.copies_days
    if not days or beats.since(engine.reader, "copies", now) < EVERY:
        return 0
    gone = await asyncio.to_thread(_cleared, engine.reader, engine.home.copies, now - timedelta(days=days))

    def note(tx: sqlite3.Connection) -> None:
        beats.beat(tx, "copies", now)
        if gone:
            chain.append(tx, "event", micros(now), {"what": "copies removed", "files": gone})

    await engine.writer.run(note)
    return gone


def _cleared(reader: sqlite3.Connection, folder: Path, before: datetime) -> int:
    # a copy that is used again is touched before its post is planned, so that it is too young here
    old = [path for path in _files(folder) if path.stat().st_mtime < before.timestamp()]
    needed = _needed(reader, before) if old else set()
    gone = [path for path in old if path.name not in needed]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []


def _needed(reader: sqlite3.Connection, before: datetime) -> set[str]:
    """What is in posts that may still go out, and in those that were to since then, whatever became of them."""
    rows = reader.execute(_NEEDED, (*OPEN_STATES, RunState.UNCONFIRMED, micros(before)))
    return {name for (parts,) in rows for name in _NAME.findall(parts)}
