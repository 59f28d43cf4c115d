"""Marks: the last price that is known of each symbol, and the one with which its day began. Nothing is asked here."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from automator.clock import micros
from automator.ledger import chain
from automator.trading import let_in
from connectors.order import Fill, Side
from jobs.orders.day import Mark, result
from jobs.orders.positions import Flow, flow
from jobs.orders.risk import Limit, plain

MARK = "mark"


def date(at: datetime) -> str:
    """The day (UTC) of an instant: ``2026-12-01``."""
    return at.astimezone(UTC).date().isoformat()


def note(tx: sqlite3.Connection, account: str, symbol: str, price: Decimal, at: datetime) -> None:
    """A price was seen at an account; one that is older than what is known changes nothing."""
    day, memo = date(at), chain.memo_of(tx)
    if memo.get((MARK, account, symbol)) != (price, day):
        memo[MARK, account, symbol] = (price, day)
        let_in.forget(tx)
    tx.execute(
        "INSERT INTO mark (account, symbol, day, opened, price, at) VALUES (?,?,?,?,?,?) "
        "ON CONFLICT (account, symbol) DO UPDATE SET price = excluded.price, at = excluded.at, day = excluded.day, "
        "opened = CASE WHEN mark.day < excluded.day THEN mark.price ELSE mark.opened END "
        "WHERE excluded.at >= mark.at",
        (account, symbol, day, plain(price), plain(price), micros(at)),
    )


def known(connection: sqlite3.Connection, account: str, symbol: str, now: datetime) -> Mark:
    """A symbol's prices today; one that nobody has seen today stands where it stood."""
    day, opened, price = connection.execute(
        "SELECT day, opened, price FROM mark WHERE account = ? AND symbol = ?", (account, symbol)
    ).fetchone()
    return Mark(Decimal(opened if day == date(now) else price), Decimal(price))


def today(connection: sqlite3.Connection, where: str, given: Mapping[str, Any], now: datetime) -> Decimal:
    """What the day has come to so far in all symbols that are paid with an asset; negative: a loss.

    Args:
        connection: Read only, or an open transaction.
        where: Whose, as a condition on ``account`` or ``owner``.
        given: What stands for the names in it, and for ``:quote``, the asset, and ``:midnight``.
        now: The engine's clock.
    """
    moved: defaultdict[tuple[str, str], list[Flow]] = defaultdict(list)
    for account, symbol, side, *numbers, fee_asset in connection.execute(
        "SELECT account, symbol, side, price, amount, fee, fee_asset FROM fill WHERE id IN "  # noqa: S608 - constants
        f"(SELECT fill FROM order_news WHERE {where} AND quote = :quote AND at >= :midnight AND realised IS NOT NULL) "
        "ORDER BY at, id",
        given,
    ):
        price, amount, fee = map(Decimal, numbers)
        made = Fill("", "", symbol, Side(side), price, amount, fee, fee_asset, maker=False, at=now)
        moved[account, symbol].append(flow(made))
    held: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal, dict.fromkeys(moved, Decimal(0)))
    for account, symbol, much in connection.execute(
        f"SELECT account, symbol, amount FROM position WHERE {where} AND amount <> '0'",  # noqa: S608 - constants
        given,
    ):
        if symbol.partition("/")[2] == given["quote"]:
            held[account, symbol] += Decimal(much)
    came = (result(much, moved[one], known(connection, *one, now)) for one, much in held.items())
    return sum(came, Decimal(0))


_BASE, _QUOTE = "substr({0}, 1, instr({0}, '/') - 1)", "substr({0}, instr({0}, '/') + 1)"
_OPENED = "CAST(CASE WHEN m.day = :date THEN m.opened ELSE m.price END AS REAL)"
_SIGN = "CASE f.side WHEN 'buy' THEN 1 ELSE -1 END"
_FALLEN = f"min(0, m.price - {_OPENED})"
_FEE = "CASE f.fee_asset WHEN {} THEN CAST(f.fee AS REAL) ELSE 0 END"
#: the same in floating point, a row for each fill of the day, and for each position: whose it is, what it ``came`` to,
#: and the ``size`` of the numbers that went into it; what had come from elsewhere counts where it has lost: that is at
#: most what was sold beyond what was bought, and what was bought in the day
ROUGHLY = f"""
SELECT n.owner, n.account,
  {_SIGN} * f.amount * ({_OPENED} - f.price) - {_FEE.format(_BASE.format("f.symbol"))} * {_OPENED}
    - {_FEE.format(_QUOTE.format("f.symbol"))} + CASE f.side WHEN 'buy' THEN f.amount ELSE 0 END * {_FALLEN} AS came,
  (f.amount + f.fee) * ({_OPENED} + f.price) + f.fee AS size
FROM order_news AS n JOIN fill AS f ON f.id = n.fill JOIN mark AS m ON m.account = f.account AND m.symbol = f.symbol
WHERE n.quote = :quote AND n.at >= :midnight AND n.realised IS NOT NULL
UNION ALL
SELECT p.owner, p.account, p.amount * (m.price - {_OPENED}) + max(0, -p.amount) * {_FALLEN},
  abs(p.amount) * (m.price + {_OPENED})
FROM position AS p JOIN mark AS m ON m.account = p.account AND m.symbol = p.symbol
WHERE {_QUOTE.format("p.symbol")} = :quote"""  # noqa: S608 - constants


def wanted(connection: sqlite3.Connection, account: str) -> list[str]:
    """The symbols that are held at an account, if any limit of a day's loss needs their prices."""
    rows = connection.execute(
        "SELECT DISTINCT symbol FROM position WHERE account = ? AND amount <> '0' "
        "AND EXISTS (SELECT 1 FROM risk WHERE name = ?) ORDER BY symbol",
        (account, Limit.LOSS),
    )
    return [symbol for (symbol,) in rows]
