"""Orders: what is asked of an exchange, what it says of them, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Side(StrEnum):
    """Which way the base asset goes."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """When an order acts. The stop and take-profit ones wait for ``stop_price``."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"  #: a market order once the price has gone the wrong way to ``stop_price``
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT = "take_profit"  #: a market order once the price has gone the right way to ``stop_price``
    TAKE_PROFIT_LIMIT = "take_profit_limit"


LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT})  #: those that name a price
WAITING = frozenset(OrderType) - {OrderType.MARKET, OrderType.LIMIT}  #: those that name a stop price


class TimeInForce(StrEnum):
    """How long an order that names a price stays."""

    GTC = "gtc"  #: until it is filled or cancelled
    IOC = "ioc"  #: what can be filled at once; the rest is cancelled
    FOK = "fok"  #: all at once, or nothing
    POST_ONLY = "post_only"  #: rests in the book, or is refused


class OrderState(StrEnum):
    """What an exchange says of an order."""

    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


LIVE = frozenset({OrderState.OPEN, OrderState.PARTIALLY_FILLED})  #: those in which an order may still be filled


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as it is asked for; fixed before it is sent.

    Attributes:
        client_order_id: Ours; random, at most 32 characters of ``[a-z0-9]``.
        symbol: ``BTC/USDT``.
        amount: In the base asset; ``None`` for a market order that names ``quote_amount``.
        price: In the quote asset, for those that are limited.
        stop_price: In the quote asset, for those that wait.
        quote_amount: How much of the quote asset a market order spends (or, selling, brings).
    """

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    amount: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    quote_amount: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC

    def plan(self) -> dict[str, Any]:
        """As a frozen plan: JSON-able, numbers as text."""
        said = {name: getattr(self, name) for name in self.__slots__}
        return {name: str(value) for name, value in said.items() if value is not None}

    @classmethod
    def of(cls, plan: Mapping[str, Any]) -> OrderRequest:
        """The order that ``plan`` wrote down."""
        return cls(
            client_order_id=plan["client_order_id"],
            symbol=plan["symbol"],
            side=Side(plan["side"]),
            type=OrderType(plan["type"]),
            **{name: Decimal(plan[name]) for name in _NUMBERS if name in plan},
            time_in_force=TimeInForce(plan["time_in_force"]),
        )


_NUMBERS = ("amount", "price", "stop_price", "quote_amount")


@dataclass(frozen=True, slots=True)
class PairRequest:
    """Two orders for one amount of which one cancels the other ("OCO"), as they are asked for: both, or neither.

    Attributes:
        client_order_id: Ours, of the pair as a whole; each of its orders has one of its own.
        legs: One above the market's price and one below it, of the same symbol, side and amount.
    """

    client_order_id: str
    legs: tuple[OrderRequest, OrderRequest]

    def plan(self) -> dict[str, Any]:
        """As a frozen plan: JSON-able, numbers as text."""
        return {"client_order_id": self.client_order_id, "legs": [leg.plan() for leg in self.legs]}


def requested(plan: Mapping[str, Any]) -> OrderRequest | PairRequest:
    """The order, or the pair, that a plan wrote down."""
    if "legs" not in plan:
        return OrderRequest.of(plan)
    first, second = (OrderRequest.of(leg) for leg in plan["legs"])
    return PairRequest(plan["client_order_id"], (first, second))


def orders_of(plan: Mapping[str, Any]) -> tuple[OrderRequest, ...]:
    """The orders of a plan: one, or the two of a pair."""
    found = requested(plan)
    return found.legs if isinstance(found, PairRequest) else (found,)


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the exchange shows it.

    Attributes:
        id: The exchange's.
        client_order_id: Ours; empty for an order that was made elsewhere and has none.
        amount: Asked for, in the base asset; ``None`` where only a quote amount was asked for and nothing is filled.
        filled: In the base asset.
        cost: Paid or received for what is filled, in the quote asset, without fees.
        at: When it was placed (UTC).
    """

    id: str
    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    state: OrderState
    amount: Decimal | None
    filled: Decimal
    cost: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade that filled an order, or a part of it.

    Attributes:
        id: The exchange's. Where two orders of one account have traded with each other, both have it.
        order_id: The exchange's id of the order.
        amount: In the base asset.
        price: In the quote asset.
        fee: In ``fee_asset``; never negative but for a rebate.
        maker: Whether the order rested in the book.
        at: UTC.
    """

    id: str
    order_id: str
    symbol: str
    side: Side
    price: Decimal
    amount: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool
    at: datetime

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from all others of its symbol."""
        return self.id, self.order_id


@dataclass(frozen=True, slots=True)
class Balance:
    """How much of an asset there is.

    Attributes:
        free: Can be used.
        locked: Held for open orders.
    """

    asset: str
    free: Decimal
    locked: Decimal = Decimal(0)
