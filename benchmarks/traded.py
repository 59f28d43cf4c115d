"""The stand-in for Binance as benchmarks use it, an installation that trades there, and plain ccxt beside it."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from automator import accounts, memory
from automator.engine import Engine
from automator.home import Home
from automator.trading import risks
from automator.vault.choose import own_file
from benchmarks.served import Program, running
from jobs.orders.risk import Limit

ACCOUNT = "binance/main"
SYMBOL = "BTC/USDT"
#: limits that bind nobody, but have to be looked up and compared for each order
LIMITS = {
    Limit.ORDER: ("1000", "USDT"),
    Limit.DAY: ("1000000", "USDT"),
    Limit.LOSS: ("10000", "USDT"),
    Limit.POSITION: ("100000", "USDT"),
    Limit.OPEN: ("10000", ""),
    Limit.RATE: ("100000", ""),
    Limit.DISTANCE: ("50%", ""),
    Limit.SYMBOLS: ("BTC/USDT,ETH/USDT", ""),
}


class Exchange(Program):
    """Its address, its account's keys, and what it saw."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(process)
        said = json.loads(self._said)
        self.url: str = said["url"]
        self.keys: Mapping[str, str] = said["keys"]

    def ask(self, line: str) -> Any:
        """See ``benchmarks.exchange``."""
        return json.loads(self._ask(line))

    def orders(self) -> dict[str, int]:
        """When the first byte of each order came in, by our id of it; they are forgotten."""
        return dict(self.ask("orders"))

    def put(self, **settings: Any) -> None:
        """Its limits: ``weight``, ``window``, ``orders``."""
        request = urllib.request.Request(f"{self.url}/inspect/settings", json.dumps(settings).encode())  # noqa: S310 - our own server
        urllib.request.urlopen(request).close()  # noqa: S310 - as above


@contextmanager
def exchange() -> Iterator[Exchange]:
    """Served until the end of the block."""
    with running("benchmarks.exchange") as process:
        yield Exchange(process)


def engine(folder: Path) -> Engine:
    """The installation in a folder, opened as `automator serve` does it."""
    memory.settle()
    home = Home(folder)
    return Engine(home, own_file(home.path))


@asynccontextmanager
async def installation(folder: Path, served: Exchange) -> AsyncIterator[Engine]:
    """A new one with one account, whose every order is judged by limits of each kind."""
    Home(folder).prepare()
    (folder / "config.toml").write_text('[vault]\nkind = "file"\n')
    async with engine(folder) as opened:
        await opened.connect(accounts.fresh(ACCOUNT, served.url), served.keys)
        for name, (value, asset) in LIMITS.items():
            for subject in (ACCOUNT, "*"):
                await opened.writer.run(
                    lambda tx, subject=subject, name=name, value=value, asset=asset: risks.change(  # type: ignore[misc]
                        tx, subject, name, value, asset, opened.clock.now(), actor="bench"
                    )
                )
        yield opened


@asynccontextmanager
async def ccxt(served: Exchange) -> AsyncIterator[Any]:
    """Plain ccxt, its throttler off, its markets loaded; no address is left that leads elsewhere."""
    from ccxt.async_support import binance  # noqa: PLC0415 - takes its time

    client = binance({"apiKey": served.keys["api_key"], "secret": served.keys["secret"], "enableRateLimit": False})
    paths = {"public": "/api/v3", "private": "/api/v3", "v1": "/api/v1", "sapi": "/sapi/v1"}
    client.urls["api"] = {name: served.url + paths.get(name, f"/none/{name}") for name in client.urls["api"]}
    client.options |= {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}
    client.has["fetchCurrencies"] = False
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()
