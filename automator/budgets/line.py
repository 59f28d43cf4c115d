"""Who goes first when a budget is nearly used up: orders before posts before reads, and nobody is starved."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from connectors.base import Scope

STANDING_BACK = {Scope.TRADE: 0.0, Scope.READ: 6.0}  #: seconds that later calls may come and still go first
OTHERS = 2.0  #: the same for any other scope


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
    budgets: frozenset[tuple[str, str]] = field(compare=False)


def turn(scope: Scope, arrived: float, number: int, budgets: Collection[tuple[str, str]]) -> Turn:
    """The place of a call that came at ``arrived``."""
    return Turn(arrived + STANDING_BACK.get(scope, OTHERS), number, frozenset(budgets))


def heads(waiting: Collection[Turn]) -> list[Turn]:
    """Those that nobody goes before."""
    found: list[Turn] = []
    spoken_for: set[tuple[str, str]] = set()
    for one in sorted(waiting):
        if spoken_for.isdisjoint(one.budgets):
            found.append(one)
        spoken_for |= one.budgets
    return found


class Line:
    """This process's calls that wait: those that found a budget full, or someone waiting for it."""

    def __init__(self) -> None:
        self._waiting: dict[Turn, asyncio.Event] = {}

    async def reach(self, mine: Turn) -> None:
        """Wait until it is the turn of ``mine``, which then stays in front until it leaves."""
        while self._waiting and mine not in heads({mine, *self._waiting}):
            called = self._waiting.setdefault(mine, asyncio.Event())
            called.clear()
            await called.wait()

    def join(self, mine: Turn) -> None:
        """``mine`` did not fit; whoever comes later waits behind it."""
        self._waiting.setdefault(mine, asyncio.Event())

    def leave(self, mine: Turn) -> None:
        """``mine`` fitted, or gave up; the next may try. Harmless for one that is not in the line."""
        if self._waiting.pop(mine, None) is not None:
            for head in heads(self._waiting):
                self._waiting[head].set()
