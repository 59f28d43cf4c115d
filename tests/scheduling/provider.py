"""A provider's twin on a socket, with trouble on demand, that knows what reached it and what is still on its way."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from email.utils import format_datetime
from importlib import import_module
from typing import Any

from aiohttp import web

from automator.sandbox.faults import Fault, Handler, middleware
from tests.clocks import StillClock


class Provider:
    """One of them, living in the time that the test makes."""

    def __init__(self, name: str, clock: StillClock) -> None:
        self.name, self.clock = name, clock
        self.module: Any = import_module(f"connectors.{name}.twin")
        self.faults: list[Fault] = []
        self.hold: Any = None  #: a middleware that a test puts in front, such as one that keeps an answer back
        self.taken: Counter[str] = Counter()  #: how often a provider without keys of ours was made to take a text
        self.in_flight = 0
        self.kept: socket.socket | None = None  #: holds its port while it is down

    async def open(self) -> None:
        self.app = self.module.twin(self.clock.now)
        self.app.middlewares[:0] = [self._held(), middleware(self.faults), self._watch()]
        self.app.on_response_prepare.append(self._date)
        self.server = web.AppRunner(self.app, access_log=None, shutdown_timeout=1)
        await self.server.setup()
        self.site = web.TCPSite(self.server, "127.0.0.1", 0)
        await self.site.start()
        self.port = self.server.addresses[0][1]

    async def go_down(self) -> None:
        """Refuse connections, and end those that there are."""
        await self.site.stop()
        assert self.server.server is not None
        await self.server.server.shutdown(0)
        self.kept = socket.socket()  # does not listen, so connections are refused; but nobody else is given the port
        self.kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.kept.bind(("127.0.0.1", self.port))

    async def come_back(self) -> None:
        """At the same address, with the same world."""
        assert self.kept is not None
        self.kept.close()
        self.site = web.TCPSite(self.server, "127.0.0.1", self.port)
        await self.site.start()

    async def close(self) -> None:
        if self.kept is not None:
            self.kept.close()
        await self.server.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def world(self) -> list[dict[str, Any]]:
        """Every post that the world can see."""
        return list(self.module.posts(self.app))

    async def quiet(self) -> None:
        """Let it finish with what has reached it."""
        for _ in range(20):
            await asyncio.sleep(0)
        while self.in_flight:
            await asyncio.sleep(0)

    def _held(self) -> Any:
        @web.middleware
        async def held(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await (self.hold(request, handler) if self.hold else handler(request))

        return held

    def _watch(self) -> Any:
        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.in_flight += 1
            try:
                answer = await handler(request)
            finally:
                self.in_flight -= 1
            if (request.method, request.path) == ("POST", "/2/tweets"):
                # the twin refuses some repeats, as X does; that we asked is the fault
                refused = isinstance(answer, web.Response) and "duplicate content" in (answer.text or "")
                self.taken[(await request.json())["text"]] += answer.status == 201 or refused
            return answer

        return watch

    async def _date(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers["date"] = format_datetime(self.clock.now(), usegmt=True)
