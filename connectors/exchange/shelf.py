"""The open orders of one symbol, sorted by the price at which each acts, and the price that the market has come to."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from connectors.market import Candle, Market
from connectors.order import LIMITED, LIVE, Fill, Order, OrderRequest, OrderState, OrderType, Side

ZERO, LEAST = Decimal(0), Decimal("1e-8")
NEVER, ALWAYS = Decimal("Infinity"), Decimal("-Infinity")
_RISING = {(OrderType.STOP, Side.BUY), (OrderType.STOP_LIMIT, Side.BUY)} | {
    (OrderType.TAKE_PROFIT, Side.SELL),
    (OrderType.TAKE_PROFIT_LIMIT, Side.SELL),
}


@dataclass(eq=False, slots=True)
class Resting:
    """An order that the engine works on.

    Attributes:
        number: In the order of placing; its id.
        amount: Asked for, in the base asset; for a quote amount what it came to.
        waits: Until the price comes to the stop price.
        locked: How much is held for it: quote asset for a buy, base asset for a sell.
        mate: The number of the other order of a pair (one cancels the other); 0: none.
        changed: When it was last filled, cancelled or expired.
    """

    number: int
    request: OrderRequest
    at: datetime
    amount: Decimal
    waits: bool
    locked: Decimal = ZERO
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    state: OrderState = OrderState.OPEN
    mate: int = 0
    changed: datetime | None = None
    fills: list[Fill] = field(default_factory=list)

    @property
    def live(self) -> bool:
        """Whether it may still be filled."""
        return self.state in LIVE

    @property
    def buys(self) -> bool:
        """Whether it takes the base asset in."""
        return self.request.side is Side.BUY

    @property
    def rest(self) -> Decimal:
        """What is not filled yet."""
        return self.amount - self.filled

    @property
    def level(self) -> Decimal:
        """The price at which it acts."""
        level = self.request.stop_price if self.waits else self.request.price
        return level if level is not None else ALWAYS

    @property
    def rises(self) -> bool:
        """Whether the price must come to it from below."""
        return triggers_rising(self.request) if self.waits else not self.buys

    def order(self) -> Order:
        """As an exchange shows it."""
        asked = self.request
        return Order(
            id=str(self.number),
            client_order_id=asked.client_order_id,
            symbol=asked.symbol,
            side=asked.side,
            type=asked.type,
            state=self.state,
            amount=asked.amount if asked.amount is not None else self.filled or None,
            filled=self.filled,
            cost=self.cost,
            price=asked.price,
            stop_price=asked.stop_price,
            at=self.at,
        )


def triggers_rising(request: OrderRequest) -> bool:
    """Whether an order that waits does so for a higher price."""
    return (request.type, request.side) in _RISING


def crosses(request: OrderRequest, price: Decimal) -> bool:
    """Whether the market's price is as good as the order's own, or better."""
    own = request.price
    return own is None or (own >= price if request.side is Side.BUY else own <= price)


def path(candle: Candle) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """The prices that a candle is taken to have gone through: the extreme that the close is farther from comes first.

    A candle that closed below its open went up first, then down; any other went down first, then up.
    """
    if candle.close < candle.open:
        return candle.open, candle.high, candle.low, candle.close
    return candle.open, candle.low, candle.high, candle.close


@dataclass(slots=True)
class Shelf:
    """One symbol.

    Attributes:
        last: The price that the market has come to; ``None``: none was seen yet.
        left: How much of the present candle may still be taken, in the base asset.
        low: A candle that stays above it and below ``high`` touches nothing.
        below: Orders that act when the price falls, the next one last.
        above: Orders that act when the price rises, the next one last.
        going: Stops that were triggered and found too little.
        passed: Orders that were reached, but nothing was left for them in this candle.
    """

    market: Market
    last: Decimal | None = None
    left: Decimal = NEVER
    low: Decimal = ALWAYS
    high: Decimal = NEVER
    below: list[tuple[Decimal, int, Resting]] = field(default_factory=list)
    above: list[tuple[Decimal, int, Resting]] = field(default_factory=list)
    going: list[Resting] = field(default_factory=list)
    passed: list[Resting] = field(default_factory=list)

    @property
    def lot(self) -> Decimal:
        """The least step of amounts."""
        return self.market.filters.lot or LEAST

    @property
    def market_lot(self) -> Decimal:
        """The least step of a market order's amounts."""
        return self.market.filters.market_lot or self.lot

    def put(self, order: Resting) -> None:
        """Let it rest."""
        if not order.waits and order.request.type not in LIMITED:
            self.going.append(order)
        elif order.rises:
            insort(self.above, _up(order))
        else:
            insort(self.below, _down(order))
        self._watch()

    def drop(self, order: Resting) -> None:
        """Take it away, wherever it is."""
        for few in (self.going, self.passed):
            if order in few:
                few.remove(order)
        side, key = (self.above, _up(order)) if order.rises else (self.below, _down(order))
        at = bisect_left(side, key)
        if at < len(side) and side[at][2] is order:
            del side[at]
        self._watch()

    def reached(self, price: Decimal) -> Resting | None:
        """Take the order that is first in time of those next on each side, if this price reaches it."""
        down = self.below[-1] if self.below and self.below[-1][0] >= price else None
        up = self.above[-1] if self.above and self.above[-1][0] >= price.copy_negate() else None
        if down is None and up is None:
            return None
        if up is None or (down is not None and down[1] > up[1]):
            return self.below.pop()[2]
        return self.above.pop()[2]

    def next(self, start: Decimal, end: Decimal) -> Decimal | None:
        """The first price on the way at which an order acts."""
        if end < start and self.below and self.below[-1][0] >= end:
            return self.below[-1][0]
        if end > start and self.above and self.above[-1][0] >= end.copy_negate():
            return self.above[-1][0].copy_negate()
        return None

    def close(self) -> None:
        """The candle is over: what was passed rests again."""
        passed, self.passed = self.passed, []
        for order in passed:
            self.put(order)
        self._watch()

    def _watch(self) -> None:
        self.low = NEVER if self.going else self.below[-1][0] if self.below else ALWAYS
        self.high = self.above[-1][0].copy_negate() if self.above else NEVER


def _down(order: Resting) -> tuple[Decimal, int, Resting]:
    return order.level, -order.number, order


def _up(order: Resting) -> tuple[Decimal, int, Resting]:
    return order.level.copy_negate(), -order.number, order
