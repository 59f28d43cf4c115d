"""The writer: many callers, one transaction, each with its own result."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from automator import db
from automator.db import DatabaseError, Writer, connect


async def test_a_failing_write_is_undone_alone(tmp_path: Path) -> None:
    """Of a hundred writes queued together, one that raises takes none of the others with it."""
    path = tmp_path / "a.db"
    with Writer(path) as writer:
        await writer.run(lambda tx: tx.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)"))

        def insert(number: int) -> int:
            def write(tx: sqlite3.Connection) -> int:
                tx.execute("INSERT INTO t VALUES (?)", (number,))
                if number == 42:
                    raise ValueError("not this one")
                return number

            return asyncio.ensure_future(writer.run(write))  # type: ignore[return-value]

        results = await asyncio.gather(*(insert(number) for number in range(100)), return_exceptions=True)  # type: ignore[call-overload]
    assert [result for result in results if isinstance(result, int)] == [n for n in range(100) if n != 42]
    reader = connect(path, readonly=True)
    assert reader.execute("SELECT count(*), max(n) FROM t WHERE n <> 42").fetchone() == (99, 99)
    assert reader.execute("SELECT count(*) FROM t WHERE n = 42").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM t")
    reader.close()


async def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    """Nothing is queued where nobody will commit it."""
    writer = Writer(tmp_path / "a.db")
    writer.close()
    writer.close()
    with pytest.raises(DatabaseError, match="closed"):
        await writer.run(lambda tx: None)


async def test_a_database_that_another_process_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while of trying the callers get a sentence; when it is free again, everything goes on."""
    monkeypatch.setattr(db, "BUSY_MS", 50)
    path = tmp_path / "a.db"
    with Writer(path) as writer:
        await writer.run(lambda tx: tx.execute("CREATE TABLE t (n INTEGER)"))
        other = connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match="locked"):
            await writer.run(lambda tx: tx.execute("INSERT INTO t VALUES (1)"))
        monkeypatch.setattr(db, "BUSY_MS", 30_000)
        waiting = asyncio.ensure_future(writer.run(lambda tx: tx.execute("INSERT INTO t VALUES (2)")))
        await asyncio.sleep(0)
        other.execute("ROLLBACK")
        await waiting
        assert other.execute("SELECT n FROM t").fetchall() == [(2,)]
        other.close()
