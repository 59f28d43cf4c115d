"""A sandbox in a process of its own, as a user starts one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from automator.__main__ import main
from tests.children import Child

ROOT = Path(__file__).parents[1]
PATIENCE = 20.0


@contextmanager
def sandbox(state: Path, *options: str) -> Iterator[Path]:
    """Serve twins until the end of the block; ``state`` is the folder that says what there is."""
    with Child(main, "sandbox", "--state", str(state), *options, environment=os.environ) as server:
        deadline = time.monotonic() + PATIENCE
        while not (state / "world.json").exists():
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        yield state
        server.terminate()
        assert server.wait(10) == 0


def read(state: Path, name: str) -> Any:
    """``accounts`` or ``world``, as the sandbox last wrote it."""
    return json.loads((state / f"{name}.json").read_text())
