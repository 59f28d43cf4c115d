"""What Alpaca says of stocks, orders, trades and accounts, as our own data (docs.alpaca.markets)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.answer import objects
from connectors.exchange.ways import exact, number
from connectors.market import Book, Candle, Filters, Level, Market, Ticker
from connectors.network import Rejected
from connectors.order import Balance, Fill, Order, OrderState, OrderType, Side

DOLLAR = "USD"
#: of prices from a dollar on (Regulation NMS, rule 612); below it they may be finer, and are cut to this all the same
TICK = Decimal("0.01")
PART = Decimal("1e-9")  #: the least part of a share
ENDED = {
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "replaced": OrderState.CANCELLED,  # by another order, which has its own id
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}
TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop": OrderType.STOP,
    "stop_limit": OrderType.STOP_LIMIT,
    "trailing_stop": OrderType.STOP,
}


def symbol(name: str) -> str:
    """``AAPL/USD`` for ``AAPL``."""
    return f"{name}/{DOLLAR}"


def instant(said: Any) -> datetime | None:
    """RFC 3339, however fine, as UTC."""
    try:
        found = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def markets(said: Any) -> Iterator[Market]:
    """The stocks; parts of a share are for market orders alone, of those that are sold in parts."""
    for one in objects(said, "symbol", "class"):
        if one["class"] != "us_equity":
            continue
        parts = PART if one.get("fractionable") is True else None
        active = one.get("tradable") is True and one.get("status") == "active"
        filters = Filters(tick=TICK, lot=Decimal(1), market_lot=parts, cent=TICK)
        yield Market(symbol(one["symbol"]), one["symbol"], one["symbol"], DOLLAR, filters, active=active)


def ticker(market: Market, said: Mapping[str, Any], now: datetime) -> Ticker:
    """The best prices of a snapshot; where nobody bids or asks, what was last traded stands for it.

    Raises:
        Rejected: it names no price.
    """
    trade, quote = said.get("latestTrade") or {}, said.get("latestQuote") or {}
    last = number(trade.get("p"))
    bid, ask = number(quote.get("bp")) or last, number(quote.get("ap")) or last
    if bid is None or ask is None:
        raise Rejected(f"there is no price of {market.symbol} now")
    return Ticker(market.symbol, bid, ask, last or (bid + ask) / 2, instant(trade.get("t")) or now)


def book(market: Market, said: Mapping[str, Any], now: datetime) -> Book:
    """The best bid and the best ask; Alpaca shows no more of a stock's book."""
    quote = said.get("quote") or {}
    sides = [_level(quote.get(price), quote.get(size)) for price, size in (("bp", "bs"), ("ap", "as"))]
    return Book(market.symbol, sides[0], sides[1], instant(quote.get("t")) or now)


def _level(price: Any, size: Any) -> tuple[Level, ...]:
    at, amount = number(price), number(size)
    return (Level(at, amount),) if at and amount else ()


def candles(said: Any, every: timedelta, now: datetime) -> Iterator[Candle]:
    """The closed ones."""
    for bar in objects(said, "t", "o", "h", "l", "c"):
        at, prices = instant(bar["t"]), [number(bar[name]) for name in "ohlc"]
        first, high, low, close = prices
        if at is None or at + every > now or first is None or high is None or low is None or close is None:
            continue
        yield Candle(at, first, high, low, close, exact(bar.get("v")) or Decimal(0))


def balances(account: Mapping[str, Any], positions: Any) -> Iterator[Balance]:
    """Dollars and the stocks that are held. Borrowed money is none of ours: no more is free than there is cash."""
    cash = exact(account.get("cash")) or Decimal(0)
    power = exact(account.get("non_marginable_buying_power", account.get("buying_power")))
    free = max(Decimal(0), min(cash, cash if power is None else power))
    if cash:
        yield Balance(DOLLAR, free, cash - free)
    for one in objects(positions, "symbol", "qty"):
        held = exact(one["qty"])
        if one.get("asset_class") != "us_equity" or not held or held < 0:
            continue  # crypto has a provider of its own, and what is sold short is not held
        can = exact(one.get("qty_available"))
        can = held if can is None else min(max(can, Decimal(0)), held)
        yield Balance(one["symbol"], can, held - can)


def orders(said: Any) -> Iterator[Order]:
    """The orders for stocks in a list; one of several legs has no symbol, and is none of ours."""
    for one in objects(said, "id", "symbol"):
        if one.get("asset_class", "us_equity") == "us_equity" and one["symbol"]:
            yield order(one)


def order(said: Mapping[str, Any]) -> Order:
    """An order.

    Raises:
        Rejected: it lacks what every order has.
    """
    if not said.get("id") or not said.get("symbol") or said.get("side") not in {"buy", "sell"}:
        raise Rejected("Alpaca shows an order without an id, a symbol or a side")
    filled = exact(said.get("filled_qty")) or Decimal(0)
    open_ = OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN
    state = ENDED.get(str(said.get("status")), open_)
    amount = number(said.get("qty"))
    return Order(
        id=str(said["id"]),
        client_order_id=str(said.get("client_order_id") or ""),
        symbol=symbol(said["symbol"]),
        side=Side(said["side"]),
        type=TYPES.get(str(said.get("type")), OrderType.LIMIT),
        state=state,
        amount=amount if amount is not None else filled or None,
        filled=filled,
        cost=filled * (exact(said.get("filled_avg_price")) or Decimal(0)),
        price=number(said.get("limit_price")),
        stop_price=number(said.get("stop_price")),
        at=instant(said.get("submitted_at")),
    )


def fill(said: Mapping[str, Any]) -> Fill | None:
    """A trade; ``None`` if it lacks what every trade has.

    Trades of stocks cost no commission. What regulators take of sales is booked once a day, for all of them together.
    """
    price, amount, at = number(said.get("price")), number(said.get("qty")), instant(said.get("transaction_time"))
    if price is None or amount is None or at is None or not said.get("id") or not said.get("symbol"):
        return None
    side = Side.BUY if said.get("side") == "buy" else Side.SELL  # there is a sell_short, too
    order_id = str(said.get("order_id") or "")
    return Fill(
        str(said["id"]), order_id, symbol(said["symbol"]), side, price, amount, Decimal(0), DOLLAR, maker=False, at=at
    )
