"""The arithmetic of one budget: what is used, what fits, when more fits. Pure; integer microseconds.

A budget is given with the limit in force, which may be a person's own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from automator.clock import micros
from connectors.base import Budget, Window

SLOTS = 50  #: a sliding window is counted in so many slots; each is held against us until its last call has expired
LAG = 250_000  #: a bucket drains from when the provider counts a call, which is later than when we do
MARGIN = 50_000  #: waited beyond the provider's stated end of a window, for clocks that differ in the last digit
CLOSED = 3_600_000_000  #: after which one whose limit is 0 is looked at again, though it was not raised


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used of one budget.

    Attributes:
        charges: (when it is given back, units), oldest first. For a bucket one charge: (when it was counted, level).
        closed: Nothing fits before this instant, whatever is free (a 429); 0 if open.
    """

    charges: tuple[tuple[int, float], ...] = ()
    closed: int = 0


def used(budget: Budget, usage: Usage, now: int) -> float:
    """Units in use at ``now``."""
    if budget.window is Window.BUCKET:
        return _level(budget, usage, now)
    return sum(units for gone, units in usage.charges if gone > now)


def fits(budget: Budget, usage: Usage, now: int, units: float, leaves: float = 0.0) -> int:
    """The instant from which ``units`` more fit: ``now`` if they do already.

    A cost over the whole limit fits an empty window, but never a monthly one: that is money. Nothing fits a limit of
    nothing, which is a person's word. ``leaves``: of a fixed window, the share that is left to others; of which, as it
    passes, less and less, so that in the end all is used.
    """
    start, limit = max(now, usage.closed), budget.limit
    if limit is None:
        return start
    if budget.window is Window.MONTH and units > limit:
        return month_end(start)
    if limit <= 0 < units:
        return start + max(CLOSED, budget.seconds * 1_000_000)
    room = max(0.0, limit - units)
    if budget.window is Window.BUCKET:
        level = _level(budget, usage, start)
        over = level + min(level, LAG * limit / (budget.seconds * 1_000_000)) - room
        return start + (int(over * budget.seconds * 1_000_000 / limit) + 1 if over > 0 else 0)
    left = used(budget, usage, start)
    if leaves and 0 < left <= room and budget.window is Window.FIXED:
        ends = max(gone for gone, _ in usage.charges)
        return max(start, ends - int((room - left) * budget.seconds * 1_000_000 / (limit * leaves)))
    for gone, held in sorted(usage.charges):
        if left <= room:
            break
        if gone > start:
            left -= held
            start = gone
    return start


def charge(budget: Budget, usage: Usage, now: int, units: float) -> Usage:
    """``usage`` with ``units`` more in it."""
    if budget.window is Window.BUCKET:
        return replace(usage, charges=((now, _level(budget, usage, now) + units),))
    kept = [item for item in usage.charges if item[0] > now]
    gone = _given_back(budget, kept, now)
    if kept and kept[-1][0] == gone:
        kept[-1] = (gone, kept[-1][1] + units)
    else:
        kept.append((gone, units))
    return replace(usage, charges=tuple(kept))


def stated(budget: Budget, usage: Usage, now: int, units: float, reset: int | None) -> Usage:
    """``usage`` after the provider said that ``units`` are used, in a window that ends at ``reset``.

    Its word can only add to our own count; that its window ends is the only thing that lowers it. It may have ended
    for the provider before it does for us, whose clock is another.
    """
    if reset is not None and reset <= now:
        return usage
    if budget.window is Window.FIXED and reset is not None:
        ends = reset + MARGIN
        ours = max((gone for gone, _ in usage.charges if gone > now), default=ends)
        later = ends - ours > budget.seconds * 500_000
        held = units if later else max(units, used(budget, usage, now))
        return replace(usage, charges=((ends, held),))
    missing = units - used(budget, usage, now)
    return charge(budget, usage, now, missing) if missing > 0 else usage


def close(usage: Usage, until: int) -> Usage:
    """``usage`` with nothing fitting before ``until``."""
    return replace(usage, closed=max(usage.closed, until))


def _slot(budget: Budget) -> int:
    return max(1, budget.seconds * 1_000_000 // SLOTS)


def _level(budget: Budget, usage: Usage, now: int) -> float:
    if not usage.charges or not budget.limit:
        return 0.0
    at, level = usage.charges[0]
    return max(0.0, level - max(0, now - at) * budget.limit / (budget.seconds * 1_000_000))


def _given_back(budget: Budget, kept: list[tuple[int, float]], now: int) -> int:
    match budget.window:
        case Window.SLIDING:
            slot = _slot(budget)
            return (now // slot + 1) * slot + budget.seconds * 1_000_000
        case Window.MONTH:
            return month_end(now)
        case _:
            return kept[-1][0] if kept else now + budget.seconds * 1_000_000


def month_end(now: int) -> int:
    """The first instant of the next calendar month, UTC."""
    at = datetime.fromtimestamp(now // 1_000_000, UTC)
    following = datetime(at.year + at.month // 12, at.month % 12 + 1, 1, tzinfo=UTC)
    return micros(following)
