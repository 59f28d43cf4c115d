"""What `bots show` says of a bot that has moved or sells in steps, and how a live one closes its position."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from automator.cli.botview import gathered
from automator.trading import bots
from automator.trading.bots import OnStop, State
from connectors.market import Candle
from jobs.bots.strategies.grid import Grid
from jobs.bots.strategy import Tell
from tests.bots.market import FUNDS, MINUTE, Floor, floor
from tests.bots.samples import GRID, MOVED, STEPS, candles
from tests.clocks import START


async def flat(there: Floor, first: int, *prices: int) -> None:
    """Candles in which the price stands still."""
    for number, price in enumerate(prices, first):
        await there.minute(Candle(START + number * MINUTE, *[Decimal(price)] * 4, Decimal(100)))
    await there.due()


async def test_where_the_lines_of_a_grid_are_by_now(tmp_path: Path) -> None:
    """Live, after its orders were cancelled and placed anew; no more of them than it has grids."""
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **MOVED)
        await flat(there, 0, 146, 151, 151, 156, 156, 156)
        shown = gathered(there.engine.reader, there.bot())
        assert shown["lines"] == [
            "4 grids from 135 to 155",
            "the lowest line is 2 lines above and the highest 2 lines above where they began",
        ]
        assert shown["exits"] == []
        assert sorted(order.price or 0 for order in there.world.paper.orders()) == [135, 140, 145, 150]


@pytest.mark.parametrize("policy", list(OnStop))
async def test_one_on_paper_that_was_stopped_has_no_open_orders(tmp_path: Path, policy: OnStop) -> None:
    """Nobody fills them any more; that they were cancelled was said beside them."""
    async with floor(tmp_path) as there:
        await there.add("grid", **GRID)
        await flat(there, 0, 135, 135)
        assert gathered(there.engine.reader, there.bot())["open_orders"] != []
        now = there.clock.now()
        await there.engine.writer.run(lambda tx: bots.stop(tx, "bot-1", policy, now, actor="user"))
        assert gathered(there.engine.reader, there.bot())["open_orders"] == []


async def test_what_rests_of_each_step(tmp_path: Path) -> None:
    """On paper as at the exchange."""
    async with floor(tmp_path) as there:
        await there.add("deal_dca", **STEPS)
        await flat(there, 0, 135, 135)
        shown = gathered(there.engine.reader, there.bot())
        assert [line.partition(":")[0] for line in shown["exits"]] == ["40 %", "35 %", "25 %"]
        assert all("(one cancels the other)" in line for line in shown["exits"])
        assert shown["lines"] == []


async def test_a_live_grid_closes_its_position(tmp_path: Path) -> None:
    """At the end the exchange holds what was given, and no order."""
    funds = {"BTC": Decimal(3), **FUNDS}
    more = {"lower_stop_loss_enabled": True, "lower_stop_loss_price": 120}
    more["lower_stop_loss_action"] = "stop_bot_and_close_position"  # type: ignore[assignment]
    async with floor(tmp_path, funds) as there:
        given = {name: value for name, value in MOVED.items() if not name.startswith("trailing")}
        await there.add("grid", live=True, funds=funds, **given, **more)
        await flat(there, 0, 137, 128, 124)
        assert there.world.paper.balances()["BTC"].free + there.world.paper.balances()["BTC"].locked > 3
        await flat(there, 3, 119, 119, 119, 119)
        assert there.bot().state is State.STOPPED
        assert there.world.paper.orders() == []
        assert 0 <= there.world.paper.balances()["BTC"].free - 3 < Decimal("0.0001")
        assert there.notices() == ["bot-1 has stopped: 119 is below lower_stop_loss_price"]


async def test_a_person_is_told_of_each_thing_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a bot says of its second deal is told beside what it said of the first, which nobody has read yet."""
    about = iter(["sale of deal 1", "sale of deal 1", "buys of deal 1", "sale of deal 2"])

    def decide(_: object, state: Any, __: object, ___: object) -> tuple[Any, list[Tell]]:
        said = next(about)
        return state, [Tell(f"the {said} waits", said)]

    monkeypatch.setattr(Grid, "decide", decide)
    async with floor(tmp_path) as there:
        await there.add("grid", **GRID)
        for candle in candles(4):
            await there.minute(candle)
        deals = "the sale of deal 1", "the buys of deal 1", "the sale of deal 2"
        assert there.notices() == [f"bot-1: {one} waits" for one in deals]
