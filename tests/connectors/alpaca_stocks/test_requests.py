"""What Alpaca is sent for stocks, byte for byte, held against the specifications that it publishes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Kind, outcome_of
from connectors.order import OrderRequest, OrderState, OrderType, Side, TimeInForce
from connectors.registry import exchange
from tests.connectors.exchange import signing
from tests.connectors.exchange.samples import ALPACA, CANARY, ID
from tests.connectors.exchange.server import Came
from tests.connectors.recorded import requests
from tests.connectors.references import whole

SPECS = os.environ.get("AUTOMATOR_SPECS")
D = Decimal
NAME, STOCK = "alpaca-stocks/main", "BRK.B/USD"
ORDER = ALPACA["GET", "/v2/orders:by_client_order_id"] | {"symbol": "BRK.B", "asset_class": "us_equity"}
CANCEL = ("DELETE", "/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47d")
DATA = "/v2/stocks/BRK.B"
BAR = {"t": "2026-11-25T15:00:00Z", "o": 500.1, "h": 501, "l": 499.99, "c": 500.5, "v": 100, "n": 3, "vw": 500.2}
ASSET = {"id": "1", "class": "us_equity", "exchange": "NYSE", "name": "B", "status": "active", "tradable": True}
ANSWERS: dict[tuple[str, str], Any] = {
    ("GET", "/v2/clock"): {
        "timestamp": "2026-11-25T10:00:00-05:00",
        "is_open": True,
        "next_open": "2126-11-27T09:30:00-05:00",
        "next_close": "2126-11-25T16:00:00-05:00",
    },
    ("GET", "/v2/assets"): [
        ASSET | {"symbol": "BRK.B", "fractionable": True},
        ASSET | {"symbol": "WHOLE", "fractionable": False},
        ASSET | {"symbol": "GONE", "tradable": False},
    ],
    ("GET", "/v2/account"): ALPACA["GET", "/v2/account"]
    | {"buying_power": "201", "non_marginable_buying_power": "90.5"},
    ("GET", "/v2/positions"): [
        {"symbol": "BRK.B", "asset_class": "us_equity", "qty": "5", "qty_available": "4", "side": "long"},
        {"symbol": "TSLA", "asset_class": "us_equity", "qty": "-5", "qty_available": "-5", "side": "short"},
        {"symbol": "BTCUSD", "asset_class": "crypto", "qty": "1", "qty_available": "1", "side": "long"},
    ],
    ("POST", "/v2/orders"): ALPACA["POST", "/v2/orders"],
    CANCEL: (204, b"", {}),
    ("GET", "/v2/orders:by_client_order_id"): ORDER,
    ("GET", "/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47d"): ORDER,
    ("GET", "/v2/orders"): [ORDER, ORDER | {"id": "2", "symbol": None}],
    ("GET", "/v2/account/activities/FILL"): [
        {
            "id": "20261125150000000::45b0e7cb",
            "activity_type": "FILL",
            "transaction_time": "2026-11-25T15:00:00.123456789Z",
            "price": "500.1",
            "qty": "0.5",
            "side": "sell_short",
            "symbol": "BRK.B",
            "order_id": "61e69015",
        },
        {"id": "20261125150000001::45b0e7cb", "activity_type": "FILL", "symbol": "AAPL"},
    ],
    ("GET", f"{DATA}/snapshot"): {
        "symbol": "BRK.B",
        "latestTrade": {"t": "2026-11-25T15:00:00.123456789Z", "p": 500.1},
        "latestQuote": {"t": "2026-11-25T15:00:00Z", "ap": 0, "as": 0, "bp": 500.05, "bs": 2},
    },
    ("GET", f"{DATA}/quotes/latest"): {"symbol": "BRK.B", "quote": {"ap": 0, "as": 0, "bp": 500.05, "bs": 2}},
    ("GET", f"{DATA}/bars"): {"symbol": "BRK.B", "bars": [BAR], "next_page_token": None},
}
SECRETS = {"api_key": "public-name", "secret": CANARY}
USUAL = OrderRequest(ID, STOCK, Side.BUY, OrderType.LIMIT, D(3), D("500.1"))
SHAPES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"type": "limit", "time_in_force": "gtc", "qty": "3", "limit_price": "500.1", "side": "buy"}),
    ({"time_in_force": TimeInForce.IOC}, {"type": "limit", "time_in_force": "ioc", "qty": "3", "limit_price": "500.1"}),
    ({"time_in_force": TimeInForce.FOK}, {"type": "limit", "time_in_force": "fok", "qty": "3", "limit_price": "500.1"}),
    (
        {"type": OrderType.MARKET, "price": None, "amount": D("1E-9")},
        {"type": "market", "time_in_force": "day", "qty": "0.000000001", "side": "buy"},
    ),
    (
        {"type": OrderType.MARKET, "price": None, "amount": None, "quote_amount": D("25.50")},
        {"type": "market", "time_in_force": "day", "notional": "25.50", "side": "buy"},
    ),
    (
        {"type": OrderType.STOP, "price": None, "stop_price": D(450), "side": Side.SELL},
        {
            "type": "stop",
            "time_in_force": "gtc",
            "stop_price": "450",
            "side": "sell",
            "position_intent": "sell_to_close",
        },
    ),
    (
        {"type": OrderType.STOP_LIMIT, "stop_price": D(450), "price": D(440), "side": Side.SELL},
        {"type": "stop_limit", "stop_price": "450", "limit_price": "440", "position_intent": "sell_to_close"},
    ),
]


@pytest.mark.parametrize(("other", "shape"), SHAPES)
async def test_orders_say_exactly_what_was_asked(world: Any, other: Any, shape: dict[str, str]) -> None:
    """Every number as it was decided, under our own id; a sale says that it sells what is held."""
    async with world(NAME, ANSWERS, SECRETS) as there:
        placed = outcome_of(await there.place(replace(USUAL, **other)))
        assert (placed.kind, placed.result) == (Kind.OK, {"id": "61e69015-8549-4bfd-b9c3-01e75843f47d"})
        (came,) = there.server.of("POST", "/v2/orders")
        assert {key: came.asked.get(key) for key in shape} == shape
        assert set(came.asked) - set(shape) <= {"symbol", "client_order_id", "side", "qty", "time_in_force"}
        assert (came.asked["symbol"], came.asked["client_order_id"]) == ("BRK.B", ID)


async def test_a_stock_that_is_sold_in_whole_shares(world: Any) -> None:
    """Dollars of it are not asked for."""
    async with world(NAME, ANSWERS, SECRETS) as there:
        asked = replace(USUAL, symbol="WHOLE/USD", type=OrderType.MARKET, price=None, amount=None, quote_amount=D(10))
        with pytest.raises(Exception, match="sells WHOLE in whole shares only"):
            await there.place(asked)
        markets = await there.exchange.markets(there.wire)
        assert (markets["GONE/USD"].active, markets["WHOLE/USD"].filters.market_lot) == (False, None)
        assert there.server.of("POST", "/v2/orders") == []


async def test_every_call_is_signed_recorded_and_read(world: Any) -> None:
    """The key is in two headers and nowhere else; answers are read exactly, foreign shapes left out."""
    async with world(NAME, ANSWERS, SECRETS) as there:
        await everything(there)
        for came in there.server.came:
            signing.alpaca(came)
        recorded = [(method, path.partition("?")[0]) for _, method, path, _ in requests(there.engine.reader)]
        assert recorded == [(came.method, came.path) for came in there.server.came]
        kept = "".join(row[0] for row in there.engine.reader.execute("SELECT said(data) FROM entry"))
        assert CANARY not in kept
        found = await there.exchange.find(there.wire, USUAL.plan())
        assert (found.symbol, found.state, found.filled) == (STOCK, OrderState.PARTIALLY_FILLED, D("0.001"))
        assert found.cost == D(50)
        other = replace(USUAL, client_order_id="f" * 32)
        assert await there.exchange.find(there.wire, other.plan()) is None, "another order is not ours"
        held = await there.exchange.balances(there.wire)
        assert {name: (one.free, one.locked) for name, one in held.items()} == {
            "USD": (D("90.5"), D("10.0")),
            "BRK.B": (D(4), D(1)),
        }
        ticker = await there.exchange.ticker(there.wire, STOCK)
        assert (ticker.bid, ticker.ask, ticker.last) == (D("500.05"), D("500.1"), D("500.1"))
        (fill,) = await there.exchange.fills(there.wire, STOCK, ticker.at - timedelta(days=1))
        assert (fill.side, fill.price, fill.amount, fill.at) == (Side.SELL, D("500.1"), D("0.5"), ticker.at)
        assert [order.id for order in await there.exchange.open_orders(there.wire)] == [found.id]


async def test_a_candle_closes_by_alpaca_s_clock(world: Any) -> None:
    """By ours, which is years ahead here, one that is still being traded would pass for closed."""
    bars = [{"t": f"2024-05-02T14:0{minute}:00Z", "o": 1, "h": 3, "l": 1, "c": 2, "v": 5} for minute in range(2)]
    clock = {**ANSWERS["GET", "/v2/clock"], "timestamp": "2024-05-02T10:01:30-04:00"}
    answers = {("GET", "/v2/clock"): clock, ("GET", "/v2/stocks/BRK.B/bars"): {"bars": bars}}
    async with world(NAME, ANSWERS | answers, SECRETS) as there:
        since = datetime(2024, 5, 2, tzinfo=UTC)
        found = await there.exchange.candles(there.wire, STOCK, timedelta(minutes=1), since)
        assert [candle.at.minute for candle in found] == [0]


async def test_after_our_clock_was_set_alpaca_s_is_measured_anew(world: Any) -> None:
    """What was measured before says nothing then; else no call is spent on it."""
    told = [f"2024-05-02T{hour}:01:30-04:00" for hour in (10, 11)]
    clock = {("GET", "/v2/clock"): lambda _: ANSWERS["GET", "/v2/clock"] | {"timestamp": told.pop(0)}}
    async with world(NAME, ANSWERS | clock, SECRETS) as there:
        before = await there.exchange.ahead(there.wire)
        after = await there.exchange.ahead(there.wire, anew=True)
        assert timedelta(minutes=59) < before - after < timedelta(minutes=61)


async def everything(there: Any) -> None:
    """Each call once, and each shape of an order."""
    connector, wire = there.exchange, there.wire
    identity = await connector.test(wire)
    assert (identity.id, identity.handle) == ("PA2V9NXJZK7N", "unverified")
    for number, (other, _) in enumerate(SHAPES):
        await there.place(replace(USUAL, **other, client_order_id=f"{number:032x}"))
    found = await connector.find(wire, USUAL.plan())
    assert await connector.look_up(wire, USUAL.plan(), found.id) == found
    assert outcome_of(await connector.cancel(wire, found)).kind is Kind.OK
    assert outcome_of(await connector.cancel(wire, replace(found, id=""))).kind is Kind.OK, "by our own name of it"
    await connector.balances(wire)
    await connector.open_orders(wire, STOCK)
    since = wire.now() - timedelta(days=1)
    await connector.fills(wire, STOCK, since)
    await connector.ticker(wire, STOCK)
    await connector.book(wire, STOCK, 1)
    for every in (timedelta(minutes=1), timedelta(hours=4), timedelta(days=1)):
        await connector.candles(wire, STOCK, every, since)


@cache
def loaded(name: str) -> Any:
    return json.loads((Path(SPECS or "") / "alpaca" / name).read_text(encoding="utf-8"))


def known(came: Came) -> tuple[dict[str, Any], set[str]]:
    """The parameters that a call may have, with their schemas, and those that it must have."""
    data = came.path.startswith("/v2/stocks/")
    document = loaded("market-data-api.json" if data else "trading-api.json")
    path = came.path.replace("BRK.B", "{symbol}").replace("activities/FILL", "activities/{activity_type}")
    path = "/v2/orders/{order_id}" if path.startswith("/v2/orders/") else path
    operation = document["paths"][path][came.method.lower()]
    given = [whole(document, item) for item in operation.get("parameters", ())]
    query = [item for item in given if item["in"] == "query"]
    found = {item["name"]: whole(document, item["schema"]) for item in query}
    needed = {item["name"] for item in query if item.get("required")}
    if "requestBody" in operation:
        schema = whole(document, operation["requestBody"]["content"]["application/json"]["schema"])
        found |= {name: whole(document, item) for name, item in schema["properties"].items()}
        needed |= set(schema["required"])
    return found, needed


@pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")
async def test_parameters_are_specified(world: Any) -> None:
    """Every call is one of Alpaca's, with parameters that it has, all that it needs, and values that it knows."""
    async with world(NAME, ANSWERS, SECRETS) as there:
        await everything(there)
        checked = set()
        for came in there.server.came:
            parameters, needed = known(came)
            assert set(came.asked) <= set(parameters), came.target
            assert needed <= set(came.asked), came.target
            for name, value in came.asked.items():
                enum = parameters[name].get("enum")
                assert enum is None or value in enum, (name, value)
                assert len(str(value)) <= parameters[name].get("maxLength", 1000)
            checked.add((came.method, came.path))
        assert checked == set(ANSWERS)


def test_where_it_goes() -> None:
    """Real money and the paper account are two places; a sandbox replaces both, and the data's."""
    assert exchange("alpaca-stocks").origins == ("https://api.alpaca.markets", "https://data.alpaca.markets")
    paper = exchange("alpaca-stocks", None, {"environment": "test"})
    assert paper.origins == ("https://paper-api.alpaca.markets", "https://data.alpaca.markets")
    assert exchange("alpaca-stocks", "http://127.0.0.1:1/").origins == ("http://127.0.0.1:1",)
