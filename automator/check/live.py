"""Playing the harmless cases with a person's own key: what they publish is read back, and taken down."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from automator import accounts
from automator.check.finding import Finding, told
from automator.check.made import parts as parts_of
from automator.check.undo import undone
from automator.engine import Engine
from automator.ledger import chain, query
from connectors.base import CallRefused, Intent, Kind, NotNow, Scope, Unresolved, outcome_of
from connectors.cases import Case, Expect
from connectors.network import Network, Rejected, Staged, Wire
from connectors.post import Part

PATIENCE = timedelta(minutes=5)  #: for a provider that works on what it was given


class _Wrong(Exception):
    """The case ended otherwise than it had to; the sentence says how."""


@dataclass
class _Published:
    """What is out there because of us."""

    key: str
    results: list[Mapping[str, Any]] = field(default_factory=list)
    plans: list[Mapping[str, Any]] = field(default_factory=list)


def harm(engine: Engine, account: str) -> str:
    """Why nothing may be published there to see whether it works: it would stay. Empty: it can be taken down.

    Raises:
        automator.accounts.NoAccount: there is none of this name.
    """
    stored = accounts.load(engine.reader, account)
    if lacking := [scope for scope in (Scope.READ, Scope.WRITE, Scope.DELETE) if scope not in stored.scopes]:
        allow = "allow it with `automator accounts change`"
        return f"{account} may not {' and '.join(lacking)}, so that what is published would stay; {allow}"
    return engine.session(account, {"command": "check"})[1].irrevocable


async def play(engine: Engine, account: str, case: Case) -> Finding:
    """Publish, read back, take down, and look again; each call is on the record of this installation."""
    began, before = time.monotonic(), chain.head(engine.reader)[0]
    session, network = engine.session(account, {"command": "check"})
    mark, host = secrets.token_hex(4), engine.media
    if host is not None:
        session = replace(session, hosting=lambda media: host.lend(media, mark))
    # a provider may refuse a text that it has had lately
    own = replace(case, texts=tuple(f"{text} ({mark})" for text in case.texts))
    published = _Published(f"check-{mark}")
    end: Expect | None = None
    try:
        with tempfile.TemporaryDirectory(prefix="automator-check-") as folder:
            for part in parts_of(own, Path(folder)):
                await _publish(network, session, engine, part, published)
        end, received = Expect.PUBLISHED, "published once, and read back"
    except (_Wrong, Rejected, CallRefused, NotNow, Unresolved) as error:
        received = str(error)
    except asyncio.CancelledError:  # whoever stops it in the middle wants nothing left of it either
        await undone(network, session, published.key, published.results, published.plans)
        raise
    try:
        why = await undone(network, session, published.key, published.results, published.plans)
    except (Rejected, CallRefused, NotNow, Unresolved) as error:
        why = f"it could not be taken down: {error}"
    if why:
        links = ", ".join(network.link(result) or str(dict(result)) for result in published.results)
        end, received = None, f"{received}; {why}: {links}"
    elif end is not None and case.expect is Expect.GONE:
        end, received = Expect.GONE, "published, taken down, and gone"
    calls = told(query.after(engine.reader, before, account))
    return Finding(case, calls, case.expect.value, received, end is case.expect, time.monotonic() - began)


async def _publish(network: Network, wire: Wire, engine: Engine, part: Part, published: _Published) -> None:
    plan = await _prepared(network, wire, engine, part, published.results)
    try:
        answer = await network.publish(wire, Intent(f"{published.key}/{len(published.plans)}/0", plan))
    except Unresolved as lost:
        if (found := await network.find(wire, plan)) is None:
            raise
        published.plans.append(plan)
        published.results.append(found)
        raise _Wrong(f"published, but its answer was lost: {lost}") from None
    if outcome_of(answer).kind is not Kind.OK:
        raise _Wrong(f"refused: {outcome_of(answer).reason}")
    published.plans.append(plan)
    published.results.append(outcome_of(answer).result)
    if await network.find(wire, plan) is None:
        raise _Wrong("published, but the provider does not find it")


async def _prepared(
    network: Network, wire: Wire, engine: Engine, part: Part, thread: list[Mapping[str, Any]]
) -> dict[str, Any]:
    so_far: Mapping[str, Any] = {}
    deadline = engine.clock.now() + PATIENCE
    while True:
        try:
            return await network.prepare(wire, part, thread, so_far)
        except Staged as staged:
            so_far = staged.so_far
            until = staged.until or engine.clock.now()
            if until > deadline:
                raise _Wrong(f"not ready after {PATIENCE.seconds // 60} minutes: {staged.why}") from None
            await engine.clock.sleep(max(1.0, (until - engine.clock.now()).total_seconds()))
