"""What is cut off the end of the ledger, or rewritten as a whole, shows against the signed checkpoints."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from automator.db import connect
from automator.health import _ledger
from automator.ledger import chain, checkpoint
from automator.ledger.chain import Fault
from automator.ledger.checkpoint import BadCheckpoint
from automator.schema import create
from automator.vault.choose import own_file
from automator.vault.sealed_file import SealedFile
from automator.vault.store import Store

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
def vault(tmp_path: Path) -> SealedFile:
    return own_file(tmp_path)


@pytest.fixture
def ledger(tmp_path: Path, vault: SealedFile) -> sqlite3.Connection:
    """Five entries, a checkpoint, and two more."""
    create(tmp_path / "automator.db")
    connection = connect(tmp_path / "automator.db")
    for number in range(5):
        chain.append(connection, "event", number, {"what": "halt"})
    assert checkpoint.write(tmp_path, vault, connection, NOW) is not None
    for number in range(2):
        chain.append(connection, "event", number, {"what": "resume"})
    return connection


def test_an_untouched_ledger_holds(tmp_path: Path, ledger: sqlite3.Connection, vault: SealedFile) -> None:
    """A second checkpoint names the new head, a third that would say the same is not written."""
    assert chain.verify(ledger, checkpoint.read(tmp_path)) == 7
    assert checkpoint.write(tmp_path, vault, ledger, NOW) is not None
    assert checkpoint.write(tmp_path, vault, ledger, NOW) is None
    assert sorted(checkpoint.read(tmp_path)) == [5, 7]


def test_a_ledger_that_was_cut_shows(tmp_path: Path, ledger: sqlite3.Connection, vault: SealedFile) -> None:
    """Entries that a checkpoint names are missing, and nothing new is signed over the gap."""
    ledger.execute("DELETE FROM entry WHERE seq > 3")
    assert chain.verify(ledger, checkpoint.read(tmp_path)) == Fault("truncated", 4)
    assert checkpoint.write(tmp_path, vault, ledger, NOW) is None


def test_a_ledger_that_was_rewritten_shows(tmp_path: Path, ledger: sqlite3.Connection) -> None:
    """A chain that is whole, but another, is told by the first checkpoint that it does not meet."""
    ledger.execute("DELETE FROM entry")
    for number in range(7):
        chain.append(ledger, "event", number, {"what": "nothing happened"})
    assert chain.verify(ledger) == 7
    assert chain.verify(ledger, checkpoint.read(tmp_path)) == Fault("fork", 5)


@pytest.mark.parametrize(
    ("old", "new"), [('"count": 5', '"count": 4'), ("{", ""), ('"signature": "', '"signature": "00')]
)
def test_an_altered_checkpoint_shows(tmp_path: Path, ledger: sqlite3.Connection, old: str, new: str) -> None:
    """Whoever has no signing key can't make checkpoints fit."""
    path = tmp_path / checkpoint.FILE
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BadCheckpoint, match="line 1"):
        checkpoint.read(tmp_path)


def test_without_the_public_key_nothing_is_believed(tmp_path: Path, ledger: sqlite3.Connection) -> None:
    """Taking the key away does not make checkpoints pass."""
    (tmp_path / checkpoint.PUBLIC).unlink()
    with pytest.raises(BadCheckpoint, match="missing"):
        checkpoint.read(tmp_path)


def test_the_signing_key_is_only_in_the_vault(tmp_path: Path, ledger: sqlite3.Connection, vault: SealedFile) -> None:
    """Neither the database nor the files beside it hold it."""
    held = vault.get(checkpoint.ACCOUNT, 1)
    assert held is not None
    assert [path.name for path in tmp_path.iterdir() if held["key"].encode() in path.read_bytes()] == []


@pytest.mark.parametrize("left", [b'{"count": 7, "head": "ab', b'{"count": 7, "he\xff'])
def test_a_line_that_was_not_written_to_its_end_is_none(
    tmp_path: Path, ledger: sqlite3.Connection, vault: SealedFile, left: bytes
) -> None:
    """A full disk or a power cut is no tampering: what is before it counts, and the next checkpoint takes its place."""
    path = tmp_path / checkpoint.FILE
    path.write_bytes(path.read_bytes() + left)
    assert sorted(checkpoint.read(tmp_path)) == [5]
    assert checkpoint.write(tmp_path, vault, ledger, NOW) is not None
    assert sorted(checkpoint.read(tmp_path)) == [5, 7]
    assert left not in path.read_bytes()


def test_what_each_command_asks_of_checkpoints_takes_no_longer_after_years(
    tmp_path: Path, ledger: sqlite3.Connection, vault: SealedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cron starts one each minute: with fifty thousand lines each took a quarter of it to begin."""
    path, checked = tmp_path / checkpoint.FILE, list[int]()
    path.write_bytes(path.read_bytes() * 100)
    hold, whole = checkpoint._holds, checkpoint._whole
    monkeypatch.setattr(checkpoint, "_holds", lambda *of: checked.append(1) or hold(*of))
    monkeypatch.setattr(checkpoint, "_whole", lambda of: whole(of) if of.name != path.name else pytest.fail("read it"))
    assert checkpoint.reached(tmp_path) == 5
    assert checkpoint.write(tmp_path, vault, ledger, NOW) is not None
    assert (checkpoint.newest(tmp_path) or {})["count"] == checkpoint.reached(tmp_path) == 7
    assert len(checked) == 2


@pytest.mark.parametrize("old", [b'"head": "', b'"head": "x'])
def test_doctor_checks_one_signature_however_many_there_are(
    tmp_path: Path, ledger: sqlite3.Connection, vault: SealedFile, monkeypatch: pytest.MonkeyPatch, old: bytes
) -> None:
    """The last one vouches for the links before it, once they are recomputed; one that was altered shows all the same."""
    path, checked, hold = tmp_path / checkpoint.FILE, list[int](), checkpoint._holds
    path.write_bytes(path.read_bytes() * 100)
    assert checkpoint.write(tmp_path, vault, ledger, NOW) is not None
    monkeypatch.setattr(checkpoint, "_holds", lambda *of: checked.append(1) or hold(*of))
    assert _ledger(ledger, tmp_path) == ("7 entries, none altered or missing", True)
    assert len(checked) == 1
    head = path.read_bytes().partition(b'"head": "')[2][:2]
    path.write_bytes(path.read_bytes().replace(b'"head": "' + head, old + (b"00" if head != b"00" else b"11"), 100))
    assert not _ledger(ledger, tmp_path)[1]


def test_of_two_that_sign_at_once_the_one_that_reaches_further_is_last(
    tmp_path: Path, ledger: sqlite3.Connection, vault: SealedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a copy from between the two would pass for this ledger."""
    signing = checkpoint.signing_key

    def meanwhile(home: Path, store: Store) -> Ed25519PrivateKey:
        monkeypatch.undo()
        chain.append(ledger, "event", 9, {"what": "halt"})
        assert checkpoint.write(home, store, ledger, NOW) is not None
        return signing(home, store)

    monkeypatch.setattr(checkpoint, "signing_key", meanwhile)
    assert checkpoint.write(tmp_path, vault, ledger, NOW) is None
    assert checkpoint.reached(tmp_path) == 8


@pytest.mark.parametrize("left", [b"", b"\0" * (checkpoint.END - 10), b"\0" * 3 * checkpoint.END])
def test_the_last_checkpoint_is_found_before_what_a_power_cut_left(
    tmp_path: Path, ledger: sqlite3.Connection, left: bytes
) -> None:
    """Blocks that were never filled are no line; without one that names it, an older ledger would pass for this one."""
    with (tmp_path / checkpoint.FILE).open("ab") as file:
        file.write(left)
    assert checkpoint.reached(tmp_path) == 5


@pytest.mark.parametrize(("old", "new"), [('"count": 5', '"count": 4'), ("{", "")])
def test_a_last_checkpoint_that_was_altered_says_nothing(
    tmp_path: Path, ledger: sqlite3.Connection, old: str, new: str
) -> None:
    """An older copy of the ledger would pass for this one."""
    path = tmp_path / checkpoint.FILE
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(BadCheckpoint, match="last line"):
        checkpoint.reached(tmp_path)


def test_what_a_lost_key_has_signed_still_holds(
    tmp_path: Path, ledger: sqlite3.Connection, vault: SealedFile, caplog: pytest.LogCaptureFixture
) -> None:
    """A vault that had to be made anew does not make a liar of the ledger, and it is told of."""
    vault.delete(checkpoint.ACCOUNT, 1)
    assert checkpoint.write(tmp_path, vault, ledger, NOW) is not None
    assert sorted(checkpoint.read(tmp_path)) == [5, 7]
    assert "a new one signs from now on" in caplog.text
    public = (tmp_path / checkpoint.PUBLIC).read_text().splitlines()
    assert public[-1] == checkpoint.signing_key(tmp_path, vault).public_key().public_bytes_raw().hex()
    (tmp_path / checkpoint.PUBLIC).write_text(public[-1] + "\n")
    with pytest.raises(BadCheckpoint, match="line 1 was altered"):
        checkpoint.read(tmp_path)


def test_a_public_key_that_was_not_written_is_written_with_the_next_checkpoint(
    tmp_path: Path, ledger: sqlite3.Connection, vault: SealedFile
) -> None:
    """Whoever died between the two halves of the key left the vault's."""
    (tmp_path / checkpoint.PUBLIC).write_text("0123")
    assert checkpoint.write(tmp_path, vault, ledger, NOW) is not None
    assert sorted(checkpoint.read(tmp_path)) == [5, 7]
