"""Submission: an order that is asked for is judged, written down, and put in to be sent. In an open transaction."""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from automator import halts
from automator.clock import micros
from automator.intentions import claim
from automator.ledger import chain
from automator.notices import Notice, tell
from automator.scheduling import due
from automator.scheduling.due import NewJob
from automator.trading import let_in, marks, risks
from automator.trading.orders import EVER, KIND, OPERATION, ended
from connectors.exchange.filters import faults, rounded
from connectors.market import Market
from connectors.order import OrderRequest, PairRequest
from jobs.bots.strategy import Place
from jobs.orders.risk import Proposal, notional
from jobs.orders.states import State

NUMBERED = re.compile(r"\S*\d\S*")  #: words that differ from one refusal to the next for the same reason


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
    against: tuple[str, ...] = (),
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
        against: What its owner's own funds say against it, one sentence each.
    """
    if before := used(tx, owner, tag):
        return before
    marks.note(tx, account, market.symbol, price, now)
    request = fitted(wish, market)
    judged = Proposal(account, owner, request, price)
    reasons = tuple(faults(request, market, price)) or against or (() if closing else judged_by_limits(tx, judged, now))
    add(tx, judged, tag, market, now, closing=closing, reasons=reasons)
    if reasons:
        tell_refused(tx, (judged,), reasons, now)
        return Refused(request.client_order_id, reasons)
    approve(tx, account, request, now)
    return Approved(request.client_order_id)


def fitted(wish: Place, market: Market) -> OrderRequest:
    """The order of a wish, under an id of ours, its numbers rounded to what the market takes."""
    asked = wish.order(uuid.uuid4().hex)
    request = rounded(asked, market)
    return asked if request.amount is not None and not request.amount else request  # rounded to nothing says nothing


def used(tx: sqlite3.Connection, owner: str, tag: str) -> Refused | None:
    """The refusal of a tag that its owner has used before."""
    before = tx.execute("SELECT id FROM ordered WHERE owner = ? AND tag = ?", (owner, tag)).fetchone()
    return Refused(before[0], (f"{owner} has used the tag {tag} for another order",)) if before else None


def judged_by_limits(tx: sqlite3.Connection, judged: Proposal, now: datetime) -> tuple[str, ...]:
    """Why halts and limits do not let an order in."""
    try:
        halts.check(tx, judged.account)
        halts.check(tx, judged.owner)
    except halts.Halted as halted:
        return (str(halted),)
    return risks.gate(tx, judged, now)


def approve(tx: sqlite3.Connection, account: str, asked: OrderRequest | PairRequest, now: datetime) -> None:
    """Freeze what was approved, and have it sent."""
    claim(tx, asked.client_order_id, account, OPERATION, asked.plan())
    let_in.keep(tx, asked.client_order_id, now)
    due.add(tx, NewJob(asked.client_order_id, KIND, {}, now, account, late=EVER), now)


def add(  # noqa: PLR0913 - the row's columns
    tx: sqlite3.Connection,
    judged: Proposal,
    tag: str,
    market: Market,
    now: datetime,
    *,
    reasons: tuple[str, ...],
    closing: bool = False,
    pair: str | None = None,
    counted: bool = True,
) -> None:
    """Write an order down; ``counted``: its worth counts, as of a pair that of one does."""
    at, request, owner = micros(now), judged.request, judged.owner
    written = request.plan()
    values = {
        "id": request.client_order_id,
        "pair": pair,
        "account": judged.account,
        "owner": owner,
        "tag": tag,
        "symbol": request.symbol,
        "side": request.side,
        "type": request.type,
        "quote": market.quote,
        "amount": written.get("amount"),
        "price": written.get("price", written.get("stop_price")),
        "notional": _worth(judged, counted=counted, refused=bool(reasons)),
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


def _worth(judged: Proposal, *, counted: bool, refused: bool) -> str:
    request = judged.request
    if refused:
        return str(request.quote_amount or 0)
    return str(notional(request, judged.price)) if counted else "0"


def about(owner: str, why: str) -> str:
    """What a notice of an owner's is about: one reason, however often and with whatever numbers it comes."""
    return f"{owner}: {NUMBERED.sub('#', why)}"


def tell_refused(tx: sqlite3.Connection, judged: Sequence[Proposal], reasons: tuple[str, ...], now: datetime) -> None:
    """Say so on the record, to the person, and to the orders' owner."""
    at, (first, *_) = micros(now), judged
    said = {"order": first.request.client_order_id, "owner": first.owner, "why": list(reasons)}
    chain.append(tx, "event", at, {"what": "order refused", **said}, account=first.account)
    why = "; ".join(reasons)
    text = f"{first.owner}: {first.request.side} {first.request.symbol} was not placed: {why}"
    tell(tx, Notice("refused", about(first.owner, why), text, first.account), at)
    for one in judged:
        ended(tx, one.request.client_order_id, at)
