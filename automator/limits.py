"""Limits as a user sees them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from automator import accounts
from automator.budgets import store, window
from automator.clock import instant, micros
from automator.posting import posts
from connectors.base import Budget, Window


@dataclass(frozen=True, slots=True)
class LimitUse:
    """One budget of one account, or of a whole app.

    ``reset`` is when used units come back (ISO 8601), if any are used. ``each``: it is a limit for each of these, and
    those that are in use have rows of their own.
    """

    subject: str
    name: str
    unit: str
    limit: int | None
    used: float
    free: float | None
    reset: str | None
    closed_until: str | None
    each: str | None

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return asdict(self)


def _budgets(connection: sqlite3.Connection) -> Iterator[tuple[str, Budget]]:
    found: dict[tuple[str, str], Budget] = {}
    for account in accounts.everything(connection):
        for budget in accounts.connector(account, {}).budgets:
            found[account.provider if budget.shared else account.name, budget.name] = budget
    for (subject, _), budget in sorted(found.items()):
        yield subject, budget


def rows(connection: sqlite3.Connection, now: datetime) -> list[LimitUse]:
    """Every budget of every connected account."""
    at = micros(now)
    found: list[LimitUse] = []
    for subject, budget in _budgets(connection):
        found.append(_row(connection, subject, budget, at))
        members = store.members(connection, subject, budget) if budget.each else ()
        each = (_row(connection, subject, one, at) for one in members)
        found += [row for row in each if row.used or row.closed_until]
    return found


def _row(connection: sqlite3.Connection, subject: str, budget: Budget, at: int) -> LimitUse:
    usage, budget = store.load(connection, subject, budget)
    limit, used = budget.limit, window.used(budget, usage, at)
    coming = min((gone for gone, _ in usage.charges if gone > at), default=0)
    reset = instant(coming).isoformat(timespec="seconds") if coming and budget.window is not Window.BUCKET else None
    closed = instant(usage.closed).isoformat(timespec="seconds") if usage.closed > at else None
    free = None if limit is None else max(0.0, limit - used)
    each = budget.each if budget.name == budget.family else ""
    return LimitUse(subject, budget.name, budget.unit, limit, used, free, reset, closed, each or None)


def change(  # noqa: PLR0913 - who, what, when
    tx: sqlite3.Connection, account: str, name: str, value: int, now: datetime, *, actor: str
) -> list[str]:
    """Set a limit of one's own, as an event, and try what may have waited for it.

    Returns the names there are if ``name`` is none of them.
    """
    stored = accounts.load(tx, account)
    known = {budget.name: budget for budget in accounts.connector(stored, {}).budgets}
    if name not in known:
        return sorted(known)
    subject = stored.provider if known[name].shared else account
    store.set_limit(tx, subject, known[name], value, micros(now), actor=actor)
    posts.wake(tx, subject, micros(now))
    return []
