"""An engine at work for one account on a provider's twin, in the time that the test makes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from automator import accounts
from automator.engine import Engine
from automator.home import Home
from automator.vault.choose import own_file
from tests.clocks import StillClock
from tests.scheduling.provider import Provider


@asynccontextmanager
async def opened(
    provider: str, folder: Path, clock: StillClock, patch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Engine, Provider]]:
    """With the account ``brand`` connected."""
    there = Provider(provider, clock)
    if provider == "x":
        patch.setattr(there.module, "SKEW", 1e12)  # OAuth 1.0a is signed with the machine's time
    await there.open()
    home = Home(folder / "home")
    home.prepare()
    async with Engine(home, own_file(home.path), clock=clock) as engine:
        keys = there.module.add_account(there.app, "brand.test")
        await engine.connect(accounts.fresh(f"{provider}/brand", there.url), keys)
        yield engine, there
    await there.close()
