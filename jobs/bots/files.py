"""Candle files: CSV with a header, as exchanges and data vendors publish them."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

from connectors.market import Candle

COLUMNS = ("timestamp", "open", "high", "low", "close", "volume")
_MILLISECONDS = 10**11  #: a number of seconds since 1970 is smaller, one of milliseconds greater


class CandlesError(ValueError):
    """A file that can't be read as candles; one sentence that names the line."""


@dataclass(frozen=True, slots=True)
class Candles:
    """What a file holds.

    Attributes:
        every: A candle's length: the shortest distance between two.
        gaps: Where candles are missing, one sentence each.
    """

    candles: Sequence[Candle]
    every: timedelta
    gaps: Sequence[str]


def read(path: Path) -> Candles:
    """Read candles, oldest first.

    Raises:
        CandlesError: it can't be read, has other columns, or a line that is no candle, a second one, or out of order.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            candles = list(_rows(path, csv.reader(file)))
    except OSError as error:
        raise CandlesError(f"{path} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CandlesError(f"{path} is no CSV file: {error}") from None
    if len(candles) < 2:  # noqa: PLR2004 - two make a distance
        raise CandlesError(f"{path} holds fewer than two candles")
    distances = Counter(after.at - before.at for before, after in pairwise(candles))
    every = min(distances)
    return Candles(candles, every, [] if len(distances) == 1 else list(_gaps(path, candles, every)))


def _rows(path: Path, lines: Iterator[list[str]]) -> Iterator[Candle]:
    head = tuple(name.strip().lower() for name in next(lines, []))
    if head != COLUMNS:
        raise CandlesError(f"{path}, line 1: the columns must be {','.join(COLUMNS)}, not {','.join(head)[:80]!r}")
    before: datetime | None = None
    for number, cells in enumerate(lines, 2):
        if not cells:
            continue
        candle = _candle(path, number, cells)
        if before is not None and candle.at <= before:
            what = "a second time" if candle.at == before else f"after {before:%Y-%m-%d %H:%M:%S}; sort the lines"
            raise CandlesError(f"{path}, line {number}: {candle.at:%Y-%m-%d %H:%M:%S} comes {what}")
        before = candle.at
        yield candle


def _candle(path: Path, number: int, cells: Sequence[str]) -> Candle:
    try:
        at, opened, high, low, closed, volume = cells
        read_at = _instant(at)
        candle = Candle(read_at, Decimal(opened), Decimal(high), Decimal(low), Decimal(closed), Decimal(volume))
    except (ValueError, InvalidOperation, OverflowError):
        said = ",".join(cells)[:80]
        raise CandlesError(f"{path}, line {number}: {said!r} is no candle: {','.join(COLUMNS)}") from None
    try:
        right = 0 < candle.low <= candle.open <= candle.high and candle.low <= candle.close <= candle.high
        right = right and candle.high < _MILLISECONDS * 10_000 and 0 <= candle.volume < Decimal("1e30")
    except InvalidOperation:  # NaN
        right = False
    if not right:
        raise CandlesError(f"{path}, line {number}: the numbers make no candle: 0 < low <= open, close <= high, volume")
    return candle


def _instant(text: str) -> datetime:
    if text.strip().isdigit():
        number = int(text)
        return datetime.fromtimestamp(number / 1000 if number > _MILLISECONDS else number, UTC)
    read_at = datetime.fromisoformat(text.strip())
    return (
        read_at
        if read_at.tzinfo is UTC
        else (read_at.replace(tzinfo=UTC) if read_at.tzinfo is None else read_at.astimezone(UTC))
    )


def _gaps(path: Path, candles: Sequence[Candle], every: timedelta) -> Iterator[str]:
    for number, (before, after) in enumerate(pairwise(candles), 3):
        missing = (after.at - before.at) / every - 1
        if missing:
            yield f"{path}, line {number}: {missing:g} candles are missing before {after.at:%Y-%m-%d %H:%M}"
