"""Why a database can't be used is said as it is: no right, a read-only file system, a full disk, a broken file."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest

from automator.schema import create
from automator.trouble import damaged, trouble


def said_by_sqlite(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("unable to open database file")
    error.sqlite_errorcode = code
    return error


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "automator.db"
    path.touch()
    return path


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_FULL, "the disk is full"),
        (sqlite3.SQLITE_NOTADB, "it is no database"),
        (sqlite3.SQLITE_CORRUPT, "it is damaged"),
        (sqlite3.SQLITE_CORRUPT_VTAB, "it is damaged"),
        (sqlite3.SQLITE_BUSY, "another program holds it"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "another program holds it"),
        (sqlite3.SQLITE_IOERR, "SQLite says: unable to open"),
    ],
)
def test_what_sqlite_knows_is_said(database: Path, code: int, said: str) -> None:
    """The extended codes mean what their primary code means."""
    assert trouble(database, said_by_sqlite(code)).startswith(said)


@pytest.mark.parametrize(
    ("flags", "free", "said"),
    [
        (os.ST_RDONLY, 0, "mounted read-only"),
        (0, 0, "the disk is full; make room"),
        (0, 7, "SQLite says"),
    ],
)
def test_what_sqlite_does_not_know_is_looked_at(
    database: Path, monkeypatch: pytest.MonkeyPatch, flags: int, free: int, said: str
) -> None:
    """It calls all of these the same; the file system tells them apart."""
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flags, f_bavail=free))
    assert said in trouble(database, said_by_sqlite(sqlite3.SQLITE_CANTOPEN))


@pytest.mark.parametrize(
    ("name", "lacks", "said"),
    [
        ("", os.W_OK, "you may not write to {folder};"),
        ("", os.X_OK, "you may not read {folder};"),
        ("automator.db", os.R_OK, "you may not read {folder}/automator.db;"),
        ("automator.db-wal", os.W_OK, "you may not write to {folder}/automator.db-wal;"),
    ],
)
def test_what_one_may_not_is_named(
    database: Path, monkeypatch: pytest.MonkeyPatch, name: str, lacks: int, said: str
) -> None:
    """The folder or the file, and what to do."""
    (database.parent / "automator.db-wal").touch()
    monkeypatch.setattr(os, "access", lambda path, right: not (path == database.parent / name and right == lacks))
    found = trouble(database, said_by_sqlite(sqlite3.SQLITE_CANTOPEN))
    assert found.startswith(said.format(folder=database.parent))
    assert "run it as its owner" in found


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    """Nothing can lie in a file."""
    (tmp_path / "file").touch()
    found = trouble(tmp_path / "file" / "automator.db", said_by_sqlite(sqlite3.SQLITE_CANTOPEN))
    assert found == f"{tmp_path / 'file'} is no folder"


def test_what_sqlite_finds_damaged_is_told_from_what_is_whole(tmp_path: Path) -> None:
    """Its words of a broken schema are no text, which must not look like a mistake of ours."""
    path = tmp_path / "a.db"
    create(path)
    assert not damaged(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"CREATE TABLE notice", b"CREATE \xff\xfe\xfdLE notice"))
    assert damaged(path)
