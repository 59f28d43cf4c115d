"""What was used: calls by account, key, day and operation, with outcomes and costs."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from automator.clock import micros
from automator.ledger.query import OPEN, Filter

_SELECT = """
SELECT date(c.at / 1000000, 'unixepoch'), c.account, json_extract(said(c.data), '$.key'), c.operation,
  coalesce(a.outcome, :open), coalesce(json_extract(said(c.data), '$.cost'), '{}'), count(*)
FROM entry AS c LEFT JOIN entry AS a ON a.call = c.seq
WHERE c.kind = 'call' AND (:account IS NULL OR c.account = :account) AND c.at >= :since AND c.at < :until
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1 DESC, 2, 3, 4
"""


@dataclass(slots=True)
class Usage:
    """What one key of one account did on one day (UTC) with one operation.

    Attributes:
        key: The version of the account's key.
        cost: Units by the budget that they were taken from.
    """

    day: str
    account: str
    key: int | None
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
    """Newest day first; of the filter, ``account``, ``since`` and ``until`` count."""
    values = {
        "open": OPEN,
        "account": wanted.account,
        "since": micros(wanted.since) if wanted.since else 0,
        "until": micros(wanted.until) if wanted.until else 1 << 62,
    }
    found: dict[tuple[Any, ...], Usage] = {}
    for *key, outcome, cost, count in connection.execute(_SELECT, values):
        row = found.setdefault(tuple(key), Usage(*key))
        row.outcomes[outcome] += count
        row.cost.update({name: units * count for name, units in json.loads(cost).items()})
    return list(found.values())
