"""Two orders of which one cancels the other: one call at Binance, none where the exchange does not hold such."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from connectors.base import Kind, outcome_of
from connectors.order import OrderRequest, OrderType, PairRequest, Side, TimeInForce, orders_of, requested
from tests.connectors.exchange import signing
from tests.connectors.exchange.cases import CASES
from tests.connectors.exchange.test_specification import SPECS, binance

D = Decimal
STOP = OrderRequest("b" * 32, "BTC/USDT", Side.SELL, OrderType.STOP, D("0.003"), stop_price=D(45_000))
PATH = ("POST", "/api/v3/orderList/oco")
ANSWER = {
    "orderListId": 7,
    "listClientOrderId": "c" * 32,
    "orders": [
        {"symbol": "BTCUSDT", "orderId": 29, "clientOrderId": "b" * 32},
        {"symbol": "BTCUSDT", "orderId": 30, "clientOrderId": "a" * 32},
    ],
}


def profit(kind: OrderType, **numbers: Any) -> OrderRequest:
    return OrderRequest("a" * 32, "BTC/USDT", Side.SELL, kind, D("0.003"), **numbers)


SHAPES = [
    (
        profit(OrderType.LIMIT, price=D("55000.50"), time_in_force=TimeInForce.POST_ONLY),
        {"aboveType": "LIMIT_MAKER", "abovePrice": "55000.50"},
    ),
    (
        profit(OrderType.TAKE_PROFIT, stop_price=D(55_000)),
        {"aboveType": "TAKE_PROFIT", "aboveStopPrice": "55000"},
    ),
    (
        profit(OrderType.TAKE_PROFIT_LIMIT, price=D(54_900), stop_price=D(55_000)),
        {
            "aboveType": "TAKE_PROFIT_LIMIT",
            "abovePrice": "54900",
            "aboveStopPrice": "55000",
            "aboveTimeInForce": "GTC",
        },
    ),
]


@pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")
@pytest.mark.parametrize(("above", "shape"), SHAPES, ids=[one.type for one, _ in SHAPES])
@pytest.mark.parametrize("first", [True, False], ids=["stop first", "stop second"])
async def test_a_pair_is_one_signed_call(
    world: Any, above: OrderRequest, shape: dict[str, str], *, first: bool
) -> None:
    """Which is above and which below its prices say; all three ids are ours; it counts as two orders."""
    case = CASES["binance"]
    pair = PairRequest("c" * 32, (STOP, above) if first else (above, STOP))
    async with world("binance/main", case.answers | {PATH: ANSWER}, case.secrets) as there:
        outcome = outcome_of(await there.place(pair))
        assert (outcome.kind, outcome.result) == (Kind.OK, {"legs": {"b" * 32: "29", "a" * 32: "30"}})
        (came,) = there.server.of(*PATH)
        signing.binance(came)
        known, needed = binance(came)
        assert needed <= set(came.asked) - {"signature"} <= known
        ours = {"listClientOrderId": "c" * 32, "aboveClientOrderId": "a" * 32, "belowClientOrderId": "b" * 32}
        stop = {"belowType": "STOP_LOSS", "belowStopPrice": "45000"}
        asked = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "0.003", **ours, **stop, **shape}
        stamps = {"timestamp", "recvWindow", "signature"}
        assert {name: value for name, value in came.asked.items() if name not in stamps} == asked
        assert not re.search("x-TKT", came.body)


@pytest.mark.parametrize("answer", [{}, {"orders": []}, {"orders": [{"symbol": "BTCUSDT"}]}, {"orders": 7}, []])
async def test_an_answer_that_names_no_pair_is_none(world: Any, answer: Any) -> None:
    """It may have been placed; nobody says so."""
    case = CASES["binance"]
    pair = PairRequest("c" * 32, (STOP, SHAPES[0][0]))
    async with world("binance/main", case.answers | {PATH: answer}, case.secrets) as there:
        with pytest.raises(Exception, match="is not known"):
            await there.place(pair)


@pytest.mark.parametrize("name", [name for name in CASES if name != "binance"])
async def test_elsewhere_nothing_is_sent(world: Any, name: str) -> None:
    """An exchange without pairs has none in its markets, and is not asked for one."""
    case = CASES[name]
    stop, above = (
        OrderRequest(one.client_order_id, case.symbol, one.side, one.type, one.amount, one.price, one.stop_price)
        for one in (STOP, SHAPES[1][0])
    )
    async with world(f"{name}/main", case.answers, case.secrets) as there:
        assert not (await there.exchange.markets(there.wire))[case.symbol].pairs
        with pytest.raises(Exception, match="nothing was sent"):
            await there.place(PairRequest("c" * 32, (stop, above)))
        assert there.server.of(*case.place) == []


def test_a_plan_says_what_was_asked() -> None:
    """Written down and read back, one order or two."""
    pair = PairRequest("c" * 32, (STOP, SHAPES[2][0]))
    assert requested(pair.plan()) == pair
    assert orders_of(pair.plan()) == pair.legs
    assert orders_of(STOP.plan()) == (STOP,)
