"""The one matching engine: paper mode, backtests and the sandbox's exchange fill orders by it.

It is pure: it calls nobody, and every instant is told to it. The rule by which it fills:

- The market's price is the last one seen. An order that is placed meets that price: a market order is filled at it,
  and so is a limit order that it satisfies (as taker). All others rest. Nothing that comes later is looked at.
- A candle is taken to go from its open to the extreme that its close is farther from, to the other extreme, to its
  close (``shelf.path``), and to touch every price between. From the candle before, the price jumps to the open.
- A resting limit order is filled at its price when that is touched; where the price jumped past it, at the open, which
  is better.
- A stop is triggered when its price is touched, and is then a market or a limit order that meets the price reached:
  the stop price, or the open where the price jumped past it, which is worse for a stop and better for a take-profit.
- Orders act in the order in which their prices are touched, those at one price in the order of placing.
- ``Rules.share`` bounds what all orders together take of one candle. What a resting order could not get waits until its
  price is touched in a later candle, what a triggered stop could not get for the next open (those triggered first come
  first there, before all others). A market order and an IOC expire with it.
- A buy that was triggered at a price for which the account has too little takes what it can pay, and expires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_DOWN, Decimal, localcontext

from connectors.exchange.filters import EXACT, multiple, text
from connectors.exchange.refusal import Refused, Why, check, check_pair
from connectors.exchange.shelf import LEAST, NEVER, ZERO, Resting, Shelf, crosses, path
from connectors.exchange.wallet import Wallet
from connectors.market import Candle, Market
from connectors.order import WAITING, Balance, Fill, Order, OrderRequest, OrderState, OrderType, TimeInForce

NOTHING: Sequence[Fill | Order] = ()
ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Rules:
    """How this exchange works.

    Attributes:
        share: How much of a candle's volume orders may take: ``0.1``; ``None``: any amount.
        quote_fees: Whether fees are always taken in the quote asset; else in what is received, as Binance does.
        keep: So many orders that have ended are remembered, with their fills.
    """

    share: Decimal | None = None
    quote_fees: bool = False
    keep: int = 1000


class Paper:
    """One account on an exchange that has these markets.

    ``Decimal`` throughout, computed exactly: amounts are cut to the lot, and fees to eight decimals as on Binance.
    """

    def __init__(
        self, markets: Mapping[str, Market], balances: Mapping[str, Decimal | Balance], rules: Rules | None = None
    ) -> None:
        """Open the account with ``balances``, by asset."""
        held = {name: held if isinstance(held, Balance) else Balance(name, held) for name, held in balances.items()}
        self.rules = rules or Rules()
        self.wallet = Wallet(held)
        self.shelves = {symbol: Shelf(market) for symbol, market in markets.items()}
        self.open: dict[int, Resting] = {}
        self.ended: dict[int, Resting] = {}
        self.named: dict[str, Resting] = {}  #: by client order id, the latest of each
        self.last_order = 0
        self.last_fill = 0
        self._news: list[Fill | Order] = []

    def place(self, request: OrderRequest, now: datetime) -> Order:
        """Place an order; what of it was filled at once is in the answer, and in ``fills_of``.

        Raises:
            Refused: it was not placed.
        """
        shelf = self._checked(request)
        with localcontext(EXACT):
            order = self._made(request, shelf, now)
            self._secure(self._need(order, shelf), order, shelf)
            self._admit(order)
            if order.waits:
                shelf.put(order)
            else:
                self._meet(order, shelf, now)
        self._news.clear()
        return order.order()

    def place_pair(self, first: OrderRequest, second: OrderRequest, now: datetime) -> tuple[Order, Order]:
        """Place two orders of one amount of which one cancels the other: one above the market's price, one below.

        Raises:
            Refused: neither was placed.
        """
        shelf = self._checked(first)
        self._checked(second)
        check_pair(first, second, shelf)
        with localcontext(EXACT):
            one, two = (self._made(request, shelf, now) for request in (first, second))
            needs = self._need(one, shelf), self._need(two, shelf)
            self._secure(max(needs), one if needs[0] >= needs[1] else two, shelf)
            for order in (one, two):
                self._admit(order)
                shelf.put(order)
            one.mate, two.mate = two.number, one.number
        return one.order(), two.order()

    def cancel(self, client_order_id: str, now: datetime) -> Order:
        """Cancel an open order; the other one of a pair goes with it.

        Raises:
            Refused: no open order has this id.
        """
        order = self.named.get(client_order_id)
        if order is None or not order.live:
            raise Refused(Why.NOT_OPEN, f"no open order has the client order id {client_order_id}")
        with localcontext(EXACT):
            for one in (order, self.open.get(order.mate)):
                if one is not None:
                    self._shelf(one).drop(one)
                    self._end(one, OrderState.CANCELLED, now)
        self._news.clear()
        return order.order()

    def reduce(self, client_order_id: str, amount: Decimal, name: str) -> Order:
        """Make an open order smaller where it stands, and the other one of a pair with it; it is called ``name`` then.

        Raises:
            Refused: no open order has this id, another one has the new one, or the amount is not below the present one
                and above what is filled.
        """
        order = self.named.get(client_order_id)
        if order is None or not order.live:
            raise Refused(Why.NOT_OPEN, f"no open order has the client order id {client_order_id}")
        other = self.named.get(name)
        if other is not None and other.live and other is not order:
            raise Refused(Why.DUPLICATE, f"an open order has the client order id {name} already")
        if not order.filled < amount < order.amount:
            raise Refused(Why.FILTER, f"{text(amount)} is not between {text(order.filled)} and {text(order.amount)}")
        with localcontext(EXACT):
            for one in (order, self.open.get(order.mate)):
                if one is not None:
                    one.amount, one.request = amount, replace(one.request, amount=amount)
                    self._hold(min(one.locked, self._need(one, self._shelf(one))), one, self._shelf(one))
        del self.named[client_order_id]
        order.request = replace(order.request, client_order_id=name)
        self.named[name] = order
        return order.order()

    def feed(self, symbol: str, candle: Candle, at: datetime | None = None) -> Sequence[Fill | Order]:
        """Let the market go through a candle; returns the fills, and each order once it has ended, as it happened.

        Fills are dated ``at``; without it, as the candle is.
        """
        shelf = self.shelves[symbol]
        if self.rules.share is not None:
            shelf.left = candle.volume * self.rules.share
        if candle.low > shelf.low and candle.high < shelf.high:
            shelf.last = candle.close
            return NOTHING
        with localcontext(EXACT):
            now = candle.at if at is None else at
            shelf.last = candle.open
            going, shelf.going = shelf.going, []
            for order in going:
                self._meet(order, shelf, now)
            for price in path(candle):
                self._travel(shelf, price, now)
            shelf.close()
        news, self._news = self._news, []
        return news

    def price(self, symbol: str) -> Decimal | None:
        """The last price that was seen."""
        return self.shelves[symbol].last

    def orders(self, symbol: str | None = None) -> list[Order]:
        """The open orders, oldest first."""
        return [order.order() for order in self.open.values() if symbol in {None, order.request.symbol}]

    def order(self, client_order_id: str) -> Order | None:
        """The latest order of this client order id, open or not, as far as it is remembered."""
        order = self.named.get(client_order_id)
        return order.order() if order else None

    def fills(self, since: datetime | None = None, symbol: str | None = None) -> list[Fill]:
        """The fills of all orders that are remembered, from ``since`` on, oldest first."""
        orders = [order for held in (self.ended, self.open) for order in held.values()]
        found = [fill for order in orders if symbol in {None, order.request.symbol} for fill in order.fills]
        return sorted((fill for fill in found if since is None or fill.at >= since), key=lambda fill: int(fill.id))

    def fills_of(self, order_id: str) -> tuple[Fill, ...]:
        """The fills of one order, oldest first."""
        order = self.open.get(int(order_id)) or self.ended.get(int(order_id))
        return tuple(order.fills) if order else ()

    def balances(self) -> dict[str, Balance]:
        """What the account holds, by asset; none that are zero."""
        return self.wallet.balances()

    def _checked(self, request: OrderRequest) -> Shelf:
        shelf = self.shelves.get(request.symbol)
        if shelf is None:
            raise Refused(Why.SYMBOL, f"there is no market {request.symbol}")
        check(request, shelf)
        known = self.named.get(request.client_order_id)
        if known is not None and known.live:
            raise Refused(Why.DUPLICATE, f"an open order has the client order id {request.client_order_id} already")
        return shelf

    def _made(self, request: OrderRequest, shelf: Shelf, now: datetime) -> Resting:
        amount = request.amount
        if amount is None:
            each = self._price(request, shelf) * (ONE + self._extra(shelf) if request.side == "buy" else ONE)
            amount = multiple((request.quote_amount or ZERO) / each, shelf.market_lot, ROUND_DOWN) or ZERO
            if not amount:
                market, lot = shelf.market, text(shelf.market_lot)
                worth = f"{text(request.quote_amount or ZERO)} {market.quote}"
                raise Refused(Why.FILTER, f"{worth} is less than the lot size {lot} {market.base} costs")
        return Resting(0, request, now, amount, waits=request.type in WAITING)

    def _admit(self, order: Resting) -> None:
        self.last_order += 1
        order.number = self.last_order
        self.open[order.number] = order
        self.named[order.request.client_order_id] = order

    def _shelf(self, order: Resting) -> Shelf:
        return self.shelves[order.request.symbol]

    def _extra(self, shelf: Shelf) -> Decimal:
        """The greatest fee that a buy pays on top of its cost, as a share."""
        return max(shelf.market.maker, shelf.market.taker, ZERO) if self.rules.quote_fees else ZERO

    def _price(self, request: OrderRequest, shelf: Shelf) -> Decimal:
        price = request.price or request.stop_price or shelf.last
        return ZERO if price is None else price

    def _need(self, order: Resting, shelf: Shelf) -> Decimal:
        """What must be held for the rest of an order."""
        if not order.buys:
            return order.rest
        return order.rest * self._price(order.request, shelf) * (ONE + self._extra(shelf))

    def _asset(self, order: Resting, shelf: Shelf) -> str:
        return shelf.market.quote if order.buys else shelf.market.base

    def _secure(self, need: Decimal, order: Resting, shelf: Shelf) -> None:
        asset = self._asset(order, shelf)
        if not self.wallet.has(asset, need):
            free = text(self.wallet.free.get(asset, ZERO))
            raise Refused(Why.BALANCE, f"the order needs {text(need)} {asset}, and {free} {asset} is free")
        self._hold(need, order, shelf)

    def _hold(self, amount: Decimal, order: Resting, shelf: Shelf) -> None:
        self.wallet.lock(self._asset(order, shelf), amount - order.locked)
        order.locked = amount

    def _travel(self, shelf: Shelf, end: Decimal, now: datetime) -> None:
        """The price goes on to ``end``, and every order on the way acts."""
        while shelf.last is not None:
            while (order := shelf.reached(shelf.last)) is not None:
                self._act(order, shelf, now)
            following = shelf.next(shelf.last, end)
            shelf.last = end if following is None else following
            if following is None:
                return

    def _act(self, order: Resting, shelf: Shelf, now: datetime) -> None:
        """The price has come to where an order rests."""
        self._part(order, shelf, now)
        if order.waits:
            order.waits = False
            self._meet(order, shelf, now)
            return
        self._fill(order, shelf, now, maker=True)
        if order.live:
            shelf.passed.append(order)

    def _part(self, order: Resting, shelf: Shelf, now: datetime) -> None:
        """What acts ends the other one of its pair, and takes over what is held for both."""
        mate = self.open.get(order.mate)
        if mate is None or not (order.waits or self._available(order, shelf)):
            return
        shelf.drop(mate)
        self._end(mate, OrderState.EXPIRED, now)
        self._hold(self._need(order, shelf), order, shelf)

    def _meet(self, order: Resting, shelf: Shelf, now: datetime) -> None:
        """A market or a limit order comes to the market's present price."""
        request = order.request
        whole = request.time_in_force != TimeInForce.FOK or self._available(order, shelf) == order.rest
        if shelf.last is not None and crosses(request, shelf.last) and whole:
            self._fill(order, shelf, now, maker=False)
        if not order.live:
            return
        if request.type == OrderType.MARKET or request.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
            self._end(order, OrderState.EXPIRED, now)
        else:
            shelf.put(order)

    def _available(self, order: Resting, shelf: Shelf) -> Decimal:
        """How much of an order the present candle leaves room for."""
        if shelf.left == NEVER or shelf.left >= order.rest:
            return order.rest
        return multiple(shelf.left, shelf.lot, ROUND_DOWN) or ZERO

    def _fill(self, order: Resting, shelf: Shelf, now: datetime, *, maker: bool) -> None:
        """Fill what can be filled at the market's present price."""
        price, amount = shelf.last or ZERO, self._available(order, shelf)
        extra = (shelf.market.maker if maker else shelf.market.taker) if self.rules.quote_fees else ZERO
        short = order.buys and amount * price * (ONE + extra) > self._reach(order, shelf)
        if short:
            each = price * (ONE + extra)
            amount = multiple(self._reach(order, shelf) / each, shelf.lot, ROUND_DOWN) or ZERO
        if amount:
            self._book(order, shelf, self._priced(order, shelf, amount, maker=maker, now=now))
        if not order.rest:
            self._end(order, OrderState.FILLED, now)
        elif short:
            self._end(order, OrderState.EXPIRED, now)

    def _reach(self, order: Resting, shelf: Shelf) -> Decimal:
        """How much a buy can pay: what is held for it and what is free."""
        return order.locked + self.wallet.free.get(shelf.market.quote, ZERO)

    def _priced(self, order: Resting, shelf: Shelf, amount: Decimal, *, maker: bool, now: datetime) -> Fill:
        market, price = shelf.market, shelf.last or ZERO
        rate = market.maker if maker else market.taker
        in_base = order.buys and not self.rules.quote_fees
        self.last_fill += 1
        return Fill(
            id=str(self.last_fill),
            order_id=str(order.number),
            symbol=market.symbol,
            side=order.request.side,
            price=price,
            amount=amount,
            fee=(rate * (amount if in_base else amount * price)).quantize(LEAST, ROUND_DOWN),
            fee_asset=market.base if in_base else market.quote,
            maker=maker,
            at=max(now, order.at),
        )

    def _book(self, order: Resting, shelf: Shelf, fill: Fill) -> None:
        market, cost = shelf.market, fill.price * fill.amount
        if order.buys:
            spent = cost if fill.fee_asset == market.base else cost + fill.fee
            got = fill.amount - fill.fee if fill.fee_asset == market.base else fill.amount
        else:
            spent, got = fill.amount, cost - fill.fee
        if spent > order.locked:
            self._hold(spent, order, shelf)
        self.wallet.pay(self._asset(order, shelf), spent)
        order.locked -= spent
        self.wallet.take(market.base if order.buys else market.quote, got)
        order.filled += fill.amount
        order.cost += cost
        order.state, order.changed = OrderState.PARTIALLY_FILLED, fill.at
        order.fills.append(fill)
        if shelf.left != NEVER:
            shelf.left -= fill.amount
        self._hold(min(order.locked, self._need(order, shelf)), order, shelf)
        self._news.append(fill)

    def _end(self, order: Resting, state: OrderState, now: datetime) -> None:
        self._hold(ZERO, order, self._shelf(order))
        order.state, order.changed = state, max(now, order.at)
        del self.open[order.number]
        self.ended[order.number] = order
        self._news.append(order.order())
        if len(self.ended) > self.rules.keep:
            oldest = self.ended.pop(next(iter(self.ended)))
            if self.named.get(oldest.request.client_order_id) is oldest:
                del self.named[oldest.request.client_order_id]
