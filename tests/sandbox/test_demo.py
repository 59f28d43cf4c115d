"""``automator demo``: what it says to type next."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from automator.sandbox.demo import next_steps
from tests.sandboxed import ROOT


@pytest.mark.skipif(not Path(sys.executable).with_name("activate").exists(), reason="this is no .venv")
def test_what_is_typed_next_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a shell that has not heard of the program, as one is after ``make demo`` in a fresh clone."""
    monkeypatch.chdir(ROOT)
    enter, *then = next_steps(None, sys.executable).removeprefix("Next: ").split(", then ")
    home = shlex.quote(str(tmp_path / "home"))
    script = f"{enter} && {then[0]} --vault file --home {home}"
    done = subprocess.run(
        ["/bin/sh", "-c", script], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "is ready" in done.stdout


def test_a_program_that_is_found_is_named_alone() -> None:
    """Where it is installed there is nothing to enter."""
    assert next_steps("/usr/bin/automator", sys.executable).startswith("Next: automator init, then ")
