"""A kind of bot is a file: what is said of it, it says itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from automator import trading
from automator.cli.app import program
from jobs.bots import kinds, strategies
from jobs.bots.kind import Kind
from jobs.bots.parameters import described

FILE = '''
from jobs.bots.kind import Kind
from jobs.bots.parameters import Model


class Hoard(Kind):
    """The parameters.

    Attributes:
        what: What it keeps.
    """

    bought = False
    names = "what"

    what: str

    def begin(self) -> Model:
        return Model()

    def told(self, state: Model) -> list[str]:
        return [f"it keeps {self.what}"]
'''


@pytest.fixture
def hoard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Kind]]:
    """A file more."""
    (tmp_path / "hoard.py").write_text(FILE, encoding="utf-8")
    monkeypatch.setattr(strategies, "__path__", [*strategies.__path__, str(tmp_path)])
    monkeypatch.setattr(kinds, "KINDS", {**kinds.KINDS, "hoard": kinds.held_by("hoard")})
    yield kinds.KINDS["hoard"]
    del sys.modules["jobs.bots.strategies.hoard"]


def test_each_is_called_as_its_file(hoard: type[Kind]) -> None:
    """And nothing else has to name it."""
    found = {path.stem for path in Path(strategies.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(kinds.KINDS) == found | {"hoard"}
    assert [one.name for one in described(hoard)] == ["what"]
    assert kinds.told("hoard", {"what": "gold"}, {}) == ["it keeps gold"]


def test_what_a_kind_does_not_say_is_as_usual(hoard: type[Kind]) -> None:
    """Also of a file of the user's, and of a kind that this version does not have."""
    assert (hoard.answers, hoard.hears, hoard.shows, hoard.bought) == (False, False, "exits", False)
    assert kinds.of("own") is kinds.of("what another version had") is Kind
    assert kinds.told("what another version had", {}, {}) == ()


def test_help_names_them_all() -> None:
    """As they are typed."""
    shown = CliRunner().invoke(program(), ["backtest", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    assert all(name in shown for name in kinds.KINDS)


def test_no_kind_is_named_where_bots_are_worked_on() -> None:
    """What must be known of one is asked of it."""
    folder = Path(trading.__file__).parent
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.py")}
    assert not [(file, name) for file, text in texts.items() for name in kinds.KINDS if f'kind == "{name}"' in text]
