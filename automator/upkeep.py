"""The service's regular duties beside its work: checkpoints, pruning, keys that expire, and the webhook."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from automator.accounts import warn_of_expiry
from automator.db import DatabaseError
from automator.engine import Engine
from automator.ledger.checkpoint import BadCheckpoint
from automator.ledger.prune import Retention
from automator.vault.store import VaultError

CHECKPOINT = timedelta(minutes=10)
DAY = timedelta(days=1)
TELL = timedelta(seconds=5)  #: the webhook; after a failure twice as long each time, up to ``RARELY``
RARELY = timedelta(minutes=30)

GRACE = timedelta(seconds=10)

log = logging.getLogger(__name__)

T = TypeVar("T")
Duty = Callable[[Engine], Awaitable[None]]


async def checkpoint(engine: Engine) -> None:
    """Sign the ledger's head."""
    await asyncio.to_thread(engine.checkpoint)


async def daily(engine: Engine) -> None:
    """Look for keys that expire; prune the ledger as the settings say."""
    await engine.writer.run(lambda tx: warn_of_expiry(tx, engine.clock.now()))
    keep = Retention(**engine.settings.ledger.model_dump())
    if keep != Retention():
        await engine.prune(keep, "service")


async def tell(engine: Engine, wait: timedelta = TELL) -> timedelta:
    """Give the webhook what waits for it; returns how long to wait before the next time."""
    why = await engine.webhook.deliver() if engine.webhook is not None else None
    if why is None:
        return TELL
    if wait == TELL:
        log.warning("the webhook did not take a notice: %s; it is tried again", why)
    return min(wait * 2, RARELY)


async def run(engine: Engine, stop: asyncio.Event) -> None:
    """Do all of them until ``stop``; what is under way then is finished, for ``GRACE`` at most."""
    duties = [_every(engine, stop, CHECKPOINT, checkpoint), _every(engine, stop, DAY, daily)]
    if engine.webhook is not None:
        duties.append(_telling(engine, stop))
    tasks = [asyncio.create_task(duty) for duty in duties]
    await stop.wait()
    _, late = await asyncio.wait(tasks, timeout=GRACE.total_seconds())
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _every(engine: Engine, stop: asyncio.Event, wait: timedelta, duty: Duty) -> None:
    while not stop.is_set():
        await _tried(duty(engine))
        await _pause(engine, stop, wait)


async def _telling(engine: Engine, stop: asyncio.Event) -> None:
    wait = TELL
    while not stop.is_set():
        wait = await _tried(tell(engine, wait)) or wait
        await _pause(engine, stop, wait)


async def _pause(engine: Engine, stop: asyncio.Event, wait: timedelta) -> None:
    either = {asyncio.create_task(stop.wait()), asyncio.ensure_future(engine.clock.sleep(wait.total_seconds()))}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    for task in either:
        task.cancel()


async def _tried(duty: Awaitable[T]) -> T | None:
    """What keeps one duty from being done now must not end the others, nor itself for ever."""
    try:
        return await duty
    except (DatabaseError, VaultError, BadCheckpoint, OSError) as error:
        log.error("%s", error)  # noqa: TRY400 - the sentence says it
        return None
