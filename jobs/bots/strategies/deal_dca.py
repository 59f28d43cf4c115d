"""Deal DCA: buy, buy more as the price falls, sell all of it at a gain over the average; then begin anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from connectors.market import Market
from connectors.order import OrderType, Side
from jobs.bots import deal as deals
from jobs.bots import exits
from jobs.bots.deal import Deal
from jobs.bots.exits import Barriers, reached, resting
from jobs.bots.kind import Kind
from jobs.bots.parameters import PercentOrNone, Positive, Symbol, takes, whole
from jobs.bots.sale import Failed, sale
from jobs.bots.steps import HUNDRED, Gain, Part, Step, Steps, amounts
from jobs.bots.strategy import Cancel, Closed, Place, Stop, Tell, View, Waits, Wish, placed
from jobs.orders.risk import plain

TRIES = 3  #: orders that should buy and ended unfilled so often in a row are the last; with nothing held, the bot ends
MOVES = Decimal("0.002")  #: a trailing stop-loss at the exchange is moved when it can rise by this share of itself
CENT = Decimal("1e-8")
ZERO = Decimal(0)

Coefficient = Annotated[Decimal, Field(ge=Decimal("0.1"), le=10, allow_inf_nan=False)]


class DealDca(Kind):
    """The parameters, as 3Commas names them; percentages are such: 1.5 is 1.5 %.

    The take-profit and the stop-loss rest at the exchange: as a pair of which one cancels the other where it has that
    (Binance); elsewhere, if there are both, the stop-loss rests and the take-profit is watched at each candle's close.
    With steps there is a pair for each. A bot has one pair and so one deal at a time: ``max_active_deals`` is 1.

    Attributes:
        symbol: What it trades: ``BTC/USDT``.
        base_order_volume: What the first order of a deal buys, in what ``base_order_volume_type`` says.
        base_order_volume_type: ``quote`` or ``base`` asset, or ``percent`` of the quote asset that is free as the deal
            begins.
        start_order_type: Buy at once (``market``), or with a ``limit`` order at the price of that moment.
        safety_order_volume: What the first safety order buys, in the same.
        max_safety_orders: So many in a deal at most; 0: none.
        active_safety_orders_count: So many rest at the same time.
        safety_order_step_percentage: How far below the base order the first one rests, in percent.
        martingale_volume_coefficient: Each is so many times as large as the one before.
        martingale_step_coefficient: Each step is so many times as long as the one before.
        take_profit: Sell all so far above what ``take_profit_type`` says, in percent.
        take_profit_type: The average price of all that was bought (``total``), or that of the base order (``base``).
        take_profit_steps: In place of ``take_profit`` sell in up to four parts: ``50:2,30:4,20:8`` sells half of it 2 %
            above, and so on. Once the first is sold nothing more is bought in the deal.
        trailing_enabled: From the take-profit (of steps: the last) on follow the price, and sell when it falls
            ``trailing_deviation``.
        trailing_deviation: In percent, below the highest close.
        stop_loss_percentage: Sell all when the price comes so far below the base order, in percent; 0: never.
        tsl_enabled: The stop-loss follows the highest close, by as much below it.
        stop_loss_timeout_in_seconds: Sell only after closes have been at the stop-loss or below it for so long, so that
            it is watched and does not rest; 0: at once.
        sl_to_breakeven_enabled: Once the first step is sold, the stop-loss stands at what was paid on average.
        cooldown: Seconds between two deals.
        disable_after_deals_count: After so many deals it is done; 0: never.
    """

    answers = True

    symbol: Symbol
    base_order_volume: Positive
    base_order_volume_type: Literal["quote", "base", "percent"] = "quote"
    start_order_type: Literal["market", "limit"] = "market"
    safety_order_volume: Positive
    max_safety_orders: int = Field(ge=0, le=200)
    active_safety_orders_count: int = Field(1, ge=1, le=200)
    safety_order_step_percentage: Decimal = Field(Decimal(2), gt=0, lt=100, allow_inf_nan=False)
    martingale_volume_coefficient: Coefficient = Decimal(1)
    martingale_step_coefficient: Coefficient = Decimal(1)
    take_profit: Gain | None = None
    take_profit_type: Literal["total", "base"] = "total"
    take_profit_steps: Steps = ()
    trailing_enabled: bool = False
    trailing_deviation: Decimal = Field(Decimal(1), gt=0, lt=100, allow_inf_nan=False)
    stop_loss_percentage: PercentOrNone = ZERO
    tsl_enabled: bool = False
    stop_loss_timeout_in_seconds: int = Field(0, ge=0, le=10**8)
    sl_to_breakeven_enabled: bool = False
    cooldown: int = Field(0, ge=0, le=10**8)
    disable_after_deals_count: int = Field(0, ge=0, le=10**6)

    @model_validator(mode="after")
    def _sense(self) -> Self:
        if (self.take_profit is None) == (not self.take_profit_steps):
            raise ValueError("name either take_profit or take_profit_steps")
        if self.sl_to_breakeven_enabled and len(self.take_profit_steps) < 2:  # noqa: PLR2004 - what moves it is sold before
            raise ValueError("sl_to_breakeven_enabled needs two take_profit_steps or more")
        stops = {"tsl_enabled": self.tsl_enabled, "stop_loss_timeout_in_seconds": self.stop_loss_timeout_in_seconds}
        if not self.stop_loss_percentage and (named := [name for name, given in stops.items() if given]):
            raise ValueError(f"{named[0]} needs a stop_loss_percentage")
        return self

    @model_validator(mode="after")
    def _reach(self) -> Self:
        if self.deviations and self.deviations[-1] >= HUNDRED:
            raise ValueError(
                f"the last of {self.max_safety_orders} safety orders would rest {self.deviations[-1]:.4g} % below the "
                "base order; take fewer, or smaller steps"
            )
        if self.stop_loss_percentage and self.deviations and self.stop_loss_percentage <= self.deviations[-1]:
            raise ValueError(
                f"stop_loss_percentage must be above the last safety order's distance ({self.deviations[-1]:.4g} %)"
            )
        volumes = [self._volume(number) for number in range(self.max_safety_orders)]
        total = sum(volumes, self.base_order_volume)
        if self.base_order_volume_type == "percent" and total > HUNDRED:
            raise ValueError(f"the orders of a deal would take {total:.4g} percent of the funds, more than there is")
        return self

    @cached_property
    def deviations(self) -> tuple[Decimal, ...]:
        """How far below the base order each safety order rests, in percent."""
        found, sum_, step = list[Decimal](), ZERO, self.safety_order_step_percentage
        for _ in range(self.max_safety_orders):
            sum_ += step
            found.append(sum_)
            step *= self.martingale_step_coefficient
        return tuple(found)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All of it at ``take_profit``, if there are no steps."""
        only = Step(amount_percentage=HUNDRED, profit_percentage=self.take_profit or Decimal(1))
        return self.take_profit_steps or (only,)

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
        again = state.failed.again
        if state.phase != "open":
            return Waits(until=again)
        stops = self._stop(state) > 0
        rest = [part.exit for part in state.parts if not part.done]
        watches = any(not one.profit or (stops and not one.stop) for one in rest)
        return Waits(candles=watches or self.tsl_enabled, until=again)

    def told(self, state: Deal) -> Sequence[str]:
        """What rests and what is watched, for a person."""
        found = list(state.failed.shown())
        if state.phase != "open":
            return found
        for number, part in enumerate(state.parts):
            step = f"{plain(self.steps[number].amount_percentage)} %: " if len(self.steps) > 1 else ""
            lines = ["sold"] if part.done else exits.told(part.exit, self._barriers(state, number))
            found += (f"{step}{line}" for line in lines)
        if self.stop_loss_timeout_in_seconds and (level := self._stop(state)):
            lasts = f"{self.stop_loss_timeout_in_seconds} seconds"
            found.append(f"watched at each candle's close: stop-loss at {plain(level, 8)}, once it has lasted {lasts}")
        if state.tries >= TRIES:
            found.append(f"buys no more: {self._bought_out(state)}")
        if self.trailing_enabled:
            goal = plain(self._goal(state, -1), 8)
            found.append(f"watched at each candle's close: trailing take-profit from {goal} on")
        return found

    def decide(self, state: Deal, view: View, now: datetime) -> tuple[Deal, Sequence[Wish]]:
        """Go on with the deal, or begin one."""
        market, before, tries = view.markets[self.symbol], state.failed, state.tries
        for event in view.events:
            state = deals.told(state, event, market, now)
        if state.tries >= TRIES and not state.held:
            return state, (Stop(f"orders were not filled {TRIES} times: {state.why}"),)
        if state.phase == "idle":
            waits = state.until is not None and now < state.until
            return (state, ()) if waits else self._opened(state, view)
        if state.phase == "opening":
            return self._base_done(state, view, now)
        if state.phase == "open":
            state = self._watched(state, view, now)
            if state.phase == "closing":  # it is more urgent than the step that waits for its next try
                state = state.model_copy(update={"failed": state.failed.trying()})
        what = f"{plain(self._owed(state, market))} {market.base}"
        if useless := state.failed.ends(what):
            return state, useless
        said = [*state.failed.told(before, what, f"sale of deal {state.number}")]
        if tries < TRIES <= state.tries:  # what is held is still sold where it should be
            deal = f"deal {state.number}"
            said.append(Tell(f"{deal} goes on, and buys no more: {self._bought_out(state)}", f"buys of {deal}"))
        go_on = self._placed if state.phase == "open" else self._closing
        state, wishes = go_on(state, view, now)
        return state, [*said, *wishes] if said else wishes

    @staticmethod
    def _bought_out(state: Deal) -> str:
        return f"safety orders were not filled {state.tries} times in a row, {state.why}"

    def _opened(self, state: Deal, view: View) -> tuple[Deal, Sequence[Wish]]:
        market, price = view.markets[self.symbol], view.prices[self.symbol]
        free = view.balances.get(market.quote)
        fresh = Deal(
            phase="opening",
            number=state.number + 1,
            funds=free.free if free and self.base_order_volume_type == "percent" else ZERO,
            parts=(Part(),) * len(self.steps),
            orders=state.orders,
            tries=state.tries,
            why=state.why,
        )
        return self._base(fresh, market, price)

    def _base(self, state: Deal, market: Market, price: Decimal) -> tuple[Deal, Sequence[Wish]]:
        state, tag = state.tagged("base")
        limit = whole(price, market.filters.tick)
        if self.start_order_type == "limit":
            amount = self._amount(state, self.base_order_volume, limit, market)
            return state, (Place(tag, self.symbol, Side.BUY, OrderType.LIMIT, amount=amount, price=limit),)
        if self.base_order_volume_type == "base":
            amount = whole(self.base_order_volume, market.filters.market_lot or market.filters.lot)
            return state, (Place(tag, self.symbol, Side.BUY, OrderType.MARKET, amount=amount),)
        spent = self._spent(state, self.base_order_volume, market)
        return state, (Place(tag, self.symbol, Side.BUY, OrderType.MARKET, quote_amount=spent),)

    def _volume(self, number: int) -> Decimal:
        """Of a safety order."""
        return self.safety_order_volume * self.martingale_volume_coefficient**number

    def _spent(self, state: Deal, volume: Decimal, market: Market) -> Decimal:
        """A volume in the quote asset."""
        if self.base_order_volume_type != "percent":
            return volume
        return whole(state.funds * volume / HUNDRED, market.filters.tick or CENT)

    def _amount(self, state: Deal, volume: Decimal, price: Decimal, market: Market) -> Decimal:
        is_base = self.base_order_volume_type == "base"
        return whole(volume if is_base else self._spent(state, volume, market) / price, market.filters.lot)

    def _base_done(self, state: Deal, view: View, now: datetime) -> tuple[Deal, Sequence[Wish]]:
        if state.resting:
            return state, ()
        if not state.got:
            return self._base(state, view.markets[self.symbol], view.prices[self.symbol])
        opened = state.model_copy(update={"phase": "open", "base_price": state.base_cost / state.base_amount})
        return self._placed(opened, view, now)

    def _goal(self, state: Deal, number: int) -> Decimal:
        """Where a step is sold."""
        bought_at = state.average if self.take_profit_type == "total" else state.base_price
        return bought_at * (1 + self.steps[number].profit_percentage / HUNDRED)

    def _stop(self, state: Deal) -> Decimal:
        """Where the stop-loss stands; 0: nowhere."""
        share = self.stop_loss_percentage / HUNDRED
        level = max(state.base_price, state.top if self.tsl_enabled else ZERO) * (1 - share) if share else ZERO
        even = self.sl_to_breakeven_enabled and any(part.done for part in state.parts)
        return max(level, state.average) if even else level

    def _barriers(self, state: Deal, number: int) -> Barriers:
        """Of a step, as far as they may rest."""
        trails = self.trailing_enabled and number == len(self.steps) - 1
        stop = ZERO if self.stop_loss_timeout_in_seconds else self._stop(state)
        step = MOVES if self.tsl_enabled else ZERO
        return Barriers(stop, ZERO if trails else self._goal(state, number), limit=True, step=step)

    def _watched(self, state: Deal, view: View, now: datetime) -> Deal:
        """Whether the deal, or a step of it, is over: sold, or to be sold now."""
        price = view.prices[self.symbol]
        if not whole(state.held, view.markets[self.symbol].filters.lot):
            return state.model_copy(update={"phase": "closing"})
        state = _reopened(self._timed(state, view, now))
        for number, part in enumerate(state.parts):
            barrier = None if part.done else reached(part.exit, self._barriers(state, number), price)
            if barrier == "stop":
                return state.model_copy(update={"phase": "closing"})
            if barrier == "profit" and self._is_due(state, part):
                state = state.part(number, part.model_copy(update={"due": True}))
        if all(part.done or part.due for part in state.parts):
            return state.model_copy(update={"phase": "closing"})
        if not self.trailing_enabled or (not state.peak and price < self._goal(state, -1)):
            return state
        peak = max(state.peak, price)
        fallen = price <= peak * (1 - self.trailing_deviation / HUNDRED)
        return state.model_copy(update={"peak": peak, "phase": "closing" if fallen else state.phase})

    def _is_due(self, state: Deal, part: Part) -> bool:
        """A limit order that stands alone can still be placed there, and is filled at once."""
        return self._barriers(state, 0).stop > 0 or "profit" in part.exit.refused

    def _timed(self, state: Deal, view: View, now: datetime) -> Deal:
        """Since when the price has been at a stop-loss that must last."""
        level = self._stop(state) if self.stop_loss_timeout_in_seconds else ZERO
        risen = any(event.candle.close > level for event in view.events if isinstance(event, Closed))
        since = (None if risen else state.below) or now
        if view.prices[self.symbol] > level:
            return state if state.below is None else state.model_copy(update={"below": None})
        over = now - since >= timedelta(seconds=self.stop_loss_timeout_in_seconds)
        return state.model_copy(update={"below": since, "phase": "closing" if over else state.phase})

    def _placed(self, state: Deal, view: View, now: datetime) -> tuple[Deal, Sequence[Wish]]:
        """The safety orders that should rest, and what ends the deal, for all that is held."""
        market, wishes = view.markets[self.symbol], list[Wish]()
        buys = [tag for tag in state.resting if tag not in state.exits]
        if len(self.steps) > 1 and any(part.done for part in state.parts):
            wishes += (Cancel(tag) for tag in buys)
        else:
            room = min(self.active_safety_orders_count - len(buys), self.max_safety_orders - state.safety)
            for _ in range(room if state.tries < TRIES else 0):
                state, wish = self._safety(state, market)
                wishes.append(wish)
        for number, amount in enumerate(self._shares(state, market)):
            due = state.parts[number].due
            if not (due and state.failed.pauses(now)):
                state, more = (self._sold if due else self._rested)(state, number, amount, view)
                wishes += more
        return state, wishes

    def _shares(self, state: Deal, market: Market) -> Sequence[Decimal]:
        """What each step has still to sell."""
        least = state.base_price * (1 - self.stop_loss_percentage / HUNDRED)
        return amounts(state.parts, self.steps, state.got, state.held, market.filters, least)

    def _owed(self, state: Deal, market: Market) -> Decimal:
        """What has to be sold at the market."""
        if state.phase == "closing":
            return state.held
        shares = zip(state.parts, self._shares(state, market), strict=True)
        return sum((share for part, share in shares if part.due), ZERO)

    def _rested(self, state: Deal, number: int, amount: Decimal, view: View) -> tuple[Deal, Sequence[Wish]]:
        """What should rest of a step, does."""
        part, market, price = state.parts[number], view.markets[self.symbol], view.prices[self.symbol]
        if part.sold and not amount and not part.tags:
            return state.part(number, part.model_copy(update={"done": True})), ()
        stop, profit = (f"deal-{state.number}-{name}-{state.orders + 1}" for name in ("stop", "profit"))
        exit_, wishes = resting(part.exit, self._barriers(state, number), amount, market, price, (stop, profit))
        fresh = tuple(order.tag for wish in wishes for order in placed(wish))
        more = {"orders": state.orders + bool(fresh), "resting": (*state.resting, *fresh)}
        return state.part(number, part.model_copy(update={"exit": exit_})).model_copy(update=more), wishes

    def _sold(self, state: Deal, number: int, amount: Decimal, view: View) -> tuple[Deal, Sequence[Wish]]:
        """A step is sold at the market, once nothing rests for it; too little for an order is left to the others."""
        part, market, price = state.parts[number], view.markets[self.symbol], view.prices[self.symbol]
        if part.tags:
            return state, () if part.selling else (Cancel(part.exit.tags[0]),)
        much = whole(amount, market.filters.market_lot or market.filters.lot)
        if not takes(market.filters, much, price):
            done = state.part(number, part.model_copy(update={"done": True, "due": False}))
            return done.model_copy(update={"failed": Failed()}), ()
        state, tag = state.tagged("step")
        wish = sale(tag, market, amount, price)
        if isinstance(wish, Stop):
            return state, (wish,)
        selling = state.part(number, part.model_copy(update={"selling": tag, "more": wish.amount != much}))
        return selling.model_copy(update={"failed": state.failed.trying()}), (wish,)

    def _safety(self, state: Deal, market: Market) -> tuple[Deal, Place]:
        number = state.safety
        state, tag = state.tagged("safety")
        price = whole(state.base_price * (1 - self.deviations[number] / HUNDRED), market.filters.tick)
        amount = self._amount(state, self._volume(number), price, market)
        wish = Place(tag, self.symbol, Side.BUY, OrderType.LIMIT, amount=amount, price=price)
        return state.model_copy(update={"safety": number + 1}), wish

    def _closing(self, state: Deal, view: View, now: datetime) -> tuple[Deal, Sequence[Wish]]:
        if state.resting:
            return state, [Cancel(tag) for tag in state.resting if tag not in state.sales]
        market, price = view.markets[self.symbol], view.prices[self.symbol]
        if whole(state.held, market.filters.market_lot or market.filters.lot):
            if state.failed.pauses(now):
                return state, ()
            state, tag = state.model_copy(update={"failed": state.failed.trying()}).tagged("sell")
            return state, (sale(tag, market, state.held, price),)
        done = Deal(number=state.number, until=now + timedelta(seconds=self.cooldown), orders=state.orders)
        if self.disable_after_deals_count and state.number >= self.disable_after_deals_count:
            return done, (Stop(f"{state.number} deals are done"),)
        return done, ()


def _reopened(state: Deal) -> Deal:
    """What was bought after all steps were sold is sold as the last of them."""
    last = len(state.parts) - 1
    if not all(part.done for part in state.parts):
        return state
    return state.part(last, state.parts[last].model_copy(update={"done": False}))
