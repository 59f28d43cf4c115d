"""The twin, and an engine that is connected to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from automator.engine import Engine
from automator.intentions import claim
from connectors.base import Intent, outcome_of
from connectors.bluesky.twin import add_account, twin
from connectors.post import Part

HANDLE, PASSWORD = "brand.test", "canary-abcd-efgh-ijkl"


class World:
    """One account on the twin."""

    def __init__(self, engine: Engine, app: Any, clock: list[datetime], account: str = "bluesky/brand") -> None:
        self.engine = engine
        self.app = app
        self.clock = clock
        self.session, self.network = engine.session(account, {"test": "yes"})
        self.account = account

    async def publish(self, key: str, part: Part, thread: list[Mapping[str, Any]] | None = None) -> Mapping[str, Any]:
        plan = await self.network.prepare(self.session, part, thread or [], {})
        return await self.send(key, plan)

    async def send(self, key: str, plan: Mapping[str, Any]) -> Mapping[str, Any]:
        held = await self.engine.writer.run(
            lambda tx: claim(tx, key, self.account, self.network.publishing(plan).name, plan)
        )
        answer = await self.network.publish(self.session, Intent(key, held.plan, held.attempt))
        return outcome_of(answer).result


@pytest.fixture
async def world(serve: Any, opened: Any) -> Any:
    clock = [datetime(2026, 12, 1, 9, tzinfo=UTC)]
    app = twin(lambda: clock[0])
    add_account(app, HANDLE, PASSWORD)
    async with opened("bluesky/brand", await serve(app), {"identifier": HANDLE, "password": PASSWORD}) as engine:
        yield World(engine, app, clock)
