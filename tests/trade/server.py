"""The small exchange in a process of its own: ``python -m tests.trade.server``; prints its port, then serves."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.trade.world import World, app

ROOT = Path(__file__).parents[2]


class Exchange:
    """What a test may ask of the exchange, without passing through the product."""

    def __init__(self, url: str) -> None:
        self.url = url

    def put(self, **said: Any) -> None:
        """``faults``: what goes wrong next; ``fill``: how much of which order, by the exchange's ids."""
        request = urllib.request.Request(f"{self.url}/control", json.dumps(said).encode())  # noqa: S310 - our own server
        urllib.request.urlopen(request).close()  # noqa: S310 - our own server

    def world(self) -> dict[str, Any]:
        """``orders``, ``fills``, and the client order ids that ``arrived``, as often as they did."""
        with urllib.request.urlopen(f"{self.url}/control/world") as answer:  # noqa: S310 - our own server
            return dict(json.load(answer))


@contextmanager
def exchange(hidden: float = 0.0) -> Iterator[Exchange]:
    """One that runs while the test does. ``hidden``: for so many seconds a hidden order is not shown."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.trade.server", str(hidden)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Exchange(f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.stdin.close()
        process.wait(10)


async def serve(hidden: float) -> None:
    runner = web.AppRunner(app(World(lambda: datetime.now(UTC), timedelta(seconds=hidden))), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    # the test holds our standard input open; when it is gone, so are we
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(float(sys.argv[1])))
