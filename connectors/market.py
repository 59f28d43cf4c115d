"""What an exchange shows everyone: markets and their rules, candles, prices, order books."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

DOUBTED = timedelta(minutes=1)  #: so old are markets at least that are read anew since an order was refused
LACKED = timedelta(minutes=5)  #: or since one that matters is not there, or not traded; some never are again


@dataclass(frozen=True, slots=True)
class Filters:
    """What an exchange demands of an order's numbers; ``None``: it says nothing of this.

    Attributes:
        tick: Prices are multiples of it, in the quote asset.
        lot: Amounts are multiples of it, in the base asset.
        min_amount: Least amount, in the base asset.
        max_amount: Greatest amount, in the base asset.
        min_notional: Least price x amount, in the quote asset.
        max_notional: Greatest price x amount, in the quote asset.
        lowest: Least share of the market's price that an order may name: ``0.2``.
        highest: Greatest share of the market's price that an order may name: ``5``.
        market_lot: In place of ``lot``, for market orders.
        market_max: In place of ``max_amount``, for market orders.
        cent: What a market order spends is a multiple of it, in the quote asset.
    """

    tick: Decimal | None = None
    lot: Decimal | None = None
    min_amount: Decimal | None = None
    max_amount: Decimal | None = None
    min_notional: Decimal | None = None
    max_notional: Decimal | None = None
    lowest: Decimal | None = None
    highest: Decimal | None = None
    market_lot: Decimal | None = None
    market_max: Decimal | None = None
    cent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """A pair that can be traded.

    Attributes:
        symbol: ``BTC/USDT``, whatever the exchange itself writes.
        id: The exchange's own name: ``BTCUSDT``.
        base: What is bought and sold.
        quote: What is paid with.
        filters: What orders must keep to.
        maker: Fee of an order that rested in the book, as a share: ``0.001``.
        taker: Fee of an order that was filled at once, as a share.
        active: Whether orders are taken now.
        pairs: Whether two orders may rest for one balance, of which one cancels the other ("OCO").
    """

    symbol: str
    id: str
    base: str
    quote: str
    filters: Filters = Filters()
    maker: Decimal = Decimal(0)
    taker: Decimal = Decimal(0)
    active: bool = True
    pairs: bool = False


def outdated(
    held: Mapping[str, Market] | None, age: timedelta, kept: timedelta, wanted: Collection[str], *, doubted: bool
) -> bool:
    """Whether markets that were loaded so long ago must be loaded anew. Pure.

    Args:
        held: What was loaded; ``None``: nothing yet.
        age: How long ago; below 0: the clock was set back since.
        kept: How long they are good for.
        wanted: The symbols that matter now: one that is not there, or not traded, may be by now.
        doubted: An order was refused since, perhaps by rules that are others by now.
    """
    if held is None or not timedelta() <= age <= kept or (doubted and age > DOUBTED):
        return True
    return age > LACKED and any(symbol not in held or not held[symbol].active for symbol in wanted)


@dataclass(frozen=True, slots=True)
class Candle:
    """What was traded in a stretch of time.

    Attributes:
        at: When it begins (UTC).
        volume: In the base asset.
    """

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class Ticker:
    """The best prices now, and the last one that was traded."""

    symbol: str
    bid: Decimal
    ask: Decimal
    last: Decimal
    at: datetime  #: UTC


@dataclass(frozen=True, slots=True)
class Level:
    """One price in an order book, and how much (base asset) rests there."""

    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Book:
    """The orders that rest, best first on both sides."""

    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    at: datetime  #: UTC
