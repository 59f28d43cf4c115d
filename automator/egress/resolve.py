"""Resolve: an intention whose outcome is open is settled by asking the provider, or by a person."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from automator import failpoints
from automator.clock import Clock, micros
from automator.db import Writer
from automator.intentions import Intention, State, settle
from automator.ledger import chain
from connectors.base import Absence

Find = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any] | None]]


def verdict(absence: Absence, found: Mapping[str, Any] | None, *, send_again_opted_in: bool) -> State:
    """What a look-up settles an open intention to. Pure."""
    if found is not None:
        return State.DONE
    if absence is Absence.PROOF or (absence is Absence.EVIDENCE and send_again_opted_in):
        return State.PLANNED
    return State.ABSENT if absence is Absence.FINAL else State.UNCONFIRMED


def note(tx: sqlite3.Connection, key: str, state: State, found: Mapping[str, Any] | None, now: datetime) -> None:
    """Say on the record what a look-up has settled an intention to."""
    said = {"what": "resolved", "intention": key, "state": state, "found": dict(found or {})}
    chain.append(tx, "event", micros(now), said)


async def resolve(  # noqa: PLR0913 - each is one thing it needs
    intention: Intention,
    absence: Absence,
    find: Find,
    writer: Writer,
    clock: Clock,
    *,
    send_again_opted_in: bool = False,
) -> State:
    """Ask, and store the verdict as an event; returns the state it was settled to.

    The caller waits until an answer to the last attempt can no longer arrive (its lease, its time-out) before it asks.
    """
    found = await find(intention.plan)
    state = verdict(absence, found, send_again_opted_in=send_again_opted_in)
    failpoints.reach("before-settle")

    def store(tx: Any) -> None:
        if settle(tx, intention.key, state, found, attempt=intention.attempt):
            note(tx, intention.key, state, found, clock.now())

    await writer.run(store)
    failpoints.reach("after-settle")
    return state
