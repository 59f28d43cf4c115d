"""Whatever goes wrong in a command is one sentence on standard error, on a line of its own, and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import typer

from automator.cli.common import asking, fail, told
from connectors.base import NotNow


@contextmanager
def spinning() -> Iterator[None]:
    """What moves at a terminal until it is left."""
    try:
        yield
    finally:
        print("still", file=sys.stderr)


@pytest.mark.parametrize(
    ("error", "sentence", "code"),
    [
        (fail("no", 2), "no", 2),
        (NotNow(None, "busy"), "busy", 1),
        (KeyboardInterrupt(), "stopped; what was begun is on the record, and is taken up again", 130),
        (ZeroDivisionError("secret"), "a mistake in Automator (ZeroDivisionError); run it with", 1),
    ],
)
def test_it_is_said_when_nothing_moves_any_more(
    capsys: pytest.CaptureFixture[str], error: BaseException, sentence: str, code: int
) -> None:
    """Else it would stand behind the spinner, and be drawn over."""

    @told
    async def command() -> None:
        with spinning():
            raise error

    with pytest.raises(typer.Exit) as ended:
        command()
    said = capsys.readouterr().err
    assert ended.value.exit_code == code
    assert said.startswith(f"still\nautomator: {sentence}")
    assert said.count("\n") == 2


def test_who_can_t_be_asked_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """And that nothing was done."""

    @told
    async def command() -> None:
        with asking("tiny/main"):
            raise NotNow(None, "busy")

    with pytest.raises(typer.Exit):
        command()
    assert (
        capsys.readouterr().err == "automator: tiny/main can't be asked now: busy; nothing was done, try again later\n"
    )
