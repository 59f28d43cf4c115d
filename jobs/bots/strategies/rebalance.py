"""Rebalance: coins are kept at their shares of the bot's funds; what is too much is sold, then what lacks is bought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BeforeValidator, Field, PlainSerializer, model_validator

from connectors.order import OrderType, Side
from jobs.bots.kind import Kind
from jobs.bots.parameters import LEAST, Model, Percent, Positive, whole
from jobs.bots.strategy import Ended, Place, View, Waits, Wish
from jobs.orders.positions import EXACT

HUNDRED = Decimal(100)


def _weights(given: Any) -> Any:
    """``BTC:50,ETH:30`` as a mapping."""
    if not isinstance(given, str):
        return given
    pairs = [item.partition(":") for item in given.replace(" ", "").split(",") if item]
    names = [name for name, _, _ in pairs]
    if wrong := [item for item in given.replace(" ", "").split(",") if item and ":" not in item]:
        raise ValueError(f"names no share for {wrong[0][:20]}; write BTC:50,ETH:30")
    if len(set(names)) != len(names):
        raise ValueError("names a coin twice")
    return {name: weight for name, _, weight in pairs}


def _coins(given: Any) -> Any:
    """``SOL,ADA`` as a list."""
    return [name for name in given.replace(" ", "").split(",") if name] if isinstance(given, str) else given


Coin = Annotated[str, Field(pattern=r"^[A-Z0-9.$-]{1,20}$")]
Coins = Annotated[tuple[Coin, ...], BeforeValidator(_coins), Field(max_length=50), PlainSerializer(",".join)]
Weight = Annotated[Decimal, Field(gt=0, le=100, allow_inf_nan=False)]


class Weighed(Model):
    """How far it has come.

    Attributes:
        next_at: When it looks again.
        phase: ``resting``, ``selling`` what is too much, or ``buying`` what lacks.
        open: Tags of the orders that are not done.
        count: Orders that were asked for.
    """

    next_at: AwareDatetime | None = None
    phase: Literal["resting", "selling", "buying"] = "resting"
    open: tuple[str, ...] = ()
    count: int = 0


class Rebalance(Kind):
    """The parameters, as OctoBot's index mode names them.

    Attributes:
        reference_market: The asset that coins are paid with; it keeps what the weights leave.
        indexed_coins: Each coin's share in percent: ``BTC:50,ETH:30``.
        reference_market_ratio: So much of the whole, in percent, is shared out among the coins, in proportion to their
            shares, and the rest stays; without, each share is one of the whole.
        sell_unindexed_traded_coins: Coins that are in the index no more, ``SOL,ADA``: what the bot has of them is sold.
        refresh_interval: Days between two looks; 0: at every candle.
        rebalance_trigger_min_percent: Nothing is done while every share is within so many percentage points.
        min_order_size: Smaller orders are left out, in the reference market; without, those that the exchange refuses.
    """

    names = "indexed_coins"

    reference_market: Coin = "USDT"
    indexed_coins: Annotated[Mapping[Coin, Weight], BeforeValidator(_weights), Field(min_length=1, max_length=50)]
    reference_market_ratio: Decimal | None = Field(None, gt=0, le=100, allow_inf_nan=False)
    sell_unindexed_traded_coins: Coins = ()
    refresh_interval: Decimal = Field(Decimal(1), ge=0, le=3650, allow_inf_nan=False)
    rebalance_trigger_min_percent: Percent = Decimal(5)
    min_order_size: Positive | None = None

    @model_validator(mode="after")
    def _sense(self) -> Self:
        total = sum(self.indexed_coins.values(), Decimal(0))
        if self.reference_market_ratio is None and total > HUNDRED:
            raise ValueError(f"indexed_coins make {total} %, more than the whole")
        if self.reference_market in self.indexed_coins:
            raise ValueError(f"indexed_coins names {self.reference_market}, which keeps what the others leave")
        known = {self.reference_market, *self.indexed_coins}
        if wrong := [coin for coin in self.sell_unindexed_traded_coins if coin in known]:
            raise ValueError(f"sell_unindexed_traded_coins names {wrong[0]}, which is kept")
        return self

    @classmethod
    def played_on(cls, symbols: Sequence[str], quote: str) -> Mapping[str, str]:  # noqa: ARG003 - the coins are named
        """What all of them are paid with."""
        return {"reference_market": quote}

    @cached_property
    def weights(self) -> Mapping[str, Decimal]:
        """Each coin's share of the whole in percent; 0: it is sold."""
        kept = dict(self.indexed_coins)
        if self.reference_market_ratio is not None:
            with localcontext(EXACT):
                scale = self.reference_market_ratio / sum(kept.values(), Decimal(0))
                kept = {coin: weight * scale for coin, weight in kept.items()}
        return kept | dict.fromkeys(self.sell_unindexed_traded_coins, Decimal(0))

    @property
    def symbols(self) -> Sequence[str]:
        """One for each coin."""
        return tuple(f"{coin}/{self.reference_market}" for coin in self.weights)

    def begin(self) -> Weighed:
        """Not looked at yet."""
        return Weighed()

    def waits(self, state: Weighed) -> Waits:
        """The next look."""
        if state.phase != "resting":
            return Waits()
        return Waits(candles=state.next_at is None or not self.refresh_interval, until=state.next_at)

    def decide(self, state: Weighed, view: View, now: datetime) -> tuple[Weighed, Sequence[Wish]]:
        """Sell, or buy, or wait."""
        ended = {event.tag for event in view.events if isinstance(event, Ended)}
        state = state.model_copy(update={"open": tuple(tag for tag in state.open if tag not in ended)})
        if state.open or any(symbol not in view.prices for symbol in self.symbols):
            return state, ()
        if state.phase == "selling":
            return self._buy(state, view)
        if state.phase == "buying":
            state = state.model_copy(update={"phase": "resting"})
        if state.next_at is not None and now < state.next_at:
            return state, ()
        state = state.model_copy(update={"next_at": self._next(state.next_at or now, now)})
        shares, total = self._shares(view)
        if not total:
            return state, ()
        off = max(abs(shares[coin] / total * HUNDRED - self.weights[coin]) for coin in self.indexed_coins)
        gone = any(shares[coin] >= self._least(view, coin) for coin in self.sell_unindexed_traded_coins)
        return self._sell(state, view) if gone or off >= self.rebalance_trigger_min_percent else (state, ())

    def _next(self, at: datetime, now: datetime) -> datetime:
        period = timedelta(days=float(self.refresh_interval))
        return at + ((now - at) // period + 1) * period if period else now

    def _shares(self, view: View) -> tuple[dict[str, Decimal], Decimal]:
        """What each coin is worth, and all of it with the reference market."""
        worth = {coin: self._held(view, coin) * view.prices[self._symbol(coin)] for coin in self.weights}
        return worth, sum(worth.values(), self._held(view, self.reference_market))

    def _held(self, view: View, asset: str) -> Decimal:
        balance = view.balances.get(asset)
        return balance.free if balance else Decimal(0)

    def _symbol(self, coin: str) -> str:
        return f"{coin}/{self.reference_market}"

    def _lacks(self, view: View) -> dict[str, Decimal]:
        """In the reference market; negative: too much."""
        worth, total = self._shares(view)
        return {coin: total * weight / HUNDRED - worth[coin] for coin, weight in self.weights.items()}

    def _least(self, view: View, coin: str) -> Decimal:
        """The smallest order of a coin that makes sense, in the reference market."""
        filters = view.markets[self._symbol(coin)].filters
        return max(self.min_order_size or filters.min_notional or Decimal(0), filters.tick or LEAST)

    def _sell(self, state: Weighed, view: View) -> tuple[Weighed, Sequence[Wish]]:
        wishes = list[Place]()
        for coin, lack in self._lacks(view).items():
            symbol = self._symbol(coin)
            filters = view.markets[symbol].filters
            amount = whole(min(-lack / view.prices[symbol], self._held(view, coin)), filters.market_lot or filters.lot)
            if -lack >= self._least(view, coin) and amount > 0:
                tag = f"sell-{state.count + len(wishes) + 1}"
                wishes.append(Place(tag, symbol, Side.SELL, OrderType.MARKET, amount=amount))
        if not wishes:
            return self._buy(state, view)
        return self._asked(state, "selling", wishes)

    def _buy(self, state: Weighed, view: View) -> tuple[Weighed, Sequence[Wish]]:
        lacks = {coin: lack for coin, lack in self._lacks(view).items() if lack >= self._least(view, coin)}
        free, needed = self._held(view, self.reference_market), sum(lacks.values(), Decimal(0))
        scale = min(Decimal(1), free / needed) if needed else Decimal(0)
        wishes = list[Place]()
        for coin, lack in lacks.items():
            symbol = self._symbol(coin)
            spent = whole(lack * scale, view.markets[symbol].filters.tick or Decimal("1e-8"))
            if spent >= self._least(view, coin):
                tag = f"buy-{state.count + len(wishes) + 1}"
                wishes.append(Place(tag, symbol, Side.BUY, OrderType.MARKET, quote_amount=spent))
        return self._asked(state, "buying" if wishes else "resting", wishes)

    def _asked(
        self, state: Weighed, phase: Literal["resting", "selling", "buying"], wishes: Sequence[Place]
    ) -> tuple[Weighed, Sequence[Wish]]:
        tags = tuple(wish.tag for wish in wishes)
        more = {"phase": phase, "open": tags, "count": state.count + len(wishes)}
        return state.model_copy(update=more), wishes
