"""Measure: the figures of published posts are read, account by account, after everything that is to be published."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from automator import accounts
from automator.accounts import NoAccount, Stored
from automator.budgets import store, window
from automator.clock import micros
from automator.egress.call import Superseded
from automator.engine import Engine
from automator.posting.credit import purses
from automator.posting.metrics import Readable, keep, readable
from automator.scheduling import beats
from automator.scheduling.due import coming
from connectors.base import CallRefused, NotNow, Scope, Window
from connectors.network import Network, Paid, Rejected
from jobs.posting.spending import spare

AT_ONCE = 100
CALM = timedelta(minutes=1)  #: posts that are due so soon go before
REST = timedelta(hours=1)  #: after a reading that failed

log = logging.getLogger(__name__)


async def read(engine: Engine) -> None:
    """Read what is due of every account that has no post to publish just now."""
    now = engine.clock.now()
    busy = coming(engine.reader, now + CALM)
    for who in accounts.everything(engine.reader):
        rested = beats.since(engine.reader, f"metrics {who.name}", now) >= REST
        if who.trades or who.name in busy or Scope.READ not in who.scopes or not rested:
            continue
        network, waiting = engine.network(who), readable(engine.reader, who.name, now)
        for first in range(0, len(waiting), AT_ONCE):
            batch = waiting[first : first + AT_ONCE]
            if not _affordable(engine.reader, who, network, engine.clock.now()):
                break
            if isinstance(network, Paid) and not _spared(engine, who, len(batch) * network.reading_price):
                break
            if not await _read(engine, who.name, batch):
                break


def _affordable(reader: sqlite3.Connection, who: Stored, network: Network, now: datetime) -> bool:
    """Whether half is left of a month's money, and of limits by which a provider counts all; that half is for posts."""
    for budget in network.budgets:
        if (budget.window is Window.MONTH and budget.limit is None) or budget.window is Window.BUCKET:
            usage, own = store.load(reader, who.provider if budget.shared else who.name, budget)
            if own.limit is not None and window.used(own, usage, micros(now)) > own.limit / 2:
                return False
    return True


def _spared(engine: Engine, who: Stored, units: int) -> bool:
    """Whether readings that take so much leave what this month's posts cost."""
    now, provider = engine.clock.now(), who.provider
    networks = {one.name: engine.network(one) for one in accounts.everything(engine.reader) if one.provider == provider}
    mine = (purse for purse in purses(engine.reader, networks, now) if who.name in purse.accounts)
    return all(spare(purse, now) >= units for purse in mine)


async def _read(engine: Engine, account: str, parts: Sequence[Readable]) -> bool:
    try:
        session, network = engine.session(account, {"duty": "metrics"}, "service")
        found = await network.metrics(session, [part.result for part in parts])
    except (Rejected, NotNow, CallRefused, Superseded, NoAccount) as error:
        log.warning("the figures of %s were not read: %s", account, error)
        await engine.writer.run(lambda tx: beats.beat(tx, f"metrics {account}", engine.clock.now()))
        return False
    at = micros(engine.clock.now())
    await engine.writer.run(lambda tx: keep(tx, parts, found, at))
    return True
