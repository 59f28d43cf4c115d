"""Before bots decide, their account is looked at: once for all of them, and none decides on what is not in the books."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from automator.trading.looks import Looks
from connectors.network import Rejected
from tests.bots.market import ACCOUNT, MINUTE, floor
from tests.bots.samples import GRID, candles


async def test_two_bots_of_an_account_share_a_look(tmp_path: Path) -> None:
    """Each close costs one, and both know the fills of the candle then."""
    async with floor(tmp_path) as there:
        for name in ("one", "two"):
            await there.add("grid", name, live=True, **GRID)
        path = candles(6)
        for candle in path[:2]:
            await there.minute(candle)
        for candle in path[2:]:
            before = there.world.asked.count("GET /balances")
            await there.minute(candle)
            assert there.world.asked.count("GET /balances") == before + 1
        one, two = (there.bot(name).kept or {} for name in ("one", "two"))
        assert one["state"] == two["state"]


async def test_a_look_that_fails_is_not_tried_by_each_bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait for the next close together."""
    async with floor(tmp_path) as there:
        engine, tried = there.engine, list[str]()
        looks = Looks(engine.books, engine.writer, engine.reader, there.clock)

        async def down(account: str, actor: str) -> None:
            tried.append(actor)
            await asyncio.sleep(0)
            raise Rejected("down")

        monkeypatch.setattr(engine.books, "reconcile", down)
        close = there.clock.now()
        there.clock.at += timedelta(seconds=1)
        bots = ("one", "two", "three")
        told = await asyncio.gather(*(looks.after(close, ACCOUNT, bot) for bot in bots), return_exceptions=True)
        assert [str(one) for one in told] == ["down"] * 3
        assert tried == ["one"]
        there.clock.at += MINUTE
        with pytest.raises(Rejected):
            await looks.after(close + MINUTE, ACCOUNT, "two")
        assert tried == ["one", "two"]
