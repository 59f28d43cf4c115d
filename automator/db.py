"""The database file: how it is opened, and the one thread of a process that writes to it.

Writes are functions of an open transaction. They queue up and are committed in groups, so that one
``fsync`` serves many callers; each caller awaits its own. SQLite, WAL, ``synchronous=FULL``.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import create_engine
from sqlmodel import SQLModel

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], T]

GROUP = 256  #: writes committed together at most
BUSY_MS = 5_000  #: how long another process may hold the database


class DatabaseError(Exception):
    """The database could not be read or written; the sentence says why and what to do."""


def create(path: Path) -> None:
    """Make the tables in ``path`` where they are missing."""
    import automator.accounts  # noqa: PLC0415 - registers its table
    import automator.budgets.store  # noqa: PLC0415 - registers its tables
    import automator.halts  # noqa: PLC0415 - registers its table
    import automator.intentions  # noqa: PLC0415 - registers its table
    import automator.ledger.tables  # noqa: PLC0415 - registers its tables
    import automator.notices  # noqa: PLC0415 - registers its table
    import automator.scheduling.tables  # noqa: F401, PLC0415 - registers its tables
    import jobs.posting.tables  # noqa: F401, PLC0415 - registers its tables

    engine = create_engine(f"sqlite:///{path}")
    try:
        SQLModel.metadata.create_all(engine)
    finally:
        engine.dispose()


def connect(path: Path, *, readonly: bool = False) -> sqlite3.Connection:
    """Open a connection with this project's pragmas; a reader cannot write."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    if readonly:
        connection.execute("PRAGMA query_only=ON")
        return connection
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    return connection


class Writer:
    """The only way this process writes. Use as a context manager, or call ``close``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._queue: queue.SimpleQueue[tuple[Write[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._connection = connect(path)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    def submit(self, write: Write[T]) -> Future[T]:
        """Queue ``write``; the future is done when its transaction is on the disk, or failed."""
        if self._closed:
            raise DatabaseError("the database is closed")
        future: Future[T] = Future()
        self._queue.put((write, future))
        return future

    async def run(self, write: Write[T]) -> T:
        """``submit``, awaited. A cancelled caller does not take a write back that has begun."""
        return await asyncio.wrap_future(self.submit(write))

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            self._thread.join()
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
            self._commit([(write, future) for write, future in group if future.set_running_or_notify_cancel()])
            if last:
                return

    def _commit(self, group: list[tuple[Write[Any], Future[Any]]]) -> None:
        """One transaction; a write that raises is undone alone, a failed commit fails everyone in it."""
        settled: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for write, future in group:
                settled.append((future, *self._one(write)))
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            failure = DatabaseError(f"{self.path.name} could not be written ({error}); nothing of this was kept")
            failure.__cause__ = error
            for _, future in group:
                future.set_exception(failure)
            return
        for future, value, failed in settled:
            if failed is None:
                future.set_result(value)
            else:
                future.set_exception(failed)

    def _one(self, write: Write[Any]) -> tuple[Any, BaseException | None]:
        self._connection.execute("SAVEPOINT one")
        try:
            value = write(self._connection)
        except sqlite3.OperationalError:
            raise  # a full disk or a broken file concerns the whole group
        except Exception as error:  # noqa: BLE001 - handed to the caller that it belongs to
            self._connection.execute("ROLLBACK TO one")
            self._connection.execute("RELEASE one")
            return None, error
        self._connection.execute("RELEASE one")
        return value, None
