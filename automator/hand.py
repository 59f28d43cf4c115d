"""A second process for a rush: one can use one core only, and while one waits for the disk the other goes on.

``automator serve`` starts it some seconds before many runs are due, and ends it some seconds after. To the database it
is one more worker, of which there may be any number. It lives no longer than the service: its standard input is a pipe
that the system closes when the service ends, however that comes about. On its standard output it says now and then that
it goes on: one that was stopped, or hangs, would keep what it has begun, and may have the database locked for all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from automator import memory
from automator.db import DatabaseError
from automator.engine import Engine
from automator.home import Home
from automator.process import leave_no_core, told_to_stop
from automator.scheduling import due
from automator.settings import SettingsError
from automator.vault.choose import choose
from automator.vault.store import VaultError

MANY = 500  #: runs due about now, with which one process is busy for a second and more
SOON = timedelta(seconds=10)  #: it takes a second or two to be ready, and longer on a machine that is busy
QUIET = timedelta(seconds=30)  #: it stays for so long after a rush, as the next may follow
REST = timedelta(minutes=5)  #: after one that failed
LOOK = 1.0  #: seconds between two looks at what is due
SILENT = 30  #: looks in a row at which it has said nothing; counted, as a machine that was asleep hears nothing either
GRACE = 40.0  #: seconds in which it must end when it is told to, more than a worker takes

log = logging.getLogger(__name__)

Start = Callable[[], "subprocess.Popen[bytes]"]


def of_use() -> bool:
    """Whether a second process would have a core to itself."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable > 1


@dataclass(frozen=True, slots=True)
class Seen:
    """What the service knows when it decides.

    Attributes:
        rush: Many runs are due about now.
        there: The second process runs.
        calm: Since when no rush was seen.
        failed: When a second process ended by itself last.
    """

    now: datetime
    rush: bool
    there: bool
    calm: datetime | None = None
    failed: datetime | None = None


def wanted(seen: Seen) -> bool:
    """Whether there should be a second process now."""
    if seen.there:
        return seen.rush or seen.calm is None or seen.now - seen.calm < QUIET
    return seen.rush and (seen.failed is None or seen.now - seen.failed >= REST)


def start(home: Path) -> subprocess.Popen[bytes]:
    """Begin it, out of reach of the terminal's Ctrl-C, which is the service's to answer."""
    # -P: what lies in the folder where the service was begun, such as a strategy named signal.py, is no module of ours
    line = (sys.executable, "-P", "-m", "automator.hand", str(home))
    return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603 - this program


class Hand:
    """The second process, as the service sees it."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._process: subprocess.Popen[bytes] | None = None
        self._calm: datetime | None = None
        self._failed: datetime | None = None
        self._silent = 0  # looks in a row

    async def look(self, now: datetime, *, rush: bool) -> None:
        """Start it or end it, as is due."""
        if self._process is not None and (why := self._trouble(self._process)):
            log.warning("the second process for a rush %s; the service goes on alone", why)
            await self.end()
            self._failed = now
        self._calm = None if rush else self._calm or now
        need = wanted(Seen(now, rush, self._process is not None, self._calm, self._failed))
        if need and self._process is None:
            try:
                self._process, self._silent = self._start(), 0
            except OSError as error:
                log.warning("no second process could be started for a rush: %s", error.strerror)
                self._failed = now
        elif not need:
            await self.end()

    def _trouble(self, process: subprocess.Popen[bytes]) -> str:
        """What is wrong with it; one that says nothing is ended at once."""
        if process.poll() is not None:
            return "ended by itself"
        self._silent = 0 if _heard(process) else self._silent + 1
        if self._silent < SILENT:
            return ""
        process.kill()
        return f"did not go on for {self._silent} seconds, and was ended"

    async def end(self) -> None:
        """Have it finish what is in flight, and wait for that."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            await asyncio.to_thread(process.communicate, timeout=GRACE)  # which closes its standard input first
        except subprocess.TimeoutExpired:
            process.kill()  # what it had begun is taken over by whoever works next
            await asyncio.to_thread(process.communicate)


def _heard(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has said something since the last look."""
    if process.stdout is None:
        return False
    os.set_blocking(process.stdout.fileno(), False)
    try:
        return bool(os.read(process.stdout.fileno(), 65_536))
    except BlockingIOError:
        return False


async def lend(engine: Engine, stop: asyncio.Event) -> None:
    """Start and end it as needed, until ``stop``."""
    if not of_use():
        return
    hand = Hand(partial(start, engine.home.path))
    waiting = asyncio.create_task(stop.wait())
    while not stop.is_set():
        now = engine.clock.now()
        with contextlib.suppress(sqlite3.Error):  # the worker meets it too, and tells it
            await hand.look(now, rush=due.many(engine.reader, now + SOON, MANY))
        await asyncio.wait({waiting}, timeout=LOOK)
    await hand.end()


async def work(home: Path) -> None:
    """Be the second process of ``home``'s service: work until standard input ends, or a signal says so."""
    leave_no_core()
    place = Home(home)
    async with Engine(place, choose(home, place.settings().vault.kind, os.environ)) as opened:
        memory.settle()
        stop, loop = told_to_stop(), asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), stop.set)
        saying = asyncio.create_task(_say())
        await opened.worker.serve(stop)
        saying.cancel()
        loop.remove_reader(sys.stdin.fileno())


async def _say() -> None:
    """Say that this process goes on, for as long as it does."""
    os.set_blocking(sys.stdout.fileno(), False)
    while True:
        with contextlib.suppress(OSError):  # nobody reads it now, or ever will: standard input tells that
            os.write(sys.stdout.fileno(), b".")
        await asyncio.sleep(LOOK)


def main() -> int:
    """Run it."""
    try:
        asyncio.run(work(Path(sys.argv[1])))
    except (VaultError, DatabaseError, SettingsError) as error:
        sys.stderr.write(f"automator: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
