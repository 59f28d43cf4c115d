"""Backtest: the strategy that runs live, on the engine that fills on paper, over candles that are known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from heapq import merge
from itertools import count
from typing import Generic

from connectors.exchange.paper import Paper
from connectors.market import Candle, Market
from connectors.order import Balance
from jobs.bots.desk import Desk, S, asked, due
from jobs.bots.strategy import Closed, Event, Filled, Signal, Stop, Strategy, View

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
    signals: Sequence[Signal] = (),
) -> Played:
    """Run a strategy over candles: within each its orders are filled, at its close it decides.

    ``candles`` are by symbol, oldest first. Where several close together, it decides after the last of them. ``done``
    is told now and then how many were played. ``signals`` (oldest first; ``within`` says which) are acted on at
    their own time, when the last close is the price.
    """
    numbers = count(1)
    desk = Desk(Paper(markets, balances), lambda: f"backtest{next(numbers)}")
    line = _line(candles)
    moments = [Moment(0, dict(balances))]
    why = _played(_Decisions(strategy, desk, moments), line, every, deque(within(signals, line, every)), done)
    return Played(line, every, tuple(desk.fills), tuple(moments), desk.open, why)


def _line(candles: Mapping[str, Sequence[Candle]]) -> Sequence[tuple[str, Candle]]:
    if len(candles) == 1:
        ((symbol, only),) = candles.items()
        return [(symbol, candle) for candle in only]
    named = [[(symbol, candle) for candle in of] for symbol, of in candles.items()]
    return list(merge(*named, key=lambda pair: pair[1].at))


class _Decisions(Generic[S]):
    """What a strategy decides at its desk; ``moments`` is where what it held is noted."""

    def __init__(self, strategy: Strategy[S], desk: Desk, moments: list[Moment]) -> None:
        self.desk = desk
        self._strategy, self._moments = strategy, moments
        self._state = strategy.begin()
        self.waits = strategy.waits(self._state)

    def decide(self, number: int, now: datetime, events: Sequence[Event]) -> Stop | None:
        """Show it what happened until ``now``, after candle ``number``, and do what it wants; returns its stop."""
        desk = self.desk
        traded = len(desk.fills)
        self._state, wishes = asked(self._strategy, self._state, seen(desk, events), now)
        self.waits = self._strategy.waits(self._state)
        stop = desk.do(wishes, now)
        if len(desk.fills) > traded or any(isinstance(event, Filled) for event in events):
            self._moments.append(Moment(number, _held(desk.paper.balances())))
        return stop


def _played(
    decisions: _Decisions[S],
    line: Sequence[tuple[str, Candle]],
    every: timedelta,
    signals: deque[Signal],
    done: Callable[[int], None],
) -> str:
    """Play all candles, and signals between their closes; returns why the strategy stopped."""
    last = 0
    for number, beat in _beats(line):
        if number % OFTEN == 0:
            done(number)
        if signals and (stop := _between(decisions, last, beat[-1][1].at + every, signals)):
            return stop.why
        if stop := _closed(decisions, number, beat, every):
            return stop.why
        last = number
    return ""


def _closed(decisions: _Decisions[S], number: int, beat: Sequence[tuple[str, Candle]], every: timedelta) -> Stop | None:
    """Candles close, and it decides if it has to."""
    desk, waits = decisions.desk, decisions.waits
    for symbol, candle in beat:
        desk.feed(symbol, candle)
    if not (desk.news or waits.candles or waits.until is not None):
        return None
    now = beat[-1][1].at + every
    if not due(waits, desk.news, now):
        return None
    if waits.candles:
        desk.news += (Closed(symbol, candle) for symbol, candle in beat)
    events, desk.news = tuple(desk.news), []
    return decisions.decide(number, now, events)


def _between(decisions: _Decisions[S], last: int, before: datetime, signals: deque[Signal]) -> Stop | None:
    """Signals that came after the close of candle ``last``, and ``before`` the next."""
    desk = decisions.desk
    while signals and signals[0].at < before:
        signal = signals.popleft()
        events, desk.news = (*desk.news, signal), []
        if stop := decisions.decide(last, signal.at, events):
            return stop
    return None


def within(signals: Sequence[Signal], line: Sequence[tuple[str, Candle]], every: timedelta) -> Sequence[Signal]:
    """Those that can be acted on: from the first candle's close, when there is a price, until the last one's."""
    return [one for one in signals if line[0][1].at + every <= one.at < line[-1][1].at + every]


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
