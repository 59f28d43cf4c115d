"""The service's regular duties beside its work: checkpoints, pruning, keys that expire, webhook and media host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from automator.accounts import warn_of_expiry
from automator.db import DatabaseError
from automator.engine import Engine
from automator.ledger.checkpoint import BadCheckpoint
from automator.ledger.prune import Retention
from automator.vault.store import VaultError

CHECKPOINT = timedelta(minutes=10)
DAY = timedelta(days=1)
TELL = timedelta(seconds=5)  #: the webhook; after a failure twice as long each time, up to ``RARELY``
SWEEP = timedelta(seconds=5)  #: the media host; after a failure twice as long each time
RARELY = timedelta(minutes=30)
GRACE = timedelta(seconds=10)

log = logging.getLogger(__name__)

Duty = Callable[[Engine, timedelta], Awaitable[timedelta]]  #: given how long was waited; returns how long to wait


async def checkpoint(engine: Engine, wait: timedelta) -> timedelta:
    """Sign the ledger's head."""
    await asyncio.to_thread(engine.checkpoint)
    return wait


async def daily(engine: Engine, wait: timedelta) -> timedelta:
    """Look for keys that expire; prune the ledger as the settings say."""
    await engine.writer.run(lambda tx: warn_of_expiry(tx, engine.clock.now()))
    keep = Retention(**engine.settings.ledger.model_dump())
    if keep != Retention():
        await engine.prune(keep, "service")
    return wait


async def tell(engine: Engine, wait: timedelta) -> timedelta:
    """Give the webhook what waits for it."""
    why = await engine.webhook.deliver() if engine.webhook is not None else None
    if why is None:
        return TELL
    if wait == TELL:
        log.warning("the webhook did not take a notice: %s; it is tried again", why)
    return min(wait * 2, RARELY)


async def sweep(engine: Engine, wait: timedelta) -> timedelta:
    """Remove from the media host what no run needs any more."""
    failed = await engine.media.sweep() if engine.media is not None else 0
    if not failed:
        return SWEEP
    if wait == SWEEP:
        log.warning("%s files could not be removed from the media host; it is tried again", failed)
    return min(wait * 2, RARELY)


async def run(engine: Engine, stop: asyncio.Event) -> None:
    """Do all of them until ``stop``; what is under way then is finished, for ``GRACE`` at most."""
    duties: dict[Duty, timedelta] = {checkpoint: CHECKPOINT, daily: DAY, tell: TELL, sweep: SWEEP}
    if engine.webhook is None:
        del duties[tell]
    if engine.media is None:
        del duties[sweep]
    tasks = [asyncio.create_task(_every(engine, stop, duty, wait)) for duty, wait in duties.items()]
    await stop.wait()
    _, late = await asyncio.wait(tasks, timeout=GRACE.total_seconds())
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _every(engine: Engine, stop: asyncio.Event, duty: Duty, wait: timedelta) -> None:
    while not stop.is_set():
        try:
            wait = await duty(engine, wait)
        except (DatabaseError, VaultError, BadCheckpoint, OSError) as error:
            # what keeps one duty from being done now must not end the others, nor itself for ever
            log.error("%s", error)  # noqa: TRY400 - the sentence says it
        await _pause(engine, stop, wait)


async def _pause(engine: Engine, stop: asyncio.Event, wait: timedelta) -> None:
    either = {asyncio.create_task(stop.wait()), asyncio.ensure_future(engine.clock.sleep(wait.total_seconds()))}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    for task in either:
        task.cancel()
