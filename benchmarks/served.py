"""The local servers, each started as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Program:
    """One that says a line when it serves, and answers each line with one."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self._said = process.stdout.readline()

    def _ask(self, word: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


class Served(Program):
    """Its address, and what it saw."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(process)
        self.url = f"http://127.0.0.1:{int(self._said)}"

    def seen(self) -> list[tuple[float, str]]:
        """When each request began to come in (seconds since 1970), and its body; the server forgets them."""
        return [(at, body) for at, body in json.loads(self._ask("seen"))]

    def count(self) -> int:
        """How many requests there were since the last ``seen``."""
        return int(self._ask("count"))


@contextmanager
def running(module: str) -> Iterator[subprocess.Popen[str]]:
    """A module as a program, which ends when its standard input does."""
    with subprocess.Popen(
        [sys.executable, "-m", module], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)


@contextmanager
def server() -> Iterator[Served]:
    """A server that answers at once, in the form of X's answer to a new post."""
    with running("benchmarks.server") as process:
        yield Served(process)
