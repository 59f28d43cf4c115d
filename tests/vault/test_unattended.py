"""Whether cron and the service open the same vault is found out by trying it in environments like theirs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from automator.vault import kek, unattended
from automator.vault.choose import choose

SHELL = {"HOME": "/home/anna", "PATH": "/opt/bin", "XDG_RUNTIME_DIR": "/run/user/7", "AUTOMATOR_KEY_FILE": "/k"}


def trouble(home: Path, environ: Mapping[str, str]) -> str | None:
    here = choose(home, "file", environ).check()
    return unattended.trouble(home, "file", here, unattended.cron({**os.environ, **environ}))


def test_an_installation_s_own_key_opens_everywhere(tmp_path: Path) -> None:
    """What `init --vault file` makes needs nothing of a shell's environment."""
    kek.new_key_file(tmp_path / "vault.key")
    assert trouble(tmp_path, {}) is None


def test_a_key_that_only_a_shell_names_is_told_of(tmp_path: Path) -> None:
    """Posts planned in a terminal would fail from cron, which must not be found out at night."""
    key = tmp_path / "elsewhere.key"
    kek.new_key_file(key)
    assert "AUTOMATOR_KEY_FILE" in str(trouble(tmp_path, {"AUTOMATOR_KEY_FILE": str(key)}))


def test_another_vault_than_the_shell_s_is_told_of(tmp_path: Path) -> None:
    """It opens, but with another key than the one that holds the accounts."""
    for name in ("vault.key", "elsewhere.key"):
        kek.new_key_file(tmp_path / name)
    assert "vault.key" in str(trouble(tmp_path, {"AUTOMATOR_KEY_FILE": str(tmp_path / "elsewhere.key")}))


def test_a_vault_that_never_opens_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A keyring that asks for a passphrase where nobody is does not hold up the doctor."""
    monkeypatch.setattr(unattended, "PATIENCE", 0.0)
    assert "did not open" in str(unattended.trouble(tmp_path, "file", "", {}))


def test_environments_are_as_bare_as_the_real_ones() -> None:
    """Nothing of a shell's own settings reaches them; the session's bus reaches the service alone."""
    assert unattended.cron(SHELL) == {"HOME": "/home/anna", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    assert unattended.service(SHELL) == {**unattended.cron(SHELL), "XDG_RUNTIME_DIR": "/run/user/7"}
