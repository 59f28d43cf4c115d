"""What ccxt made of an exchange's answers, as our own data; every number is exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.exchange.ways import Ways, exact, number
from connectors.market import Book, Candle, Level, Market, Ticker
from connectors.network import Rejected
from connectors.order import LIMITED, Balance, Fill, Order, OrderState, OrderType, Side

STATES = {
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "rejected": OrderState.REJECTED,
    "expired": OrderState.EXPIRED,
}
#: where exchanges write what type an order has; ccxt keeps too little of it
TYPED = ("type", "ordertype", "ordType", "orderType", "order_type")


def instant(millis: Any) -> datetime | None:
    """Milliseconds since 1970 as UTC."""
    found = exact(millis)
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=float(found)) if found is not None else None
    except OverflowError:
        return None


def millis(at: datetime) -> int:
    """An instant in whole milliseconds since 1970."""
    return int(at.timestamp() * 1000)


def markets(ways: Ways, bridge: Any, loaded: Mapping[str, Any]) -> Iterator[Market]:
    """The spot markets."""
    for market in loaded.values():
        if not market.get("spot"):
            continue
        yield Market(
            symbol=market["symbol"],
            id=market["id"],
            base=market["base"],
            quote=market["quote"],
            filters=ways.filters(bridge, market),
            maker=exact(market.get("maker")) or Decimal(0),
            taker=exact(market.get("taker")) or Decimal(0),
            active=market.get("active") is not False,
            pairs=ways.pairs(market),
        )


def ticker(symbol: str, said: Mapping[str, Any], now: datetime) -> Ticker:
    """The best prices; where an exchange says only what was last traded, that stands for both sides.

    Raises:
        Rejected: it names no price.
    """
    last = number(said.get("last")) or number(said.get("close"))
    bid, ask = number(said.get("bid")) or last, number(said.get("ask")) or last
    if bid is None or ask is None:
        raise Rejected(f"there is no price of {symbol} now")
    return Ticker(symbol, bid, ask, last or (bid + ask) / 2, instant(said.get("timestamp")) or now)


def book(symbol: str, said: Mapping[str, Any], now: datetime) -> Book:
    """The order book."""
    sides = [tuple(_levels(said.get(side) or ())) for side in ("bids", "asks")]
    return Book(symbol, sides[0], sides[1], instant(said.get("timestamp")) or now)


def _levels(rows: Iterable[Any]) -> Iterator[Level]:
    for row in rows:
        price, amount = exact(row[0]), exact(row[1])
        if price is not None and amount:
            yield Level(price, amount)


def candles(rows: Iterable[Any], every: timedelta, now: datetime) -> Iterator[Candle]:
    """The closed ones, oldest first, each once."""
    last = None
    for row in sorted(rows, key=lambda row: int(row[0])):
        at, numbers = instant(row[0]), [exact(value) for value in row[1:6]]
        if at is None or at == last or at + every > now or any(value is None for value in numbers[:4]):
            continue
        last = at
        values = [value if value is not None else Decimal(0) for value in numbers]
        yield Candle(at, values[0], values[1], values[2], values[3], values[4])


def balances(said: Mapping[str, Any]) -> Iterator[Balance]:
    """What there is of assets; none that are zero."""
    for asset in said.get("total") or ():
        held = said.get(asset) or {}
        free, locked = exact(held.get("free")) or Decimal(0), exact(held.get("used")) or Decimal(0)
        if free or locked:
            yield Balance(asset, free, locked)


def order(said: Mapping[str, Any], field: str = "") -> Order:
    """An order as ccxt parsed it; ``field``: by what name the exchange shows our id of it, where ccxt doesn't know.

    Raises:
        Rejected: it lacks what every order has.
    """
    if not said.get("id") or not said.get("symbol") or said.get("side") not in {"buy", "sell"}:
        raise Rejected("the exchange shows an order without an id, a symbol or a side")
    filled, amount = exact(said.get("filled")) or Decimal(0), number(said.get("amount"))
    price, average = number(said.get("price")), number(said.get("average"))
    stop = number(said.get("triggerPrice")) or number(said.get("stopPrice"))
    paid = exact(said.get("cost"))
    type_ = kind(said, stop)
    return Order(
        id=str(said["id"]),
        client_order_id=str(said.get("clientOrderId") or _own(said, field) or ""),
        symbol=said["symbol"],
        side=Side(said["side"]),
        type=type_,
        state=state(said.get("status"), filled, amount, whole=type_ in LIMITED),
        amount=amount,
        filled=filled,
        cost=paid if paid is not None else filled * (average or price or Decimal(0)),
        price=price,
        stop_price=stop,
        at=instant(said.get("timestamp")),
    )


def orders(ways: Ways, listed: Iterable[Mapping[str, Any]]) -> Iterator[Order]:
    """The orders in a list. One that can't be read, of a kind that we don't place, keeps no other from being seen."""
    for said in listed:
        with suppress(Rejected):
            yield order(ways.shown(said), ways.field)


def _own(said: Mapping[str, Any], field: str) -> Any:
    info = said.get("info")
    return info.get(field) if field and isinstance(info, dict) else None


def state(status: Any, filled: Decimal, amount: Decimal | None, *, whole: bool) -> OrderState:
    """What ccxt's status means; one that it does not know, or none, counts as open, unless the order is full.

    ``whole``: one that is closed should be full. If it is not, the rest was cancelled, for which ccxt has no word; that
    of a market order can be too little to be traded. One that is being cancelled may be filled before it is.
    """
    known = STATES.get(str(status))
    if known is OrderState.FILLED and whole and amount and 0 < filled < amount:
        return OrderState.CANCELLED
    if known is not None:
        return known
    if status != "open" and amount and filled >= amount:
        return OrderState.FILLED
    return OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN


def kind(said: Mapping[str, Any], stop: Decimal | None) -> OrderType:
    """The type of an order, by the exchange's own name of it where it can be told."""
    info = said.get("info") if isinstance(said.get("info"), dict) else {}
    places = [info, info.get("descr")] if info else []
    own = [str(place[name]) for place in places if isinstance(place, dict) for name in TYPED if place.get(name)]
    named = " ".join([*own, str(said.get("type") or "")]).lower()
    limited = "limit" in named
    if "take" in named:
        return OrderType.TAKE_PROFIT_LIMIT if limited else OrderType.TAKE_PROFIT
    if stop is not None or "stop" in named:
        return OrderType.STOP_LIMIT if limited else OrderType.STOP
    return OrderType.MARKET if "market" in named else OrderType.LIMIT


def spans(since: datetime, now: datetime, longest: timedelta | None) -> Iterator[tuple[datetime, datetime | None]]:
    """The time from ``since`` on, in stretches of which none is too long to be asked for; ``None``: open at its end."""
    if longest is None:
        yield since, None
        return
    while since < now:
        yield since, since + longest
        since += longest


def fill(said: Mapping[str, Any]) -> Fill | None:
    """A trade of the account's; ``None`` if it lacks what every trade has."""
    price, amount, at = exact(said.get("price")), exact(said.get("amount")), instant(said.get("timestamp"))
    if price is None or amount is None or at is None or said.get("side") not in {"buy", "sell"} or not said.get("id"):
        return None
    paid = [one for one in (said.get("fee"), *(said.get("fees") or ())) if isinstance(one, dict)]
    # where one is named for each asset that could pay it, most are 0
    fee = next((one for one in paid if exact(one.get("cost"))), next(iter(paid), {}))
    return Fill(
        id=str(said["id"]),
        order_id=str(said.get("order") or ""),
        symbol=str(said["symbol"]),
        side=Side(said["side"]),
        price=price,
        amount=amount,
        fee=exact(fee.get("cost")) or Decimal(0),
        fee_asset=str(fee.get("currency") or ""),
        maker=said.get("takerOrMaker") == "maker",
        at=at,
    )
