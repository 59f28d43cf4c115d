"""Candles from files: CSV with the columns timestamp, open, high, low, close, volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path

from connectors.exchange.filters import multiple
from connectors.market import Candle

COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]


class CandlesError(ValueError):
    """A file of candles that can't be used; one sentence that names the line."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles that are missing before a line."""

    line: int
    after: datetime
    until: datetime
    missing: int

    def __str__(self) -> str:
        """A sentence."""
        few = "1 candle is" if self.missing == 1 else f"{self.missing} candles are"
        return f"line {self.line}: {few} missing between {_at(self.after)} and {_at(self.until)}"


@dataclass(frozen=True, slots=True)
class Series:
    """A market's candles, oldest first.

    Attributes:
        every: How long one lasts.
        gaps: Where some are missing.
    """

    candles: Sequence[Candle]
    every: timedelta
    gaps: Sequence[Gap] = ()


def read(path: Path, *, gaps: bool = False) -> Series:
    """Read a file; ``gaps``: carry on where candles are missing, and say where.

    Raises:
        CandlesError: it can't be read, a line is no candle, two are out of order, or, without ``gaps``, some are
            missing.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise CandlesError(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CandlesError(f"{path} is no text in UTF-8") from None
    try:
        found = parse(lines)
    except CandlesError as error:
        raise CandlesError(f"{path}, {error}") from None
    if found.gaps and not gaps:
        raise CandlesError(f"{path}, {found.gaps[0]}; fill it, or allow gaps")
    return found


def parse(lines: Sequence[str]) -> Series:
    """Make candles of the lines of a file; blank lines at its end are none.

    Raises:
        CandlesError: as ``read``, but for gaps.
    """
    head = [name.strip().lower() for name in lines[0].split(",")] if lines else []
    if head != COLUMNS:
        raise CandlesError(f"line 1: the columns are {', '.join(head) or 'none'}; they must be {', '.join(COLUMNS)}")
    rows = list(lines[1:])
    while rows and not rows[-1].strip():
        rows.pop()
    candles = [_candle(number, row) for number, row in enumerate(rows, 2)]
    if len(candles) < 2:  # noqa: PLR2004 - without two nobody knows how long one lasts
        raise CandlesError(f"line {len(candles) + 1}: the file ends here; at least two candles are needed")
    every = _every(candles)
    return Series(candles, every, tuple(_gaps(candles, every)))


def ticked(candles: Iterable[Candle], tick: Decimal) -> list[Candle]:
    """The candles with prices on multiples of ``tick``, the nearest ones, as an exchange's own are."""

    def near(price: Decimal) -> Decimal:
        return multiple(price, tick, ROUND_HALF_EVEN) or tick

    return [
        Candle(one.at, near(one.open), near(one.high), near(one.low), near(one.close), one.volume) for one in candles
    ]


def _candle(number: int, row: str) -> Candle:
    parts = row.split(",")
    if len(parts) != len(COLUMNS):
        raise CandlesError(f"line {number}: there are {len(parts)} values; there must be {len(COLUMNS)}")
    try:
        at = datetime.fromisoformat(parts[0])
    except ValueError:
        raise CandlesError(f"line {number}: {parts[0]!r} is no timestamp like 2022-01-01T00:00:00Z") from None
    if at.tzinfo is None:
        raise CandlesError(f"line {number}: {parts[0]} has no time zone; add Z for UTC")
    try:
        first, high, low, close, volume = map(Decimal, parts[1:])
        # Python reads 1_5 as 15; whoever wrote that file meant something else
        fits = "_" not in row and 0 < low <= first <= high and low <= close <= high < _HUGE and 0 <= volume < _HUGE
    except InvalidOperation:
        fits = False
    if fits:
        return Candle(at if at.tzinfo is UTC else at.astimezone(UTC), first, high, low, close, volume)
    raise CandlesError(f"line {number}: {_wrong(parts[1:])}")


_HUGE = Decimal("1e24")


def _wrong(parts: list[str]) -> str:
    """Why these five are no candle."""
    numbers: dict[str, Decimal] = {}
    for name, part in zip(COLUMNS[1:], parts, strict=True):
        try:
            numbers[name] = Decimal(part.replace("_", "?"))
        except InvalidOperation:
            return f"{name} is {part.strip()!r}, not a number"
        if not numbers[name].is_finite() or numbers[name] >= _HUGE:
            return f"{name} is {part.strip()}, not a number of this world"
        if numbers[name] < 0 or (name != "volume" and not numbers[name]):
            return f"{name} is {part.strip()}; it must be above 0"
    if numbers["high"] < numbers["low"]:
        return f"high {parts[1].strip()} is below low {parts[2].strip()}"
    outside = next(name for name in ("open", "close") if not numbers["low"] <= numbers[name] <= numbers["high"])
    return f"{outside} {numbers[outside]} is not between low {parts[2].strip()} and high {parts[1].strip()}"


def _every(candles: Sequence[Candle]) -> timedelta:
    """How long a candle lasts: the step that most of them keep."""
    steps: Counter[timedelta] = Counter()
    for number, (before, after) in enumerate(pairwise(candles), 3):
        step = after.at - before.at
        if step <= timedelta():
            how = "is there twice" if not step else f"comes after {_at(before.at)}; sort the file by timestamp"
            raise CandlesError(f"line {number}: {_at(after.at)} {how}")
        steps[step] += 1
    return min(steps, key=lambda step: (-steps[step], step))


def _gaps(candles: Sequence[Candle], every: timedelta) -> Iterable[Gap]:
    for number, (before, after) in enumerate(pairwise(candles), 3):
        step = after.at - before.at
        if step == every:
            continue
        if step % every:
            late = f"{_at(after.at)} is {step} after the one before"
            raise CandlesError(f"line {number}: {late}; candles of {every} can't be so far apart")
        yield Gap(number, before.at, after.at, step // every - 1)


def _at(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
