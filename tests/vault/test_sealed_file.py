"""The encrypted file gives keys back to whoever has its key, and to nobody else."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automator.vault import choose, kek
from automator.vault.sealed_file import SealedFile
from automator.vault.store import VaultError

CANARY = "canary-5c1d/+=ü"


def passphrase(text: str = "right") -> kek.Kek:
    return kek.from_passphrase(text, "the passphrase", memory_kib=64, passes=1, lanes=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


@pytest.fixture
def vault(path: Path) -> SealedFile:
    return SealedFile(path, passphrase())


def test_a_key_comes_back_as_it_went_in(vault: SealedFile, path: Path) -> None:
    """Also to another process that has the passphrase."""
    vault.put("x/brand", 1, {"api_key": CANARY})
    vault.put("x/brand", 2, {"api_key": "next"})
    assert vault.get("x/brand", 1) == {"api_key": CANARY}
    assert SealedFile(path, passphrase()).get("x/brand", 2) == {"api_key": "next"}
    assert vault.get("x/other", 1) is None
    vault.delete("x/brand", 1)
    assert vault.get("x/brand", 1) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=25)
@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_any_text_can_be_a_key(vault: SealedFile, secrets: dict[str, str]) -> None:
    """Whatever characters a provider puts into its keys."""
    vault.put("any/one", 1, secrets)
    assert vault.get("any/one", 1) == secrets


def test_nothing_of_a_key_can_be_read_without_the_passphrase(vault: SealedFile, path: Path, tmp_path: Path) -> None:
    """Neither in the file, nor beside it, nor in what is printed of our objects."""
    vault.put("x/brand", 1, {"api_key": CANARY})
    everything = b"".join(item.read_bytes() for item in tmp_path.iterdir() if item.is_file())
    assert CANARY.encode() not in everything
    assert b"canary" not in everything
    assert CANARY not in repr(vault)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_wrong_passphrase_is_told_in_one_sentence(vault: SealedFile, path: Path) -> None:
    """The sentence names the source of the key and the file, and no key."""
    vault.put("x/brand", 1, {"api_key": CANARY})
    wrong = SealedFile(path, passphrase("wrong"))
    with pytest.raises(VaultError, match=r"the passphrase does not open .*vault\.json") as told:
        wrong.get("x/brand", 1)
    assert CANARY not in str(told.value)
    with pytest.raises(VaultError):
        wrong.put("x/brand", 2, {"api_key": "lost"})
    assert vault.get("x/brand", 1) == {"api_key": CANARY}


DERIVE_AT_ONCE = """
import threading
from automator.vault import kek
made = kek.from_passphrase("right", "the passphrase", memory_kib=64, passes=1)
threads = [threading.Thread(target=made.derive, args=(bytes(16),)) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_open_it_at_once_do_not_wait_for_each_other_for_ever() -> None:
    """The service begins so: its posts and its checkpoints need the vault in the same moment."""
    done = subprocess.run(
        [sys.executable, "-c", DERIVE_AT_ONCE], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_sealed_key_moved_to_another_account_is_refused(vault: SealedFile, path: Path) -> None:
    """Whoever can write the file can't make one account sign with another's key."""
    vault.put("x/brand", 1, {"api_key": CANARY})
    head = json.loads(path.read_text())
    head["keys"]["x/other#1"] = head["keys"]["x/brand#1"]
    path.write_text(json.dumps(head))
    with pytest.raises(VaultError, match="altered"):
        vault.get("x/other", 1)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff\xfe", b'{"format":1,"salt":"?","probe":null,"keys":{}}'])
def test_a_damaged_file_is_told_and_left_alone(vault: SealedFile, path: Path, content: bytes) -> None:
    """A damaged vault is never overwritten with an empty one."""
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(VaultError, match="damaged"):
        vault.put("x/brand", 1, {"api_key": CANARY})
    assert path.read_bytes() == content


@pytest.mark.parametrize("entry", ["", 7, {}, {"key": 1, "secret": 2}, {"key": "QUJD", "secret": "QUJD"}])
def test_a_key_that_was_damaged_is_told(vault: SealedFile, path: Path, entry: object) -> None:
    """Whoever edited the file by hand hears which one it is."""
    vault.put("x/brand", 1, {"api_key": CANARY})
    head = json.loads(path.read_text())
    head["keys"]["x/brand#1"] = entry
    path.write_text(json.dumps(head))
    with pytest.raises(VaultError, match=r"vault\.json"):
        vault.get("x/brand", 1)


def test_a_file_that_others_can_read_is_refused(vault: SealedFile, path: Path) -> None:
    """The sentence says how to put it right."""
    vault.put("x/brand", 1, {"api_key": CANARY})
    path.chmod(0o644)
    with pytest.raises(VaultError, match="chmod 600"):
        vault.get("x/brand", 1)


def test_a_crash_before_the_rename_leaves_the_old_file(
    vault: SealedFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk while storing a new key costs nothing that was there."""
    vault.put("x/brand", 1, {"api_key": CANARY})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VaultError, match="No space left"):
        vault.put("x/brand", 2, {"api_key": "next"})
    assert vault.get("x/brand", 1) == {"api_key": CANARY}
    assert sorted(item.name for item in path.parent.iterdir()) == ["vault.json", "vault.json.lock"]


def test_a_file_that_could_not_be_written_is_known_before_there_is_a_key_to_store(
    vault: SealedFile, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left behind by looking, and nothing is changed."""
    vault.put("x/brand", 1, {"api_key": CANARY})
    before = path.read_bytes()
    vault.ready()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for call in ("fsync", "open"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            with pytest.raises(VaultError, match="No space left"):
                vault.ready()
            with pytest.raises(VaultError, match="No space left"):
                vault.put("x/brand", 2, {"api_key": "next"})
    assert path.read_bytes() == before
    assert sorted(item.name for item in path.parent.iterdir()) == ["vault.json", "vault.json.lock"]


PUT = """
import sys, pathlib
from automator.vault import kek
from automator.vault.sealed_file import SealedFile
vault = SealedFile(pathlib.Path(sys.argv[1]), kek.from_file(pathlib.Path(sys.argv[2])))
for number in range(20):
    vault.put(f"x/{sys.argv[3]}-{number}", 1, {"key": sys.argv[3]})
"""


def test_two_processes_storing_at_once_lose_nothing(tmp_path: Path) -> None:
    """Forty keys stored by two processes side by side are all there."""
    kek.new_key_file(tmp_path / "vault.key")
    arguments = [sys.executable, "-c", PUT, str(tmp_path / "vault.json"), str(tmp_path / "vault.key")]
    children = [subprocess.Popen([*arguments, name]) for name in ("a", "b")]
    assert [child.wait(60) for child in children] == [0, 0]
    vault = SealedFile(tmp_path / "vault.json", kek.from_file(tmp_path / "vault.key"))
    assert all(vault.get(f"x/{who}-{number}", 1) == {"key": who} for who in "ab" for number in range(20))


def test_a_key_file_that_could_not_be_written_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of one would open nothing, and nobody would make another."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(kek.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            kek.new_key_file(tmp_path / "vault.key")
    assert list(tmp_path.iterdir()) == []
    kek.new_key_file(tmp_path / "vault.key")
    kek.from_file(tmp_path / "vault.key")


@pytest.mark.parametrize("links", [True, False])
def test_a_key_file_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    """Another one in its place would open nothing that the first has closed; also where a file has one name only."""

    def none(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(Path, "hardlink_to", none)
    kek.new_key_file(tmp_path / "vault.key")
    before = (tmp_path / "vault.key").read_bytes()
    seen = iter([not links])  # where there are links, the second one looks before the first is done
    monkeypatch.setattr(Path, "exists", lambda _: next(seen, True))
    kek.new_key_file(tmp_path / "vault.key")
    monkeypatch.undo()
    assert (tmp_path / "vault.key").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["vault.key"]
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600


def test_the_key_of_a_service_comes_before_the_home_s_own(tmp_path: Path) -> None:
    """A systemd credential is found by the folder that systemd names."""
    kek.new_key_file(tmp_path / "vault.key")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / kek.NAME).write_bytes(b"k" * 32)
    found = kek.find(tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}, tmp_path / "none")
    assert found is not None
    assert "credentials" in found.source


def test_two_different_keys_are_a_question_not_a_guess(tmp_path: Path) -> None:
    """When the environment names two keys that differ, nothing is opened."""
    kek.new_key_file(tmp_path / "one")
    (tmp_path / "words").write_text("some words\n")
    both = {"AUTOMATOR_KEY_FILE": str(tmp_path / "one"), "AUTOMATOR_PASSPHRASE_FILE": str(tmp_path / "words")}
    with pytest.raises(VaultError, match="different keys"):
        kek.find(tmp_path, both, tmp_path / "none")


def test_a_key_file_open_to_others_is_refused(tmp_path: Path) -> None:
    """Our own key file must be ours alone."""
    kek.new_key_file(tmp_path / "vault.key")
    (tmp_path / "vault.key").chmod(0o640)
    with pytest.raises(VaultError, match="chmod 600"):
        kek.find(tmp_path, {}, tmp_path / "none")


def test_without_keyring_and_key_the_ways_out_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a bare server one sentence says what to do."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    for kind in ("auto", "keyring"):
        with pytest.raises(VaultError, match="init --vault file"):
            choose.choose(tmp_path, kind, {})
