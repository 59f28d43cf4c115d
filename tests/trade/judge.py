"""What must be so in the end: nothing was sent twice, and our books are the exchange's."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from automator.ledger import chain
from automator.trading import news, orders
from connectors.order import orders_of
from jobs.orders.states import ENDED, FINAL, LIVE


@dataclass(frozen=True)
class There:
    """An order as the exchange has it.

    Attributes:
        fills: Its trades' amounts, by their ids.
        fees: Of those, what was paid in the base asset.
    """

    state: str
    filled: Decimal
    fills: dict[str, Decimal]
    fees: Decimal = Decimal(0)


def of_binance(one: Mapping[str, Any]) -> There:
    """An order as the twin of Binance shows it to whoever looks behind the scenes."""
    states = {"NEW": "open", "CANCELED": "cancelled"}
    fills = {str(made["id"]): Decimal(made["qty"]) for made in one["fills"]}
    paid = (Decimal(made["commission"]) for made in one["fills"] if made["commissionAsset"] == "BTC")
    state = states.get(one["status"], one["status"].lower())
    return There(state, Decimal(one["executedQty"]), fills, sum(paid, Decimal(0)))


def of_alpaca(one: Mapping[str, Any]) -> There:
    """The same of Alpaca's twin, of stocks."""
    states = {"new": "open", "accepted": "open", "canceled": "cancelled"}
    fills = {fill["id"]: Decimal(fill["qty"]) for fill in one["fills"]}
    return There(states.get(one["status"], one["status"]), Decimal(one["filled_qty"]), fills)


def judge(reader: sqlite3.Connection, there: Mapping[str, There], arrived: Sequence[str]) -> None:
    """Compare all our orders, by client order id, with what the exchange has of ours, and what was sent to it."""
    assert len(arrived) == len(set(arrived)), "an order was sent twice"
    ours = {item.id: item for item in orders.listed(reader)}
    plans = [json.loads(row[0]) for row in reader.execute("SELECT plan FROM intention")]
    approved = {plan["client_order_id"] for plan in plans}
    approved |= {leg.client_order_id for plan in plans for leg in orders_of(plan)}  # a pair's own, and of both
    assert set(arrived) <= approved, "what nobody approved was sent"
    placed = {order for order, item in ours.items() if item.state in LIVE | FINAL}
    assert placed == set(there), "the exchange has other orders than we say"
    told = {owner: news.since(reader, owner, 0) for owner in {item.owner for item in ours.values()}}
    for order, item in ours.items():
        events = [one for one in told[item.owner] if one.order == order]
        fills = [one.event.fill for one in events if isinstance(one.event, news.Filled)]
        shown = there.get(order, There(item.state, Decimal(0), {}))
        assert (item.state, item.filled) == (shown.state, shown.filled)
        assert {fill.id: fill.amount for fill in fills} == shown.fills
        assert len(fills) == len(shown.fills), "a fill was told twice"
        ends = [number for number, one in enumerate(events) if isinstance(one.event, news.Ended)]
        assert ends == ([len(events) - 1] if item.state in ENDED else [])
    for owner, amount in reader.execute("SELECT owner, amount FROM position").fetchall():
        mine = (_signed(ours[order].side, one) for order, one in there.items() if ours[order].owner == owner)
        assert Decimal(amount) == sum(mine, Decimal(0))
    assert isinstance(chain.verify(reader), int)


def _signed(side: str, one: There) -> Decimal:
    filled = sum(one.fills.values(), Decimal(0))
    return (filled if side == "buy" else -filled) - one.fees
