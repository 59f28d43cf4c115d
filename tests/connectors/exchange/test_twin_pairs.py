"""The stand-in for Binance: pairs, and orders that replace, or are made smaller, keep to what Binance documents."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.exchange import twin as binance
from tests.connectors.exchange.exchange import Place, code
from tests.connectors.exchange.made import D


async def test_a_pair_is_placed_shown_and_cancelled_as_one(place: Place) -> None:
    """OCO: one list, two orders, one lock; prices that are no pair are refused."""
    pair = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "60000"}
    stop = {"belowType": "STOP_LOSS", "belowStopPrice": "40000"}
    wrong = await place.ask("POST", "/api/v3/orderList/oco", **pair, belowType="STOP_LOSS", belowStopPrice="55000")
    assert code(wrong)[1] == -2010
    both = await place.ask("POST", "/api/v3/orderList/oco", **pair, belowType="LIMIT_MAKER", belowPrice="40000")
    assert code(both)[1] == -1168
    placed = (await place.ask("POST", "/api/v3/orderList/oco", **pair, **stop, listClientOrderId="list")).json()
    assert (placed["listClientOrderId"], placed["listOrderStatus"]) == ("list", "EXECUTING")
    held = {row["asset"]: row for row in (await place.ask("GET", "/api/v3/account")).json()["balances"]}
    assert held["BTC"]["locked"] == "1.00000000"
    gone = await place.ask("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orders"][0]["orderId"])
    assert [report["status"] for report in gone.json()["orderReports"]] == ["CANCELED", "CANCELED"]
    await place.ask("POST", "/api/v3/orderList/oco", **pair, **stop)
    await place.place()
    swept = (await place.ask("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")).json()
    assert [len(answer.get("orderReports", "1")) for answer in swept] == [1, 2]
    assert code(await place.ask("DELETE", "/api/v3/openOrders", symbol="BTCUSDT"))[1] == -2011


async def test_replacing_says_which_half_failed(place: Place) -> None:
    """Neither, the first, the second, or both, each in both modes."""
    path, usual = "/api/v3/order/cancelReplace", {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT"}
    usual |= {"timeInForce": "GTC", "quantity": "0.01", "price": "41000"}

    async def ask(mode: str, old: int, **more: str) -> tuple[int, Any]:
        answer = await place.ask("POST", path, **(usual | more), cancelReplaceMode=mode, cancelOrderId=old)
        body = answer.json()
        data = body.get("data", body)
        return body.get("code", 0), (answer.status_code, data["cancelResult"], data["newOrderResult"])

    first = (await place.place()).json()["orderId"]
    assert await ask("STOP_ON_FAILURE", first) == (0, (200, "SUCCESS", "SUCCESS"))
    assert await ask("STOP_ON_FAILURE", first) == (-2022, (400, "FAILURE", "NOT_ATTEMPTED"))
    assert await ask("ALLOW_FAILURE", first) == (-2021, (409, "FAILURE", "SUCCESS"))
    assert await ask("ALLOW_FAILURE", first, quantity="100") == (-2022, (400, "FAILURE", "FAILURE"))
    second = (await place.place()).json()["orderId"]
    assert await ask("STOP_ON_FAILURE", second, quantity="100") == (-2021, (409, "SUCCESS", "FAILURE"))
    cancelled = {row["orderId"] for row in binance.posts(place.app) if row["status"] == "CANCELED"}
    assert cancelled == {first, second}


AMEND = "/api/v3/order/amend/keepPriority"


async def test_an_order_is_made_smaller_where_it_stands(place: Place) -> None:
    """It keeps its number and its place, gets another name, and gives back what it no longer needs."""
    first = (await place.place(newClientOrderId="one", quantity="0.02")).json()
    await place.place(newClientOrderId="two", quantity="0.02")
    answer = (await place.ask("PUT", AMEND, symbol="BTCUSDT", origClientOrderId="one", newQty="0.01")).json()
    said = answer["amendedOrder"]
    assert (said["orderId"], said["origClientOrderId"], said["qty"]) == (first["orderId"], "one", "0.01000000")
    assert (said["clientOrderId"] != "one", said["status"], said["executedQty"]) == (True, "NEW", "0.00000000")
    locked = {one["asset"]: one["locked"] for one in (await place.ask("GET", "/api/v3/account")).json()["balances"]}
    assert locked["USDT"] == "1200.00000000"
    gone = await place.ask("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="one")
    assert code(gone)[1] == -2013
    keep = {"orderId": first["orderId"], "newClientOrderId": "three"}
    answer = await place.ask("PUT", AMEND, symbol="BTCUSDT", newQty="0.005", **keep)
    assert answer.json()["amendedOrder"]["clientOrderId"] == "three"
    place.world.trade("BTCUSDT", D(39_999), D(1))
    orders = (await place.ask("GET", "/api/v3/allOrders", symbol="BTCUSDT")).json()
    assert [(one["status"], one["executedQty"]) for one in orders] == [
        ("FILLED", "0.00500000"),
        ("FILLED", "0.02000000"),
    ]


@pytest.mark.parametrize(
    ("asked", "number", "text"),
    [
        ({"newQty": "0.02"}, -2038, "The requested action would change no state; rejecting."),
        ({"newQty": "0.03"}, -2038, "Order amend (quantity increase) is not supported."),
        ({"newQty": "0"}, -1013, "Filter failure: LOT_SIZE"),
        ({"newQty": "0.0000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"newQty": "0.0001"}, -1013, "Filter failure: NOTIONAL"),
        ({}, -1102, "Mandatory parameter 'newQty'"),
        ({"newQty": "0.01", "origClientOrderId": "nobody"}, -2013, "Order does not exist."),
        ({"newQty": "0.01", "newClientOrderId": "two"}, -2010, "Duplicate order sent."),
    ],
)
async def test_an_order_that_is_not_made_smaller_stays(
    place: Place, asked: dict[str, str], number: int, text: str
) -> None:
    """With Binance's code and words."""
    await place.place(newClientOrderId="one", quantity="0.02")
    await place.place(newClientOrderId="two")
    refused = await place.ask("PUT", AMEND, **{"symbol": "BTCUSDT", "origClientOrderId": "one"} | asked)
    assert (code(refused)[1], text in code(refused)[2]) == (number, True), refused.text
    shown = (await place.ask("GET", "/api/v3/order", symbol="BTCUSDT", origClientOrderId="one")).json()
    assert (shown["status"], shown["origQty"]) == ("NEW", "0.02000000")


async def test_a_pair_is_made_smaller_together(place: Place) -> None:
    """Only one of the two can ever be filled, so they have one amount."""
    pair = {"side": "SELL", "quantity": "0.02", "aboveType": "LIMIT_MAKER", "abovePrice": "60000"}
    pair |= {"belowType": "STOP_LOSS", "belowStopPrice": "40000", "aboveClientOrderId": "above"}
    await place.ask("POST", "/api/v3/orderList/oco", symbol="BTCUSDT", **pair)
    asked = {"origClientOrderId": "above", "newQty": "0.01", "newClientOrderId": "above"}
    answer = (await place.ask("PUT", AMEND, symbol="BTCUSDT", **asked)).json()
    assert len(answer["listStatus"]["orders"]) == 2
    orders = (await place.ask("GET", "/api/v3/openOrders", symbol="BTCUSDT")).json()
    assert [one["origQty"] for one in orders] == ["0.01000000"] * 2
    locked = {one["asset"]: one["locked"] for one in (await place.ask("GET", "/api/v3/account")).json()["balances"]}
    assert locked["BTC"] == "0.01000000"
    place.world.trade("BTCUSDT", D(60_001), D(1))
    held = {one["asset"]: one["locked"] for one in (await place.ask("GET", "/api/v3/account")).json()["balances"]}
    assert held["BTC"] == "0.00000000"


async def test_an_order_that_replaces_counts_before_the_other_is_cancelled(place: Place) -> None:
    """Attempted or not; above the limit nothing is done, or the old one is cancelled alone, as was asked."""
    path, usual = "/api/v3/order/cancelReplace", {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT"}
    usual |= {"timeInForce": "GTC", "quantity": "0.01", "price": "41000", "cancelReplaceMode": "STOP_ON_FAILURE"}
    place.world.orders = (3, 200_000)
    old = (await place.place()).json()["orderId"]
    nobody = await place.ask("POST", path, **usual, cancelOrderId=1)
    assert nobody.json()["data"]["newOrderResult"] == "NOT_ATTEMPTED"
    assert (await place.place()).headers["X-MBX-ORDER-COUNT-10S"] == "3"
    answer = await place.ask("POST", path, **usual, cancelOrderId=old)
    assert code(answer)[:2] == (429, -1015)
    query = {"symbol": "BTCUSDT", "orderId": old}
    assert (await place.ask("GET", "/api/v3/order", **query)).json()["status"] == "NEW"
    answer = await place.ask("POST", path, **usual, cancelOrderId=old, orderRateLimitExceededMode="CANCEL_ONLY")
    assert code(answer)[:2] == (429, -2021)
    data = answer.json()["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert data["newOrderResponse"]["code"] == -1015
    assert (await place.ask("GET", "/api/v3/order", **query)).json()["status"] == "CANCELED"
    answer = await place.ask("POST", path, **usual, cancelOrderId=old, orderRateLimitExceededMode="MAYBE")
    assert code(answer)[1] == -1130
