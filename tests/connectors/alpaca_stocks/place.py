"""An engine with an account of stocks at the stand-in for Alpaca, in the time that the test makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from automator import accounts
from automator.egress.session import Session
from automator.engine import Engine
from automator.home import Home
from automator.sandbox.faults import Fault, middleware
from automator.trading import orders
from automator.trading.orders import Approved, Refused, Stored
from automator.vault.choose import own_file
from connectors.alpaca_stocks import twin as alpaca
from connectors.alpaca_stocks.twin_world import Street
from connectors.exchange.twin_world import Replay, walk
from connectors.order import OrderType, Side
from connectors.venue import Exchange
from jobs.bots.strategy import Place as Wish
from tests.clocks import START, StillClock
from tests.trade.judge import judge, of_alpaca

ACCOUNT, BOT, STOCK = "alpaca-stocks/main", "dca-1", "AAPL/USD"
D = Decimal


class Place:
    """One installation with one account at one stand-in."""

    def __init__(self, engine: Engine, app: web.Application, clock: StillClock, faults: list[Fault]) -> None:
        self.engine, self.app, self.clock, self.faults = engine, app, clock, faults

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
            lambda tx: orders.submit(tx, ACCOUNT, BOT, wish.tag, wish, now, market=market, price=price)
        )

    async def ended(self, order: str, seconds: float = 120) -> Stored:
        """The order after everything that is due within so many seconds was done."""
        await self.engine.worker.run_due(self.clock.now() + timedelta(seconds=seconds))
        return self.stands(order)

    def stands(self, order: str) -> Stored:
        found = orders.load(self.engine.reader, order)
        assert found is not None
        return found

    async def cancel(self, order: str) -> None:
        now = self.clock.now()
        await self.engine.writer.run(lambda tx: orders.cancel(tx, order, now, actor="test"))

    def strikes(self, fault: str, path: str = "/v2/orders", method: str = "POST") -> None:
        """What happens to the next call there."""
        self.faults.append(Fault(path=path, fault=fault, method=method))  # type: ignore[arg-type]

    async def judge(self) -> None:
        """After a look at the account, our books are the stand-in's, and it has every order once."""
        await self.engine.books.reconcile(ACCOUNT)
        seen = alpaca.posts(self.app)
        sent = [one["client_order_id"] for one in seen]
        assert max(Counter(sent).values(), default=1) == 1
        judge(self.engine.reader, {one["client_order_id"]: of_alpaca(one) for one in seen}, sent)


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
        answer.headers["date"] = format_datetime(clock.now(), usegmt=True)

    app.on_response_prepare.append(date)
    secrets = alpaca.add_account(app, "brand")
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    home = Home(folder / "home")
    home.prepare()
    async with Engine(home, own_file(home.path), clock=clock) as engine:
        new = accounts.fresh(ACCOUNT, f"http://127.0.0.1:{runner.addresses[0][1]}", chosen=chosen)
        await engine.connect(new, secrets)
        yield Place(engine, app, clock, faults)
    await runner.cleanup()
