"""Numbers and days that nobody means: refused with what may be given, before anything is done."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Shell

HUGE = "9" * 20


@pytest.mark.parametrize(
    "command",
    [
        ("calls", "show", HUGE),
        ("calls", "list", "--limit", HUGE),
        ("calls", "events", "--limit", HUGE),
        ("calls", "prune", "--row-days", "999999999"),
        ("calls", "prune", "--body-days", HUGE),
        ("limits", "set", "x/brand", "credit", HUGE),
        ("run-due", "--wait", "1e308"),
        ("accounts", "add", "x/two", "--sign-in", "--client-id", "app", "--port", "99999"),
        ("sandbox", "--state", "never-made", "--lists-lag", "1e300"),
        ("sandbox", "--state", "never-made", "--clock-ahead", "nan"),
    ],
)
def test_a_number_that_is_too_large_is_wrong_usage(shell: Shell, command: tuple[str, ...]) -> None:
    """It says so, and is no mistake in Automator."""
    said = shell.run(*command, code=2)
    assert "Invalid value" in said


@pytest.mark.parametrize("command", [("posts", "stats"), ("accounts", "reconcile", "x/brand"), ("calls", "list")])
def test_a_day_is_enough_to_say_since_when(shell: Shell, command: tuple[str, ...]) -> None:
    """It begins at midnight, for every command alike."""
    shell.run(*command, "--since", "2026-11-01")


def test_a_restored_copy_may_be_dated_by_its_day(shell: Shell) -> None:
    """Nobody remembers the minute."""
    shell.run("restored", "--since", "2026-11-01")
