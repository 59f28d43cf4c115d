"""Deal DCA: buy, buy more as the price falls, sell all of it at a gain over the average; then begin anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from connectors.market import Market
from connectors.order import OrderState, OrderType, Side
from jobs.bots.exits import Barriers, Exit, heard, reached, resting, told
from jobs.bots.parameters import Model, PercentOrNone, Positive, Symbol, whole
from jobs.bots.sale import Failed, sale
from jobs.bots.strategy import Cancel, Ended, Filled, Place, Stop, View, Waits, Wish, placed
from jobs.orders.risk import plain

TRIES = 3  #: orders that should buy and ended unfilled so often in a row end the bot

Coefficient = Annotated[Decimal, Field(ge=Decimal("0.1"), le=10, allow_inf_nan=False)]
Gain = Annotated[Decimal, Field(gt=0, le=1000, allow_inf_nan=False)]


class Deal(Model):
    """How far it has come.

    Attributes:
        phase: ``idle`` between deals, ``opening`` (the base order), ``open``, ``closing`` (cancelled, then sold).
        number: Of the deal, from 1.
        until: When the next one may begin.
        base_price: What the base order paid on average, without fees: the price that safety orders are measured from.
        base_amount: Bought by it, fees not taken off.
        base_cost: Paid for that, fees not added.
        held: Bought and not sold, fees in the base asset taken off.
        got: Bought in this deal, fees in the base asset taken off.
        cost: Paid for it, fees in the quote asset included.
        safety: Safety orders that were placed in this deal.
        resting: Tags of the orders that may still be filled.
        exit: Those of them that end the deal.
        peak: The highest close since the take-profit was reached; 0: it was not.
        orders: Raised with every order, so that each has a tag of its own.
        failed: Orders in a row that should have sold all of it, and did not.
    """

    phase: Literal["idle", "opening", "open", "closing"] = "idle"
    number: int = 0
    until: AwareDatetime | None = None
    base_price: Decimal = Decimal(0)
    base_amount: Decimal = Decimal(0)
    base_cost: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    got: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    safety: int = 0
    resting: tuple[str, ...] = ()
    exit: Exit = Exit()
    peak: Decimal = Decimal(0)
    orders: int = 0
    tries: int = 0
    why: str = ""
    failed: Failed = Failed()


class DealDca(Model):
    """The parameters, as 3Commas names them; percentages are such: 1.5 is 1.5 %.

    The take-profit and the stop-loss rest at the exchange: as a pair of which one cancels the other where it has that
    (Binance); elsewhere, if there are both, the stop-loss rests and the take-profit is watched at each candle's close.

    Attributes:
        symbol: What it trades: ``BTC/USDT``.
        base_order_volume: What the first order of a deal buys, in the asset that ``base_order_volume_type`` says.
        base_order_volume_type: ``quote`` or ``base``.
        start_order_type: Buy at once (``market``), or with a ``limit`` order at the price of that moment.
        safety_order_volume: What the first safety order buys, in the same asset.
        max_safety_orders: So many in a deal at most; 0: none.
        active_safety_orders_count: So many rest at the same time.
        safety_order_step_percentage: How far below the base order the first one rests, in percent.
        martingale_volume_coefficient: Each is so many times as large as the one before.
        martingale_step_coefficient: Each step is so many times as long as the one before.
        take_profit: In percent, above what ``take_profit_type`` says.
        take_profit_type: The average price of all that was bought (``total``), or that of the base order (``base``).
        trailing_enabled: From the take-profit on follow the price, and sell when it falls ``trailing_deviation``.
        trailing_deviation: In percent, below the highest close.
        stop_loss_percentage: Sell all when the price comes so far below the base order, in percent; 0: never.
        cooldown: Seconds between two deals.
        disable_after_deals_count: After so many deals it is done; 0: never.
    """

    symbol: Symbol
    base_order_volume: Positive
    base_order_volume_type: Literal["quote", "base"] = "quote"
    start_order_type: Literal["market", "limit"] = "market"
    safety_order_volume: Positive
    max_safety_orders: int = Field(ge=0, le=200)
    active_safety_orders_count: int = Field(1, ge=1, le=200)
    safety_order_step_percentage: Decimal = Field(Decimal(2), gt=0, lt=100, allow_inf_nan=False)
    martingale_volume_coefficient: Coefficient = Decimal(1)
    martingale_step_coefficient: Coefficient = Decimal(1)
    take_profit: Gain
    take_profit_type: Literal["total", "base"] = "total"
    trailing_enabled: bool = False
    trailing_deviation: Decimal = Field(Decimal(1), gt=0, lt=100, allow_inf_nan=False)
    stop_loss_percentage: PercentOrNone = Decimal(0)
    cooldown: int = Field(0, ge=0, le=10**8)
    disable_after_deals_count: int = Field(0, ge=0, le=10**6)

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if self.deviations and self.deviations[-1] >= 100:  # noqa: PLR2004 - per cent
            raise ValueError(
                f"the last of {self.max_safety_orders} safety orders would rest {self.deviations[-1]:.4g} % below the "
                "base order; take fewer, or smaller steps"
            )
        if self.stop_loss_percentage and self.deviations and self.stop_loss_percentage <= self.deviations[-1]:
            raise ValueError(
                f"stop_loss_percentage must be above the last safety order's distance ({self.deviations[-1]:.4g} %)"
            )
        return self

    @cached_property
    def deviations(self) -> tuple[Decimal, ...]:
        """How far below the base order each safety order rests, in percent."""
        found, sum_, step = list[Decimal](), Decimal(0), self.safety_order_step_percentage
        for _ in range(self.max_safety_orders):
            sum_ += step
            found.append(sum_)
            step *= self.martingale_step_coefficient
        return tuple(found)

    @property
    def symbols(self) -> Sequence[str]:
        """The one that it trades."""
        return (self.symbol,)

    def begin(self) -> Deal:
        """No deal yet."""
        return Deal()

    def waits(self, state: Deal) -> Waits:
        """Closes, where a price decides; the end of the cooldown."""
        if state.phase == "idle":
            return Waits(candles=state.until is None, until=state.until)
        if state.failed.again is not None:
            return Waits(until=state.failed.again)
        watches = not state.exit.profit or (self.stop_loss_percentage > 0 and not state.exit.stop)
        return Waits(candles=state.phase == "open" and watches)

    def told(self, state: Deal) -> Sequence[str]:
        """What rests and what is watched, for a person."""
        if state.phase != "open":
            return state.failed.shown()
        trails = [f"watched at each candle's close: trailing take-profit from {plain(self._goal(state), 8)} on"]
        return [*told(state.exit, self._barriers(state)), *(trails if self.trailing_enabled else ())]

    def decide(self, state: Deal, view: View, now: datetime) -> tuple[Deal, Sequence[Wish]]:
        """Go on with the deal, or begin one."""
        market, price, before = view.markets[self.symbol], view.prices[self.symbol], state.failed
        for event in view.events:
            state = self._heard(state, event, market, now)
        if state.tries >= TRIES:
            return state, (Stop(f"orders were not filled {TRIES} times: {state.why}"),)
        if state.phase == "idle":
            waits = state.until is not None and now < state.until
            return (state, ()) if waits else self._opened(state, market, price)
        if state.phase == "opening":
            return self._base_done(state, market, price)
        if state.phase == "open":
            state = self._watched(state, market, price)
        if state.phase == "open":
            return self._placed(state, market, price)
        what = f"{plain(state.held)} {market.base}"
        if useless := state.failed.ends(what):
            return state, useless
        if state.failed.pauses(now):
            return state, state.failed.told(before, what)
        return self._closing(state, market, price, now)

    def _heard(self, state: Deal, event: object, market: Market, now: datetime) -> Deal:
        match event:
            case Filled(tag=tag, fill=fill) if tag in state.resting:
                base, quote = (
                    fill.fee if fill.fee_asset == asset else Decimal(0) for asset in (market.base, market.quote)
                )
                if fill.side is Side.SELL:
                    sold = {
                        "held": state.held - fill.amount,
                        "exit": heard(state.exit, event),
                        "tries": 0,
                        "failed": Failed(),
                    }
                    return state.model_copy(update=sold)
                net, paid = fill.amount - base, fill.price * fill.amount + quote
                more = {"held": state.held + net, "got": state.got + net, "cost": state.cost + paid, "tries": 0}
                if state.phase == "opening":
                    more["base_amount"] = state.base_amount + fill.amount
                    more["base_cost"] = state.base_cost + fill.price * fill.amount
                return state.model_copy(update=more)
            case Ended(tag=tag) if tag in state.resting:
                ours = tag in state.exit.tags  # one that is refused is watched, one of a pair expires with the other
                unsold = _sells(tag) and event.state is not OrderState.FILLED
                failed = event.state in {OrderState.REJECTED, OrderState.EXPIRED} and not ours and not unsold
                return state.model_copy(
                    update={
                        "resting": tuple(one for one in state.resting if one != tag),
                        "exit": heard(state.exit, event),
                        "tries": state.tries + failed,
                        "why": (event.why or event.state.value) if failed else state.why,
                        "failed": state.failed.after(event, now) if unsold else state.failed,
                    }
                )
        return state

    def _tagged(self, state: Deal, what: str) -> tuple[Deal, str]:
        tag = f"deal-{state.number}-{what}-{state.orders + 1}"
        return state.model_copy(update={"orders": state.orders + 1, "resting": (*state.resting, tag)}), tag

    def _opened(self, state: Deal, market: Market, price: Decimal) -> tuple[Deal, Sequence[Wish]]:
        fresh = Deal(phase="opening", number=state.number + 1, orders=state.orders, tries=state.tries, why=state.why)
        return self._base(fresh, market, price)

    def _base(self, state: Deal, market: Market, price: Decimal) -> tuple[Deal, Sequence[Wish]]:
        state, tag = self._tagged(state, "base")
        limit = whole(price, market.filters.tick)
        quote = self.base_order_volume if self.base_order_volume_type == "quote" else None
        if self.start_order_type == "limit":
            amount = self._amount(self.base_order_volume, limit, market)
            return state, (Place(tag, self.symbol, Side.BUY, OrderType.LIMIT, amount=amount, price=limit),)
        if quote is not None:
            return state, (Place(tag, self.symbol, Side.BUY, OrderType.MARKET, quote_amount=quote),)
        amount = whole(self.base_order_volume, market.filters.market_lot or market.filters.lot)
        return state, (Place(tag, self.symbol, Side.BUY, OrderType.MARKET, amount=amount),)

    def _amount(self, volume: Decimal, price: Decimal, market: Market) -> Decimal:
        bought = volume / price if self.base_order_volume_type == "quote" else volume
        return whole(bought, market.filters.lot)

    def _base_done(self, state: Deal, market: Market, price: Decimal) -> tuple[Deal, Sequence[Wish]]:
        if state.resting:
            return state, ()
        if not state.got:
            return self._base(state, market, price)
        opened = state.model_copy(update={"phase": "open", "base_price": state.base_cost / state.base_amount})
        return self._placed(opened, market, price)

    def _goal(self, state: Deal) -> Decimal:
        bought_at = state.cost / state.got if self.take_profit_type == "total" else state.base_price
        return bought_at * (1 + self.take_profit / 100)

    def _barriers(self, state: Deal) -> Barriers:
        stop = state.base_price * (1 - self.stop_loss_percentage / 100) if self.stop_loss_percentage else Decimal(0)
        return Barriers(stop, Decimal(0) if self.trailing_enabled else self._goal(state), limit=True)

    def _watched(self, state: Deal, market: Market, price: Decimal) -> Deal:
        """Whether the deal is over: sold, or to be sold now."""
        if not whole(state.held, market.filters.lot):
            return state.model_copy(update={"phase": "closing"})
        if self._is_reached(state, price):
            return state.model_copy(update={"phase": "closing"})
        if not self.trailing_enabled or (not state.peak and price < self._goal(state)):
            return state
        peak = max(state.peak, price)
        fallen = price <= peak * (1 - self.trailing_deviation / 100)
        return state.model_copy(update={"peak": peak, "phase": "closing" if fallen else "open"})

    def _is_reached(self, state: Deal, price: Decimal) -> bool:
        barrier = reached(state.exit, self._barriers(state), price)
        if barrier == "profit":
            # a limit order that stands alone can still be placed there, and is filled at once
            return bool(self.stop_loss_percentage) or "profit" in state.exit.refused
        return barrier is not None

    def _placed(self, state: Deal, market: Market, price: Decimal) -> tuple[Deal, Sequence[Wish]]:
        """The safety orders that should rest, and what ends the deal, for all that is held."""
        wishes = list[Wish]()
        waiting = len(state.resting) - len(state.exit.tags)
        while waiting < self.active_safety_orders_count and state.safety < self.max_safety_orders:
            wish_state, wish = self._safety(state, market)
            state, waiting = wish_state, waiting + 1
            wishes.append(wish)
        tags = tuple(f"deal-{state.number}-{name}-{state.orders + 1}" for name in ("stop", "profit"))
        exit_, more = resting(state.exit, self._barriers(state), state.held, market, price, (tags[0], tags[1]))
        fresh = tuple(order.tag for wish in more for order in placed(wish))
        orders = state.orders + bool(fresh)
        state = state.model_copy(update={"exit": exit_, "orders": orders, "resting": (*state.resting, *fresh)})
        return state, [*wishes, *more]

    def _safety(self, state: Deal, market: Market) -> tuple[Deal, Place]:
        number = state.safety
        state, tag = self._tagged(state, "safety")
        price = whole(state.base_price * (1 - self.deviations[number] / 100), market.filters.tick)
        volume = self.safety_order_volume * self.martingale_volume_coefficient**number
        wish = Place(
            tag, self.symbol, Side.BUY, OrderType.LIMIT, amount=self._amount(volume, price, market), price=price
        )
        return state.model_copy(update={"safety": number + 1}), wish

    def _closing(self, state: Deal, market: Market, price: Decimal, now: datetime) -> tuple[Deal, Sequence[Wish]]:
        if state.resting:
            selling = any(map(_sells, state.resting))
            return state, () if selling else [Cancel(tag) for tag in state.resting]
        if whole(state.held, market.filters.market_lot or market.filters.lot):
            state, tag = self._tagged(state.model_copy(update={"failed": state.failed.trying()}), "sell")
            return state, (sale(tag, market, state.held, price),)
        done = Deal(number=state.number, until=now + timedelta(seconds=self.cooldown), orders=state.orders)
        if self.disable_after_deals_count and state.number >= self.disable_after_deals_count:
            return done, (Stop(f"{state.number} deals are done"),)
        return done, ()


def _sells(tag: str) -> bool:
    """Whether it is the order that sells all at the market."""
    return "-sell-" in tag
