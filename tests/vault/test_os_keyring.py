"""The operating system's keyring is used only when it really keeps keys, and keeps them closed."""

from __future__ import annotations

import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.chainer import ChainerBackend
from keyring.backends.fail import Keyring as FailKeyring
from keyring.backends.null import Keyring as NullKeyring
from keyring.errors import KeyringLocked, PasswordDeleteError

from automator.vault.choose import choose
from automator.vault.os_keyring import OsKeyring, refusal
from automator.vault.store import VaultError


class Desktop(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self, *, drops: bool = False, locked: bool = False) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}
        self.drops = drops
        self.locked = locked

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise KeyringLocked("canary")
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if not self.drops:
            self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.locked:
            raise KeyringLocked("canary")
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError("not found")


class PlaintextKeyring(Desktop):
    """Called as the one that keeps keys in the open."""


def test_keys_go_in_and_come_out(tmp_path: Path) -> None:
    """Every version of every account is a key of its own."""
    vault = OsKeyring("automator:test", tmp_path / "lock", Desktop())
    vault.put("x/brand", 1, {"api_key": "a"})
    vault.put("x/brand", 2, {"api_key": "b"})
    assert vault.get("x/brand", 1) == {"api_key": "a"}
    vault.delete("x/brand", 1)
    vault.delete("x/brand", 1)
    assert vault.get("x/brand", 1) is None
    assert "keyring" in vault.check()


def test_processes_that_look_at_once_do_not_meet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cron's `run-due` begins beside the service's second process; neither takes the other's probe for a loss."""

    class Shared(Desktop):
        def set_password(self, service: str, username: str, password: str) -> None:
            super().set_password(service, username, password)
            if os.getpid() == 1:
                monkeypatch.setattr(os, "getpid", lambda: 2)
                OsKeyring(service, tmp_path / "lock", self).check()
                monkeypatch.setattr(os, "getpid", lambda: 1)

    monkeypatch.setattr(os, "getpid", lambda: 1)
    shared = Shared()
    assert "keyring" in OsKeyring("automator:test", tmp_path / "lock", shared).check()
    assert not shared.held


def test_two_renewals_of_one_process_do_not_meet_either(tmp_path: Path) -> None:
    """Tokens of two accounts end at once; each renewal looks first whether the keyring takes what comes of it."""
    both = threading.Barrier(2)

    class Slow(Desktop):
        def set_password(self, service: str, username: str, password: str) -> None:
            super().set_password(service, username, password)
            with suppress(threading.BrokenBarrierError):
                both.wait(timeout=0.2)

    vault = OsKeyring("automator:test", tmp_path / "lock", Slow())
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(vault.ready) for _ in range(2)]:
            done.result()


def test_a_keyring_that_drops_keys_without_a_word_is_found_out(tmp_path: Path) -> None:
    """A key that can't be read back was not stored."""
    with pytest.raises(VaultError, match="did not keep"):
        OsKeyring("automator:test", tmp_path / "lock", Desktop(drops=True)).put("x/brand", 1, {"api_key": "a"})


def test_a_locked_keyring_is_told_without_its_own_words(tmp_path: Path) -> None:
    """A backend's error text may hold anything, so it is not passed on."""
    with pytest.raises(VaultError, match="locked") as told:
        OsKeyring("automator:test", tmp_path / "lock", Desktop(locked=True)).get("x/brand", 1)
    assert "canary" not in str(told.value)


@pytest.mark.parametrize("held", ["", "canary", "[]", "7", '{"api_key": '])
def test_what_another_program_put_there_is_told(tmp_path: Path, held: str) -> None:
    """Also what a person wrote over it; nothing of it is repeated."""
    desktop = Desktop()
    desktop.held["automator:test", "x/brand#1"] = held
    with pytest.raises(VaultError, match=r"the keyring holds no key of x/brand that can be read") as told:
        OsKeyring("automator:test", tmp_path / "lock", desktop).get("x/brand", 1)
    assert "canary" not in f"{told.value!r} {told.value.__cause__!r}"


def test_a_keyring_that_is_locked_while_a_key_is_taken_out_is_told(tmp_path: Path) -> None:
    """As one that is locked before: a sentence that whoever calls knows, and none of its own."""
    desktop = Desktop()
    vault = OsKeyring("automator:test", tmp_path / "lock", desktop)
    vault.put("x/brand", 1, {"api_key": "a"})
    desktop.locked = True
    with pytest.raises(VaultError, match="locked") as told:
        vault.delete("x/brand", 1)
    assert "canary" not in str(told.value)
    with pytest.raises(VaultError, match="locked"):
        vault.ready()


@pytest.mark.parametrize("backend", [FailKeyring(), NullKeyring(), PlaintextKeyring()])
def test_backends_that_keep_keys_in_the_open_are_refused(tmp_path: Path, backend: KeyringBackend) -> None:
    """By name, before a key is handed to them."""
    assert refusal(backend)
    with pytest.raises(VaultError):
        OsKeyring("automator:test", tmp_path / "lock", backend).put("x/brand", 1, {"api_key": "a"})


def test_a_chain_with_a_weak_member_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain would fall back to its weakest member."""
    monkeypatch.setattr(ChainerBackend, "backends", [Desktop(), PlaintextKeyring()])
    assert refusal(ChainerBackend())
    monkeypatch.setattr(ChainerBackend, "backends", [])
    assert refusal(ChainerBackend())
    monkeypatch.setattr(ChainerBackend, "backends", [Desktop()])
    assert refusal(ChainerBackend()) is None


def test_keys_move_with_their_folder_but_not_with_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that was moved needs no keys anew; what is done in a copy of it does not touch the first one's keys."""
    desktop = Desktop()
    monkeypatch.setattr(keyring, "get_keyring", lambda: desktop)
    first, moved, copy = (tmp_path / name for name in ("first", "moved", "copy"))
    first.mkdir()
    (first / "automator.db").touch()
    choose(first, "keyring", {}).put("x/brand", 1, {"api_key": "a"})
    assert choose(first, "keyring", {}).get("x/brand", 1) == {"api_key": "a"}
    shutil.copytree(first, copy)
    assert choose(copy, "keyring", {}).get("x/brand", 1) is None
    first.rename(moved)
    assert choose(moved, "keyring", {}).get("x/brand", 1) == {"api_key": "a"}
