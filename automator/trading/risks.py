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
ROUGH = (
    1e-9  #: a sum of floats is nearer to the exact one, as a share of what was summed up: of up to a million numbers
)
_COUNTED, _ENDED = (", ".join(f"'{state}'" for state in sorted(states)) for states in (COUNTED, ENDED))


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
    found = limits(tx, judged.account, judged.owner)
    return tuple(reason for one in found for reason in _refused(tx, one, judged, now))


def _refused(tx: sqlite3.Connection, limited: Limits, judged: Proposal, now: datetime) -> tuple[str, ...]:
    """An order that keeps to its limits with more used than there is need not wait for the exact sum."""
    for used in (at_most, usage):
        reasons = refusals(limited, used(tx, limited, judged, now), judged.request, judged.price)
        if not reasons:
            return ()
    return reasons


def at_most(tx: sqlite3.Connection, limited: Limits, judged: Proposal, now: datetime) -> Usage:
    """``usage``, or a little more, as SQLite sums it up: of a thousand orders in a moment, but in floating point."""
    request = judged.request
    quote = request.symbol.partition("/")[2]
    where, values = _of(limited.subject, judged)
    midnight, minute = _since(now)
    opened, buying, bought = tx.execute(
        "SELECT count(*), total(CASE WHEN symbol = ?1 AND side = 'buy' THEN CAST(notional AS REAL) END), "  # noqa: S608 - constants
        "total(CASE WHEN symbol = ?1 AND side = 'buy' THEN CAST(cost AS REAL) END) "
        f"FROM ordered WHERE {where} AND told = 0 AND id <> ? AND state IN ({_COUNTED})",
        (request.symbol, *values, request.client_order_id),
    ).fetchone()
    day, made = tx.execute(
        f"SELECT total(CASE WHEN created_at >= ? AND quote = ? THEN CASE WHEN state IN ({_ENDED}) "  # noqa: S608 - as above
        "THEN CAST(cost AS REAL) ELSE CAST(notional AS REAL) END END), total(created_at > ?) "
        f"FROM ordered WHERE {where} AND created_at >= ? AND id <> ? AND state <> 'not_placed'",
        (midnight, quote, minute, *values, _first(limited, quote, now), request.client_order_id),
    ).fetchone()
    earned, moved = tx.execute(
        "SELECT total(CAST(realised AS REAL)), total(abs(CAST(realised AS REAL))) FROM order_news "  # noqa: S608 - as above
        f"WHERE {where} AND quote = ? AND at >= ? AND realised IS NOT NULL",
        (*values, quote, midnight),
    ).fetchone()
    return Usage(
        day=Decimal(day * (1 + ROUGH)),
        realised=Decimal(earned - moved * ROUGH),
        held=_held(tx, where, values, request.symbol),
        buying=Decimal(buying * (1 + ROUGH) - bought * (1 - ROUGH)),
        open_orders=opened,
        minute=int(made),
    )


def usage(tx: sqlite3.Connection, limited: Limits, judged: Proposal, now: datetime) -> Usage:
    """What a subject has used of its limits, without this order; of a day only what is limited by the day."""
    request = judged.request
    quote = request.symbol.partition("/")[2]
    where, values = _of(limited.subject, judged)
    midnight, minute = _since(now)
    columns = "id, symbol, side, state, notional, cost, created_at, quote"
    orders = tx.execute(
        f"SELECT {columns} FROM ordered WHERE {where} AND id <> ? AND told = 0 "  # noqa: S608 - constants
        f"UNION SELECT {columns} FROM ordered WHERE {where} AND id <> ? AND created_at >= ? AND state <> 'not_placed'",
        (*values, request.client_order_id, *values, request.client_order_id, _first(limited, quote, now)),
    ).fetchall()
    earned = tx.execute(
        f"SELECT realised FROM order_news WHERE {where} AND quote = ? AND at >= ? AND realised IS NOT NULL",  # noqa: S608 - as above
        (*values, quote, midnight),
    )
    return Usage(
        day=_sum(_worth(row) for row in orders if row[6] >= midnight and row[7] == quote),
        realised=_sum(Decimal(row[0]) for row in earned),
        held=_held(tx, where, values, request.symbol),
        buying=_sum(
            Decimal(row[4]) - Decimal(row[5])
            for row in orders
            if row[3] in COUNTED and (row[1], row[2]) == (request.symbol, Side.BUY)
        ),
        open_orders=sum(row[3] in COUNTED for row in orders),
        minute=sum(row[6] > minute for row in orders),
    )


def _since(now: datetime) -> tuple[int, int]:
    """When this day (UTC) began, and the last minute."""
    return micros(now.replace(hour=0, minute=0, second=0, microsecond=0)), micros(now - MINUTE)


def _first(limited: Limits, quote: str, now: datetime) -> int:
    """From when on orders count: of a whole day only for who has a limit of that."""
    midnight, minute = _since(now)
    return min(midnight, minute) if (Limit.DAY, quote) in limited.money else minute


def _held(tx: sqlite3.Connection, where: str, values: tuple[str, ...], symbol: str) -> Decimal:
    rows = tx.execute(f"SELECT amount FROM position WHERE {where} AND symbol = ?", (*values, symbol))  # noqa: S608 - constants
    return _sum(Decimal(row[0]) for row in rows)


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
