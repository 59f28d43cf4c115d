"""What six exchanges are sent, byte for byte: signatures computed anew, parameters held against specifications."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Kind, outcome_of
from connectors.exchange.rows import rows
from connectors.network import UNTOLD, Rejected
from connectors.order import Balance, OrderState, OrderType, Side
from tests.connectors.exchange.cases import CASES, IDS, NAMES, NUMBERED, numbered, wanted
from tests.connectors.exchange.samples import ID
from tests.connectors.exchange.server import Came
from tests.connectors.recorded import requests

#: what the query and the cancellation say, beside which order is meant
SAID: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "binance": ({"symbol": "BTCUSDT", "origClientOrderId": ID}, {"symbol": "BTCUSDT", "orderId": "28"}),
    "kraken": ({"cl_ord_id": ID}, {"txid": "OU22CG-KLAF2-FWUDD7"}),
    "coinbase": (
        {"product_ids": "BTC-USD", "order_status": "OPEN", "limit": "250"},
        {"order_ids": ["11111-00000-000000"]},
    ),
    "bybit": (
        {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": ID},
        {"category": "spot", "symbol": "BTCUSDT", "orderId": "1321003749386327552"},
    ),
    "okx": ({"instId": "BTC-USDT", "clOrdId": ID}, {"instId": "BTC-USDT", "ordId": "312269865356374016"}),
    "alpaca": ({"client_order_id": ID}, {}),
}


@NAMES
async def test_signed_bytes(world: Any, name: str) -> None:
    """An order, its query, its cancellation and the balance are signed as the exchange's documentation says."""
    case = CASES[name]
    async with world(f"{name}/main", case.answers, case.secrets) as there:
        placed = outcome_of(await there.place(wanted(case)))
        assert (placed.kind, placed.result) == (Kind.OK, {"id": case.order})
        found = await there.exchange.find(there.wire, wanted(case).plan())
        assert (found.id, found.client_order_id, found.symbol) == (case.order, ID, case.symbol)
        assert (found.side, found.type, found.state) == (Side.BUY, OrderType.LIMIT, OrderState.PARTIALLY_FILLED)
        assert (found.amount, found.filled, found.price) == (Decimal("0.003"), Decimal("0.001"), Decimal("50000.1"))
        assert outcome_of(await there.exchange.cancel(there.wire, found)).kind is Kind.OK
        assert await there.exchange.balances(there.wire)
        for place in (case.place, case.find, case.cancel, case.balance):
            came = there.server.of(*place)
            assert came, place
            for one in came:
                case.signed(one)
        for place, said in zip((case.find, case.cancel), SAID[name], strict=True):
            asked = there.server.of(*place)[0].asked
            assert {key: asked.get(key) for key in said} == said
        assert len(there.server.of(*case.place)) == 1
        recorded = [(method, path.partition("?")[0]) for _, method, path, _ in requests(there.engine.reader)]
        assert recorded == [(came.method, came.path) for came in there.server.came], "the record says where it went"
        kept = "".join(row[0] for row in there.engine.reader.execute("SELECT said(data) FROM entry"))
        hidden = [value for field, value in case.secrets.items() if field != "api_key"]
        assert not any(value in kept for value in hidden)
        bodies = b"".join(body for _, _, _, body in requests(there.engine.reader))
        assert not any(value.encode() in bodies for value in hidden)


@NAMES
async def test_the_key_is_asked_about(world: Any, name: str) -> None:
    """A key that may trade and not withdraw is connected, and what is not known of it is said."""
    case = CASES[name]
    async with world(f"{name}/main", case.answers, case.secrets) as there:
        identity = await there.exchange.test(there.wire)
        before = len(there.server.came)
        rights = await there.exchange.rights(there.wire)
        for came in there.server.came[before:]:
            case.signed(came)
        if name == "alpaca":
            assert (rights.trade, rights.withdraw, identity.handle) == (True, None, "unverified")
        else:
            assert (rights.trade, rights.withdraw, rights.transfer) == (True, False, False)
            assert identity.handle.startswith("may trade, not withdraw")
        assert (identity.id == UNTOLD) == (name == "kraken")  # which tells a key's name, and not whose it is
        assert any("any address" in warning for warning in identity.warnings) == (name == "bybit")


MOVING = {
    "binance": [
        ("GET", "/sapi/v1/account/apiRestrictions", {right: True})
        for right in ("enableWithdrawals", "permitsUniversalTransfer", "enableInternalTransfer")
    ],
    "kraken": [("POST", "/0/private/GetApiKeyInfo", {"error": [], "result": {"permissions": ["withdraw-funds"]}})],
    "coinbase": [("GET", "/api/v3/brokerage/key_permissions", {"can_transfer": True})],
    "bybit": [
        ("GET", "/v5/user/query-api", {"result": {"permissions": {"Wallet": [right]}}})
        for right in ("Withdraw", "AccountTransfer")
    ],
    "okx": [("GET", "/api/v5/account/config", {"data": [{"uid": "1", "perm": "read_only,withdraw,trade"}]})],
}


@pytest.mark.parametrize(
    ("name", "method", "path", "more"), [(name, *one) for name, all_ in MOVING.items() for one in all_]
)
async def test_a_key_that_moves_money_is_refused(world: Any, name: str, method: str, path: str, more: Any) -> None:
    """No key that may withdraw or transfer is connected, on any exchange that says so."""
    case = CASES[name]
    answers = case.answers | {(method, path): {**case.answers[method, path], **more}}
    async with world(f"{name}/main", answers, case.secrets) as there:
        with pytest.raises(Exception, match=r"this key may (withdraw|transfer); make one"):
            await there.exchange.test(there.wire)


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("binance", {"enableWithdrawals": False, "permitsUniversalTransfer": True}, (False, True)),
        ("binance", {"enableWithdrawals": False, "permitsUniversalTransfer": False}, (False, None)),
        ("binance", {}, (None, None)),
        ("kraken", {"result": {"permissions": ["query-funds", "withdraw-funds"]}}, (True, False)),
        ("kraken", {"result": {}}, (None, None)),
        ("coinbase", {"can_transfer": True}, (True, True)),
        ("coinbase", {}, (None, None)),
        ("bybit", {"result": {"permissions": {"Spot": ["SpotTrade"]}}}, (None, None)),
        ("bybit", {"result": {"permissions": {"Wallet": ["SubMemberTransfer"]}}}, (False, True)),
        ("okx", {"data": [{"perm": "read_only,withdraw,trade"}]}, (True, False)),
        ("okx", {"data": [{"uid": "1"}]}, (None, None)),
        ("alpaca", {"trading_blocked": False}, (None, None)),
    ],
)
def test_half_a_word_is_no_clearance(name: str, body: Any, expected: tuple[bool | None, bool | None]) -> None:
    """What an exchange says that a key may do counts, whatever it leaves out; what it leaves out is not known."""
    rights = rows()[name]().rights(body)
    assert (rights.withdraw, rights.transfer) == expected


@NAMES
async def test_an_order_that_never_was(world: Any, name: str) -> None:
    """An order that the exchange does not know is not found, whichever way the exchange says so."""
    case = CASES[name]
    nothing = {
        "binance": (400, {"code": -2013, "msg": "Order does not exist."}, {}),
        "kraken": {"error": [], "result": {"open": {}}},
        "coinbase": {"orders": [], "has_next": False},
        "bybit": {"retCode": 0, "retMsg": "OK", "result": {"list": []}},
        "okx": {"code": "51603", "msg": "Order does not exist", "data": []},
        "alpaca": (404, {"code": 40410000, "message": "order not found"}, {}),
    }
    async with world(f"{name}/main", case.answers | {case.find: nothing[name]}, case.secrets) as there:
        assert await there.exchange.find(there.wire, wanted(case).plan()) is None
        other = replace(wanted(case), client_order_id="f" * 32)
        there.server.answers[case.find] = case.answers[case.find]
        assert await there.exchange.find(there.wire, other.plan()) is None, "another order is not ours"


async def test_an_order_that_has_ended_is_in_another_list(world: Any) -> None:
    """What is not among the open ones is looked for among the others, by our id too."""
    kraken, bybit = CASES["kraken"], CASES["bybit"]
    ended = {**kraken.answers[kraken.find]["result"]["open"][kraken.order], "status": "closed", "vol_exec": "0.003"}
    closed = ("POST", "/0/private/ClosedOrders")
    lists: dict[tuple[str, str], Any] = {
        kraken.find: {"error": [], "result": {"open": {}}},
        closed: {"error": [], "result": {"closed": {kraken.order: ended}, "count": 1}},
    }
    async with world("kraken/main", kraken.answers | lists, kraken.secrets) as there:
        await there.exchange.markets(there.wire)
        found = await there.exchange.find(there.wire, wanted(kraken).plan())
        assert (found.id, found.client_order_id, found.state) == (kraken.order, ID, OrderState.FILLED)
        assert [came.asked["cl_ord_id"] for came in there.server.of(*closed)] == [ID]
    history = ("GET", "/v5/order/history")
    row = {**bybit.answers[bybit.find]["result"]["list"][0], "orderStatus": "Filled", "cumExecQty": "0.003"}
    none = {"retCode": 0, "retMsg": "OK", "result": {"list": []}}
    lists = {bybit.find: none, history: {**none, "result": {"list": [row]}}}
    async with world("bybit/main", bybit.answers | lists, bybit.secrets) as there:
        await there.exchange.markets(there.wire)
        found = await there.exchange.find(there.wire, wanted(bybit).plan())
        assert (found.id, found.client_order_id, found.state) == (bybit.order, ID, OrderState.FILLED)
        assert [came.asked["orderLinkId"] for came in there.server.of(*history)] == [ID]


@NAMES
async def test_an_order_is_found_by_the_exchange_s_own_id(world: Any, name: str) -> None:
    """Signed as all calls are; it is ours if it bears our id; another number is another order, or none."""
    case, (place, nothing) = CASES[name], NUMBERED[name]
    answers = case.answers | {place: numbered(name, case.answers[case.find])}
    async with world(f"{name}/main", answers, case.secrets) as there:
        found = await there.exchange.look_up(there.wire, wanted(case).plan(), case.order)
        assert (found.id, found.client_order_id, found.symbol) == (case.order, ID, case.symbol)
        other = replace(wanted(case), client_order_id="f" * 32)
        strange = await there.exchange.look_up(there.wire, other.plan(), case.order)
        assert strange.client_order_id != other.client_order_id
        for came in there.server.of(*place):
            case.signed(came)
            assert case.order in f"{came.target} {came.body}"
        there.server.answers[place] = nothing
        assert await there.exchange.look_up(there.wire, wanted(case).plan(), case.order) is None


async def test_a_list_that_is_not_whole_proves_nothing(world: Any) -> None:
    """Coinbase has no way to ask for an order by our id: if there are more open orders than it shows, ours may be one."""
    case = CASES["coinbase"]
    listed = {**case.answers[case.find], "has_next": True}
    async with world("coinbase/main", case.answers | {case.find: listed}, case.secrets) as there:
        assert await there.exchange.find(there.wire, wanted(case).plan()) is not None
        other = replace(wanted(case), client_order_id="f" * 32)
        with pytest.raises(Rejected, match="only the newest 250"):
            await there.exchange.find(there.wire, other.plan())


@NAMES
async def test_what_is_cancelled_without_a_number_goes_by_our_id(world: Any, name: str) -> None:
    """Where the exchange takes it; elsewhere nothing is sent, since a call without a number could mean all orders."""
    case = CASES[name]
    async with world(f"{name}/main", case.answers, case.secrets) as there:
        await there.exchange.markets(there.wire)
        found = await there.exchange.find(there.wire, wanted(case).plan())
        before = len(there.server.came)
        if name in {"coinbase", "alpaca"}:
            with pytest.raises(Exception, match="is not known yet; nothing was sent"):
                await there.exchange.cancel(there.wire, replace(found, id=""))
            assert len(there.server.came) == before
            return
        assert outcome_of(await there.exchange.cancel(there.wire, replace(found, id=""))).kind is Kind.OK
        (came,) = there.server.of(*case.cancel)
        case.signed(came)
        assert came.asked[IDS[name] if name != "binance" else "origClientOrderId"] == ID


async def test_a_stop_is_cancelled_among_the_stops(world: Any) -> None:
    """Bybit looks for it among the others, and does not find it, unless it is told."""
    case = CASES["bybit"]
    async with world("bybit/main", case.answers, case.secrets) as there:
        await there.exchange.markets(there.wire)
        found = await there.exchange.find(there.wire, wanted(case).plan())
        for kind, told in ((OrderType.LIMIT, None), (OrderType.STOP, "StopOrder"), (OrderType.STOP_LIMIT, "StopOrder")):
            await there.exchange.cancel(there.wire, replace(found, type=kind))
            assert there.server.of(*case.cancel)[-1].asked.get("orderFilter") == told


async def test_a_stop_that_was_triggered_is_cancelled_among_the_others(world: Any) -> None:
    """It rests in the book at its limit price then, and Bybit does not find it among the stops any more."""
    case = CASES["bybit"]

    def answer(came: Came) -> Any:
        there = "orderFilter" not in came.asked
        return {"retCode": 0 if there else 170213, "retMsg": "" if there else "Order does not exist.", "result": {}}

    async with world("bybit/main", case.answers | {case.cancel: answer}, case.secrets) as there:
        await there.exchange.markets(there.wire)
        found = await there.exchange.find(there.wire, wanted(case).plan())
        for kind, calls in ((OrderType.STOP_LIMIT, 2), (OrderType.LIMIT, 1)):
            before = len(there.server.of(*case.cancel))
            answered = await there.exchange.cancel(there.wire, replace(found, type=kind))
            assert outcome_of(answered).kind is Kind.OK
            assert len(there.server.of(*case.cancel)) == before + calls


async def test_balances_are_split(world: Any) -> None:
    """What open orders hold is apart from what can be used."""
    for name, expected in {"kraken": ("1.0", "0.5"), "coinbase": ("1.0", "0.5"), "okx": ("1.0", "0.5")}.items():
        case = CASES[name]
        async with world(f"{name}/main", case.answers, case.secrets) as there:
            held = await there.exchange.balances(there.wire)
            assert held == {"BTC": Balance("BTC", Decimal(expected[0]), Decimal(expected[1]))}, name


@pytest.mark.parametrize(
    ("name", "cent"),
    [
        ("binance", "1E-8"),
        ("kraken", "0.00001"),
        ("coinbase", "0.01"),
        ("bybit", "1E-8"),
        ("okx", None),
        ("alpaca", None),
    ],
)
async def test_what_a_market_order_spends_has_so_many_digits(world: Any, name: str, cent: str | None) -> None:
    """As far as the exchange says it."""
    case = CASES[name]
    async with world(f"{name}/main", case.answers, case.secrets) as there:
        market = (await there.exchange.markets(there.wire))[case.symbol]
        assert market.filters.cent == (Decimal(cent) if cent else None)
