"""A copy of an installation that works too would post everything twice; one that was moved goes on."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from automator import place
from automator.db import connect
from automator.place import Place, copied, here, note, trouble
from automator.schema import create

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEFORE = Place("laptop", 7, Path("/home/a/automator.db"))


@pytest.mark.parametrize(
    ("now", "still", "copy"),
    [
        (BEFORE, True, False),
        (replace(BEFORE, file=8), True, False),  # a backup was put back
        (replace(BEFORE, path=Path("/srv/automator.db")), False, False),  # moved
        (replace(BEFORE, path=Path("/srv/automator.db"), file=8), False, False),  # moved to another disk
        (replace(BEFORE, path=Path("/srv/automator.db"), file=8), True, True),
        (replace(BEFORE, path=Path("/srv/automator.db")), True, True),  # a snapshot keeps the numbers of files
        (replace(BEFORE, machine="another container"), True, False),
        (replace(BEFORE, machine="another container", path=Path("/data/automator.db")), True, False),
        (replace(BEFORE, machine="server", file=8), False, True),
        (replace(BEFORE, machine="server", file=8), True, True),
    ],
)
def test_a_copy_is_told_from_what_was_moved(now: Place, still: bool, copy: bool) -> None:
    """By where it lies, by the machine, and by the file itself."""
    assert copied(BEFORE, now, still=still) is copy


def test_a_folder_may_be_moved_and_a_copy_of_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a space in its name, by a link, or to another machine; what is said names both ways on."""
    first, second, third = (tmp_path / name / "automator.db" for name in ("my home", "moved", "copy"))
    first.parent.mkdir()
    create(first)
    with closing(connect(first)) as tx:
        assert trouble(tx, here(first)) == ""
        note(tx, here(first), NOW)
        assert place.known(tx) == here(first)
    (tmp_path / "link").symlink_to(first.parent)
    first.parent.rename(second.parent)
    with closing(connect(second)) as tx:
        assert trouble(tx, here(second)) == ""
        note(tx, here(second), NOW)
    shutil.copytree(second.parent, third.parent)
    with closing(connect(third)) as tx:
        why = trouble(tx, here(third))
        assert "is a copy of" in why
        assert "`automator restored`" in why
        monkeypatch.setattr(place, "_machine", lambda: "server")
        assert "of another machine" in trouble(tx, here(third))
        place.forget(tx)
        assert trouble(tx, here(third)) == ""
