"""The second process that the service starts for a rush."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automator import hand
from automator.hand import QUIET, REST, Hand, Seen, wanted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("seen", "answer"),
    [
        (Seen(NOW, rush=False, there=False), False),
        (Seen(NOW, rush=False, there=False, calm=NOW), False),
        (Seen(NOW, rush=True, there=False), True),
        (Seen(NOW, rush=True, there=True), True),
        (Seen(NOW, rush=False, there=True, calm=NOW), True),
        (Seen(NOW, rush=False, there=True, calm=NOW - QUIET + SECOND), True),
        (Seen(NOW, rush=False, there=True, calm=NOW - QUIET), False),
        (Seen(NOW, rush=True, there=False, failed=NOW), False),
        (Seen(NOW, rush=True, there=False, failed=NOW - REST + SECOND), False),
        (Seen(NOW, rush=True, there=False, failed=NOW - REST), True),
        (Seen(NOW, rush=True, there=True, failed=NOW), True),
    ],
)
def test_it_is_there_for_a_rush_and_a_little_longer(seen: Seen, answer: bool) -> None:
    """Started when many runs are due, ended when none were for a while, and not tried at once after a failure."""
    assert wanted(seen) is answer


class Started:
    """Starts a program of a line that stands for the second process, and counts."""

    def __init__(self, line: str) -> None:
        self.line = line
        self.processes: list[subprocess.Popen[bytes]] = []

    def __call__(self) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-c", self.line]
        self.processes.append(subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return self.processes[-1]


async def test_it_is_started_once_and_ends_with_its_input() -> None:
    """However long a rush lasts there is one, which ends in peace when it is over, and is started for the next."""
    start = Started("import sys; sys.stdin.read()")
    lent = Hand(start)
    for seconds in range(5):
        await lent.look(NOW + seconds * SECOND, rush=True)
    (first,) = start.processes
    assert first.poll() is None
    await lent.look(NOW + 10 * SECOND, rush=False)
    assert first.poll() is None
    await lent.look(NOW + 10 * SECOND + QUIET, rush=False)
    assert first.returncode == 0
    await lent.look(NOW + 20 * SECOND + QUIET, rush=True)
    assert len(start.processes) == 2
    await lent.end()
    assert start.processes[1].returncode == 0


async def test_one_that_fails_is_told_of_and_not_tried_at_once(caplog: pytest.LogCaptureFixture) -> None:
    """The service goes on alone."""
    start = Started("raise SystemExit(1)")
    lent = Hand(start)
    await lent.look(NOW, rush=True)
    start.processes[0].wait()
    await lent.look(NOW + SECOND, rush=True)
    assert "goes on alone" in caplog.text
    assert len(start.processes) == 1
    await lent.look(NOW + SECOND + REST, rush=True)
    assert len(start.processes) == 2
    await lent.end()


async def test_one_that_can_not_be_started_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """A machine that has no room for another process keeps its service."""

    def full() -> subprocess.Popen[bytes]:
        raise OSError(11, "Resource temporarily unavailable")

    lent = Hand(full)
    await lent.look(NOW, rush=True)
    await lent.look(NOW + SECOND, rush=True)
    assert caplog.text.count("Resource temporarily unavailable") == 1


def test_it_takes_nothing_from_the_folder_that_the_service_was_begun_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A person's strategy may be called as a module of Python's own; it gets no process that has keys."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "signal.py").write_text("raise SystemExit('mine')")
    with hand.start(tmp_path) as process:
        process.communicate(timeout=60)
    assert capfd.readouterr().err.startswith("automator: ")


async def test_one_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had begun is taken over; the service does not wait for it for ever."""
    monkeypatch.setattr(hand, "GRACE", 0.2)
    start = Started("import time; time.sleep(60)")
    lent = Hand(start)
    await lent.look(NOW, rush=True)
    await lent.end()
    assert start.processes[0].returncode == -9


async def test_one_that_was_stopped_is_ended(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It would keep what it has begun for as long as the rush lasts, and may have the database locked for all."""
    monkeypatch.setattr(hand, "SILENT", 3)
    start = Started("import sys, time\nwhile True: print(flush=True); time.sleep(0.01)")
    lent = Hand(start)
    await lent.look(NOW, rush=True)
    (other,) = start.processes
    assert other.stdout is not None
    for _ in range(5):
        select.select([other.stdout], [], [])  # it says something
        await lent.look(NOW, rush=True)
    assert other.poll() is None
    other.send_signal(signal.SIGSTOP)
    for _ in range(4):  # the first may still hear what it had said
        await lent.look(NOW, rush=True)
    assert other.returncode == -9
    assert "did not go on for 3 seconds" in caplog.text
    assert len(start.processes) == 1
