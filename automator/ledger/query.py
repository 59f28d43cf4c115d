"""Reading the ledger: calls with their answers, newest first."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from automator.clock import instant

OPEN = "open"  #: the outcome of a call without a stored answer

_SELECT = """
SELECT c.seq, c.at, c.account, c.operation, a.outcome, c.data, a.data, a.at
FROM entry AS c LEFT JOIN entry AS a ON a.call = c.seq
WHERE c.kind = 'call'
"""
_BY_OUTCOME = """
SELECT c.seq, c.at, c.account, c.operation, a.outcome, c.data, a.data, a.at
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
    seq, at, account, operation, outcome, request, answer, answered = row
    return RecordedCall(
        seq,
        instant(at),
        account,
        operation,
        outcome or OPEN,
        json.loads(request),
        json.loads(answer) if answer else None,
        instant(answered) if answered else None,
    )


def newest(
    connection: sqlite3.Connection, *, account: str | None = None, outcome: str | None = None, limit: int = 50
) -> list[RecordedCall]:
    """The newest calls, filtered."""
    query = _BY_OUTCOME if outcome not in {None, OPEN} else _SELECT
    if outcome == OPEN:
        query += " AND a.seq IS NULL"
    if account is not None:
        # an answer names its account too, so that (account, outcome) is one range of an index
        query += f" AND {'a' if query.startswith(_BY_OUTCOME) else 'c'}.account = :account"
    order = "a.seq" if query.startswith(_BY_OUTCOME) else "c.seq"
    values = {"account": account, "outcome": outcome, "limit": limit}
    return [_call(row) for row in connection.execute(f"{query} ORDER BY {order} DESC LIMIT :limit", values)]


def one(connection: sqlite3.Connection, seq: int) -> RecordedCall | None:
    """The call with this number; ``None`` if there is none."""
    row = connection.execute(f"{_SELECT} AND c.seq = ?", (seq,)).fetchone()
    return _call(row) if row else None
