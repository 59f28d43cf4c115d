"""A bot's kept state, read by another version of Automator than the one that kept it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from automator.trading.bots import State
from jobs.bots.kinds import told
from tests.bots.market import floor
from tests.bots.samples import DCA, GRID, TRAILED, candles

WHY = "another version of Automator kept its state, which this one can't read"


async def test_a_state_that_can_not_be_read_stops_its_bot_alone(tmp_path: Path) -> None:
    """Its orders are handled by its policy, and a notice says why; another bot goes on."""
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **GRID)
        await there.add("grid", "other", **GRID)
        path = candles(4)
        for candle in path[:2]:
            await there.minute(candle)
        change = "UPDATE bot SET kept = json_set(kept, '$.state.of_old', 1) WHERE name = 'bot-1'"
        await there.engine.writer.run(lambda tx: tx.execute(change))
        for candle in path[2:]:
            await there.minute(candle)
        await there.due()
        assert there.bot().state is State.STOPPED
        assert there.notices() == [f"bot-1 has stopped: {WHY}"]
        assert there.world.paper.orders() == []
        assert there.bot("other").state is State.RUNNING


@pytest.mark.parametrize(("kind", "given"), [("guard", TRAILED), ("deal_dca", DCA), ("grid", GRID)])
def test_it_is_shown_as_that(kind: str, given: dict[str, Any]) -> None:
    """`bots show` says so instead of failing."""
    assert told(kind, given, {"of_old": 1}) == (WHY,)
