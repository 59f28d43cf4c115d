"""The stand-in for Binance on a clock that only tests move, and a client that signs."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from aiohttp import web

from automator.sandbox.faults import Fault, middleware
from connectors.exchange import twin as binance
from connectors.exchange.candles import Series
from connectors.exchange.twin_world import Replay, World
from tests.connectors.exchange.made import MINUTE, candle

SERIES = Series([candle(f"{50_000 + n} {50_010 + n} {49_990 + n} {50_001 + n}", minute=n) for n in range(200)], MINUTE)


@dataclass
class Place:
    """A twin on a clock that only tests move, and one account's key."""

    app: web.Application
    client: httpx.AsyncClient
    clock: list[datetime]
    secrets: dict[str, str]
    faults: list[Fault] = field(default_factory=list)

    @property
    def world(self) -> World:
        """What it holds."""
        return self.app[binance.WORLD]

    async def ask(self, method: str, path: str, **params: Any) -> httpx.Response:
        """A signed request; ``secrets``, ``timestamp`` and ``signature`` may be given."""
        secrets = params.pop("secrets", self.secrets)
        params.setdefault("timestamp", int(self.clock[0].timestamp() * 1000))
        signature = params.pop("signature", None)
        query = urlencode(params)
        if signature is None:
            signature = hmac.new(secrets["secret"].encode(), query.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": secrets["api_key"]}
        return await self.client.request(method, f"{path}?{query}&signature={signature}", headers=headers)

    async def place(self, **more: Any) -> httpx.Response:
        """A limit order far below the market, unless told otherwise."""
        usual = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT"}
        usual |= {} if "type" in more else {"timeInForce": "GTC", "quantity": "0.01", "price": "40000"}
        return await self.ask("POST", "/api/v3/order", **(usual | more))

    def wait(self, **time: float) -> None:
        """Time goes by."""
        self.clock[0] += timedelta(**time)


@asynccontextmanager
async def opened() -> AsyncIterator[Place]:
    """Serve it."""
    clock = [SERIES.candles[100].at]
    faults: list[Fault] = []
    app = binance.twin(lambda: clock[0], (Replay(binance.USUAL, SERIES),), known=100)
    app.middlewares.insert(0, middleware(faults, "binance", binance.FAULTS))
    secrets = binance.add_account(app, "one")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
        yield Place(app, client, clock, secrets, faults)
    await runner.cleanup()


def code(answer: httpx.Response) -> tuple[int, int, str]:
    """Status, code and text of an answer that says no."""
    body = answer.json()
    return answer.status_code, body["code"], body["msg"]
