"""An installation that trades at an exchange: the matching engine behind a real socket, whose time the test makes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from automator import accounts
from automator.engine import Engine
from automator.home import Home
from automator.trading import bots
from automator.trading.bots import Bot, OnStop
from automator.vault.choose import own_file
from connectors import registry
from connectors.base import Scope
from connectors.exchange.paper import Paper
from connectors.exchange.refusal import Refused
from connectors.market import Candle, Filters, Market
from connectors.network import Wire
from connectors.order import Fill, Order, OrderRequest
from connectors.venue import Exchange
from tests.clocks import StillClock
from tests.trade import exchange as tiny
from tests.trade.exchange import KEY

ACCOUNT = "tiny/main"
MINUTE = timedelta(minutes=1)
FEE = Decimal("0.001")
MARKET = Market(
    "BTC/USDT",
    "BTCUSDT",
    "BTC",
    "USDT",
    Filters(Decimal("0.01"), Decimal("0.0001")),
    maker=FEE,
    taker=FEE,
    pairs=True,
)
FUNDS = {"USDT": Decimal(10_000)}
_AHEAD: dict[str, timedelta] = {}  # by the address of an exchange: how far our clock was ahead of its when it was asked


class Connector(tiny.Connector):
    """The small exchange's, with candles."""

    async def markets(self, wire: Wire, *wanted: str) -> Mapping[str, Market]:
        return {MARKET.symbol: MARKET}

    async def ahead(self, wire: Wire, *, anew: bool = False) -> timedelta:
        if anew or self.base_url not in _AHEAD:
            theirs = datetime.fromisoformat((await self._get(wire, "/time"))["time"])
            _AHEAD[self.base_url] = wire.now() - theirs
        return _AHEAD[self.base_url]

    async def candles(self, wire: Wire, symbol: str, every: timedelta, since: datetime) -> Sequence[Candle]:
        found = await self._get(wire, "/candles", since=since.isoformat())
        return [Candle(datetime.fromisoformat(at), *map(Decimal, numbers)) for at, *numbers in found]


def register() -> None:
    """Make it known in this process."""
    tiny.register()
    others = registry.exchange

    def exchange(
        provider: str, url: str | None = None, chosen: Mapping[str, str] | None = None, account: str = ""
    ) -> Exchange:
        return Connector(url or "", chosen or {}) if provider == "tiny" else others(provider, url, chosen, account)

    registry.exchange = exchange


class World:
    """The exchange, and what was asked of it. ``arrived``: the client order ids that came, as often as they did."""

    def __init__(self, clock: StillClock, funds: Mapping[str, Decimal] = FUNDS) -> None:
        self.clock = clock
        self.paper = Paper({MARKET.symbol: MARKET}, funds)
        self.candles: list[Candle] = []
        self.arrived: list[str] = []
        self.asked: list[str] = []
        self.down = False

    def now(self) -> datetime:
        """What its own clock shows, which nobody sets."""
        return self.clock.now() - self.clock.wrong

    def go(self, candle: Candle) -> None:
        """The market goes through a candle, which closes now."""
        self.paper.feed(MARKET.symbol, candle)
        self.candles.append(candle)


def _order(order: Order) -> dict[str, Any]:
    said = {name: None if value is None else str(value) for name, value in asdict(order).items()}
    return said | {"amount": str(order.amount or 0), "at": order.at.isoformat() if order.at else None}


def _fill(fill: Fill) -> dict[str, Any]:
    said = {name: str(value) for name, value in asdict(fill).items()}
    return said | {"maker": fill.maker, "at": fill.at.isoformat()}


def app(world: World) -> web.Application:
    """Its server."""
    paper = world.paper

    def when() -> datetime:
        return world.now()

    async def time(_: web.Request) -> web.Response:
        return web.json_response({"time": world.now().isoformat()})

    async def place(request: web.Request) -> web.Response:
        asked = OrderRequest.of(await request.json())
        world.arrived.append(asked.client_order_id)
        try:
            return web.json_response(_order(paper.place(asked, when())))
        except Refused as refused:
            return web.json_response({"error": str(refused)}, status=400)

    async def pair(request: web.Request) -> web.Response:
        said = await request.json()
        world.arrived.append(said["client_order_id"])
        try:
            placed = paper.place_pair(*(OrderRequest.of(leg) for leg in said["legs"]), when())
        except Refused as refused:
            return web.json_response({"error": str(refused)}, status=400)
        return web.json_response({"orders": [_order(one) for one in placed]})

    async def one(request: web.Request) -> web.Response:
        found = paper.order(request.query["client"])
        return web.json_response(_order(found) if found else None)

    async def cancel(request: web.Request) -> web.Response:
        found = next((item for item in paper.orders() if item.id == request.query["id"]), None)
        if found is None:
            return web.json_response({"error": "unknown order"}, status=400)
        return web.json_response(_order(paper.cancel(found.client_order_id, when())))

    async def opened(_: web.Request) -> web.Response:
        return web.json_response([_order(item) for item in paper.orders()])

    async def fills(request: web.Request) -> web.Response:
        return web.json_response([_fill(item) for item in paper.fills(datetime.fromisoformat(request.query["since"]))])

    async def balances(_: web.Request) -> web.Response:
        return web.json_response({name: [str(one.free), str(one.locked)] for name, one in paper.balances().items()})

    async def ticker(_: web.Request) -> web.Response:
        return web.json_response({"price": str(paper.price(MARKET.symbol))})

    async def candles(request: web.Request) -> web.Response:
        since = datetime.fromisoformat(request.query["since"])
        shown = [one for one in world.candles if one.at >= since][:7]  # as many as one answer holds
        numbers = [
            [one.at.isoformat(), *map(str, (one.open, one.high, one.low, one.close, one.volume))] for one in shown
        ]
        return web.json_response(numbers)

    async def who(_: web.Request) -> web.Response:
        return web.json_response({"who": "tester"})

    @web.middleware
    async def watched(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path != "/time":
            world.asked.append(f"{request.method} {request.path}")
        return web.Response(status=502, text="down") if world.down else await handler(request)

    made = web.Application(middlewares=[watched])
    made.router.add_post("/order", place)
    made.router.add_post("/pair", pair)
    made.router.add_delete("/order", cancel)
    for path, answer in (
        ("/order", one),
        ("/open", opened),
        ("/fills", fills),
        ("/balances", balances),
        ("/ticker", ticker),
        ("/candles", candles),
        ("/time", time),
        ("/who", who),
    ):
        made.router.add_get(path, answer)
    return made


class Floor:
    """One installation with one account at the exchange."""

    def __init__(self, engine: Engine, world: World, clock: StillClock) -> None:
        self.engine, self.world, self.clock = engine, world, clock

    async def add(self, kind: str, name: str = "bot-1", **more: Any) -> Bot:
        """Add a bot and start it. ``live``, ``funds``, ``on_stop`` are its own, the others parameters."""
        live, funds = more.pop("live", False), more.pop("funds", FUNDS)
        on_stop = OnStop(more.pop("on_stop", "cancel"))
        account = more.pop("account", ACCOUNT)
        parameters = {key: str(value) for key, value in more.items()}
        new = Bot(name, kind, account, live, parameters, funds, MINUTE, on_stop)
        now = self.clock.now()
        await self.engine.writer.run(lambda tx: bots.add(tx, new, now, actor="user"))
        return await self.engine.writer.run(lambda tx: bots.start(tx, name, now, actor="user"))

    async def minute(self, candle: Candle) -> None:
        """A candle closes, and what is due then is done."""
        self.clock.at = candle.at + MINUTE
        self.world.go(candle)
        await self.due()

    async def due(self, after: float = 1.0) -> None:
        """So many seconds later."""
        self.clock.at += timedelta(seconds=after)
        await self.engine.worker.run_due()

    def bot(self, name: str = "bot-1") -> Bot:
        return bots.one(self.engine.reader, name)

    def notices(self) -> list[str]:
        return [row[0] for row in self.engine.reader.execute("SELECT text FROM notice ORDER BY id")]


@asynccontextmanager
async def floor(folder: Path, funds: Mapping[str, Decimal] = FUNDS) -> AsyncIterator[Floor]:
    """With the account connected."""
    register()
    clock = StillClock()
    world = World(clock, funds)
    server = web.AppRunner(app(world), access_log=None, shutdown_timeout=1)
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", 0).start()
    home = Home(folder / "home")
    home.prepare()
    try:
        async with Engine(home, own_file(home.path), clock=clock) as engine:
            url = f"http://127.0.0.1:{server.addresses[0][1]}"
            new = accounts.fresh(ACCOUNT, url, (Scope.READ, Scope.TRADE))
            await engine.connect(new, {"key": KEY})
            world.asked.clear()
            yield Floor(engine, world, clock)
    finally:
        await server.cleanup()
