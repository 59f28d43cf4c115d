"""Strategies on the matching engine along any way that a market may go, all that they ask for checked on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from hypothesis import strategies as st

from connectors.exchange.paper import Paper, Rules
from connectors.market import Candle, Market
from connectors.order import OrderState, OrderType, Side
from jobs.bots.backtest import seen
from jobs.bots.desk import Desk, asked, due
from jobs.bots.strategy import Closed, Ended, Place, Strategy, Wish
from tests.bots.seen import BTC, MARKET, PAIRED, START

MINUTE = timedelta(minutes=1)
MARKETS = (MARKET, PAIRED, replace(MARKET, maker=Decimal(0), taker=Decimal(0)))

#: each candle's low, high and close, in steps from its open
CANDLES = st.lists(
    st.tuples(st.integers(-90, 0), st.integers(0, 90), st.integers(-90, 90)).map(
        lambda one: (one[0], one[1], max(one[0], min(one[1], one[2])))
    ),
    min_size=15,
    max_size=40,
)


def path(steps: Sequence[tuple[int, int, int]], scale: Decimal, volume: Decimal, begin: int = 50_000) -> list[Candle]:
    """Candles that go so; a step is the share ``scale`` of the price."""
    found, price = list[Candle](), Decimal(begin)
    for number, one in enumerate(steps):
        low, high, close = (round(price * (1 + scale * step), 2) for step in one)
        found.append(Candle(START + number * MINUTE, price, high, low, close, volume))
        price = close
    return found


class Busy(Desk):
    """Refuses those sales at the market for which ``lost`` says so, in turn."""

    def __init__(self, paper: Paper, name: Callable[[], str], lost: Sequence[bool]) -> None:
        super().__init__(paper, name)
        self._lost = iter(lost)

    def _place(self, wishes: Sequence[Place], now: datetime) -> None:
        sells = wishes[0].side is Side.SELL and wishes[0].type is OrderType.MARKET
        if sells and next(self._lost, False):
            self.news.append(Ended(wishes[0].tag, OrderState.REJECTED, Decimal(0), "the exchange is busy"))
        else:
            super()._place(wishes, now)


def walk(  # noqa: PLR0913 - what goes where, and what is looked at
    strategy: Strategy[Any],
    market: Market,
    funds: Mapping[str, Decimal],
    candles: Sequence[Candle],
    look: Callable[[Any, Desk, Sequence[Wish]], None],
    *,
    share: Decimal | None = None,
    lost: Sequence[bool] = (),
) -> Desk:
    """Trade along them. ``look`` is shown each decision, after it was done.

    No order is refused for a balance that is not there: what a strategy wishes it has.
    """
    names = count(1)
    desk = Busy(Paper({BTC: market}, funds, Rules(share=share)), lambda: f"walk{next(names)}", lost)
    state = strategy.begin()
    for candle in candles:
        desk.feed(BTC, candle)
        waits, now = strategy.waits(state), candle.at + MINUTE
        if not due(waits, desk.news, now):
            continue
        events = (*desk.news, *((Closed(BTC, candle),) if waits.candles else ()))
        desk.news = []
        refused = [one.why for one in events if isinstance(one, Ended) and one.state is OrderState.REJECTED]
        assert not [why for why in refused if why.endswith("is free")], refused
        state, wishes = asked(strategy, state, seen(desk, events), now)
        assert type(state).model_validate_json(state.model_dump_json()) == state
        stop = desk.do(wishes, now)
        look(state, desk, wishes)
        if stop is not None:
            break
    return desk


def offered(desk: Desk) -> Decimal:
    """What all open sells together may sell; of a pair, which sells once, one half."""
    sells = [one for one in desk.paper.open.values() if one.request.side is Side.SELL]
    return sum((one.rest for one in sells if one.mate not in desk.paper.open or one.number < one.mate), Decimal(0))


def total(desk: Desk, asset: str) -> Decimal:
    """Of an asset, free and locked."""
    held = desk.paper.balances().get(asset)
    return held.free + held.locked if held else Decimal(0)
