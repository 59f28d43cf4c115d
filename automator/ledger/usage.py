"""What was used, counted as calls and answers are written: by day, account, key and operation."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from automator.clock import instant
from automator.ledger.chain import canonical
from automator.ledger.query import OPEN, Filter

_COUNT = """
INSERT INTO usage (day, account, key, operation, outcome, cost, calls) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)
ON CONFLICT DO UPDATE SET calls = calls + 1
"""
_MOVE = """
INSERT INTO usage (day, account, key, operation, outcome, cost, calls)
VALUES (?1, ?2, ?3, ?4, 'open', ?6, -1), (?1, ?2, ?3, ?4, ?5, ?7, 1)
ON CONFLICT DO UPDATE SET calls = calls + excluded.calls
"""
_SELECT = """
SELECT day, account, key, operation, outcome, cost, calls FROM usage
WHERE day >= :since AND day <= :until AND (:account IS NULL OR account = :account) AND calls > 0
ORDER BY day DESC, account, key, operation
"""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one call takes. ``key``: the version of the account's key."""

    account: str
    key: int
    operation: str
    cost: str  #: canonical JSON: units by the budget that they are taken from

    @classmethod
    def of(cls, account: str, key: int, operation: str, cost: Mapping[str, int]) -> Spent:
        return cls(account, key, operation, canonical(dict(cost)))

    def called(self, tx: sqlite3.Connection, at: int) -> None:
        """Count a call whose answer is open, in the transaction that records it."""
        tx.execute(_COUNT, self._row(at, OPEN))

    def answered(
        self, tx: sqlite3.Connection, at: int, outcome: str, took: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        """Count what came of the call that was recorded at ``at``, in the transaction that records its answer.

        ``took``: what it really cost, of the budgets of which the answer tells.
        """
        cost = canonical({**json.loads(self.cost), **took}) if took else self.cost
        tx.execute(_MOVE, (*self._row(at, outcome), cost))

    def _row(self, at: int, outcome: str) -> tuple[str, str, int, str, str, str]:
        return instant(at).date().isoformat(), self.account, self.key, self.operation, outcome, self.cost


@dataclass(slots=True)
class Usage:
    """What one key of one account did on one day (UTC) with one operation.

    Attributes:
        key: The version of the account's key; 0 for none.
        cost: Units by the budget that they were taken from.
    """

    day: str
    account: str
    key: int
    operation: str
    outcomes: Counter[str] = field(default_factory=Counter)
    cost: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "day": self.day,
            "account": self.account,
            "key": self.key,
            "operation": self.operation,
            "calls": self.outcomes.total(),
            "outcomes": dict(self.outcomes),
            "cost": dict(self.cost),
        }


def usage(connection: sqlite3.Connection, wanted: Filter = Filter()) -> list[Usage]:  # noqa: B008 - it is frozen
    """Newest day first; of the filter, ``account``, and the days that ``since`` and ``until`` are in or touch, count.

    Pruning takes nothing away from it.
    """
    values = {
        "account": wanted.account,
        "since": _day(wanted.since) if wanted.since else "",
        "until": _day(wanted.until - timedelta(microseconds=1)) if wanted.until else "9999",
    }
    found: dict[tuple[Any, ...], Usage] = {}
    for *key, outcome, cost, calls in connection.execute(_SELECT, values):
        row = found.setdefault(tuple(key), Usage(*key))
        row.outcomes[outcome] += calls
        row.cost.update({name: units * calls for name, units in json.loads(cost).items()})
    return list(found.values())


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()
