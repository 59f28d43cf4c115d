"""Pruning: old bodies and old entries leave, and the chain still holds: an event says where it now begins."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from automator.clock import micros
from automator.ledger import chain

ROW = 100  #: bytes that an entry takes beside its content, about


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

    entries: int
    bodies: int


def prune(tx: sqlite3.Connection, keep: Retention, now: datetime, *, actor: str) -> Pruned:
    """Drop what ``keep`` does not ask for, as an event. Calls whose outcome is open, and what is after them, stay."""
    cut = max(_by_age(tx, keep.row_days, now), _by_size(tx, keep.max_mb * 1_000_000))
    cut = min(cut, _oldest_open(tx) - 1, chain.head(tx)[0])
    link = tx.execute("SELECT link FROM entry WHERE seq = ?", (cut,)).fetchone()
    bodies = tx.execute("SELECT count(body) FROM entry WHERE seq <= ?", (cut,)).fetchone()[0] if link else 0
    entries = tx.execute("DELETE FROM entry WHERE seq <= ?", (cut,)).rowcount if link else 0
    bodies += _drop_bodies(tx, keep.body_days, now) if keep.body_days or entries else 0
    if entries or bodies:
        said = {"what": "pruned", "entries": entries, "bodies": bodies, "actor": actor}
        where = {"through": cut, "link": bytes(link[0]).hex()} if entries else {}
        chain.append(tx, "event", micros(now), said | where)
        tx.execute("PRAGMA incremental_vacuum").fetchall()
    return Pruned(entries, bodies)


def _before(days: int, now: datetime) -> int:
    return micros(now - timedelta(days=days)) if days else 0


def _by_age(tx: sqlite3.Connection, days: int, now: datetime) -> int:
    row = tx.execute("SELECT max(seq) FROM entry WHERE at < ?", (_before(days, now),)).fetchone()
    return row[0] or 0


def _by_size(tx: sqlite3.Connection, most: int) -> int:
    """The newest entry that no longer fits."""
    if not most:
        return 0
    sizes = dict(tx.execute("SELECT mark, length(packed) FROM body"))
    total = 0
    for seq, data, beside in tx.execute("SELECT seq, data, coalesce(length(body), 0) FROM entry ORDER BY seq DESC"):
        total += ROW + len(data) + beside + sizes.pop(_mark(data), 0)
        if total > most:
            return int(seq)
    return 0


def _oldest_open(tx: sqlite3.Connection) -> int:
    row = tx.execute(
        "SELECT min(c.seq) FROM entry AS c JOIN intention AS i ON i.key = json_extract(said(c.data), '$.intention') "
        "WHERE c.kind = 'call' AND i.state IN ('sent', 'unconfirmed')"
    ).fetchone()
    return row[0] or chain.head(tx)[0] + 1


def _drop_bodies(tx: sqlite3.Connection, days: int, now: datetime) -> int:
    """Bodies that no entry names any more, and with ``days`` those of older entries, unless a newer one shares them."""
    beside = tx.execute(
        "UPDATE entry SET body = NULL WHERE body IS NOT NULL AND at < ?", (_before(days, now),)
    ).rowcount
    held = tx.execute("SELECT data FROM entry WHERE kind <> 'event' AND at >= ?", (_before(days, now),))
    named = {_mark(data) for (data,) in held}
    gone = [(number,) for number, mark in tx.execute("SELECT id, mark FROM body") if mark not in named]
    tx.executemany("DELETE FROM body WHERE id = ?", gone)
    return beside + len(gone)


def _mark(data: bytes | str) -> int | None:
    """By what the body of an entry is found."""
    digest = (json.loads(chain.said(data)).get("body") or {}).get("sha256")
    return chain.mark_of(bytes.fromhex(digest)) if digest else None
