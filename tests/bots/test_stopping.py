"""A bot ends: what becomes of its orders, starting it again, and removing it."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from automator.backup import restored
from automator.trading import bots, orders
from automator.trading.bots import BotError, OnStop, State
from connectors.market import Candle
from tests.bots.market import MINUTE, floor
from tests.bots.samples import BUY, GRID, candles
from tests.clocks import START

PRICES = (100, 80, 80, 80, 80, 80, 80, 80)


@pytest.mark.parametrize(("policy", "left"), [(OnStop.KEEP, 4), (OnStop.CANCEL, 0)])
async def test_stopping(tmp_path: Path, policy: OnStop, left: int) -> None:
    """Orders stay or are cancelled, as was said; afterwards nothing is decided."""
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **GRID)
        path = candles(5)
        for candle in path[:2]:
            await there.minute(candle)
        await there.due()
        now = there.clock.now()
        await there.engine.writer.run(lambda tx: bots.stop(tx, "bot-1", policy, now, actor="user"))
        await there.due()
        assert len(there.world.paper.orders()) == left
        arrived = len(there.world.arrived)
        for candle in path[2:]:
            await there.minute(candle)
        assert len(there.world.arrived) == arrived
        with pytest.raises(BotError, match="does not run"):
            await there.engine.writer.run(lambda tx: bots.stop(tx, "bot-1", policy, now, actor="user"))


async def test_one_that_left_orders_begins_anew_when_they_have_ended(tmp_path: Path) -> None:
    """It would not know them, and place the same beside them."""
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **GRID)
        for candle in candles(2):
            await there.minute(candle)
        await there.due()
        now, write = there.clock.now(), there.engine.writer.run
        await write(lambda tx: bots.stop(tx, "bot-1", OnStop.KEEP, now, actor="user"))
        with pytest.raises(BotError, match="orders of bot-1 may still be filled"):
            await write(lambda tx: bots.start(tx, "bot-1", now, actor="user"))
        assert await write(lambda tx: bots.stop(tx, "bot-1", OnStop.CANCEL, now, actor="user")) > 0
        await there.due()
        assert there.world.paper.orders() == []
        await write(lambda tx: bots.start(tx, "bot-1", now, actor="user"))
        assert there.bot().state is State.RUNNING


async def test_one_that_stops_itself_cancels_and_tells(tmp_path: Path) -> None:
    """A stop price ends it: its orders are handled by its policy, and a notice says why; another bot goes on."""
    async with floor(tmp_path) as there:
        stops = {"lower_stop_loss_enabled": True, "lower_stop_loss_price": 90, **GRID}
        await there.add("grid", live=True, **stops)
        await there.add("recurring_buy", "other", **BUY)
        path = candles(2)
        for candle in path:
            await there.minute(candle)
        flat = [Decimal(80)] * 4
        for number in range(2, 8):
            await there.minute(Candle(START + number * MINUTE, *flat, Decimal(1)))
        assert there.bot().state is State.STOPPED
        assert there.world.paper.orders() == []
        assert there.notices() == ["bot-1 has stopped: 80 is below lower_stop_loss_price"]
        assert there.bot("other").state is State.RUNNING
        assert len(bots.paper(there.engine.reader, "other")) == 2


async def test_a_bot_that_is_started_again_does_not_mix_its_orders(tmp_path: Path) -> None:
    """The tags of its first start come again, and are other orders."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", live=True, **BUY)
        path = candles(8)
        for candle in path[:3]:
            await there.minute(candle)
        now = there.clock.now()
        await there.engine.writer.run(lambda tx: bots.stop(tx, "bot-1", OnStop.KEEP, now, actor="user"))
        await there.engine.writer.run(lambda tx: bots.start(tx, "bot-1", now, actor="user"))
        for candle in path[3:]:
            await there.minute(candle)
        tags = [item.tag.partition("/")[2] for item in orders.listed(there.engine.reader, owner="bot-1")]
        assert tags == ["buy-1", "buy-1"]


async def test_removing(tmp_path: Path) -> None:
    """Not while it runs or has orders; afterwards the name is free."""
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **GRID)
        for candle in candles(2):
            await there.minute(candle)
        now = there.clock.now()

        async def remove() -> None:
            await there.engine.writer.run(lambda tx: bots.remove(tx, "bot-1", now, actor="user"))

        with pytest.raises(BotError, match="runs; stop it first"):
            await remove()
        await there.engine.writer.run(lambda tx: bots.stop(tx, "bot-1", OnStop.KEEP, now, actor="user"))
        with pytest.raises(BotError, match="bots stop bot-1 --cancel-orders` cancels them"):
            await remove()
        await there.engine.writer.run(
            lambda tx: [orders.cancel(tx, one.id, now, actor="user") for one in orders.listed(tx, owner="bot-1")]
        )
        await there.due(15)
        await there.engine.books.reconcile("tiny/main")
        await remove()
        with pytest.raises(BotError, match="no bot 'bot-1'"):
            there.bot()
        assert timedelta(0) < there.clock.now() - now


@pytest.mark.parametrize("live", [True, False], ids=["live", "paper"])
async def test_the_name_of_one_that_has_traded_is_not_given_again(tmp_path: Path, *, live: bool) -> None:
    """What it bought would be the new one's: shown as its trades, counted by its limits, and sold by a halt of it."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", live=live, **BUY)
        for candle in candles(3):
            await there.minute(candle)
        await there.due(15)

        def renewed(tx: sqlite3.Connection) -> None:
            bots.stop(tx, "bot-1", OnStop.KEEP, there.clock.now(), actor="user")
            bots.remove(tx, "bot-1", there.clock.now(), actor="user")

        await there.engine.writer.run(renewed)
        if live:
            with pytest.raises(BotError, match="a bot bot-1 that was removed has traded"):
                await there.add("grid", live=True, **GRID)
        else:
            await there.add("grid", live=True, **GRID)


@pytest.mark.parametrize("rests", [True, False], ids=["rests", "watched"])
async def test_a_guard_that_has_sold_sells_nothing_more_when_it_is_started_again(tmp_path: Path, *, rests: bool) -> None:
    """The account has as much again, which it was never told to guard."""
    given = {"symbol": "BTC/USDT", "amount": 2, "entry_price": 100, "stop_loss": "0.1", "stoploss_on_exchange": rests}
    path = [Candle(START + number * MINUTE, *[Decimal(price)] * 4, Decimal(1)) for number, price in enumerate(PRICES)]
    async with floor(tmp_path, {"BTC": Decimal(4)}) as there:
        await there.add("guard", live=True, funds={"BTC": Decimal(2)}, **given)
        for candle in path[:4]:
            await there.minute(candle)
        assert (there.bot().state, there.world.paper.balances()["BTC"].free) == (State.STOPPED, 2)
        await there.engine.writer.run(lambda tx: bots.start(tx, "bot-1", there.clock.now(), actor="user"))
        for candle in path[4:]:
            await there.minute(candle)
        assert there.world.paper.balances()["BTC"].free == 2
        assert there.bot().why == "it has no BTC left to guard"


async def test_after_a_backup_live_bots_wait_for_a_person(tmp_path: Path) -> None:
    """A copy does not know what they have done since; those on paper go on."""
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **GRID)
        await there.add("recurring_buy", "other", **BUY)
        for candle in candles(2):
            await there.minute(candle)
        now = there.clock.now()
        await there.engine.writer.run(lambda tx: restored(tx, {}, None, now, actor="user"))
        assert (there.bot().state, there.bot("other").state) == (State.STOPPED, State.RUNNING)
        assert any("bot-1 has stopped" in text and "start it again" in text for text in there.notices())
