"""Orders: submitted, moved along, cancelled, settled. Functions of an open transaction."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from automator import halts
from automator.clock import instant, micros
from automator.intentions import Fenced, claim, settle, withdraw
from automator.intentions import State as Journal
from automator.ledger import chain
from automator.notices import Notice, tell
from automator.scheduling import due
from automator.scheduling.due import NewJob
from automator.trading import marks, risks
from connectors.base import CallRefused
from connectors.exchange.filters import faults, rounded
from connectors.market import Market
from connectors.order import Order, OrderRequest
from jobs.bots.strategy import Place
from jobs.orders.risk import Proposal, notional, plain
from jobs.orders.states import ENDED, LIVE, Happened, State, Step, after

KIND = "order"  #: the job that places one
CANCEL = "order cancel"  #: the job that cancels one
OPERATION = "order.place"  #: in its intention, whatever its exchange's connector calls it
USER = "user"  #: the owner of what a person places
DIGITS = 24  #: longer numbers are not written out
EVER = timedelta(days=36_500)  #: that its job is late the placing judges itself
STALE = timedelta(minutes=1)  #: an order that could not leave for so long is not placed: the market has moved on
LATE = f"it could not be sent within {STALE.seconds} seconds, and the market has moved on"


class OverLimit(CallRefused):
    """An order no longer keeps to the limits that a person set; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Approved:
    """It will be sent, once; ``order`` is its id."""

    order: str


@dataclass(frozen=True, slots=True)
class Refused:
    """It will not be sent; each reason is a sentence. ``order`` is the row that says so."""

    order: str
    reasons: tuple[str, ...]


def submit(  # noqa: PLR0913, PLR0917 - what an order is, and what it is judged by
    tx: sqlite3.Connection,
    account: str,
    owner: str,
    tag: str,
    wish: Place,
    now: datetime,
    *,
    market: Market,
    price: Decimal,
    closing: bool = False,
) -> Approved | Refused:
    """Put an order in, judged by halts and limits, to be sent by whoever works on this installation.

    Called in the transaction that keeps the owner's state: both are kept, or neither. What becomes of it, a refusal
    too, is told by ``automator.trading.news``. Amounts are rounded down, a buy's price down and a sale's up, to what
    the market takes.

    Args:
        tx: The open transaction.
        account: ``binance/main``.
        owner: The bot's name; ``user`` for what a person places.
        tag: The owner's own name for it; one that it has used before is refused.
        wish: What is asked for; its own ``tag`` is not read.
        now: The engine's clock.
        market: The rules of its symbol.
        price: The last known price of its symbol, in the quote asset.
        closing: A person's word makes what is at risk smaller; neither halt nor limit stops it.
    """
    before = tx.execute("SELECT id FROM ordered WHERE owner = ? AND tag = ?", (owner, tag)).fetchone()
    if before is not None:
        return Refused(before[0], (f"{owner} has used the tag {tag} for another order",))
    marks.note(tx, account, market.symbol, price, now)
    asked = wish.order(uuid.uuid4().hex)
    request = rounded(asked, market)
    judged = Proposal(account, owner, request, price)
    if request.amount is not None and not request.amount:
        judged = replace(judged, request=asked)  # rounded to nothing says nothing
    unfit = faults(judged.request, market, price)
    reasons = tuple(unfit) or (() if closing else _judged(tx, judged, now))
    _add(tx, judged, tag, market, now, closing=closing, reasons=reasons)
    if reasons:
        return Refused(request.client_order_id, reasons)
    claim(tx, request.client_order_id, account, OPERATION, request.plan())
    due.add(tx, NewJob(request.client_order_id, KIND, {}, now, account, late=EVER), now)
    return Approved(request.client_order_id)


def _judged(tx: sqlite3.Connection, judged: Proposal, now: datetime) -> tuple[str, ...]:
    try:
        halts.check(tx, judged.account)
        halts.check(tx, judged.owner)
    except halts.Halted as halted:
        return (str(halted),)
    return risks.gate(tx, judged, now)


def _add(  # noqa: PLR0913 - the row's columns
    tx: sqlite3.Connection,
    judged: Proposal,
    tag: str,
    market: Market,
    now: datetime,
    *,
    closing: bool,
    reasons: tuple[str, ...],
) -> None:
    at, request, owner = micros(now), judged.request, judged.owner
    values = {
        "id": request.client_order_id,
        "account": judged.account,
        "owner": owner,
        "tag": tag,
        "symbol": request.symbol,
        "side": request.side,
        "type": request.type,
        "quote": market.quote,
        "amount": _text(request.amount),
        "price": _text(request.price if request.price is not None else request.stop_price),
        "notional": str(request.quote_amount or 0) if reasons else str(notional(request, judged.price)),
        "mark": str(judged.price),
        "state": State.NOT_PLACED if reasons else State.INTENT,
        "reason": "; ".join(reasons),
        "filled": "0",
        "cost": "0",
        "closing": int(closing),
        "told": 0,
        "created_at": at,
        "ended_at": at if reasons else None,
    }
    names, marks = ", ".join(values), ",".join("?" * len(values))
    tx.execute(f"INSERT INTO ordered ({names}) VALUES ({marks})", tuple(values.values()))  # noqa: S608 - constants
    if reasons:
        said = {"what": "order refused", "order": request.client_order_id, "owner": owner, "why": list(reasons)}
        chain.append(tx, "event", at, said, account=judged.account)
        text = f"{owner}: {request.side} {request.symbol} was not placed: {reasons[0]}"
        tell(tx, Notice("refused", owner, text, judged.account), at)
        ended(tx, request.client_order_id, at)


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


@dataclass(frozen=True, slots=True)
class Stored:
    """An order of ours as it stands: amounts in the base asset, prices and money in the quote asset."""

    id: str
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

    def says(self) -> str:
        """What it is, for a person: ``buy 0.1 BTC/USDT at 30000``."""
        amount = _short(self.amount) if self.amount is not None else f"{_short(self.notional)} {self.quote} of"
        at = f" at {_short(self.price)}" if self.price is not None else ""
        return f"{self.side} {amount} {self.symbol}{at}"

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {name: _plain_json(value) for name, value in asdict(self).items()}


def _short(number: Decimal) -> str:
    """Plainly, unless it is no number of this world: an order may have been refused for that."""
    return plain(number) if number.is_finite() and abs(number.adjusted()) < DIGITS else str(number)


def _plain_json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, datetime) else value


COLUMNS = tuple(field.name for field in fields(Stored))
_COLUMNS = ", ".join(COLUMNS)
_NUMBERS = frozenset({8, 9, 10, 11, 15, 16})
_INSTANTS = frozenset({18, 19, 20, 21})


def _stored(row: Sequence[Any]) -> Stored:
    values = list(row)
    for place in _NUMBERS:
        values[place] = None if row[place] is None else Decimal(row[place])
    for place in _INSTANTS:
        values[place] = None if row[place] is None else instant(row[place])
    values[12], values[17] = State(row[12]), bool(row[17])
    return Stored(*values)


def load(connection: sqlite3.Connection, order: str) -> Stored | None:
    """One order; ``None``: there is none of this id."""
    return next(iter(listed(connection, id=order)), None)


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


def standing(connection: sqlite3.Connection, account: str, owner: str) -> list[Stored]:
    """An owner's orders at an account that have not ended, oldest first; the many that have are not looked at."""
    marks = ",".join("?" * len(ENDED))
    rows = connection.execute(  # none of them was told of as ended, and of those alone there is an index by account
        f"SELECT {_COLUMNS} FROM ordered WHERE account = ? AND told = 0 AND +owner = ? AND state NOT IN ({marks}) "  # noqa: S608 - a constant, and marks
        "ORDER BY created_at, id",
        (account, owner, *ENDED),
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
    row = tx.execute("SELECT state, cancel_at, account FROM ordered WHERE id = ?", (order,)).fetchone()
    state = after(State(row[0]), happened) if row else None
    if state is None:
        return None
    ended_at = micros(now) if state in ENDED else None
    tx.execute("UPDATE ordered SET state = ?, reason = ?, ended_at = ? WHERE id = ?", (state, reason, ended_at, order))
    if state in LIVE and row[1] is not None:
        _to_cancel(tx, order, row[2], now)
    return state


def drop(tx: sqlite3.Connection, order: str, reason: str, now: datetime) -> bool:
    """Give up an order of which nothing has left, and tell its owner; ``False``: something may have left."""
    if not withdraw(tx, order):
        return False
    move(tx, order, Step.UNSENT, now)  # the exchange had put it off, or could not be reached
    move(tx, order, Step.DROPPED, now, reason)
    ended(tx, order, micros(now))
    return True


def shown(tx: sqlite3.Connection, order: str, seen: Order, now: datetime) -> State | None:
    """Take an order along by what the exchange shows of it; ``None``: that is not news."""
    row = tx.execute("SELECT filled, state FROM ordered WHERE id = ?", (order,)).fetchone()
    if row is None or seen.filled < Decimal(row[0]):
        return None
    tx.execute(
        "UPDATE ordered SET exchange_id = ?, filled = ?, cost = ? WHERE id = ?",
        (seen.id, str(seen.filled), str(seen.cost), order),
    )
    settle(tx, order, Journal.DONE, {"id": seen.id})
    return None if row[1] == seen.state else move(tx, order, seen.state, now)


def accepted(tx: sqlite3.Connection, order: str, now: datetime) -> None:
    """The answer came, and its intention is done: the exchange's id of it is known, if it said one."""
    (result,) = tx.execute("SELECT json_extract(result, '$.id') FROM intention WHERE key = ?", (order,)).fetchone()
    if result is not None:
        tx.execute("UPDATE ordered SET exchange_id = ? WHERE id = ?", (str(result), order))
    move(tx, order, Step.ACCEPTED, now)


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
    """
    stored, at = load(tx, order), micros(now)
    if stored is None or stored.state in ENDED:
        return None
    if stored.cancel_at is None:
        tx.execute("UPDATE ordered SET cancel_at = ? WHERE id = ?", (at, order))
        chain.append(tx, "event", at, {"what": "order cancel", "order": order, "actor": actor}, account=stored.account)
    if drop(tx, order, "cancelled before it was sent", now):
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


def is_late(stored: Stored, now: datetime) -> bool:
    """Whether the market may have moved on since an order was put in; also if the clock was set back since."""
    return abs(now - stored.created_at) > STALE


def doubt_all(tx: sqlite3.Connection, now: datetime) -> None:
    """A backup was put back: what had not left when it was made may have left since, so the exchange is asked first."""
    rows = tx.execute("SELECT id, created_at FROM ordered WHERE state IN (?, ?)", (State.INTENT, State.SENT)).fetchall()
    for order, at in rows:
        tx.execute(
            "UPDATE intention SET state = ?, sent_at = ?, attempt = attempt + 1 WHERE key = ? AND state = ?",
            (Journal.SENT, at, order, Journal.PLANNED),
        )
        move(tx, order, Step.LOST, now)


def leave(tx: sqlite3.Connection, order: str, now: datetime) -> None:
    """The order's last gate, in the transaction that records its call: it is still wanted, allowed, and not too late.

    Raises:
        automator.intentions.Fenced: it was cancelled, or has been settled.
        automator.halts.Halted: its owner is halted.
        OverLimit: it no longer keeps to the limits of risk, or could not leave for too long.
    """
    stored = load(tx, order)
    if stored is None or stored.cancel_at is not None or stored.state not in {State.INTENT, State.SENT}:
        raise Fenced(f"order {order} is no longer to be sent")
    if is_late(stored, now):
        raise OverLimit(LATE)
    if not stored.closing:
        halts.check(tx, stored.owner)
        (plan,) = tx.execute("SELECT plan FROM intention WHERE key = ?", (order,)).fetchone()
        judged = Proposal(stored.account, stored.owner, OrderRequest.of(json.loads(plan)), stored.mark)
        if reasons := risks.gate(tx, judged, now):
            raise OverLimit("; ".join(reasons))
    move(tx, order, Step.SEND, now)
