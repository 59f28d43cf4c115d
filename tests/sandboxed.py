"""A sandbox in a process of its own, as a user starts one."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE = 20.0


@contextmanager
def sandbox(state: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Path]:
    """Serve twins until the end of the block; ``state`` is the folder that says what there is."""
    command = [sys.executable, "-m", "automator", "sandbox", "--state", str(state), *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=env) as server:
        deadline = time.monotonic() + PATIENCE
        while not (state / "world.json").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield state
        server.terminate()
        server.wait(10)


def read(state: Path, name: str) -> Any:
    """``accounts`` or ``world``, as the sandbox last wrote it."""
    return json.loads((state / f"{name}.json").read_text())
