"""Guard: an existing position is sold at a loss, a gain, a fall from its height, or a time; whichever comes first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Self

from pydantic import AwareDatetime, Field, model_validator

from connectors.order import OrderState, OrderType, Side
from jobs.bots.parameters import Model, Positive, Symbol, whole
from jobs.bots.strategy import Cancel, Closed, Ended, Filled, Place, Stop, View, Waits, Wish

TRIES = 3  #: a sale that ended unfilled so often in a row ends the bot

Share = Annotated[Decimal, Field(gt=0, lt=1, allow_inf_nan=False)]  #: 0.05 is 5 %
Gain = Annotated[Decimal, Field(ge=0, le=1000, allow_inf_nan=False)]


class Held(Model):
    """How far it has come.

    Attributes:
        left: What is still to be guarded, in the base asset.
        since: When the guard began.
        peak: The highest close since.
        stop: The tag of the stop order that rests at the exchange; empty: none.
        stop_price: Where it rests.
        selling: The tag of the market order that sells the rest.
        why: Why it sells.
        count: Orders that were asked for.
        tries: Orders in a row that ended without being filled.
        watched: The exchange did not take the stop, so it is watched here.
    """

    left: Decimal = Decimal(0)
    since: AwareDatetime | None = None
    peak: Decimal = Decimal(0)
    stop: str = ""
    stop_price: Decimal = Decimal(0)
    selling: str = ""
    why: str = ""
    count: int = 0
    tries: int = 0
    watched: bool = False


class Guard(Model):
    """The parameters, as hummingbot's triple barrier and freqtrade name them; shares of ``entry_price``: 0.05 is 5 %.

    A stop-loss rests at the exchange, so that it works while this machine does not; the others are watched at each
    candle's close, since spot balances can be locked for one order only.

    Attributes:
        amount: The position, in the base asset.
        entry_price: What it was bought at, in the quote asset.
        stop_loss: Sell so far below the entry price.
        take_profit: Sell so far above it.
        time_limit: Sell after so many seconds.
        trailing_stop_activation: From so far above the entry price on, the stop follows the highest close.
        trailing_stop_delta: So far below it.
        trailing_stop_step: A stop at the exchange is moved when it can rise by so much of itself; each move leaves the
            position without it until the next candle.
        stoploss_on_exchange: Let the stop rest at the exchange; else it is watched too.
    """

    symbol: Symbol
    amount: Positive
    entry_price: Positive
    stop_loss: Share | None = None
    take_profit: Gain | None = Field(None, gt=0)
    time_limit: int | None = Field(None, ge=1, le=10**9)
    trailing_stop_activation: Gain = Decimal(0)
    trailing_stop_delta: Share | None = None
    trailing_stop_step: Gain = Decimal("0.002")
    stoploss_on_exchange: bool = True

    @model_validator(mode="after")
    def _sense(self) -> Self:
        barriers = (self.stop_loss, self.take_profit, self.time_limit, self.trailing_stop_delta)
        if all(barrier is None for barrier in barriers):
            raise ValueError("name at least one of stop_loss, take_profit, time_limit and trailing_stop_delta")
        return self

    @property
    def symbols(self) -> Sequence[str]:
        """The one that is held."""
        return (self.symbol,)

    def begin(self) -> Held:
        """All of it is held."""
        return Held(left=self.amount)

    def waits(self, state: Held) -> Waits:
        """Every close, unless it sells already."""
        return Waits(candles=not state.selling)

    def decide(self, state: Held, view: View, now: datetime) -> tuple[Held, Sequence[Wish]]:
        """Move the stop, or sell, if it is time."""
        if state.since is None:
            state = state.model_copy(update={"since": now, "peak": max(self.entry_price, view.prices[self.symbol])})
        for event in view.events:
            state = self._heard(state, event)
        lot = view.markets[self.symbol].filters.lot
        if not whole(state.left, lot):
            return state, (Stop(state.why or "the stop-loss was filled"),)
        if state.tries >= TRIES:
            return state, (Stop(f"{state.left} {view.markets[self.symbol].base} could not be sold: {state.why}"),)
        if state.selling:
            return state, ()
        why = state.why or self._reached(state, view.prices[self.symbol], now)
        if why and state.stop:
            return state.model_copy(update={"why": why}), (Cancel(state.stop),)
        if why:
            return self._sell(state.model_copy(update={"why": why}), view)
        return self._stopped(state, view)

    def _heard(self, state: Held, event: object) -> Held:
        match event:
            case Filled(tag=tag, fill=fill) if tag in {state.stop, state.selling}:
                return state.model_copy(update={"left": state.left - fill.amount, "tries": 0})
            case Ended(tag=tag, state=ended) if tag == state.stop:
                refused = ended is OrderState.REJECTED
                return state.model_copy(update={"stop": "", "watched": state.watched or refused})
            case Ended(tag=tag, state=ended, why=why) if tag == state.selling:
                failed = ended is not OrderState.FILLED
                said = {"why": why or ended.value} if failed else {}
                return state.model_copy(update={"selling": "", "tries": state.tries + failed, **said})
            case Closed(symbol=self.symbol, candle=candle):
                return state.model_copy(update={"peak": max(state.peak, candle.close)})
        return state

    def _level(self, state: Held) -> tuple[Decimal, str]:
        """Where the stop stands now, and what it is called; 0: nowhere."""
        fixed = self.entry_price * (1 - self.stop_loss) if self.stop_loss is not None else Decimal(0)
        active = state.peak >= self.entry_price * (1 + self.trailing_stop_activation)
        if self.trailing_stop_delta is not None and active:
            trailing = state.peak * (1 - self.trailing_stop_delta)
            if trailing > fixed:
                return trailing, "trailing stop"
        return fixed, "stop-loss"

    def _reached(self, state: Held, price: Decimal, now: datetime) -> str:
        level, name = self._level(state)
        if level and price <= level and (state.watched or not self.stoploss_on_exchange or not state.stop):
            return f"the {name} at {level.normalize():f} was reached at {price}"
        if self.take_profit is not None and price >= self.entry_price * (1 + self.take_profit):
            return f"the take-profit was reached at {price}"
        if self.time_limit is not None and state.since and now - state.since >= timedelta(seconds=self.time_limit):
            return f"the time limit of {self.time_limit} seconds has passed"
        return ""

    def _sell(self, state: Held, view: View) -> tuple[Held, Sequence[Wish]]:
        filters = view.markets[self.symbol].filters
        amount = whole(state.left, filters.market_lot or filters.lot)
        tag = f"sell-{state.count + 1}"
        state = state.model_copy(update={"selling": tag, "count": state.count + 1})
        return state, (Place(tag, self.symbol, Side.SELL, OrderType.MARKET, amount=amount),)

    def _stopped(self, state: Held, view: View) -> tuple[Held, Sequence[Wish]]:
        """The stop at the exchange, where and as large as it should be."""
        filters = view.markets[self.symbol].filters
        level = whole(self._level(state)[0], filters.tick)
        if not level or state.watched or not self.stoploss_on_exchange:
            return state, ()
        if state.stop and level <= state.stop_price * (1 + self.trailing_stop_step):
            return state, ()
        if state.stop:
            return state, (Cancel(state.stop),)  # the new one follows when its balance is free
        tag = f"stop-{state.count + 1}"
        state = state.model_copy(update={"stop": tag, "stop_price": level, "count": state.count + 1})
        amount = whole(state.left, filters.lot)
        return state, (Place(tag, self.symbol, Side.SELL, OrderType.STOP, amount=amount, stop_price=level),)
