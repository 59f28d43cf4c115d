"""Which orders the gate has just let in: it need not look at them again while all that it looked at stands."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from automator.ledger import chain

MOMENT = timedelta(seconds=1)
_LET_IN = "let in"  #: in the memo of the writer's connection, which is empty once anyone else has written


def keep(tx: sqlite3.Connection, key: str, now: datetime) -> None:
    """An intention's orders were let in by this transaction."""
    chain.memo_of(tx).setdefault(_LET_IN, {})[key] = now


def stands(tx: sqlite3.Connection, key: str, now: datetime) -> bool:
    """Whether they were a moment ago, and nobody has forgotten it since. Those let in after them counted them."""
    at = chain.memo_of(tx).get(_LET_IN, {}).pop(key, None)
    return at is not None and timedelta() <= now - at < MOMENT


def forget(tx: sqlite3.Connection) -> None:
    """A limit, a price or a position has changed: whatever has not left is judged anew."""
    chain.memo_of(tx).pop(_LET_IN, None)
