"""The last gate of an order, in the transaction that records its call."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from automator import halts
from automator.intentions import Fenced
from automator.trading import let_in, orders, risks
from automator.trading.orders import Stored
from connectors.base import CallRefused
from connectors.order import orders_of
from jobs.orders.risk import Proposal
from jobs.orders.states import State, Step

STALE = timedelta(minutes=1)  #: an order that could not leave for so long is not placed: the market has moved on
LATE = f"it could not be sent within {STALE.seconds} seconds, and the market has moved on"


class OverLimit(CallRefused):
    """An order no longer keeps to the limits that a person set; nothing was sent."""


def leave(tx: sqlite3.Connection, key: str, now: datetime) -> None:
    """An intention's last gate, in the transaction that records its call: it is wanted, allowed, and not too late.

    Raises:
        automator.intentions.Fenced: it was cancelled, or has been settled.
        automator.halts.Halted: its owner is halted.
        OverLimit: it no longer keeps to the limits of risk, or could not leave for too long.
    """
    stands = orders.legs(tx, key)
    if not stands or any(leg.cancel_at or leg.state not in {State.INTENT, State.SENT} for leg in stands):
        raise Fenced(f"order {key} is no longer to be sent")
    stored = stands[0]
    if is_late(stored, now):
        raise OverLimit(LATE)
    if not stored.closing:
        halts.check(tx, stored.owner)
        if not let_in.stands(tx, key, now):
            _judge_again(tx, key, stored, now)
    for leg in stands:
        orders.moved(tx, leg, Step.SEND, now)


def _judge_again(tx: sqlite3.Connection, key: str, stored: Stored, now: datetime) -> None:
    asked = orders_of(orders.plan(tx, key))
    for one, mate in zip(asked, reversed(asked), strict=True):
        judged = Proposal(stored.account, stored.owner, one, stored.mark, mate if mate is not one else None)
        if reasons := risks.gate(tx, judged, now):
            raise OverLimit("; ".join(reasons))


def is_late(stored: Stored, now: datetime) -> bool:
    """Whether the market may have moved on since an order was put in; also if the clock was set back since."""
    return abs(now - stored.created_at) > STALE
