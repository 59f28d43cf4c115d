"""A market that nobody traded on, for a stand-in that was given no candles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import overload

from connectors.exchange.candles import Series
from connectors.market import Candle

MINUTE = timedelta(minutes=1)


def walk(start: Decimal, count: int, begins: datetime) -> Series:
    """Minutes of prices in tenths: the same ones each time."""
    return Series(Walk(start, count, begins), MINUTE)


class Walk(Sequence[Candle]):
    """So many candles, each made when it is first looked at: few who start a stand-in ever see a later one."""

    def __init__(self, start: Decimal, count: int, begins: datetime) -> None:
        self._count = count
        self._made: list[Candle] = []
        self._steps = _steps(start, begins.astimezone(UTC))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Candle: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Candle]: ...

    def __getitem__(self, index: int | slice) -> Candle | Sequence[Candle]:
        wanted = range(self._count)[index]
        if isinstance(wanted, int):
            return self._until(wanted)[wanted]
        made = self._until(max(wanted, default=-1))
        return [made[number] for number in wanted]

    def _until(self, number: int) -> list[Candle]:
        self._made += islice(self._steps, max(number + 1 - len(self._made), 0))
        return self._made


def _steps(price: Decimal, at: datetime) -> Iterator[Candle]:
    state = 1
    while True:
        moves = []
        for _ in range(3):
            state = state * 6_364_136_223_846_793_005 % 2**64 + 1_442_695_040_888_963_407  # Knuth's generator
            moves.append(Decimal((state >> 40) % 200 - 100) / 10)
        close = max(price + moves[0], Decimal(100))
        high, low = max(price, close) + abs(moves[1]), min(price, close) - abs(moves[2])
        yield Candle(at, price, high, max(low, Decimal(1)), close, Decimal(100))
        price, at = close, at + MINUTE
