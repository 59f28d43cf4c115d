"""More posts at one time than one process is quick with: the service takes a second one, and all goes out once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automator import hand
from automator.db import connect
from tests.cli.conftest import Shell
from tests.sandboxed import ROOT

MANY = 100  #: in place of the service's own, that there need not be so many
POSTS = 400
SERVE = f"import sys; from automator import hand; hand.MANY = {MANY}; from automator.__main__ import main; main()"

pytestmark = pytest.mark.skipif(
    not Path(f"/proc/self/task/{os.getpid()}/children").exists() or not hand.of_use(),
    reason="needs two cores, and a system that tells a process's children",
)


@contextmanager
def serving(shell: Shell) -> Iterator[subprocess.Popen[str]]:
    """The service, and many posts of one account soon due."""
    environment = os.environ | {
        "AUTOMATOR_HOME": str(shell.home),
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    command = [sys.executable, "-c", SERVE, "serve"]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "stop with Ctrl-C" in process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def plan(shell: Shell, what: str) -> None:
    """As many posts as make a rush, in a few seconds."""
    at = (datetime.now(UTC) + timedelta(seconds=6)).isoformat()
    file = shell.home.parent / f"{what}.json"
    file.write_text(json.dumps([{"to": "bluesky/brand", "at": at, "text": f"{what} {n}"} for n in range(POSTS)]))
    shell.run("posts", "import", str(file))


def second(process: subprocess.Popen[str]) -> int:
    """The number of the service's own second process."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(lambda: bool(children.read_text().split()))
    return int(children.read_text().split()[0])


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def out(shell: Shell, what: str) -> list[str]:
    return [post["text"] for post in shell.world()["bluesky"] if post["text"].startswith(f"{what} ")]


def holds(shell: Shell, number: int) -> bool:
    """Whether a process has posts in its hands."""
    with closing(connect(shell.home / "automator.db", readonly=True)) as reader:
        query = "SELECT count(*) FROM run WHERE state = 'running' AND owner LIKE ?"
        return bool(reader.execute(query, (f"{number}-%",)).fetchone()[0])


def gone(number: int) -> bool:
    """Whether a process has ended."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def at_work(shell: Shell, process: subprocess.Popen[str], what: str) -> int:
    """Plan a rush, and wait until the service's second process is in the middle of it; returns its number."""
    plan(shell, what)
    other = second(process)
    until(lambda: holds(shell, other) and bool(out(shell, what)))
    return other


def each_once(shell: Shell, what: str) -> bool:
    assert "none altered" in shell.run("calls", "verify")
    return sorted(out(shell, what)) == sorted(f"{what} {number}" for number in range(POSTS))


def test_the_second_process_works_as_the_service_does(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens the vault, sends what is due, and ends in peace when its service does."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    with hand.start(shell.home) as process:
        shell.run("post", "Lent 0", "--to", "bluesky/brand")
        until(lambda: out(shell, "Lent") == ["Lent 0"])
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_second_process_that_can_not_open_the_vault_says_so(shell: Shell, capfd: pytest.CaptureFixture[str]) -> None:
    """In one sentence; the service goes on without it."""
    (shell.home / "vault.key").rename(shell.home / "elsewhere")
    try:
        with hand.start(shell.home) as process:
            process.communicate(timeout=60)
    finally:
        (shell.home / "elsewhere").rename(shell.home / "vault.key")
    assert process.returncode == 1
    said = capfd.readouterr().err
    assert said.startswith("automator: ")
    assert "vault.key" in said
    assert "Traceback" not in said


@pytest.mark.long
def test_the_second_process_is_killed_at_its_work(shell: Shell) -> None:
    """The service takes over what it had begun."""
    with serving(shell) as process:
        other = at_work(shell, process, "Killed")
        os.kill(other, signal.SIGKILL)
        until(lambda: len(out(shell, "Killed")) >= POSTS)
        process.terminate()
        assert process.wait(60) == 0
    assert each_once(shell, "Killed")


@pytest.mark.long
def test_the_service_is_killed_at_its_work(shell: Shell) -> None:
    """The second process does not outlive it; the next one does what is left."""
    with serving(shell) as process:
        other = at_work(shell, process, "Orphaned")
        process.kill()
        until(lambda: gone(other))
    assert len(out(shell, "Orphaned")) < POSTS
    shell.run("run-due")
    assert each_once(shell, "Orphaned")


@pytest.mark.long
def test_the_service_is_told_to_stop_at_its_work(shell: Shell) -> None:
    """Both finish what is in flight, and nothing is in doubt."""
    with serving(shell) as process:
        other = at_work(shell, process, "Stopped")
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
        assert (process.returncode, "nothing is lost" in said, gone(other)) == (0, True, True)
    assert not holds(shell, other)
    assert len(out(shell, "Stopped")) < POSTS
    shell.run("run-due")
    assert each_once(shell, "Stopped")
