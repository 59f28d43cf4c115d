"""Pruning: old bodies and old entries leave, and the chain still holds: an event says where it now begins.

What leaves is found beside all other work, and leaves in slices, between which others write.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from automator.clock import Clock, micros
from automator.db import Writer, connect
from automator.ledger import chain

ROW = 100  #: bytes that an entry takes beside its content, about
SLICE = 10_000  #: entries that leave in one transaction


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept; 0 means for ever, or as much as there is.

    Attributes:
        body_days: Bodies of calls; their digests stay.
        row_days: Whole entries.
        max_mb: Entries and bodies together; the oldest entries leave first.
    """

    body_days: int = 0
    row_days: int = 0
    max_mb: int = 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What left."""

    entries: int = 0
    bodies: int = 0

    def __add__(self, more: Pruned) -> Pruned:
        return Pruned(self.entries + more.entries, self.bodies + more.bodies)


@dataclass(frozen=True, slots=True)
class Cut:
    """What is to leave, by the numbers of entries.

    Attributes:
        entries: Whole entries up to this one.
        bodies: Bodies up to this one's.
        start: The first one that may have a body.
    """

    entries: int
    bodies: int
    start: int


async def drop(writer: Writer, keep: Retention, clock: Clock, actor: str) -> Pruned:
    """Drop what ``keep`` does not ask for."""
    left: Cut | None = await asyncio.to_thread(_found, writer.path, keep, clock.now())
    gone = Pruned()
    while left is not None:
        more, left = await writer.run(partial(prune, cut=left, now=clock.now(), actor=actor))
        gone += more
    return gone


def _found(path: Path, keep: Retention, now: datetime) -> Cut:
    with closing(connect(path, readonly=True)) as reader:
        return find(reader, keep, now)


def find(reader: sqlite3.Connection, keep: Retention, now: datetime) -> Cut:
    """What ``keep`` does not ask for; reads the whole ledger. Calls whose outcome is open, and all after them, stay."""
    size = _by_size(reader, keep.max_mb * 1_000_000)
    # the newest entry stays, whatever is asked for: the chain goes on from it
    entries = min(max(_older(reader, keep.row_days, now), size), _oldest_open(reader) - 1)
    bodies = max(_older(reader, keep.body_days, now), entries)
    (start,) = reader.execute("SELECT min(seq) FROM entry WHERE body IS NOT NULL").fetchone()
    return Cut(entries, bodies, start or bodies + 1)


def prune(tx: sqlite3.Connection, cut: Cut, now: datetime, *, actor: str) -> tuple[Pruned, Cut | None]:
    """Drop a slice of it, as an event; returns what left, and what is still to leave."""
    first = tx.execute("SELECT min(seq) FROM entry").fetchone()[0] or 1
    if first <= cut.entries:
        through = min(cut.entries, first + SLICE - 1)
        link = tx.execute("SELECT link FROM entry WHERE seq = ?", (through,)).fetchone()
        bodies = tx.execute("SELECT count(body) FROM entry WHERE seq <= ?", (through,)).fetchone()[0]
        gone = Pruned(tx.execute("DELETE FROM entry WHERE seq <= ?", (through,)).rowcount, bodies + _apart(tx, through))
        where = {"through": through, "link": bytes(link[0]).hex()}
        left = replace(cut, start=max(cut.start, through + 1))
    else:
        through, where = min(cut.bodies, cut.start + SLICE - 1), {}
        beside = tx.execute(
            "UPDATE entry SET body = NULL WHERE seq BETWEEN ? AND ? AND body IS NOT NULL", (cut.start, through)
        ).rowcount
        gone, left = Pruned(bodies=beside + _apart(tx, through)), replace(cut, start=through + 1)
    if gone != Pruned():
        said = {"what": "pruned", "entries": gone.entries, "bodies": gone.bodies, "actor": actor}
        chain.append(tx, "event", micros(now), said | where)
        tx.execute("PRAGMA incremental_vacuum").fetchall()
    return gone, left if through < cut.bodies else None


def _apart(tx: sqlite3.Connection, through: int) -> int:
    """Drop the large bodies that no entry after this one names."""
    return tx.execute("DELETE FROM body WHERE seq <= ?", (through,)).rowcount


def _older(reader: sqlite3.Connection, days: int, now: datetime) -> int:
    if not days:
        return 0
    row = reader.execute("SELECT max(seq) FROM entry WHERE at < ?", (micros(now - timedelta(days=days)),)).fetchone()
    return row[0] or 0


def _by_size(reader: sqlite3.Connection, most: int) -> int:
    """The newest entry that no longer fits."""
    if not most:
        return 0
    sizes = dict(reader.execute("SELECT seq, sum(length(packed)) FROM body GROUP BY seq"))
    total = 0
    for seq, size in reader.execute(
        "SELECT seq, length(data) + coalesce(length(body), 0) FROM entry ORDER BY seq DESC"
    ):
        total += ROW + size + sizes.get(seq, 0)
        if total > most:
            return int(seq)
    return 0


#: of a post that a person had sent again, nobody asks about the tries before
_OPEN = """
SELECT min(i.call) FROM intention AS i WHERE i.state IN ('sent', 'unconfirmed') AND NOT EXISTS (
  SELECT 1 FROM delivery AS d
  WHERE d.id = substr(i.key, 1, instr(i.key, '/') - 1) AND i.key NOT GLOB '*/' || d.generation
)
"""


def _oldest_open(reader: sqlite3.Connection) -> int:
    (call,) = reader.execute(_OPEN).fetchone()
    return call or chain.head(reader)[0]
