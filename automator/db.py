"""The database file: how it is opened, and the one thread of a process that writes to it.

Writes are functions of an open transaction. They queue up and are committed in groups, so that one
``fsync`` serves many callers; each caller awaits its own. SQLite, WAL, ``synchronous=FULL``.
"""

from __future__ import annotations

import asyncio
import contextlib
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

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]

GROUP = 256  #: writes committed together at most
BUSY_MS = 5_000  #: how long another process may hold the database
CHECKPOINT = 256  #: commits between two checkpoints of the write-ahead log
POLL = 0.0005  #: seconds between two tries to begin


class DatabaseError(Exception):
    """The database could not be read or written; the sentence says why and what to do."""


def connect(path: Path, *, readonly: bool = False) -> chain.Connection:
    """Open a connection with this project's pragmas; a reader cannot write."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=chain.Connection)
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
    loop: asyncio.AbstractEventLoop


_Settled = tuple[asyncio.Future[Any], Any, BaseException | None]


class _Checkpointer:
    """Carries the write-ahead log over into the database beside the writer, whose commits would wait for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name="checkpointer", daemon=True)
        self._thread.start()

    def want(self) -> None:
        self._wanted.set()

    def close(self) -> None:
        self._ended = True
        self._wanted.set()
        self._thread.join()

    def _work(self) -> None:
        connection = connect(self._path)
        while self._wanted.wait() and not self._ended:
            self._wanted.clear()
            # whatever keeps it from being done now is met by the writer too, and told there
            with contextlib.suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        connection.close()


class Writer:
    """The only way this process writes. Use as a context manager, or call ``close``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._connection = connect(path)
        self._connection.remembers = True
        self._connection.execute("PRAGMA busy_timeout=0")
        self._connection.execute("PRAGMA wal_autocheckpoint=0")
        self._checkpointer = _Checkpointer(path)
        self._commits = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def run(self, write: Write[T]) -> T:
        """Queue ``write`` and wait until its transaction is on the disk.

        A write may be called twice (when another one of its group fails, all are undone and done again), so it works
        on the database alone. A cancelled caller does not take a write back that has begun.
        """
        if self._closed:
            raise DatabaseError("the database is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Item(write, future, loop))
        return await future

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()
            self._checkpointer.close()
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            last = False
            while len(group) < GROUP:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    last = True
                    break
                group.append(item)
            self._commit([item for item in group if not item.future.cancelled()])
            if last:
                return

    def _commit(self, group: list[_Item]) -> None:
        """One transaction; a write that raises is undone alone, a failed commit fails everyone in it."""
        try:
            try:
                settled = self._apply(group, self._bare)
            except sqlite3.OperationalError:
                raise  # a full disk or a broken file concerns the whole group
            except Exception:  # noqa: BLE001 - whosever it is, the second time it is told apart
                self._undo()
                settled = self._apply(group, self._apart)
        except sqlite3.Error as error:
            self._undo()
            failure = DatabaseError(f"{self.path.name} could not be written ({error}); nothing of this was kept")
            failure.__cause__ = error
            settled = [(item.future, None, failure) for item in group]
        for loop in {item.loop for item in group}:
            mine = [one for item, one in zip(group, settled, strict=True) if item.loop is loop]
            # one wake-up for all that wait in a loop; one that is closed has nobody waiting any more
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_tell, mine)

    def _apply(
        self, group: list[_Item], do: Callable[[Write[Any]], tuple[Any, BaseException | None]]
    ) -> list[_Settled]:
        self._begin()
        self._connection.tail = None
        settled = [(item.future, *do(item.write)) for item in group]
        self._connection.execute("COMMIT")
        self._commits += 1
        if self._commits % CHECKPOINT == 0:
            self._checkpointer.want()
        return settled

    def _begin(self) -> None:
        """Take the write lock. SQLite's own waits grow, so that of two busy processes one would starve."""
        deadline = time.monotonic() + BUSY_MS / 1000
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(POLL)
            else:
                return

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _bare(self, write: Write[Any]) -> tuple[Any, None]:
        return write(self._connection), None

    def _apart(self, write: Write[Any]) -> tuple[Any, BaseException | None]:
        self._connection.execute("SAVEPOINT one")
        tail = self._connection.tail
        try:
            value = write(self._connection)
        except sqlite3.OperationalError:
            raise  # as above
        except Exception as error:  # noqa: BLE001 - handed to the caller that it belongs to
            self._connection.execute("ROLLBACK TO one")
            self._connection.execute("RELEASE one")
            self._connection.tail = tail
            return None, error
        self._connection.execute("RELEASE one")
        return value, None


def _tell(settled: list[_Settled]) -> None:
    for future, value, error in settled:
        if future.done():
            continue  # its caller was cancelled
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
