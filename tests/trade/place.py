"""An engine on the small exchange, in the time that the test makes; and what a test does with both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from automator.engine import Engine
from automator.trading import news, submission
from automator.trading.submission import Approved, Refused
from connectors.base import Scope
from connectors.order import OrderType, Side
from jobs.bots.strategy import Place as Wish
from tests.clocks import StillClock
from tests.trade.exchange import KEY, MARKET, register
from tests.trade.installed import Installed, installed
from tests.trade.world import PRICE, World, app

ACCOUNT, BOT = "tiny/main", "grid-1"
D = Decimal
LIMIT = Wish("a", "BTC/USDT", Side.BUY, OrderType.LIMIT, D("0.1"), PRICE)
AT_MARKET = Wish("a", "BTC/USDT", Side.BUY, OrderType.MARKET, D("0.1"))


class Trading(Installed):
    """One installation with one account at one exchange."""

    def __init__(self, engine: Engine, world: World, clock: StillClock) -> None:
        super().__init__(engine, clock)
        self.world = world

    async def submit(self, wish: Wish = LIMIT, owner: str = BOT, **more: Any) -> Approved | Refused:
        """Put an order in; nothing is sent yet."""
        return await self.engine.writer.run(
            lambda tx: submission.submit(
                tx, ACCOUNT, owner, wish.tag, wish, self.clock.now(), market=MARKET, price=PRICE, **more
            )
        )

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
    scopes = (Scope.READ, Scope.TRADE)
    async with installed(folder, app(world), clock, ACCOUNT, {"key": KEY}, scopes=scopes, chosen=chosen) as engine:
        world.asked.clear()
        world.keys.clear()
        yield Trading(engine, world, clock)
