"""Reading the ledger: calls with their answers, newest first."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from automator.clock import instant, micros
from automator.ledger import chain

OPEN = "open"  #: the outcome of a call without a stored answer

_SELECT = """
SELECT c.seq, c.at, c.account, c.operation, a.outcome, c.data, a.data, a.at, a.seq
FROM entry AS c LEFT JOIN entry AS a ON a.call = c.seq
WHERE c.kind = 'call'
"""
_BY_OUTCOME = """
SELECT c.seq, c.at, c.account, c.operation, a.outcome, c.data, a.data, a.at, a.seq
FROM entry AS a JOIN entry AS c ON c.seq = a.call
WHERE a.outcome = :outcome
"""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One call and what came of it. ``request`` and ``answer`` are the recorded content, without secrets."""

    seq: int
    at: datetime
    account: str
    operation: str
    outcome: str
    request: dict[str, Any]
    answer: dict[str, Any] | None
    answered_at: datetime | None
    answer_seq: int | None  #: the number of the answer's own entry

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: instants in ISO 8601."""
        return {
            "number": self.seq,
            "at": self.at.isoformat(),
            "account": self.account,
            "operation": self.operation,
            "outcome": self.outcome,
            "request": self.request,
            "answer": self.answer,
            "answered_at": self.answered_at.isoformat() if self.answered_at else None,
        }


def _call(row: tuple[Any, ...]) -> RecordedCall:
    seq, at, account, operation, outcome, request, answer, answered, answer_seq = row
    return RecordedCall(
        seq,
        instant(at),
        account,
        operation,
        outcome or OPEN,
        json.loads(chain.said(request)),
        json.loads(chain.said(answer)) if answer else None,
        instant(answered) if answered else None,
        answer_seq,
    )


@dataclass(frozen=True, slots=True)
class Filter:
    """Which calls. ``None``: any. ``since`` is included, ``until`` is not."""

    account: str | None = None
    outcome: str | None = None
    operation: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def as_json(self) -> dict[str, str | None]:
        """For a manifest: instants in ISO 8601."""
        return {
            "account": self.account,
            "outcome": self.outcome,
            "operation": self.operation,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
        }


def newest(connection: sqlite3.Connection, wanted: Filter = Filter(), limit: int = 50) -> list[RecordedCall]:
    """The newest calls, filtered; all of them with ``limit`` -1."""
    return list(_found(connection, wanted, "DESC", limit))


def oldest(connection: sqlite3.Connection, wanted: Filter = Filter()) -> Iterator[RecordedCall]:
    """All calls, filtered, oldest first, one by one: there may be more than memory holds."""
    return _found(connection, wanted, "ASC", -1)


def _found(connection: sqlite3.Connection, wanted: Filter, order: str, limit: int) -> Iterator[RecordedCall]:
    # an answer names its account too, so that (account, outcome) is one range of an index
    answered = wanted.outcome not in {None, OPEN}
    side, query = ("a", _BY_OUTCOME) if answered else ("c", _SELECT)
    terms = {
        # a call bears no outcome itself: that is one range of the index too, in the order that is asked for
        "account": f"{side}.account = :account" + ("" if answered else " AND c.outcome IS NULL"),
        "operation": "c.operation = :operation",
        "since": "c.at >= :since",
        "until": "c.at < :until",
    }
    values: dict[str, Any] = {"outcome": wanted.outcome, "limit": limit}
    if wanted.outcome == OPEN:
        query += " AND a.seq IS NULL"
    for name, term in terms.items():
        value = getattr(wanted, name)
        if value is not None:
            query += f" AND {term}"
            values[name] = micros(value) if isinstance(value, datetime) else value
    return map(_call, connection.execute(f"{query} ORDER BY {side}.seq {order} LIMIT :limit", values))


def after(connection: sqlite3.Connection, seq: int, account: str) -> list[RecordedCall]:
    """The calls of an account that were recorded after the entry with this number, oldest first."""
    query = f"{_SELECT} AND c.seq > ? AND c.account = ? ORDER BY c.seq"
    return [_call(row) for row in connection.execute(query, (seq, account))]


def one(connection: sqlite3.Connection, seq: int) -> RecordedCall | None:
    """The call with this number; ``None`` if there is none."""
    row = connection.execute(f"{_SELECT} AND c.seq = ?", (seq,)).fetchone()
    return _call(row) if row else None
