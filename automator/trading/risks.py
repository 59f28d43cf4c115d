"""Risk limits in the database, and the gate that every order passes twice. Functions of an open transaction."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from automator.clock import micros
from automator.ledger import chain
from connectors.order import Side
from jobs.orders.risk import Limit, Limits, Proposal, Usage, limits_of, parse, refusals
from jobs.orders.states import COUNTED, ENDED, State

EVERYTHING = "*"
MINUTE = timedelta(minutes=1)


def change(  # noqa: PLR0913, PLR0917 - the row, who, when
    tx: sqlite3.Connection, subject: str, limit: Limit, value: str, asset: str, now: datetime, *, actor: str
) -> str:
    """Set a limit, as an event; returns its value as it is kept.

    Raises:
        jobs.orders.risk.BadLimit: it makes no sense.
    """
    kept = parse(limit, value, asset)
    before = _value(tx, subject, limit, asset)
    tx.execute(
        "INSERT INTO risk (subject, name, asset, value) VALUES (?,?,?,?) "
        "ON CONFLICT (subject, name, asset) DO UPDATE SET value = excluded.value",
        (subject, limit, asset, kept),
    )
    _noted(tx, now, {"subject": subject, "limit": limit, "asset": asset, "value": kept, "before": before}, actor)
    return kept


def remove(  # noqa: PLR0913 - the row, who, when
    tx: sqlite3.Connection, subject: str, limit: Limit, asset: str, now: datetime, *, actor: str
) -> bool:
    """Take a limit away, as an event; ``False`` if there is none."""
    before = _value(tx, subject, limit, asset)
    if before is None:
        return False
    tx.execute("DELETE FROM risk WHERE subject = ? AND name = ? AND asset = ?", (subject, limit, asset))
    _noted(tx, now, {"subject": subject, "limit": limit, "asset": asset, "value": None, "before": before}, actor)
    return True


def _value(tx: sqlite3.Connection, subject: str, limit: Limit, asset: str) -> str | None:
    row = tx.execute(
        "SELECT value FROM risk WHERE subject = ? AND name = ? AND asset = ?", (subject, limit, asset)
    ).fetchone()
    return str(row[0]) if row else None


def _noted(tx: sqlite3.Connection, now: datetime, said: dict[str, Any], actor: str) -> None:
    account = said["subject"] if "/" in said["subject"] else None
    chain.append(tx, "event", micros(now), {"what": "risk limit", **said, "actor": actor}, account=account)


def listed(connection: sqlite3.Connection) -> list[dict[str, str]]:
    """All limits, for a person and for ``--json``."""
    names = ("subject", "name", "asset", "value")
    rows = connection.execute(f"SELECT {', '.join(names)} FROM risk ORDER BY subject, name, asset")  # noqa: S608 - constants
    return [dict(zip(names, row, strict=True)) for row in rows]


def limits(connection: sqlite3.Connection, account: str, owner: str) -> list[Limits]:
    """The limits that an order of this owner on this account must keep to, by subject."""
    rows = connection.execute(
        "SELECT subject, name, asset, value FROM risk WHERE subject IN (?, ?, ?)", (EVERYTHING, account, owner)
    )
    found: defaultdict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for subject, name, asset, value in rows:
        found[subject][name, asset] = value
    return [limits_of(subject, items) for subject, items in sorted(found.items())]


def gate(tx: sqlite3.Connection, judged: Proposal, now: datetime) -> tuple[str, ...]:
    """Why an order may not leave, by all limits there are; none: it may.

    An order that is in the database is not counted against itself.
    """
    return tuple(
        reason
        for one in limits(tx, judged.account, judged.owner)
        for reason in refusals(one, usage(tx, one, judged, now), judged.request, judged.price)
    )


def usage(tx: sqlite3.Connection, limited: Limits, judged: Proposal, now: datetime) -> Usage:
    """What a subject has used of its limits, without this order; of a day only what is limited by the day."""
    request = judged.request
    quote = request.symbol.partition("/")[2]
    where, values = _of(limited.subject, judged)
    itself, mates = (request.client_order_id, (judged.mate or request).client_order_id), int(judged.mate is not None)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = midnight if (Limit.DAY, quote) in limited.money else now - MINUTE
    others = f"{where} AND id NOT IN (?, ?)"
    columns = "id, symbol, side, state, notional, cost, created_at, quote"
    orders = tx.execute(
        f"SELECT {columns} FROM ordered WHERE {others} AND told = 0 "  # noqa: S608 - constants
        f"UNION SELECT {columns} FROM ordered WHERE {others} AND created_at >= ? AND state <> 'not_placed'",
        (*values, *itself, *values, *itself, micros(since)),
    ).fetchall()
    held = tx.execute(f"SELECT amount FROM position WHERE {where} AND symbol = ?", (*values, request.symbol))  # noqa: S608 - as above
    earned = tx.execute(
        f"SELECT realised FROM order_news WHERE {where} AND quote = ? AND at >= ? AND realised IS NOT NULL",  # noqa: S608 - as above
        (*values, quote, micros(midnight)),
    )
    return Usage(
        day=_sum(_worth(row) for row in orders if row[6] >= micros(midnight) and row[7] == quote),
        realised=_sum(Decimal(row[0]) for row in earned),
        held=_sum(Decimal(row[0]) for row in held),
        buying=_sum(
            Decimal(row[4]) - Decimal(row[5])
            for row in orders
            if row[3] in COUNTED and (row[1], row[2]) == (request.symbol, Side.BUY)
        ),
        open_orders=sum(row[3] in COUNTED for row in orders) + mates,
        minute=sum(row[6] > micros(now - MINUTE) for row in orders) + mates,
    )


def _worth(row: Sequence[Any]) -> Decimal:
    return Decimal(row[5] if State(row[3]) in ENDED else row[4])


def _of(subject: str, judged: Proposal) -> tuple[str, tuple[str, ...]]:
    if subject == EVERYTHING:
        return "1", ()
    if subject == judged.account:
        return "account = ?", (judged.account,)
    return "owner = ?", (judged.owner,)


def _sum(numbers: Any) -> Decimal:
    return sum(numbers, Decimal(0))
