"""An installation that posts to a twin with faults, whose waits pass at once."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from automator import accounts
from automator.engine import Engine
from automator.home import Home
from automator.posting import posts
from automator.posting.posts import Listed, NewDelivery, listed
from automator.sandbox.faults import Fault, middleware
from automator.vault.choose import own_file
from connectors.bluesky import twin as bluesky
from connectors.post import Media, Part
from connectors.x import twin as x
from tests.clocks import QuickClock

on_x = pytest.mark.parametrize("desk", ["x"], indirect=True)
on_bluesky = pytest.mark.parametrize("desk", ["bluesky"], indirect=True)


class Desk:
    """An engine with one account on a twin that has faults."""

    def __init__(self, engine: Engine, clock: QuickClock, app: Any, name: str, faults: list[Fault]) -> None:
        self.engine, self.clock, self.app, self.name, self.faults = engine, clock, app, name, faults

    async def plan(self, *texts: str, media: tuple[Media, ...] = ()) -> str:
        now = self.clock.now()
        wanted = NewDelivery(self.name, tuple(Part(text, media) for text in texts), now, "UTC", "", "-".join(texts))
        (delivery,) = await self.engine.writer.run(lambda tx: posts.plan(tx, [wanted], now, source="test"))
        return delivery

    async def work(self, minutes: int = 30) -> Listed:
        await self.engine.worker.run_due(self.clock.now() + timedelta(minutes=minutes))
        return listed(self.engine.reader)[0]

    def world(self) -> list[str]:
        module = x if self.name.startswith("x/") else bluesky
        return [post["text"] for post in module.posts(self.app)]


def picture(folder: Path) -> Media:
    """A picture with its text for the blind."""
    path = folder / "p.png"
    Image.new("RGB", (20, 10)).save(path)
    content = path.read_bytes()
    return Media(str(path), "image/png", len(content), hashlib.sha256(content).hexdigest(), 20, 10, "A bar")


@asynccontextmanager
async def opened(folder: Path, provider: str) -> AsyncIterator[Desk]:
    """One whose files are in the folder."""
    clock, faults = QuickClock(), list[Fault]()
    module: Any = x if provider == "x" else bluesky
    app = module.twin(clock.now if provider == "bluesky" else lambda: datetime.now(UTC))
    app.middlewares.insert(0, middleware(faults))
    secrets = module.add_account(app, "brand.test")
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    home = Home(folder / "home")
    home.prepare()
    store = own_file(home.path)
    name = f"{provider}/brand"
    async with Engine(home, store, clock=clock) as engine:
        store.put(name, 1, secrets)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        new = accounts.fresh(name, url)
        await engine.writer.run(lambda tx: accounts.add(tx, new, clock.now(), actor="test"))
        yield Desk(engine, clock, app, name, faults)
    await runner.cleanup()
