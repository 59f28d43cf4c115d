"""Orders on exchanges that have no row of our own: ccxt shapes them, and they are looked at before they leave."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

import httpx

from connectors.base import CallRefused, Effect, Intent, Operation
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import exact, plain
from connectors.market import Market
from connectors.network import Wire
from connectors.order import Order, OrderRequest, OrderType, Side, TimeInForce

#: what an exchange's call that places or cancels an order is named after
_ORDERS = re.compile(r"order|trade|buy|sell|deal", re.IGNORECASE)
_CANCELS = re.compile(r"cancel|order", re.IGNORECASE)
OURS = "clientOrderId"  #: what ccxt calls an order's id of ours
#: what exchanges call it, in orders that they show
_NAMES = (
    *(OURS, "client_order_id", "clientOid", "client_oid", "clOrdId", "clOrdID", "clOrderId", "clOrderID", "cliOrdId"),
    *("cid", "custom_id", "customId", "identifier", "text", "label", "orderLinkId", "client_id", "clientId"),
    *("user_order_id", "orderClientId", "origClientOrderId", "externalOid", "external_oid", "client-order-id"),
)
_SHOWN = {"id": "1", "symbol": "A", "side": "buy", "type": "limit", "price": "1", "amount": "1", "status": "open"}


@dataclass(frozen=True, slots=True)
class Method:
    """One of ccxt's methods that place an order, and what it is given."""

    name: str
    given: tuple[Any, ...]


#: what must be had of an exchange, so that it is known what becomes of an order
FOLLOWS = {
    "for a price": "fetchTicker",
    "for the open orders": "fetchOpenOrders",
    "for an account's trades": "fetchMyTrades",
    "to cancel an order": "cancelOrder",
}


def lacking(has: Mapping[str, Any]) -> str:
    """Why an exchange that ccxt says ``has`` these methods can't be traded on; empty if it can."""
    return next((f"by ccxt it can't be asked {what}" for what, needs in FOLLOWS.items() if not has.get(needs)), "")


class Shaped(CallRefused):
    """An order that ccxt has written, and that is not sent: it was to be seen whether it can be."""


@dataclass(frozen=True, slots=True)
class Dry:
    """A way out that orders do not take; what is read on the way to them is read."""

    wire: Wire

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wire, name)

    async def request(
        self, operation: Operation, method: str, url: str, *, intent: Intent | None = None, **content: Any
    ) -> httpx.Response:
        if operation.effect is not Effect.READ:
            raise Shaped(f"{operation.name} was only to be seen; nothing was sent")
        return await self.wire.request(operation, method, url, intent=intent, **content)


def sample(market: Market, client_order_id: str) -> OrderRequest:
    """A plain order that the market's own limits allow, as far as they are known."""
    filters = market.filters
    tick, lot = filters.tick or Decimal(1), filters.lot or Decimal(1)
    price = max(tick, Decimal(1).quantize(tick) if tick < 1 else tick)
    least = max(filters.min_amount or lot, lot, (filters.min_notional or Decimal(0)) / price)
    amount = (least / lot).to_integral_value(ROUND_CEILING) * lot
    return OrderRequest(client_order_id, market.symbol, Side.BUY, OrderType.LIMIT, amount, price)


def ordering(wanted: OrderRequest, title: str, has: Mapping[str, Any], field: str = "") -> Method:
    """How ccxt is asked to place an order on an exchange (``title``) that it says ``has`` these methods.

    ``field``: by what name the exchange takes our id, where ccxt doesn't know.

    What an exchange could understand otherwise is not placed: many ignore a time in force that they do not know, and
    take what a market buy names as the base asset's amount for the quote asset's, or the other way round.

    Raises:
        CallRefused: such an order is not placed on an exchange that has no row.
    """
    side, params = wanted.side.value, {field or OURS: wanted.client_order_id}
    if wanted.type not in {OrderType.MARKET, OrderType.LIMIT}:
        raise CallRefused(f"{wanted.type} orders are placed only on exchanges that are known well; nothing was sent")
    if wanted.time_in_force is not TimeInForce.GTC:
        raise CallRefused(
            f"{wanted.time_in_force} orders are placed only on exchanges that are known well; nothing was sent"
        )
    if wanted.type is OrderType.LIMIT:
        numbers = (plain(wanted.amount), plain(wanted.price))
        return Method("create_order", (wanted.symbol, "limit", side, *numbers, params))
    if wanted.amount is None:
        if not has.get(f"createMarket{side.capitalize()}OrderWithCost"):
            raise CallRefused(
                f"ccxt knows no market {side} by an amount of the quote asset on {title}; name a price, or have a bot "
                "use limit orders; nothing was sent"
            )
        name = f"create_market_{side}_order_with_cost"
        return Method(name, (wanted.symbol, plain(wanted.quote_amount), params))
    if wanted.side is Side.BUY:
        raise CallRefused(
            f"of which asset {title} takes the amount of a market buy is not known; name a price, or an amount of the "
            "quote asset; nothing was sent"
        )
    return Method("create_order", (wanted.symbol, "market", side, plain(wanted.amount), None, params))


def wrong(call: Unsigned, wanted: OrderRequest, bridge: Any, field: str = "") -> str | None:
    """What is wrong with a call as the one that places an order; ``None``: it is another call.

    Every number of the order and our id of it must be in it as they are, and orders must come back with that id:
    by the name (``field``) that the exchange's documentation has for it, or one that ccxt reads.
    """
    if call.method == "GET" or not _ORDERS.search(call.path):
        return None
    named = [name for name, value in _values(call.params) if value == wanted.client_order_id]
    if field not in named and (not named or not _comes_back(bridge, wanted.client_order_id, named)):
        return (
            "by ccxt it takes no order id of ours that its orders come back with, so a lost answer could not be "
            "settled; nothing was sent"
        )
    numbers = {found for _, value in _values(call.params) if (found := exact(value)) is not None}
    for asked in (wanted.amount, wanted.price, wanted.quote_amount):
        if asked is not None and asked not in numbers:
            return f"this exchange would be sent another number than {asked:f}; nothing was sent"
    return ""


def _comes_back(bridge: Any, ours: str, named: list[str]) -> bool:
    """Whether ccxt reads in an exchange's orders the id that was sent under this name.

    ccxt passes on what it does not know: an exchange that has no such field ignores our id under ccxt's own name.
    """
    names = named if named == [OURS] else _NAMES
    try:
        found = bridge.parse_order(_SHOWN | dict.fromkeys(names, ours))
    except Exception:  # noqa: BLE001 - ccxt raises what it likes; then it can't be known
        return False
    return bool(found.get(OURS) == ours)


def wrong_cancel(call: Unsigned, order: Order) -> str | None:
    """What is wrong with a call as the one that cancels an order; ``None``: it is another call."""
    if call.method == "GET" or not _CANCELS.search(call.path):
        return None
    if not order.id or order.id not in {str(value) for _, value in _values(call.params)}:
        return f"the call would cancel something else than {order.id or order.client_order_id}; nothing was sent"
    return ""


def _values(given: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """What is asked, however deep, each with its name."""
    if isinstance(given, dict):
        for key, value in given.items():
            yield from _values(value, str(key))
    elif isinstance(given, list | tuple):
        for value in given:
            yield from _values(value, name)
    else:
        yield name, str(given) if isinstance(given, Decimal) else given
