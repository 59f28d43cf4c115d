"""Tidy: what was staged at a provider for posts that were cancelled, failed or changed is deleted there after a day.

The record says what was made and what may have been shown; nothing is deleted that it does not clear.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from automator import accounts
from automator.accounts import NoAccount, Stored
from automator.egress.call import Superseded
from automator.engine import Engine
from automator.intentions import State
from automator.ledger import chain, query
from automator.ledger.query import Filter, RecordedCall
from automator.scheduling import beats
from automator.scheduling.publish import STAGED
from automator.scheduling.states import RunState
from connectors.base import CallRefused, Kind, NotNow, Scope
from connectors.network import Rejected
from connectors.staging import Left, Sent, Staging, words

AGE = timedelta(days=1)  #: by then nobody works on it any more, and a person has had time to publish it after all
BACK = timedelta(days=30)
EVERY = timedelta(hours=20)
ENDED = frozenset({RunState.DONE, RunState.FAILED, RunState.MISSED, RunState.CANCELLED})

log = logging.getLogger(__name__)


async def tidy(engine: Engine) -> None:
    """Delete what is left over, account by account, once a day."""
    for who in accounts.everything(engine.reader):
        if who.trades:
            continue
        network, now = engine.network(who), engine.clock.now()
        if not isinstance(network, Staging) or Scope.DELETE not in who.scopes:
            continue
        if beats.since(engine.reader, f"tidy {who.name}", now) < EVERY:
            continue
        await engine.writer.run(lambda tx, who=who, now=now: beats.beat(tx, f"tidy {who.name}", now))  # type: ignore[misc]
        made = await asyncio.to_thread(_deliveries, engine.reader, who, network, now)
        for delivery, calls in made.items():
            needed = _needed(engine.reader, delivery)
            left = network.left(calls, needed) if needed is not None else []
            await _tidied(engine, who.name, delivery, left)


async def _tidied(engine: Engine, account: str, delivery: str, left: Sequence[Left]) -> None:
    try:
        session, network = engine.session(account, {"duty": "tidy", "delivery": delivery}, "service")
        for one in left:
            if not isinstance(network, Staging) or not await engine.writer.run(
                lambda tx, one=one: _released(tx, delivery, one.id)  # type: ignore[misc]
            ):
                return  # somebody has taken it up again
            if not await network.discard(session, one):
                return  # and what it has is seen too
    except (Rejected, NotNow, CallRefused, Superseded, NoAccount) as error:
        log.warning("what %s had staged on %s was not deleted: %s", delivery, account, error)


def _deliveries(reader: sqlite3.Connection, who: Stored, network: Staging, now: datetime) -> dict[str, list[Sent]]:
    """The calls of those deliveries for which something was staged, and nothing within the last day."""
    since = now - BACK
    found = [query.newest(reader, Filter(who.name, Kind.OK, name, since), -1) for name in network.makes]
    staged = [(_delivery(call), call) for calls in found for call in calls if _delivery(call)]
    wanted = {delivery for delivery, _ in staged} - {delivery for delivery, call in staged if call.at > now - AGE}
    made: defaultdict[str, list[Sent]] = defaultdict(list)
    if wanted:
        for call in query.after(reader, min(call.seq for _, call in staged) - 1, who.name):
            if _delivery(call) in wanted:
                made[_delivery(call)].append(_sent(reader, call))
    return made


def _delivery(call: RecordedCall) -> str:
    return str(call.request["cause"].get("delivery") or "")


def _sent(reader: sqlite3.Connection, call: RecordedCall) -> Sent:
    path = urlsplit(str(call.request["url"])).path
    asked = _body(reader, call.seq, call.request)
    answer = _body(reader, call.answer_seq or 0, call.answer or {})
    return Sent(call.operation, path, asked, call.outcome, answer or {})


def _body(reader: sqlite3.Connection, seq: int, said: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A recorded body as a JSON object; empty: it is none; ``None``: it is not kept any more."""
    content = chain.read_body(reader, seq, said.get("body"))
    if content is None:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


_PLANS = """
SELECT i.key, i.state, i.plan, i.result, r.state, i.key GLOB '*/' || d.generation
FROM intention AS i JOIN delivery AS d ON d.id = ? JOIN run AS r ON r.job = d.id
WHERE i.key >= d.id || '/' AND i.key < d.id || '0'
"""


def _plans(connection: sqlite3.Connection, delivery: str) -> Iterator[tuple[str, set[str], bool, bool]]:
    """By key: the words of what is meant to happen, whether it has happened or may yet, whether it would be retried."""
    for key, state, plan, result, run, current in connection.execute(_PLANS, (delivery,)).fetchall():
        waits = state == State.PLANNED and bool(current)
        live = state in {State.SENT, State.UNCONFIRMED, State.DONE} or (waits and run not in ENDED)
        yield key, words(json.loads(plan)) | words(json.loads(result or "{}")), live, waits


def _needed(reader: sqlite3.Connection, delivery: str) -> set[str] | None:
    """What is shown, or may be; ``None``: that is not known, as after a backup was put back."""
    named = [said for _, said, live, _ in _plans(reader, delivery) if live]
    return set().union(*named) if all(named) else None


def _released(tx: sqlite3.Connection, delivery: str, number: str) -> bool:
    """Whether nothing needs it; a plan that would be sent if a person retried is made anew then."""
    naming = [(key, live, waits) for key, named, live, waits in _plans(tx, delivery) if number in named]
    if any(live for _, live, _ in naming):
        return False
    for key, _, waits in naming:
        if waits:
            anew = (chain.canonical({STAGED: {}}), key, State.PLANNED)
            tx.execute("UPDATE intention SET plan = ? WHERE key = ? AND state = ?", anew)
    return True
