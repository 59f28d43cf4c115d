"""Tokens are renewed before they end, and keys tested before they are needed, so that a person is told in time."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta

from automator import accounts
from automator.accounts import NoAccount, Stored, Token
from automator.clock import micros
from automator.egress.call import Superseded
from automator.egress.session import Reconnect
from automator.engine import Engine
from automator.notices import Notice, settled, tell
from automator.scheduling import beats
from automator.scheduling.due import coming
from connectors.base import CallRefused, NotNow
from connectors.network import Rejected

EARLIEST = timedelta(days=7)  #: before its end; one of a shorter life in its last quarter
QUARTER = 4
LONG = timedelta(days=1)
SOON = timedelta(minutes=15)
NEEDED = timedelta(days=3)  #: an account with a post so near is tested
TESTED = timedelta(hours=20)  #: once a day, also if the day's first look comes a little earlier
REST = timedelta(hours=1)  #: after a renewal that failed
WARNING = "warning"  #: the kind of notice that a test's warnings become

log = logging.getLogger(__name__)


def due(token: Token | None, post: datetime | None, now: datetime) -> bool:
    """Whether a token is to be renewed now; ``post`` is when the account publishes next. Pure.

    One that works for hours only is renewed for a post that is near, also if it has ended: most of its successors
    would end unused, and each renewal is one whose answer may be lost.
    """
    if token is None:
        return False
    life = token.ends - token.since
    if now < token.ends - min(life / QUARTER, EARLIEST):
        return False
    return life > LONG or (post is not None and post <= now + SOON)


async def look_after(engine: Engine) -> None:
    """Renew what ends soon, test what is needed soon and was not tested today, and tell of keys that expire."""
    now = engine.clock.now()
    posts = coming(engine.reader, now + NEEDED)
    for who in accounts.everything(engine.reader):
        if due(who.token, posts.get(who.name), now) and beats.since(engine.reader, f"renewal {who.name}", now) >= REST:
            await _renew(engine, who)
    for who in accounts.everything(engine.reader):
        if who.name in posts and _untested(engine.reader, who, now):
            await _test(engine, who)
    if beats.since(engine.reader, "expiry", now) >= TESTED:
        await engine.writer.run(lambda tx: _expiry(tx, now))


def _expiry(tx: sqlite3.Connection, now: datetime) -> None:
    accounts.warn_of_expiry(tx, now)
    beats.beat(tx, "expiry", now)


def _untested(reader: sqlite3.Connection, who: Stored, now: datetime) -> bool:
    tried = beats.since(reader, f"test {who.name}", now)
    return tried >= TESTED and (who.tested_at is None or micros(now - TESTED) >= who.tested_at)


async def _renew(engine: Engine, who: Stored) -> None:
    try:
        session, _ = engine.session(who.name, {"duty": "renewal"}, "service")
        await session.renew(who.version)
    except (Rejected, NotNow, CallRefused, Superseded, NoAccount) as error:
        log.warning("the token of %s was not renewed: %s", who.name, error)
        await engine.writer.run(lambda tx: beats.beat(tx, f"renewal {who.name}", engine.clock.now()))


async def _test(engine: Engine, who: Stored) -> None:
    await engine.writer.run(lambda tx: beats.beat(tx, f"test {who.name}", engine.clock.now()))
    try:
        found = await engine.test(who.name, "upkeep", "service")
    except Reconnect:
        return  # it has been told
    except Rejected as rejected:
        notice = Notice("reconnect", who.name, f"the key of {who.name} does not work: {rejected}", who.name)
        await engine.writer.run(lambda tx: tell(tx, notice, micros(engine.clock.now())))
    except (NotNow, CallRefused, Superseded, NoAccount) as error:
        log.warning("the key of %s was not tested: %s", who.name, error)
    else:
        await engine.writer.run(lambda tx: _warn(tx, who.name, found.warnings, engine.clock.now()))


def _warn(tx: sqlite3.Connection, name: str, warnings: Sequence[str], now: datetime) -> None:
    """A notice for each thing that the test of a key warns of, once as long as it lasts."""
    begins = f"warned {name}: "
    told = {f"{begins}{warning}" for warning in warnings}
    for gone in beats.forget(tx, begins, told):
        settled(tx, WARNING, gone.removeprefix("warned "), micros(now))
    for item in sorted(told):
        if beats.since(tx, item, now) == beats.NEVER:
            about = item.removeprefix("warned ")
            tell(tx, Notice(WARNING, about, about, name), micros(now))
            beats.beat(tx, item, now)
