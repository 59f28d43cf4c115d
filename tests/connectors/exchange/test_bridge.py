"""The bridge itself: what ccxt may send, and what it may not swallow."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from connectors.base import CallRefused, Intent, Kind, NotNow, Operation, Outcome, RenewNeeded, Unresolved, outcome_of
from connectors.exchange import reading
from connectors.exchange.placing import ordering
from connectors.network import Rejected
from connectors.order import Order, OrderRequest, OrderState, OrderType, Side, TimeInForce
from connectors.registry import exchange
from tests.connectors.exchange.samples import CANARY

ID = "0123456789abcdef0123456789abcdef"
WANTED = OrderRequest(ID, "BTC/USDT", Side.BUY, OrderType.LIMIT, Decimal("0.003"), Decimal("50000.1"))
MARKET = {
    "symbol": "BTC/USDT",
    "id": "BTC-USDT",
    "base": "BTC",
    "quote": "USDT",
    "baseId": "BTC",
    "quoteId": "USDT",
    "spot": True,
    "type": "spot",
    "active": True,
    "precision": {"amount": "0.0001", "price": "0.1"},
    "limits": {"amount": {"min": "0.0001"}, "cost": {"min": "1"}},
    "info": {},
}

MODE = {
    "code": "200000",
    "data": {"selfMode": "CLASSIC", "accountMode": "CLASSIC"},
}  #: which ccxt asks KuCoin for first


class Wire:
    """Says what a test says, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Operation, dict[str, Any], Intent | None]] = []
        self.base, self.who = "https://example.com", ""

    def now(self) -> datetime:
        return datetime(2026, 11, 25, 10, tzinfo=UTC)

    async def request(
        self, operation: Operation, method: str, url: str, *, intent: Intent | None = None, json: Mapping[str, Any]
    ) -> httpx.Response:
        self.asked.append((operation, dict(json), intent))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        kind = Outcome(Kind.OK) if not isinstance(answer, Outcome) else answer
        body = {} if isinstance(answer, Outcome) else answer
        return httpx.Response(200, json=body, extensions={"outcome": kind})


@pytest.fixture
def kucoin() -> Any:
    """An exchange that has no row, with one market."""
    connector: Any = exchange("kucoin", "http://127.0.0.1:9")
    connector.at.bridge.set_markets([MARKET])
    loaded = reading.markets(connector.ways, connector.at.bridge, connector.at.bridge.markets)
    connector.at.markets = {market.symbol: market for market in loaded}
    return connector


async def placed(connector: Any, wire: Wire, wanted: OrderRequest = WANTED) -> httpx.Response:
    return await connector.place(wire, Intent(wanted.client_order_id, wanted.plan(), 1))


async def test_an_order_is_one_call(kucoin: Any) -> None:
    """Without a row, ccxt shapes the order: it goes out once, with our id and our numbers, as the intention's call."""
    wire = Wire(MODE, {"code": "200000", "data": {"orderId": "5bd6"}})
    assert outcome_of(await placed(kucoin, wire)).kind is Kind.OK
    (asked, (operation, call, intent)) = wire.asked
    assert (asked[0].effect, asked[2]) == ("read", None)
    assert (operation.name, operation.effect, operation.absence) == ("kucoin.order.place", "once", "none")
    assert call["method"] == "POST"
    assert "order" in call["path"]
    assert {ID, "0.003", "50000.1"} <= set(map(str, call["params"].values()))
    assert intent is not None
    assert intent.key == ID


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"amount": Decimal("0.00305")}, "another number than 0.00305"),
        ({"price": Decimal("50000.16")}, "another number than 50000.16"),
        ({"type": OrderType.STOP_LIMIT, "stop_price": Decimal(49000)}, "only on exchanges that are known well"),
        ({"symbol": "BTC/NONE"}, "has no spot market"),
    ],
)
async def test_an_order_that_would_change_is_not_sent(kucoin: Any, wanted: dict[str, Any], why: str) -> None:
    """What ccxt would round, or has no name for, is refused; nothing leaves."""
    wire = Wire(MODE)
    with pytest.raises((CallRefused, Rejected), match=why):
        await placed(kucoin, wire, replace(WANTED, **wanted))
    assert all(operation.effect == "read" for operation, _, _ in wire.asked)


async def test_an_exchange_that_drops_our_id_gets_no_order(kucoin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a lost answer could not be settled, no order is placed."""

    async def drops(self: Any, *_: Any, **__: Any) -> Any:
        return await self.fetch2("orders", ["private"], "POST", {"size": "0.003", "price": "50000.1"})

    monkeypatch.setattr(type(kucoin.at.bridge), "create_order", drops)
    wire = Wire()
    with pytest.raises(CallRefused, match="takes no order id of ours"):
        await placed(kucoin, wire)
    assert wire.asked == []


async def test_what_an_order_needs_first_is_read(kucoin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What anyone may ask is a read on the way; anything else that is no order is refused."""
    paths = [("market/time", "public", "GET")]

    async def asks(self: Any, *_: Any, **__: Any) -> Any:
        for path, section, method in paths:
            await self.fetch2(path, [section], method, {})
        return await self.fetch2("orders", ["private"], "POST", {"id": ID, "size": "0.003", "price": "50000.1"})

    monkeypatch.setattr(type(kucoin.at.bridge), "create_order", asks)
    wire = Wire({}, {"data": {"orderId": "1"}})
    await placed(kucoin, wire)
    assert [(operation.effect, call["path"]) for operation, call, _ in wire.asked] == [
        ("read", "market/time"),
        ("once", "orders"),
    ]
    for other in (
        ("orders/open", "private", "GET"),
        ("leverage", "private", "POST"),
        ("withdrawals", "private", "GET"),
    ):
        paths[0] = other
        wire = Wire()
        with pytest.raises(CallRefused, match=r"nothing was sent|moves money"):
            await placed(kucoin, wire)
        assert wire.asked == []


SIGNALS = [
    NotNow(None, "later"),
    Unresolved("key"),
    CallRefused("halted"),
    RenewNeeded(why="x"),
    RuntimeError("the engine's own"),
]


@pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: type(signal).__name__)
async def test_nothing_is_swallowed(kucoin: Any, signal: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the way out says reaches the caller, although ccxt catches every exception and asks a second time."""

    async def swallows(self: Any, *_: Any, **__: Any) -> Any:
        try:
            await asyncio.gather(self.fetch2("orders", ["private"], "POST", {"id": ID, "s": "0.003", "p": "50000.1"}))
        except Exception:  # noqa: BLE001 - as parts of ccxt do
            return await self.fetch2("orders", ["private"], "POST", {"id": ID, "s": "0.003", "p": "50000.1"})

    for method, act in {"create_order": placed, "fetch_ticker": lambda c, w: c.ticker(w, "BTC/USDT")}.items():
        monkeypatch.setattr(type(kucoin.at.bridge), method, swallows)
        wire = Wire(signal)
        with pytest.raises(type(signal)) as raised:
            await act(kucoin, wire)
        assert raised.value is signal
        assert len(wire.asked) == 1


async def test_a_second_order_of_one_intention_is_refused(kucoin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two calls at once that would both place it: only one leaves."""

    async def twice(self: Any, *_: Any, **__: Any) -> Any:
        call = {"id": ID, "s": "0.003", "p": "50000.1"}
        await asyncio.gather(*(self.fetch2("orders", ["private"], "POST", call) for _ in range(2)))

    monkeypatch.setattr(type(kucoin.at.bridge), "create_order", twice)
    wire = Wire({"data": {"orderId": "1"}}, {"data": {"orderId": "2"}})
    await placed(kucoin, wire)
    await asyncio.sleep(0)
    assert len(wire.asked) == 1


async def test_a_read_that_can_t_be_read(kucoin: Any) -> None:
    """An answer in no known form, and one that the exchange refuses, are told in a sentence."""
    with pytest.raises(Rejected, match=r"KuCoin answered can't be read|KuCoin: "):
        await kucoin.balances(Wire([1, 2]))
    with pytest.raises(Rejected, match="no"):
        await kucoin.ticker(Wire(Outcome(Kind.REJECTED, "no")), "BTC/USDT")
    with pytest.raises(NotNow, match="in trouble"):
        await kucoin.ticker(Wire(Outcome(Kind.UNKNOWN, "in trouble")), "BTC/USDT")


async def test_a_cancellation_names_the_order(kucoin: Any) -> None:
    """What is cancelled is the order that was meant."""
    order = Order(
        "5bd6", ID, "BTC/USDT", Side.BUY, OrderType.LIMIT, OrderState.OPEN, Decimal(1), Decimal(0), Decimal(0)
    )
    wire = Wire(MODE, {"code": "200000", "data": {"cancelledOrderIds": ["5bd6"]}})
    await kucoin.cancel(wire, order)
    operation, call, _ = wire.asked[-1]
    assert (operation.name, call["method"]) == ("kucoin.order.cancel", "DELETE")
    assert "5bd6" in json.dumps(call)


def signed(connector: Any, said: dict[str, Any], secrets: dict[str, str]) -> httpx.Request:
    return connector.sign(httpx.Request("GET", "http://127.0.0.1:9/", json=said), secrets)


def test_exact_bytes() -> None:
    """What was signed is what leaves, also where httpx would write it otherwise."""
    connector: Any = exchange("bybit", "http://127.0.0.1:9")
    call = {"sections": ["private"], "path": "v5/order/realtime", "method": "GET", "params": {"a": "b c{d}"}, "cost": 1}
    made = signed(connector, call, {"api_key": "name", "secret": CANARY})
    assert made.extensions["target"] == b"/v5/order/realtime?a=b c{d}"


def test_keys_are_not_kept() -> None:
    """After a call is signed, ccxt holds no key; nor is one in what is said when they can't sign."""
    connector: Any = exchange("coinbase", "http://127.0.0.1:9")
    call = {"sections": ["v3", "private"], "path": "brokerage/accounts", "method": "GET", "params": {}, "cost": 1}
    with pytest.raises(CallRefused, match="can't sign") as refused:
        signed(connector, call, {"api_key": "organizations/1", "secret": f"-----BEGIN PRIVATE KEY-----{CANARY}"})
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None
    assert CANARY not in str(vars(connector.at.bridge))


def test_every_address_is_replaced() -> None:
    """With an address of one's own, no part of an exchange's API is left at its old place."""
    for name in ("binance", "kraken", "coinbase", "bybit", "okx", "alpaca", "kucoin", "gate", "bitstamp"):
        connector: Any = exchange(name, "http://127.0.0.1:9/")
        assert connector.origins == ("http://127.0.0.1:9",), name
        assert "https://" not in json.dumps(connector.at.bridge.urls["api"]), name


def test_only_what_is_used_can_be_reached() -> None:
    """Futures and other markets are no places of an account's."""
    assert exchange("binance").origins == ("https://api.binance.com",)
    assert exchange("bybit").origins == ("https://api.bybit.com",)
    assert set(exchange("alpaca").origins) == {"https://api.alpaca.markets", "https://data.alpaca.markets"}
    testing = exchange("alpaca", None, {"environment": "test"})
    assert "https://paper-api.alpaca.markets" in testing.origins
    assert exchange("binance", None, {"environment": "test"}).origins[0] == "https://testnet.binance.vision"


def test_a_wallet_s_key_is_not_taken() -> None:
    """An exchange that wants the key of a wallet would be given everything in it."""
    with pytest.raises(Rejected, match="wallet's private key"):
        _ = exchange("hyperliquid").fields


@pytest.mark.parametrize("name", ["gate", "kucoin", "bitstamp", "bitget", "htx", "mexc"])
def test_exchanges_without_a_row(name: str) -> None:
    """They have their keys' names from ccxt, a pace, and are said not to be known."""
    connector = exchange(name)
    assert {field.name for field in connector.fields} >= {"api_key", "secret"}
    assert connector.budgets[0].name == "pace"
    assert not connector.custom.tested
    request = httpx.Request(
        "GET", "http://h/", json={"sections": ["x"], "path": "p", "method": "GET", "params": {}, "cost": 2}
    )
    assert connector.costs(connector.placing({}), request)["pace"] > 1


def test_nothing_is_loaded_to_name_them() -> None:
    """Since ccxt takes a second to load, naming exchanges, their keys and limits does without."""
    script = (
        "import sys; from connectors.registry import exchange, trades; assert trades('binance') and not trades('x');"
        "c = exchange('binance'); c.fields, c.budgets, c.options, c.custom;"
        "assert not any(name.split('.')[0] == 'ccxt' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


QUOTE = replace(WANTED, type=OrderType.MARKET, amount=None, price=None, quote_amount=Decimal(5))


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        *[(replace(WANTED, time_in_force=how), "known well") for how in TimeInForce if how is not TimeInForce.GTC],
        (replace(WANTED, type=OrderType.MARKET, price=None), "takes the amount of a market buy"),
        (QUOTE, "no market buy by an amount of the quote asset"),
        (replace(QUOTE, side=Side.SELL), "no market sell by an amount of the quote asset"),
    ],
)
def test_what_could_be_understood_otherwise_is_not_placed(wanted: OrderRequest, why: str) -> None:
    """An exchange that is not known well could ignore a time in force, or take 5 USDT for 5 BTC."""
    with pytest.raises(CallRefused, match=why):
        ordering(wanted, "Acme", {"createMarketBuyOrderWithCost": None})


def test_an_amount_of_the_quote_asset() -> None:
    """It is spent where ccxt has a way of its own for that."""
    how = ordering(QUOTE, "Acme", {"createMarketBuyOrderWithCost": True})
    assert (how.name, how.given[:2]) == ("create_market_buy_order_with_cost", ("BTC/USDT", "5"))
    sold = ordering(replace(WANTED, type=OrderType.MARKET, side=Side.SELL, price=None), "Acme", {})
    assert (sold.name, sold.given[:5]) == ("create_order", ("BTC/USDT", "market", "sell", "0.003", None))
