"""Orders: looked up, moved along, cancelled. Functions of an open transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from automator.clock import instant, micros
from automator.intentions import State as Journal
from automator.intentions import settle, withdraw
from automator.ledger import chain
from automator.scheduling import due
from automator.scheduling.due import NewJob
from connectors.order import Order
from jobs.orders.risk import plain, short
from jobs.orders.states import ENDED, LIVE, Happened, State, Step, after

KIND = "order"  #: the job that places one
CANCEL = "order cancel"  #: the job that cancels one
OPERATION = "order.place"  #: in its intention, whatever its exchange's connector calls it
USER = "user"  #: the owner of what a person places
BEYOND = "of its funds is free"  #: how the reason ends of an order for which its bot has too little
CHANGED = "by rules that the exchange has changed since they were read"  #: how the reason of one ends that met them
PAST = "~"  #: in an exchange's id of an order that it has given to another one since
EVER = timedelta(days=36_500)  #: that its job is late the placing judges itself


@dataclass(frozen=True, slots=True)
class Stored:
    """An order of ours as it stands: amounts in the base asset, prices and money in the quote asset.

    ``pair``: the client order id of the pair that it is of; ``None``: it stands alone.
    """

    id: str
    pair: str | None
    account: str
    owner: str
    tag: str
    symbol: str
    side: str
    type: str
    quote: str
    amount: Decimal | None
    price: Decimal | None
    notional: Decimal
    mark: Decimal
    state: State
    reason: str
    exchange_id: str | None
    filled: Decimal
    cost: Decimal
    closing: bool
    cancel_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    looked_at: datetime | None

    @property
    def key(self) -> str:
        """Of its intention, and its job."""
        return self.pair or self.id

    def says(self) -> str:
        """What it is, for a person: ``buy 0.1 BTC/USDT at 30000``."""
        amount = short(self.amount) if self.amount is not None else f"{short(self.notional)} {self.quote} of"
        at = f" at {short(self.price)}" if self.price is not None else ""
        return f"{self.side} {amount} {self.symbol}{at}"

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {name: _plain_json(value) for name, value in asdict(self).items()}


def _plain_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, datetime) else value


COLUMNS = tuple(field.name for field in fields(Stored))
_COLUMNS = ", ".join(COLUMNS)
_NUMBERS = frozenset({9, 10, 11, 12, 16, 17})
_INSTANTS = frozenset({19, 20, 21, 22})


def _stored(row: Sequence[Any]) -> Stored:
    values = list(row)
    for place in _NUMBERS:
        values[place] = None if row[place] is None else Decimal(row[place])
    for place in _INSTANTS:
        values[place] = None if row[place] is None else instant(row[place])
    values[13], values[18] = State(row[13]), bool(row[18])
    return Stored(*values)


def load(connection: sqlite3.Connection, order: str) -> Stored | None:
    """One order; ``None``: there is none of this id."""
    return next(iter(listed(connection, id=order)), None)


def legs(connection: sqlite3.Connection, key: str) -> list[Stored]:
    """The orders of an intention: one, or the two of a pair."""
    return listed(connection, id=key) or listed(connection, pair=key)


def by_tag(connection: sqlite3.Connection, owner: str, tag: str) -> Stored | None:
    """The order that an owner calls so."""
    return next(iter(listed(connection, owner=owner, tag=tag)), None)


def listed(connection: sqlite3.Connection, **where: str) -> list[Stored]:
    """Orders whose columns have these values, oldest first."""
    clauses = " AND ".join(f"{name} = ?" for name in where) or "1"
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ordered WHERE {clauses} ORDER BY created_at, id",  # noqa: S608 - columns' names
        tuple(where.values()),
    )
    return [_stored(row) for row in rows]


def standing(connection: sqlite3.Connection, **where: str) -> list[Stored]:
    """``listed`` of those that have not ended; the many that have are not looked at."""
    # none of them was told of as ended, and of those alone there is an index, which the plus signs have used
    more = "".join(f" AND {'' if name == 'account' else '+'}{name} = ?" for name in where)
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ordered WHERE told = 0{more} AND state NOT IN ({','.join('?' * len(ENDED))}) "  # noqa: S608 - columns' names, and marks
        "ORDER BY created_at, id",
        (*where.values(), *ENDED),
    )
    return [_stored(row) for row in rows]


def untold(connection: sqlite3.Connection, account: str, owner: str) -> list[Stored]:
    """An owner's orders of which something may still come: not ended, or not yet told so."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ordered WHERE told = 0 AND account = ? AND +owner = ? ORDER BY created_at, id",  # noqa: S608 - a constant
        (account, owner),
    )
    return [_stored(row) for row in rows]


def begins(connection: sqlite3.Connection, start: str) -> list[Stored]:
    """The orders whose id begins so."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ordered WHERE id >= ? AND id < ? ORDER BY created_at, id",  # noqa: S608 - a constant
        (start, start + "~"),
    )
    return [_stored(row) for row in rows]


def move(tx: sqlite3.Connection, order: str, happened: Happened, now: datetime, reason: str = "") -> State | None:
    """Take an order along by what happened; ``None``: that changes nothing. ``reason``: why it ended so."""
    stored = load(tx, order)
    return moved(tx, stored, happened, now, reason) if stored else None


def moved(tx: sqlite3.Connection, stored: Stored, happened: Happened, now: datetime, reason: str = "") -> State | None:
    """``move`` of an order that was just read."""
    state = after(stored.state, happened)
    if state is None:
        return None
    ended_at = micros(now) if state in ENDED else None
    tx.execute(
        "UPDATE ordered SET state = ?, reason = ?, ended_at = ? WHERE id = ?", (state, reason, ended_at, stored.id)
    )
    if state in LIVE and stored.cancel_at is not None:
        _to_cancel(tx, stored.id, stored.account, now)
    return state


def move_all(tx: sqlite3.Connection, key: str, happened: Step, now: datetime, reason: str = "") -> None:
    """Take the orders of an intention along, since what happened, happened to all of them."""
    for leg in legs(tx, key):
        moved(tx, leg, happened, now, reason)


def drop(tx: sqlite3.Connection, key: str, reason: str, now: datetime) -> bool:
    """Give up an intention of which nothing has left, and tell its owner; ``False``: something may have left."""
    if not withdraw(tx, key):
        return False
    move_all(tx, key, Step.UNSENT, now)  # the exchange had put it off, or could not be reached
    move_all(tx, key, Step.DROPPED, now, reason)
    for leg in legs(tx, key):
        ended(tx, leg.id, micros(now))
    return True


def shown(tx: sqlite3.Connection, order: str, seen: Order, now: datetime) -> State | None:
    """Take an order along by what the exchange shows of it; ``None``: that is not news."""
    stored = load(tx, order)
    if stored is None or seen.filled < stored.filled:
        return None
    call(tx, stored, seen.id)
    tx.execute("UPDATE ordered SET filled = ?, cost = ? WHERE id = ?", (str(seen.filled), str(seen.cost), order))
    settle(tx, stored.key, Journal.DONE, {"id": seen.id})
    for other in legs(tx, stored.key):
        if other.id != order:
            move(tx, other.id, Step.ACCEPTED, now)  # a pair is placed as one; what became of this one is asked then
    return None if stored.state.value == seen.state else move(tx, order, seen.state, now)


def accepted(tx: sqlite3.Connection, key: str, now: datetime) -> None:
    """The answer came, and its intention is done: the exchange's ids are known, if it said them."""
    (said,) = tx.execute("SELECT result FROM intention WHERE key = ?", (key,)).fetchone()
    result = json.loads(said or "{}")
    names = result.get("legs") or {key: result.get("id")}
    for leg in legs(tx, key):
        if names.get(leg.id) is not None:
            call(tx, leg, str(names[leg.id]))
        moved(tx, leg, Step.ACCEPTED, now)


def call(tx: sqlite3.Connection, stored: Stored, number: str) -> None:
    """The exchange calls an order so.

    Another one that it called so, it has forgotten: test environments are wiped, and begin their numbers anew. That
    one keeps its fills under a name that no exchange gives.
    """
    if number == stored.exchange_id:
        return
    where = (stored.account, stored.symbol, number)
    for (other,) in tx.execute(
        "SELECT id FROM ordered WHERE account = ? AND symbol = ? AND exchange_id = ?", where
    ).fetchall():
        past = f"{number}{PAST}{other[:8]}"
        told = "SELECT fill FROM order_news WHERE ordered = ? AND fill > 0"
        tx.execute(f"UPDATE fill SET order_id = ? WHERE id IN ({told})", (past, other))  # noqa: S608 - a constant
        tx.execute("UPDATE ordered SET exchange_id = ? WHERE id = ?", (past, other))
    tx.execute("UPDATE ordered SET exchange_id = ? WHERE id = ?", (number, stored.id))


def numbered(stored: Stored) -> str | None:
    """The exchange's id of an order, by which it may be asked; ``None``: it is not known, or is another order's now."""
    return None if stored.exchange_id is None or PAST in stored.exchange_id else stored.exchange_id


def ended(tx: sqlite3.Connection, order: str, at: int) -> bool:
    """Tell an order's owner that it has ended; ``False`` if that was told."""
    changed = tx.execute(
        "INSERT INTO order_news (owner, account, ordered, fill, at, quote) "
        "SELECT owner, account, id, 0, ?, quote FROM ordered WHERE id = ? ON CONFLICT (ordered, fill) DO NOTHING",
        (at, order),
    ).rowcount
    tx.execute("UPDATE ordered SET told = 1 WHERE id = ?", (order,))
    return bool(changed)


def cancel(tx: sqlite3.Connection, order: str, now: datetime, *, actor: str) -> State | None:
    """Ask for an order to be cancelled; returns its state then, ``None`` if it has ended, or there is none.

    One that has not left is not placed; what the exchange says of another one is told by ``automator.trading.news``.
    The other one of a pair goes with it, if both still rest.
    """
    stored, at = load(tx, order), micros(now)
    if stored is None or stored.state in ENDED:
        return None
    if stored.cancel_at is None:
        tx.execute("UPDATE ordered SET cancel_at = ? WHERE id = ?", (at, order))
        chain.append(tx, "event", at, {"what": "order cancel", "order": order, "actor": actor}, account=stored.account)
    if drop(tx, stored.key, "cancelled before it was sent", now):
        return State.NOT_PLACED
    if stored.state in LIVE:
        _to_cancel(tx, order, stored.account, now)
    return stored.state


def cancelling(order: str) -> str:
    """The job that cancels an order which may be at the exchange."""
    return f"{order}/cancel"


def _to_cancel(tx: sqlite3.Connection, order: str, account: str, now: datetime) -> None:
    job = cancelling(order)
    if not due.add(tx, NewJob(job, CANCEL, {"order": order}, now, account, late=EVER), now):
        due.again(tx, job, now)


def plan(connection: sqlite3.Connection, key: str) -> Mapping[str, Any]:
    """What was frozen of an intention."""
    (said,) = connection.execute("SELECT plan FROM intention WHERE key = ?", (key,)).fetchone()
    return dict(json.loads(said))
