"""What is old can leave the ledger, and what stays still proves itself."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from automator.clock import micros
from automator.db import connect
from automator.intentions import claim, mark_sent
from automator.ledger import chain, verify_export
from automator.ledger import prune as pruning
from automator.ledger.chain import Fault
from automator.ledger.export import export
from automator.ledger.prune import Pruned, Retention, find
from automator.ledger.query import newest
from automator.schema import create

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
LARGE = random.Random(5).randbytes(2_000)  #: does not fit beside its entry, so that those who say it share it
WHO = {"account": "x/brand", "operation": "x.post.create"}


def prune(ledger: sqlite3.Connection, keep: Retention, now: datetime, *, actor: str) -> Pruned:
    """All of it, slice by slice."""
    left, gone = find(ledger, keep, now), Pruned()
    while left is not None:
        more, left = pruning.prune(ledger, left, now, actor=actor)
        gone += more
    return gone


def add_call(ledger: sqlite3.Connection, days_ago: int, intention: str | None = None) -> int:
    at = micros(NOW - timedelta(days=days_ago))
    body = chain.pack_body(f"asked {days_ago} days ago".encode() * 9)
    asked = {"body": body.says, "intention": intention, "key": 1 + (days_ago < 30), "cost": {"credit": 15}}
    number = chain.append(ledger, "call", at, asked, body=body, **WHO)
    same = chain.pack_body(LARGE)
    answer = {"body": same.says, "status": 201}
    chain.append(ledger, "answer", at + 1, answer, call=number, outcome="ok", body=same, **WHO)
    return number


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Ten calls, one every ten days, the newest today."""
    create(tmp_path / "a.db")
    connection = connect(tmp_path / "a.db")
    for number in range(9, -1, -1):
        add_call(connection, number * 10)
    yield connection
    connection.close()


def test_old_entries_leave_and_the_rest_verifies(ledger: sqlite3.Connection) -> None:
    """The event of the pruning says where the chain begins; a checkpoint from before is no longer missed."""
    links = {row[0]: link for row, link in chain.rows(ledger)}
    early, late = links[4], links[16]
    assert prune(ledger, Retention(row_days=45), NOW, actor="anna") == Pruned(10, 5)
    assert chain.verify(ledger, {4: early, 16: late}) == 21
    assert [call.seq for call in newest(ledger)] == [19, 17, 15, 13, 11]
    assert prune(ledger, Retention(row_days=45), NOW, actor="anna") == Pruned(0, 0)
    assert prune(ledger, Retention(row_days=25), NOW, actor="anna").entries == 4
    assert chain.verify(ledger, {16: late}) == 22
    assert chain.verify(ledger, {16: early}) == Fault("fork", 16)


def test_much_leaves_in_slices(ledger: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others write between two of them; the chain holds after each."""
    monkeypatch.setattr(pruning, "SLICE", 3)
    left, gone = find(ledger, Retention(row_days=45, body_days=15), NOW), []
    while left is not None:
        more, left = pruning.prune(ledger, left, NOW, actor="anna")
        gone.append(more)
        add_call(ledger, 0)
        assert isinstance(chain.verify(ledger), int)
    assert sum(gone, Pruned()) == Pruned(10, 8)
    assert [call.seq for call in newest(ledger, limit=-1)][-5:] == [19, 17, 15, 13, 11]
    assert all(more.entries <= 3 for more in gone)


def test_the_newest_entry_stays(ledger: sqlite3.Connection) -> None:
    """Whatever is asked for: what is written next goes on from it, and checkpoints know it."""
    checkpoint = dict([chain.head(ledger)])
    prune(ledger, Retention(row_days=1), NOW + timedelta(days=400), actor="anna")
    assert chain.verify(ledger, checkpoint) == 21


def test_what_left_in_another_way_is_a_gap(ledger: sqlite3.Connection) -> None:
    """Only a pruning explains a beginning that is gone."""
    prune(ledger, Retention(row_days=45), NOW, actor="anna")
    ledger.execute("DELETE FROM entry WHERE seq = 11")
    assert chain.verify(ledger) == Fault("gap", 1)


def test_old_bodies_leave_and_their_digests_stay(ledger: sqlite3.Connection) -> None:
    """A body that a newer call names too stays for it."""
    assert prune(ledger, Retention(body_days=45), NOW, actor="anna") == Pruned(0, 5)
    assert chain.verify(ledger) == 21
    said = newest(ledger, limit=-1)[-1]
    assert chain.read_body(ledger, said.seq, said.request["body"]) is None
    assert said.answer is not None
    assert said.answer_seq is not None
    assert chain.read_body(ledger, said.answer_seq, said.answer["body"]) == LARGE


def test_a_call_whose_outcome_is_open_is_never_pruned(ledger: sqlite3.Connection) -> None:
    """What may have happened must still be settled, so its call stays, and all that came after."""
    held = claim(ledger, "open", "x/brand", "x.post.create", {})
    number = add_call(ledger, 60, "open")
    mark_sent(ledger, "open", held.attempt, 1, again=False, call=number)
    add_call(ledger, 60)
    prune(ledger, Retention(row_days=1), NOW + timedelta(days=90), actor="anna")
    assert isinstance(chain.verify(ledger), int)
    assert [call.seq for call in newest(ledger)] == [number + 2, number]


def test_a_ledger_over_its_size_loses_the_oldest(ledger: sqlite3.Connection) -> None:
    """The newest stay as far as they fit."""
    pick = random.Random(3)
    for _ in range(3000):
        chain.append(ledger, "call", micros(NOW), {"text": pick.randbytes(300).hex()}, **WHO)
    prune(ledger, Retention(max_mb=1), NOW, actor="anna")
    (size,) = ledger.execute("SELECT sum(length(data)) FROM entry").fetchone()
    assert 500_000 < size < 1_000_000
    assert isinstance(chain.verify(ledger), int)


def checked(path: Path) -> tuple[int, str]:
    """How the script ends that checks an export, alone with the standard library, and what it says."""
    command = [sys.executable, "-I", "-S", str(Path(verify_export.__file__)), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def forged(path: Path, lines: Sequence[str]) -> tuple[int, str]:
    """The same for a file that was changed, whose manifest was made to fit."""
    manifest = path.with_name(f"{path.name}.manifest.json")
    path.write_text("".join(lines))
    assert "not the one that the manifest names" in checked(path)[1]
    manifest.write_text(
        json.dumps(json.loads(manifest.read_text()) | {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()})
    )
    return checked(path)


@pytest.mark.parametrize("pruned", [False, True])
def test_a_whole_export_proves_itself_without_us(ledger: sqlite3.Connection, tmp_path: Path, pruned: bool) -> None:
    """The script needs nothing but the standard library, and names what was done to the file."""
    if pruned:
        prune(ledger, Retention(row_days=45), NOW, actor="anna")
    path = tmp_path / "calls.jsonl"
    export(ledger, path, "jsonl")
    assert checked(path) == (0, "every entry is there, and none was altered\n")
    lines = path.read_text().splitlines(keepends=True)
    for altered, words in (
        ([*lines[:3], *lines[4:]], "is missing"),
        ([line.replace("201", "200") for line in lines], "was altered"),
        (lines[:-1], "are missing"),
    ):
        code, said = forged(path, altered)
        assert (code, words in said) == (1, True), said


def test_a_manifest_that_counts_other_calls_is_named(ledger: sqlite3.Connection, tmp_path: Path) -> None:
    """How many there are is read there first."""
    path = tmp_path / "calls.jsonl"
    export(ledger, path, "jsonl")
    manifest = path.with_name("calls.jsonl.manifest.json")
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"calls": 9}))
    assert checked(path) == (1, "there are 10 calls, and the manifest speaks of others\n")


@pytest.mark.parametrize(
    ("place", "other", "words"),
    [
        (18, {"request": {"cost": {}}}, "call 19 was altered: its entry"),
        (18, {"account": "x/other"}, "call 19 was altered: its entry"),
        (18, {"at": "2026-11-01T09:00:00+00:00"}, "call 19 was altered: its entry"),
        (18, {"outcome": "rejected"}, "call 19 was altered: entry 20"),
        (18, {"answer": {"status": 403}}, "call 19 was altered: entry 20"),
        (18, {"answered_at": None}, "call 19 was altered: entry 20"),
        (19, {"outcome": "ok"}, "call 20 was altered: its entry"),
        (20, {"outcome": "ok"}, "call 21 was altered: it has no answer"),
    ],
)
def test_what_an_export_says_for_people_is_what_its_entries_say(
    ledger: sqlite3.Connection, tmp_path: Path, place: int, other: dict[str, Any], words: str
) -> None:
    """It stands beside them in each line, and whoever reads the file reads that."""
    chain.append(ledger, "call", micros(NOW), {"cost": {}}, **WHO)
    path = tmp_path / "calls.jsonl"
    export(ledger, path, "jsonl")
    assert checked(path)[0] == 0
    lines = path.read_text().splitlines(keepends=True)
    lines[place] = json.dumps(json.loads(lines[place]) | other) + "\n"
    code, said = forged(path, lines)
    assert (code, words in said) == (1, True), said


@pytest.mark.parametrize("look", [chain.verify, partial(chain.whole, checkpoints={})])
def test_what_is_pruned_meanwhile_is_no_fault(
    ledger: sqlite3.Connection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[sqlite3.Connection], object],
) -> None:
    """The service may prune while a person checks: what is checked is the ledger of one moment."""
    found = chain.anchor

    def overtaken(connection: sqlite3.Connection) -> tuple[int, bytes]:
        begins = found(connection)
        prune(ledger, Retention(row_days=50), NOW, actor="service")
        return begins

    monkeypatch.setattr(chain, "anchor", overtaken)
    reader = connect(tmp_path / "a.db", readonly=True)
    assert look(reader) == 20
    reader.close()
