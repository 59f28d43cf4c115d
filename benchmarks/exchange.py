"""The stand-in for Binance in a process of its own, which notes when the first byte of each order comes in.

It prints a line of JSON with its address and an account's keys. Each line of its standard input is answered by one:
``orders`` (by client order id, in nanoseconds of the machine's monotonic clock; then they are forgotten), ``windows``
(the weight that was used in each, by its end, and how many answers were 429 or 418), ``answer 20`` (an order's answer
leaves so many milliseconds after its first byte came).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from connectors.exchange import twin

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
THROTTLED = frozenset({418, 429})
ORDER = ("POST", "/api/v3/order")


class Stamped(RequestHandler):
    """A connection that notes when a request begins to come in."""

    __slots__ = ("began",)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"POST "):
            self.began = time.monotonic_ns()
        super().data_received(data)


class Noted:
    """What came in, and what is told of it."""

    def __init__(self) -> None:
        self.orders: dict[str, int] = {}
        self.windows: dict[float, int] = {}
        self.refused = 0
        self.answer_ms = 0.0

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        protocol = request.protocol
        assert isinstance(protocol, Stamped)
        is_order = (request.method, request.path) == ORDER
        began = protocol.began if is_order else 0
        answer = await handler(request)
        world = request.app[twin.WORLD]
        answer.headers["date"] = format_datetime(world.clock(), usegmt=True)
        for ends, used, _ in world.weighed.values():
            self.windows[ends.timestamp()] = used
        self.refused += answer.status in THROTTLED
        if is_order:
            self.orders[str((await request.post()).get("newClientOrderId"))] = began
            if (left := self.answer_ms / 1e3 - (time.monotonic_ns() - began) / 1e9) > 0:
                await asyncio.sleep(left)
        return answer

    def told(self, line: str) -> object:
        word, _, value = line.partition(" ")
        match word:
            case "orders":
                found, self.orders = self.orders, {}
                return found
            case "windows":
                return {"used": self.windows, "refused": self.refused}
            case "answer":
                self.answer_ms = float(value)
                return self.answer_ms
        raise ValueError(line)


async def serve() -> None:
    loop, noted = asyncio.get_running_loop(), Noted()
    app = twin.twin(lambda: datetime.now(UTC))
    app.middlewares.insert(0, noted.note)
    keys = twin.add_account(app, twin.HANDLE)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    assert runner.server is not None
    server = runner.server
    listening = await loop.create_server(lambda: Stamped(server, loop=loop, access_log=None), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    print(json.dumps({"url": url, "keys": keys}), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(noted.told(line.strip())), flush=True)
    listening.close()


if __name__ == "__main__":
    asyncio.run(serve())
