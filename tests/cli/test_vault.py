"""A vault that does not open: what needs no key works all the same, and the rest says why before it begins."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from automator.db import connect
from automator.vault import choose
from automator.vault.store import VaultError
from tests.cli.conftest import Shell
from tests.cli.desk import Desk
from tests.sandboxed import read
from tests.trade.exchange import register
from tests.trade.server import exchange


@pytest.fixture
def shut(shell: Shell) -> Iterator[Shell]:
    """The key of its vault is somewhere else for a while."""
    key, away = shell.home / "vault.key", shell.home / "away.key"
    key.rename(away)
    yield shell
    away.rename(key)


def test_a_halt_needs_no_key(shut: Shell) -> None:
    """Whoever must stop everything at once can do so where the keyring is locked, and go on there too."""
    assert "everything is halted" in shut.run("halt", "--reason", "hurry")
    assert "everything is halted (hurry)" in shut.run("doctor", code=1)
    assert "everything goes on" in shut.run("resume")


def test_a_halt_does_not_wait_for_a_keyring_that_asks_for_its_passphrase(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sees the question over a bare connection; what stops everything is done before the vault is touched."""
    halted: list[object] = []

    def asks(*_: object) -> NoReturn:
        with closing(connect(shell.home / "automator.db", readonly=True)) as reader:
            halted.extend(reader.execute("SELECT name FROM halt"))
        raise VaultError("it waited for a passphrase")

    monkeypatch.setattr(choose, "choose", asks)
    shell.run("halt")
    assert halted == [("*",)]
    monkeypatch.undo()
    shell.run("resume")


def test_other_things_that_need_no_key(shut: Shell) -> None:
    """A post is taken back, a limit set, and notices are marked as read."""
    key, away = shut.home / "vault.key", shut.home / "away.key"
    away.rename(key)
    delivery = shut.run("post", "Taken back", "--to", "x/brand", "--at", "in 2 days").split()[-1]
    key.rename(away)
    assert "is cancelled" in shut.run("posts", "cancel", delivery)
    shut.run("limits", "set", "x/brand", "credit", "100000")
    shut.run("notices", "--clear")


def test_the_doctor_says_all_that_it_can(shut: Shell) -> None:
    """That the vault does not open is one thing among others that it tells."""
    said = shut.run("doctor", code=1)
    assert f"problem: the key that opens {shut.home / 'vault.json'} is not here" in said
    assert "none altered or missing" in said


def test_a_key_that_is_not_here_is_not_made_anew(shell: Shell, tmp_path: Path) -> None:
    """Another one opens nothing; the person is told where the right one may be, and what to do if it is lost."""
    moved = Shell(tmp_path)
    shutil.copytree(shell.home, moved.home)
    key, closed = moved.home / "vault.key", moved.home / "vault.json"
    key.unlink()
    assert f"put {key} back, or name it in AUTOMATOR_KEY_FILE" in moved.run("init", "--vault", "file", code=1)
    assert not key.exists()
    closed.unlink()
    moved.run("init", "--vault", "file")
    secrets = read(shell.state, "accounts")["x/brand"]["secrets"]
    moved.run("accounts", "rotate", "x/brand", "--secret-stdin", given=json.dumps(secrets))
    moved.run("accounts", "test", "x/brand")


def test_the_doctor_tells_of_altered_checkpoints_beside_all_else(shell: Shell) -> None:
    """A file that was tampered with is a problem, and not the end of the examination."""
    shell.run("accounts", "test", "x/brand")
    file = shell.home / "checkpoints.jsonl"
    whole = file.read_text()
    file.write_text(whole.replace('"count": ', '"count": 9', 1))
    said = shell.run("doctor", code=1)
    file.write_text(whole)
    assert "problem: checkpoints.jsonl, line 1 was altered" in said
    assert "oldest due run" in said


@pytest.mark.parametrize("command", ["serve", "run-due"])
def test_nothing_is_begun_with_a_wrong_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A service that looks as if it worked, and publishes nothing, would be noticed too late."""
    secret = tmp_path / "passphrase"
    secret.write_text("right\n")
    monkeypatch.setenv("AUTOMATOR_PASSPHRASE_FILE", str(secret))
    shell = Shell(tmp_path)
    shell.run("init", "--vault", "file")
    assert not (shell.home / "vault.key").exists(), "the passphrase is the key"
    shell.run("limits", "show")
    shell.run("halt")
    secret.write_text("wrong\n")
    assert "does not open" in shell.run(command, code=1)


def test_orders_that_a_halt_can_not_cancel_here_are_left_to_the_service(tmp_path: Path) -> None:
    """They are asked to be cancelled, and the person is told who does it."""
    register()
    desk = Desk(tmp_path)
    desk.run("init", "--vault", "file")
    with exchange(0.0) as desk.venue:
        desk.add()
        desk.place("buy", "--amount", "0.1", "--price", "29000")
        (desk.home / "vault.key").rename(tmp_path / "away.key")
        assert "left to `automator serve`: the key that opens" in desk.run("halt", "--cancel-orders", code=1)
        (tmp_path / "away.key").rename(desk.home / "vault.key")
        desk.run("run-due")
        assert [item["state"] for item in desk.venue.world()["orders"]] == ["cancelled"]


def test_keys_that_the_vault_has_lost_are_given_anew(shell: Shell, tmp_path: Path) -> None:
    """The command that a person is told to type mends it, and posts go out again."""
    moved = Shell(tmp_path)
    moved.state = shell.state
    shell.run("accounts", "test", "x/brand")
    shutil.copytree(shell.home, moved.home)
    (moved.home / "vault.json").unlink()
    lost = "the key of x/brand is no longer in the vault; put back a vault that has it, or give it anew with `automator"
    assert f"{lost} accounts rotate x/brand`" in moved.run("accounts", "test", "x/brand", code=2)
    assert f"problem: {lost}" in moved.run("doctor", code=1)
    secrets = json.dumps(read(shell.state, "accounts")["x/brand"]["secrets"])
    assert "has new keys" in moved.run("accounts", "rotate", "x/brand", "--secret-stdin", given=secrets)
    moved.run("restored")
    moved.run("post", "With the keys that were given anew", "--to", "x/brand", "--at", "now")
    moved.run("run-due")
    assert json.dumps(moved.world()).count("With the keys that were given anew") == 1
    assert "none altered" in moved.run("calls", "verify")
