"""Bots at work: the same orders live, on paper and in a backtest; nothing twice, nothing lost, and each stops alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from automator import halts
from automator.clock import micros
from automator.trading import bots, orders, running
from automator.trading.bots import State
from connectors.market import Candle
from jobs.bots.backtest import play
from jobs.bots.kinds import made
from jobs.bots.strategies.grid import Grid
from jobs.bots.strategies.signal import Taken
from jobs.bots.strategy import Ended, Filled
from tests.bots.market import FUNDS, MARKET, MINUTE, Floor, floor
from tests.bots.samples import BRACKET, BUY, DCA, GRID, GUARD, MOVED, SHARES, STEPS, STOPPED, TRAILED, WIDER, candles
from tests.bots.watch import ordered, watched
from tests.clocks import START


async def run(folder: Path, kind: str, given: dict[str, Any], path: Sequence[Candle], *, live: bool) -> Floor:
    funds = {"BTC": Decimal(2), **FUNDS} if kind == "guard" else FUNDS
    async with floor(folder, funds) as there:
        await there.add(kind, live=live, funds=funds, **given)
        for candle in path:
            await there.minute(candle)
        await there.due()
        return there


@pytest.mark.parametrize(
    ("kind", "given", "least"),
    [
        ("grid", GRID, 60),
        ("grid", MOVED, 60),
        ("grid", WIDER, 60),
        ("recurring_buy", BUY, 8),
        ("deal_dca", DCA, 25),
        ("deal_dca", STOPPED, 25),
        ("deal_dca", STEPS, 60),
        ("guard", GUARD, 3),
        ("guard", BRACKET, 2),
        ("guard", TRAILED, 4),
        ("rebalance", SHARES, 20),
    ],
)
async def test_live_paper_and_backtest_place_the_same_orders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, given: dict[str, Any], least: int
) -> None:
    """Order by order: what, how much, at which price and in which minute; and so with cancels."""
    path = candles()
    funds = {"BTC": Decimal(2), **FUNDS} if kind == "guard" else FUNDS
    with watched(monkeypatch) as tested:
        strategy = made(kind, given)
        played = play(strategy, {MARKET.symbol: MARKET}, funds, {MARKET.symbol: path}, MINUTE)
    with watched(monkeypatch) as on_paper:
        await run(tmp_path / "paper", kind, given, path, live=False)
    with watched(monkeypatch) as alive:
        await run(tmp_path / "live", kind, given, path, live=True)
    assert sum(map(len, tested.values())) >= least
    assert ordered(on_paper) == ordered(tested)
    assert ordered(alive) == ordered(tested)
    assert played.fills


async def test_fills_are_shown_in_the_order_in_which_they_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fall through four lines and back up fills the highest buy first, whichever order was placed first."""
    begun = Candle(START, *[Decimal(155)] * 4, Decimal(1))
    fall = Candle(START + MINUTE, Decimal(155), Decimal(155), Decimal(101), Decimal(155), Decimal(1))
    shown: list[str] = []
    decide = Grid.decide

    def told(grid: Grid, state: Any, view: Any, now: Any) -> Any:
        shown.extend(f"{type(one).__name__} {one.tag}" for one in view.events if isinstance(one, Filled | Ended))
        return decide(grid, state, view, now)

    monkeypatch.setattr(Grid, "decide", told)
    path = [begun, replace(begun, at=fall.at), replace(fall, at=fall.at + MINUTE)]
    play(made("grid", GRID), {MARKET.symbol: MARKET}, FUNDS, {MARKET.symbol: path}, MINUTE)
    in_backtest = shown.copy()
    shown.clear()
    await run(tmp_path, "grid", GRID, path, live=True)
    assert shown == in_backtest
    assert [one for one in shown if one.startswith("Filled buy")] == [
        f"Filled buy-{number}-0" for number in (5, 4, 3, 2, 1)
    ]


async def test_a_live_bot_is_on_the_record_and_each_order_arrives_once(tmp_path: Path) -> None:
    """Its orders are its own, its start an event, and the exchange's count is ours."""
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **GRID)
        for candle in candles(20):
            await there.minute(candle)
        await there.due(15)
        stored = orders.listed(there.engine.reader, owner="bot-1")
        assert len(stored) == len(there.world.arrived) == len(set(there.world.arrived))
        assert {item.id for item in stored} == set(there.world.arrived)
        for number in range(20, 24):  # until nothing more is filled
            await there.minute(Candle(START + number * MINUTE, *[Decimal(150)] * 4, Decimal(1)))
        held = {asset: Decimal(much) for asset, much in (there.bot().kept or {})["held"].items()}
        shown = there.world.paper.balances()
        assert held == {asset: one.free + one.locked for asset, one in shown.items()}
        assert there.bot().state is State.RUNNING
        events = [row[0] for row in there.engine.reader.execute("SELECT said(data) FROM entry WHERE kind = 'event'")]
        assert any('"bot started"' in said and '"live":true' in said for said in events)


async def test_what_a_bot_decides_leaves_at_once(tmp_path: Path) -> None:
    """Its orders are begun with the decision, and wait for no other look at what is due."""
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **GRID)
        worker, (candle,) = there.engine.worker, candles(1)
        there.clock.at = candle.at + MINUTE + timedelta(seconds=1)
        there.world.go(candle)
        assert await worker.tick() == 1
        while active := list(worker._active.values()):
            await asyncio.wait(active)
        decided = [item.id for item in orders.listed(there.engine.reader, owner="bot-1")]
        assert there.world.arrived == decided != []


async def test_a_paper_bot_sends_nothing(tmp_path: Path) -> None:
    """It reads prices, and trades on paper; its trades are kept."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", **BUY)
        for candle in candles(12):
            await there.minute(candle)
        assert {item.split()[0] for item in there.world.asked} == {"GET"}
        assert [one.tag for one in bots.paper(there.engine.reader, "bot-1")] == ["buy-1", "buy-2", "buy-3"]


async def test_after_a_pause_it_sees_what_it_missed_and_decides_once(tmp_path: Path) -> None:
    """Orders on paper were filled meanwhile; buys that fell due are made up for by one."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", **BUY)
        path = candles(31)
        await there.minute(path[0])
        for candle in path[1:]:
            there.world.go(candle)
        there.clock.at = path[-1].at + MINUTE
        await there.due()
        assert [one.tag for one in bots.paper(there.engine.reader, "bot-1")] == ["buy-1", "buy-2"]
        assert there.bot().seen == path[-1].at + MINUTE


@pytest.mark.parametrize("live", [True, False], ids=["live", "paper"])
@pytest.mark.parametrize(("policy", "buys"), [("once", 2), ("skip", 1)])
async def test_a_suspended_day_is_made_up_for_once_or_left_out(
    tmp_path: Path, policy: str, buys: int, *, live: bool
) -> None:
    """The machine slept through 23 hourly buys; afterwards the rhythm is the old one, whatever the policy."""
    hourly = BUY | {"minutes_before_next_buy": 60, "catch_up": policy}
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", live=live, **hourly)
        (first,) = candles(1)
        await there.minute(first)
        await there.due(30)
        day = 24 * 60 - 20
        for number in range(1, day):
            there.world.go(Candle(START + number * MINUTE, *[Decimal(100)] * 4, Decimal(1)))
        there.clock.at = START + day * MINUTE
        for _ in range(8):
            await there.due(5)

        def bought() -> int:
            if live:
                return sum(item.filled > 0 for item in orders.listed(there.engine.reader, owner="bot-1"))
            return len(bots.paper(there.engine.reader, "bot-1"))

        assert bought() == buys
        for number in range(day, 24 * 60 + 3):
            await there.minute(Candle(START + number * MINUTE, *[Decimal(100)] * 4, Decimal(1)))
        await there.due(30)
        assert bought() == buys + 1, "the next full hour's"


async def test_a_candle_that_is_late_is_waited_for(tmp_path: Path) -> None:
    """A few seconds; the decision is that of the candle's close."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", **BUY)
        (candle,) = candles(1)
        there.clock.at = candle.at + MINUTE
        await there.due()
        assert bots.paper(there.engine.reader, "bot-1") == []
        there.world.go(candle)
        await there.due(3)
        (bought,) = bots.paper(there.engine.reader, "bot-1")
        assert bought.fill.at == candle.at + MINUTE


async def test_a_live_bot_goes_by_the_price_of_now_where_the_newest_candle_is_an_old_one(tmp_path: Path) -> None:
    """Alpaca's days end five hours after ours: the last that has closed at midnight is of the day before."""
    funds = {"BTC": Decimal(2), **FUNDS}
    given = {"symbol": "BTC/USDT", "amount": 2, "entry_price": 100, "stop_loss": "0.1", "stoploss_on_exchange": False}
    path = [Candle(START + number * MINUTE, *[Decimal(100)] * 4, Decimal(1)) for number in range(2)]
    async with floor(tmp_path, funds) as there:
        await there.add("guard", live=True, funds=funds, **given)
        await there.minute(path[0])
        there.world.go(path[1])
        fall = Candle(START + 2 * MINUTE, *[Decimal(80)] * 4, Decimal(1))
        there.world.paper.feed(MARKET.symbol, fall)  # which no candle shows yet
        there.clock.at = fall.at + MINUTE + timedelta(seconds=15)
        await there.due()
        assert [item.side for item in orders.listed(there.engine.reader, owner="bot-1")] == ["sell"]


async def test_on_paper_no_missed_candle_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its orders are filled by those too that are too many for its strategy to be shown."""
    monkeypatch.setattr(running, "NEWEST", 2)
    path = candles(12)
    async with floor(tmp_path) as there:
        await there.add("grid", **GRID)
        for candle in path[:2]:
            await there.minute(candle)
        rise = replace(path[2], high=Decimal(175))
        for candle in [rise, *path[3:-1]]:
            there.world.go(candle)
        await there.minute(path[-1])
        highest = [one for one in bots.paper(there.engine.reader, "bot-1") if one.fill.price == Decimal(170)]
        assert [one.fill.at for one in highest] == [rise.at]


async def test_without_a_candle_a_person_is_told_why_nothing_happens(tmp_path: Path) -> None:
    """It goes on as soon as there is one at a close."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", **BUY)
        (candle,) = candles(1)
        there.clock.at = candle.at + MINUTE
        await there.due()
        assert bots.paper(there.engine.reader, "bot-1") == []
        await there.due(11)
        assert "tiny/main shows no candle of BTC/USDT since 2026-12-01 09:00" in bots.waits(
            there.engine.reader, there.bot()
        )
        there.world.go(candle)
        there.clock.at = candle.at + 2 * MINUTE
        await there.due(11)
        assert bots.waits(there.engine.reader, there.bot()) == ""
        (bought,) = bots.paper(there.engine.reader, "bot-1")
        assert bought.fill.price == candle.close


async def test_a_candle_that_is_very_late_is_seen_in_its_turn(tmp_path: Path) -> None:
    """An exchange whose candles come half a minute late is followed, one minute behind."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", **BUY | {"minutes_before_next_buy": 1})
        path = candles(5)
        for candle in path:
            there.clock.at = candle.at + MINUTE
            await there.due()
            await there.due(11)
            there.clock.at = candle.at + MINUTE + timedelta(seconds=37)
            there.world.go(candle)
        trades = bots.paper(there.engine.reader, "bot-1")
        assert [one.fill.price for one in trades] == [candle.close for candle in path[:-1]]


async def test_an_exchange_that_is_down_is_asked_again(tmp_path: Path) -> None:
    """The bot waits with the reason, and goes on."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", **BUY)
        path = candles(4)
        there.world.down = True
        await there.minute(path[0])
        assert there.bot().state is State.RUNNING
        assert "tiny can't be asked" in bots.waits(there.engine.reader, there.bot())
        there.world.down = False
        for candle in path[1:]:
            await there.minute(candle)
        assert [one.tag for one in bots.paper(there.engine.reader, "bot-1")] == ["buy-1"]


@pytest.mark.parametrize("name", ["bot-1", "tiny/main", "*"])
async def test_a_halted_bot_decides_nothing_until_it_is_resumed(tmp_path: Path, name: str) -> None:
    """By its name, its account, or everything; and it does not take the halt for refused orders."""
    async with floor(tmp_path) as there:
        await there.add("grid", live=True, **GRID)
        path = candles(6)
        await there.minute(path[0])
        at = micros(there.clock.now())
        await there.engine.writer.run(lambda tx: halts.halt(tx, name, at, reason="test", actor="user"))
        arrived = len(there.world.arrived)
        for candle in path[1:4]:
            await there.minute(candle)
        assert len(there.world.arrived) == arrived
        await there.engine.writer.run(lambda tx: halts.resume(tx, name, at, actor="user"))
        for candle in path[4:]:
            await there.minute(candle)
        assert len(there.world.arrived) > arrived
        assert there.bot().state is State.RUNNING


async def test_a_signal_is_acted_on_at_once_and_once(tmp_path: Path) -> None:
    """It does not wait for a candle; a copy changes nothing."""
    async with floor(tmp_path) as there:
        await there.add("signal", live=True, symbol="BTC/USDT", amount=100)
        (candle,) = candles(1)
        await there.minute(candle)
        taken = Taken("a", {"action": "enter_long", "max_lag": 300}, there.clock.now())
        for fresh in (True, False):
            bot = there.bot()
            now = there.clock.now()
            done = await there.engine.writer.run(
                lambda tx, bot=bot, now=now: bots.receive(tx, bot, taken, now, actor="user")
            )
            assert done == fresh
            await there.due()
        assert len(there.world.arrived) == 1
        assert there.clock.now() - candle.at < 2 * MINUTE
