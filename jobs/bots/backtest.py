"""Backtest: the strategy that runs live, on the engine that fills on paper, over candles that are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import merge
from itertools import count

from connectors.exchange.paper import Paper
from connectors.market import Candle, Market
from connectors.order import Balance
from jobs.bots.desk import Desk, S, asked, due
from jobs.bots.strategy import Closed, Filled, Strategy, View

OFTEN = 1000  #: candles between two words about how far it has come


@dataclass(frozen=True, slots=True)
class Moment:
    """What the bot held from a candle on, after what was done at its close.

    Attributes:
        number: Of the candle, among all that were played.
        held: By asset, free and locked together.
    """

    number: int
    held: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Played:
    """What a backtest did.

    Attributes:
        candles: All that were played, as (symbol, candle), in their order.
        every: A candle's length.
        fills: What was traded, in order.
        moments: What was held when; the first is the start.
        open: Tags of the orders that were open at the end.
        why: Why it stopped before the end; empty: it did not.
    """

    candles: Sequence[tuple[str, Candle]]
    every: timedelta
    fills: Sequence[Filled]
    moments: Sequence[Moment]
    open: Sequence[str]
    why: str = ""


def play(  # noqa: PLR0913, PLR0917 - what is played, on what
    strategy: Strategy[S],
    markets: Mapping[str, Market],
    balances: Mapping[str, Decimal],
    candles: Mapping[str, Sequence[Candle]],
    every: timedelta,
    done: Callable[[int], None] = lambda _: None,
) -> Played:
    """Run a strategy over candles: within each its orders are filled, at its close it decides.

    ``candles`` are by symbol, oldest first. Where several close together, it decides after the last of them. ``done``
    is told now and then how many were played.
    """
    numbers = count(1)
    desk = Desk(Paper(markets, balances), lambda: f"backtest{next(numbers)}")
    line = _line(candles)
    moments = [Moment(0, dict(balances))]
    why = _decisions(strategy, desk, line, every, moments, done)
    return Played(line, every, tuple(desk.fills), tuple(moments), desk.open, why)


def _line(candles: Mapping[str, Sequence[Candle]]) -> Sequence[tuple[str, Candle]]:
    if len(candles) == 1:
        ((symbol, only),) = candles.items()
        return [(symbol, candle) for candle in only]
    named = [[(symbol, candle) for candle in of] for symbol, of in candles.items()]
    return list(merge(*named, key=lambda pair: pair[1].at))


def _decisions(  # noqa: PLR0913, PLR0917 - what is played, and what is noted of it
    strategy: Strategy[S],
    desk: Desk,
    line: Sequence[tuple[str, Candle]],
    every: timedelta,
    moments: list[Moment],
    done: Callable[[int], None],
) -> str:
    """Play all candles; returns why the strategy stopped."""
    state, paper = strategy.begin(), desk.paper
    waits = strategy.waits(state)
    for number, beat in _beats(line):
        if number % OFTEN == 0:
            done(number)
        for symbol, candle in beat:
            desk.feed(symbol, candle)
        if not (desk.news or waits.candles or waits.until is not None):
            continue
        now = beat[-1][1].at + every
        if not due(waits, desk.news, now):
            continue
        if waits.candles:
            desk.news += (Closed(symbol, candle) for symbol, candle in beat)
        events, desk.news = tuple(desk.news), []
        traded = len(desk.fills)
        state, wishes = asked(strategy, state, seen(desk, events), now)
        waits = strategy.waits(state)
        stop = desk.do(wishes, now)
        if len(desk.fills) > traded or any(isinstance(event, Filled) for event in events):
            moments.append(Moment(number, _held(paper.balances())))
        if stop is not None:
            return stop.why
    return ""


def _beats(line: Sequence[tuple[str, Candle]]) -> Iterator[tuple[int, Sequence[tuple[str, Candle]]]]:
    """The candles that close together, with the number of the last."""
    beat: list[tuple[str, Candle]] = []
    for number, pair in enumerate(line):
        if beat and pair[1].at != beat[0][1].at:
            yield number - 1, beat
            beat = []
        beat.append(pair)
    if beat:
        yield len(line) - 1, beat


def seen(desk: Desk, events: Sequence[object]) -> View:
    """What a strategy may look at: its desk's market, prices and balances."""
    shelves = desk.paper.shelves
    prices = {symbol: shelf.last for symbol, shelf in shelves.items() if shelf.last is not None}
    markets = {symbol: shelf.market for symbol, shelf in shelves.items()}
    return View(markets, prices, desk.paper.balances(), events)  # type: ignore[arg-type]


def _held(balances: Mapping[str, Balance]) -> dict[str, Decimal]:
    return {asset: balance.free + balance.locked for asset, balance in balances.items()}


def end(played: Played) -> datetime:
    """When the last candle closed."""
    return played.candles[-1][1].at + played.every
