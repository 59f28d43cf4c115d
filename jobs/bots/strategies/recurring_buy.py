"""Recurring buy: the same sum spent again and again, as time goes by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from pydantic import AwareDatetime, Field

from connectors.market import Market
from connectors.order import OrderType, Side
from jobs.bots.kind import Kind
from jobs.bots.parameters import Model, Percent, Positive, Symbol, whole
from jobs.bots.strategy import Cancel, Closed, Ended, Place, View, Waits, Wish


class Bought(Model):
    """How far it has come.

    Attributes:
        next_at: When the next buy is due; ``None``: it has not begun.
        count: Buys that were asked for.
        resting: Tags of those that may still be filled.
    """

    next_at: AwareDatetime | None = None
    count: int = 0
    resting: tuple[str, ...] = ()


class RecurringBuy(Kind):
    """The parameters, as OctoBot names them.

    Attributes:
        symbol: What it buys: ``BTC/USDT``.
        amount_to_buy_in_reference_market: Spent each time, in the quote asset.
        minutes_before_next_buy: Minutes from one buy to the next; 10080 is a week.
        first_buy_at: When the first is due: ``2026-12-01T08:00:00Z``; without, at the first candle's close.
        use_market_entry_orders: Buy at once; else with a limit order below the price.
        entry_limit_orders_price_percent: How far below, in percent.
        max_asset_holding_percent: Nothing is bought while the asset is so much of the bot's funds, in percent.
        cancel_open_orders_at_each_entry: Limit orders that were not filled are cancelled at the next buy.
        catch_up: What happens to buys that fell due while nothing ran: ``once`` makes up for all of them with one,
            ``skip`` leaves them out.
        late_minutes: A buy that is no later than so many minutes is not missed, nor one that fell due within the candle
            that has just closed.
    """

    symbol: Symbol
    amount_to_buy_in_reference_market: Positive
    minutes_before_next_buy: int = Field(10_080, ge=1, le=1_000_000)
    first_buy_at: AwareDatetime | None = None
    use_market_entry_orders: bool = True
    entry_limit_orders_price_percent: Percent = Decimal(1)
    max_asset_holding_percent: Decimal = Field(Decimal(100), gt=0, le=100, allow_inf_nan=False)
    cancel_open_orders_at_each_entry: bool = True
    catch_up: Literal["skip", "once"] = "once"
    late_minutes: int = Field(10, ge=1, le=1_000_000)

    @property
    def symbols(self) -> Sequence[str]:
        """The one that it buys."""
        return (self.symbol,)

    def begin(self) -> Bought:
        """Nothing is bought yet."""
        return Bought(next_at=self.first_buy_at)

    def waits(self, state: Bought) -> Waits:
        """The next buy's time; where a late one may be missed also closes, which say how late it could be noticed."""
        return Waits(until=state.next_at, candles=state.next_at is None or self.catch_up == "skip")

    def decide(self, state: Bought, view: View, now: datetime) -> tuple[Bought, Sequence[Wish]]:
        """Buy, if it is time."""
        ended = {event.tag: event for event in view.events if isinstance(event, Ended)}
        resting = tuple(tag for tag in state.resting if tag not in ended)
        due = state.next_at or now
        if now < due and any(ended[tag].outdated for tag in state.resting if tag in ended):
            return self._bought(state, view, due, resting)  # the last buy once more
        if now < due:
            return Bought(next_at=due, count=state.count, resting=resting), ()
        period = timedelta(minutes=self.minutes_before_next_buy)
        last = due + (now - due) // period * period
        missed = self.catch_up == "skip" and now - last > self._late(view, now)
        if missed or self._holds_enough(view):
            return Bought(next_at=last + period, count=state.count, resting=resting), ()
        return self._bought(state, view, last + period, resting)

    def _late(self, view: View, now: datetime) -> timedelta:
        """How late a buy may be: it is asked for buys at candles' closes alone, and these may be a day apart."""
        begun = [event.candle.at for event in view.events if isinstance(event, Closed)]
        every = min((after - before for before, after in pairwise([*begun, now])), default=timedelta())
        return max(timedelta(minutes=self.late_minutes), every)

    def _bought(
        self, state: Bought, view: View, next_at: datetime, resting: tuple[str, ...]
    ) -> tuple[Bought, Sequence[Wish]]:
        wishes: list[Wish] = []
        if self.cancel_open_orders_at_each_entry:
            wishes += (Cancel(tag) for tag in resting)
        buy = self._buy(f"buy-{state.count + 1}", view.markets[self.symbol], view.prices[self.symbol])
        resting = (*resting, buy.tag)
        return Bought(next_at=next_at, count=state.count + 1, resting=resting), (*wishes, buy)

    def _buy(self, tag: str, market: Market, price: Decimal) -> Place:
        spent = self.amount_to_buy_in_reference_market
        if self.use_market_entry_orders:
            return Place(tag, self.symbol, Side.BUY, OrderType.MARKET, quote_amount=spent)
        below = whole(price * (1 - self.entry_limit_orders_price_percent / 100), market.filters.tick)
        amount = whole(spent / below, market.filters.lot) if below else Decimal(0)
        return Place(tag, self.symbol, Side.BUY, OrderType.LIMIT, amount=amount, price=below)

    def _holds_enough(self, view: View) -> bool:
        market = view.markets[self.symbol]
        held, rest = (
            balance.free + balance.locked if (balance := view.balances.get(asset)) else Decimal(0)
            for asset in (market.base, market.quote)
        )
        value = held * view.prices[self.symbol]
        return value > 0 and value / (value + rest) * 100 >= self.max_asset_holding_percent
