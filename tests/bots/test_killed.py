"""A bot whose process is killed with kill -9 places exactly the orders that it would have placed anyway."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from automator.failpoints import VARIABLE
from automator.trading import bots, orders
from connectors.market import Candle
from jobs.bots.backtest import play
from jobs.bots.kinds import made
from jobs.orders.states import State as OrderState
from tests.bots import worker
from tests.bots.market import FUNDS, MARKET, MINUTE, Floor, floor
from tests.bots.samples import GRID, MOVED, STEPS, TRAILED, candles
from tests.bots.watch import ordered, watched
from tests.children import Child

WITHIN = 55.0  #: seconds of a minute in which what is due must be done
KILLED = -9
DECIDING = (
    "before-decided",
    "after-decided",
    "before-claim",
    "after-claim",
    "before-finish",
)
ASKING = ("before-shown", "after-shown", "before-books", "after-books")  #: on paper nothing is asked for
DECIDED = ("after-finish",)  #: on paper there is nothing more to do then; live its orders are on their way
SENDING = (
    *DECIDED,
    "before-record:KILL:3",
    "after-record:KILL:3",
    "before-first-byte:KILL:3",
    "after-last-byte:KILL:3",
    "after-answer:KILL:3",
    "before-store:KILL:3",
    "after-store:KILL:3",
)
SAMPLE = ("before-decided", "after-decided", "after-record:KILL:3")


def points(names: Sequence[str], *more: bool) -> list[Any]:
    """A sample always, the others with the long list."""
    return [pytest.param(name, *more, marks=() if name in SAMPLE else (pytest.mark.long,)) for name in names]


async def worked(there: Floor, home: Path, failpoint: str = "") -> int:
    """A process does what is due now; how it ended."""
    environment = {**os.environ, VARIABLE: failpoint} if failpoint else dict(os.environ)
    child = Child(worker.main, str(home), there.clock.at.isoformat(), str(WITHIN), environment=environment)
    return await asyncio.to_thread(child.wait)


async def killed(there: Floor, home: Path, path: Sequence[Candle], failpoint: str, most: int = 100) -> int:
    """Each minute a process is killed at a point, and another one does the rest; how often it was killed."""
    count = 0
    for candle in path:
        there.clock.at = candle.at + MINUTE
        there.world.go(candle)
        there.clock.at += timedelta(seconds=1)
        count += await worked(there, home, failpoint if count < most else "") == KILLED
        assert await worked(there, home) == 0
    return count


@pytest.mark.parametrize(
    ("failpoint", "live"),
    [*points(DECIDING + ASKING, True), *points(DECIDING + DECIDED, False)],
)
@pytest.mark.parametrize(
    ("kind", "given"),
    [
        pytest.param("grid", GRID, id="grid"),
        pytest.param("guard", TRAILED, id="pairs"),
        pytest.param("grid", MOVED, id="moved", marks=pytest.mark.long),
        pytest.param("deal_dca", STEPS, id="steps", marks=pytest.mark.long),
    ],
)
async def test_killed_while_it_decides(  # noqa: PLR0913, PLR0917 - which bot, how, where it is killed
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, given: dict[str, Any], failpoint: str, live: bool
) -> None:
    """Order by order the same as in a backtest, each once; on paper nothing leaves, and each trade is kept once."""
    path, funds = candles(4), {"BTC": Decimal(2), **FUNDS} if kind == "guard" else FUNDS
    with watched(monkeypatch) as tested:
        played = play(made(kind, given), {MARKET.symbol: MARKET}, funds, {MARKET.symbol: path}, MINUTE)
    with watched(monkeypatch) as arrived:
        async with floor(tmp_path, funds) as there:
            await there.add(kind, live=live, funds=funds, **given)
            times = await killed(there, tmp_path / "home", path, failpoint)
            approved = orders.listed(there.engine.reader, owner="bot-1")
            traded = [(one.tag, one.fill.amount, one.fill.price) for one in bots.paper(there.engine.reader, "bot-1")]
    assert times >= 1
    assert sorted(there.world.arrived) == sorted({item.key for item in approved})
    assert kind == "grid" or not live or any(item.pair for item in approved)
    assert ordered(arrived) == (ordered(tested) if live else {})
    assert traded == ([] if live else [(one.tag, one.fill.amount, one.fill.price) for one in played.fills])


@pytest.mark.parametrize("failpoint", points(SENDING))
async def test_killed_while_its_orders_leave(tmp_path: Path, failpoint: str) -> None:
    """No order arrives twice, none of those that did not arrive is taken for placed, and the lines rest again.

    One that is lost three times in a row would end the grid.
    """
    path = candles(4)
    flat = [Candle(path[-1].at + number * MINUTE, *[path[-1].close] * 4, Decimal(1)) for number in range(1, 5)]
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **GRID)
        assert await killed(there, tmp_path / "home", path, failpoint, most=2) >= 1
        for candle in flat:
            await there.minute(candle)
            await there.due(50)
        arrived = there.world.arrived
        assert len(set(arrived)) == len(arrived)
        approved = {item.id: item.state for item in orders.listed(there.engine.reader, owner="bot-1")}
        assert set(arrived) <= set(approved)
        assert {approved[order] for order in set(approved) - set(arrived)} <= {OrderState.NOT_PLACED}
        assert len(there.world.paper.orders()) == GRID["grids_quantity"]
        held = {asset: Decimal(much) for asset, much in (there.bot().kept or {})["held"].items()}
        assert held == {asset: one.free + one.locked for asset, one in there.world.paper.balances().items()}
