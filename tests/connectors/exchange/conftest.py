"""An exchange's stand-in on loopback, and an engine with an account there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from automator.egress.session import Session
from automator.engine import Engine
from automator.intentions import claim
from connectors.base import Intent
from connectors.exchange.place import _place as known
from connectors.order import OrderRequest, PairRequest
from connectors.venue import Exchange
from tests.connectors.exchange.exchange import Place, opened
from tests.connectors.exchange.server import Server


class World:
    """One account."""

    def __init__(self, engine: Engine, name: str, server: Server) -> None:
        self.engine, self.name, self.server = engine, name, server
        found: tuple[Session, Exchange] = engine.trading(name, {"test": "yes"})
        self.wire, self.exchange = found

    async def place(self, wanted: OrderRequest | PairRequest) -> httpx.Response:
        """Place an order as the jobs do: the intention is claimed first."""
        await self.exchange.markets(self.wire)
        operation = self.exchange.placing(wanted.plan())
        name = operation.name
        held = await self.engine.writer.run(
            lambda tx: claim(tx, wanted.client_order_id, self.name, name, wanted.plan())
        )
        return await self.exchange.place(self.wire, Intent(wanted.client_order_id, held.plan, held.attempt))


Worlds = Callable[..., AbstractAsyncContextManager[World]]


@pytest.fixture
def world(serve: Any, opened: Any) -> Worlds:
    """Open an engine whose account is at a server with these answers."""
    known.cache_clear()  # a server that had this one's port before may have told another time, or other markets

    @asynccontextmanager
    async def opening(
        name: str, answers: Mapping[tuple[str, str], Any], secrets: Mapping[str, str], made: type[Server] = Server
    ) -> AsyncIterator[World]:
        server = made(dict(answers))
        async with opened(name, await serve(server.app()), secrets) as engine:
            yield World(engine, name, server)

    return opening


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """A twin with one account."""
    async with opened() as found:
        yield found
