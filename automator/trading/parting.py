"""Parting with an exchange account: what of it still stands, and what becomes of that. Functions of a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from automator.clock import micros
from automator.intentions import State as Journal
from automator.intentions import settle
from automator.notices import Notice, tell
from automator.trading import bots, closing, orders
from automator.trading.bots import OnStop
from automator.trading.orders import Stored
from connectors.words import counted
from jobs.orders.states import State, Step

KINDS = (orders.KIND, orders.CANCEL, closing.KIND)
GONE = "its account was removed"


@dataclass(frozen=True, slots=True)
class Standing:
    """What of an account would be left behind: orders that may be filled, and bots that run, by their names."""

    orders: Sequence[Stored]
    bots: Sequence[str]

    def __bool__(self) -> bool:
        return bool(self.orders or self.bots)

    def __str__(self) -> str:
        """In words: ``2 orders that may be filled and 1 running bot (grid-1)``."""
        said = [f"{counted(len(self.orders), 'order')} that may be filled"] if self.orders else []
        said += [f"{counted(len(self.bots), 'running bot')} ({', '.join(self.bots)})"] if self.bots else []
        return " and ".join(said)


def standing(connection: sqlite3.Connection, account: str) -> Standing:
    """What of an account still stands."""
    found = orders.standing(connection, account=account)
    return Standing(found, [bot.name for bot in _running(connection, account)])


def _running(connection: sqlite3.Connection, account: str) -> list[bots.Bot]:
    return [bot for bot in bots.listed(connection) if bot.account == account and bot.state is bots.State.RUNNING]


def wind_down(tx: sqlite3.Connection, account: str, now: datetime, *, actor: str) -> list[str]:
    """Stop an account's bots, and ask for all its orders to be cancelled; returns those that may be there still."""
    _stop(tx, account, now, actor)
    return closing.cancel_all(tx, account, now, actor=actor)


def part(tx: sqlite3.Connection, account: str, now: datetime, *, actor: str) -> None:
    """Leave alone what stands: bots stop, what has not left is not placed, and what is in doubt is a person's."""
    _stop(tx, account, now, actor)
    for key, stored in {one.key: one for one in standing(tx, account).orders}.items():  # a pair is one intention
        if not orders.drop(tx, key, GONE, now) and stored.state in {State.SENT, State.UNKNOWN}:
            _doubt(tx, stored, now)
    marks = ",".join("?" * len(KINDS))
    tx.execute(
        "UPDATE run SET state = 'cancelled', reason = ? WHERE state IN ('scheduled', 'running', 'waiting') AND job IN "  # noqa: S608 - marks
        f"(SELECT id FROM job WHERE account = ? AND kind IN ({marks}))",
        (GONE, account, *KINDS),
    )
    tx.execute("DELETE FROM holding WHERE account = ?", (account,))


def _stop(tx: sqlite3.Connection, account: str, now: datetime, actor: str) -> None:
    for bot in _running(tx, account):
        bots.stop(tx, bot.name, OnStop.KEEP, now, actor=actor, why=GONE)


def _doubt(tx: sqlite3.Connection, stored: Stored, now: datetime) -> None:
    """Nobody can ask any more whether it is there."""
    if not settle(tx, stored.key, Journal.UNCONFIRMED):
        return
    how = f"`automator orders resolve {stored.id[:8]} --there ORDER` or `--not-placed`"
    why = f"{GONE} before it said whether {stored.says()} was placed; look there, then say {how}"
    orders.move_all(tx, stored.key, Step.LOST, now)
    orders.move_all(tx, stored.key, Step.DOUBT, now, why)
    tell(tx, Notice("unconfirmed", stored.id, why, stored.account), micros(now))
