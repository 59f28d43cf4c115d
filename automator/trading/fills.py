"""Fills: every trade of an account that its exchange has shown, stored once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from automator.clock import instant, micros
from automator.trading.orders import Stored
from connectors.order import Fill, Side
from jobs.orders.risk import plain

_COLUMNS = "f.id, f.fill, f.order_id, f.symbol, f.side, f.price, f.amount, f.fee, f.fee_asset, f.maker, f.at"


def add(tx: sqlite3.Connection, account: str, found: Iterable[Fill]) -> list[Fill]:
    """Store what is not stored yet; returns what was new."""
    return [
        item
        for item in found
        if tx.execute(
            "INSERT INTO fill (account, symbol, fill, order_id, side, price, amount, fee, fee_asset, maker, at) "
            "VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (account, symbol, fill, order_id) DO NOTHING",
            (
                account,
                item.symbol,
                item.id,
                item.order_id,
                item.side,
                plain(item.price),
                plain(item.amount),
                plain(item.fee),
                item.fee_asset,
                int(item.maker),
                micros(item.at),
            ),
        ).rowcount
    ]


def one(connection: sqlite3.Connection, number: int) -> Fill:
    """The fill of this row."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM fill AS f WHERE f.id = ?", (number,)).fetchone()  # noqa: S608 - a constant
    return _fill(row)


def of_order(connection: sqlite3.Connection, order: Stored) -> list[tuple[int, Fill]]:
    """The fills of an order of ours, each with its row's number, oldest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM fill AS f WHERE f.account = ? AND f.symbol = ? AND f.order_id = ? "  # noqa: S608 - a constant
        "ORDER BY f.at, f.id",
        (order.account, order.symbol, order.exchange_id),
    )
    return [(row[0], _fill(row)) for row in rows]


def amount(connection: sqlite3.Connection, order: Stored) -> Decimal:
    """How much of an order the fills that are stored have filled."""
    return sum((fill.amount for _, fill in of_order(connection, order)), Decimal(0))


def newest(connection: sqlite3.Connection, account: str, symbol: str) -> datetime | None:
    """When the newest fill that is stored happened."""
    (at,) = connection.execute(
        "SELECT max(at) FROM fill WHERE account = ? AND symbol = ?", (account, symbol)
    ).fetchone()
    return None if at is None else instant(at)


#: of ``Traded.as_json``
COLUMNS = (
    *("at", "account", "owner", "order", "symbol", "side", "amount", "price"),
    *("fee", "fee_asset", "maker", "fill", "exchange_order"),
)


@dataclass(frozen=True, slots=True)
class Traded:
    """A fill and whose order it filled; ``owner`` and ``order`` are empty for an order that is not ours."""

    account: str
    owner: str
    order: str
    fill: Fill

    def as_json(self) -> dict[str, Any]:
        """For ``--json`` and CSV."""
        fill = self.fill
        return {
            "at": fill.at.isoformat(),
            "account": self.account,
            "owner": self.owner,
            "order": self.order,
            "symbol": fill.symbol,
            "side": fill.side,
            "amount": plain(fill.amount),
            "price": plain(fill.price),
            "fee": plain(fill.fee),
            "fee_asset": fill.fee_asset,
            "maker": fill.maker,
            "fill": fill.id,
            "exchange_order": fill.order_id,
        }


def traded(connection: sqlite3.Connection, since: datetime | None = None, **where: str) -> Iterator[Traded]:
    """Fills by their time, with whose they are. ``where``: the ``account``, ``owner`` or ``symbol`` that is meant."""
    clauses = [f"{'o' if name == 'owner' else 'f'}.{name} = ?" for name in where]
    values: list[Any] = list(where.values())
    if since is not None:
        clauses.append("f.at >= ?")
        values.append(micros(since))
    rows = connection.execute(
        f"SELECT {_COLUMNS}, f.account, coalesce(o.owner, ''), coalesce(o.id, '') FROM fill AS f "  # noqa: S608 - constants
        "LEFT JOIN ordered AS o ON o.account = f.account AND o.symbol = f.symbol AND o.exchange_id = f.order_id "
        f"WHERE {' AND '.join(clauses) or '1'} ORDER BY f.at, f.id",
        values,
    )
    return (Traded(row[11], row[12], row[13], _fill(row)) for row in rows)


def _fill(row: Sequence[Any]) -> Fill:
    _, fill, order_id, symbol, side, price, amount, fee, fee_asset, maker, at = row[:11]
    return Fill(
        fill,
        order_id,
        symbol,
        Side(side),
        Decimal(price),
        Decimal(amount),
        Decimal(fee),
        fee_asset,
        bool(maker),
        instant(at),
    )
