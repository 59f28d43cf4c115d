"""Orders in doubt: what a person says of them, and what a backup that was put back makes doubtful."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from automator.clock import micros
from automator.intentions import State as Journal
from automator.intentions import settle
from automator.ledger import chain
from automator.trading.orders import ended, legs, load, move, move_all
from jobs.orders.states import State, Step


def doubt_all(tx: sqlite3.Connection, now: datetime) -> None:
    """A backup was put back: what had not left when it was made may have left since, so the exchange is asked first."""
    rows = tx.execute(
        "SELECT id, coalesce(pair, id), created_at FROM ordered WHERE state IN (?, ?)", (State.INTENT, State.SENT)
    ).fetchall()
    for order, key, at in rows:
        tx.execute(
            "UPDATE intention SET state = ?, sent_at = ?, attempt = attempt + 1 WHERE key = ? AND state = ?",
            (Journal.SENT, at, key, Journal.PLANNED),
        )
        move(tx, order, Step.LOST, now)


def resolve_there(tx: sqlite3.Connection, order: str, exchange_id: str, now: datetime, *, actor: str) -> bool:
    """A person saw an unconfirmed order at the exchange, under this id of the exchange's; of a pair both are there."""
    stored = load(tx, order)
    if stored is None or move(tx, order, Step.THERE, now) is None:
        return False
    move_all(tx, stored.key, Step.THERE, now)
    tx.execute("UPDATE ordered SET exchange_id = ? WHERE id = ?", (exchange_id, order))
    settle(tx, stored.key, Journal.DONE, {"id": exchange_id})
    return _settled(tx, order, f"it is there: {exchange_id}", now, actor)


def resolve_not_placed(tx: sqlite3.Connection, order: str, now: datetime, *, actor: str) -> bool:
    """A person looked, and the exchange does not have an unconfirmed order; of a pair it has neither."""
    stored = load(tx, order)
    if stored is None or stored.state is not State.UNCONFIRMED:
        return False
    for leg in legs(tx, stored.key):
        if move(tx, leg.id, Step.NOT_THERE, now, reason="not placed, as a person saw") is not None:
            ended(tx, leg.id, micros(now))
    return _settled(tx, order, "not placed", now, actor)


def _settled(tx: sqlite3.Connection, order: str, verdict: str, now: datetime, actor: str) -> bool:
    account, key = tx.execute("SELECT account, coalesce(pair, id) FROM ordered WHERE id = ?", (order,)).fetchone()
    tx.execute("UPDATE run SET state = 'done' WHERE job = ? AND state = 'unconfirmed'", (key,))
    said = {"what": "settled", "order": order, "verdict": verdict, "actor": actor}
    chain.append(tx, "event", micros(now), said, account=account)
    return True
