"""Bad days at six exchanges, and at one without a row, over real sockets: what is no answer, and what never left."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from datetime import timedelta
from decimal import Decimal
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from automator.egress import stack
from connectors.base import Kind, NotNow, Unresolved, outcome_of
from connectors.order import Order, OrderState, OrderType, Side
from tests.connectors.exchange.cases import API, CASES, Case, wanted
from tests.connectors.exchange.others import OTHERS
from tests.connectors.exchange.server import Came, Cut, Server

SEVEN = CASES | {
    "bitstamp": Case(
        {**OTHERS["bitstamp"].answers},
        API,
        lambda _: None,
        "BTC/USD",
        OTHERS["bitstamp"].place,
        OTHERS["bitstamp"].cancel,
        ("POST", "/api/v2/open_orders/all/"),
        ("POST", "/api/v2/account_balances/"),
        OTHERS["bitstamp"].order,
    )
}
NAMES = pytest.mark.parametrize("name", SEVEN)
HTML = {"content-type": "text/html"}
NONE = {
    "an empty body": (200, b"", {}),
    "HTML": (200, b"<html>maintenance</html>", HTML),
    "524": (524, b"a time-out occurred", {}),
    "half a body": Cut(b'{"orderId": 28, "id": "1", "res'),
    "half of JSON": (200, b'{"orderId": 28, "id": "1", "res', {"content-type": "application/json"}),
    "a connection that ends": None,
}
ANSWERS = pytest.mark.parametrize("what", NONE)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts take no time."""

    async def at_once(*_: object) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("automator.clock.SystemClock.sleep", at_once)


def shown(case: Case) -> Order:
    """The order that is to be cancelled."""
    asked, none = wanted(case), Decimal(0)
    state = (OrderState.OPEN, asked.amount, none, none, asked.price)
    return Order(case.order, asked.client_order_id, case.symbol, Side.BUY, OrderType.LIMIT, *state)


@NAMES
@ANSWERS
async def test_an_order_without_an_answer_is_open_and_sent_once(world: Any, name: str, what: str) -> None:
    """Whatever comes back that names no order, it may be there: it is not sent again, nor taken for done."""
    case = SEVEN[name]
    async with world(f"{name}/main", case.answers | {case.place: lambda _: NONE[what]}, case.secrets) as there:
        for _ in range(2):
            with pytest.raises(Unresolved):
                await there.place(wanted(case))
        assert len(there.server.of(*case.place)) == 1


@NAMES
@ANSWERS
async def test_a_cancel_without_an_answer_is_not_taken_for_done(world: Any, name: str, what: str) -> None:
    """It is asked for again a few times, which is harmless; then the order is looked at."""
    case = SEVEN[name]
    async with world(f"{name}/main", case.answers | {case.cancel: lambda _: NONE[what]}, case.secrets) as there:
        await there.exchange.markets(there.wire)
        try:
            answer = await there.exchange.cancel(there.wire, shown(case))
        except NotNow:
            pass
        else:
            assert outcome_of(answer).kind is Kind.UNKNOWN
        assert 1 < len(there.server.of(*case.cancel)) <= 4


class Slow(Server):
    """Orders are taken, and answered when nobody waits any more."""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        answer = await super()._answer(request)
        if request.path in {case.place[1] for case in SEVEN.values()} and request.method == "POST":
            await asyncio.sleep(3)
        return answer


@pytest.mark.parametrize("name", ["binance", "kraken", "bitstamp"])
async def test_waiting_in_vain_for_an_answer_is_not_waiting_in_vain_for_a_connection(
    world: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the one the order may be there; after the other it never left, and goes out once when the exchange is back."""
    case = SEVEN[name]
    monkeypatch.setattr(stack, "TIMEOUT", {"connect": 0.3, "read": 0.3, "write": 0.3, "pool": 0.3})
    async with world(f"{name}/main", case.answers, case.secrets, made=Slow) as there:
        await there.exchange.markets(there.wire)
        with pytest.raises(Unresolved):
            await there.place(wanted(case))
        assert len(there.server.of(*case.place)) == 1


@NAMES
async def test_an_order_that_never_left_goes_out_once_later(
    world: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exchange takes no connections; that it is tried again later places one order."""
    case = SEVEN[name]
    async with world(f"{name}/main", case.answers, case.secrets) as there:
        await there.exchange.markets(there.wire)
        await there.engine.http.aclose()  # so that a new connection is needed

        async def refused(*_: Any, **__: Any) -> Any:
            raise ConnectionRefusedError

        with monkeypatch.context() as patched:
            patched.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", refused)
            with pytest.raises(NotNow):
                await there.place(wanted(case))
        assert there.server.of(*case.place) == []
        assert outcome_of(await there.place(wanted(case))).kind is Kind.OK
        assert len(there.server.of(*case.place)) == 1


async def test_a_wrong_clock_is_not_taken_for_a_wrong_key(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Coinbase says of a token of another time only that it is not authorized: its clock is asked for before."""
    case, hour = CASES["coinbase"], 3600

    def dated(came: Came) -> Any:
        body = came.headers["authorization"].split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        there = time.time() - hour
        return case.answers[case.place] if said["nbf"] - 2 <= there <= said["exp"] else (401, b"Unauthorized\n", {})

    clock = {("GET", "/v2/time"): lambda _: {"data": {"epoch": int(time.time()) - hour}}}
    async with world("coinbase/main", case.answers | clock | {case.place: dated}, case.secrets) as there:
        assert outcome_of(await there.place(wanted(case))).kind is Kind.OK
        assert re.search(r"clock is 36\d\d\.\d s ahead", caplog.text)
        assert len(there.server.of(*case.place)) == 1


async def test_trades_are_read_up_to_the_exchange_s_present(world: Any) -> None:
    """Bybit shows a week at a time; by a clock that is an hour behind, its newest trades are still to come."""
    case, hour = CASES["bybit"], 3600

    def clock(_: Came) -> Any:
        nanos = time.time_ns() + hour * 10**9
        said = {"timeSecond": str(nanos // 10**9), "timeNano": str(nanos)}
        return {"retCode": 0, "retMsg": "OK", "result": said, "time": nanos // 10**6}

    trades = ("GET", "/v5/execution/list")
    none = {"retCode": 0, "retMsg": "OK", "result": {"list": []}}
    answers = case.answers | {("GET", "/v5/market/time"): clock, trades: none}
    async with world("bybit/main", answers, case.secrets) as there:
        since = there.wire.now() + timedelta(minutes=50)  # those before are known
        await there.exchange.fills(there.wire, case.symbol, since)
        (came,) = there.server.of(*trades)
        assert int(came.asked["startTime"]) <= since.timestamp() * 1000


async def test_an_exchange_in_maintenance_holds_no_worker(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that it is back in two hours: whoever asks is told so, and goes on with other work."""
    case, slept = CASES["binance"], list[float]()

    async def noted(_: object, seconds: float) -> None:
        slept.append(seconds)

    away = (503, b"<html>maintenance</html>", HTML | {"retry-after": "7200", "date": formatdate(usegmt=True)})
    async with world("binance/main", case.answers | {case.find: away, case.cancel: away}, case.secrets) as there:
        await there.exchange.markets(there.wire)
        monkeypatch.setattr("automator.clock.SystemClock.sleep", noted)
        monkeypatch.setattr(type(there.engine.clock), "sleep", noted)
        with pytest.raises(NotNow) as told:
            await there.exchange.find(there.wire, wanted(case).plan())
        assert told.value.until is not None
        assert told.value.until > there.wire.now() + timedelta(hours=1)
        assert outcome_of(await there.exchange.cancel(there.wire, shown(case))).kind is Kind.UNKNOWN
        assert sum(slept) < 60
