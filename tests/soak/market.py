"""The markets of a soak: real candles where they are at hand, else a random walk; they go on for as long as is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import cycle, islice, pairwise
from pathlib import Path
from random import Random

from connectors.exchange.candles import Series, read, ticked
from connectors.exchange.twin import USUAL
from connectors.exchange.twin_world import Replay
from connectors.market import Candle

SPEED = 1800  #: thirty minutes of the market's time in each second
BTC, ETH = "BTC/USDT", "ETH/BTC"
FILES = {BTC: "BTC-USD-1m-2022-01.csv", ETH: "ETH-BTC-5m-2018-01.csv"}
TICKS = {BTC: Decimal("0.01"), ETH: Decimal("0.00001")}
LOTS = {BTC: Decimal("0.00001"), ETH: Decimal("0.0001")}
SMALLEST = {BTC: Decimal(5), ETH: Decimal("0.0001")}
BEGIN = {BTC: 46_000.0, ETH: 0.09}
EVERY = {BTC: timedelta(minutes=1), ETH: timedelta(minutes=5)}
BEGINS = datetime(2022, 1, 1, tzinfo=UTC)


def replays(seconds: float, seed: int) -> tuple[Replay, ...]:
    """Both markets, each long enough for so many seconds of the machine's time."""
    return tuple(_replay(symbol, seconds, seed) for symbol in FILES)


def price(symbol: str, seed: int) -> Decimal:
    """Where a market begins."""
    return _replay(symbol, 1, seed).series.candles[0].close


def _replay(symbol: str, seconds: float, seed: int) -> Replay:
    count = int(timedelta(seconds=seconds) * SPEED / EVERY[symbol]) + 2
    folder = os.environ.get("AUTOMATOR_DATA")
    known = read(Path(folder) / "market" / FILES[symbol], gaps=True).candles if folder else _walk(symbol, count, seed)
    path = ticked(list(islice(_forth_and_back(known), count)), TICKS[symbol])
    dated = [replace(one, at=BEGINS + number * EVERY[symbol]) for number, one in enumerate(path)]
    base, _, quote = symbol.partition("/")
    least = {"lot": LOTS[symbol], "min_amount": LOTS[symbol], "min_notional": SMALLEST[symbol]}
    filters = replace(USUAL.filters, tick=TICKS[symbol], **least)
    market = replace(USUAL, symbol=symbol, id=base + quote, base=base, quote=quote, filters=filters)
    return Replay(market, Series(dated, EVERY[symbol]))


def _forth_and_back(path: Sequence[Candle]) -> Iterator[Candle]:
    """Without end, and without a jump: at its end the market goes the way that it came."""
    back = [replace(one, open=one.close, close=one.open) for one in reversed(path)]
    return cycle([*path, *back])


def _walk(symbol: str, count: int, seed: int) -> list[Candle]:
    random, at = Random(f"{symbol} {seed}"), BEGIN[symbol]
    closes = [at := at * (1 + random.gauss(0, 0.0012)) for _ in range(count + 1)]
    found = []
    for before, after in pairwise(closes):
        high, low = max(before, after) * 1.0003, min(before, after) * 0.9997
        numbers = [Decimal(f"{number:.8f}") for number in (before, high, low, after, random.uniform(1, 50))]
        found.append(Candle(BEGINS, *numbers))
    return found
