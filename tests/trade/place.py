"""An engine on the small exchange, in the time that the test makes; and what a test does with both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from automator import accounts
from automator.engine import Engine
from automator.home import Home
from automator.trading import news, orders
from automator.trading.orders import Approved, Refused, Stored
from automator.vault.choose import own_file
from connectors.base import Scope
from connectors.order import OrderType, Side
from jobs.bots.strategy import Place as Wish
from tests.clocks import StillClock
from tests.trade.exchange import KEY, MARKET, register
from tests.trade.world import PRICE, World, app

ACCOUNT, BOT = "tiny/main", "grid-1"
D = Decimal
LIMIT = Wish("a", "BTC/USDT", Side.BUY, OrderType.LIMIT, D("0.1"), PRICE)
AT_MARKET = Wish("a", "BTC/USDT", Side.BUY, OrderType.MARKET, D("0.1"))


class Trading:
    """One installation with one account at one exchange."""

    def __init__(self, engine: Engine, world: World, clock: StillClock) -> None:
        self.engine, self.world, self.clock = engine, world, clock

    async def submit(self, wish: Wish = LIMIT, owner: str = BOT, **more: Any) -> Approved | Refused:
        """Put an order in; nothing is sent yet."""
        return await self.engine.writer.run(
            lambda tx: orders.submit(
                tx, ACCOUNT, owner, wish.tag, wish, self.clock.now(), market=MARKET, price=PRICE, **more
            )
        )

    async def ended(self, order: str, seconds: float = 60) -> Stored:
        """The order after everything that is due within so many seconds was done."""
        await self.engine.worker.run_due(self.clock.now() + timedelta(seconds=seconds))
        return self.stands(order)

    def stands(self, order: str) -> Stored:
        found = orders.load(self.engine.reader, order)
        assert found is not None
        return found

    def told(self, owner: str = BOT) -> list[str]:
        """What an owner was told, in order."""
        return [type(item.event).__name__ for item in news.since(self.engine.reader, owner, 0)]

    def notices(self) -> list[str]:
        return [row[0] for row in self.engine.reader.execute("SELECT kind FROM notice ORDER BY id")]


@asynccontextmanager
async def trading(folder: Path, **chosen: str) -> AsyncIterator[Trading]:
    """With the account connected."""
    register()
    clock = StillClock()
    world = World(clock.now)
    server = web.AppRunner(app(world), access_log=None, shutdown_timeout=1)
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", 0).start()
    home = Home(folder / "home")
    home.prepare()
    async with Engine(home, own_file(home.path), clock=clock) as engine:
        scopes = (Scope.READ, Scope.TRADE)
        new = accounts.fresh(ACCOUNT, f"http://127.0.0.1:{server.addresses[0][1]}", scopes, chosen=chosen)
        await engine.connect(new, {"key": KEY})
        world.asked.clear()
        yield Trading(engine, world, clock)
    await server.cleanup()
