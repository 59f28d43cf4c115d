"""Events: what was changed beside calls, and by whom: keys, scopes, limits, halts, verdicts, prunings."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from automator.clock import instant, micros
from automator.ledger.query import Filter

_SELECT = """
SELECT seq, at, account, said(data) FROM entry
WHERE kind = 'event' AND (:account IS NULL OR account = :account) AND at >= :since AND at < :until
ORDER BY seq DESC LIMIT :limit
"""
EVER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """One event. ``data`` is all that was recorded of it; ``what`` it is is part of that."""

    seq: int
    at: datetime
    account: str | None
    data: dict[str, Any]

    @property
    def what(self) -> str:
        """``halt``, ``scopes``, ``risk limit``."""
        return str(self.data.get("what", "?"))

    def as_json(self) -> dict[str, Any]:
        """For ``--json``: instants in ISO 8601."""
        return {"number": self.seq, "at": self.at.isoformat(), "account": self.account, **self.data}


def events(connection: sqlite3.Connection, wanted: Filter = Filter(), limit: int = 50) -> list[RecordedEvent]:  # noqa: B008 - it is frozen
    """The newest events first; of the filter, ``account``, ``since`` and ``until`` count."""
    values = {
        "account": wanted.account,
        "since": micros(wanted.since) if wanted.since else 0,
        "until": micros(wanted.until) if wanted.until else EVER,
        "limit": limit,
    }
    rows = connection.execute(_SELECT, values)
    return [
        RecordedEvent(seq, instant(at), account, json.loads(data) if data else {"what": "altered"})
        for seq, at, account, data in rows
    ]
