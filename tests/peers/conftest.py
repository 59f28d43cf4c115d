"""A running sandbox, for clients that others wrote."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandboxed import sandbox


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The folder of a running sandbox.

    These clients leave their connections open, which must not be told to whatever test runs later.
    """
    with sandbox(tmp_path / "sandbox") as folder:
        yield folder
    gc.collect()
