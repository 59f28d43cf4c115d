"""What a strategy is: a pure decision over closed candles and fills, the same live, on paper and in a backtest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel

from connectors.market import Candle, Market
from connectors.order import Balance, Fill, OrderRequest, OrderState, OrderType, Side, TimeInForce


@dataclass(frozen=True, slots=True)
class Place:
    """Place an order.

    Attributes:
        tag: The strategy's own name for it, unique among its orders: ``buy-3``; events speak of it by this name.
    """

    tag: str
    symbol: str
    side: Side
    type: OrderType
    amount: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    quote_amount: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC

    def order(self, client_order_id: str) -> OrderRequest:
        """The order that it asks for, in exactly its numbers."""
        return OrderRequest(
            client_order_id,
            self.symbol,
            self.side,
            self.type,
            self.amount,
            self.price,
            self.stop_price,
            self.quote_amount,
            self.time_in_force,
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """Place two orders of one symbol, side and amount, of which one cancels the other ("OCO"): both, or neither.

    One waits above the market's price and one below it. It is for markets that say they take ``pairs``; elsewhere both
    are refused. To cancel one of them cancels the other.
    """

    first: Place
    second: Place

    @property
    def legs(self) -> tuple[Place, Place]:
        """Both."""
        return self.first, self.second


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel the order of this tag, if it may still be filled."""

    tag: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The bot is done, or must not go on; what happens to its orders its stop policy says."""

    why: str


@dataclass(frozen=True, slots=True)
class Tell:
    """A person must know this.

    Attributes:
        what: A sentence.
        about: ``sale of deal 2``: of one thing a person is told once until they have read it.
    """

    what: str
    about: str


S = TypeVar("S", bound=BaseModel)

Wish = Place | Pair | Cancel | Stop | Tell


def placed(wish: Wish) -> tuple[Place, ...]:
    """The orders that a wish asks for."""
    match wish:
        case Place():
            return (wish,)
        case Pair():
            return wish.legs
    return ()


@dataclass(frozen=True, slots=True)
class Filled:
    """An order of the bot was filled, or a part of it."""

    tag: str
    fill: Fill


@dataclass(frozen=True, slots=True)
class Ended:
    """An order of the bot will not be filled any more: filled wholly, cancelled, expired, rejected, not placed.

    Attributes:
        why: For a person: ``0.00009 BTC is below the lot size 0.0001``.
        lasting: It was rejected for what a retry can't change: a balance that is not there, a key that may not trade.
        outdated: It was rejected by rules of its market that had changed since they were read: asked for anew, by those
            that are shown now, it is another order.
    """

    tag: str
    state: OrderState
    filled: Decimal
    why: str = ""
    lasting: bool = False
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """A candle has closed."""

    symbol: str
    candle: Candle


@dataclass(frozen=True, slots=True)
class Signal:
    """A message for the bot, checked and for the first time."""

    id: str
    said: Mapping[str, Any]
    at: datetime


Event = Closed | Filled | Ended | Signal


@dataclass(frozen=True, slots=True)
class View:
    """What a strategy may look at: nothing of the future.

    Attributes:
        markets: The rules of the bot's symbols.
        prices: The last known price of each symbol.
        balances: What the bot may use, by asset: its own share, not the account's.
        events: What happened since the last decision, oldest first.
    """

    markets: Mapping[str, Market]
    prices: Mapping[str, Decimal]
    balances: Mapping[str, Balance]
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Waits:
    """What a strategy must be asked about next; what happens to its orders, and signals, it is asked about always.

    Attributes:
        candles: Every candle that closes.
        until: When this instant has come, at the first candle that closes then.
    """

    candles: bool = False
    until: datetime | None = None


class Strategy(Protocol[S]):
    """Pure: the same state, view and instant give the same decision. ``S`` is a frozen, JSON-able (pydantic) state."""

    @property
    def symbols(self) -> Sequence[str]:
        """What it trades."""

    def begin(self) -> S:
        """The state before the first decision, which is made at the first candle that closes."""

    def waits(self, state: S) -> Waits:
        """What it waits for in this state."""

    def decide(self, state: S, view: View, now: datetime) -> tuple[S, Sequence[Wish]]:
        """What to remember, and what to do. Raises nothing; what it can't go on with is a ``Stop``."""
