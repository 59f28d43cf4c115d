"""``automator init``: what it says is wrong is mended by what it says to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Shell


@pytest.mark.parametrize("asked", [(), ("--vault", "keyring")])
def test_a_machine_without_a_keyring_is_ready_after_what_it_is_told(tmp_path: Path, asked: tuple[str, ...]) -> None:
    """The first try fails and says what to type; that makes the installation, whichever vault was asked for first."""
    shell = Shell(tmp_path)
    assert "run `automator init --vault file`" in shell.run("init", *asked, code=1)
    assert "is ready; keys are in the encrypted file" in shell.run("init", "--vault", "file")
    assert "is ready" in shell.run("init")


def test_a_folder_that_others_can_read_shows_them_nothing(tmp_path: Path) -> None:
    """Whoever made it beforehand did so with the usual rights; posts, orders and a webhook's address are no one else's."""
    shell = Shell(tmp_path)
    shell.home.mkdir(mode=0o755)
    shell.run("init", "--vault", "file")
    shell.run("halt")
    shared = {item.name for item in shell.home.iterdir() if item.is_file() and item.stat().st_mode & 0o077}
    assert shared == {"checkpoints.pub"}


def test_a_vault_that_config_toml_does_not_name_is_not_promised(tmp_path: Path) -> None:
    """An installation that exists is left as it is, and another vault than its own is refused, not ignored."""
    shell = Shell(tmp_path)
    shell.run("init", "--vault", "file")
    assert "config.toml says that the vault is 'file'" in shell.run("init", "--vault", "keyring", code=2)
    assert "encrypted file" in shell.run("init", "--vault", "file")
