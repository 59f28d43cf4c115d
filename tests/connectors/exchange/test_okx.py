"""Stops that rest at OKX: apart from other orders while they wait, and one of them once they are triggered."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from automator.trading import orders, submission
from automator.trading.submission import Approved
from connectors.base import Kind, outcome_of
from connectors.order import OrderRequest, OrderState, OrderType, Side
from jobs.bots.strategy import Place
from jobs.orders.states import State
from tests.connectors.exchange import signing
from tests.connectors.exchange.samples import CANARY, ID, OKX
from tests.connectors.exchange.server import Came
from tests.connectors.exchange.test_specification import SPECS, loaded, okx
from tests.connectors.references import whole

D = Decimal
NAME, CHILD = "okx/main", "590909308792049444"
SECRETS = {"api_key": "public-name", "secret": CANARY, "passphrase": CANARY + "pass"}
ALGO = ("POST", "/api/v5/trade/order-algo")
CANCEL = ("POST", "/api/v5/trade/cancel-algos")
FIND = ("GET", "/api/v5/trade/order-algo")
PENDING = ("GET", "/api/v5/trade/orders-algo-pending")
HISTORY = ("GET", "/api/v5/trade/orders-algo-history")
ORDER = ("GET", "/api/v5/trade/order")


def said(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"code": "0", "msg": "", "data": list(rows)}


DONE = {"algoId": "12", "algoClOrdId": ID, "clOrdId": "", "sCode": "0", "sMsg": "", "tag": ""}
ROW = {
    "algoId": "12",
    "algoClOrdId": ID,
    "instId": "BTC-USDT",
    "instType": "SPOT",
    "ordType": "conditional",
    "side": "sell",
    "sz": "0.003",
    "slTriggerPx": "49000",
    "slOrdPx": "-1",
    "tpTriggerPx": "",
    "tpOrdPx": "",
    "state": "live",
    "ordId": "",
    "ordIdList": [],
    "actualSz": "",
    "cTime": "1597026383085",
}
ORDINARY = OKX["GET", "/api/v5/trade/order"]["data"][0]
ANSWERS: dict[tuple[str, str], Any] = OKX | {
    ALGO: said(DONE),
    CANCEL: said(DONE),
    FIND: said(ROW),
    PENDING: said(ROW),
    HISTORY: said(),
    ("GET", "/api/v5/trade/orders-pending"): said(),
    ("GET", "/api/v5/trade/fills-history"): said(),
}
STOP = OrderRequest(ID, "BTC/USDT", Side.SELL, OrderType.STOP, D("0.003"), None, D(49000))
LIMIT = {"type": OrderType.STOP_LIMIT, "price": D("48900.5")}
SHAPES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {"slTriggerPx": "49000", "slOrdPx": "-1", "slTriggerPxType": "last"}),
    (LIMIT, {"slTriggerPx": "49000", "slOrdPx": "48900.5", "slTriggerPxType": "last"}),
    (
        {"type": OrderType.TAKE_PROFIT, "side": Side.BUY},
        {"tpTriggerPx": "49000", "tpOrdPx": "-1", "tpTriggerPxType": "last", "side": "buy", "tgtCcy": "base_ccy"},
    ),
    (
        {**LIMIT, "type": OrderType.TAKE_PROFIT_LIMIT},
        {"tpTriggerPx": "49000", "tpOrdPx": "48900.5", "tpTriggerPxType": "last"},
    ),
]
USUAL = {"instId": "BTC-USDT", "tdMode": "cash", "side": "sell", "ordType": "conditional", "sz": "0.003"}


@pytest.mark.parametrize(("other", "shape"), SHAPES)
async def test_a_stop_says_exactly_what_was_asked(world: Any, other: Any, shape: dict[str, str]) -> None:
    """Trigger, price and amount as they were decided, under our own id and no broker's, signed as OKX says."""
    async with world(NAME, ANSWERS, SECRETS) as there:
        placed = outcome_of(await there.place(replace(STOP, **other)))
        assert (placed.kind, placed.result) == (Kind.OK, {"id": "algo:12"})
        (came,) = there.server.of(*ALGO)
        signing.okx(came)
        assert came.asked == USUAL | {"algoClOrdId": ID} | shape
        assert there.server.of("POST", "/api/v5/trade/order") == []


FOUND: list[tuple[dict[str, Any], dict[str, Any] | None, tuple[str, OrderType, OrderState, str]]] = [
    ({}, None, ("algo:12", OrderType.STOP, OrderState.OPEN, "0")),
    ({"slOrdPx": "48900.5"}, None, ("algo:12", OrderType.STOP_LIMIT, OrderState.OPEN, "0")),
    (
        {"slTriggerPx": "", "slOrdPx": "", "tpTriggerPx": "49000", "tpOrdPx": "-1"},
        None,
        ("algo:12", OrderType.TAKE_PROFIT, OrderState.OPEN, "0"),
    ),
    ({"state": "pause"}, None, ("algo:12", OrderType.STOP, OrderState.OPEN, "0")),
    ({"state": "canceled"}, None, ("algo:12", OrderType.STOP, OrderState.CANCELLED, "0")),
    ({"state": "order_failed"}, None, ("algo:12", OrderType.STOP, OrderState.CANCELLED, "0")),
    ({"state": "effective"}, None, ("algo:12", OrderType.STOP, OrderState.OPEN, "0")),
    ({"state": "effective", "ordId": CHILD}, {}, (CHILD, OrderType.LIMIT, OrderState.PARTIALLY_FILLED, "0.001")),
    (
        {"state": "effective", "ordIdList": [CHILD]},
        {"state": "filled", "accFillSz": "0.003", "ordType": "market"},
        (CHILD, OrderType.MARKET, OrderState.FILLED, "0.003"),
    ),
]


@pytest.mark.parametrize(("row", "child", "expected"), FOUND)
async def test_a_stop_is_found_as_what_it_is(
    world: Any, row: dict[str, Any], child: dict[str, Any] | None, expected: tuple[Any, ...]
) -> None:
    """Waiting by its own id; once triggered as the order that it became, with what that has filled."""
    answers = ANSWERS | {FIND: said(ROW | row)}
    if child is not None:
        answers[ORDER] = said(ORDINARY | {"ordId": CHILD, "clOrdId": "", "side": "sell"} | child)
    async with world(NAME, answers, SECRETS) as there:
        await there.exchange.markets(there.wire)
        found = await there.exchange.find(there.wire, STOP.plan())
        assert (found.id, found.type, found.state, str(found.filled)) == expected
        assert (found.client_order_id, found.side, found.amount) == (ID, Side.SELL, D("0.003"))
        if child is None:
            assert found.stop_price == D(49000)
        (asked,) = there.server.of(*FIND)
        signing.okx(asked)
        assert asked.asked == {"algoClOrdId": ID}
        assert [came.asked for came in there.server.of(*ORDER)] == (
            [] if child is None else [{"instId": "BTC-USDT", "ordId": CHILD}]
        )


GONE = {"code": "51603", "msg": "Order does not exist", "data": []}


@pytest.mark.parametrize("answer", [said(), GONE])
async def test_a_stop_that_never_was(world: Any, answer: Any) -> None:
    """It is not found; nor is one whose order, once triggered, OKX no longer shows."""
    async with world(NAME, ANSWERS | {FIND: answer}, SECRETS) as there:
        await there.exchange.markets(there.wire)
        assert await there.exchange.find(there.wire, STOP.plan()) is None
        there.server.answers |= {FIND: said(ROW | {"ordId": CHILD}), ORDER: answer}
        assert await there.exchange.find(there.wire, STOP.plan()) is None


async def test_a_stop_that_ended_long_ago_is_found_in_the_history(world: Any) -> None:
    """Its details are no longer shown: by its id, or if that was never told, among the newest that ended so."""
    strange = ROW | {"algoId": "13", "algoClOrdId": "f" * 32, "state": "effective", "ordId": "13"}

    def history(came: Came) -> dict[str, Any]:
        if came.asked.get("algoId") == "12":
            return said(ROW | {"state": "order_failed"})
        ended = {
            "effective": said(strange, ROW | {"state": "effective", "ordId": CHILD}),
            "canceled": said(ROW | {"algoId": "14", "algoClOrdId": "e" * 32, "state": "canceled"}),
        }
        return ended.get(came.asked.get("state", ""), said())

    answers = ANSWERS | {FIND: GONE, HISTORY: history, ORDER: said(ORDINARY | {"ordId": CHILD, "clOrdId": ""})}
    async with world(NAME, answers, SECRETS) as there:
        await there.exchange.markets(there.wire)
        became = await there.exchange.find(there.wire, STOP.plan())
        assert (became.id, became.client_order_id, became.state) == (CHILD, ID, OrderState.PARTIALLY_FILLED)
        assert [came.asked["ordId"] for came in there.server.of(*ORDER)] == [CHILD], "another's is not followed"
        cancelled = replace(STOP, client_order_id="e" * 32)
        found = await there.exchange.find(there.wire, cancelled.plan())
        assert (found.id, found.state) == ("algo:14", OrderState.CANCELLED)
        unknown = replace(STOP, client_order_id="d" * 32)
        assert await there.exchange.find(there.wire, unknown.plan()) is None
        known = await there.exchange.find(there.wire, unknown.plan() | {"id": "algo:12"})
        assert (known.id, known.state) == ("algo:12", OrderState.CANCELLED)
        looked = await there.exchange.look_up(there.wire, STOP.plan(), "algo:12")
        assert (looked.id, looked.client_order_id) == ("algo:12", ID)
        for came in there.server.of(*HISTORY):
            signing.okx(came)


async def test_a_stop_is_cancelled_where_it_is(world: Any) -> None:
    """As long as it waits among those that do, by its own id; then as any other order."""
    async with world(NAME, ANSWERS, SECRETS) as there:
        await there.exchange.markets(there.wire)
        found = await there.exchange.find(there.wire, STOP.plan())
        for order in (found, replace(found, id=""), replace(found, id=CHILD)):
            assert outcome_of(await there.exchange.cancel(there.wire, order)).kind is Kind.OK
        came = there.server.of(*CANCEL)
        for one in (*came, *there.server.of("POST", "/api/v5/trade/cancel-order")):
            signing.okx(one)
        assert [one.body for one in came] == [
            '[{"instId":"BTC-USDT","algoId":"12"}]',
            f'[{{"instId":"BTC-USDT","algoClOrdId":"{ID}"}}]',
        ]
        (plain,) = there.server.of("POST", "/api/v5/trade/cancel-order")
        assert plain.asked == {"instId": "BTC-USDT", "ordId": CHILD}
        gone = {"code": "1", "msg": "", "data": [{"algoId": "12", "sCode": "51400", "sMsg": "does not exist"}]}
        there.server.answers[CANCEL] = gone
        assert outcome_of(await there.exchange.cancel(there.wire, found)).kind is Kind.REJECTED


async def test_open_orders_are_of_both_kinds(world: Any) -> None:
    """Stops of all pages are listed beside the others."""
    many = [ROW | {"algoId": str(1000 - number), "algoClOrdId": f"{number:032x}"} for number in range(130)]

    def page(came: Came) -> dict[str, Any]:
        after = int(came.asked.get("after", 10_000))
        return said(*[row for row in many if int(row["algoId"]) < after][:100])

    answers = ANSWERS | {PENDING: page, ("GET", "/api/v5/trade/orders-pending"): said(ORDINARY)}
    async with world(NAME, answers, SECRETS) as there:
        found = await there.exchange.open_orders(there.wire, "BTC/USDT")
        assert len(found) == 131
        assert len({order.id for order in found}) == 131
        assert {order.type for order in found} == {OrderType.LIMIT, OrderType.STOP}
        asked = [came.asked for came in there.server.of(*PENDING)]
        usual = {"ordType": "conditional", "instType": "SPOT", "instId": "BTC-USDT"}
        assert asked == [usual, usual | {"after": "901"}]
        assert len(await there.exchange.open_orders(there.wire)) == 131


@pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")
async def test_parameters_are_specified(world: Any) -> None:
    """Each call is one of OKX's; triggers, which its tables have apart for each kind, are fields of such an order."""
    document = loaded("okx/rest-openxapi.yaml")
    listed = document["paths"][FIND[1]]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    fields = _fields(document, listed)
    async with world(NAME, ANSWERS, SECRETS) as there:
        for number, (other, _) in enumerate(SHAPES):
            await there.place(replace(STOP, **other, client_order_id=f"{number:032x}"))
        found = await there.exchange.find(there.wire, STOP.plan())
        await there.exchange.cancel(there.wire, found)
        await there.exchange.open_orders(there.wire, "BTC/USDT")
        there.server.answers[FIND] = GONE
        await there.exchange.find(there.wire, STOP.plan() | {"id": "algo:12"})
        checked = []
        for place in (ALGO, FIND, CANCEL, PENDING, HISTORY):
            for came in there.server.of(*place):
                known, needed = okx(came) if place is not CANCEL else _array(document)
                given = set(came.asked) if place is not CANCEL else {"instId", "algoId"}
                more = {name for name in given - known if name[:2] in {"sl", "tp"} and name in fields}
                assert given - more <= known, given - known
                assert needed <= given
                checked.append(place)
        assert {place: checked.count(place) for place in (ALGO, FIND, HISTORY)} == {
            ALGO: len(SHAPES),
            FIND: 3,
            HISTORY: 4,
        }


def _fields(document: Any, schema: Any) -> set[str]:
    data = whole(document, whole(document, schema)["properties"]["data"])
    return set(whole(document, data["items"])["properties"])


def _array(document: Any) -> tuple[set[str], set[str]]:
    """Of a cancellation: what each item of the list has."""
    body = whole(document, document["paths"][CANCEL[1]]["post"]["requestBody"])
    schema = whole(document, body["content"]["application/json"]["schema"])
    return set(whole(document, schema)["properties"]), set(whole(document, schema)["required"])


async def test_a_stop_that_is_triggered_is_followed_to_its_trades(world: Any) -> None:
    """Placed, open, triggered while nobody looked: in the end it is filled, with the trades of what it became."""
    sent: list[str] = []

    def algo(came: Came) -> dict[str, Any]:
        sent.append(came.asked["algoClOrdId"])
        return said(DONE | {"algoClOrdId": sent[0]})

    def row(_: Came) -> dict[str, Any]:
        return said(ROW | {"algoClOrdId": sent[0]})

    ticker = {"instId": "BTC-USDT", "last": "50000", "bidPx": "49999", "askPx": "50001", "ts": "1597026383085"}
    answers = ANSWERS | {ALGO: algo, FIND: row, PENDING: row, ("GET", "/api/v5/market/ticker"): said(ticker)}
    async with world(NAME, answers, SECRETS) as there:
        market = (await there.exchange.markets(there.wire))["BTC/USDT"]
        wish = Place("a", "BTC/USDT", Side.SELL, OrderType.STOP, D("0.003"), stop_price=D(49000))
        now = there.engine.clock.now()
        done = await there.engine.writer.run(
            lambda tx: submission.submit(tx, NAME, "guard-1", "a", wish, now, market=market, price=D(50000))
        )
        assert isinstance(done, Approved)
        await there.engine.worker.run_due(now)
        stored = orders.load(there.engine.reader, done.order)
        assert stored is not None
        assert (stored.state, stored.exchange_id) == (State.OPEN, "algo:12")
        seen = await there.engine.books.reconcile(NAME)
        assert (seen.foreign, seen.missing) == ((), ())

        trade = {
            "instId": "BTC-USDT",
            "instType": "SPOT",
            "tradeId": "7",
            "ordId": CHILD,
            "fillPx": "48999",
            "fillSz": "0.003",
            "side": "sell",
            "fee": "-0.147",
            "feeCcy": "USDT",
            "execType": "T",
            "ts": str(int(datetime.now(UTC).timestamp() * 1000)),
        }
        became = {"ordId": CHILD, "clOrdId": "", "side": "sell", "state": "filled", "accFillSz": "0.003"}
        there.server.answers |= {
            PENDING: said(),
            FIND: lambda _: said(ROW | {"algoClOrdId": sent[0], "state": "effective", "ordId": CHILD}),
            ORDER: said(ORDINARY | became | {"ordType": "market", "avgPx": "48999", "px": ""}),
            ("GET", "/api/v5/trade/fills-history"): said(trade),
        }
        await there.engine.books.reconcile(NAME)
        stored = orders.load(there.engine.reader, done.order)
        assert stored is not None
        assert (stored.state, stored.exchange_id, stored.filled) == (State.FILLED, CHILD, D("0.003"))
        kept = there.engine.reader.execute("SELECT order_id, amount, price, fee FROM fill").fetchall()
        assert kept == [(CHILD, "0.003", "48999", "0.147")]
        assert there.engine.reader.execute("SELECT amount FROM position").fetchall() == [("-0.003",)]
        assert len(sent) == 1


@pytest.mark.parametrize(
    ("kind", "placing", "canceling"),
    [
        (OrderType.LIMIT, {"orders-2s BTC-USDT": 1, "all-orders-2s": 1}, {"cancels-2s BTC-USDT": 1}),
        (OrderType.STOP, {"stops-2s BTC-USDT": 1}, {"stop-cancels-2s BTC-USDT": 1}),
    ],
)
async def test_orders_are_counted_for_each_pair(
    world: Any, kind: OrderType, placing: dict[str, int], canceling: dict[str, int]
) -> None:
    """By OKX's own rule; each kind by itself, and new ones together once more."""
    price = D(50_000) if kind is OrderType.LIMIT else None
    stop = None if price else D(49_000)
    async with world(NAME, ANSWERS, SECRETS) as there:
        await there.place(replace(STOP, type=kind, price=price, stop_price=stop))
        found = await there.exchange.find(there.wire, STOP.plan())
        await there.exchange.cancel(
            there.wire, replace(found, id="" if kind is OrderType.LIMIT else found.id, type=kind)
        )
        rows = there.engine.reader.execute(
            "SELECT said(data) FROM entry WHERE kind = 'call' AND operation IN (?, ?) ORDER BY rowid",
            ("okx.order.place", "okx.order.cancel"),
        )
        assert [json.loads(row)["cost"] for (row,) in rows] == [placing, canceling]
