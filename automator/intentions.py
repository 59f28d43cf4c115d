"""Intentions: the journal of what is meant to happen once. Rows are never pruned."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from automator.ledger import chain


class State(StrEnum):
    """How far an intention has come."""

    PLANNED = "planned"  #: nothing has left
    SENT = "sent"  #: something may have left; its outcome is open
    DONE = "done"
    REFUSED = "refused"  #: the provider said no
    ABSENT = "absent"  #: it never arrived, and is never sent again
    UNCONFIRMED = "unconfirmed"  #: cannot be known; a person settles it


class Fenced(Exception):
    """Another worker has taken this over, or it was already sent; nothing leaves."""


@dataclass(frozen=True, slots=True)
class Intention:
    """An intention as it stands in the database."""

    key: str
    plan: Mapping[str, Any]
    state: State
    attempt: int
    result: Mapping[str, Any]
    sent_at: int | None


def load(connection: sqlite3.Connection, key: str) -> Intention | None:
    """Read one intention; ``None`` if it was never planned."""
    row = connection.execute(
        "SELECT plan, state, attempt, result, sent_at FROM intention WHERE key = ?", (key,)
    ).fetchone()
    return _intention(key, row) if row else None


def _intention(key: str, row: tuple[Any, ...]) -> Intention:
    plan, state, attempt, result, sent_at = row
    return Intention(key, json.loads(plan), State(state), attempt, json.loads(result or "{}"), sent_at)


def begun(connection: sqlite3.Connection, job: str) -> bool:
    """Whether anything of a job may have left: it has one intention of its name, or one for each part."""
    # what was refused or doubted before a person had it sent again is of another generation, and no part of this
    query = (
        "SELECT 1 FROM intention WHERE (key = ?1 OR (key > ?1 || '/' AND key < ?1 || '0' AND key GLOB '*/' || "
        "coalesce((SELECT generation FROM delivery WHERE id = ?1), '*'))) AND state <> ?2"
    )
    return connection.execute(query, (job, State.PLANNED)).fetchone() is not None


def claim(connection: sqlite3.Connection, key: str, account: str, operation: str, plan: Mapping[str, Any]) -> Intention:
    """Freeze ``plan`` unless one is frozen already, take the intention over, and return it as it now stands.

    An earlier holder's attempt number is no longer current, so it can send nothing more.
    """
    row = connection.execute(
        "INSERT INTO intention (key, account, operation, plan, state, attempt) VALUES (?,?,?,?,?,1) "
        "ON CONFLICT (key) DO UPDATE SET attempt = attempt + 1 RETURNING plan, state, attempt, result, sent_at",
        (key, account, operation, chain.canonical(plan), State.PLANNED),
    ).fetchone()
    return _intention(key, row)


def begin(  # noqa: PLR0913 - the row's columns
    tx: sqlite3.Connection, key: str, account: str, operation: str, plan: Mapping[str, Any], *, at: int, call: int
) -> None:
    """Freeze ``plan`` and decide to send it, in one: the first claim of an intention that nobody has planned yet.

    Raises:
        Fenced: somebody has; nothing leaves.
    """
    begun = tx.execute(
        "INSERT INTO intention (key, account, operation, plan, state, attempt, sent_at, call) VALUES (?,?,?,?,?,1,?,?) "
        "ON CONFLICT (key) DO NOTHING",
        (key, account, operation, chain.canonical(plan), State.SENT, at, call),
    ).rowcount
    if begun != 1:
        raise Fenced(f"{key} was taken over or has been sent; this worker sends nothing")


def taken(connection: sqlite3.Connection, account: str, key: str, result: Mapping[str, Any]) -> bool:
    """Whether another intention of the account came to this very result, so that it can't be that of ``key`` too.

    More may be known of the other one by now: its link.
    """
    rows = connection.execute(
        "SELECT result FROM intention WHERE state = ? AND key <> ? AND account = ?", (State.DONE, key, account)
    )
    return any(result.items() <= json.loads(row[0] or "{}").items() for row in rows)


def lasts(connection: sqlite3.Connection, key: str) -> bool:
    """Whether it was refused for what a retry can't change, as far as that is known."""
    row = connection.execute(
        "SELECT result FROM intention WHERE key = ? AND state = ?", (key, State.REFUSED)
    ).fetchone()
    return bool(row and json.loads(row[0] or "{}").get("lasting"))


def doubts(connection: sqlite3.Connection, key: str) -> list[Intention]:
    """What may have gone out of the same part before, as an earlier generation (see ``Intent.key``); the newest first.

    A person had it sent again without anybody knowing for certain.
    """
    part, _, generation = key.rpartition("/")
    if generation == "0":
        return []
    rows = connection.execute(
        "SELECT key, plan, state, attempt, result, sent_at FROM intention "
        "WHERE key > ?1 || '/' AND key < ?1 || '0' AND key <> ?2 AND state = ?3 "
        "ORDER BY sent_at DESC, length(key) DESC, key DESC",
        (part, key, State.UNCONFIRMED),
    )
    return [_intention(row[0], row[1:]) for row in rows]


def overrule(  # noqa: PLR0913, PLR0917 - the row's columns
    tx: sqlite3.Connection,
    key: str,
    account: str,
    operation: str,
    before: Intention,
    state: State,
    result: Mapping[str, Any] | None = None,
) -> None:
    """Settle an intention of which nothing has left by what became of an earlier one of the same part: ``before``.

    Raises:
        Fenced: something of it has left, or it is settled.
    """
    changed = tx.execute(
        "INSERT INTO intention (key, account, operation, plan, state, attempt, result, sent_at) "
        "VALUES (?,?,?,?,?,1,?,?) ON CONFLICT (key) DO UPDATE SET state = excluded.state, result = excluded.result, "
        "sent_at = excluded.sent_at, attempt = attempt + 1 WHERE state IN ('planned', 'refused')",
        (
            key,
            account,
            operation,
            chain.canonical(before.plan),
            state,
            chain.canonical(dict(result)) if result is not None else None,
            before.sent_at,
        ),
    ).rowcount
    if changed != 1:
        raise Fenced(f"{key} was taken over or has been sent; it stays as it is")


def complete(tx: sqlite3.Connection, key: str, result: Mapping[str, Any]) -> None:
    """Keep what has become known of something that is done."""
    tx.execute(
        "UPDATE intention SET result = ? WHERE key = ? AND state = ?", (chain.canonical(dict(result)), key, State.DONE)
    )


def replan(tx: sqlite3.Connection, key: str, attempt: int, operation: str, plan: Mapping[str, Any]) -> None:
    """Freeze another plan in place of one of which nothing happened: that is what *planned* means.

    Raises:
        Fenced: it was sent, or another worker has it.
    """
    changed = tx.execute(
        "UPDATE intention SET operation = ?, plan = ? WHERE key = ? AND attempt = ? AND state = ?",
        (operation, chain.canonical(plan), key, attempt, State.PLANNED),
    ).rowcount
    if changed != 1:
        raise Fenced(f"{key} was taken over or has been sent; its plan stays")


def mark_sent(  # noqa: PLR0913 - what the decision rests on, and what it says
    connection: sqlite3.Connection, key: str, attempt: int, at: int, *, again: bool, call: int | None = None
) -> bool:
    """The decision to send, by compare-and-swap; returns whether nothing had left before.

    Raises:
        Fenced: the intention is no longer in a sendable state, or ``attempt`` is not the current one.
    """
    query = (
        "UPDATE intention SET state = 'sent', sent_at = ?, call = coalesce(call, ?) "
        "WHERE key = ? AND attempt = ? AND state = ?"
    )
    if connection.execute(query, (at, call, key, attempt, State.PLANNED)).rowcount == 1:
        return True
    if again and connection.execute(query, (at, call, key, attempt, State.SENT)).rowcount == 1:
        return False
    raise Fenced(f"{key} was taken over or has been sent; this worker sends nothing")


def withdraw(tx: sqlite3.Connection, key: str) -> bool:
    """Nothing of it has left, and nothing ever will; ``False``: something may have."""
    changed = tx.execute(
        "UPDATE intention SET state = ?, attempt = attempt + 1 WHERE key = ? AND state = ?",
        (State.ABSENT, key, State.PLANNED),
    ).rowcount
    return changed == 1


def settle(
    connection: sqlite3.Connection,
    key: str,
    state: State,
    result: Mapping[str, Any] | None = None,
    *,
    attempt: int | None = None,
) -> bool:
    """Store a verdict over an open intention; ``False`` if it was no longer open or (given) no longer ours.

    That it is done may come to light later, and then settles what was called unconfirmed or absent too.
    """
    query = "UPDATE intention SET state = ?, result = ? WHERE key = ? AND state IN (?, ?, ?)"
    others = (State.UNCONFIRMED, State.ABSENT) if state is State.DONE else (State.SENT, State.SENT)
    values: list[Any] = [state, chain.canonical(dict(result)) if result else None, key, State.SENT, *others]
    if attempt is not None:
        query, values = query + " AND attempt = ?", [*values, attempt]
    return connection.execute(query, values).rowcount == 1
