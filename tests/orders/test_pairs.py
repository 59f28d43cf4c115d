"""A pair of orders of which one cancels the other: one intention, both or neither, whatever becomes of the answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from automator import halts
from automator.clock import micros
from automator.trading import closing, news, orders, pairs, risks, settling
from automator.trading.orders import Stored
from automator.trading.submission import Approved, Refused
from connectors.order import OrderType, Side
from jobs.bots.strategy import Pair, Place
from jobs.orders.risk import Limit
from jobs.orders.states import State
from tests.trade.exchange import MARKET
from tests.trade.place import ACCOUNT, BOT, Trading, trading
from tests.trade.world import PRICE

D = Decimal
STOP = Place("stop", "BTC/USDT", Side.SELL, OrderType.STOP, D("0.1"), stop_price=D(27_000))
PROFIT = Place("profit", "BTC/USDT", Side.SELL, OrderType.LIMIT, D("0.1"), D(33_000))
PAIR = Pair(STOP, PROFIT)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(tmp_path) as there:
        yield there


async def submit(place: Trading, wish: Pair = PAIR, **market: object) -> Approved | Refused:
    tags = wish.first.tag, wish.second.tag
    return await place.engine.writer.run(
        lambda tx: pairs.submit(
            tx, ACCOUNT, BOT, tags, wish, place.clock.now(), market=replace(MARKET, **market), price=PRICE
        )
    )


async def seen(place: Trading, seconds: float = 60) -> list[Stored]:
    """Both, after everything that is due within so many seconds was done."""
    await place.engine.worker.run_due(place.clock.now() + timedelta(seconds=seconds))
    await place.engine.books.reconcile(ACCOUNT)
    return both(place)


def both(place: Trading) -> list[Stored]:
    found = {one.tag: one for one in orders.listed(place.engine.reader)}
    return [found["stop"], found["profit"]]


async def test_both_are_frozen_in_one_intention_before_anything_is_sent(place: Trading) -> None:
    """Three ids of ours, and one run."""
    done = await submit(place)
    assert isinstance(done, Approved)
    stop, profit = both(place)
    assert [one.state for one in (stop, profit)] == [State.INTENT, State.INTENT]
    assert stop.pair == profit.pair == done.order
    plan = orders.plan(place.engine.reader, done.order)
    assert [leg["client_order_id"] for leg in plan["legs"]] == [stop.id, profit.id]
    rows = place.engine.reader.execute("SELECT key FROM intention").fetchall()
    assert rows == [(done.order,)]
    assert place.world.arrived == []
    stop, profit = await seen(place)
    assert [one.state for one in (stop, profit)] == [State.OPEN, State.OPEN]
    assert [one.exchange_id for one in (stop, profit)] == ["1", "2"]
    assert place.world.arrived == [done.order]


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        ("open-then-lost", (State.OPEN, State.OPEN)),
        ("503-done", (State.OPEN, State.OPEN)),
        ("html-done", (State.OPEN, State.OPEN)),
        ("filled-then-lost", (State.FILLED, State.EXPIRED)),
        ("partial-then-lost", (State.PARTIALLY_FILLED, State.EXPIRED)),
        ("lost-before", (State.NOT_PLACED, State.NOT_PLACED)),
        ("503-not-done", (State.NOT_PLACED, State.NOT_PLACED)),
        ("rejected", (State.REJECTED, State.REJECTED)),
    ],
)
async def test_a_lost_answer_is_settled_by_asking(place: Trading, fault: str, after: tuple[State, State]) -> None:
    """Never by sending it again; both are told of."""
    place.world.faults.append(fault)
    await submit(place)
    assert tuple(one.state for one in await seen(place, 200)) == after
    assert len(place.world.arrived) == 1
    told = [(item.event.tag, type(item.event).__name__) for item in news.since(place.engine.reader, BOT, 0)]
    assert len(told) == len(set(told))
    gone = {State.FILLED, State.EXPIRED, State.NOT_PLACED, State.REJECTED}
    assert {tag for tag, what in told if what == "Ended"} == {
        tag for tag, state in zip(("stop", "profit"), after, strict=True) if state in gone
    }


async def test_a_pair_that_shows_late_is_taken_up(place: Trading) -> None:
    """Both were taken for not placed, and rest all the same; the exchange has the last word."""
    place.world.faults.append("hidden")
    await submit(place)
    assert [one.state for one in await seen(place)] == [State.NOT_PLACED, State.NOT_PLACED]
    place.clock.at += timedelta(seconds=5)
    assert [one.state for one in await seen(place)] == [State.OPEN, State.OPEN]
    assert place.notices() == ["order", "order"]


@pytest.mark.parametrize("which", [0, 1])
async def test_one_cancel_cancels_both(place: Trading, which: int) -> None:
    """By one call, and both are known to be gone."""
    await submit(place)
    order = (await seen(place))[which]
    now = place.clock.now()
    await place.engine.writer.run(lambda tx: orders.cancel(tx, order.id, now, actor=BOT))
    await place.engine.worker.run_due(place.clock.now() + timedelta(seconds=30))
    assert [one.state for one in both(place)] == [State.CANCELLED, State.CANCELLED]
    assert [item for item in place.world.asked if item.startswith("DELETE")] == ["DELETE /order"]


async def test_a_cancel_before_it_left_drops_both(place: Trading) -> None:
    """Nothing is sent, and the owner is told of both."""
    await submit(place)
    order, now = both(place)[1], place.clock.now()
    await place.engine.writer.run(lambda tx: orders.cancel(tx, order.id, now, actor=BOT))
    assert [one.state for one in await seen(place)] == [State.NOT_PLACED, State.NOT_PLACED]
    assert place.world.arrived == []
    assert place.told() == ["Ended", "Ended"]


async def test_a_halt_that_cancels_waits_for_what_may_be_there_alone(place: Trading) -> None:
    """What was not sent is gone with its pair; what rests is cancelled, both."""
    await submit(place)
    now = place.clock.now()
    assert await place.engine.writer.run(lambda tx: closing.cancel_all(tx, BOT, now, actor="user")) == []
    again = Pair(replace(STOP, tag="stop-2"), replace(PROFIT, tag="profit-2"))
    await submit(place, again)
    await place.engine.worker.run_due(now + timedelta(seconds=30))
    now = place.clock.now()
    waits = await place.engine.writer.run(lambda tx: closing.cancel_all(tx, BOT, now, actor="user"))
    assert len(waits) == 2
    await place.engine.worker.run_due(now + timedelta(seconds=60))
    assert {place.stands(order).state for order in waits} == {State.CANCELLED}


@pytest.mark.parametrize(
    ("wish", "market", "words"),
    [
        (PAIR, {"pairs": False}, "holds no two orders for one balance"),
        (replace(PAIR, second=replace(PROFIT, price=D(0))), {}, "price is 0"),
        (replace(PAIR, first=replace(STOP, amount=D("0.00001"))), {}, "below the lot size"),
        (replace(PAIR, first=replace(STOP, amount=D("0.2"))), {}, "have one side and amount"),
        (replace(PAIR, first=replace(STOP, side=Side.BUY)), {}, "have one side and amount"),
        (Pair(replace(PROFIT, tag="stop", price=D(27_000)), PROFIT), {}, "at least one of a pair waits"),
    ],
)
async def test_both_or_neither(place: Trading, wish: Pair, market: dict[str, object], words: str) -> None:
    """What is wrong with one is wrong with both."""
    done = await submit(place, wish, **market)
    assert isinstance(done, Refused)
    assert words in done.reasons[0]
    assert [one.state for one in await seen(place)] == [State.NOT_PLACED, State.NOT_PLACED]
    assert (place.told(), place.world.arrived) == (["Ended", "Ended"], [])


@pytest.mark.parametrize(
    ("limit", "value", "asset", "passes"),
    [
        (Limit.OPEN, "2", "", True),
        (Limit.OPEN, "1", "", False),
        (Limit.RATE, "2", "", True),
        (Limit.RATE, "1", "", False),
        (Limit.DAY, "3300", "USDT", True),
        (Limit.DAY, "3299", "USDT", False),
        (Limit.ORDER, "3299", "USDT", False),
    ],
)
async def test_limits_count_two_orders_and_the_money_of_one(
    place: Trading, limit: Limit, value: str, asset: str, *, passes: bool
) -> None:
    """Judged as it is put in and as it leaves, by the same count."""
    now = place.clock.now()
    await place.engine.writer.run(lambda tx: risks.change(tx, BOT, limit, value, asset, now, actor="test"))
    done = await submit(place)
    assert isinstance(done, Approved if passes else Refused)
    assert {one.state for one in await seen(place)} == {State.OPEN if passes else State.NOT_PLACED}


async def test_a_halt_keeps_both_from_leaving(place: Trading) -> None:
    """It is looked at again as the call is recorded."""
    await submit(place)
    at = micros(place.clock.now())
    await place.engine.writer.run(lambda tx: halts.halt(tx, BOT, at, reason="test", actor="user"))
    await seen(place)
    assert place.world.arrived == []


FOREIGN = {"client_order_id": "", "symbol": "BTC/USDT", "side": "sell", "type": "market", "amount": "0.1"}


@pytest.mark.parametrize("there", [True, False])
async def test_a_person_settles_both(place: Trading, *, there: bool) -> None:
    """The exchange shows neither, and a sale that nobody explains; what a person says of one is so of the other."""
    place.world.hidden_for = timedelta(days=1)
    place.world.faults.append("hidden")
    done = await submit(place)
    place.world.place(dict(FOREIGN))
    assert [one.state for one in await seen(place, 200)] == [State.UNCONFIRMED, State.UNCONFIRMED]
    order, now = both(place)[1].id, place.clock.now()
    if there:
        settled = await place.engine.writer.run(lambda tx: settling.there(tx, order, "3", now, actor="user"))
        assert [one.state for one in both(place)] == [State.OPEN, State.OPEN]
        place.world.hidden_for = timedelta()
        place.clock.at += timedelta(seconds=1)
        place.world.fill(place.world.orders[1], D("0.1"))
        assert [one.state for one in await seen(place)] == [State.FILLED, State.EXPIRED]
    else:
        settled = await place.engine.writer.run(lambda tx: settling.not_placed(tx, order, now, actor="user"))
        assert [one.state for one in both(place)] == [State.NOT_PLACED, State.NOT_PLACED]
        assert place.told() == ["Ended", "Ended"]
    assert settled
    assert place.engine.reader.execute("SELECT state FROM run WHERE job = ?", (done.order,)).fetchall() == [("done",)]


async def test_a_backup_that_was_put_back_asks_for_both(place: Trading) -> None:
    """What had not left when it was made may have left since."""
    await submit(place)
    now = place.clock.now()
    await place.engine.writer.run(lambda tx: settling.doubt_all(tx, now))
    assert [one.state for one in both(place)] == [State.UNKNOWN, State.UNKNOWN]
    assert [one.state for one in await seen(place, 200)] == [State.NOT_PLACED, State.NOT_PLACED]
    assert place.world.arrived == []


async def test_what_it_holds_is_locked_once(place: Trading) -> None:
    """A pair's two rows are one notional, and as JSON each names the other's pair."""
    await submit(place)
    assert sorted(one.notional for one in both(place)) == [0, 3300]
    told = [json.loads(json.dumps(one.as_json())) for one in both(place)]
    assert told[0]["pair"] == told[1]["pair"]
