"""Guard: an existing position is sold at a loss, a gain, a fall from its height, or a time; whichever comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from connectors.order import OrderState
from jobs.bots.exits import NAMES, Barriers, Exit, heard, reached, resting, told
from jobs.bots.kind import Kind
from jobs.bots.parameters import Model, Positive, Symbol, whole
from jobs.bots.sale import Failed, sale
from jobs.bots.strategy import Cancel, Closed, Ended, Filled, Stop, View, Waits, Wish, placed
from jobs.orders.risk import plain

Share = Annotated[Decimal, Field(gt=0, lt=1, allow_inf_nan=False)]  #: 0.05 is 5 %
Gain = Annotated[Decimal, Field(ge=0, le=1000, allow_inf_nan=False)]


class Held(Model):
    """How far it has come.

    Attributes:
        left: What is still to be guarded, in the base asset.
        since: When the guard began.
        peak: The highest close since.
        exit: What rests at the exchange.
        ended: What sold last: ``stop-loss``.
        selling: The tag of the market order that sells the rest.
        why: Why it sells.
        count: Orders that were asked for.
        failed: Orders in a row that should have sold the rest, and did not.
        tries: What another version of Automator counted in place of that.
    """

    left: Decimal = Decimal(0)
    since: AwareDatetime | None = None
    peak: Decimal = Decimal(0)
    exit: Exit = Exit()
    ended: str = ""
    selling: str = ""
    why: str = ""
    count: int = 0
    failed: Failed = Failed()
    tries: int = 0


class Guard(Kind):
    """The parameters, as hummingbot's triple barrier and freqtrade name them; shares of ``entry_price``: 0.05 is 5 %.

    The stop-loss and the take-profit rest at the exchange, so that they work while this machine does not: as a pair of
    which one cancels the other where the exchange has that (Binance). Elsewhere a balance is locked by one order only:
    the stop-loss rests, and the take-profit is watched at each candle's close, as the time limit is everywhere.

    Attributes:
        symbol: What is held: ``BTC/USDT``.
        amount: The position, in the base asset.
        entry_price: What it was bought at, in the quote asset.
        stop_loss: Sell so far below the entry price, as a share: 0.05 is 5 %.
        stop_loss_order_type: What a stop at the exchange becomes once the price has come there: a ``market`` order, or
            a ``limit`` order at ``stoploss_on_exchange_limit_ratio``, which sells for no less, and may not be filled.
        take_profit: Sell so far above it, as a share.
        take_profit_order_type: Where it rests: a ``market`` order once the price has come there, or a ``limit`` order.
        time_limit: Sell after so many seconds.
        trailing_stop_activation: From so far above the entry price on, as a share, the stop follows the highest close.
        trailing_stop_delta: So far below it, as a share.
        trailing_stop_step: A stop at the exchange is moved when it can rise by so much of itself, as a share; each move
            leaves the position without it until the next candle.
        stoploss_on_exchange_limit_ratio: With ``limit``, and where an exchange takes no stop that sells at the market,
            the limit price of the stop is so much of its own, as a share; a close below that sells at the market.
        stoploss_on_exchange: Let them rest at the exchange; else all is watched.
    """

    answers = True
    bought = False

    symbol: Symbol
    amount: Positive
    entry_price: Positive
    stop_loss: Share | None = None
    stop_loss_order_type: Literal["market", "limit"] = "market"
    take_profit: Gain | None = Field(None, gt=0)
    take_profit_order_type: Literal["market", "limit"] = "market"
    time_limit: int | None = Field(None, ge=1, le=10**9)
    trailing_stop_activation: Gain = Decimal(0)
    trailing_stop_delta: Share | None = None
    trailing_stop_step: Gain = Decimal("0.002")
    stoploss_on_exchange: bool = True
    stoploss_on_exchange_limit_ratio: Decimal = Field(Decimal("0.99"), gt=0, lt=1, allow_inf_nan=False)

    @model_validator(mode="after")
    def _sense(self) -> Self:
        barriers = (self.stop_loss, self.take_profit, self.time_limit, self.trailing_stop_delta)
        if all(barrier is None for barrier in barriers):
            raise ValueError("name at least one of stop_loss, take_profit, time_limit and trailing_stop_delta")
        rests = self.stoploss_on_exchange and (self.stop_loss or self.trailing_stop_delta)
        if self.stop_loss_order_type == "limit" and not rests:
            raise ValueError("stop_loss_order_type=limit needs a stop that rests at the exchange")
        return self

    @property
    def symbols(self) -> Sequence[str]:
        """The one that is held."""
        return (self.symbol,)

    def needs(self) -> Mapping[str, Decimal]:
        """The position."""
        return {self.symbol.partition("/")[0]: self.amount}

    def begin(self) -> Held:
        """All of it is held."""
        return Held(left=self.amount, exit=Exit(limited=self.stop_loss_order_type == "limit"))

    def waits(self, state: Held) -> Waits:
        """Every close, unless it sells already, or waits until it may try that again."""
        return Waits(candles=not state.selling and state.failed.again is None, until=state.failed.again)

    def decide(self, state: Held, view: View, now: datetime) -> tuple[Held, Sequence[Wish]]:
        """Move the stop, or sell, if it is time."""
        before, market = state.failed, view.markets[self.symbol]
        if state.since is None:
            peak, has = max(self.entry_price, view.prices[self.symbol]), view.balances.get(market.base)
            # one that is started anew has what it did not sell before; the rest of the account is not its own
            left = state.left if has is None else min(state.left, has.free + has.locked)
            state = state.model_copy(update={"since": now, "peak": peak, "left": left})
        for event in view.events:
            state = self._heard(state, event, now)
        if not whole(state.left, market.filters.lot):
            sold = f"the {state.ended} was filled" if state.ended else f"it has no {market.base} left to guard"
            return state, (Stop(state.why or sold),)
        what = f"{plain(state.left)} {market.base}"
        if useless := state.failed.ends(what):
            return state, useless
        if state.selling or state.failed.pauses(now):
            return state, state.failed.told(before, what)
        why = state.why or self._reached(state, view.prices[self.symbol], now)
        if why and state.exit.tags:
            # one cancel is enough for a pair; if it is told of one half alone, the next goes to the other
            return state.model_copy(update={"why": why}), (Cancel(state.exit.tags[0]),)
        if why:
            return self._sell(state.model_copy(update={"why": why}), view)
        return self._rested(state, view)

    def _heard(self, state: Held, event: object, now: datetime) -> Held:
        match event:
            case Filled(tag=tag, fill=fill) if tag in {*state.exit.tags, state.selling}:
                sold = {"left": state.left - fill.amount, "failed": Failed(), "exit": heard(state.exit, event)}
                if tag in state.exit.tags:
                    sold["ended"] = NAMES["stop" if tag == state.exit.stop else "profit"]
                return state.model_copy(update=sold)
            case Ended(tag=tag) if tag in state.exit.tags:
                return state.model_copy(update={"exit": heard(state.exit, event)})
            case Ended(tag=tag, state=ended) if tag == state.selling:
                failed = Failed() if ended is OrderState.FILLED else state.failed.after(event, now)
                return state.model_copy(update={"selling": "", "failed": failed})
            case Closed(symbol=self.symbol, candle=candle):
                return state.model_copy(update={"peak": max(state.peak, candle.close)})
        return state

    def _barriers(self, state: Held) -> Barriers:
        """Where it is to be sold now."""
        profit = self.entry_price * (1 + self.take_profit) if self.take_profit is not None else Decimal(0)
        limit = self.take_profit_order_type == "limit"
        ratio = self.stoploss_on_exchange_limit_ratio
        return Barriers(self._level(state)[0], profit, limit, self.trailing_stop_step, ratio)

    def told(self, state: Held) -> Sequence[str]:
        """What rests and what is watched, for a person."""
        return state.failed.shown() or told(state.exit, self._barriers(state))

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
        barrier = reached(state.exit, self._barriers(state), price)
        if barrier == "stop":
            level, name = self._level(state)
            return f"the {name} at {level.normalize():f} was reached at {price}"
        if barrier == "profit":
            return f"the take-profit was reached at {price}"
        if self.time_limit is not None and state.since and now - state.since >= timedelta(seconds=self.time_limit):
            return f"the time limit of {self.time_limit} seconds has passed"
        return ""

    def _sell(self, state: Held, view: View) -> tuple[Held, Sequence[Wish]]:
        wish = sale(f"sell-{state.count + 1}", view.markets[self.symbol], state.left, view.prices[self.symbol])
        if isinstance(wish, Stop):
            return state, (wish,)
        more = {"selling": wish.tag, "count": state.count + 1, "failed": state.failed.trying()}
        return state.model_copy(update=more), (wish,)

    def _rested(self, state: Held, view: View) -> tuple[Held, Sequence[Wish]]:
        """What should rest at the exchange, does."""
        if not self.stoploss_on_exchange:
            return state, ()
        tags = f"stop-{state.count + 1}", f"profit-{state.count + 1}"
        market, price = view.markets[self.symbol], view.prices[self.symbol]
        exit_, wishes = resting(state.exit, self._barriers(state), state.left, market, price, tags)
        count = state.count + any(placed(wish) for wish in wishes)
        return state.model_copy(update={"exit": exit_, "count": count}), wishes
