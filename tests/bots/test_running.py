"""Bots at work: the same orders live, on paper and in a backtest; nothing twice, nothing lost, and each stops alone."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from automator import halts
from automator.backup import restored
from automator.clock import micros
from automator.trading import bots, orders
from automator.trading.bots import BotError, OnStop, State
from connectors.exchange.paper import Paper
from connectors.market import Candle
from jobs.bots.backtest import play
from jobs.bots.grid import Grid
from jobs.bots.kinds import made
from jobs.bots.signal import Taken
from jobs.bots.strategy import Ended, Filled
from tests.bots.market import FUNDS, MARKET, MINUTE, Floor, floor
from tests.clocks import START

GRID = {
    "symbol": "BTC/USDT",
    "lower_price": 100,
    "upper_price": 170,
    "grids_quantity": 7,
    "quantity_per_grid": 1,
}
MOVED = {
    "symbol": "BTC/USDT",
    "lower_price": 125,
    "upper_price": 145,
    "grids_quantity": 4,
    "quantity_per_grid": 200,
    "order_currency_type": "quote",
    "trailing_up_enabled": True,
    "trailing_down_enabled": True,
}
WIDER = {name: value for name, value in MOVED.items() if not name.startswith("trailing")} | {
    "profit_currency_type": "base",
    "expansion_up_enabled": True,
    "expansion_up_stop_price": 160,
    "expansion_down_enabled": True,
    "expansion_down_stop_price": 110,
    "max_active_buy_lines": 3,
}
BUY = {"symbol": "BTC/USDT", "amount_to_buy_in_reference_market": 100, "minutes_before_next_buy": 5}
DCA = {
    "symbol": "BTC/USDT",
    "base_order_volume": 200,
    "safety_order_volume": 300,
    "max_safety_orders": 3,
    "active_safety_orders_count": 2,
    "take_profit": 3,
    "stop_loss_percentage": 20,
}
GUARD = {
    "symbol": "BTC/USDT",
    "amount": 2,
    "entry_price": 110,
    "stop_loss": "0.1",
    "trailing_stop_delta": "0.05",
    "trailing_stop_activation": "0.05",
}
BRACKET = {"symbol": "BTC/USDT", "amount": 2, "entry_price": 135, "stop_loss": "0.25", "take_profit": "0.2"}
TRAILED = {**BRACKET, "trailing_stop_delta": "0.25", "take_profit_order_type": "limit"}
SHARES = {"indexed_coins": "BTC:50", "refresh_interval": 0, "rebalance_trigger_min_percent": 2}
STOPPED = {**DCA, "stop_loss_percentage": 12, "max_safety_orders": 2}
STEPS = {name: value for name, value in DCA.items() if name != "take_profit"} | {
    "take_profit_steps": "40:3,35:9,25:15",
    "sl_to_breakeven_enabled": True,
    "tsl_enabled": True,
}


def candles(count: int = 40) -> list[Candle]:
    """Up and down, with wicks."""
    found, price = [], Decimal(135)
    for number in range(count):
        close = Decimal(135 + (number * 37) % 61 - 30)
        low, high = min(price, close) - number % 3, max(price, close) + number % 5
        found.append(Candle(START + number * MINUTE, price, high, low, close, Decimal(100)))
        price = close
    return found


@contextmanager
def watched(patch: pytest.MonkeyPatch) -> Iterator[dict[int, list[tuple[Any, ...]]]]:
    """All that is asked of any matching engine, by the minute, without the client order ids."""
    seen: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    place, pair, cancel = Paper.place, Paper.place_pair, Paper.cancel

    def note(what: str, request: Any, now: Any) -> None:
        asked = request.plan() | {"client_order_id": ""}
        seen[(now - START) // MINUTE].append((what, *(str(item) for item in sorted(asked.items()))))

    def placed(paper: Paper, request: Any, now: Any) -> Any:
        note("place", request, now)
        return place(paper, request, now)

    def paired(paper: Paper, first: Any, second: Any, now: Any) -> Any:
        for leg in (first, second):
            note("pair", leg, now)
        return pair(paper, first, second, now)

    def cancelled(paper: Paper, client: str, now: Any) -> Any:
        order = cancel(paper, client, now)
        seen[(now - START) // MINUTE].append(("cancel", str(order.price), str(order.stop_price), order.side.value))
        return order

    with patch.context() as patched:
        patched.setattr(Paper, "place", placed)
        patched.setattr(Paper, "place_pair", paired)
        patched.setattr(Paper, "cancel", cancelled)
        yield seen


def ordered(seen: dict[int, list[tuple[Any, ...]]]) -> dict[int, list[tuple[Any, ...]]]:
    """In a minute orders leave side by side."""
    return {minute: sorted(asked) for minute, asked in sorted(seen.items())}


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
        with pytest.raises(BotError, match="are open"):
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
