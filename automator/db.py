"""The database file: how it is opened, and the one writer of a process.

Writes are functions of an open transaction. They gather and are committed in groups, so that one
``fsync`` serves many callers; each caller awaits its own. SQLite, WAL, ``synchronous=FULL``.

Groups are committed by a thread. Brief writes are committed where they are asked for, while they are few and the disk
is quick: the thread would take the interpreter from the loop for just as long, and it costs more to hand them over.

What is committed is there whatever becomes of the process. If the power fails, it is there once the disk has it. Most
commits wait for that; the others are on the disk some milliseconds later, and before, or with, whatever is committed
after them, since the log is written in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from automator.ledger import chain
from automator.trouble import primary

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]

GROUP = 256  #: so many writes are enough for one commit
BUSY_MS = 5_000  #: how long another process may hold the database
CHECKPOINT = 256  #: commits between two checkpoints of the write-ahead log
RESTART = 4  #: checkpoints of which one lets the log begin anew, for which the writer waits some milliseconds
POLL = 0.0005  #: seconds between two tries to begin
STATEMENTS = 512  #: that a connection keeps prepared: a service that posts and trades has more than the usual 128
QUICK = 0.001  #: seconds; while the disk takes less for a commit, one may keep the event loop waiting
FEW = 64  #: brief writes that may do so together
FLUSH = 0.01  #: seconds after which what did not wait for the disk is put there


class DatabaseError(Exception):
    """The database could not be read or written; the sentence says why and what to do."""


def connect(path: Path, *, readonly: bool = False) -> chain.Connection:
    """Open a connection with this project's pragmas; a reader cannot write."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS, factory=chain.Connection
    )
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    if readonly:
        connection.execute("PRAGMA query_only=ON")
        return connection
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


@dataclass(slots=True)
class _Item:
    """A write and whoever waits for it."""

    write: Write[Any]
    future: asyncio.Future[Any]
    durable: bool = True  #: its commit waits for the disk


_Settled = tuple[asyncio.Future[Any], Any, BaseException | None]


class _Log:
    """Tends the write-ahead log beside the writer, whose commits would wait for it.

    It is carried over into the database. What was written meanwhile, a little, is carried over while the writer waits:
    a log that is carried over wholly is written anew from its start, and a commit that overwrites costs half of one for
    which a file has to grow.
    """

    def __init__(self, path: Path, using: threading.Lock) -> None:
        self._path = path
        self._using = using
        self._wanted = threading.Event()
        self._ended = threading.Event()
        self._full = False
        self._loose = False  # something in it may not be on the disk
        self._thread = threading.Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def committed(self, *, durable: bool) -> None:
        """Whoever commits says so."""
        self._loose = not durable
        if not durable:
            self._wanted.set()

    def carry_over(self) -> None:
        """It has grown."""
        self._full = True
        self._wanted.set()

    def sync(self) -> None:
        """Put what was committed on the disk. Raises ``OSError``."""
        if not self._loose:
            return
        self._loose = False
        try:
            file = os.open(self._path.with_name(f"{self._path.name}-wal"), os.O_RDONLY)
        except FileNotFoundError:
            return  # it was carried over, and the database is on the disk
        try:
            getattr(os, "fdatasync", os.fsync)(file)
        finally:
            os.close(file)

    def close(self) -> None:
        self._ended.set()
        self._wanted.set()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.sync()

    def _work(self) -> None:
        connection, times = connect(self._path), 0
        while self._wanted.wait() and not self._ended.is_set():
            self._wanted.clear()
            # whatever keeps it from being done now is met by the writer too, and told there
            with contextlib.suppress(sqlite3.Error, OSError):
                if self._full:
                    self._full = False
                    times += 1
                    self._carry(connection, wholly=not times % RESTART)
                if self._loose and not self._ended.wait(FLUSH):
                    self.sync()
        connection.close()

    def _carry(self, connection: sqlite3.Connection, *, wholly: bool) -> None:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        if wholly:
            with self._using:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


class Writer:
    """The only way this process writes. Use as a context manager, or call ``close``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[list[_Item] | None] = queue.SimpleQueue()
        self._gathered: list[_Item] = []  # what was asked for in this round of the loop
        self._using = threading.Lock()  # whoever commits has the connection
        self._took = 0.0  # seconds, the last commit that waited for the disk
        self._durable = True  # whether the next one will
        self._connection = connect(path)
        self._memo = self._connection.memo = {}
        self._others = -1  # the number of the last commit that is not ours
        self._connection.execute("PRAGMA busy_timeout=0")
        self._connection.execute("PRAGMA wal_autocheckpoint=0")
        self._log = _Log(path, self._using)
        self._commits = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def run(self, write: Write[T]) -> T:
        """Queue ``write`` and wait until its transaction is on the disk.

        A write may be called twice (when another one of its group fails, all are undone and done again), so it works
        on the database alone. A cancelled caller does not take a write back that has begun.
        """
        future: asyncio.Future[T] = self._open_loop().create_future()
        self._queue.put([_Item(write, future)])
        return await future

    async def brief(self, write: Write[T]) -> T:
        """``run`` for a few rows: one round of the loop asks for one group, which may be done at once."""
        return await self._gather(write, durable=True)

    async def loosely(self, write: Write[T]) -> T:
        """``brief`` for what does not wait for the disk.

        For what only prepares: the record of a call, say, is committed after it, and is on the disk before the call
        leaves. And for what would be asked for again if the power failed now: an answer that has just come.
        """
        return await self._gather(write, durable=False)

    async def _gather(self, write: Write[T], *, durable: bool) -> T:
        loop = self._open_loop()
        future: asyncio.Future[T] = loop.create_future()
        gathered = self._gathered
        if not gathered or gathered[0].future.get_loop() is not loop:
            self._hand_over()  # another loop, which was closed, gathers no more
            gathered = self._gathered
            loop.call_soon(self._commit_gathered, gathered)
        gathered.append(_Item(write, future, durable))
        return await future

    async def at_once(self, write: Write[T]) -> T:
        """``brief`` for whoever knows that no other would join: no round of the loop is waited for."""
        return await self._alone(write, durable=True)

    async def loosely_at_once(self, write: Write[T]) -> T:
        """``loosely`` for whoever knows that."""
        return await self._alone(write, durable=False)

    async def _alone(self, write: Write[T], *, durable: bool) -> T:
        future: asyncio.Future[T] = self._open_loop().create_future()
        self._commit_here([_Item(write, future, durable)])
        return await future

    def sync(self) -> None:
        """Put whatever was committed on the disk; for any thread. Raises ``OSError``."""
        self._log.sync()

    def _open_loop(self) -> asyncio.AbstractEventLoop:
        if self._closed:
            raise DatabaseError("the database is closed")
        return asyncio.get_running_loop()

    def _hand_over(self) -> None:
        if self._gathered:
            self._queue.put(self._gathered)
        self._gathered = []

    def _commit_gathered(self, gathered: list[_Item]) -> None:
        if gathered is self._gathered:  # else it was handed over already
            self._gathered = []
            self._commit_here(gathered)

    def _commit_here(self, group: list[_Item]) -> None:
        """Commit a group if that is soon done, or leave it to the thread."""
        durable = any(item.durable for item in group)
        soon = len(group) <= FEW and (self._took < QUICK or not durable) and self._queue.empty()
        if not soon or not self._using.acquire(blocking=False):
            self._queue.put(group)
            return
        try:
            self._wait_for_disk(wanted=durable)
            self._connection.execute("BEGIN IMMEDIATE")
            _tell(self._commit([item for item in group if not item.future.cancelled()]))
        except sqlite3.Error:
            # most likely another process is writing, and the thread can wait for it; all else it tells
            self._queue.put(group)
        finally:
            self._using.release()

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        if not self._closed:
            self._closed = True
            self._hand_over()
            self._queue.put(None)
            self._thread.join()
            self._log.close()
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group, last = first, False
            while len(group) < GROUP and not last:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                group, last = group + (more or []), more is None
            with self._using:
                settled = self._commit([item for item in group if not item.future.cancelled()])
            _tell_all(settled)
            if last:
                return

    def _commit(self, group: list[_Item]) -> list[_Settled]:
        """One transaction; a write that raises is undone alone, a failed commit fails everyone in it."""
        try:
            try:
                return self._apply(group, self._bare)
            except Exception as error:
                if _of_all(error):
                    raise
                self._undo()  # whosever it is, the second time it is told apart
                if len(group) == 1:
                    return [(group[0].future, None, error)]
                return self._apply(group, self._apart)
        except sqlite3.Error as error:
            self._memo.clear()
            why = f"{error}; put a backup of it back" if type(error) is sqlite3.DatabaseError else str(error)
            failure = DatabaseError(f"{self.path.name} could not be written ({why}); nothing of this was kept")
            failure.__cause__ = error
            return [(item.future, None, failure) for item in group]
        finally:
            self._undo()  # whatever happened, nothing half done is left to the next group

    def _apply(
        self, group: list[_Item], do: Callable[[Write[Any]], tuple[Any, BaseException | None]]
    ) -> list[_Settled]:
        if not self._connection.in_transaction:
            self._wait_for_disk(wanted=any(item.durable for item in group))
            self._begin()
        others = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if others != self._others:
            self._memo.clear()
            self._others = others
        settled = [(item.future, *do(item.write)) for item in group]
        began = time.monotonic()
        self._connection.execute("COMMIT")
        if self._durable:
            self._took = time.monotonic() - began
        self._log.committed(durable=self._durable)
        self._commits += 1
        if self._commits % CHECKPOINT == 0:
            self._log.carry_over()
        return settled

    def _wait_for_disk(self, *, wanted: bool) -> None:
        """Whether the next commit does."""
        if wanted is not self._durable:
            self._connection.execute(f"PRAGMA synchronous={'FULL' if wanted else 'NORMAL'}")
            self._durable = wanted

    def _begin(self) -> None:
        """Take the write lock. SQLite's own waits grow, so that of two busy processes one would starve."""
        deadline = time.monotonic() + BUSY_MS / 1000
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(POLL)
            else:
                return

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._memo.clear()
            self._connection.execute("ROLLBACK")

    def _bare(self, write: Write[Any]) -> tuple[Any, None]:
        return write(self._connection), None

    def _apart(self, write: Write[Any]) -> tuple[Any, BaseException | None]:
        self._connection.execute("SAVEPOINT one")
        try:
            value = write(self._connection)
        except Exception as error:
            if _of_all(error):
                raise
            self._connection.execute("ROLLBACK TO one")
            self._connection.execute("RELEASE one")
            self._memo.clear()
            return None, error
        self._connection.execute("RELEASE one")
        return value, None


def _of_all(error: Exception) -> bool:
    """Whether it concerns a whole group: a full disk or a damaged file, which SQLite tells by the plain class."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


def _tell_all(settled: list[_Settled]) -> None:
    """Wake each loop once for all that wait in it; one that is closed has nobody waiting any more."""
    for loop in {future.get_loop() for future, _, _ in settled}:
        mine = [one for one in settled if one[0].get_loop() is loop]
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(_tell, mine)


def _tell(settled: list[_Settled]) -> None:
    for future, value, error in settled:
        if future.done():
            continue  # its caller was cancelled
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
