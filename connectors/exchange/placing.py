"""Orders on exchanges that have no row of our own: ccxt shapes them, and they are looked at before they leave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from connectors.base import CallRefused
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import exact
from connectors.order import Order, OrderRequest, OrderType, TimeInForce

#: what an exchange's call that places or cancels an order is named after
_ORDERS = re.compile(r"order|trade|buy|sell|deal", re.IGNORECASE)
_CANCELS = re.compile(r"cancel|order", re.IGNORECASE)


def arguments(wanted: OrderRequest) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What ccxt's ``create_order`` is given.

    Raises:
        CallRefused: such an order is not placed on an exchange that has no row.
    """
    if wanted.type not in {OrderType.MARKET, OrderType.LIMIT}:
        raise CallRefused(f"{wanted.type} orders are placed only on exchanges that are known well; nothing was sent")
    params: dict[str, Any] = {"clientOrderId": wanted.client_order_id}
    if wanted.time_in_force is TimeInForce.POST_ONLY:
        params["postOnly"] = True
    elif wanted.time_in_force is not TimeInForce.GTC:
        params["timeInForce"] = wanted.time_in_force.upper()
    if wanted.amount is None:
        params["cost"] = str(wanted.quote_amount)
    price = str(wanted.price) if wanted.price is not None else None
    amount = str(wanted.amount if wanted.amount is not None else wanted.quote_amount)
    return (wanted.symbol, wanted.type.value, wanted.side.value, amount, price), params


def wrong(call: Unsigned, wanted: OrderRequest) -> str | None:
    """What is wrong with a call as the one that places an order; ``None``: it is another call.

    Every number of the order and our id of it must be in it as they are.
    """
    if call.method == "GET" or not _ORDERS.search(call.path):
        return None
    given = list(_values(call.params))
    if wanted.client_order_id not in given:
        return "this exchange takes no order id of ours, so a lost answer could not be settled; nothing was sent"
    numbers = {found for value in given if (found := exact(value)) is not None}
    for asked in (wanted.amount, wanted.price, wanted.quote_amount):
        if asked is not None and asked not in numbers:
            return f"this exchange would be sent another number than {asked:f}; nothing was sent"
    return ""


def wrong_cancel(call: Unsigned, order: Order) -> str | None:
    """What is wrong with a call as the one that cancels an order; ``None``: it is another call."""
    if call.method == "GET" or not _CANCELS.search(call.path):
        return None
    if order.id not in {str(value) for value in _values(call.params)}:
        return f"the call would cancel something else than {order.id}; nothing was sent"
    return ""


def _values(given: Any) -> Iterator[Any]:
    if isinstance(given, dict):
        for value in given.values():
            yield from _values(value)
    elif isinstance(given, list | tuple):
        for value in given:
            yield from _values(value)
    elif isinstance(given, Decimal):
        yield str(given)
    else:
        yield given
