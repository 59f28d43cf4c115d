"""From when on a provider is asked for what may be there, and what its first answer changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from connectors import lookup
from connectors.network import Rejected
from tests.clocks import START

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SINCE = START - lookup.SLACK


@dataclass
class Wire:
    """A look-up a minute after it left, at a provider that has not answered yet."""

    theirs: timedelta  #: how far its clock is ahead
    sent: datetime | None = START
    at: datetime = START + MINUTE
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return self.at


async def looked(wire: Any, *, refuses: bool = False) -> tuple[list[datetime], datetime]:
    asked: list[datetime] = []

    async def ask(since: datetime) -> list[str]:
        asked.append(since)
        wire.ahead = wire.theirs
        if refuses and since > wire.now() + wire.theirs:
            raise Rejected("'start_time' lies in the future")
        return []

    _, told = await lookup.listed(wire, SINCE, ask)
    return asked, told


@pytest.mark.parametrize("seconds", [-59, 0, 59])
async def test_a_clock_that_is_about_right_costs_one_question(seconds: int) -> None:
    """The slack covers it, and each answer has its price."""
    asked, _ = await looked(Wire(timedelta(seconds=seconds)))
    assert asked == [SINCE]


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_provider_that_is_behind_us_is_asked_again(refuses: bool) -> None:
    """Also one that refuses an instant that is yet to come there."""
    asked, told = await looked(Wire(-2 * HOUR), refuses=refuses)
    assert asked == [SINCE, SINCE - 2 * HOUR]
    assert told == SINCE - 2 * HOUR


async def test_a_refusal_for_another_reason_is_not_repeated() -> None:
    """What a right clock does not explain, asking again does not mend."""
    with pytest.raises(Rejected):
        await looked(Wire(timedelta(), at=START - HOUR), refuses=True)


async def test_a_clock_that_was_set_back_long_after_makes_nothing_absent() -> None:
    """It left by a right clock; that ours is two hours behind by now does not make it younger there."""
    _, told = await looked(Wire(2 * HOUR, at=START + HOUR))
    assert told <= START


async def test_what_was_moved_with_the_clock_is_looked_for_from_there() -> None:
    """The clock was set back by an hour after it left, so that it left an hour earlier by it."""
    _, told = await looked(Wire(HOUR, sent=START - HOUR, at=START - HOUR + MINUTE))
    assert told == SINCE
