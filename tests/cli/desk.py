"""A person's shell with an account at a small exchange."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from automator.db import connect
from automator.home import Home
from tests.cli.conftest import Shell
from tests.trade.exchange import KEY, register
from tests.trade.server import Exchange, exchange


class Desk(Shell):
    """A person's shell with an account at the exchange."""

    venue: Exchange

    def place(self, *options: str, code: int | None = 0) -> str:
        """Place an order, and return what is said of it."""
        return self.run("orders", "place", "tiny/main", "BTC/USDT", *options, code=code)

    def add(self) -> None:
        """Connect the account."""
        add = ("accounts", "add", "tiny/main", "--base-url", self.venue.url, "--scope", "read", "--scope", "trade")
        self.run(*add, "--secret-stdin", given=json.dumps({"key": KEY}))

    def events(self) -> list[dict[str, Any]]:
        """What the ledger has beside calls."""
        with closing(connect(Home(self.home).database, readonly=True)) as kept:
            rows = kept.execute("SELECT said(data) FROM entry WHERE kind = 'event' ORDER BY seq").fetchall()
        return [json.loads(said) for (said,) in rows]

    def orders(self) -> list[dict[str, str]]:
        return list(json.loads(self.run("orders", "list", "--json")))


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    register()
    made = Desk(tmp_path)
    made.run("init", "--vault", "file")
    with exchange(getattr(request, "param", 0.0)) as made.venue:
        made.add()
        yield made
