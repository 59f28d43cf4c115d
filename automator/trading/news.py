"""What has become of orders, told to their owners once each and in order; the books are kept in the same step."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, localcontext

from automator.clock import micros
from automator.intentions import lasts
from automator.notices import Notice
from automator.notices import tell as notify
from automator.trading import fills, let_in, marks
from automator.trading.orders import BEYOND, CHANGED, Stored, ended, load
from connectors.order import Fill, OrderState
from jobs.bots.strategy import Ended, Filled
from jobs.orders.positions import EXACT, Lot, average, flow
from jobs.orders.risk import plain
from jobs.orders.states import ENDED, FINAL, State

_EVER = (datetime.min.replace(tzinfo=UTC), 0)
_SAID = frozenset(state.value for state in OrderState)


@dataclass(frozen=True, slots=True)
class News:
    """One thing that happened to an order. ``id`` grows; the owner keeps the last one that it has dealt with.

    ``fill``: the number of its row, which grows with time; 0: the order has ended.
    """

    id: int
    order: str
    account: str
    event: Filled | Ended
    fill: int = 0


def since(connection: sqlite3.Connection, owner: str, last: int, limit: int = 1_000) -> list[News]:
    """What happened to an owner's orders after ``last``, oldest first: all fills of an order before its end."""
    rows = connection.execute(
        "SELECT id, ordered, account, fill FROM order_news WHERE owner = ? AND id > ? ORDER BY id LIMIT ?",
        (owner, last, limit),
    ).fetchall()
    return [_news(connection, *row) for row in rows]


def held(before: Mapping[str, Decimal], told: Iterable[News]) -> dict[str, Decimal]:
    """What an owner holds, by asset, after the trades that it is told of."""
    now = defaultdict(Decimal, before)
    with localcontext(EXACT):
        for event in (item.event for item in told if isinstance(item.event, Filled)):
            base, _, quote = event.fill.symbol.partition("/")
            moved = flow(event.fill)
            now[base] += moved.base
            now[quote] += moved.quote
            if moved.fee:
                now[moved.asset] -= moved.fee
    return dict(now)


def _news(connection: sqlite3.Connection, number: int, order: str, account: str, fill: int) -> News:
    stored = load(connection, order)
    if stored is None:
        raise LookupError(f"order {order} is no longer in the database")
    return News(number, order, account, _event(connection, stored, fill), fill)


def in_order(told: Sequence[News]) -> list[News]:
    """As it happened, over all orders: each fill in its turn, and an order's end right after its last fill."""
    keyed, ends, latest = list[tuple[tuple[datetime, int], News]](), dict[str, tuple[datetime, int]](), _EVER
    for item in told:
        if isinstance(item.event, Filled):
            latest = (item.event.fill.at, item.fill)
            ends[item.order] = latest
        keyed.append((ends.get(item.order, latest), item))
    return [item for _, item in sorted(keyed, key=lambda pair: pair[0])]


def _event(connection: sqlite3.Connection, stored: Stored, fill: int) -> Filled | Ended:
    if fill > 0:
        return Filled(stored.tag, fills.one(connection, fill))
    if fill < 0:
        return Ended(stored.tag, OrderState.REJECTED, Decimal(0), "it was taken for not placed")
    return _ended(connection, stored)


def _ended(connection: sqlite3.Connection, stored: Stored) -> Ended:
    # what never reached the exchange was, for a strategy, refused
    state = OrderState(stored.state.value) if stored.state.value in _SAID else OrderState.REJECTED
    short = stored.state is State.NOT_PLACED and stored.reason.endswith(BEYOND)
    lasting = short or (stored.state is State.REJECTED and lasts(connection, stored.key))
    outdated = stored.state is State.REJECTED and stored.reason.endswith(CHANGED)
    return Ended(stored.tag, state, stored.filled, stored.reason, lasting, outdated)


def tell(tx: sqlite3.Connection, order: str, now: datetime, *, whole: bool = True) -> bool:
    """Tell what is new of an order, its end only once all its fills are here; returns whether it has ended for good.

    ``whole``: wait for fills that the exchange has counted and not yet shown.
    """
    stored = load(tx, order)
    if stored is None:
        return True
    known = fills.of_order(tx, stored)
    for number, fill in known:
        _booked(tx, stored, number, fill, now)
    if stored.state not in ENDED:
        return False
    if whole and stored.state in FINAL and sum((fill.amount for _, fill in known), Decimal(0)) < stored.filled:
        return False
    if ended(tx, order, micros(now)) and stored.closing and stored.state in FINAL - {State.FILLED}:
        _left_over(tx, stored, now)
    return True


def _left_over(tx: sqlite3.Connection, stored: Stored, now: datetime) -> None:
    """A person's word was that it is to be sold, and the rest was not: nobody else decides anew."""
    text = (
        f"{stored.owner}: of {stored.says()} at {stored.account} only {plain(stored.filled)} was sold "
        f"({stored.state}); halt with --sell again"
    )
    notify(tx, Notice("sale", stored.id, text, stored.account), micros(now))


def _booked(tx: sqlite3.Connection, stored: Stored, number: int, fill: Fill, now: datetime) -> None:
    fresh = tx.execute(
        "INSERT INTO order_news (owner, account, ordered, fill, at, quote) VALUES (?,?,?,?,?,?) "
        "ON CONFLICT (ordered, fill) DO NOTHING",
        (stored.owner, stored.account, stored.id, number, micros(fill.at), stored.quote),
    ).rowcount
    if not fresh:
        return
    marks.note(tx, stored.account, stored.symbol, fill.price, min(fill.at, now))  # the exchange's clock may be ahead
    mine = (stored.owner, stored.account, stored.symbol)
    row = tx.execute(
        "SELECT amount, cost FROM position WHERE owner = ? AND account = ? AND symbol = ?", mine
    ).fetchone()
    held = (Lot(Decimal(row[0]), Decimal(row[1])),) if row and Decimal(row[0]) else ()
    lots, earned = average(held, flow(fill))
    now_held = lots[0] if lots else Lot()
    let_in.forget(tx)
    tx.execute(
        "INSERT INTO position (owner, account, symbol, amount, cost) VALUES (?,?,?,?,?) "
        "ON CONFLICT (owner, account, symbol) DO UPDATE SET amount = excluded.amount, cost = excluded.cost",
        (*mine, plain(now_held.amount), plain(now_held.cost)),
    )
    tx.execute("UPDATE order_news SET realised = ? WHERE ordered = ? AND fill = ?", (plain(earned), stored.id, number))
