"""The Secret Service as GNOME serves it: keys live there, over processes, and a closed keyring is told of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandboxed import ROOT, read, sandbox

PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(any(shutil.which(name) is None for name in PROGRAMS), reason="GNOME's keyring is not installed"),
]
LOCK = """
import secretstorage
secretstorage.get_default_collection(secretstorage.dbus_init()).lock()
"""


class Session:
    """A desktop session with an open keyring."""

    def __init__(self, folder: Path) -> None:
        self.home, self.state = folder / "home", folder / "sandbox"
        self.environment = {**os.environ, "HOME": str(folder), "AUTOMATOR_HOME": str(self.home)}
        for name in ("XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
            (folder / name).mkdir(mode=0o700)
            self.environment[name] = str(folder / name)
        self.bus = self._start("dbus-daemon", "--session", "--nofork", "--print-address")
        assert self.bus.stdout is not None
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self.bus.stdout.readline().decode().strip()
        self.ring = self._start("gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets")
        assert self.ring.stdin is not None
        self.ring.stdin.write(b"a passphrase")
        self.ring.stdin.close()

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
        )

    def run(self, *arguments: str, given: str = "", code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def automator(self, *arguments: str, given: str = "", code: int = 0) -> str:
        return self.run("-m", "automator", *arguments, given=given, code=code)

    def close(self) -> None:
        for process in (self.ring, self.bus):
            process.terminate()
            process.wait(10)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(tmp_path)
    with sandbox(made.state):
        yield made
    made.close()


def test_keys_live_in_the_keyring(session: Session) -> None:
    """Connected by one process and used by the next; nothing of the key is in the folder; a closed keyring is told of."""
    given = read(session.state, "accounts")["x/brand"]
    assert "SecretService" in session.automator("init")
    add = ("accounts", "add", "x/brand", "--base-url", given["base_url"], "--secret-stdin")
    session.automator(*add, given=json.dumps(given["secrets"]))
    session.automator("post", "By way of the keyring", "--to", "x/brand")
    session.automator("run-due")
    world = read(session.state, "world")
    assert [post["text"] for post in world["x"]] == ["By way of the keyring"]
    said = session.automator("doctor")
    assert "SecretService" in said
    assert "the service opens it too" in said
    assert "cron can't use it: the operating system's keyring can't be used" in said
    files = b"".join(path.read_bytes() for path in session.home.rglob("*") if path.is_file())
    assert [key for key in given["secrets"].values() if key.encode() in files] == []
    session.run("-c", LOCK)
    said = session.automator("accounts", "test", "x/brand", code=1)
    assert "keyring" in said
    assert "Traceback" not in said
