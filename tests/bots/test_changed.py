"""The exchange changes a market's rules, or lets it stand still, while bots trade there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from automator.notices import mark_seen, unread
from automator.trading import bots
from automator.trading.bots import State
from connectors.exchange.twin_inspect import orders
from connectors.exchange.twin_world import World
from connectors.market import Candle
from tests.bots.market import FUNDS, MINUTE, Floor
from tests.bots.samples import BRACKET, BUY, GRID, candles
from tests.bots.test_twin import ACCOUNT, sandbox

D = Decimal
UNEVEN = {**GRID, "upper_price": "171.3", "quantity_per_grid": "0.5"}
GUARD = {**BRACKET, "entry_price": "135.55", "stop_loss": "0.3", "take_profit": "0.35"}
LIMITS = {**BUY, "use_market_entry_orders": False, "minutes_before_next_buy": 60}
HELD = {"BTC": D(2), **FUNDS}


class There:
    """A bot at the twin, one candle after the other."""

    def __init__(self, floor: Floor, path: list[Candle]) -> None:
        self.floor, self.path, self.gone = floor, path, 0

    @property
    def world(self) -> World:
        assert isinstance(self.floor.world, World)
        return self.floor.world

    async def go(self, minutes: int = 1) -> None:
        for candle in self.path[self.gone : self.gone + minutes]:
            self.floor.clock.at = candle.at + MINUTE
            await self.floor.due()
        self.gone += minutes

    def coarser(self, tick: str = "1", lot: str = "0.01") -> None:
        market = self.world.replays["BTCUSDT"].market
        self.world.change(replace(market, filters=replace(market.filters, tick=D(tick), lot=D(lot), min_amount=D(lot))))

    async def outdate(self) -> None:
        """The rules change a while after they were read."""
        session, exchange = self.floor.engine.trading(ACCOUNT, {})
        await exchange.markets(session)
        self.floor.clock.at += 2 * MINUTE
        self.coarser()

    def placed(self) -> list[dict[str, Any]]:
        return orders(self.world)

    def resting(self) -> list[dict[str, Any]]:
        return [one for one in self.placed() if one["status"] == "NEW"]


@asynccontextmanager
async def trading(folder: Path, kind: str, given: dict[str, Any]) -> AsyncIterator[There]:
    path, funds = candles(40), HELD if kind == "guard" else FUNDS
    async with sandbox(folder, path, HELD) as floor:
        await floor.add(kind, live=True, account=ACCOUNT, funds=funds, **given)
        yield There(floor, path)


def whole(order: dict[str, Any]) -> bool:
    """Whether it keeps to the coarser rules."""
    prices = (D(order["price"]), D(order["stopPrice"]))
    return not any(price % 1 for price in prices) and not D(order["origQty"]) % D("0.01")


async def test_a_grid_goes_on_by_new_rules(tmp_path: Path) -> None:
    """What is refused once by rules that have changed is placed by the new ones; what rested stays; one notice."""
    async with trading(tmp_path, "grid", UNEVEN) as there:
        await there.go(5)
        before = {one["orderId"]: one for one in there.placed()}
        there.coarser()
        await there.go(10)
        floor, since = there.floor, [one for one in there.placed() if one["orderId"] not in before]
        assert floor.bot().state is State.RUNNING
        assert len(since) > 10
        assert all(map(whole, since))
        assert not [one for one in there.placed() if one["status"] == "CANCELED"]
        (notice,) = floor.notices()
        assert "is not a multiple of the tick 1, by rules that the exchange has changed since" in notice


async def test_a_guard_keeps_its_pair(tmp_path: Path) -> None:
    """A pair that was refused by rules that have changed is a pair again a minute later, not a watched price."""
    async with trading(tmp_path, "guard", GUARD) as there:
        there.path[:] = [replace(one, open=D(135), high=D(136), low=D(134), close=D(135)) for one in there.path]
        await there.outdate()
        await there.go(5)
        kept = there.floor.bot().kept
        assert kept is not None
        assert (kept["state"]["exit"]["paired"], kept["state"]["exit"]["apart"]) == (True, False)
        assert sorted(one["type"] for one in there.resting()) == ["STOP_LOSS", "TAKE_PROFIT"]
        assert all(map(whole, there.resting()))


async def test_a_buy_is_made_up_for(tmp_path: Path) -> None:
    """One that comes once a week is not left out because the tick was another one by then."""
    async with trading(tmp_path, "recurring_buy", LIMITS) as there:
        await there.outdate()
        await there.go(6)
        (bought,) = there.placed()
        assert whole(bought)


async def test_a_market_that_stands_still(tmp_path: Path) -> None:
    """Its bot waits, which is told once and shown; what rests is left alone; it goes on when the market does."""
    async with trading(tmp_path, "grid", GRID) as there:
        await there.go(5)
        floor, engine = there.floor, there.floor.engine
        there.world.halt("BTCUSDT", active=False)
        await there.go(3)
        rests, many = there.resting(), len(there.placed())
        assert rests
        waits = bots.waits(engine.reader, floor.bot())
        assert "BTC/USDT is not traded at binance/main now" in waits
        told = [text for text in floor.notices() if "waits" in text]
        assert told == [f"bot-1 waits: {waits}"]
        now = floor.clock.now()
        await engine.writer.run(lambda tx: mark_seen(tx, unread(tx), int(now.timestamp() * 10**6)))
        await there.go(3)
        assert unread(engine.reader) == []
        assert floor.bot().state is State.RUNNING
        assert len(there.placed()) == many
        assert not [one for one in there.placed() if one["status"] == "CANCELED"]
        there.world.halt("BTCUSDT", active=True)
        await there.go(10)
        assert len(there.placed()) > many
        assert bots.waits(engine.reader, floor.bot()) == ""


async def test_what_must_be_sold_is_sold_soon_after(tmp_path: Path) -> None:
    """A stop-loss that was reached meanwhile sells minutes after the market goes on, not within the hour."""
    async with trading(tmp_path, "guard", {**BRACKET, "stoploss_on_exchange": False, "stop_loss": "0.05"}) as there:
        there.world.halt("BTCUSDT", active=False)
        there.path[:] = [replace(one, high=D(136), low=D(99), close=D(100)) for one in there.path]
        await there.go(3)
        assert there.placed() == []
        there.world.halt("BTCUSDT", active=True)
        await there.go(7)
        assert [one["status"] for one in there.placed()] == ["FILLED"]
