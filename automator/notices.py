"""Notices: what a person must know, once each: missed, failed, unconfirmed, expiring, halted."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

TOLD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Notice:
    """What to tell. ``text`` is one sentence."""

    kind: str
    about: str
    text: str
    account: str | None = None


def tell(tx: sqlite3.Connection, notice: Notice, at: int) -> None:
    """Add a notice inside the transaction that makes it true; one that is unread already is not doubled.

    Who has them sent to a webhook may never mark one as seen: what that took counts as told for a day.
    """
    found = tx.execute(
        "SELECT 1 FROM notice WHERE kind = ? AND about = ? AND seen_at IS NULL AND (sent_at IS NULL OR sent_at > ?)",
        (notice.kind, notice.about, at - TOLD // timedelta(microseconds=1)),
    )
    if found.fetchone() is None:
        tx.execute(
            "INSERT INTO notice (kind, about, account, text, at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
            (notice.kind, notice.about, notice.account, notice.text, at),
        )


def unread(connection: sqlite3.Connection) -> list[dict[str, object]]:
    """The notices that no one has marked as seen, oldest first."""
    names = ("id", "kind", "about", "account", "text", "at", "sent_at")
    rows = connection.execute(f"SELECT {', '.join(names)} FROM notice WHERE seen_at IS NULL ORDER BY id")  # noqa: S608 - constants
    return [dict(zip(names, row, strict=True)) for row in rows]


def waiting(connection: sqlite3.Connection) -> list[dict[str, object]]:
    """The unread notices that no webhook has taken, oldest first."""
    return [item for item in unread(connection) if item["sent_at"] is None]


def mark_sent(tx: sqlite3.Connection, numbers: Sequence[int], at: int) -> None:
    """The webhook took them."""
    tx.executemany("UPDATE notice SET sent_at = ? WHERE id = ?", [(at, number) for number in numbers])


def settled(tx: sqlite3.Connection, kind: str, about: str, at: int) -> None:
    """What was told is no longer so: nobody has to read it, and when it is so again it is told again."""
    tx.execute("UPDATE notice SET seen_at = ? WHERE kind = ? AND about = ? AND seen_at IS NULL", (at, kind, about))


def mark_seen(tx: sqlite3.Connection, shown: Sequence[Mapping[str, object]], at: int) -> None:
    """Mark those that a person was shown; what came since is still to be read."""
    newest = max((int(str(item["id"])) for item in shown), default=0)
    tx.execute("UPDATE notice SET seen_at = ? WHERE seen_at IS NULL AND id <= ?", (at, newest))
