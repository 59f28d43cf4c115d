"""Pairs: two orders of which one cancels the other, put in as one."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from automator.trading import marks, submission
from connectors.exchange.filters import faults
from connectors.market import Market
from connectors.order import WAITING, OrderRequest, PairRequest
from jobs.bots.strategy import Pair
from jobs.orders.risk import Proposal, notional


def submit(  # noqa: PLR0913, PLR0917 - what a pair is, and what it is judged by
    tx: sqlite3.Connection,
    account: str,
    owner: str,
    tags: tuple[str, str],
    wish: Pair,
    now: datetime,
    *,
    market: Market,
    price: Decimal,
    against: tuple[str, ...] = (),
) -> submission.Approved | submission.Refused:
    """Put two orders in of which one cancels the other, as ``submission.submit`` puts in one: both, or neither.

    They have one intention, so they leave in one call; each is an order of its own in all else. Only one of them can
    be filled, so the limits of money count the one that is worth more.
    """
    for tag in tags:
        if before := submission.used(tx, owner, tag):
            return before
    marks.note(tx, account, market.symbol, price, now)
    first, second = (submission.fitted(leg, market) for leg in wish.legs)
    pair = PairRequest(uuid.uuid4().hex, (first, second))
    judged = Proposal(account, owner, first, price, second), Proposal(account, owner, second, price, first)
    reasons = tuple(_unpaired(market))
    for leg in judged:
        reasons = reasons or tuple(faults(leg.request, market, price))
    reasons = reasons or tuple(_unlike(first, second)) or against
    for leg in judged:
        reasons = reasons or submission.judged_by_limits(tx, leg, now)
    counted = max(judged, key=lambda leg: notional(leg.request, price))
    for leg, tag in zip(judged, tags, strict=True):
        submission.add(tx, leg, tag, market, now, pair=pair.client_order_id, counted=leg is counted, reasons=reasons)
    if reasons:
        submission.tell_refused(tx, judged, reasons, now)
        return submission.Refused(first.client_order_id, reasons)
    submission.approve(tx, account, pair, now)
    return submission.Approved(pair.client_order_id)


def _unlike(first: OrderRequest, second: OrderRequest) -> Iterator[str]:
    """An exchange is told one side and amount for both, so what the second says otherwise would be lost."""
    if (first.side, first.amount) != (second.side, second.amount):
        yield "the two orders of a pair have one side and amount"
    if not {first.type, second.type} & WAITING:
        yield "at least one of a pair waits for a stop_price"


def _unpaired(market: Market) -> Iterator[str]:
    if not market.pairs:
        yield f"the exchange holds no two orders for one balance in {market.symbol}"
