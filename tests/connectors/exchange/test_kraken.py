"""Kraken's nonces rise and arrive in order, whoever asks, in whichever process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from connectors.base import Kind, NotNow, outcome_of
from connectors.exchange.reading import spans
from connectors.order import OrderRequest, OrderType, Side
from connectors.registry import exchange, wrong_choice
from tests.connectors.exchange import samples, signing
from tests.connectors.exchange.server import Came, Server

KEYS = {"api_key": "public-name", "secret": signing.KRAKEN}
PRIVATE = ("POST", "/0/private/OpenOrders")

OTHER = """
import asyncio, sys
from pathlib import Path
from automator.engine import Engine
from automator.home import Home
from automator.vault.choose import own_file

async def main(path):
    home = Home(Path(path))
    async with Engine(home, own_file(home.path)) as engine:
        wire, exchange = engine.trading("kraken/main", {"test": "yes"})
        await exchange.markets(wire)
        print("ready", flush=True)
        sys.stdin.readline()
        await asyncio.gather(*(exchange.open_orders(wire) for _ in range(5)))

asyncio.run(main(sys.argv[1]))
"""


def nonces(server: Server) -> list[int]:
    return [int(came.asked["nonce"]) for came in server.came if came.method == "POST"]


async def test_nonces_rise_in_the_order_of_arrival(world: Any) -> None:
    """Many calls at once of one key arrive one at a time, each with a higher nonce than the one before."""
    busy, most = 0, 0

    async def slow(app: Server, request: web.Request) -> web.StreamResponse:
        nonlocal busy, most
        busy += request.method == "POST"
        most = max(most, busy)
        await asyncio.sleep(0.005)
        try:
            return await Server._answer(app, request)
        finally:
            busy -= request.method == "POST"

    class Slow(Server):
        async def _answer(self, request: web.Request) -> web.StreamResponse:
            return await slow(self, request)

    async with world("kraken/main", samples.KRAKEN, KEYS, made=Slow) as there:
        await there.exchange.markets(there.wire)
        await asyncio.gather(*(there.exchange.open_orders(there.wire) for _ in range(12)))
        found = nonces(there.server)
        assert len(found) == 12
        assert all(before < after for before, after in pairwise(found)), found
        assert most == 1


async def test_over_processes_too(world: Any) -> None:
    """Another process that uses the same installation keeps the same order."""
    async with world("kraken/main", samples.KRAKEN, KEYS) as there:
        await there.exchange.markets(there.wire)
        home = there.engine.home.path
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", OTHER, str(home), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        _, code = await asyncio.gather(
            asyncio.gather(*(there.exchange.open_orders(there.wire) for _ in range(5))),
            process.communicate(b"go\n"),
        )
        assert code == (b"", None)
        assert process.returncode == 0
        found = nonces(there.server)
        assert len(found) == 10
        assert found == sorted(set(found))


async def test_a_nonce_that_was_seen_is_waited_for(world: Any) -> None:
    """When another program uses the key, the call is put off, and the person is told why."""
    refused = (200, {"error": ["EAPI:Invalid nonce"]}, {})
    async with world("kraken/main", samples.KRAKEN | {PRIVATE: refused}, KEYS) as there:
        with pytest.raises(NotNow, match="no other program"):
            await there.exchange.open_orders(there.wire)


async def test_an_id_of_another_form(world: Any) -> None:
    """An id that is none of Kraken's forms goes under one that is made of it, and the order is found by it again."""
    ours = "z" * 32
    wanted = OrderRequest(ours, "BTC/USD", Side.SELL, OrderType.MARKET, Decimal("0.5"))

    def shown(came: Came) -> Any:
        row = samples.KRAKEN[PRIVATE]["result"]["open"]["OU22CG-KLAF2-FWUDD7"]
        return {"error": [], "result": {"open": {"O1": {**row, "cl_ord_id": came.asked["cl_ord_id"]}}}}

    async with world("kraken/main", samples.KRAKEN | {PRIVATE: shown}, KEYS) as there:
        assert outcome_of(await there.place(wanted)).kind is Kind.OK
        (came,) = there.server.of("POST", "/0/private/AddOrder")
        assert len(came.asked["cl_ord_id"]) == 32
        assert came.asked["cl_ord_id"] != ours
        found = await there.exchange.find(there.wire, wanted.plan())
        assert found.client_order_id == ours
        assert there.server.of(*PRIVATE)[-1].asked["cl_ord_id"] == came.asked["cl_ord_id"]


async def test_fills_are_read_back_to_the_beginning(world: Any) -> None:
    """Kraken shows the newest fifty of all markets: those before are asked for until there are no more."""
    trades = {
        f"T{number:03}": {
            "ordertxid": f"O{number}",
            "pair": "XXBTZUSD" if number % 2 else "XETHZUSD",
            "time": 1_700_000_000 + number,
            "type": "buy",
            "ordertype": "limit",
            "price": "50000.1",
            "cost": "50",
            "fee": "0.1",
            "vol": "0.001",
            "maker": True,
        }
        for number in range(130)
    }

    def page(came: Came) -> Any:
        end = float(came.asked.get("end", 1e12))
        fitting = [(name, trade) for name, trade in trades.items() if trade["time"] <= end]
        return {"error": [], "result": {"trades": dict(fitting[::-1][:50]), "count": len(fitting)}}

    async with world("kraken/main", samples.KRAKEN | {("POST", "/0/private/TradesHistory"): page}, KEYS) as there:
        since = datetime.fromtimestamp(1_700_000_000, UTC)
        found = await there.exchange.fills(there.wire, "BTC/USD", since)
        assert [fill.id for fill in found] == [f"T{number:03}" for number in range(1, 130, 2)]
        assert found[0].fee == Decimal("0.1")
        assert len(there.server.of("POST", "/0/private/TradesHistory")) == 3


@pytest.mark.parametrize(
    ("chosen", "counter", "orders"),
    [
        ({}, (15, 45), (60, 60)),
        ({"tier": "intermediate"}, (20, 40), (125, 54)),
        ({"tier": "pro"}, (20, 20), (180, 48)),
    ],
)
def test_limits_are_those_of_the_tier(
    chosen: dict[str, str], counter: tuple[int, int], orders: tuple[int, int]
) -> None:
    """A person says which tier the account has, since Kraken does not; without a word it has the least."""
    connector = exchange("kraken", None, chosen)
    found = {budget.name: (budget.limit, budget.seconds) for budget in connector.budgets}
    assert (found["counter"], found["orders"]) == (counter, orders)
    assert "tier" in {option.name for option in connector.options}
    assert "choose starter or intermediate or pro" in wrong_choice("kraken", {"tier": "gold"})


def test_long_times_are_asked_for_in_parts() -> None:
    """Where an exchange shows a week at once, the weeks up to now are asked for one after the other."""
    start, week = datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=7)
    parts = list(spans(start, start + timedelta(days=15), week))
    assert parts == [(start, start + week), (start + week, start + 2 * week), (start + 2 * week, start + 3 * week)]
    assert list(spans(start, start + week, None)) == [(start, None)]
