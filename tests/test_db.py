"""The writer: many callers, one transaction, each with its own result."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from automator import db
from automator.budgets import store
from automator.budgets.store import Claim
from automator.db import DatabaseError, Writer, connect
from automator.ledger import chain
from automator.schema import create
from connectors.base import Budget, Window


@pytest.mark.parametrize("how", ["run", "brief", "loosely"])
async def test_a_failing_write_is_undone_alone(tmp_path: Path, how: str) -> None:
    """Of a hundred writes queued together, one that raises takes none of the others with it."""
    path = tmp_path / "a.db"
    with Writer(path) as writer:
        await writer.run(lambda tx: tx.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
        ask = getattr(writer, how)

        def insert(number: int) -> int:
            def write(tx: sqlite3.Connection) -> int:
                tx.execute("INSERT INTO t VALUES (?)", (number,))
                if number == 42:
                    raise ValueError("not this one")
                return number

            return asyncio.ensure_future(ask(write))  # type: ignore[return-value]

        results = await asyncio.gather(*(insert(number) for number in range(100)), return_exceptions=True)  # type: ignore[call-overload]
    assert [result for result in results if isinstance(result, int)] == [n for n in range(100) if n != 42]
    reader = connect(path, readonly=True)
    assert reader.execute("SELECT count(*), max(n) FROM t WHERE n <> 42").fetchone() == (99, 99)
    assert reader.execute("SELECT count(*) FROM t WHERE n = 42").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM t")
    reader.close()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_BUSY_SNAPSHOT])
@pytest.mark.parametrize("how", ["run", "brief", "loosely"])
async def test_a_busy_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, code: int
) -> None:
    """Whatever another connection is at: writing, or bringing the log in order as it opens the file."""
    execute, tries = chain.Connection.execute, iter(range(3))

    def busy(self: chain.Connection, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "BEGIN IMMEDIATE" and next(tries, None) is not None:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = code
            raise error
        return execute(self, sql, *values)

    with Writer(tmp_path / "a.db") as writer:
        monkeypatch.setattr(chain.Connection, "execute", busy)
        assert await getattr(writer, how)(lambda _: 7) == 7
    assert next(tries, None) is None


async def test_a_commit_waits_for_the_disk_unless_it_only_prepares(tmp_path: Path) -> None:
    """Whoever asks for what must not be lost gets it, also together with others, and right after them."""

    def waits(tx: sqlite3.Connection) -> bool:
        full = 2
        return bool(tx.execute("PRAGMA synchronous").fetchone()[0] == full)

    with Writer(tmp_path / "a.db") as writer:
        assert not await writer.loosely(waits)
        assert await writer.brief(waits)
        assert not await writer.loosely(waits)
        assert await writer.at_once(waits)
        assert not await writer.loosely(waits)
        assert await writer.run(waits)
        assert await asyncio.gather(writer.loosely(waits), writer.brief(waits)) == [True, True]


async def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    """Nothing is queued where nobody will commit it."""
    writer = Writer(tmp_path / "a.db")
    writer.close()
    writer.close()
    for ask in (writer.run, writer.brief, writer.loosely):
        with pytest.raises(DatabaseError, match="closed"):
            await ask(lambda tx: None)


def _who(_: sqlite3.Connection) -> str:
    return threading.current_thread().name


async def test_brief_writes_are_done_where_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few of one round are one group, and not handed to the thread and back; many are, and what may take long."""
    monkeypatch.setattr(db, "QUICK", 60.0)  # however slow the disk of this machine is
    with Writer(tmp_path / "a.db") as writer:
        here = threading.current_thread().name
        assert await writer.brief(_who) == here
        assert await writer.at_once(_who) == here
        assert await asyncio.gather(*(writer.brief(_who) for _ in range(db.FEW))) == [here] * db.FEW
        assert await asyncio.gather(*(writer.brief(_who) for _ in range(db.FEW + 1))) == ["writer"] * (db.FEW + 1)
        assert await writer.run(_who) == "writer"
        assert await writer.brief(_who) == here


async def test_a_slow_disk_does_not_hold_up_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the last commit took long, brief writes are the thread's."""
    with Writer(tmp_path / "a.db") as writer:
        monkeypatch.setattr(db, "QUICK", 0.0)
        await writer.run(_who)
        assert await writer.brief(_who) == "writer"
        assert await writer.at_once(_who) == "writer"


async def test_a_brief_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """It is undone before its caller is told, and the next one is not touched by it."""
    with Writer(tmp_path / "a.db") as writer:
        await writer.run(lambda tx: tx.execute("CREATE TABLE t (n INTEGER)"))

        def fail(tx: sqlite3.Connection) -> None:
            tx.execute("INSERT INTO t VALUES (1)")
            raise LookupError("not this one")

        with pytest.raises(LookupError):
            await writer.brief(fail)
        await writer.brief(lambda tx: tx.execute("INSERT INTO t VALUES (2)"))
        assert await writer.brief(lambda tx: tx.execute("SELECT n FROM t").fetchall()) == [(2,)]


async def test_what_a_round_asked_for_is_done_before_the_database_closes(tmp_path: Path) -> None:
    """Closing commits what was asked for a moment ago, and tells the caller."""
    writer = Writer(tmp_path / "a.db")
    asked = asyncio.ensure_future(writer.brief(_who))
    await asyncio.sleep(0)
    writer.close()
    assert await asked == "writer"


def test_a_writer_outlives_a_loop(tmp_path: Path) -> None:
    """What a loop gathered when it was closed does not hold up the next loop's writes."""

    async def leave(ask: Callable[[], object]) -> None:
        asyncio.get_running_loop().call_soon(asyncio.ensure_future, ask())
        await asyncio.sleep(0)

    with Writer(tmp_path / "a.db") as writer:
        asyncio.run(leave(lambda: writer.brief(_who)))
        assert asyncio.run(asyncio.wait_for(writer.brief(_who), 5))


async def test_the_log_is_written_anew_from_its_start(tmp_path: Path) -> None:
    """Under steady writing the write-ahead log does not grow for ever, nor do commits pay for a growing file."""
    path = tmp_path / "a.db"
    log = path.with_name("a.db-wal")
    with Writer(path) as writer:
        await writer.run(lambda tx: tx.execute("CREATE TABLE t (n INTEGER)"))
        for _ in range(100):
            before = log.stat().st_size
            for number in range(db.CHECKPOINT):
                await writer.brief(lambda tx, number=number: tx.execute("INSERT INTO t VALUES (?)", (number,)))  # type: ignore[misc]
            if log.stat().st_size == before:
                return  # a log that is never begun anew grows with every round
    pytest.fail("the log grew in every round")


@pytest.mark.parametrize("brief", [False, True])
async def test_a_database_that_another_process_holds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, brief: bool
) -> None:
    """After a while of trying the callers get a sentence; when it is free again, everything goes on."""
    path = tmp_path / "a.db"
    with Writer(path) as writer:
        await writer.run(lambda tx: tx.execute("CREATE TABLE t (n INTEGER)"))
        monkeypatch.setattr(db, "BUSY_MS", 50)
        ask = writer.brief if brief else writer.run
        other = connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="locked"):
            await ask(lambda tx: tx.execute("INSERT INTO t VALUES (1)"))
        monkeypatch.setattr(db, "BUSY_MS", 30_000)
        waiting = asyncio.ensure_future(ask(lambda tx: tx.execute("INSERT INTO t VALUES (2)")))
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        await waiting
        assert other.execute("SELECT n FROM t").fetchall() == [(2,)]
        other.close()


@pytest.mark.parametrize("where", ["BEGIN IMMEDIATE", "INSERT INTO t VALUES (1)"])
@pytest.mark.parametrize("how", ["run", "brief", "at_once", "loosely"])
async def test_a_damaged_file_is_told_to_everybody_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, where: str
) -> None:
    """At whichever statement SQLite finds it: nobody waits for ever, and all get a sentence that says what to do."""
    execute = chain.Connection.execute

    def broken(self: chain.Connection, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == where:
            raise sqlite3.DatabaseError("database disk image is malformed")
        return execute(self, sql, *values)

    with Writer(tmp_path / "a.db") as writer:
        monkeypatch.setattr(chain.Connection, "execute", broken)
        ask = [getattr(writer, how)(lambda tx: tx.execute("INSERT INTO t VALUES (1)")) for _ in range(2)]
        async with asyncio.timeout(30):
            told = await asyncio.gather(*ask, return_exceptions=True)
        for one in told:
            assert isinstance(one, DatabaseError)
            assert str(one).endswith("malformed; put a backup of it back); nothing of this was kept")


async def test_what_another_connection_wrote_is_not_overlooked(tmp_path: Path) -> None:
    """A writer remembers the newest entry and what is used of budgets, unless somebody else has written since."""
    path = tmp_path / "a.db"
    create(path)
    budget = Budget("posts", 100, Window.FIXED, 60)
    other = connect(path)
    with Writer(path) as writer:
        for round_ in range(1, 4):
            await writer.brief(lambda tx: chain.append(tx, "event", 1, {}))
            await writer.brief(lambda tx: store.reserve(tx, [Claim("x/a", budget, 1)], 1))
            chain.append(other, "event", 1, {})
            store.reserve(other, [Claim("x/a", budget, 1)], 1)
            store.set_limit(other, "x/a", budget, 50 + round_, 1, actor="user")
            usage, known = await writer.brief(lambda tx: store.load(tx, "x/a", budget))
            assert (usage.charges[0][1], known.limit) == (2 * round_, 50 + round_)
        assert await writer.run(chain.verify) == 9
    other.close()


@pytest.mark.parametrize("beside", [0, 3])
async def test_what_was_undone_is_not_remembered(tmp_path: Path, beside: int) -> None:
    """A write that fails after it has counted and recorded leaves no trace in the next ones, alone or among others."""
    path = tmp_path / "a.db"
    create(path)
    budget = Budget("posts", 100, Window.FIXED, 60)

    def count(tx: sqlite3.Connection) -> None:
        chain.append(tx, "event", 1, {})
        store.reserve(tx, [Claim("x/a", budget, 1)], 1)

    def fail(tx: sqlite3.Connection) -> None:
        count(tx)
        raise LookupError

    with Writer(path) as writer:
        await writer.brief(count)
        asked = [writer.brief(count) for _ in range(beside)]
        ended = await asyncio.gather(writer.brief(fail), *asked, return_exceptions=True)
        assert isinstance(ended[0], LookupError)
        await writer.brief(count)
        usage, _ = await writer.brief(lambda tx: store.load(tx, "x/a", budget))
        assert usage.charges[0][1] == 2 + beside
        assert await writer.run(chain.verify) == 2 + beside


async def test_what_did_not_wait_for_the_disk_gets_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some milliseconds later, when nothing else is committed; and at once for whoever names it outside the database."""
    synced = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.set(), raising=False)
    with Writer(tmp_path / "a.db") as writer:
        await writer.loosely(lambda tx: tx.execute("CREATE TABLE t (n INTEGER)"))
        assert await asyncio.to_thread(synced.wait, 10)
        synced.clear()
        monkeypatch.setattr(db, "FLUSH", 60.0)
        await writer.loosely_at_once(lambda tx: tx.execute("INSERT INTO t VALUES (1)"))
        assert not synced.is_set()
        writer.sync()
        assert synced.is_set()
        synced.clear()
        writer.sync()
        assert not synced.is_set(), "it was there already"
