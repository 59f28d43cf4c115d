"""Exchanges without a row of their own, over real sockets, with answers as they document them."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from automator.budgets import window
from connectors.base import Kind, NotNow, outcome_of
from connectors.exchange.ways import Ways
from connectors.network import Rejected
from connectors.order import Order, OrderRequest, OrderState, OrderType, Side
from connectors.registry import exchange
from tests.connectors.exchange.other import Other
from tests.connectors.exchange.others import OTHERS
from tests.connectors.exchange.samples import CANARY, ID
from tests.connectors.recorded import requests

NAMES = pytest.mark.parametrize("name", OTHERS)


def wanted(other: Other) -> OrderRequest:
    return OrderRequest(ID, other.symbol, Side.BUY, OrderType.LIMIT, Decimal("0.003"), Decimal("50000.1"))


@NAMES
async def test_an_order_is_placed_found_and_cancelled(world: Any, name: str) -> None:
    """It goes out once with our numbers and our id, goes by the exchange's own id, and is found again by ours."""
    other = OTHERS[name]
    async with world(f"{name}/main", other.answers, other.secrets) as there:
        market = (await there.exchange.markets(there.wire))[other.symbol]
        assert market.filters.tick in {Decimal("0.1"), Decimal("0.01")}
        assert market.filters.lot is not None
        placed = outcome_of(await there.place(wanted(other)))
        assert (placed.kind, placed.result) == (Kind.OK, {"id": other.order})
        (came,) = there.server.of(*other.place)
        said = f"{came.target} {came.body} {came.headers}"
        assert all(part in said.replace("-", "") for part in ("0.003", "50000.1", ID[:26])), said
        found = await there.exchange.find(there.wire, wanted(other).plan())
        assert (found.id, found.client_order_id, found.symbol) == (other.order, ID, other.symbol)
        state = OrderState.PARTIALLY_FILLED if found.filled else OrderState.OPEN
        assert (found.side, found.type, found.state) == (Side.BUY, OrderType.LIMIT, state)
        assert found.amount == Decimal("0.003")
        cancelled = outcome_of(await there.exchange.cancel(there.wire, found))
        # an answer that is neither an object nor a list is not believed: the order is looked at
        assert cancelled.kind is (Kind.UNKNOWN if name == "coinbaseexchange" else Kind.OK)
        gone = there.server.of(*other.cancel)[0]
        assert other.order in f"{gone.target} {gone.body}"
        kept = "".join(row[0] for row in there.engine.reader.execute("SELECT said(data) FROM entry"))
        bodies = b"".join(body for _, _, _, body in requests(there.engine.reader))
        assert CANARY not in kept
        assert CANARY.encode() not in bodies


@NAMES
async def test_what_can_be_used_is_connected_and_nothing_is_placed(world: Any, name: str) -> None:
    """An order is written as it would be, on the true markets, and stays here; that no row is known is said."""
    other = OTHERS[name]
    async with world(f"{name}/main", other.answers, other.secrets) as there:
        await there.exchange.tried(there.wire)
        assert there.server.of(*other.place) == []
        assert not there.engine.reader.execute("SELECT 1 FROM intention").fetchall()
        assert not there.exchange.custom.tested


@NAMES
async def test_one_that_is_not_shown_proves_nothing(world: Any, name: str) -> None:
    """No list shows another order as ours, and an order in doubt stays with a person."""
    other = OTHERS[name]
    async with world(f"{name}/main", other.answers, other.secrets) as there:
        await there.exchange.markets(there.wire)
        strange = replace(wanted(other), client_order_id="f" * 32)
        found = None
        with contextlib.suppress(Rejected, NotNow):  # some have lists that ccxt knows of and can't read
            found = await there.exchange.find(there.wire, strange.plan())
        assert found is None
        assert there.exchange.placing(wanted(other).plan()).absence == "none"


async def test_a_header_is_said_once(world: Any) -> None:
    """Some exchanges are told another name by ccxt; told twice, they refuse it."""
    other = OTHERS["whitebit"]
    async with world("whitebit/main", other.answers, other.secrets) as there:
        await there.exchange.markets(there.wire)
        (came,) = there.server.of("GET", "/api/v4/public/markets")
        assert came.headers["user-agent"].startswith("ccxt/")


def test_what_was_learned_of_one_account_is_not_held_to_be_true_of_another() -> None:
    """Its kind and its id are kept by ccxt; two accounts of an exchange without a row have nothing in common."""
    connectors: Any = [exchange("kucoin", "http://127.0.0.1:9", None, f"kucoin/{one}") for one in ("a", "b", "a")]
    first, second, again = (one.at for one in connectors)
    assert first is again
    assert first is not second
    ours: Any = [exchange("binance", "http://127.0.0.1:9", None, f"binance/{one}") for one in ("a", "b")]
    assert ours[0].at is ours[1].at


async def test_a_list_that_is_refused_does_not_hide_another(world: Any) -> None:
    """The order is in the second list; the first needs something that ccxt was not given."""
    other = OTHERS["mexc"]
    refused = (400, {"code": 700007, "msg": "No permission to access the endpoint."}, {})
    lists = {
        ("GET", "/api/v3/openOrders"): refused,
        ("GET", "/api/v3/allOrders"): other.answers["GET", "/api/v3/openOrders"],
    }
    async with world("mexc/main", {**other.answers, **lists}, other.secrets) as there:
        await there.exchange.markets(there.wire)
        found = await there.exchange.find(there.wire, wanted(other).plan())
        assert isinstance(found, Order)
        there.server.answers["GET", "/api/v3/allOrders"] = []
        with pytest.raises(Exception, match="may not do this"):
            await there.exchange.find(there.wire, wanted(other).plan())


@pytest.mark.parametrize(
    "name", ["bitfinex", "bitso", "coinmate", "gemini", "independentreserve", "whitebit", "kraken"]
)
def test_where_nonces_must_rise_calls_go_one_after_the_other(name: str) -> None:
    """Also at exchanges without a row: a key has one call on its way, over all processes."""
    assert exchange(name, "http://127.0.0.1:9").custom.ordered
    assert not exchange("kucoin", "http://127.0.0.1:9").custom.ordered


async def test_many_calls_at_once_come_with_rising_nonces(world: Any) -> None:
    """WhiteBit refuses a nonce that is not above the one before."""
    other = OTHERS["whitebit"]
    async with world("whitebit/main", other.answers, other.secrets) as there:
        await there.exchange.markets(there.wire)
        await asyncio.gather(*(there.exchange.open_orders(there.wire) for _ in range(8)))
        found = [int(came.asked["nonce"]) for came in there.server.of("POST", "/api/v4/orders")]
        assert len(found) == 8
        assert all(before < after for before, after in pairwise(found)), found


def test_no_second_sees_more_calls_than_ccxt_would_make() -> None:
    """At a pace of 50 ms no more than 20 calls leave within any second, and hardly fewer."""
    budgets = exchange("bitget", "http://127.0.0.1:9").budgets
    usages, now, left = [window.Usage() for _ in budgets], 10_000_000, list[int]()
    while len(left) < 60:
        pairs = list(zip(budgets, usages, strict=True))
        now = max(window.fits(budget, usage, now, 50) for budget, usage in pairs)
        usages = [window.charge(budget, usage, now, 50) for budget, usage in pairs]
        left.append(now)
    assert left[-1] - left[0] < 4_000_000
    assert all(after - before >= 1_000_000 for before, after in zip(left, left[20:], strict=False))


async def test_one_that_has_ended_is_found_by_the_exchange_s_id(world: Any) -> None:
    """Bitstamp lists open orders alone: what became of another one is asked for by the id that it gave."""
    other = OTHERS["bitstamp"]
    ended = {
        "id": int(other.order),
        "status": "Canceled",
        "market": "BTC/USD",
        "type": "0",
        "amount_remaining": "0.002",
        "client_order_id": "",
        "datetime": "2026-01-31 21:23:36",
        "transactions": [{"tid": 1, "usd": "50", "price": "50000.1", "fee": "0.1", "btc": "0.001", "type": 2}],
    }
    lists = {("POST", "/api/v2/open_orders/all/"): [], ("POST", "/api/v2/order_status/"): ended}
    async with world("bitstamp/main", {**other.answers, **lists}, other.secrets) as there:
        await there.exchange.markets(there.wire)
        assert await there.exchange.find(there.wire, wanted(other).plan()) is None
        found = await there.exchange.find(there.wire, wanted(other).plan() | {"id": other.order})
        assert (found.id, found.client_order_id, found.state) == (other.order, ID, OrderState.CANCELLED)
        assert there.server.of("POST", "/api/v2/order_status/")[0].asked["id"] == other.order


def test_the_id_of_an_order_fits() -> None:
    """Gate's begin with two letters and have at most 28 characters."""
    connector: Any = exchange("gate", "http://127.0.0.1:9")
    assert connector.ways.named(ID) == f"t-{ID[:26]}"
    assert Ways().named(ID) == ID
