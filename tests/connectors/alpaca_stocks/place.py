"""An engine with an account of stocks at the stand-in for Alpaca, in the time that the test makes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from automator.egress.session import Session
from automator.sandbox.faults import Fault, middleware
from automator.trading import orders, submission
from automator.trading.submission import Approved, Refused
from connectors.alpaca_stocks import twin as alpaca
from connectors.alpaca_stocks.twin_world import Street
from connectors.exchange.twin_walk import walk
from connectors.exchange.twin_world import Replay
from connectors.order import OrderType, Side
from connectors.venue import Exchange
from jobs.bots.strategy import Place as Wish
from tests.clocks import START, StillClock
from tests.trade.installed import AtTwin, installed
from tests.trade.judge import of_alpaca

ACCOUNT, BOT, STOCK = "alpaca-stocks/main", "dca-1", "AAPL/USD"
D = Decimal


class Place(AtTwin):
    """An engine on the stand-in."""

    account, path, named = ACCOUNT, "/v2/orders", "client_order_id"
    posts, read = staticmethod(alpaca.posts), staticmethod(of_alpaca)

    @property
    def world(self) -> Street:
        return self.app[alpaca.WORLD]

    @property
    def opened(self) -> tuple[Session, Exchange]:
        return self.engine.trading(ACCOUNT, {"test": "yes"})

    async def submit(self, wish: Wish) -> Approved | Refused:
        """Put an order in, at the market's present price."""
        session, exchange = self.opened
        market = (await exchange.markets(session))[STOCK]
        price = (await exchange.ticker(session, STOCK)).last
        now = self.clock.now()
        return await self.engine.writer.run(
            lambda tx: submission.submit(tx, ACCOUNT, BOT, wish.tag, wish, now, market=market, price=price)
        )

    async def cancel(self, order: str) -> None:
        now = self.clock.now()
        await self.engine.writer.run(lambda tx: orders.cancel(tx, order, now, actor="test"))


def wish(kind: OrderType = OrderType.MARKET, side: Side = Side.BUY, tag: str = "a", **more: Any) -> Wish:
    """Two shares, unless told otherwise."""
    return Wish(tag, STOCK, side, kind, **({"amount": D(2)} | more))


@asynccontextmanager
async def opened(folder: Path, **chosen: str) -> AsyncIterator[Place]:
    """Serve it, and connect the account."""
    clock, faults = StillClock(), list[Fault]()
    series = walk(D(200), 3_000, START - timedelta(minutes=1_000))
    app = alpaca.twin(clock.now, (Replay(alpaca.USUAL, series),), known=1_000)
    app.middlewares.insert(0, middleware(faults, "alpaca-stocks", alpaca.FAULTS))

    async def date(_: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["date"] = format_datetime(app[alpaca.WORLD].clock(), usegmt=True)

    app.on_response_prepare.append(date)
    secrets = alpaca.add_account(app, "brand")
    async with installed(folder, app, clock, ACCOUNT, secrets, chosen=chosen) as engine:
        yield Place(engine, app, clock, faults)
