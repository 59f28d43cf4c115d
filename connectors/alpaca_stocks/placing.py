"""How Alpaca is asked for an order of stocks, and what it would not take (its specification of ``POST /v2/orders``)."""

from __future__ import annotations

from decimal import Decimal

from connectors.alpaca_stocks.hours import Hours
from connectors.base import CallRefused
from connectors.exchange.ways import fitting, plain
from connectors.market import Market
from connectors.order import OrderRequest, OrderType, Side, TimeInForce

TYPES = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop_limit",
}
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
LEAST, CENT = Decimal(1), Decimal("0.01")


def body(wanted: OrderRequest, market: Market) -> dict[str, str]:
    """What is sent.

    A market order is for the day, as the only kind that takes dollars or parts of a share must be; all that name a
    price stay until they are cancelled, unless they act at once. A sale says that it closes what is held, so that
    Alpaca refuses one that would sell short.

    Raises:
        CallRefused: Alpaca has no such order.
    """
    how = wanted.time_in_force
    fitting(
        wanted,
        "Alpaca",
        take_profit=wanted.type not in TYPES,
        post_only=how is TimeInForce.POST_ONLY,
        ioc_stop=how in AT_ONCE and wanted.type is not OrderType.LIMIT,
    )
    _sized(wanted, market)
    lasts = "day" if wanted.type is OrderType.MARKET else how.value
    asked = {
        "symbol": market.id,
        "side": wanted.side.value,
        "type": TYPES[wanted.type],
        "time_in_force": lasts,
        "client_order_id": wanted.client_order_id,
    }
    asked["notional" if wanted.amount is None else "qty"] = plain(wanted.amount or wanted.quote_amount)
    if wanted.price is not None:
        asked["limit_price"] = plain(wanted.price)
    if wanted.stop_price is not None:
        asked["stop_price"] = plain(wanted.stop_price)
    if wanted.side is Side.SELL:
        asked["position_intent"] = "sell_to_close"
    return asked


def _sized(wanted: OrderRequest, market: Market) -> None:
    """Dollars and parts of a share: only at the market, only of stocks that are sold so."""
    amount, dollars = wanted.amount, wanted.quote_amount
    whole = amount is not None and amount == amount.to_integral_value()
    if whole:
        return
    if wanted.type is not OrderType.MARKET:
        raise CallRefused("Alpaca takes parts of a share at the market only; name whole shares; nothing was sent")
    if market.filters.market_lot is None:
        raise CallRefused(f"Alpaca sells {market.id} in whole shares only; name how many; nothing was sent")
    if dollars is not None and (dollars < LEAST or dollars % CENT):
        raise CallRefused("Alpaca takes a dollar or more, in whole cents; nothing was sent")


def timely(wanted: OrderRequest, hours: Hours, *, queues: bool) -> None:
    """Whether an order may leave now. A limit or a stop waits for the opening, at a price that was decided.

    Raises:
        CallRefused: the market is closed, and the order would be filled at a price that nobody has seen.
    """
    at_once = wanted.time_in_force in AT_ONCE
    if hours.open or not (at_once or (wanted.type is OrderType.MARKET and not queues)):
        return
    what = "an order that acts at once" if at_once else "a market order"
    more = "" if at_once else ", or let it wait with --option outside_hours=queue"
    raise CallRefused(
        f"the stock market is closed until {hours.until:%Y-%m-%d %H:%M} UTC, and {what} would meet a price that nobody "
        f"has seen; use a limit order, which waits for the opening{more}; nothing was sent"
    )
