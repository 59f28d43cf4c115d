"""The service's regular duties beside its work: checkpoints, pruning, keys, webhook, what is left over, books."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from automator import accounts, tokens
from automator.db import DatabaseError
from automator.engine import Engine
from automator.ledger.checkpoint import BadCheckpoint
from automator.ledger.prune import Retention
from automator.posting import copies, measure, tidy
from automator.scheduling import beats
from automator.trading.books import TROUBLE, anew, claim
from automator.vault.store import VaultError

CHECKPOINT = timedelta(minutes=10)
KEYS = timedelta(minutes=3)
FIGURES = timedelta(minutes=5)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TELL = timedelta(seconds=5)  #: the webhook; after a failure twice as long each time, up to ``RARELY``
SWEEP = timedelta(seconds=5)  #: the media host; after a failure twice as long each time
RARELY = timedelta(minutes=30)
BOOKS = timedelta(seconds=5)  #: half of the shortest time between two looks at an account
GRACE = timedelta(seconds=10)

log = logging.getLogger(__name__)

Duty = Callable[[Engine, timedelta], Awaitable[timedelta]]  #: given how long was waited; returns how long to wait


async def checkpoint(engine: Engine, wait: timedelta) -> timedelta:
    """Sign the ledger's head."""
    await asyncio.to_thread(engine.checkpoint)
    return wait


async def keys(engine: Engine, wait: timedelta) -> timedelta:
    """Renew the tokens that end soon, test the keys that are needed soon, and tell of those that expire."""
    await tokens.look_after(engine)
    return wait


async def figures(engine: Engine, wait: timedelta) -> timedelta:
    """Read the figures of posts that have come to an age at which they are read."""
    await measure.read(engine)
    return wait


async def tidied(engine: Engine, wait: timedelta) -> timedelta:
    """Delete what is not needed any more: here, in the vault, and what was staged at providers."""
    await copies.clear(engine)
    await tidy.tidy(engine)
    await engine.keys.clear()
    return wait


async def books(engine: Engine, wait: timedelta) -> timedelta:
    """Look at the exchange accounts: what became of orders, fills, balances."""
    names = [who.name for who in accounts.everything(engine.reader) if who.trades]
    await asyncio.gather(*(_look(engine, name) for name in names))  # an exchange that is slow keeps no other waiting
    return wait


async def _look(engine: Engine, account: str) -> None:
    if not await engine.writer.run(partial(claim, account=account, now=engine.clock.now())):
        return
    try:
        await engine.books.reconcile(account)
    except TROUBLE as trouble:
        log.warning("%s could not be looked at: %s", account, trouble)


async def daily(engine: Engine, wait: timedelta) -> timedelta:
    """Prune the ledger as the settings say."""
    await engine.writer.run(lambda tx: beats.beat(tx, "daily", engine.clock.now()))
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


async def once(engine: Engine) -> None:
    """What can't wait, for those who have no service running but call us now and then."""
    await _tried(engine, keys, KEYS)
    await _tried(engine, books, BOOKS)
    if engine.settings.posting.metrics:
        await _tried(engine, figures, FIGURES)
    await _tried(engine, tidied, HOUR)


async def run(engine: Engine, stop: asyncio.Event) -> None:
    """Do all of them until ``stop``; what is under way then is finished, for ``GRACE`` at most."""
    duties: dict[Duty, timedelta] = {
        checkpoint: CHECKPOINT,
        keys: KEYS,
        figures: FIGURES,
        tidied: HOUR,
        daily: DAY,
        tell: TELL,
        sweep: SWEEP,
        books: BOOKS,
    }
    unset = {tell: engine.webhook is None, figures: not engine.settings.posting.metrics, sweep: engine.media is None}
    for duty in (duty for duty, idle in unset.items() if idle):
        del duties[duty]
    with suppress(DatabaseError):  # they are looked at in time all the same
        await engine.writer.run(anew)
    tasks = [asyncio.create_task(_every(engine, stop, duty, wait)) for duty, wait in duties.items()]
    await stop.wait()
    _, late = await asyncio.wait(tasks, timeout=GRACE.total_seconds())
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _every(engine: Engine, stop: asyncio.Event, duty: Duty, wait: timedelta) -> None:
    while not stop.is_set():
        wait = await _tried(engine, duty, wait)
        await _pause(engine, stop, wait)


async def _tried(engine: Engine, duty: Duty, wait: timedelta) -> timedelta:
    try:
        return await duty(engine, wait)
    except (DatabaseError, VaultError, BadCheckpoint, OSError, sqlite3.Error) as error:
        # what keeps one duty from being done now must not end the others, nor itself for ever
        log.error("%s", error)  # noqa: TRY400 - the sentence says it
    except Exception as error:  # noqa: BLE001 - a provider's answer that nobody foresaw must not either
        # its text may hold anything, so only its kind is kept
        log.error("an unforeseen %s", type(error).__name__)  # noqa: TRY400 - as above
    return wait


async def _pause(engine: Engine, stop: asyncio.Event, wait: timedelta) -> None:
    either = {asyncio.create_task(stop.wait()), asyncio.ensure_future(engine.clock.sleep(wait.total_seconds()))}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    for task in either:
        task.cancel()
