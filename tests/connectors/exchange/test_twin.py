"""The stand-in for Binance keeps to what Binance documents: keys, times, limits, errors, and who sees what when."""

from __future__ import annotations

import hashlib
import hmac
import random
from datetime import timedelta
from typing import Any

import httpx
import pytest

from automator.sandbox.faults import Fault
from connectors.exchange import twin as binance
from tests.connectors.exchange.exchange import Place, code
from tests.connectors.exchange.made import D


async def test_a_signature_covers_the_bytes_that_were_sent(place: Place) -> None:
    """Percent-encoded, as they are on the wire, in the query or in the body or in both."""
    name = {"X-MBX-APIKEY": place.secrets["api_key"]}
    now = int(place.clock[0].timestamp() * 1000)
    order = f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=40000&timestamp={now}"

    def sign(payload: str) -> str:
        return hmac.new(place.secrets["secret"].encode(), payload.encode(), hashlib.sha256).hexdigest()

    for cut in (0, 4, len(order.split("&"))):
        query, body = "&".join(order.split("&")[:cut]), "&".join(order.split("&")[cut:])
        signed = f"signature={sign(query + body)}"
        body = f"{body}&{signed}" if body else ""
        query = query if body else f"{query}&{signed}"
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = await place.client.post(f"/api/v3/order?{query}", content=body, headers=name | form)
        assert answer.status_code == 200, answer.text
    encoded = f"{order}&newClientOrderId=%61b"
    answer = await place.client.post(f"/api/v3/order?{encoded}&signature={sign(encoded)}", headers=name)
    assert answer.json()["clientOrderId"] == "ab"
    plain = sign(f"{order}&newClientOrderId=ac")
    answer = await place.client.post(f"/api/v3/order?{order}&newClientOrderId=%61c&signature={plain}", headers=name)
    assert code(answer) == (400, -1022, "Signature for this request is not valid.")


async def test_keys_and_times_are_checked(place: Place) -> None:
    """Each with the code that errors.md has for it."""
    now = int(place.clock[0].timestamp() * 1000)
    get = "/api/v3/account"
    assert code(await place.ask("GET", get, secrets={"api_key": "short", "secret": "x"}))[:2] == (401, -2014)
    assert code(await place.ask("GET", get, secrets={"api_key": "a" * 64, "secret": "x"}))[:2] == (401, -2015)
    wrong = {**place.secrets, "secret": "wrong"}
    assert code(await place.ask("GET", get, secrets=wrong)) == (400, -1022, "Signature for this request is not valid.")
    old, early = await place.ask("GET", get, timestamp=now - 5001), await place.ask("GET", get, timestamp=now + 1000)
    assert code(old) == (400, -1021, "Timestamp for this request is outside of the recvWindow.")
    assert code(early) == (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    assert (await place.ask("GET", get, timestamp=now - 5001, recvWindow=6000)).status_code == 200
    assert (await place.ask("GET", get, timestamp=(now + 999) * 1000)).status_code == 200  # microseconds
    assert code(await place.ask("GET", get, recvWindow=60_001))[1] == -1131
    assert code(await place.ask("GET", get, timestamp=""))[1] == -1102


async def test_a_key_does_only_what_it_may(place: Place) -> None:
    """A read-only key can't trade; what a key may do is told, withdrawing and its addresses too."""
    member = place.world.members[0]
    reads = binance.add_key(place.world, member, trade=False, withdraw=True, transfer=True, ip_restricted=False)
    assert code(await place.place(secrets=reads))[:2] == (401, -2015)
    assert (await place.ask("GET", "/api/v3/account", secrets=reads)).json()["canTrade"] is False
    rights = (await place.ask("GET", "/sapi/v1/account/apiRestrictions", secrets=reads)).json()
    names = ("ipRestrict", "enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")
    assert [rights[name] for name in names] == [False, True, True, True]
    assert rights["enableSpotAndMarginTrading"] is False
    expiring = binance.add_key(place.world, member, expires=place.clock[0] + timedelta(hours=1))
    assert (await place.place(secrets=expiring)).status_code == 200
    rights = (await place.ask("GET", "/sapi/v1/account/apiRestrictions", secrets=expiring)).json()
    assert rights["tradingAuthorityExpirationTime"] == int(place.clock[0].timestamp() * 1000) + 3_600_000
    place.wait(hours=1)
    assert code(await place.place(secrets=expiring))[:2] == (401, -2015)


WRONG = [
    ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
    ({"side": "HOLD"}, -1117, "Invalid side."),
    ({"type": "WISH"}, -1116, "Invalid orderType."),
    ({"timeInForce": "SOON"}, -1115, "Invalid timeInForce."),
    ({"quantity": "1e3"}, -1100, "Illegal characters found in parameter 'quantity'"),
    ({"quantity": "-1"}, -1100, "Illegal characters"),
    ({"quantity": "0.000000001"}, -1111, "Parameter 'quantity' has too much precision."),
    ({"quantity": ""}, -1105, "Parameter 'quantity' was empty."),
    ({"stopPrice": "39000"}, -1106, "Parameter 'stopPrice' sent when not required."),
    ({"quoteOrderQty": "10"}, -1106, "Parameter 'quoteOrderQty' sent when not required."),
    ({"newClientOrderId": "what is this"}, -1100, "Illegal characters found in parameter 'newClientOrderId'"),
    ({"newOrderRespType": "LONG"}, -1130, "newOrderRespType"),
    ({"type": "LIMIT", "quantity": "0.01", "price": "40000"}, -1102, "Mandatory parameter 'timeInForce'"),
    ({"type": "MARKET"}, -1102, "Mandatory parameter 'quantity'"),
    ({"type": "MARKET", "quantity": "1", "quoteOrderQty": "1"}, -1128, "Combination"),
    ({"type": "STOP_LOSS", "quantity": "1"}, -1102, "Mandatory parameter 'stopPrice'"),
    ({"newClientOrderId": ""}, -1105, "Parameter 'newClientOrderId' was empty."),
    ({"wish": "1"}, -1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."),
    ({"timeInforce": "GTC"}, -1104, "Not all sent parameters were read"),
    ({f"wish{number}": "1" for number in range(20)}, -1101, "Too many parameters; expected '21' and received '28'."),
    ({"trailingDelta": "100"}, -2010, "Trailing stop orders are not supported for this symbol."),
    ({"icebergQty": "0.001"}, -2010, "Iceberg orders are not supported for this symbol."),
    ({"pegPriceType": "PRIMARY_PEG"}, -1020, "This operation is not supported."),
    ({"price": "40000.001"}, -1013, "Filter failure: PRICE_FILTER"),
    ({"price": "0"}, -1013, "Filter failure: PRICE_FILTER"),
    ({"price": "9000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ({"price": "900000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ({"quantity": "9" * 20 + ".12345678"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "0.12345678" + "9" * 10}, -1111, "Parameter 'quantity' has too much precision."),
    ({"signature": "é"}, -1022, "Signature for this request is not valid."),
    ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "9001"}, -1013, "Filter failure: LOT_SIZE"),
    ({"quantity": "0.00012"}, -1013, "Filter failure: NOTIONAL"),
    ({"quantity": "100"}, -2010, "Account has insufficient balance for requested action."),
    ({"type": "LIMIT_MAKER", "quantity": "0.01", "price": "60000"}, -2010, "Order would immediately match and take."),
    ({"type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "40000"}, -2010, "Stop price would trigger immediately."),
]


@pytest.mark.parametrize(("more", "number", "text"), WRONG, ids=[f"{text} {more}" for more, _, text in WRONG])
async def test_what_is_wrong_with_an_order_is_said_as_documented(
    place: Place, more: dict[str, str], number: int, text: str
) -> None:
    """With Binance's code and words, and nothing is placed."""
    status, said, msg = code(await place.place(**more))
    assert (status, said) == (400, number)
    assert text in msg
    assert binance.posts(place.app) == []


async def test_what_is_sent_to_the_wrong_place_or_twice_is_refused(place: Place) -> None:
    """An order that is sent by GET, a value that is there twice, and what nobody asked about the time."""
    got = await place.ask("GET", "/api/v3/order", symbol="BTCUSDT", side="BUY", type="LIMIT", price="1", quantity="1")
    assert code(got) == (400, -1101, "Too many parameters; expected '6' and received '7'.")
    twice = await place.client.get("/api/v3/ticker/price?symbol=BTCUSDT&symbol=BTCUSDT")
    assert code(twice) == (400, -1101, "Duplicate values for a parameter detected.")
    time = await place.client.get("/api/v3/time?zone=utc")
    assert code(time) == (400, -1101, "Too many parameters; expected '0' and received '1'.")
    wish = await place.client.get("/api/v3/klines?symbol=BTCUSDT&interval=1m&wish=1")
    assert code(wish)[:2] == (400, -1104)


async def test_only_so_many_orders_may_be_open(place: Place) -> None:
    """The market says how many, those that wait for a price apart; what is filled or cancelled makes room."""
    place.world.resting = (4, 2)
    (market,) = (await place.client.get("/api/v3/exchangeInfo")).json()["symbols"]
    assert market["filters"][-2:] == [
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 4},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 2},
    ]
    stop = {"type": "STOP_LOSS", "side": "SELL", "quantity": "0.01", "stopPrice": "30000"}
    assert [(await place.place(**stop)).status_code for _ in range(2)] == [200, 200]
    assert code(await place.place(**stop)) == (400, -2010, "Filter failure: MAX_NUM_ALGO_ORDERS")
    resting = [(await place.place()) for _ in range(2)]
    assert code(await place.place()) == (400, -2010, "Filter failure: MAX_NUM_ORDERS")
    assert (await place.place(type="MARKET", quantity="0.01")).status_code == 200, "it never rests"
    await place.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=resting[0].json()["orderId"])
    assert (await place.place()).status_code == 200
    pair = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "60000"}
    pair |= {"belowType": "STOP_LOSS", "belowStopPrice": "30000"}
    assert code(await place.ask("POST", "/api/v3/orderList/oco", **pair))[1:] == (
        -2010,
        "Filter failure: MAX_NUM_ORDERS",
    )
    place.world.resting = (10, 2)
    refused = await place.ask("POST", "/api/v3/orderList/oco", **pair)
    assert code(refused)[1:] == (-2010, "Filter failure: MAX_NUM_ALGO_ORDERS")
    place.world.resting = (10, 3)
    assert (await place.ask("POST", "/api/v3/orderList/oco", **pair)).status_code == 200


async def test_a_client_order_id_is_unique_among_open_orders_only(place: Place) -> None:
    """The same one again is refused while its order is open, and makes a second order after it has filled."""
    first = (await place.place(newClientOrderId="same")).json()
    assert code(await place.place(newClientOrderId="same")) == (400, -2010, "Duplicate order sent.")
    await place.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="same")
    second = (await place.place(newClientOrderId="same")).json()
    assert second["orderId"] != first["orderId"]
    shown = (await place.ask("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="same")).json()
    assert shown["orderId"] == second["orderId"]
    both = {"orderId": first["orderId"], "origClientOrderId": "other"}
    assert code(await place.ask("GET", "/api/v3/order", symbol="BTCUSDT", **both))[1] == -2013
    gone = await place.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=first["orderId"])
    assert code(gone) == (400, -2011, "Unknown order sent.")
    assert len((await place.ask("GET", "/api/v3/openOrders", symbol="BTCUSDT")).json()) == 1


async def test_a_market_order_answers_with_its_fills(place: Place) -> None:
    """FULL by default for what may be filled at once, ACK for what waits."""
    bought = (await place.place(type="MARKET", quoteOrderQty="1000")).json()
    assert bought["status"] == "FILLED"
    assert bought["executedQty"] == bought["origQty"] == "0.01996000"
    assert bought["fills"][0] == {**bought["fills"][0], "price": "50100.00000000", "commission": "0.00001996"}
    stop = await place.place(type="STOP_LOSS", side="SELL", quantity="0.01", stopPrice="40000")
    assert set(stop.json()) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert "fills" not in (await place.place(newOrderRespType="RESULT")).json()
    trades = (await place.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT")).json()
    assert [(one["orderId"], one["isBuyer"], one["isMaker"]) for one in trades] == [(bought["orderId"], True, False)]


async def test_weight_is_counted_per_address_and_too_much_of_it_is_refused_then_banned(place: Place) -> None:
    """429 with the seconds that are left, then 418 for those who do not stop; a new window lets others in."""
    place.world.weight, place.world.window = 100, 10
    limits = (await place.client.get("/api/v3/exchangeInfo")).json()["rateLimits"]
    assert limits[0] == {"rateLimitType": "REQUEST_WEIGHT", "interval": "SECOND", "intervalNum": 10, "limit": 100}
    place.wait(seconds=3)
    answer = await place.ask("GET", "/api/v3/account")
    assert answer.headers["X-MBX-USED-WEIGHT-10S"] == "40"
    for _ in range(3):
        answer = await place.ask("GET", "/api/v3/account")
    assert answer.headers["X-MBX-USED-WEIGHT-10S"] == "100"
    answer = await place.client.get("/api/v3/ping")
    assert code(answer)[:2] == (429, -1003)
    assert answer.headers["Retry-After"] == "7"
    place.wait(seconds=7)
    assert (await place.client.get("/api/v3/ping")).headers["X-MBX-USED-WEIGHT-10S"] == "1"
    for _ in range(5):
        await place.client.get("/api/v3/exchangeInfo")
    statuses = [(await place.client.get("/api/v3/ping")).status_code for _ in range(25)]
    assert statuses[0] == 429
    assert statuses[-1] == 418
    answer = await place.client.get("/api/v3/ping")
    assert answer.headers["Retry-After"] == "120"
    assert "IP banned until" in answer.json()["msg"]
    place.wait(seconds=119)
    assert (await place.client.get("/api/v3/ping")).status_code == 418
    place.wait(seconds=1)
    assert (await place.client.get("/api/v3/ping")).status_code == 200


async def test_orders_are_counted_per_account_and_filled_ones_do_not_count(place: Place) -> None:
    """-1015 with 429 above the limit; another account is not held up."""
    place.world.orders = (3, 200_000)
    for expected in ("1", "2", "3"):
        answer = await place.place()
        assert answer.headers["X-MBX-ORDER-COUNT-10S"] == answer.headers["X-MBX-ORDER-COUNT-1D"] == expected
    answer = await place.place()
    assert code(answer) == (429, -1015, "Too many new orders; current limit is 3 orders per 10 SECOND.")
    assert int(answer.headers["Retry-After"]) == 10
    other = binance.add_account(place.app, "two")
    assert (await place.place(secrets=other)).headers["X-MBX-ORDER-COUNT-10S"] == "1"
    place.wait(seconds=10)
    answer = await place.place(type="MARKET", quantity="0.01")
    assert (answer.headers["X-MBX-ORDER-COUNT-10S"], answer.headers["X-MBX-ORDER-COUNT-1D"]) == ("0", "3")
    assert code(await place.place(quantity="100"))[1] == -2010
    assert (await place.place()).headers["X-MBX-ORDER-COUNT-10S"] == "1"
    counts = (await place.ask("GET", "/api/v3/rateLimit/order")).json()
    assert [row["count"] for row in counts] == [1, 4]


async def test_a_new_order_can_be_missing_in_queries_for_a_while(place: Place) -> None:
    """It is there, but only the one who placed it knows."""
    place.world.visible_after = timedelta(seconds=5)
    placed = (await place.place(newClientOrderId="late")).json()
    query = {"symbol": "BTCUSDT", "origClientOrderId": "late"}
    assert code(await place.ask("GET", "/api/v3/order", **query)) == (400, -2013, "Order does not exist.")
    assert (await place.ask("GET", "/api/v3/openOrders")).json() == []
    assert (await place.ask("GET", "/api/v3/allOrders", symbol="BTCUSDT")).json() == []
    place.wait(seconds=5)
    assert (await place.ask("GET", "/api/v3/order", **query)).json()["orderId"] == placed["orderId"]


@pytest.mark.parametrize(
    ("fault", "status", "number"),
    [
        ("reject", 400, -2010),
        ("unknown-before", 503, 0),
        ("unknown-after", 503, 0),
        ("timeout-before", 504, -1007),
        ("timeout-after", 504, -1007),
        ("throttle", 429, -1003),
    ],
)
async def test_bad_days_sound_as_binance_says_them(place: Place, fault: Any, status: int, number: int) -> None:
    """An answer that says *unknown* hides an order that was placed; one that throttles hides none."""
    place.faults.append(Fault(path="/api/v3/order", fault=fault))
    assert code(await place.place())[:2] == (status, number)
    assert len(binance.posts(place.app)) == (1 if fault.endswith("-after") else 0)


async def test_an_order_whose_answer_is_lost_was_placed(place: Place) -> None:
    """The connection ends after the effect; the exchange knows the order."""
    place.faults.append(Fault(path="/api/v3/order", fault="drop-after"))
    with pytest.raises(httpx.RemoteProtocolError):
        await place.place(newClientOrderId="lost", type="MARKET", quantity="0.01")
    shown = await place.ask("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="lost")
    assert shown.json()["status"] == "FILLED"


async def test_what_it_saw_can_be_read_without_a_key(place: Place) -> None:
    """Every order of every account, with its fills, and what each holds."""
    said = {"handle": "two", "balances": {"USDT": "600"}, "kind": "hmac"}
    secrets = (await place.client.post("/inspect/account", json=said)).json()
    await place.place(secrets=secrets, type="MARKET", quantity="0.01")
    await place.place()
    seen = (await place.client.get("/inspect/orders")).json()
    assert [(row["account"], row["status"], len(row["fills"])) for row in seen] == [
        ("one", "NEW", 0),
        ("two", "FILLED", 1),
    ]
    held = (await place.client.get("/inspect/accounts")).json()
    assert held["two"]["USDT"]["free"] == "99.00000000"


async def test_no_number_of_accounts_mixes_their_orders(place: Place) -> None:
    """One can't see or cancel what another placed."""
    other = binance.add_account(place.app, "two", {"USDT": D(1000)})
    mine = (await place.place(newClientOrderId="mine")).json()
    query = {"symbol": "BTCUSDT", "orderId": mine["orderId"]}
    assert code(await place.ask("GET", "/api/v3/order", **query, secrets=other))[1] == -2013
    assert code(await place.ask("DELETE", "/api/v3/order", **query, secrets=other))[1] == -2011
    theirs = (await place.place(newClientOrderId="mine", secrets=other)).json()
    assert theirs["orderId"] != mine["orderId"]


ROUTES = [
    ("POST", "order"), ("GET", "order"), ("DELETE", "order"), ("POST", "order/test"), ("POST", "order/cancelReplace"),
    ("POST", "orderList/oco"), ("GET", "openOrders"), ("DELETE", "openOrders"), ("GET", "allOrders"),
    ("GET", "myTrades"), ("GET", "account"), ("GET", "klines"), ("GET", "depth"), ("GET", "exchangeInfo"),
    ("GET", "ticker/24hr"), ("GET", "ticker/price"), ("GET", "ticker/bookTicker"),
]  # fmt: skip
NAMES = ("symbol", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice", "newClientOrderId",
    "orderId", "origClientOrderId", "limit", "startTime", "endTime", "interval", "recvWindow", "cancelReplaceMode",
    "cancelOrderId", "aboveType", "belowType", "abovePrice", "belowStopPrice", "fromId", "symbols")  # fmt: skip
VALUES = ("", "0", "-1", "1", "0.01", "9" * 30, "1" * 15, "NaN", "1e9", "é", "\x00", "BTCUSDT", "BUY", "SELL", "LIMIT", "MARKET", "STOP_LOSS",
    "LIMIT_MAKER", "GTC", "40000", "60000", "1m", "1w", "[]", '["BTCUSDT"]', "STOP_ON_FAILURE", "ALLOW_FAILURE")  # fmt: skip


async def test_whatever_is_asked_the_answer_is_one_of_its_own(place: Place) -> None:
    """No request breaks it: each is done, or refused with a code and a text."""
    place.world.weight = 10**9
    chance = random.Random(7)
    for _ in range(400):
        method, path = chance.choice(ROUTES)
        params = {name: chance.choice(VALUES) for name in chance.sample(NAMES, chance.randint(0, 8))}
        params |= {"symbol": "BTCUSDT"} if chance.random() < 0.8 else {}
        answer = await place.ask(method, f"/api/v3/{path}", **params)
        assert answer.status_code in {200, 400, 401, 409, 429}, (method, path, params, answer.text)
        assert answer.status_code == 200 or answer.json()["code"] < 0
