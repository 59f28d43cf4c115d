"""An installation with an account at an exchange, in processes that can be killed; and what must be so in the end.

The exchange is the small one of ``tests.trade``. Another one takes its place by another ``Venue``: what it was asked for
by client order id, what it has, and what it is made to do wrong with the next orders.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest

from automator import accounts, failpoints
from automator.db import connect
from automator.engine import Engine
from automator.home import Home
from automator.trading import orders, pairs, submission
from automator.vault.choose import own_file
from connectors.alpaca_stocks import connector as alpaca
from connectors.alpaca_stocks.twin import USUAL as STOCK
from connectors.base import Scope
from connectors.exchange.rows.binance import Binance as Row
from connectors.exchange.twin import USUAL
from connectors.market import Market
from jobs.bots.strategy import Pair
from jobs.bots.strategy import Place as Wish
from tests.children import Child
from tests.sandboxed import read, sandbox
from tests.trade import automator
from tests.trade.exchange import KEY, MARKET, SETTLE, register
from tests.trade.judge import There, judge, of_alpaca, of_binance
from tests.trade.place import ACCOUNT, AT_MARKET, BOT, LIMIT
from tests.trade.server import exchange
from tests.trade.world import PRICE

WISHES = {"limit": LIMIT, "market": AT_MARKET}
SETTLES = "0.1"  #: seconds; this exchange shows at once what it has taken


class Venue(Protocol):
    """An exchange, past the product."""

    account: str  #: ``provider/name``
    url: str
    secrets: Mapping[str, str]
    chosen: Mapping[str, str]
    market: Market

    def arrived(self) -> Sequence[str]:
        """The client order ids that orders were sent with, as often as they were sent."""

    def orders(self) -> dict[str, There]:
        """What it has, by client order id."""

    def fails(self, *faults: str) -> None:
        """What goes wrong with what is asked for next."""

    def fill(self, client_order_id: str, amount: str) -> None:
        """Fill so much of an order that rests."""


class Small:
    """The small exchange as a ``Venue``."""

    account, secrets, chosen, market = ACCOUNT, {"key": KEY}, {"settles": SETTLES}, MARKET

    def __init__(self, hidden: float = 0.0) -> None:
        self._stack = ExitStack()
        self._server = self._stack.enter_context(exchange(hidden))
        self.url = self._server.url

    def arrived(self) -> list[str]:
        return list(self._server.world()["arrived"])

    def orders(self) -> dict[str, There]:
        world = self._server.world()
        return {
            item["client_order_id"]: There(
                item["state"],
                Decimal(item["filled"]),
                {made["id"]: Decimal(made["amount"]) for made in world["fills"] if made["order_id"] == item["id"]},
            )
            for item in world["orders"]
        }

    def fails(self, *faults: str) -> None:
        self._server.put(faults=faults)

    def fill(self, client_order_id: str, amount: str) -> None:
        (number,) = (one["id"] for one in self._server.world()["orders"] if one["client_order_id"] == client_order_id)
        self._server.put(fill={number: amount})

    def close(self) -> None:
        self._stack.close()


class Twin:
    """A twin of the sandbox's as a ``Venue``; what goes wrong with it is said before it starts."""

    account, name, path, market = "", "", "", USUAL
    chosen: Mapping[str, str] = {}
    custom: tuple[Any, str]  #: where the product keeps how long this exchange may take to show an order

    def __init__(self, folder: Path, fault: str | None = None) -> None:
        provider = self.account.partition("/")[0]
        faults = [{"path": self.path, "fault": fault, "provider": provider}] if fault else []
        (folder / "faults.json").write_text(json.dumps(faults))
        self._stack = ExitStack()
        options = ("--faults", str(folder / "faults.json"), "--speed", "0")
        state = self._stack.enter_context(sandbox(folder / "sandbox", *options))
        given = read(state, "exchanges")[self.account]
        self.url, self.secrets = given["base_url"], given["secrets"]

    def _seen(self) -> list[dict[str, Any]]:
        with urllib.request.urlopen(f"{self.url}/inspect/orders") as answer:  # noqa: S310 - our own server
            return list(json.load(answer))

    def arrived(self) -> list[str]:
        """Those that it has placed: a second one would be there twice, a market order being filled at once."""
        return [one[self.name] for one in self._seen()]

    def orders(self) -> dict[str, There]:
        return {one[self.name]: self.read(one) for one in self._seen()}

    @staticmethod
    def read(one: Mapping[str, Any]) -> There:
        """An order as it shows it."""
        raise NotImplementedError

    def fails(self, *faults: str) -> None:
        raise NotImplementedError("its faults are said before it starts")

    def fill(self, client_order_id: str, amount: str) -> None:
        raise NotImplementedError("its market stands still")

    def close(self) -> None:
        self._stack.close()


class Binance(Twin):
    """Binance's."""

    account, name, path = "binance/brand", "clientOrderId", "/order"
    custom = (Row, "custom")
    read = staticmethod(of_binance)


class Stocks(Twin):
    """Alpaca's, of stocks."""

    account, name, path, market = "alpaca-stocks/brand", "client_order_id", "/v2/orders", STOCK
    custom = (alpaca, "USUAL")
    read = staticmethod(of_alpaca)


class Desk:
    """A fresh installation with one account at ``venue``."""

    def __init__(self, folder: Path, venue: Venue) -> None:
        self.venue = venue
        self.home = Home(folder / "home")
        self.home.prepare()
        (self.home.path / "config.toml").write_text('[vault]\nkind = "file"\n')
        register()
        asyncio.run(self._connect())

    def engine(self) -> Engine:
        return Engine(self.home, own_file(self.home.path))

    async def _connect(self) -> None:
        async with self.engine() as engine:
            venue = self.venue
            new = accounts.fresh(venue.account, venue.url, (Scope.READ, Scope.TRADE), venue.chosen)
            await engine.connect(new, venue.secrets)

    def submit(self, kind: str = "limit", tag: str = "a", owner: str = BOT, **more: Any) -> str:
        """Put an order in; nothing is sent yet."""
        wish: Wish = replace(WISHES[kind], tag=tag, **more)

        async def put() -> str:
            async with self.engine() as engine:
                now = engine.clock.now()
                done = await engine.writer.run(
                    lambda tx: submission.submit(
                        tx, self.venue.account, owner, tag, wish, now, market=self.venue.market, price=PRICE
                    )
                )
                assert isinstance(done, submission.Approved)
                return done.order

        return asyncio.run(put())

    def submit_pair(self, first: Wish, second: Wish, owner: str = BOT) -> tuple[str, str]:
        """Put in two orders of which one cancels the other; nothing is sent yet."""

        async def put() -> None:
            async with self.engine() as engine:
                now, tags = engine.clock.now(), (first.tag, second.tag)
                done = await engine.writer.run(
                    lambda tx: pairs.submit(
                        tx,
                        self.venue.account,
                        owner,
                        tags,
                        Pair(first, second),
                        now,
                        market=self.venue.market,
                        price=PRICE,
                    )
                )
                assert isinstance(done, submission.Approved)

        asyncio.run(put())
        with self.reader() as reader:
            found = {one.tag: one.id for one in orders.listed(reader, owner=owner)}
        return found[first.tag], found[second.tag]

    def cancel(self, order: str) -> None:
        """Ask for an order to be cancelled; nothing is sent yet."""

        async def put() -> None:
            async with self.engine() as engine:
                now = engine.clock.now()
                await engine.writer.run(lambda tx: orders.cancel(tx, order, now, actor="test"))

        asyncio.run(put())

    def worker(self, failpoint: str | None = None) -> Child:
        """Do all that is due and look at the account, in a process of its own."""
        return self.command("run-due", "--wait", "10", failpoint=failpoint)

    def command(self, *arguments: str, failpoint: str | None = None) -> Child:
        environment = {name: value for name, value in os.environ.items() if name != failpoints.VARIABLE}
        environment |= {"AUTOMATOR_HOME": str(self.home.path), SETTLE: SETTLES}
        if failpoint:
            environment[failpoints.VARIABLE] = failpoint
        return Child(automator.main, *arguments, environment=environment)

    def work(self) -> None:
        """Do all that falls due soon, and look at the account, in this process."""

        async def do() -> None:
            async with self.engine() as engine:
                await engine.worker.run_due(engine.clock.now() + timedelta(seconds=10))
                await engine.books.reconcile(self.venue.account)

        asyncio.run(do())

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        connection = connect(self.home.database, readonly=True)
        yield connection
        connection.close()

    def stands(self, order: str) -> orders.Stored:
        with self.reader() as reader:
            found = orders.load(reader, order)
        assert found is not None
        return found

    def judge(self) -> None:
        """Nothing was sent twice, and our books are the exchange's."""
        with self.reader() as reader:
            judge(reader, self.venue.orders(), self.venue.arrived())


def at(venue: type[Twin], folder: Path, fault: str | None, patch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk at a twin that shows an order at once, as the product knows for as long as the test takes."""
    where, name = venue.custom
    patch.setattr(where, name, replace(getattr(where, name), settles=timedelta(seconds=float(SETTLES))))
    made = venue(folder, fault)
    yield Desk(folder, made)
    made.close()
