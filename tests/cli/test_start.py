"""A command that only shows something starts at once: what takes long to load is loaded by those that need it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.cli.conftest import Shell
from tests.sandboxed import ROOT

SLOW = ("sqlalchemy", "sqlmodel", "aiohttp", "keyring", "cryptography.hazmat", "alembic")
RUN = f"""
import atexit, json, sys
from automator.__main__ import main
atexit.register(lambda: print(json.dumps([name for name in {SLOW!r} if name in sys.modules]), file=sys.stderr))
main()
"""


def loaded(shell: Shell, *arguments: str) -> list[str]:
    """What of the slow modules a command has loaded by its end."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        env=os.environ | shell._environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return list(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "posts list",
        "posts list --week --json",
        "posts stats",
        "accounts list",
        "notices",
        "limits",
        "limits x/brand",
        "calls list",
        "calls stats",
    ],
)
def test_a_list_loads_nothing_that_is_slow(shell: Shell, command: str) -> None:
    """Neither the tables' classes, nor what makes calls, nor the vault."""
    assert loaded(shell, *command.split()) == []


def test_cron_starts_what_makes_calls_and_no_more(shell: Shell) -> None:
    """A command of every minute does not load the tables' classes, which take a third of its time."""
    found = loaded(shell, "run-due")
    assert "aiohttp" in found  # what is slow would be seen
    assert {"sqlalchemy", "sqlmodel", "alembic"}.isdisjoint(found)
