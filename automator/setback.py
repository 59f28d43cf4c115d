"""A wall clock that was set: what was to be waited for is measured anew, so that nothing waits for the wrong time.

The machine's time since it started (``Clock.boottime``) goes on evenly, also while it sleeps, so a change of the
difference between the two is neither a suspend nor a pause.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from automator.budgets import store
from automator.clock import Clock, boot_id, micros
from automator.ledger import chain
from automator.notices import Notice, tell
from connectors.base import Window
from connectors.registry import build, providers
from connectors.words import counted

BEAT = "clock of boot "  #: the beat that holds the difference; another start of the machine has another one
SET = 1_000_000  #: microseconds; less is a clock being disciplined
AT_ONCE = 0.1  #: seconds between two readings that are of one moment
AGAIN = 0.1  #: seconds between two looks into the database, while the difference is what it was
TOLD = timedelta(minutes=1)


class Watch:
    """Reads the clock for one process, which looks now and then whether another one has noticed a change of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._start = 0  # the difference, microseconds, when nothing had changed
        self._looked = float("-inf")

    def look(self, tx: sqlite3.Connection) -> datetime:
        """What the clock shows now; ``notice`` has put right what a change of it would spoil."""
        while True:
            before, now = self._clock.boottime(), self._clock.now()
            after = self._clock.boottime()
            if after - before > AT_ONCE:
                continue  # this process was stopped between the two
            start = _difference(now, after)
            if after - self._looked > AGAIN or abs(start - self._start) >= SET:
                # what a transaction puts right it may undo yet, so that the next one looks again
                self._looked = float("-inf") if notice(tx, now, after) else after
                self._start = start
            return now


def _difference(now: datetime, boottime: float) -> int:
    return micros(now) - round(boottime * 1_000_000)


def notice(tx: sqlite3.Connection, now: datetime, boottime: float) -> int:
    """Look whether the clock was set since any process looked last; returns by how many microseconds (back: negative).

    What budgets count moves with it, and when an open intention was sent. After it was set back, parked runs do too,
    and prices that are known count as of now; what a person planned does not move.
    """
    start = _difference(now, boottime)
    row = tx.execute("SELECT at FROM beat WHERE name = ?", (BEAT + boot_id(),)).fetchone()
    moved = start - row[0] if row else 0
    if row and abs(moved) < SET:
        return 0
    tx.execute("DELETE FROM beat WHERE name GLOB ?", (f"{BEAT}*",))
    tx.execute("INSERT INTO beat (name, at) VALUES (?, ?)", (BEAT + boot_id(), start))
    if moved:
        chain.append(tx, "event", micros(now), {"what": "clock set", "microseconds": moved})
        budgets = (budget for name in providers() for budget in build(name).budgets)
        store.clock_set(tx, moved, {budget.name for budget in budgets if budget.window is Window.MONTH})
    if moved < 0:
        _back(tx, -moved, micros(now))
    if moved > 0:
        sent = "UPDATE intention SET sent_at = sent_at + :by WHERE state = 'sent' AND sent_at + :by <= :now"
        tx.execute(sent, {"by": moved, "now": micros(now)})
    if abs(moved) >= TOLD // timedelta(microseconds=1):
        tell(tx, Notice("clock", "clock", _sentence(moved)), micros(now))
    return moved


def _back(tx: sqlite3.Connection, by: int, now: int) -> None:
    # what has not begun is still not due before its time, whichever clock shows it
    tx.execute(
        "UPDATE run SET ready_at = max(ready_at - ?, CASE WHEN started_at IS NULL THEN scheduled_for ELSE 0 END) "
        "WHERE state = 'waiting'",
        (by,),
    )
    # what was to be done at once still is: an order must not wait until the clock shows that time again
    tx.execute(
        "UPDATE run SET ready_at = ? WHERE state = 'scheduled' AND ready_at > ? AND scheduled_for = "
        "(SELECT created_at FROM job WHERE id = run.job)",
        (now, now),
    )
    tx.execute("UPDATE intention SET sent_at = sent_at - ? WHERE state = 'sent' AND sent_at > ?", (by, now))
    tx.execute("UPDATE mark SET at = ?1 WHERE at > ?1", (now,))  # else no price would be news until that time


def _sentence(moved: int) -> str:
    minutes = abs(moved) // 60_000_000
    way = "forward" if moved > 0 else "back"
    return f"this machine's clock was set {way} by {counted(minutes, 'minute')}; look whether it is right now"
