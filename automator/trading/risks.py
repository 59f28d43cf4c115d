"""Risk limits in the database, and the gate that every order passes twice. Functions of an open transaction."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from automator.clock import micros
from automator.ledger import chain
from automator.trading import let_in, marks
from connectors.order import Side
from jobs.orders import tally
from jobs.orders.risk import Limit, Limits, Proposal, Usage, limits_of, parse, refusals
from jobs.orders.states import COUNTED, ENDED, State

EVERYTHING = "*"
MINUTE = timedelta(minutes=1)
ROUGH = 1e-9  #: a sum of up to a million floats is nearer to the exact one, as a share of all that was summed up


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
    let_in.forget(tx)
    account = said["subject"] if "/" in said["subject"] else None
    chain.append(tx, "event", micros(now), {"what": "risk limit", **said, "actor": actor}, account=account)


def listed(connection: sqlite3.Connection) -> list[dict[str, str]]:
    """All limits, for a person and for ``--json``."""
    names = ("subject", "name", "asset", "value")
    rows = connection.execute(f"SELECT {', '.join(names)} FROM risk ORDER BY subject, name, asset")  # noqa: S608 - constants
    return [dict(zip(names, row, strict=True)) for row in rows]


def limits(connection: sqlite3.Connection, account: str, owner: str) -> Sequence[Limits]:
    """The limits that an order of this owner on this account must keep to, by subject."""
    rows = connection.execute(
        "SELECT subject, name, asset, value FROM risk WHERE subject IN (?, ?, ?)", (EVERYTHING, account, owner)
    )
    return _read(tuple(rows))


@lru_cache(maxsize=64)  # they hardly ever change, and are looked up twice for each order
def _read(rows: tuple[tuple[str, str, str, str], ...]) -> Sequence[Limits]:
    found: defaultdict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for subject, name, asset, value in rows:
        found[subject][name, asset] = value
    return tuple(limits_of(subject, items) for subject, items in sorted(found.items()))


def gate(tx: sqlite3.Connection, judged: Proposal, now: datetime) -> tuple[str, ...]:
    """Why an order may not leave, by all limits there are; none: it may.

    An order that is in the database is not counted against itself where it comes to that.
    """
    found = limits(tx, judged.account, judged.owner)
    reasons: list[str] = []
    for one, quick in zip(found, at_most(tx, found, judged, now), strict=True):
        if refusals(one, quick, judged.request, judged.price):  # then it is worth its while to count exactly
            reasons += refusals(one, usage(tx, one, judged, now), judged.request, judged.price)
    return tuple(reasons)


def at_most(tx: sqlite3.Connection, found: Sequence[Limits], judged: Proposal, now: datetime) -> list[Usage]:
    """``usage`` of each, or a little more: by the tally, so in floating point, and with the order itself."""
    if not found:
        return []
    whose = tuple(_whose(one.subject, judged) for one in found)
    given = _asked(judged, now, whole_day=False)
    given |= {"day": given["midnight"] // tally.DAY, "now": micros(now) // tally.MINUTE}
    loss = any(_by_loss(one, judged) for one in found)
    later, *sums = tx.execute(_quick(whose, loss=loss), given).fetchone()
    if later:  # the clock was set back: of what was before the newest orders, the tally says nothing
        return [usage(tx, one, judged, now) for one in found]
    taken = [sums[start : start + len(whose)] for start in range(0, len(sums), len(whose))]
    return [
        Usage(
            day=Decimal(day),
            result=Decimal(came - size * ROUGH),
            held=Decimal(held + stirred * ROUGH),
            buying=Decimal(buying),
            open_orders=int(opened) + _mates(judged),
            minute=int(made) + _mates(judged),
        )
        for opened, buying, day, made, came, size, held, stirred in zip(*taken, strict=True)
    ]


NOTHING = "SELECT '' AS owner, '' AS account, 0.0 AS came, 0.0 AS size"


@cache
def _quick(whose: tuple[str, ...], *, loss: bool) -> str:
    """The statement that sums up for several subjects in one pass; ``whose``: the clause of each."""

    def each(number: str) -> str:
        return ", ".join(f"total({number})" if mine == "1" else f"total(iif({mine}, {number}, 0))" for mine in whose)

    anyone = " OR ".join(whose)
    buying = f"iif(symbol = :symbol, buying + moved * {ROUGH}, 0)"
    worth = f"iif(day = :day AND quote = :quote, worth + moved * {ROUGH}, 0)"
    made = "CASE :now - minute WHEN 0 THEN made + before WHEN 1 THEN made ELSE 0 END"
    return f"""
SELECT * FROM (
    SELECT total(minute > :now), {each("open_orders")}, {each(buying)}, {each(worth)}, {each(made)} FROM tally
    WHERE ({anyone})
  ), (
    SELECT {each("came")}, {each("size")} FROM ({marks.ROUGHLY if loss else NOTHING}) WHERE ({anyone})
  ), (
    SELECT {each("amount")}, {each("abs(amount)")} FROM position WHERE ({anyone}) AND symbol = :symbol
  )"""  # noqa: S608 - constants


def usage(tx: sqlite3.Connection, limited: Limits, judged: Proposal, now: datetime) -> Usage:
    """What a subject has used of its limits, without this order; of a day only what is limited by the day."""
    where = _whose(limited.subject, judged)
    given = _asked(judged, now, whole_day=_by_day(limited, judged))
    columns = "id, symbol, side, state, notional, cost, created_at, quote"
    orders = tx.execute(
        f"SELECT {columns} FROM ordered WHERE {where} AND id NOT IN (:order, :mate) AND told = 0 "  # noqa: S608 - constants
        f"UNION SELECT {columns} FROM ordered "
        f"WHERE {where} AND id NOT IN (:order, :mate) AND created_at >= :first AND state <> 'not_placed'",
        given,
    ).fetchall()
    held = tx.execute(f"SELECT amount FROM position WHERE {where} AND symbol = :symbol", given)  # noqa: S608 - as above
    return Usage(
        day=_sum(_worth(row) for row in orders if row[6] >= given["midnight"] and row[7] == given["quote"]),
        result=marks.today(tx, where, given, now) if _by_loss(limited, judged) else Decimal(0),
        held=_sum(Decimal(row[0]) for row in held),
        buying=_sum(
            Decimal(row[4]) - Decimal(row[5])
            for row in orders
            if row[3] in COUNTED and (row[1], row[2]) == (given["symbol"], Side.BUY)
        ),
        open_orders=sum(row[3] in COUNTED for row in orders) + _mates(judged),
        minute=sum(row[6] > given["minute"] for row in orders) + _mates(judged),
    )


def _mates(judged: Proposal) -> int:
    """How many orders come with it."""
    return int(judged.mate is not None)


def _whose(subject: str, judged: Proposal) -> str:
    """The clause for a subject's rows."""
    if subject == EVERYTHING:
        return "1"
    return "account = :account" if subject == judged.account else "owner = :owner"


def _by_day(limited: Limits, judged: Proposal) -> bool:
    return (Limit.DAY, judged.request.symbol.partition("/")[2]) in limited.money


def _by_loss(limited: Limits, judged: Proposal) -> bool:
    return (Limit.LOSS, judged.request.symbol.partition("/")[2]) in limited.money


def _asked(judged: Proposal, now: datetime, *, whole_day: bool) -> dict[str, Any]:
    """What stands for the names in statements; ``first``: from when on orders count."""
    request = judged.request
    midnight, minute = micros(now.replace(hour=0, minute=0, second=0, microsecond=0)), micros(now - MINUTE)
    return {
        "account": judged.account,
        "owner": judged.owner,
        "order": request.client_order_id,
        "mate": (judged.mate or request).client_order_id,
        "symbol": request.symbol,
        "quote": request.symbol.partition("/")[2],
        "midnight": midnight,
        "date": marks.date(now),
        "minute": minute,
        "first": min(midnight, minute) if whole_day else minute,
    }


def _worth(row: Sequence[Any]) -> Decimal:
    return Decimal(row[5] if State(row[3]) in ENDED else row[4])


def _sum(numbers: Any) -> Decimal:
    return sum(numbers, Decimal(0))
