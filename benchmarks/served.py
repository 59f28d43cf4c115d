"""The local server, started as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Served:
    """Its address, and what it saw."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert process.stdout is not None
        self.url = f"http://127.0.0.1:{int(process.stdout.readline())}"

    def _ask(self, word: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def seen(self) -> list[tuple[float, str]]:
        """When each request began to come in (seconds since 1970), and its body; the server forgets them."""
        return [(at, body) for at, body in json.loads(self._ask("seen"))]

    def count(self) -> int:
        """How many requests there were since the last ``seen``."""
        return int(self._ask("count"))


@contextmanager
def server() -> Iterator[Served]:
    """A server that answers at once, in the form of X's answer to a new post."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Served(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(10)
