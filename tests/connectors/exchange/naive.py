"""The fill rule of paper.py a second time: no sorting, no shelves, no locks; every order is looked at, at every step."""

from dataclasses import dataclass

from connectors.market import Candle
from connectors.order import OrderRequest, OrderType, TimeInForce
from tests.connectors.exchange.made import D

FALLS = {
    ("buy", "limit"),
    ("sell", "stop"),
    ("sell", "stop_limit"),
    ("buy", "take_profit"),
    ("buy", "take_profit_limit"),
}
LOT, ZERO = D("0.0001"), D(0)


@dataclass
class Kept:
    """One order and what came of it."""

    number: int
    request: OrderRequest
    waits: bool
    done: D = ZERO
    state: str = "open"
    spent: bool = False  # it was reached in this candle, and nothing was left for it

    @property
    def falls(self) -> bool:
        """Whether it acts when the price comes down to it."""
        return (str(self.request.side), str(self.request.type) if self.waits else "limit") in FALLS

    @property
    def level(self) -> D:
        """Where it acts."""
        level = self.request.stop_price if self.waits else self.request.price
        assert level is not None
        return level


class Naive:
    """All orders ever placed, the price, and the fills as (number, price, amount, maker)."""

    def __init__(self, share: D | None) -> None:
        """No orders."""
        self.share, self.left, self.price = share, D("Infinity"), D(0)
        self.orders: list[Kept] = []
        self.fills: list[tuple[int, D, D, bool]] = []
        self.going: list[Kept] = []  # triggered, and what was left was too little

    def place(self, request: OrderRequest) -> None:
        """As it was taken by the engine under test."""
        waits = request.stop_price is not None
        self.orders.append(Kept(len(self.orders) + 1, request, waits))
        if not waits:
            self.meet(self.orders[-1])

    def cancel(self, name: str) -> None:
        """By its client order id."""
        for order in self.orders:
            if order.request.client_order_id == name:
                order.state = "cancelled"
                self.going = [one for one in self.going if one is not order]

    def feed(self, candle: Candle) -> None:
        """Go through a candle."""
        if self.share is not None:
            self.left = candle.volume * self.share
        self.price = candle.open
        going, self.going = self.going, []
        for order in going:
            self.meet(order)
        ends = (candle.high, candle.low) if candle.close < candle.open else (candle.low, candle.high)
        for end in (candle.open, *ends, candle.close):
            while True:
                while (order := self.reached()) is not None:
                    self.act(order)
                between = [
                    one.level
                    for one in self.resting()
                    if (end <= one.level < self.price if one.falls else self.price < one.level <= end)
                ]
                if not between:
                    break
                self.price = max(between) if end < self.price else min(between)
            self.price = end
        for order in self.orders:
            order.spent = False

    def resting(self) -> list[Kept]:
        """Those that may still act."""
        return [one for one in self.orders if one.state == "open" and not one.spent and one not in self.going]

    def reached(self) -> Kept | None:
        """The next to act at this price."""
        down = [one for one in self.resting() if one.falls and one.level >= self.price]
        up = [one for one in self.resting() if not one.falls and one.level <= self.price]
        first = sorted(down, key=lambda one: (-one.level, one.number))[:1]
        first += sorted(up, key=lambda one: (one.level, one.number))[:1]
        return min(first, key=lambda one: one.number) if first else None

    def act(self, order: Kept) -> None:
        """It is reached."""
        if order.waits:
            order.waits = False
            self.meet(order)
        else:
            self.fill(order, maker=True)
            order.spent = order.state == "open"

    def meet(self, order: Kept) -> None:
        """It comes to the price as a market or limit order."""
        request = order.request
        own, buys, lasts = request.price, request.side == "buy", request.time_in_force
        crosses = own is None or (own >= self.price if buys else own <= self.price)
        if crosses and not (lasts == TimeInForce.FOK and self.room(order) < self.rest(order)):
            self.fill(order, maker=False)
        if order.state == "open" and (request.type == OrderType.MARKET or lasts in {TimeInForce.IOC, TimeInForce.FOK}):
            order.state = "expired"
        if own is None and order.state == "open":
            self.going.append(order)

    def rest(self, order: Kept) -> D:
        """What it lacks."""
        assert order.request.amount is not None
        return order.request.amount - order.done

    def room(self, order: Kept) -> D:
        """How much of it this candle holds."""
        if self.left >= self.rest(order):
            return self.rest(order)
        return self.left // LOT * LOT

    def fill(self, order: Kept, *, maker: bool) -> None:
        """Fill it at this price."""
        amount = self.room(order)
        if amount:
            self.left -= amount
            order.done += amount
            self.fills.append((order.number, self.price, amount, maker))
        if not self.rest(order):
            order.state = "filled"
