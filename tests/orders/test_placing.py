"""An order at an exchange over real sockets: each way an answer can go wrong, and what is known then."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from automator import halts
from automator.clock import micros
from automator.intentions import State as Journal
from automator.intentions import load as intention
from automator.trading import orders, risks, settling, submission
from connectors.network import Wire
from connectors.order import Order, Side, TimeInForce
from jobs.orders.risk import Limit
from jobs.orders.states import State
from tests.stored import everything
from tests.trade.exchange import KEY, MARKET, Connector
from tests.trade.place import ACCOUNT, AT_MARKET, BOT, LIMIT, Trading, trading
from tests.trade.world import PRICE

D = Decimal


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(tmp_path, settles="2") as made:
        yield made


#: what goes wrong, whether the exchange has the order then, and what we know in the end: of a limit and a market order
WAYS = [
    ("", True, State.OPEN, State.FILLED),
    ("lost-before", False, State.NOT_PLACED, State.NOT_PLACED),
    ("filled-then-lost", True, State.FILLED, State.FILLED),
    ("open-then-lost", True, State.OPEN, State.FILLED),
    ("rejected", False, State.REJECTED, State.REJECTED),
    ("partial", True, State.OPEN, State.FILLED),
    ("partial-then-lost", True, State.PARTIALLY_FILLED, State.FILLED),
    ("503-done", True, State.OPEN, State.FILLED),
    ("503-not-done", False, State.NOT_PLACED, State.NOT_PLACED),
    ("html-done", True, State.OPEN, State.FILLED),
]


@pytest.mark.parametrize("kind", ["limit", "market"])
@pytest.mark.parametrize(("fault", "there", "limit", "market"), WAYS)
async def test_whatever_becomes_of_the_answer_the_order_is_there_once(  # noqa: PLR0913, PLR0917 - the row
    place: Trading, fault: str, there: bool, limit: State, market: State, kind: str
) -> None:
    """One order arrives, and what we say of it is what the exchange has, without anything being sent again."""
    place.world.faults.append(fault)
    done = await place.submit(LIMIT if kind == "limit" else AT_MARKET)
    stored = await place.ended(done.order)
    assert place.world.arrived == [done.order]
    assert len(place.world.orders) == there
    assert stored.state is (limit if kind == "limit" else market)


async def test_what_was_lost_and_fills_later_is_followed(place: Trading) -> None:
    """It is found open first; the next look at the account finds it filled."""
    place.world.faults.append("filled-late")
    done = await place.submit()
    assert (await place.ended(done.order)).state is State.OPEN
    place.world.fill(place.world.orders[0], D("0.1"))
    await place.engine.books.reconcile(ACCOUNT)
    assert place.stands(done.order).state is State.FILLED
    assert place.told() == ["Filled", "Ended"]


async def test_an_order_that_shows_late_is_not_taken_for_lost(tmp_path: Path) -> None:
    """It is asked for more than once, after the exchange's own delay."""
    async with trading(tmp_path, settles="0.8") as place:
        place.world.faults.append("hidden")
        done = await place.submit(AT_MARKET)
        assert (await place.ended(done.order)).state is State.FILLED
        assert place.world.arrived == [done.order]


async def test_a_fill_that_nobody_explains_is_doubt(place: Trading) -> None:
    """The order is not shown, but one of unknown origin was filled since: a person looks, and says what is so."""
    place.world.hidden_for = timedelta(days=1)
    place.world.faults.append("hidden")
    done = await place.submit(AT_MARKET)
    stored = await place.ended(done.order)
    assert stored.state is State.UNCONFIRMED
    assert f"automator orders resolve {done.order[:8]} --there ORDER` or `--not-placed" in stored.reason
    assert place.notices() == ["unconfirmed"]
    now = place.clock.now()
    assert await place.engine.writer.run(lambda tx: settling.there(tx, done.order, "1", now, actor="test"))
    assert not await place.engine.writer.run(lambda tx: settling.not_placed(tx, done.order, now, actor="test"))
    place.world.hidden_for = timedelta()
    await place.engine.books.reconcile(ACCOUNT)
    assert (place.stands(done.order).state, place.told()) == (State.FILLED, ["Filled", "Ended"])
    assert place.world.arrived == [done.order]


async def test_a_person_may_say_that_it_was_not_placed(place: Trading) -> None:
    """Its owner is told; the exchange, should it show it after all, has the last word."""
    place.world.hidden_for = timedelta(days=1)
    place.world.faults.append("hidden")
    done = await place.submit(AT_MARKET)
    await place.ended(done.order)
    now = place.clock.now()
    assert await place.engine.writer.run(lambda tx: settling.not_placed(tx, done.order, now, actor="test"))
    assert (place.stands(done.order).state, place.told()) == (State.NOT_PLACED, ["Ended"])


async def test_an_order_taken_for_not_placed_that_is_there_after_all(place: Trading) -> None:
    """Whatever we concluded, what the exchange shows counts, and a person is told."""
    place.world.hidden_for = timedelta(minutes=2)
    place.world.faults.append("hidden")
    done = await place.submit()
    assert (await place.ended(done.order)).state is State.NOT_PLACED
    place.clock.set(timedelta(minutes=5))
    assert orders.standing(place.engine.reader, account=ACCOUNT, owner=BOT) == []
    await place.engine.books.reconcile(ACCOUNT)
    assert (place.stands(done.order).state, place.notices()) == (State.OPEN, ["order"])
    assert orders.standing(place.engine.reader, account=ACCOUNT, owner=BOT) == [place.stands(done.order)]
    kept = intention(place.engine.reader, done.order)
    assert kept is not None
    assert kept.state is Journal.DONE
    place.world.fill(place.world.orders[0], D("0.1"))
    await place.engine.books.reconcile(ACCOUNT)
    assert (place.stands(done.order).state, place.told()) == (State.FILLED, ["Ended", "Filled", "Ended"])


@pytest.mark.parametrize("name", ["*", ACCOUNT, BOT])
async def test_a_halt_between_intent_and_send_stops_the_order(place: Trading, name: str) -> None:
    """It is not placed, for good: after the halt the market is another one."""
    done = await place.submit()
    at = micros(place.clock.now())
    await place.engine.writer.run(lambda tx: halts.halt(tx, name, at, reason="", actor="test"))
    stored = await place.ended(done.order)
    assert (stored.state, "halted" in stored.reason, place.world.arrived) == (State.NOT_PLACED, True, [])
    await place.engine.writer.run(lambda tx: halts.resume(tx, name, at, actor="test"))
    await place.ended(done.order)
    assert (place.world.arrived, place.told()) == ([], ["Ended"])


async def test_a_limit_is_looked_at_again_as_the_order_is_sent(place: Trading) -> None:
    """One that a person set in between counts."""
    done, now = await place.submit(), place.clock.now()
    await place.engine.writer.run(lambda tx: risks.change(tx, ACCOUNT, Limit.ORDER, "100", "USDT", now, actor="test"))
    stored = await place.ended(done.order)
    assert (stored.state, place.world.arrived) == (State.NOT_PLACED, [])
    assert "the order is worth 3000 USDT" in stored.reason


async def test_orders_at_the_limit_all_go_out(place: Trading) -> None:
    """None counts against itself when it is judged for the second time."""
    now = place.clock.now()
    for name, value, asset in ((Limit.DAY, "6000", "USDT"), (Limit.OPEN, "2", ""), (Limit.RATE, "2", "")):
        await place.engine.writer.run(
            lambda tx, n=name, v=value, a=asset: risks.change(tx, BOT, n, v, a, now, actor="test")
        )
    for tag in ("a", "b"):
        await place.submit(replace(LIMIT, tag=tag))
    await place.engine.worker.run_due()
    assert len(place.world.orders) == 2


async def test_an_old_intent_is_not_sent(place: Trading) -> None:
    """Nobody was there to send it for more than a minute."""
    done = await place.submit()
    place.clock.set(timedelta(seconds=61))
    stored = await place.ended(done.order)
    assert (stored.state, place.world.arrived, place.told()) == (State.NOT_PLACED, [], ["Ended"])


async def test_a_cancelled_intent_is_not_sent(place: Trading) -> None:
    """Also one whose run is about to begin."""
    done, now = await place.submit(), place.clock.now()
    await place.engine.writer.run(lambda tx: orders.cancel(tx, done.order, now, actor="test"))
    assert (await place.ended(done.order)).state is State.NOT_PLACED
    assert place.world.arrived == []


@pytest.mark.parametrize("fault", ["", "lost-before", "open-then-lost", "filled-then-lost"])
async def test_a_cancel_ends_right_whatever_becomes_of_its_answer(place: Trading, fault: str) -> None:
    """What was filled stays filled; its owner is told of the fill, then of the end, once each."""
    done = await place.submit()
    await place.ended(done.order)
    place.world.fill(place.world.orders[0], D("0.04"))
    place.world.faults.append(fault)
    now = place.clock.now()
    await place.engine.writer.run(lambda tx: orders.cancel(tx, done.order, now, actor="test"))
    stored = await place.ended(done.order)
    filled, state = (D("0.1"), State.FILLED) if fault == "filled-then-lost" else (D("0.04"), State.CANCELLED)
    assert (stored.state, stored.filled) == (state, filled)
    assert place.told() == [*["Filled"] * (2 if state is State.FILLED else 1), "Ended"]
    assert [order["state"] for order in place.world.orders] == [state]


async def test_a_cancel_says_when_the_order_left(place: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when it was put in, before it waited: by its age an exchange may count the cancel."""
    shown: list[Order] = []
    cancel = Connector.cancel

    async def seen(self: Connector, wire: Wire, order: Order) -> httpx.Response:
        shown.append(order)
        return await cancel(self, wire, order)

    monkeypatch.setattr(Connector, "cancel", seen)
    done, put_in = await place.submit(), place.clock.now()
    place.clock.set(timedelta(seconds=30))
    await place.ended(done.order)
    now = place.clock.now()
    await place.engine.writer.run(lambda tx: orders.cancel(tx, done.order, now, actor="test"))
    await place.ended(done.order)
    (order,) = shown
    assert order.at is not None
    assert order.at >= put_in + timedelta(seconds=30)


async def test_an_order_that_is_cancelled_while_it_is_in_doubt(place: Trading) -> None:
    """As soon as it is found it is cancelled."""
    place.world.faults.append("open-then-lost")
    done = await place.submit()
    await place.engine.worker.run_due()
    assert place.stands(done.order).state is State.UNKNOWN
    now = place.clock.now()
    await place.engine.writer.run(lambda tx: orders.cancel(tx, done.order, now, actor="test"))
    assert (await place.ended(done.order)).state is State.CANCELLED


async def test_a_cancel_goes_out_while_all_is_halted(place: Trading) -> None:
    """It makes smaller what is at risk."""
    done = await place.submit()
    await place.ended(done.order)
    at = place.clock.now()
    await place.engine.writer.run(lambda tx: halts.halt(tx, "*", micros(at), reason="", actor="test"))
    await place.engine.writer.run(lambda tx: orders.cancel(tx, done.order, at, actor="test"))
    assert (await place.ended(done.order)).state is State.CANCELLED


async def test_an_exchange_that_can_t_be_asked_leaves_an_order_in_doubt(place: Trading) -> None:
    """For an hour it is asked again; then a person is told. It is never sent again."""
    place.world.faults.append("open-then-lost")
    done = await place.submit()
    await place.engine.worker.run_due()
    place.world.down = True
    assert (await place.ended(done.order, 600)).state is State.UNKNOWN
    assert (await place.ended(done.order, 7_200)).state is State.UNCONFIRMED
    place.world.down = False
    await place.engine.books.reconcile(ACCOUNT)
    assert place.stands(done.order).state is State.OPEN
    assert place.world.arrived == [done.order]


async def test_an_order_of_the_moment_is_known_at_once(place: Trading) -> None:
    """What fills at once, or not at all, is asked about as soon as it is taken: price, fee and position are there."""
    wish = replace(LIMIT, time_in_force=TimeInForce.IOC)
    place.world.faults.append("partial")
    done = await place.submit(wish)
    await place.engine.worker.run_due()
    assert place.stands(done.order).filled == D("0.05")
    held = place.engine.reader.execute("SELECT owner, amount, cost FROM position").fetchall()
    assert held == [(BOT, "0.05", "1501.5")]


async def test_no_key_is_left_anywhere(place: Trading, tmp_path: Path) -> None:
    """Neither in the database nor in a file, whatever was traded."""
    done = await place.submit(AT_MARKET)
    await place.ended(done.order)
    assert KEY.encode() not in everything(tmp_path, place.engine.reader)


async def test_a_foreign_fill_of_another_size_is_no_doubt(place: Trading) -> None:
    """More was filled than we asked for, so it was not ours."""
    place.world.faults.append("lost-before")
    done = await place.submit(AT_MARKET)
    await place.engine.worker.run_due()
    place.world.place(
        {"client_order_id": "other", "symbol": "BTC/USDT", "side": "buy", "type": "market", "amount": "7"}
    )
    assert (await place.ended(done.order)).state is State.NOT_PLACED


async def test_a_clock_that_is_set_back_makes_an_intent_old(place: Trading) -> None:
    """By our clock it was put in an hour from now: nobody knows what the market has done since."""
    await place.engine.worker.tick()
    done = await place.submit()
    place.clock.set(-timedelta(hours=1))
    assert (await place.ended(done.order, 7_200)).state is State.NOT_PLACED
    assert place.world.arrived == []


async def test_a_run_is_claimed_with_its_order(place: Trading) -> None:
    """Whoever puts an order in may begin at once; a tick in between does not take it for dropped."""
    worker = place.engine.worker

    def put(tx: sqlite3.Connection) -> tuple[str, list[str]]:
        done = submission.submit(tx, ACCOUNT, BOT, "a", LIMIT, place.clock.now(), market=MARKET, price=PRICE)
        return done.order, [done.order]

    order, begun = await worker.begin(put)
    assert await worker.tick() == 0
    await asyncio.wait(begun)
    assert (place.stands(order).state, place.world.arrived) == (State.OPEN, [order])


@pytest.mark.parametrize("lost", [True, False])
async def test_a_sale_that_was_not_placed_is_told_of(place: Trading, lost: bool) -> None:
    """A person's word was that it is sold; nobody decides anew in their place, so they have to know."""
    if lost:
        place.world.faults.append("lost-before")
    done = await place.submit(replace(AT_MARKET, side=Side.SELL), closing=True)
    if not lost:
        place.clock.at += timedelta(seconds=61)
    assert (await place.ended(done.order)).state is State.NOT_PLACED
    assert place.notices() == ["sale"]


async def test_what_is_refused_is_not_begun(place: Trading) -> None:
    """There is no run of it that anyone could take up."""

    def put(tx: sqlite3.Connection) -> tuple[str, list[str]]:
        wish = replace(LIMIT, amount=D(0))
        done = submission.submit(tx, ACCOUNT, BOT, "a", wish, place.clock.now(), market=MARKET, price=PRICE)
        return done.order, [done.order]

    order, begun = await place.engine.worker.begin(put)
    assert (place.stands(order).state, begun) == (State.NOT_PLACED, [])
