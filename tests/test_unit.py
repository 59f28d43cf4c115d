"""Starting with the machine: what the service manager is given."""

from __future__ import annotations

import os
import plistlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from automator import unit
from automator.unit import UnitError


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose service manager writes down what it is told."""
    programs, log = tmp_path / "bin", tmp_path / "said"
    programs.mkdir()
    for name in ("systemctl", "loginctl", "launchctl"):
        (programs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{log}"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return log


def test_systemd_is_told_and_told_off(said: Path, tmp_path: Path) -> None:
    """It starts now, with the machine, and without anybody logged in; removing leaves nothing."""
    made = unit.unit(tmp_path / "my home", platform="linux")
    unit.install(made)
    assert said.read_text().splitlines() == [
        "systemctl --user daemon-reload",
        "systemctl --user enable --now automator",
        "loginctl enable-linger",
    ]
    assert f'"{tmp_path}/my home"' in made.path.read_text()
    assert unit.remove(made)
    assert not made.path.exists()
    assert not unit.remove(made)


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_another_installation_is_not_taken_out_of_service(said: Path, tmp_path: Path, platform: str) -> None:
    """Its posts would be missed without a word: neither installing nor removing a second one touches the first."""
    home = tmp_path / 'one & <two> "100%" $HOME \\'
    home.mkdir()
    (home / "automator.db").touch()
    first = unit.unit(home, platform=platform)
    second = unit.unit(tmp_path / "one", platform=platform)
    unit.install(first)
    before = said.read_text()
    for change in (unit.install, unit.remove):
        with pytest.raises(UnitError, match=f"serves {re.escape(str(home))}"):
            change(second)
    assert (first.path.read_bytes(), said.read_text()) == (first.content, before)
    unit.install(first)
    assert unit.remove(first)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not on this machine")
def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    """Its own checker finds nothing wrong, whatever the folder is called."""
    home = tmp_path / 'a "b" 100% $HOME'
    home.mkdir()
    path = tmp_path / "automator.service"
    path.write_bytes(unit.unit(home, platform="linux").content)
    checker = shutil.which("systemd-analyze") or ""
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    done = subprocess.run(
        [checker, "--user", "verify", str(path)], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_launchd_is_told(said: Path, tmp_path: Path) -> None:
    """The agent runs at login and is started again when it ends."""
    made = unit.unit(tmp_path, platform="darwin")
    unit.install(made)
    agent = plistlib.loads(made.path.read_bytes())
    assert agent["ProgramArguments"][-4:] == ["automator", "serve", "--home", str(tmp_path)]
    assert agent["KeepAlive"] is True
    assert said.read_text().startswith("launchctl bootstrap gui/")


def test_a_machine_without_a_service_manager_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is left behind."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with pytest.raises(UnitError, match="is not on this machine"):
        unit.install(unit.unit(tmp_path, platform="linux"))
    assert not (tmp_path / "config").exists()


def test_a_service_manager_that_refuses_is_quoted(said: Path, tmp_path: Path) -> None:
    """Its own words say what is wrong."""
    refusing = tmp_path / "bin" / "systemctl"
    refusing.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    with pytest.raises(UnitError, match="Failed to connect to bus"):
        unit.install(unit.unit(tmp_path, platform="linux"))
    assert not (tmp_path / "config" / "systemd" / "user" / "automator.service").exists()


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_service_is_started_anew_by_another_install(said: Path, tmp_path: Path, platform: str) -> None:
    """What runs would go on with the old folder, and launchd refuses what is loaded already."""
    unit.install(unit.unit(tmp_path / "old", platform=platform))
    said.unlink()
    made = unit.unit(tmp_path / "new", platform=platform)
    unit.install(made)
    assert said.read_text().splitlines() == [" ".join(command) for command in (made.stop[0], *made.start)]
    assert b"new" in made.path.read_bytes()
