"""A restored copy sends nothing that may have gone out already."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automator import backup as backups
from automator.backup import BackupError, backup, behind, restore, restored
from automator.clock import micros
from automator.db import DatabaseError, connect
from automator.engine import Engine
from automator.home import Home
from automator.ledger import chain
from automator.posting import posts
from automator.posting.posts import NewDelivery, listed, plan
from automator.scheduling.lease import Owner
from automator.schema import create
from automator.vault.choose import own_file
from connectors.post import Part

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two posts: one was due an hour ago, one is due tomorrow."""
    path = tmp_path / "home" / "automator.db"
    path.parent.mkdir()
    create(path)
    connection = connect(path)
    wanted = [
        NewDelivery("x/brand", (Part(text),), NOW + timedelta(hours=hours), "UTC", "", text)
        for text, hours in (("was due", -1), ("is due tomorrow", 24))
    ]
    plan(connection, wanted, NOW - timedelta(days=1), source="test")
    chain.append(connection, "event", 1, {"what": "test"})
    connection.close()
    return path


def states(path: Path) -> dict[str, str]:
    connection = connect(path, readonly=True)
    found = {post.texts[0]: post.state for post in listed(connection)}
    connection.close()
    return found


def test_what_was_due_is_held_and_the_future_stays(database: Path, tmp_path: Path) -> None:
    """A person looks, and says of each whether it is there."""
    file = tmp_path / "copy.db"
    reader = connect(database, readonly=True)
    backup(reader, file)
    reader.close()
    assert file.stat().st_mode & 0o077 == 0
    assert restore(database, file, own_file(database.parent), NOW, actor="anna")[1] == 1
    tx = connect(database)
    assert states(database) == {"was due": "unconfirmed", "is due tomorrow": "scheduled"}
    assert tx.execute("SELECT count(*) FROM notice").fetchone() == (1,)
    held = listed(tx)[0]
    assert posts.resolve_there(tx, held.id, {"id": "7"}, NOW, actor="anna")
    assert listed(tx)[0].results == ({"id": "7"},)
    assert listed(tx)[0].state == "waiting"  # taken up once more, and found to be done
    tx.close()
    assert list(database.parent.glob("automator.db.before-*"))


def test_each_part_of_a_held_thread_is_asked_about(tmp_path: Path) -> None:
    """That the first part is there says nothing of the second; with more than ten, too."""
    create(tmp_path / "a.db")
    tx = connect(tmp_path / "a.db")
    parts = tuple(Part(f"Part {number}") for number in range(12))
    (thread,) = plan(tx, [NewDelivery("x/brand", parts, NOW, "UTC", "", "t")], NOW, source="test")
    assert restored(tx, {}, None, NOW, actor="anna") == 1
    for number in range(11):
        assert posts.resolve_there(tx, thread, {"id": str(number)}, NOW, actor="anna")
        (held,) = listed(tx)
        assert (held.state, [item["id"] for item in held.results]) == ("unconfirmed", list(map(str, range(number + 1))))
    assert posts.resolve_send_again(tx, thread, NOW, actor="anna")
    (held,) = listed(tx)
    assert (held.state, len(held.results)) == ("waiting", 11)
    assert not posts.resolve_there(tx, thread, {"id": "12"}, NOW, actor="anna")
    tx.close()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("state", ["failed", "missed", "cancelled", "unconfirmed"])
def test_what_had_ended_may_have_been_taken_up_again_since(database: Path, state: str, number: int) -> None:
    """Whoever tries it again is asked to look first, whatever its time; only what was open is told of."""
    tx = connect(database)
    held = listed(tx)[number]
    tx.execute("DELETE FROM run WHERE job <> ?", (held.id,))
    tx.execute("UPDATE run SET state = ? WHERE job = ?", (state, held.id))
    key = f"{held.id}/0/0"
    tx.execute(
        "INSERT INTO intention VALUES (?, 'x/brand', 'x.post.create', '{}', 'refused', 1, NULL, 1, NULL)", (key,)
    )
    assert restored(tx, {}, None, NOW, actor="anna") == (1 if state == "unconfirmed" else 0)
    assert states(database) == {held.texts[0]: state}
    if state != "unconfirmed":
        assert posts.retry(tx, held.id, NOW, actor="anna")
    rows = tx.execute("SELECT key, state FROM intention").fetchall()
    assert rows == [(key, "unconfirmed")], "the worker stops at this one and asks"
    tx.close()


def test_a_held_post_can_be_sent_after_all(database: Path) -> None:
    """A person has seen that it is not there."""
    tx = connect(database)
    restored(tx, {}, None, NOW, actor="anna")
    held = listed(tx)[0]
    assert posts.resolve_send_again(tx, held.id, NOW, actor="anna")
    assert listed(tx)[0].state == "waiting"
    tx.close()


def test_a_copy_is_not_put_under_a_working_service(database: Path, tmp_path: Path) -> None:
    """Nor is anything that is no whole ledger."""
    file = tmp_path / "copy.db"
    reader = connect(database, readonly=True)
    backup(reader, file)
    with pytest.raises(BackupError, match="exists already"):
        backup(reader, file)
    reader.close()
    store = own_file(database.parent)
    owner = Owner(database.parent / "owners")
    with pytest.raises(BackupError, match="stop `automator serve`"):
        restore(database, file, store, NOW, actor="anna")
    owner.close()
    file.write_text("no database")
    with pytest.raises(BackupError, match="no backup"):
        restore(database, file, store, NOW, actor="anna")
    with pytest.raises(BackupError, match="no file"):
        restore(database, tmp_path / "other", store, NOW, actor="anna")
    damaged = connect(database)
    damaged.execute("UPDATE entry SET data = '{}'")
    with pytest.raises(BackupError, match="entry 1 was altered"):
        restore(database, database, store, NOW, actor="anna")
    damaged.close()


@pytest.mark.parametrize("table", ["run", "entry"])
def test_no_backup_is_made_of_a_damaged_database(database: Path, tmp_path: Path, table: str) -> None:
    """Whoever keeps the last few would have only copies that can't be put back when the damage shows."""
    file = tmp_path / "copy.db"
    with closing(connect(database)) as tx:
        if table == "entry":
            tx.execute("UPDATE entry SET data = '{}'")
        (page,) = tx.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        (size,) = tx.execute("PRAGMA page_size").fetchone()
        tx.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if table == "run":
        with database.open("r+b") as written:
            written.seek((page - 1) * size)
            written.write(b"\xff" * size)
    with closing(connect(database, readonly=True)) as reader, pytest.raises(BackupError, match="earlier backup"):
        backup(reader, file)
    assert not list(tmp_path.glob("copy.db*"))


def test_nobody_begins_to_work_while_a_copy_is_put_in_place(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cron's next `run-due` would go on with the old database, and the copy sends the same once more."""
    file, store, copy = tmp_path / "copy.db", own_file(database.parent), backups._copy
    with closing(connect(database, readonly=True)) as reader:
        backup(reader, file)

    def copied(source: sqlite3.Connection, to: Path) -> None:
        copy(source, to)
        with pytest.raises(DatabaseError, match="try again when that is done"):
            Engine(Home(database.parent), store)

    monkeypatch.setattr(backups, "_copy", copied)
    restore(database, file, store, NOW, actor="anna")
    with Owner(database.parent / "owners"), pytest.raises(BackupError, match="stop `automator serve`"):
        restore(database, file, store, NOW, actor="anna")


def test_a_copy_that_can_not_be_put_in_place_changes_nothing(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one of a newer version, nor one that there is no room for, costs the database that is there."""
    file, home = tmp_path / "copy.db", database.parent
    reader = connect(database, readonly=True)
    backup(reader, file)
    reader.close()
    store = own_file(home)
    store.put("x/brand", 1, {"key": "k"})
    before = sorted(home.iterdir())

    def full(_: sqlite3.Connection, to: Path) -> None:
        to.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(backups, "_copy", full)
    with pytest.raises(BackupError, match="nothing was changed: No space left"):
        restore(database, file, store, NOW, actor="anna")
    monkeypatch.undo()
    newer = sqlite3.connect(file)
    newer.execute("PRAGMA user_version=9999")
    newer.close()
    with pytest.raises(BackupError, match="newer version"):
        restore(database, file, store, NOW, actor="anna")
    assert sorted(path for path in home.iterdir() if path.name != "owners") == before
    assert states(database)["was due"] == "scheduled"


def test_what_may_have_gone_out_is_held_before_the_copy_is_in_place(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the command, a copy that is there sends nothing again; one that can't be judged is not put there."""
    file = tmp_path / "copy.db"
    reader = connect(database, readonly=True)
    backup(reader, file)
    reader.close()
    database.unlink()
    monkeypatch.setattr(backups, "newest_keys", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        restore(database, file, own_file(database.parent), NOW, actor="anna")
    assert not database.exists()
    monkeypatch.undo()
    restore(database, file, own_file(database.parent), NOW, actor="anna")
    assert states(database) == {"was due": "unconfirmed", "is due tomorrow": "scheduled"}


def test_the_log_of_a_database_that_is_gone_is_not_applied_to_the_copy(database: Path, tmp_path: Path) -> None:
    """SQLite would take it for the copy's own."""
    file, log = tmp_path / "copy.db", database.with_name("automator.db-wal")
    tx = connect(database)
    backup(tx, file)
    tx.execute("DELETE FROM entry")
    left = log.read_bytes()
    tx.close()
    database.unlink()
    log.write_bytes(left)
    restore(database, file, own_file(database.parent), NOW, actor="anna")
    tx = connect(database)
    assert isinstance(chain.verify(tx), int)
    tx.close()


@pytest.mark.parametrize("newest", [7, 363])
def test_keys_that_were_renewed_since_are_found_in_the_vault(database: Path, newest: int) -> None:
    """The copy knows an older version of a key than the vault: by a month, X's token of two hours is twelve times thirty."""

    class Vault:
        def get(self, name: str, version: int) -> dict[str, str] | None:
            return {"key": "k"} if version in {newest - 1, newest} else None

    tx = connect(database)
    tx.execute(
        "INSERT INTO account (name, provider, scopes, version, identity, created_at, send_again) "
        "VALUES ('x/brand', 'x', 'read', 3, '', 0, 0)"
    )
    keys = backups.newest_keys(tx, Vault())  # type: ignore[arg-type]
    assert keys == {"x/brand": newest}
    restored(tx, keys, None, NOW, actor="anna")
    assert tx.execute("SELECT version FROM account").fetchone() == (newest,)
    tx.close()


def test_an_old_copy_is_noticed(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoints name entries that it does not have."""
    tx: sqlite3.Connection = connect(database)
    monkeypatch.setattr(backups.checkpoint, "reached", lambda _: 1)
    assert not behind(database.parent, tx)
    monkeypatch.setattr(backups.checkpoint, "reached", lambda _: 9)
    assert behind(database.parent, tx)
    tx.close()


def test_what_is_held_may_have_been_sent_until_the_copy_was_put_back(database: Path) -> None:
    """Each try of it, also one that had been given up when the copy was made: what was sent again since is lost too."""
    with closing(connect(database)) as tx:
        held = listed(tx)[0]
        for generation, state in enumerate(("unconfirmed", "planned")):
            tx.execute(
                "INSERT INTO intention (key, account, operation, plan, state, attempt, sent_at) VALUES (?,?,'o','{}',?,1,7)",
                (f"{held.id}/0/{generation}", held.account, state),
            )
        tx.execute("UPDATE delivery SET generation = 1 WHERE id = ?", (held.id,))
        restored(tx, {}, None, NOW, actor="anna")
        sent = tx.execute("SELECT key, state, sent_at FROM intention WHERE key LIKE ? ORDER BY key", (f"{held.id}/%",))
        keys = [(f"{held.id}/0/{generation}", "unconfirmed", micros(NOW)) for generation in range(2)]
        assert sent.fetchall() == keys
