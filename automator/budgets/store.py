"""Budgets in the database. Functions of an open transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from automator.budgets import window
from automator.budgets.line import Share
from automator.budgets.window import Usage
from automator.ledger import chain
from connectors.base import Budget, Scope

MEMO = "budget"
_Row = tuple[Usage, int | None]  # what is used, and a person's own limit


@dataclass(frozen=True, slots=True)
class Claim:
    """Units of one budget that a call takes.

    Attributes:
        leaves: The share of a window that the call leaves to orders; an order leaves nothing.
    """

    subject: str
    budget: Budget
    units: float
    leaves: float = 0.0

    @property
    def share(self) -> Share:
        """What it waits for, if there is no room: what is kept for orders no other call can wait for."""
        of_orders = self.leaves < self.budget.kept
        return (self.subject, f"{self.budget.name} of orders" if of_orders else self.budget.name)


def load(connection: sqlite3.Connection, subject: str, budget: Budget) -> tuple[Usage, Budget]:
    """What is used, and the budget with the limit in force."""
    return load_all(connection, [(subject, budget)])[0]


def load_all(connection: sqlite3.Connection, asked: Sequence[tuple[str, Budget]]) -> list[tuple[Usage, Budget]]:
    """``load`` of several, in one go."""
    memo = chain.memo_of(connection)
    keys = [(MEMO, subject, budget.name) for subject, budget in asked]
    if not memo.keys() >= set(keys):
        memo.update(zip(keys, _read(connection, asked), strict=True))
    rows = [memo[key] for key in keys]
    return [
        (usage, budget if own is None else _limited(budget, own))
        for (_, budget), (usage, own) in zip(asked, rows, strict=True)
    ]


def _read(connection: sqlite3.Connection, asked: Sequence[tuple[str, Budget]]) -> list[_Row]:
    marks = ",".join(["(?,?,?)"] * len(asked))
    rows = connection.execute(
        f"WITH asked (subject, name, family) AS (VALUES {marks}) "  # noqa: S608 - marks
        "SELECT asked.subject, asked.name, budget.charges, budget.closed, own.value FROM asked "
        "LEFT JOIN budget USING (subject, name) "
        "LEFT JOIN limit_setting AS own ON own.subject = asked.subject AND own.name = asked.family",
        [value for subject, budget in asked for value in (subject, budget.name, budget.family)],
    )
    found = {(subject, name): rest for subject, name, *rest in rows}
    return [_row(*found[subject, budget.name]) for subject, budget in asked]


def _row(charges: str | None, closed: int, own: int | None) -> _Row:
    usage = Usage(tuple((item[0], item[1]) for item in json.loads(charges)), closed) if charges else Usage()
    return usage, own


@lru_cache(maxsize=256)  # of an account's few budgets, for each call
def _limited(budget: Budget, own: int) -> Budget:
    return replace(budget, limit=own)


def save(tx: sqlite3.Connection, subject: str, budget: Budget, usage: Usage) -> None:
    """Store what is used."""
    save_all(tx, [(subject, budget, usage)])


def save_all(tx: sqlite3.Connection, used: Sequence[tuple[str, Budget, Usage]]) -> None:
    """``save`` of several, in one go."""
    marks = ",".join(["(?,?,?,?)"] * len(used))
    tx.execute(
        f"INSERT INTO budget (subject, name, charges, closed) VALUES {marks} "  # noqa: S608 - marks
        "ON CONFLICT (subject, name) DO UPDATE SET charges = excluded.charges, closed = excluded.closed",
        [
            value
            for subject, budget, usage in used
            for value in (subject, budget.name, json.dumps(usage.charges), usage.closed)
        ],
    )
    memo = chain.memo_of(tx)
    for subject, budget, usage in used:
        if before := memo.get((MEMO, subject, budget.name)):
            memo[MEMO, subject, budget.name] = (usage, before[1])


def reserve(tx: sqlite3.Connection, claims: Sequence[Claim], now: int) -> int:
    """Take all claims together or none; returns 0, or the instant from which they may fit."""
    if not claims:
        return 0
    loaded = load_all(tx, [(claim.subject, claim.budget) for claim in claims])
    found = [(claim, usage, budget) for claim, (usage, budget) in zip(claims, loaded, strict=True)]
    start = max(window.fits(budget, usage, now, claim.units, claim.leaves) for claim, usage, budget in found)
    if start > now:
        return start
    taken = [(one.subject, budget, window.charge(budget, usage, now, one.units)) for one, usage, budget in found]
    save_all(tx, taken)
    return 0


def give_back(tx: sqlite3.Connection, claims: Sequence[Claim], now: int) -> None:
    """What was taken for a call that never left."""
    for claim in claims:
        usage, budget = load(tx, claim.subject, claim.budget)
        save(tx, claim.subject, budget, window.charge(budget, usage, now, -claim.units))


def clock_set(tx: sqlite3.Connection, by: int, monthly: Collection[str]) -> None:
    """The wall clock was set by so many microseconds: what is counted moves with it, but not calendar months."""
    chain.memo_of(tx).clear()
    for subject, name, charges, closed in tx.execute("SELECT subject, name, charges, closed FROM budget").fetchall():
        moved = [(at if name in monthly else at + by, units) for at, units in json.loads(charges)]
        tx.execute(
            "UPDATE budget SET charges = ?, closed = ? WHERE subject = ? AND name = ?",
            (json.dumps(moved), closed and closed + by, subject, name),
        )


def set_limit(  # noqa: PLR0913 - who, what, when
    tx: sqlite3.Connection, subject: str, budget: Budget, value: int, at: int, *, actor: str
) -> None:
    """Set a limit of one's own, as an event."""
    tx.execute(
        "INSERT INTO limit_setting (subject, name, value) VALUES (?,?,?) "
        "ON CONFLICT (subject, name) DO UPDATE SET value = excluded.value",
        (subject, budget.name, value),
    )
    chain.memo_of(tx).clear()
    data = {"what": "limit", "subject": subject, "budget": budget.name, "value": value, "actor": actor}
    chain.append(tx, "event", at, data)


def claims_of(
    account: str, provider: str, budgets: Sequence[Budget], costs: Mapping[str, int], scope: Scope
) -> list[Claim]:
    """The claims of a call that costs ``costs``."""
    known, order = {budget.name: budget for budget in budgets}, scope is Scope.TRADE
    meant = [(known.get(name) or _one_of(known, name), units) for name, units in costs.items() if units]
    return [
        Claim(provider if budget.shared else account, budget, units, leaves=0.0 if order else budget.kept)
        for budget, units in meant
        if budget is not None
    ]


def _one_of(known: Mapping[str, Budget], name: str) -> Budget | None:
    """One of the budgets that there are for each of something."""
    family = known.get(name.partition(" ")[0])
    return _member(family, name) if family is not None and family.each else None


@lru_cache(maxsize=256)  # of the few symbols that are traded, for each order
def _member(family: Budget, name: str) -> Budget:
    return replace(family, name=name)


def members(connection: sqlite3.Connection, subject: str, family: Budget) -> list[Budget]:
    """The budgets of a family that were ever used, by name."""
    rows = connection.execute(
        "SELECT name FROM budget WHERE subject = ? AND substr(name, 1, ?) = ? ORDER BY name",
        (subject, len(family.name) + 1, f"{family.name} "),
    )
    return [_member(family, name) for (name,) in rows]
