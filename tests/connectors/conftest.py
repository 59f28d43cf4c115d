"""An installation with one account, and the provider's twin on a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from automator import accounts
from automator.engine import Engine
from automator.home import Home
from automator.vault.choose import own_file
from connectors.base import Scope
from tests.clocks import QuickClock

Opened = Callable[..., AbstractAsyncContextManager[Engine]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[web.Application], object]]:
    """Put an application on a loopback port; returns its address."""
    runners: list[web.AppRunner] = []

    async def start(app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        runners.append(runner)
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """Open an engine whose only account has these keys."""

    @asynccontextmanager
    async def opening(name: str, base_url: str, secrets: Mapping[str, str]) -> AsyncIterator[Engine]:
        home = Home(tmp_path / "home")
        home.prepare()
        store = own_file(home.path)
        async with Engine(home, store, clock=QuickClock()) as engine:
            store.put(name, 1, secrets)
            new = accounts.fresh(name, base_url, Scope)
            await engine.writer.run(lambda tx: accounts.add(tx, new, datetime.now(UTC), actor="test"))
            yield engine

    return opening
