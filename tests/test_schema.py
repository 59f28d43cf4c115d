"""A database of an older version is brought to this one, whole or not at all; its tables are what the steps make."""

from __future__ import annotations

import sqlite3
import threading
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from automator import schema
from automator.db import DatabaseError, Writer, connect
from automator.ledger import chain, pack
from automator.scheduling.lease import Owner
from automator.schema import create

LATEST, NEXT = schema.LATEST, schema.LATEST + 1
STEP = '''
"""A column more."""
import sqlalchemy as sa
from alembic import op
revision, down_revision = "{number}", "{before}"

def upgrade() -> None:
    with op.batch_alter_table("account") as table:
        table.add_column(sa.Column("colour", sa.String(), nullable=False, server_default="blue"))
    {then}
'''


def tables(path: Path) -> dict[str, str]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: " ".join(sql.split()) for name, sql in rows}


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    connection.close()
    return int(found)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of this version, with an account and an entry."""
    path = tmp_path / "automator.db"
    create(path)
    tx = connect(path)
    tx.execute(
        "INSERT INTO account (name, provider, scopes, version, identity, created_at, send_again) "
        "VALUES ('x/brand', 'x', 'read', 1, '', 0, 0)"
    )
    chain.append(tx, "event", 1, {"what": "test"})
    tx.close()
    return path


def newer(monkeypatch: pytest.MonkeyPatch, folder: Path, then: str = "") -> None:
    """As if the next version of the program, which knows one step more, were installed."""
    folder.mkdir()
    step = STEP.format(then=then, number=f"{NEXT:04}", before=f"{LATEST:04}")
    (folder / f"{NEXT:04}_next.py").write_text(step)
    monkeypatch.setattr(schema, "VERSIONS", (*schema.VERSIONS, folder))
    monkeypatch.setattr(schema, "LATEST", NEXT)


def test_the_steps_make_the_tables_that_the_code_has(tmp_path: Path) -> None:
    """Whoever changes a table writes a step: `python -m automator.migrations WHAT`, and raises ``LATEST``."""
    made, stepped = tmp_path / "made.db", tmp_path / "stepped.db"
    create(made)
    schema.upgrade(stepped)
    assert tables(made).keys() == tables(stepped).keys()
    for path in (made, stepped):
        with schema.connected(path) as connection:
            context = MigrationContext.configure(connection, opts={"render_as_batch": True})
            assert compare_metadata(context, schema.metadata()) == []
            scripts = ScriptDirectory.from_config(schema.config(connection))
        assert scripts.get_current_head() == f"{schema.LATEST:04}"
        assert version(path) == schema.LATEST


def test_an_older_database_is_brought_up_with_what_is_in_it(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps everything, the ledger holds, and a copy of what it was lies beside it."""
    newer(monkeypatch, tmp_path / "versions")
    create(old)
    create(old)
    reader = connect(old, readonly=True)
    assert reader.execute("SELECT name, colour FROM account").fetchall() == [("x/brand", "blue")]
    assert chain.verify(reader) == 1
    reader.close()
    assert version(old) == NEXT
    assert version(old.with_name(f"automator.db.before-{LATEST:04}")) == LATEST


def test_one_from_before_versions_were_kept_is_brought_up(tmp_path: Path) -> None:
    """Its tables are those of the first step."""
    first = tmp_path / "automator.db"
    with schema.connected(first) as connection:
        command.upgrade(schema.config(connection), "0001")
        connection.exec_driver_sql("DROP TABLE alembic_version")
    create(first)
    assert version(first) == LATEST
    assert version(first.with_name("automator.db.before-0001")) == 0


def test_what_was_traded_last_is_the_last_price_known(tmp_path: Path) -> None:
    """Of databases from before prices were kept: a limit of a day's loss has them at once."""
    path = tmp_path / "automator.db"
    with schema.connected(path) as connection:
        command.upgrade(schema.config(connection), "0009")
        for number, price in enumerate(("100", "90.5")):
            connection.exec_driver_sql(
                "INSERT INTO fill (account, symbol, fill, order_id, side, price, amount, fee, fee_asset, maker, at) "
                f"VALUES ('binance/main', 'BTC/USDT', '{number}', '1', 'buy', '{price}', '1', '0', 'USDT', 0, {number})"
            )
        connection.exec_driver_sql("PRAGMA user_version=9")
    create(path)
    connected = connect(path)
    assert connected.execute("SELECT * FROM mark").fetchall() == [
        ("binance/main", "BTC/USDT", "1970-01-01", "90.5", "90.5", 1)
    ]
    connected.close()


def test_bodies_and_intentions_of_an_older_database_know_their_calls(tmp_path: Path) -> None:
    """What may leave its ledger is found as if it had always been noted."""
    path, body = tmp_path / "automator.db", chain.pack_body(b"asked" * 50)
    with schema.connected(path) as connection:
        command.upgrade(schema.config(connection), "0011")
        connection.exec_driver_sql("PRAGMA user_version=11")
    tx, link = sqlite3.connect(path), b""
    for seq in (1, 2, 3):
        text = chain.canonical({"body": body.says, "intention": f"key {seq // 2}"})
        tx.execute(
            "INSERT INTO entry (seq, kind, at, data, link) VALUES (?, 'call', 0, ?, ?)",
            (seq, chain.say(text, pack.Kind.CALL).packed, link),
        )
    tx.execute("INSERT INTO body (mark, packed) VALUES (?, ?)", (body.mark, body.packed))
    for key in ("key 0", "key 1", "key 9"):
        tx.execute("INSERT INTO intention VALUES (?, 'x/brand', 'x.post.create', '{}', 'sent', 1, NULL, 0)", (key,))
    tx.commit()
    tx.close()
    create(path)
    reader = connect(path, readonly=True)
    assert reader.execute("SELECT seq FROM body").fetchall() == [(3,)]
    calls = reader.execute("SELECT key, call FROM intention ORDER BY key").fetchall()
    assert calls == [("key 0", 1), ("key 1", 2), ("key 9", None)]
    assert chain.read_body(reader, 3, body.says) == b"asked" * 50
    reader.close()


def test_trades_of_an_older_database_stay_and_may_be_of_two_orders(tmp_path: Path) -> None:
    """One between two orders of an account has one number; what is there keeps its row, by which others name it."""
    path, put = (
        tmp_path / "automator.db",
        "INSERT INTO fill VALUES (?, 'a', 'BTC/USDT', 't', ?, 'buy', '1', '2', '0', '', 0, 0)",
    )
    with schema.connected(path) as connection:
        command.upgrade(schema.config(connection), "0013")
        connection.exec_driver_sql(put, (7, "1"))
        connection.exec_driver_sql("PRAGMA user_version=13")
    create(path)
    tx = connect(path)
    tx.execute(put, (8, "2"))
    with pytest.raises(sqlite3.IntegrityError):
        tx.execute(put, (9, "2"))
    assert tx.execute("SELECT id, order_id, amount FROM fill ORDER BY id").fetchall() == [(7, "1", "2"), (8, "2", "2")]
    tx.close()


def test_a_step_that_fails_changes_nothing(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had done by then is undone with it."""
    before = tables(old)
    newer(monkeypatch, tmp_path / "versions", then="op.execute('INSERT INTO nowhere VALUES (1)')")
    with pytest.raises(DatabaseError, match="nowhere"):
        create(old)
    assert (tables(old), version(old)) == (before, LATEST)


def test_half_a_copy_is_not_kept_as_one(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full in the middle of it, its beginning would pass for the database as it was."""
    newer(monkeypatch, tmp_path / "versions")

    def full(*_: int) -> None:
        assert all(half.stat().st_mode & 0o077 == 0 for half in tmp_path.glob("automator.db.before-*"))
        raise sqlite3.OperationalError("database or disk is full")

    class Full(sqlite3.Connection):
        def backup(self, target: sqlite3.Connection, **_: object) -> None:
            super().backup(target, pages=1, progress=full)

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Full))
        with pytest.raises(DatabaseError, match="full"):
            create(old)
    assert (version(old), list(tmp_path.glob("automator.db.before-*"))) == (LATEST, [])
    create(old)
    kept = old.with_name(f"automator.db.before-{LATEST:04}")
    assert (version(old), version(kept), kept.stat().st_mode & 0o077) == (NEXT, LATEST, 0)


def test_nothing_is_changed_under_a_working_service(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old service would not know the new tables."""
    newer(monkeypatch, tmp_path / "versions")
    with Owner(tmp_path / "owners"), pytest.raises(DatabaseError, match="stop `automator serve`"):
        create(old)
    assert version(old) == LATEST


def test_of_two_that_bring_it_up_the_second_finds_it_done(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy of what it was is not replaced by one of what it has become."""
    newer(monkeypatch, tmp_path / "versions")
    upgrade, ended = schema.upgrade, threading.Event()
    other = threading.Thread(target=lambda: (create(old), ended.set()))

    def slow(path: Path) -> None:
        other.start()
        assert not ended.wait(0.3)
        upgrade(path)

    monkeypatch.setattr(schema, "upgrade", slow)
    create(old)
    other.join()
    assert (ended.is_set(), version(old)) == (True, NEXT)
    assert version(old.with_name(f"automator.db.before-{LATEST:04}")) == LATEST


def test_a_newer_database_is_left_alone(old: Path) -> None:
    """This version does not know what is in it."""
    tx = connect(old)
    tx.execute("PRAGMA user_version=99")
    tx.close()
    with pytest.raises(DatabaseError, match="newer version"):
        create(old)


async def test_processes_that_start_together_make_one_database(tmp_path: Path) -> None:
    """Whoever comes second finds it made."""
    path = tmp_path / "automator.db"
    first = sqlite3.connect(path, isolation_level=None)
    schema._make(first)
    second = sqlite3.connect(path, isolation_level=None)
    schema._make(second)
    first.close()
    second.close()
    with Writer(path) as writer:
        assert await writer.run(lambda tx: chain.append(tx, "event", 1, {})) == 1


def test_a_step_can_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that the first test names sees what has changed, in types that last."""
    monkeypatch.setattr(schema, "VERSIONS", (*schema.VERSIONS, tmp_path))
    path = tmp_path / "a.db"
    schema.upgrade(path)
    with schema.connected(path) as connection:
        connection.exec_driver_sql("ALTER TABLE account DROP COLUMN identity")
        made = schema.config(connection)
        command.revision(made, "who it is", autogenerate=True, rev_id=f"{NEXT:04}", version_path=str(tmp_path))
    written = (tmp_path / f"{NEXT:04}_who_it_is.py").read_text()
    assert "sa.Column('identity', sa.String(), nullable=False)" in written
