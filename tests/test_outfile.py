"""Files that a person asked for: whole, or as they were; and none in place of what an installation lives by."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from automator.outfile import replaced


def write(path: Path, text: str) -> None:
    with replaced(path) as out:
        out.write(text)


def write_half(path: Path, text: str) -> NoReturn:
    with replaced(path) as out:
        out.write(text)
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    """A full disk costs the new one, not the old one; who might read that may read its successor, and nobody else."""
    file = tmp_path / "calls.jsonl"
    write(file, "old")
    file.chmod(0o600)

    with pytest.raises(OSError, match="No space"):
        write_half(file, "ne")
    assert file.read_text() == "old"
    write(file, "new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["calls.jsonl"]


def test_of_two_that_write_one_file_each_is_whole(tmp_path: Path) -> None:
    """The later one stands; neither has a piece of the other."""
    with replaced(tmp_path / "calls.jsonl") as first:
        first.write("first")
        write(tmp_path / "calls.jsonl", "the second one")
    assert (tmp_path / "calls.jsonl").read_text() == "first"


def test_a_link_stays_one(tmp_path: Path) -> None:
    """It is the file that it leads to that is written."""
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


@pytest.mark.parametrize("name", ["automator.db", "automator.db-wal", "config.toml", "vault.json", "vault.key"])
def test_what_an_installation_lives_by_is_not_written_over(tmp_path: Path, name: str) -> None:
    """A slip of the completion would cost the record of what went out, or all keys; elsewhere it is a name like any."""
    (tmp_path / "home").mkdir()
    for own in {name, "automator.db"}:
        (tmp_path / "home" / own).write_text("precious")
    (tmp_path / "link").symlink_to(tmp_path / "home" / name)
    for path in (tmp_path / "home" / name, tmp_path / "link"):
        with pytest.raises(PermissionError, match="an installation of Automator lives by that file"):
            write(path, "an export")
    assert (tmp_path / "home" / name).read_text() == "precious"
    write(tmp_path / name, "an export")
