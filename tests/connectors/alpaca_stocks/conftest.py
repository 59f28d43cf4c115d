"""A stand-in for Alpaca and an account there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.alpaca_stocks import connector
from tests.connectors.alpaca_stocks.place import Place, opened
from tests.connectors.exchange.conftest import world

__all__ = ["place", "world"]


@pytest.fixture(autouse=True)
def _unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known from a server that had this one's port before."""
    monkeypatch.setattr(connector, "_KNOWN", defaultdict(connector.Known))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """One installation."""
    async with opened(tmp_path) as made:
        yield made
