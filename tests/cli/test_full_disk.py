"""A full disk, a locked or broken database, a folder that can't be written: one sentence, and nothing lost or doubled."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

NOTHING, SHARED, LITTLE = 0, 32_768, 60_000  #: room for no byte; for SQLite's shared memory; for a few writes


@pytest.mark.parametrize("room", [NOTHING, SHARED])
def test_a_post_that_can_t_be_kept_is_not_planned(shell: Shell, room: int) -> None:
    """The person hears that it was not, and by trying again has it once."""
    text = f"With room for {room}"
    said = shell.run("post", text, "--to", "bluesky/brand", "--at", "in 10 minutes", room=room, code=1)
    assert "disk" in said
    assert text not in shell.run("posts", "list")
    shell.run("post", text, "--to", "bluesky/brand", "--at", "in 10 minutes")
    assert shell.run("posts", "list").count(text) == 1


@pytest.mark.parametrize("name", [pytest.param("x", marks=pytest.mark.long), "bluesky"])
def test_what_can_t_be_recorded_does_not_go_out_and_nothing_goes_out_twice(shell: Shell, name: str) -> None:
    """However full the disk is when the worker runs: a post without a record never leaves; with room it goes out once."""
    text = f"Full disk on {name}"
    shell.run("post", text, "--to", f"{name}/brand")
    for room in (NOTHING, SHARED):
        assert "disk" in shell.run("run-due", room=room, code=1)
        assert text not in json.dumps(shell.world())
    size = (shell.home / "automator.db").stat().st_size
    for room in (LITTLE, 2 * LITTLE, size):
        shell.run("run-due", room=room, code=None)
        assert json.dumps(shell.world()).count(text) <= 1
    shell.run("run-due", "--wait", "120")
    assert json.dumps(shell.world()).count(text) == 1
    (post,) = [item for item in json.loads(shell.run("posts", "list", "--json")) if item["texts"] == [text]]
    assert post["state"] == "done"
    assert "none altered" in shell.run("calls", "verify")


def test_a_database_that_another_program_holds_is_told(shell: Shell) -> None:
    """A backup tool that locks the file for long costs a sentence, not a post."""
    other = sqlite3.connect(shell.home / "automator.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    said = shell.run("post", "While locked", "--to", "x/brand", code=1)
    other.execute("ROLLBACK")
    other.close()
    assert "locked" in said
    assert "While locked" not in shell.run("posts", "list")


@pytest.mark.parametrize("command", [("doctor",), ("posts", "list"), ("run-due",)])
def test_a_file_that_is_no_database_is_told(shell: Shell, tmp_path: Path, command: tuple[str, ...]) -> None:
    """It is named, and left as it is."""
    file = tmp_path / "automator.db"
    file.write_text("This was a database once, and somebody edited it.")
    said = shell.run(*command, "--home", str(tmp_path), code=1)
    assert str(file) in said
    assert file.read_text().startswith("This was")


def test_a_folder_that_can_t_be_made_is_told(shell: Shell, tmp_path: Path) -> None:
    """The sentence names it."""
    (tmp_path / "file").write_text("")
    said = shell.run("init", "--home", str(tmp_path / "file" / "home"), code=1)
    assert "file/home: Not a directory" in said


@pytest.mark.parametrize("command", ["posts list", "notices", "calls list", "calls verify", "run-due", "init"])
def test_a_folder_that_one_may_not_write_to_is_told(tmp_path: Path, command: str) -> None:
    """It is said that a right is missing, not that the disk is full."""
    shell = Shell(tmp_path)
    shell.run("init", "--vault", "file")
    shell.home.chmod(0o500)
    said = shell.run(*command.split(), code=1, powers=False)
    shell.home.chmod(0o700)
    assert f"you may not write to {shell.home}" in said
    assert "disk" not in said


@pytest.mark.parametrize("command", ["posts list", "calls list", "calls export --to /dev/null", "doctor", "init"])
def test_a_folder_that_one_may_not_read_is_told(tmp_path: Path, command: str) -> None:
    """Also by the commands that audit it."""
    shell = Shell(tmp_path)
    shell.run("init", "--vault", "file")
    shell.home.chmod(0)
    said = shell.run(*command.split(), code=1, powers=False)
    shell.home.chmod(0o700)
    assert said == f"automator: {shell.home / 'automator.db'}: Permission denied\n"
