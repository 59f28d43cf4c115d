"""The chain: what was written is what verifies, and any change is named with its place."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator.db import connect
from automator.ledger import chain
from automator.ledger.chain import Fault
from automator.schema import create


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Ten entries."""
    create(tmp_path / "a.db")
    connection = connect(tmp_path / "a.db")
    for number in range(1, 11):
        chain.append(connection, "call", number, {"n": number, "text": "é"}, account="x/brand", operation="x.post")
    yield connection
    connection.close()


def test_an_untouched_ledger_verifies(ledger: sqlite3.Connection) -> None:
    """The number of entries that hold is told."""
    assert chain.verify(ledger) == 10


@pytest.mark.parametrize("column", ["kind", "at", "account", "operation", "outcome", "data", "link"])
def test_an_altered_entry_is_named(ledger: sqlite3.Connection, column: str) -> None:
    """A change of any column of entry 4 shows at entry 4."""
    ledger.execute(f"UPDATE entry SET {column} = 'other' WHERE seq = 4")
    assert chain.verify(ledger) == Fault("altered", 4)


@pytest.mark.parametrize("column", ["kind", "at", "account", "data", "link"])
@pytest.mark.parametrize("value", [b"\xff", 1.5, "", 7])
def test_an_entry_with_a_value_of_another_kind_is_named(ledger: sqlite3.Connection, column: str, value: object) -> None:
    """Whoever alters the file is not bound to what a column should hold."""
    ledger.execute(f"UPDATE entry SET {column} = ? WHERE seq = 4", (value,))
    assert chain.verify(ledger) == Fault("altered", 4)


@pytest.mark.parametrize("value", ["other", 7, 1.5, b"short"])
def test_nothing_is_linked_to_what_is_no_link(ledger: sqlite3.Connection, value: object) -> None:
    """Where the newest entry's is none, whoever writes is told which; the ledger stays as it is."""
    ledger.execute("UPDATE entry SET link = ? WHERE seq = 10", (value,))
    with pytest.raises(sqlite3.DatabaseError, match="the link of entry 10 was altered"):
        chain.append(ledger, "event", 11, {})
    assert chain.verify(ledger) == Fault("altered", 10)


def test_a_missing_entry_is_named(ledger: sqlite3.Connection) -> None:
    """A deleted entry is a gap."""
    ledger.execute("DELETE FROM entry WHERE seq = 4")
    assert chain.verify(ledger) == Fault("gap", 4)


def test_a_cut_tail_is_named_by_a_checkpoint(ledger: sqlite3.Connection) -> None:
    """The chain alone can't know its end; a checkpoint does."""
    checkpoint = {10: chain.head(ledger)[1]}
    ledger.execute("DELETE FROM entry WHERE seq > 7")
    assert chain.verify(ledger) == 7
    assert chain.verify(ledger, checkpoint) == Fault("truncated", 8)


def test_a_rewritten_ledger_is_named_by_a_checkpoint(ledger: sqlite3.Connection) -> None:
    """Whoever recomputes every link still does not have the links that were checkpointed."""
    checkpoint = {10: chain.head(ledger)[1]}
    ledger.execute("DELETE FROM entry WHERE seq > 5")
    for number in range(6, 12):
        chain.append(ledger, "call", number, {"n": "rewritten"})
    assert chain.verify(ledger) == 11
    assert chain.verify(ledger, checkpoint) == Fault("fork", 10)


def test_pruned_bodies_leave_the_chain_whole(ledger: sqlite3.Connection) -> None:
    """The chain covers digests, so a body can go."""
    body = chain.pack_body(b"hello" * 100)
    number = chain.append(ledger, "answer", 11, {"body": body.says}, call=1, body=body)
    assert chain.read_body(ledger, number, body.says) == b"hello" * 100
    ledger.execute("UPDATE entry SET body = NULL")
    assert chain.verify(ledger) == 11
    assert chain.read_body(ledger, number, body.says) is None


def test_a_large_body_is_kept_as_digest_and_size(ledger: sqlite3.Connection) -> None:
    """Over the cap only what proves it is kept."""
    body = chain.pack_body(bytes(chain.BODY_CAP + 1))
    number = chain.append(ledger, "answer", 11, {"body": body.says}, call=1, body=body)
    assert body.says["size"] == chain.BODY_CAP + 1
    assert chain.read_body(ledger, number, body.says) is None


json_values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x, max_size=3))


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    """Equal values have equal canonical text."""
    assert chain.canonical(value) == chain.canonical(dict(reversed(value.items())))


_texts = st.text(st.characters(), max_size=30)  # halves of surrogate pairs too
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_texts, inner, max_size=4)
        | st.dictionaries(st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(_texts, _json))
def test_canonical_text_is_what_any_other_program_would_write(value: dict[str, Any]) -> None:
    """It is the standard library's JSON, to the letter: links over it can be checked without Automator."""
    assert chain.canonical(value) == json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize("value", [{"at": datetime(2026, 1, 1, tzinfo=UTC)}, {"fault": Fault("gap", 1)}, {"n": {1, 2}}])
def test_what_is_no_json_is_refused(value: dict[str, Any]) -> None:
    """Nothing is stored in a form that its reader would have to guess."""
    with pytest.raises(TypeError, match="not JSON serializable"):
        chain.canonical(value)


@given(st.integers(1), st.sampled_from(["call", "answer", "event"]), st.integers(), _texts.filter(str.isprintable))
def test_a_link_can_be_computed_with_the_standard_library(seq: int, kind: str, at: int, text: str) -> None:
    """SHA-256 over the link before and the row as JSON."""
    row = (seq, kind, at, None, "x/brand", None, "ok", text)
    plain = json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()
    assert chain.link(b"before", row) == hashlib.sha256(b"before" + plain).digest()
