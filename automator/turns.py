"""Turns: what one process does at a time for an account, and who keeps the others waiting."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sqlite3
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from automator.clock import Clock, micros
from automator.db import Writer
from automator.notices import Notice, settled, tell
from automator.scheduling.lease import kept, locked
from connectors.base import NotNow
from connectors.words import counted

POLL = 0.02  #: seconds between two looks whether another process is done
PATIENCE = timedelta(minutes=1)  #: then work that needs a key is put off, so that it holds up nothing that does not
LONG = timedelta(minutes=5)  #: longer than a renewal takes at a provider that does not answer; then a person is told
KIND = "stuck"  #: of the notice

log = logging.getLogger(__name__)


class Doing(StrEnum):
    """What a turn is for; the beginning of its lock's name."""

    RENEWING = "renew"
    CALLING = "turn"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a turn. ``pid``: 0 if that is not known; ``seconds``: for how long, or how long was waited for it."""

    doing: Doing
    account: str
    pid: int
    seconds: float

    def __str__(self) -> str:
        process = f"process {self.pid}" if self.pid else "another process"
        pid = self.pid or "PID"
        minutes = counted(max(1, int(self.seconds // 60)), "minute")
        if self.doing is Doing.RENEWING:
            what, then = (
                f"renewing the key of {self.account}",
                ", after which the account may have to be connected anew",
            )
        else:
            what, then = f"at a call of {self.account}", ""
        waits = f"{process} has been {what} for {minutes}, and what needs that waits"
        return f"{waits}; if it was stopped, let it go on with `kill -CONT {pid}`, or end it with `kill -9 {pid}`{then}"


class Stuck(NotNow):
    """Another process has had the turn for too long. It keeps it: what it does must not be done twice."""


class Turns:
    """Those of one process. A turn passes on when its holder is done, or its process has ended; never before."""

    def __init__(self, folder: Path, writer: Writer, reader: sqlite3.Connection, clock: Clock) -> None:
        self._folder, self._writer, self._reader, self._clock = folder, writer, reader, clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def renewal(self, account: str) -> AsyncIterator[None]:
        """Have the account's key to oneself.

        Raises:
            Stuck: another process has had it for ``PATIENCE``; after ``LONG`` a person is told of it.
        """
        async with self._alone(Doing.RENEWING, account):
            if self._told(account):
                at = micros(self._clock.now())
                await self._writer.run(lambda tx: settled(tx, KIND, account, at))
            yield

    @asynccontextmanager
    async def call(self, account: str) -> AsyncIterator[None]:
        """Have the account's calls to oneself; whoever waits gives up by a time-out of its own."""
        async with self._alone(Doing.CALLING, account):
            yield

    @asynccontextmanager
    async def _alone(self, doing: Doing, account: str) -> AsyncIterator[None]:
        """Hold a lock of this installation, in this process and over all others."""
        name = _name(doing, account)
        async with self._locks[name]:
            file = kept(self._folder / name)
            try:
                began = self._clock.boottime()
                # never in a thread: all of them might wait here for one that needs a thread to go on
                while not locked(file):
                    if doing is Doing.RENEWING:
                        await self._bear(file, account, self._clock.boottime() - began)
                    await asyncio.sleep(POLL)
                said = {"account": account, "pid": os.getpid(), "since": self._clock.boottime()}
                os.ftruncate(file, 0)
                os.pwrite(file, json.dumps(said).encode(), 0)
                try:
                    yield
                finally:
                    os.ftruncate(file, 0)
            finally:
                os.close(file)

    async def _bear(self, file: int, account: str, waited: float) -> None:
        """Wait on, or put off what waits."""
        known = _holder(file, Doing.RENEWING, self._clock.boottime())
        holder = known or Holder(Doing.RENEWING, account, 0, waited)
        if known is not None and known.seconds >= LONG.total_seconds() and not self._told(account):
            await self._tell(known)
        if max(waited, holder.seconds) >= PATIENCE.total_seconds():
            raise Stuck(None, str(holder))

    def held(self) -> Iterator[Holder]:
        """Those that others have had for longer than anything takes."""
        for doing in Doing:
            for path in sorted(self._folder.glob(f"{doing}-*")):
                file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    holder = None if locked(file) else _holder(file, doing, self._clock.boottime())
                finally:
                    os.close(file)
                if holder is not None and holder.seconds >= LONG.total_seconds():
                    yield holder

    def _told(self, account: str) -> bool:
        query = "SELECT 1 FROM notice WHERE kind = ? AND about = ? AND seen_at IS NULL"
        return self._reader.execute(query, (KIND, account)).fetchone() is not None

    async def _tell(self, holder: Holder) -> None:
        log.warning("%s", holder)
        notice, at = Notice(KIND, holder.account, str(holder), holder.account), micros(self._clock.now())
        await self._writer.run(lambda tx: tell(tx, notice, at))


def _name(doing: Doing, account: str) -> str:
    return f"{doing}-{account.replace('/', '-')}"


def _holder(file: int, doing: Doing, now: float) -> Holder | None:
    """What the holder of a lock says of itself; ``None``: nothing yet, or it is an earlier one's, which died."""
    try:
        said = json.loads(os.pread(file, 1000, 0))
        holder = Holder(doing, str(said["account"]), int(said["pid"]), now - float(said["since"]))
        os.kill(holder.pid, 0)
    except PermissionError:
        return holder  # another user's, who shares the installation
    except (ValueError, KeyError, TypeError, OSError):
        return None
    return holder
