"""Who goes first when a budget is nearly used up: orders before posts before reads, and nobody is starved."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from connectors.base import Scope

STANDING_BACK = {Scope.TRADE: 0.0, Scope.READ: 6.0}  #: seconds that later calls may come and still go first
OTHERS = 2.0  #: the same for any other scope
WIDEST = 64

Share = tuple[str, str]  #: whose budget, and its name


@dataclass(frozen=True, slots=True, order=True)
class Turn:
    """A waiting call's place.

    Attributes:
        due: Seconds by the clock that is never set; the earliest goes first. A read that has waited long enough is
            earlier than an order that has just come, so it gets its turn.
        number: Of two that are due together the smaller goes first.
        budgets: What it waits for; calls that share none do not wait for each other.
    """

    due: float
    number: int
    budgets: frozenset[Share] = field(compare=False)


def turn(scope: Scope, arrived: float, number: int, budgets: Collection[Share]) -> Turn:
    """The place of a call that came at ``arrived``."""
    return Turn(arrived + STANDING_BACK.get(scope, OTHERS), number, frozenset(budgets))


def front(waiting: Collection[Turn], width: Mapping[Share, int]) -> list[Turn]:
    """Those that may try: of each budget as many as its width says (1 unless it says another), the earliest first."""
    found: list[Turn] = []
    before: Counter[Share] = Counter()
    for one in sorted(waiting):
        if all(before[share] < width.get(share, 1) for share in one.budgets):
            found.append(one)
        before.update(one.budgets)
    return found


class Line:
    """This process's calls that wait: those that found a budget full, or someone waiting for it.

    One may try at a time. Each that fits lets twice as many try, so that a budget that is free again is not handed out
    call by call; the first that does not fit makes it one again.
    """

    def __init__(self) -> None:
        self._waiting: dict[Turn, asyncio.Event] = {}
        self._width: dict[Share, int] = {}

    async def reach(self, mine: Turn) -> None:
        """Wait until it is the turn of ``mine``, which then stays in front until it leaves."""
        while self._waiting and mine not in front({mine, *self._waiting}, self._width):
            called = self._waiting.setdefault(mine, asyncio.Event())
            called.clear()
            await called.wait()

    def join(self, mine: Turn) -> None:
        """``mine`` did not fit; whoever comes later waits behind it."""
        self._waiting.setdefault(mine, asyncio.Event())
        for share in mine.budgets:
            self._width.pop(share, None)

    def fitted(self, mine: Turn) -> None:
        """``mine`` leaves the line, and more may try."""
        if mine in self._waiting:
            self._width |= {share: min(WIDEST, 2 * self._width.get(share, 1)) for share in mine.budgets}
            self.leave(mine)

    def leave(self, mine: Turn) -> None:
        """``mine`` fitted, or gave up; the next may try. Harmless for one that is not in the line."""
        if self._waiting.pop(mine, None) is not None:
            for one in front(self._waiting, self._width):
                self._waiting[one].set()
