"""A person's shell: the program is run as they would run it, against a sandbox of its own."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandboxed import ROOT, read, sandbox


class Shell:
    """Runs the program as a user would."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.state = folder / "sandbox"

    def run(self, *arguments: str, given: str = "", code: int | None = 0, room: int | None = None) -> str:
        """What it says; ``code`` is the exit code that it must end with (``None``: any), ``room`` the largest file it can write."""

        def cramped() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))  # the nearest to a full disk that needs no mount

        environment = {**os.environ, "AUTOMATOR_HOME": str(self.home), "COLUMNS": "200"}
        environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
        done = subprocess.run(
            [sys.executable, "-m", "automator", *arguments],
            input=given,
            capture_output=True,
            text=True,
            env=environment,
            cwd=ROOT,
            timeout=60,
            check=False,
            preexec_fn=cramped if room is not None else None,
        )
        said = done.stdout + done.stderr
        assert code is None or done.returncode == code, said
        assert "Traceback" not in said
        return said

    def world(self) -> dict[str, list[dict[str, Any]]]:
        return dict(read(self.state, "world"))

    def connect(self) -> None:
        self.run("init", "--vault", "file")
        with (self.home / "config.toml").open("a") as config:
            config.write("[posting]\nsettle_seconds = 0.4\n")
        for name, given in read(self.state, "accounts").items():
            secrets = json.dumps(given["secrets"])
            self.run("accounts", "add", name, "--base-url", given["base_url"], "--secret-stdin", given=secrets)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """An installation with two accounts on a running sandbox."""
    made = Shell(tmp_path_factory.mktemp("cli"))
    with sandbox(made.state):
        made.connect()
        yield made
