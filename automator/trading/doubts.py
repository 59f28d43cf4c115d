"""Doubts: what speaks against an order's absence, when the exchange does not show one whose answer was lost."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from automator.trading.orders import Stored
from connectors.order import Fill
from jobs.orders.states import State


def in_doubt(reader: sqlite3.Connection, stored: Stored) -> bool:
    """Whether there is another order like this one of which it is not known yet what the exchange calls it.

    The other one of its pair is none: the two are asked about together.
    """
    row = reader.execute(
        "SELECT 1 FROM ordered "
        "WHERE account = ? AND symbol = ? AND side = ? AND coalesce(pair, id) <> ? AND state IN (?, ?)",
        (stored.account, stored.symbol, stored.side, stored.key, State.SENT, State.UNKNOWN),
    ).fetchone()
    return row is not None


def unexplained(reader: sqlite3.Connection, stored: Stored, traded: Sequence[Fill]) -> bool:
    """Whether one of these fills, of an order that we don't know, may be of one that the exchange does not show."""
    known = {
        row[0]
        for row in reader.execute(
            "SELECT exchange_id FROM ordered WHERE account = ? AND symbol = ?", (stored.account, stored.symbol)
        )
        if row[0] is not None
    }
    strange: defaultdict[str, Decimal] = defaultdict(Decimal)
    for item in traded:
        if item.side == stored.side and item.order_id not in known:
            strange[item.order_id] += item.amount
    return any(stored.amount is None or amount <= stored.amount for amount in strange.values())
