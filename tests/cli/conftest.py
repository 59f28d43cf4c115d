"""A person's shell: the program is run as they would run it, against a sandbox of its own."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import traceback
from collections.abc import Iterator, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from automator.__main__ import main
from automator.cli.app import program
from tests.children import Child
from tests.sandboxed import ROOT, read, sandbox

CAPABILITY_VERSION_3 = 0x20080522  # capget(2)
OVERRIDES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: capabilities(7)


def _bounded(room: int | None, powers: bool, says: Connection) -> None:
    """The program, which can write so much, and whom rights bind; what it says goes down a pipe, which is no file."""
    sys.stdout = sys.stderr = os.fdopen(says.fileno(), "w", encoding="utf-8", closefd=False)
    if room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))  # the nearest to a full disk without a mount
    if not powers and os.geteuid() == 0:
        libc, whose, held = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3), (ctypes.c_uint32 * 6)()
        libc.capget(whose, held)
        for kind in (0, 1):  # effective, permitted; anybody else has neither
            held[kind] &= ~OVERRIDES
        libc.capset(whose, held)
    main()


class Shell:
    """Runs the program as a user would."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.state = folder / "sandbox"

    def run(
        self,
        *arguments: str,
        given: str = "",
        code: int | None = 0,
        room: int | None = None,
        powers: bool = True,
        apart: bool = False,
    ) -> str:
        """What it says.

        ``code`` is the exit code that it must end with (``None``: any), ``room`` the largest file that it can write;
        without ``powers`` it may do no more with files than their owner. With these, and with ``apart``, it runs in a
        process of its own.
        """
        if room is not None or not powers:
            said, ended = self._bounded(room, powers, arguments)
        else:
            said, ended = (self._apart if apart else self._here)(arguments, given)
        assert code is None or ended == code, said
        assert "Traceback" not in said
        return said

    def output(self, *arguments: str) -> str:
        """What it says on standard output alone."""
        done = CliRunner().invoke(program(), arguments, env=self._environment)
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    @property
    def _environment(self) -> dict[str, str]:
        keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        return {"AUTOMATOR_HOME": str(self.home), "COLUMNS": "200", **keyring}

    def _here(self, arguments: Sequence[str], given: str) -> tuple[str, int]:
        """In this process, which has everything loaded."""
        done = CliRunner().invoke(program(), arguments, input=given, env=self._environment)
        trouble = "".join(traceback.format_exception(done.exception)) if isinstance(done.exception, Exception) else ""
        return done.stdout + done.stderr + trouble, done.exit_code

    def _apart(self, arguments: Sequence[str], given: str) -> tuple[str, int]:
        """Started as a user starts it."""
        done = subprocess.run(
            [sys.executable, "-m", "automator", *arguments],
            input=given,
            capture_output=True,
            text=True,
            env=os.environ | self._environment,
            cwd=ROOT,
            timeout=60,
            check=False,
        )
        return done.stdout + done.stderr, done.returncode

    def _bounded(self, room: int | None, powers: bool, arguments: Sequence[str]) -> tuple[str, int]:
        """In a process of its own."""
        hears, says = multiprocessing.Pipe(duplex=False)
        bounded = partial(_bounded, room, powers, says)
        with hears, Child(bounded, *arguments, environment=os.environ | self._environment) as child:
            says.close()
            with open(hears.fileno(), encoding="utf-8", closefd=False) as said:
                return said.read(), child.wait()

    def world(self) -> dict[str, list[dict[str, Any]]]:
        return dict(read(self.state, "world"))

    def connect(self) -> None:
        self.run("init", "--vault", "file")
        with (self.home / "config.toml").open("a") as config:
            config.write("[posting]\nsettle_seconds = 0.4\n")
        for name, given in read(self.state, "accounts").items():
            secrets = json.dumps(given["secrets"])
            self.run("accounts", "add", name, "--base-url", given["base_url"], "--secret-stdin", given=secrets)

    def lend(self) -> None:
        """Name the sandbox's media host, from which files can be fetched."""
        with (self.home / "config.toml").open("a") as config:
            config.write((self.state / "media.toml").read_text())


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """An installation with two accounts on a running sandbox."""
    made = Shell(tmp_path_factory.mktemp("cli"))
    with sandbox(made.state):
        made.connect()
        yield made
