"""The small exchange in a process of its own; prints its port, then serves until it is told to end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import web

from tests.children import PATIENCE, POLL, Child
from tests.trade.world import World, app


class Exchange:
    """What a test may ask of the exchange, without passing through the product."""

    def __init__(self, url: str) -> None:
        self.url = url

    def put(self, **said: Any) -> None:
        """``faults``: what goes wrong next; ``fill``: how much of which order, by the exchange's ids; ``forget``: all of them."""
        request = urllib.request.Request(f"{self.url}/control", json.dumps(said).encode())  # noqa: S310 - our own server
        urllib.request.urlopen(request).close()  # noqa: S310 - our own server

    def world(self) -> dict[str, Any]:
        """``orders``, ``fills``, and the client order ids that ``arrived``, as often as they did."""
        with urllib.request.urlopen(f"{self.url}/control/world") as answer:  # noqa: S310 - our own server
            return dict(json.load(answer))


@contextmanager
def exchange(hidden: float = 0.0) -> Iterator[Exchange]:
    """One that runs while the test does. ``hidden``: for so many seconds a hidden order is not shown."""
    with TemporaryDirectory() as folder:
        printed = Path(folder) / "port"
        with Child(main, str(hidden), environment=os.environ, output=printed) as server:
            yield Exchange(f"http://127.0.0.1:{_port(server, printed)}")
            server.terminate()


def _port(server: Child, printed: Path) -> int:
    deadline = time.monotonic() + PATIENCE
    while not (printed.exists() and (said := printed.read_text()).endswith("\n")):
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(POLL)
    return int(said)


async def serve(hidden: float) -> None:
    runner = web.AppRunner(app(World(lambda: datetime.now(UTC), timedelta(seconds=hidden))), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


def main() -> None:
    asyncio.run(serve(float(sys.argv[1])))
