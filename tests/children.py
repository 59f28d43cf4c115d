"""Processes of their own, killed and stopped for real, that need not load everything anew.

They are forked from one process, of which each worker of the suite has its own, that has loaded all modules and opened
nothing: no loop, no thread, no database, no lock. So a child differs from a program just started only in that it is
there at once; ``test_command_line`` and the commands' own tests start programs as a user does.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from automator import failpoints
from automator.egress.record import SEND_WITHIN

PATIENCE = 60.0  #: seconds
POLL = 0.002

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.preloaded"])


class Child:
    """``main`` in a process of its own; the names are those of ``subprocess.Popen``.

    ``output`` is a file for what it prints, which is shown nowhere without; its errors go where the test's own go.
    """

    def __init__(
        self, main: Callable[[], None], *arguments: str, environment: Mapping[str, str], output: Path | None = None
    ) -> None:
        given = (main, arguments, dict(environment), output or Path(os.devnull))
        self._process = _context.Process(target=_live, args=given, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """How it ended, a signal being negative; ``None`` as long as it lives."""
        return self._process.exitcode

    def wait(self, seconds: float = PATIENCE) -> int:
        """How it ends."""
        self._process.join(seconds)
        code = self.poll()
        assert code is not None, f"process {self.pid} did not end in {seconds} s"
        return code

    def wait_for_stop(self, seconds: float = PATIENCE) -> bool:
        """Whether it stops, rather than ends."""
        deadline = time.monotonic() + seconds
        while self.poll() is None:
            if self._is_stopped():
                return True
            assert time.monotonic() < deadline, f"process {self.pid} did not stop in {seconds} s"
            time.sleep(POLL)
        return False

    def _is_stopped(self) -> bool:
        if sys.platform == "linux":
            status = Path(f"/proc/{self.pid}/stat")
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it may just have ended
                return status.read_text(encoding="ascii", errors="replace").rpartition(") ")[2].startswith("T")
            return False
        command = ("ps", "-o", "stat=", "-p", str(self.pid))
        return subprocess.run(command, check=False, capture_output=True).stdout.startswith(b"T")

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if error is not None:
            self.kill()
        self.wait()


def overtake(first: Child, begin: Callable[[], Child]) -> bool:
    """While ``first`` is stopped, another one works, longer than a committed call may wait for its first byte.

    Then the first is woken, anew wherever it comes by its point again; the other must end well. ``False``: it never
    stopped, and nobody was begun.
    """
    try:
        if not first.wait_for_stop():
            return False
        second = begin()
        time.sleep(SEND_WITHIN + 0.2)
        while first.wait_for_stop():
            first.send_signal(signal.SIGCONT)
        assert second.wait() == 0
    finally:
        first.kill()
        first.wait()
    return True


def _live(main: Callable[[], None], arguments: tuple[str, ...], environment: dict[str, str], output: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    importlib.reload(failpoints)  # it looks at the environment as it is loaded
    sys.argv = [main.__module__, *arguments]
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, sys.stdout.fileno())
    os.close(file)
    main()
