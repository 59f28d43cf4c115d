"""The twin, and an engine that is connected to it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from automator.engine import Engine
from automator.intentions import claim
from connectors.base import Intent
from connectors.post import Part
from connectors.x.connector import CREATE
from connectors.x.twin import add_account, twin


class World:
    """One account on the twin."""

    def __init__(self, engine: Engine, app: Any) -> None:
        self.engine = engine
        self.app = app
        self.session, self.network = engine.session("x/brand", {"test": "yes"})

    async def publish(self, key: str, part: Part, thread: Any = ()) -> httpx.Response:
        return await self.send(key, await self.network.prepare(self.session, part, thread, {}))

    async def send(self, key: str, plan: Any) -> httpx.Response:
        held = await self.engine.writer.run(lambda tx: claim(tx, key, "x/brand", CREATE.name, plan))
        return await self.network.publish(self.session, Intent(key, held.plan, held.attempt))


@pytest.fixture
async def world(serve: Any, opened: Any) -> Any:
    app = twin(lambda: datetime.now(UTC))
    async with opened("x/brand", await serve(app), add_account(app, "brand")) as engine:
        yield World(engine, app)
