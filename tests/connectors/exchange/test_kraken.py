"""Kraken's nonces rise and arrive in order, whoever asks, in whichever process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

from automator import limits
from automator.budgets import store
from connectors.base import Kind, NotNow, outcome_of
from connectors.exchange.reading import spans
from connectors.exchange.rows.kraken import penalty
from connectors.order import Order, OrderRequest, OrderState, OrderType, Side
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


async def test_an_order_that_can_t_be_read_hides_no_other(world: Any) -> None:
    """Somebody else's, of a kind that we know nothing of: the account's others are seen."""
    shown = samples.KRAKEN[PRIVATE]["result"]["open"]["OU22CG-KLAF2-FWUDD7"]
    odd = {**shown, "descr": {**shown["descr"], "type": "settle"}}
    listed = {"error": [], "result": {"open": {"ODD": odd, "O1": shown}}}
    async with world("kraken/main", samples.KRAKEN | {PRIVATE: listed}, KEYS) as there:
        assert [order.id for order in await there.exchange.open_orders(there.wire)] == ["O1"]


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


@pytest.mark.parametrize("apart", [1, 200])
async def test_fills_are_read_back_to_the_beginning(world: Any, apart: int) -> None:
    """Kraken shows the newest fifty of all markets: those before are asked for, also if all are of one second."""
    trades = {
        f"T{number:03}": {
            "ordertxid": f"O{number}",
            "pair": "XXBTZUSD" if number % 2 else "XETHZUSD",
            "time": 1_700_000_000 + number // apart,
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
        first = int(came.asked.get("ofs", 0))
        return {"error": [], "result": {"trades": dict(fitting[::-1][first : first + 50]), "count": len(fitting)}}

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


PAIRS = samples.KRAKEN["GET", "/0/public/AssetPairs"]
ETHER = PAIRS["result"]["XXBTZUSD"] | {"altname": "ETHUSD", "wsname": "ETH/USD", "base": "XETH"}
TWO = {("GET", "/0/public/AssetPairs"): {"error": [], "result": PAIRS["result"] | {"XETHZUSD": ETHER}}}


async def test_orders_of_one_pair_do_not_wait_for_those_of_another(world: Any) -> None:
    """Kraken counts orders for each pair: where one's count is full, the other's orders leave; limits tell them apart."""
    wanted = OrderRequest("0" * 31 + "1", "BTC/USD", Side.BUY, OrderType.LIMIT, Decimal("0.1"), Decimal(50_000))
    async with world("kraken/main", samples.KRAKEN | TWO, KEYS) as there:
        (orders,) = [budget for budget in there.exchange.budgets if budget.name == "orders"]
        await there.engine.writer.run(lambda tx: store.set_limit(tx, "kraken/main", orders, 2, 0, actor="test"))
        for number in (1, 2):
            await there.place(replace(wanted, client_order_id=f"{number:032}"))
        with pytest.raises(NotNow):
            await there.place(replace(wanted, client_order_id=f"{3:032}"))
        await there.place(replace(wanted, client_order_id=f"{4:032}", symbol="ETH/USD"))
        pairs = [came.asked["pair"] for came in there.server.of("POST", "/0/private/AddOrder")]
        assert pairs == ["XXBTZUSD", "XXBTZUSD", "XETHZUSD"]
        found = {row.name: row for row in limits.rows(there.engine.reader, there.wire.now())}
        assert (found["orders"].used, found["orders"].limit, found["orders"].each) == (0, 2, "pair")
        assert found["orders XXBTZUSD"].used == pytest.approx(2, abs=0.2)
        assert found["orders XETHZUSD"].used == pytest.approx(1, abs=0.2)
        assert found["orders XXBTZUSD"].each is None


#: what Kraken says that cancelling takes of an order so many seconds old
TAKEN = (
    (0, 8),
    (4, 8),
    (5, 6),
    (9, 6),
    (10, 5),
    (14, 5),
    (15, 4),
    (44, 4),
    (45, 2),
    (89, 2),
    (90, 1),
    (299, 1),
    (300, 0),
)


@pytest.mark.parametrize(("old", "points"), TAKEN)
def test_a_cancel_takes_what_the_order_s_age_says(old: int, points: int) -> None:
    """An order that was there for five minutes is cancelled for nothing."""
    assert penalty(old) == points


@pytest.mark.parametrize(
    ("sent", "ahead", "kind", "points"),
    [
        (timedelta(minutes=10), 0, OrderType.LIMIT, {}),
        (timedelta(seconds=310), 0, OrderType.LIMIT, {"orders XXBTZUSD": 1}),  # it may have been on its way for long
        (timedelta(minutes=10), 590, OrderType.LIMIT, {"orders XXBTZUSD": 8}),  # our clock is wrong, which said when
        (timedelta(minutes=10), -3600, OrderType.LIMIT, {}),
        (timedelta(minutes=10), 0, OrderType.STOP, {"orders XXBTZUSD": 8}),  # it may have been triggered just now
        (None, 0, OrderType.LIMIT, {"orders XXBTZUSD": 8}),
    ],
)
async def test_a_cancel_takes_no_less_than_kraken_counts(
    world: Any, sent: timedelta | None, ahead: int, kind: OrderType, points: dict[str, int]
) -> None:
    """Where the age of an order is not sure, the cancel is counted as that of a young one; the pair is named."""
    async with world("kraken/main", samples.KRAKEN, KEYS) as there:
        await there.exchange.markets(there.wire)
        there.exchange.at.clock.ahead = timedelta(seconds=ahead)
        placed = there.wire.now() - sent if sent else None
        order = Order("O1", "", "BTC/USD", Side.BUY, kind, OrderState.OPEN, None, Decimal(0), Decimal(0), at=placed)
        await there.exchange.cancel(there.wire, order)
        (cost,) = there.engine.reader.execute(
            "SELECT said(data) FROM entry WHERE kind = 'call' AND operation = 'kraken.order.cancel'"
        ).fetchone()
        assert {name: units for name, units in json.loads(cost)["cost"].items() if units} == points
        (came,) = there.server.of("POST", "/0/private/CancelOrder")
        assert came.asked.keys() == {"nonce", "txid"}


def test_long_times_are_asked_for_in_parts() -> None:
    """Where an exchange shows a week at once, the weeks up to now are asked for one after the other."""
    start, week = datetime(2026, 11, 1, tzinfo=UTC), timedelta(days=7)
    parts = list(spans(start, start + timedelta(days=15), week))
    assert parts == [(start, start + week), (start + week, start + 2 * week), (start + 2 * week, start + 3 * week)]
    assert list(spans(start, start + week, None)) == [(start, None)]
