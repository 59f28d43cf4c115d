"""What is kept on the disk is small, comes back as it was, and shows when it was touched."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st

from automator import schema
from automator.db import connect
from automator.ledger import chain, pack
from automator.ledger.chain import Fault
from automator.ledger.pack import Kind, Unpackable
from automator.ledger.query import one


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "a.db"
    schema.create(path)
    connection = connect(path)
    yield connection
    connection.close()


@given(st.binary(max_size=3000), st.sampled_from(Kind))
def test_what_is_packed_comes_back(content: bytes, kind: Kind) -> None:
    """Whatever it is."""
    assert pack.unpack(pack.pack(content, kind)) == content


@given(st.text() | st.text(alphabet="\ud800\udfff\U0001f469"))
def test_what_an_entry_says_comes_back(text: str) -> None:
    """Also half a character, which JSON may hold."""
    assert chain.said(chain.say(text, Kind.CALL).packed) == text


@given(st.binary(max_size=300))
def test_what_nobody_packed_is_told(stored: bytes) -> None:
    """One error, whatever the bytes are: never another, never an endless answer."""
    with contextlib.suppress(Unpackable):
        assert len(pack.unpack(stored)) < 1 << 24


@pytest.mark.parametrize("lead", [b"\x01\xe0", b"\x00\x28\xb5\x2f\xfd\xe0"])
def test_a_frame_that_claims_any_size_is_told(lead: bytes) -> None:
    """One that was altered to say 2^60 bytes ends no check of the chain."""
    with pytest.raises(Unpackable, match="memory"):
        pack.unpack(lead + (1 << 60).to_bytes(8, "little") + b"\x01\x00\x00")


def test_a_dictionary_of_a_newer_version_is_asked_for() -> None:
    """The sentence says what to do."""
    with pytest.raises(Unpackable, match="needs dictionary 99, which this version"):
        pack.unpack(bytes((99,)) + pack.pack(b"x", Kind.CALL)[1:])


def test_every_dictionary_that_was_used_is_there() -> None:
    """Rows on disks everywhere need them for ever."""
    assert {str(kind.value) for kind in Kind} <= {path.name for path in pack.FOLDER.iterdir()}


def test_a_packed_entry_that_is_altered_is_named(ledger: sqlite3.Connection) -> None:
    """Whether it still unpacks or not."""
    for number in range(1, 4):
        chain.append(ledger, "event", number, {"n": number})
    other = chain.say(chain.canonical({"n": 7}), Kind.CALL).packed
    (kept,) = ledger.execute("SELECT data FROM entry WHERE seq = 2").fetchone()
    for altered in (other, kept[:-1], b"", b"\x63" + kept[1:]):
        ledger.execute("UPDATE entry SET data = ? WHERE seq = 2", (altered,))
        assert chain.verify(ledger) == Fault("altered", 2)
    ledger.execute("UPDATE entry SET data = ? WHERE seq = 2", (kept,))
    assert chain.verify(ledger) == 3


def test_an_altered_entry_does_not_stop_what_looks_into_others(ledger: sqlite3.Connection) -> None:
    """Pruning and look-ups go on; `calls verify` names it."""
    chain.append(ledger, "event", 1, {"what": "one"})
    chain.append(ledger, "event", 2, {"what": "two"})
    ledger.execute("UPDATE entry SET data = x'0100' WHERE seq = 1")
    assert ledger.execute("SELECT json_extract(said(data), '$.what') FROM entry").fetchall() == [(None,), ("two",)]


def test_a_body_that_is_altered_is_not_shown(ledger: sqlite3.Connection) -> None:
    """It is no longer what its entry names."""
    body = chain.pack_body(b"hello" * 100)
    number = chain.append(ledger, "call", 1, {"body": body.says}, body=body)
    ledger.execute("UPDATE entry SET body = ?", (pack.pack(b"hullo" * 100, Kind.BODY),))
    assert chain.read_body(ledger, number, body.says) is None


def test_bodies_whose_marks_are_alike_are_told_apart(
    ledger: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark is only where to look; equal large bodies are kept once."""
    monkeypatch.setattr(chain, "mark_of", lambda _: 7)
    monkeypatch.setattr(chain, "BESIDE", 0)
    bodies = [chain.pack_body(content) for content in (b"one", b"two", b"one")]
    numbers = [chain.append(ledger, "call", 1, {"body": body.says}, body=body) for body in bodies]
    read = [chain.read_body(ledger, number, body.says) for number, body in zip(numbers, bodies, strict=True)]
    assert read == [b"one", b"two", b"one"]
    assert ledger.execute("SELECT count(*) FROM body").fetchone() == (2,)


def test_a_database_from_before_entries_were_packed_is_brought_up(tmp_path: Path) -> None:
    """Its entries and bodies are read as before, and the chain holds."""
    path = tmp_path / "old.db"
    with schema.connected(path) as connection:
        command.upgrade(schema.config(connection), "0002")
        connection.exec_driver_sql("PRAGMA user_version=2")
    tx = sqlite3.connect(path)
    body = chain.pack_body(b"asked" * 50)
    text = chain.canonical({"method": "POST", "url": "https://x.test/", "body": body.says})
    row = (1, "call", 5, None, "x/brand", "x.post.create", None, text)
    tx.execute(
        f"INSERT INTO entry ({chain.COLUMNS}, link) VALUES (?,?,?,?,?,?,?,?,?)", (*row, chain.link(chain.GENESIS, row))
    )
    frame = pack.zstandard.ZstdCompressor().compress(b"asked" * 50)
    tx.execute("INSERT INTO body VALUES (?,?,?)", (bytes.fromhex(body.says["sha256"]), 250, frame))
    tx.commit()
    tx.close()
    schema.create(path)
    ledger = connect(path)
    chain.append(ledger, "answer", 6, {"status": 201}, call=1, account="x/brand", outcome="ok")
    assert chain.verify(ledger) == 2
    found = one(ledger, 1)
    assert found is not None
    assert (found.request, found.outcome) == (json.loads(text), "ok")
    assert chain.read_body(ledger, 1, body.says) == b"asked" * 50
    ledger.close()
