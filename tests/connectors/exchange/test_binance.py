"""Binance, over real sockets: what is made of what it says, and what becomes of an order on a bad day."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from automator import memory
from connectors.base import CallRefused, Kind, NotNow, Unresolved, outcome_of
from connectors.exchange.unsigned import Unsigned
from connectors.market import Candle, Filters, Level
from connectors.network import Rejected
from connectors.order import Balance, OrderRequest, OrderState, OrderType, Side
from tests.connectors.exchange.samples import BINANCE, CANARY

KEYS = {"api_key": "public-name", "secret": CANARY}
WANTED = OrderRequest("a" * 32, "BTC/USDT", Side.BUY, OrderType.LIMIT, Decimal("0.00300"), Decimal("50000.10"))
SINCE = datetime(2017, 7, 3, tzinfo=UTC)
ORDER = ("POST", "/api/v3/order")


def now(_: Any = None) -> dict[str, int]:
    return {"serverTime": time.time_ns() // 1_000_000}


SERVED = {**BINANCE, ("GET", "/api/v3/time"): now}


async def test_everyone_may_see(world: Any) -> None:
    """Markets with their exact rules, prices, the book and closed candles come as the exchange says them."""
    async with world("binance/main", SERVED, KEYS) as there:
        wire, exchange = there.wire, there.exchange
        market = (await exchange.markets(wire))["BTC/USDT"]
        assert (market.id, market.base, market.quote, market.active) == ("BTCUSDT", "BTC", "USDT", True)
        assert market.filters == Filters(
            tick=Decimal("0.01"),
            lot=Decimal("0.00001"),
            min_amount=Decimal("0.00001"),
            max_amount=Decimal(9000),
            min_notional=Decimal(5),
            max_notional=Decimal(9_000_000),
            lowest=Decimal("0.3"),
            highest=Decimal(4),
            market_max=Decimal("97.5"),
            cent=Decimal("1E-8"),
        )
        ticker = await exchange.ticker(wire, "BTC/USDT")
        assert (ticker.bid, ticker.ask, ticker.last) == (Decimal(50000), Decimal("50000.2"), Decimal("50000.1"))
        assert (await exchange.book(wire, "BTC/USDT", 5)).asks == (Level(Decimal("50000.2"), Decimal("0.25")),)
        first, _ = await exchange.candles(wire, "BTC/USDT", timedelta(minutes=1), SINCE)
        numbers = [Decimal(text) for text in ("1.1", "1.3", "1.0", "1.2", "10.5")]
        assert first == Candle(datetime(2017, 7, 3, tzinfo=UTC), *numbers)
        await exchange.markets(wire)
        assert len(there.server.of("GET", "/api/v3/exchangeInfo")) == 1, "markets are kept"
        with pytest.raises(Rejected, match="has no spot market 'BTC/NONE'"):
            await exchange.ticker(wire, "BTC/NONE")
        with pytest.raises(Rejected, match="has no candles of 0:07:00"):
            await exchange.candles(wire, "BTC/USDT", timedelta(minutes=7), SINCE)


async def test_the_account(world: Any) -> None:
    """Balances to the last digit, orders by our id, fills and cancellations."""
    async with world("binance/main", SERVED, KEYS) as there:
        wire, exchange = there.wire, there.exchange
        held = await exchange.balances(wire)
        assert held == {"BTC": Balance("BTC", Decimal("12345678.12345678"), Decimal("0.00000001"))}
        answer = await there.place(WANTED)
        assert outcome_of(answer).result == {"id": "28"}
        found = await exchange.find(wire, WANTED.plan())
        assert (found.id, found.client_order_id, found.state) == ("28", "a" * 32, OrderState.PARTIALLY_FILLED)
        assert (found.filled, found.cost) == (Decimal("0.001"), Decimal("50.0001"))
        (fill,) = await exchange.fills(wire, "BTC/USDT", SINCE)
        assert (fill.order_id, fill.fee, fill.fee_asset, fill.maker) == ("28", Decimal("0.000001"), "BTC", True)
        assert list(await exchange.open_orders(wire)) == []
        assert outcome_of(await exchange.cancel(wire, found)).kind is Kind.OK
        there.server.answers["GET", "/api/v3/order"] = (400, {"code": -1100, "msg": "Illegal characters"}, {})
        with pytest.raises(Rejected, match="Illegal characters"):
            await exchange.find(wire, WANTED.plan())
        there.server.answers["GET", "/api/v3/order"] = (400, {"code": -2013, "msg": "Order does not exist."}, {})
        assert await exchange.find(wire, WANTED.plan()) is None


async def test_a_trade_between_two_orders_of_the_account_is_shown_for_both(world: Any) -> None:
    """Its number is the same for the buyer and the seller, who are one here."""
    trades = ("GET", "/api/v3/myTrades")
    (bought,) = BINANCE[trades]
    sold = bought | {"orderId": 29, "isBuyer": False, "isMaker": False}
    async with world("binance/main", SERVED | {trades: [bought, sold]}, KEYS) as there:
        found = await there.exchange.fills(there.wire, "BTC/USDT", SINCE)
        assert [(one.id, one.order_id, one.side) for one in found] == [
            ("28457", "28", Side.BUY),
            ("28457", "29", Side.SELL),
        ]


async def test_an_order_that_is_found_by_its_number_bears_its_own_name(world: Any) -> None:
    """Whoever asked for another one, which had that number before the exchange was wiped, sees it."""

    def asked(came: Any) -> Any:
        by_number = came.asked.get("orderId") == "28"
        shown = BINANCE["GET", "/api/v3/order"] | {"clientOrderId": "b" * 32}
        return shown if by_number else (400, {"code": -2013, "msg": "Order does not exist."}, {})

    async with world("binance/main", SERVED | {("GET", "/api/v3/order"): asked}, KEYS) as there:
        found = await there.exchange.find(there.wire, WANTED.plan() | {"id": "28"})
        assert (found.id, found.client_order_id) == ("28", "b" * 32)


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"", {}),
        (200, b"<html>maintenance</html>", {"content-type": "text/html"}),
        (200, b"{}", {"content-type": "application/json"}),
        (200, b'{"symbol": "BTCUSDT", "orderId": null}', {}),
        (200, b'{"symbol": "BTC', {}),
        (524, b"a time-out occurred", {}),
        (503, {"code": -1008, "msg": "busy"}, {}),
        (504, {"code": -1007, "msg": "Timeout waiting for response from backend server."}, {}),
        (400, {"code": -1006, "msg": "An unexpected response was received"}, {}),
        (400, {"code": -2010, "msg": "Duplicate order sent."}, {}),
        (400, {"code": -9999, "msg": "new"}, {}),
        (403, b"<html>WAF</html>", {}),
        None,
    ],
)
async def test_what_is_no_answer_is_unknown(world: Any, answer: Any) -> None:
    """An answer that proves nothing leaves the order open to be looked up, and it is never sent again."""
    async with world("binance/main", SERVED | {ORDER: lambda _: answer}, KEYS) as there:
        for _ in range(2):
            with pytest.raises(Unresolved):
                await there.place(WANTED)
        assert len(there.server.of(*ORDER)) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((400, {"code": -2010, "msg": "Account has insufficient balance for requested action."}, {}), "insufficient"),
        ((400, {"code": -1013, "msg": "Filter failure: NOTIONAL"}, {}), "NOTIONAL"),
        ((401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, {}), "the key is wrong"),
    ],
)
async def test_a_refusal_is_told(world: Any, answer: Any, reason: str) -> None:
    """What the exchange refuses for sure is refused, with its reason."""
    async with world("binance/main", SERVED | {ORDER: answer}, KEYS) as there:
        outcome = outcome_of(await there.place(WANTED))
        assert (outcome.kind, reason in outcome.reason) == (Kind.REJECTED, True)


@pytest.mark.parametrize("status", [418, 429])
async def test_a_ban_is_kept_to(world: Any, status: int) -> None:
    """After 429 or 418 nothing is asked until the time that the exchange names, also not by another call."""
    banned = (status, {"code": -1003, "msg": "Too many requests"}, {"retry-after": "120"})
    async with world("binance/main", SERVED | {ORDER: banned}, KEYS) as there:
        with pytest.raises(NotNow) as parked:
            await there.place(WANTED)
        assert timedelta(seconds=100) < parked.value.until - datetime.now(UTC) < timedelta(seconds=125)
        before = len(there.server.came)
        with pytest.raises(NotNow):
            await there.exchange.ticker(there.wire, "BTC/USDT")
        assert len(there.server.came) == before


async def test_a_wrong_clock_is_measured_and_corrected(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    """An order refused for its time is sent once more by the exchange's own clock, and goes through."""

    def checked(came: Any) -> Any:
        late = abs(int(came.asked["timestamp"]) - time.time_ns() // 1_000_000 + 3_600_000) > 5000
        return (400, {"code": -1021, "msg": "Timestamp for this request"}, {}) if late else BINANCE[ORDER]

    hour = {("GET", "/api/v3/time"): lambda _: {"serverTime": time.time_ns() // 1_000_000 - 3_600_000}}
    async with world("binance/main", SERVED | {ORDER: checked}, KEYS) as there:
        await there.exchange.markets(there.wire)
        assert "clock is" not in caplog.text
        there.server.answers |= hour  # from here on
        assert outcome_of(await there.place(WANTED)).kind is Kind.OK
        assert len(there.server.of(*ORDER)) == 2
        assert "clock is 3600" in caplog.text, "whoever reads the service's log is told"
        identity = await there.exchange.test(there.wire)
        assert any("clock is 3600" in warning for warning in identity.warnings)


async def test_a_clock_that_is_wrong_from_the_beginning_costs_no_order(world: Any) -> None:
    """The exchange's is asked for with its markets, and everything is signed by it."""
    hour = {("GET", "/api/v3/time"): lambda _: {"serverTime": time.time_ns() // 1_000_000 - 3_600_000}}
    async with world("binance/main", SERVED | hour, KEYS) as there:
        assert outcome_of(await there.place(WANTED)).kind is Kind.OK
        (came,) = there.server.of(*ORDER)
        assert abs(int(came.asked["timestamp"]) - time.time_ns() // 1_000_000 + 3_600_000) < 60_000


async def test_a_candle_closes_by_the_exchange_s_clock(world: Any) -> None:
    """By ours, which is years ahead here, one that is still being traded would pass for closed."""
    there_now = {("GET", "/api/v3/time"): {"serverTime": 1_499_040_090_000}}  # in the middle of the second
    async with world("binance/main", SERVED | there_now, KEYS) as there:
        found = await there.exchange.candles(there.wire, "BTC/USDT", timedelta(minutes=1), SINCE)
        assert [candle.close for candle in found] == [Decimal("1.2")]


async def test_after_our_clock_was_set_the_exchange_s_is_measured_anew(world: Any) -> None:
    """What was measured before says nothing then; else no call is spent on it."""
    times = [1_499_040_090_000, 1_499_040_090_000, 1_499_043_690_000]  # the last an hour later
    clock = {("GET", "/api/v3/time"): lambda _: {"serverTime": times.pop(0)}}
    async with world("binance/main", SERVED | clock, KEYS) as there:
        before = await there.exchange.ahead(there.wire)
        await there.exchange.markets(there.wire)
        assert abs(await there.exchange.ahead(there.wire) - before) < timedelta(minutes=1)
        after = await there.exchange.ahead(there.wire, anew=True)
        assert timedelta(minutes=59) < before - after < timedelta(minutes=61)


async def test_limits_are_what_the_exchange_announces(world: Any) -> None:
    """The windows of exchangeInfo are kept to, and what its headers say is used counts."""
    said = {"x-mbx-used-weight-10s": "999", "date": "Wed, 25 Nov 2026 10:00:03 GMT"}
    async with world("binance/main", SERVED, KEYS) as there:
        assert "weight-1m" in {budget.name for budget in there.exchange.budgets}
        await there.exchange.markets(there.wire)
        found = {budget.name: (budget.limit, budget.seconds, budget.shared) for budget in there.exchange.budgets}
        assert found["weight-10s"] == (1000, 10, True)
        assert found["orders-10s"] == (50, 10, False)
        assert "weight-1m" not in found
        (reading,) = there.exchange.observe(there.exchange.placing({}), httpx.Response(200, headers=said))
        assert (reading.budget, reading.remaining) == ("weight-10s", 1)
        assert reading.reset == datetime(2026, 11, 25, 10, 0, 10, tzinfo=UTC)


async def test_that_markets_stay_is_said(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """To look through thousands of them for garbage takes a tenth of a second, for which an order would wait."""
    said: list[str] = []
    monkeypatch.setattr(memory, "loaded", lambda: said.append("loaded"))
    async with world("binance/main", SERVED, KEYS) as there:
        await there.exchange.markets(there.wire)
        await there.exchange.markets(there.wire)
        assert said == ["loaded"]


async def test_keys_stay_off_the_record(world: Any) -> None:
    """What the ledger holds of an order is what was asked, and neither the secret nor a signature."""
    async with world("binance/main", SERVED, KEYS) as there:
        await there.place(WANTED)
        await there.exchange.balances(there.wire)
        kept = there.engine.reader.execute("SELECT said(data) FROM entry").fetchall()
        text = " ".join(row[0] for row in kept)
        assert CANARY not in text
        assert "signature" not in text
        raw = (
            there.engine.home.database.read_bytes(),
            *(file.read_bytes() for file in there.engine.home.path.glob("*-wal")),
        )
        assert not any(CANARY.encode() in part for part in raw)


async def test_money_stays(world: Any) -> None:
    """A call that moves money out does not leave, whoever asks for it."""
    async with world("binance/main", SERVED, KEYS) as there:
        call = Unsigned(("sapi",), "capital/withdraw/apply", "POST", {"coin": "BTC"})
        operation, address = there.exchange.placing({}), f"{there.wire.base}/sapi/v1/capital/withdraw/apply"
        for url in (address, f"{there.wire.base}/api/v3/order"):
            with pytest.raises((CallRefused, NotNow), match="moves money out"):
                await there.wire.request(there.exchange.canceling({}), "POST", url, json=call.said())
        assert operation.scope == "trade"
        assert there.server.came == []


async def test_an_ed25519_key_signs(world: Any) -> None:
    """The kind of key that Binance recommends: the signature holds for its public half."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    async with world("binance/main", SERVED, {"api_key": "public-name", "secret": pem}) as there:
        await there.place(WANTED)
        (came,) = there.server.of(*ORDER)
        text, _, signature = came.body.rpartition("&signature=")
        private.public_key().verify(base64.b64decode(unquote(signature)), text.encode())
