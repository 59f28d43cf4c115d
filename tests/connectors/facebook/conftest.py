"""The twin, and an engine whose account is a page on it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from automator.engine import Engine
from automator.intentions import claim
from automator.sandbox.faults import Fault, middleware
from connectors.base import Intent, outcome_of
from connectors.facebook import twin as facebook
from connectors.facebook.connector import Connector
from connectors.post import Media, Part
from jobs.posting.media import inspect

ACCOUNT = "facebook/brand"


@dataclass
class Now:
    """The twin's clock."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Place:
    """One page on the twin, as an engine uses it."""

    engine: Engine
    app: Any
    keys: dict[str, str]
    clock: Now
    faults: list[Fault] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=lambda: {"publishing": "staged"})

    @property
    def world(self) -> facebook.World:
        return self.app[facebook.WORLD]  # type: ignore[no-any-return]

    @property
    def page(self) -> str:
        return next(iter(self.world.pages))

    @property
    def session(self) -> Any:
        return self.engine.session(ACCOUNT, {"test": "yes"})[0]

    @property
    def network(self) -> Connector:
        return Connector(self.engine.session(ACCOUNT, {})[1].origins[0], chosen=self.chosen)

    async def plan(self, part: Part, thread: Sequence[Mapping[str, Any]] = (), so_far: Any = None) -> dict[str, Any]:
        return await self.network.prepare(self.session, part, thread, so_far or {})

    async def send(self, key: str, plan: Mapping[str, Any]) -> httpx.Response:
        operation = self.network.publishing(plan).name
        held = await self.engine.writer.run(lambda tx: claim(tx, key, ACCOUNT, operation, plan))
        return await self.network.publish(self.session, Intent(key, held.plan, held.attempt))

    async def publish(self, key: str, part: Part, thread: Sequence[Mapping[str, Any]] = ()) -> Mapping[str, Any]:
        return outcome_of(await self.send(key, await self.plan(part, thread))).result

    def seen(self) -> list[dict[str, Any]]:
        return facebook.posts(self.app)


Settled = Callable[..., Awaitable[Place]]


@pytest.fixture
async def place(serve: Any, opened: Any) -> Any:
    clock = Now()
    app, faults = facebook.twin(clock), list[Fault]()
    app.middlewares.insert(0, middleware(faults))
    keys = facebook.add_account(app, "brand")
    async with opened(ACCOUNT, await serve(app), keys) as engine:
        yield Place(engine, app, keys, clock, faults)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Media]:
    """Makes pictures, no two alike."""

    def make(name: str = "p.png", alt: str = "", colour: int = 0) -> Media:
        path = tmp_path / name
        Image.new("RGB", (40 + colour, 40)).save(path)
        return inspect(path, alt)

    return make


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Media]:
    """Makes files that stand for videos; what is in them the twin does not look at."""

    def make(size: int = 3_000_000, name: str = "v.mp4") -> Media:
        path = tmp_path / name
        path.write_bytes(bytes(range(250)) * (size // 250) + bytes(size % 250))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return Media(str(path), "video/mp4", size, digest, 1080, 1920, seconds=10, fps=30, codecs=("aac", "h264"))

    return make
