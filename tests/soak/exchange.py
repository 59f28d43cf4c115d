"""The exchange of a soak, in a process of its own: three accounts, a market in a hurry, and faults at random until quiet.

Its arguments are STATE SEED SECONDS. STATE/exchange.json says where it is and what the keys are. Beside the twin's own
routes it has ``POST /inspect/quiet`` (no more faults), ``POST /inspect/still`` (the market stands) and ``GET
/inspect/struck``.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

from aiohttp import web

from automator.sandbox.faults import KINDS, Fault, middleware
from connectors.exchange import twin as binance
from connectors.exchange.twin_world import World
from tests.soak.market import SPEED, replays

BALANCES = {"USDT": Decimal(1_000_000), "BTC": Decimal(50), "ETH": Decimal(500)}
HANDLES = ("one", "two", "three")
LIMIT, WINDOW = 10_000, 10  #: weight, in seconds: the bots of three accounts look each second, not each minute
READS = ("drop-before", "drop-after", "error-after", "html-after", "garbage-after", "throttle", "slow")
PATHS = (
    ("POST", "/order", KINDS, 8),
    ("POST", "/orderList/oco", KINDS, 3),
    ("DELETE", "/order", KINDS, 4),
    ("GET", "/order", READS, 2),
    ("GET", "/openOrders", READS, 2),
    ("GET", "/myTrades", READS, 2),
    ("GET", "/account", READS, 1),
    ("GET", "/klines", READS, 2),
    ("GET", "/ticker/24hr", READS, 1),
    ("GET", "/exchangeInfo", READS, 1),
)
PAUSE = 0.25  #: seconds between two faults that are put in
HIDDEN = (0.0, 0.0, 0.5, 3.0)  #: seconds for which a new order is not shown
AHEAD = (0.0, 0.0, 0.0, -3.0, 0.8, 6.0)  #: seconds by which the exchange's clock differs
LOUD = frozenset({418, 429})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Trouble:
    """What goes wrong, and how often it has."""

    world: World
    random: Random
    faults: list[Fault] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    throttled: list[str] = field(default_factory=list)  #: what its own limits said
    quiet: bool = False

    async def go_on(self) -> None:
        """Until it is quiet."""
        while not self.quiet:
            method, path, kinds, _ = self.random.choices(PATHS, [few[-1] for few in PATHS])[0]
            self.faults[:] = [fault for fault in self.faults if fault.times > 0]
            if sum((fault.method, fault.path) == (method, path) for fault in self.faults) < 2:
                kind = self.random.choice(kinds)
                self.faults.append(Fault(path=path, method=method, fault=kind, skip=self.random.randrange(4)))
                self.told[kind] += 1
            if self.random.random() < 0.03:
                self.world.visible_after = timedelta(seconds=self.random.choice(HIDDEN))
            if self.random.random() < 0.03:
                self.world.ahead = timedelta(seconds=self.random.choice(AHEAD))
            await asyncio.sleep(PAUSE)

    async def hush(self, _: web.Request) -> web.Response:
        """No more of it."""
        self.quiet, self.world.visible_after, self.world.ahead = True, timedelta(), timedelta()
        self.told.subtract(Counter(fault.fault for fault in self.faults if fault.times > 0))
        self.faults.clear()
        return web.json_response({})

    async def stand(self, _: web.Request) -> web.Response:
        """The market stands still."""
        self.world.catch_up()
        for one in self.world.replays.values():
            one.series = replace(one.series, candles=one.series.candles[: one.fed])
        return web.json_response({})

    async def struck(self, _: web.Request) -> web.Response:
        """How often what went wrong, and how often the exchange's own limits were reached."""
        return web.json_response({"faults": dict(+self.told), "throttled": self.throttled})

    @web.middleware
    async def count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Between the faults and the exchange: what it says itself."""
        answer = await handler(request)
        if answer.status in LOUD and isinstance(answer, web.Response):
            self.throttled.append(f"{request.path} {answer.text} ahead {self.world.ahead} used {self.world.weighed}")
        return answer


async def serve(state: Path, seed: int, seconds: float) -> None:
    """Until SIGTERM."""
    app = binance.twin(lambda: datetime.now(UTC), replays(seconds, seed), known=1, speed=SPEED)
    world = app[binance.WORLD]
    world.weight, world.window, world.raw = LIMIT, WINDOW, 100 * LIMIT
    trouble = Trouble(world, Random(seed))
    app.middlewares.insert(0, trouble.count)
    app.middlewares.insert(0, middleware(trouble.faults, "binance", binance.FAULTS))
    app.router.add_post("/inspect/quiet", trouble.hush)
    app.router.add_post("/inspect/still", trouble.stand)
    app.router.add_get("/inspect/struck", trouble.struck)
    secrets = {handle: binance.add_account(app, handle, BALANCES) for handle in HANDLES}
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told = state / "exchange.new"
    told.write_text(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}", "secrets": secrets}))
    told.rename(state / "exchange.json")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    going = asyncio.create_task(_begun(state, trouble))
    await stop.wait()
    going.cancel()
    await runner.cleanup()


async def _begun(state: Path, trouble: Trouble) -> None:
    """Accounts are connected and bots added in peace."""
    while not (state / "begin").exists():
        await asyncio.sleep(PAUSE)
    await trouble.go_on()


def main() -> None:
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
