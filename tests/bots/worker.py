"""A worker for a process of its own: its arguments are HOME, AT and SECONDS; it does what is due, then ends."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path

from automator.engine import Engine
from automator.home import Home
from automator.vault.choose import own_file
from tests.bots.market import register
from tests.clocks import StillClock


async def work(folder: Path, at: datetime, seconds: float) -> None:
    clock = StillClock()
    clock.at = at
    home = Home(folder)
    async with Engine(home, own_file(home.path), clock=clock) as engine:
        await engine.worker.run_due(at + timedelta(seconds=seconds))


def main() -> None:
    register()
    asyncio.run(work(Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), float(sys.argv[3])))
