"""The books follow the exchange: fills stored once, in whatever order and however often they are shown."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from automator import upkeep
from automator.trading import books, marks, news, orders, risks
from automator.trading.fills import traded
from automator.trading.placing import LONGEST, STUBBORN
from automator.trading.profits import traded as profits
from connectors.network import Rejected
from jobs.orders.risk import Limit
from jobs.orders.states import State
from tests.clocks import START
from tests.trade.exchange import Connector
from tests.trade.place import ACCOUNT, AT_MARKET, BOT, LIMIT, Trading, trading

D = Decimal


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(tmp_path, settles="2") as made:
        yield made


async def test_fills_are_told_once_and_before_the_end(place: Trading) -> None:
    """However often the account is looked at; an owner that keeps its place hears each thing once."""
    done = await place.submit()
    await place.ended(done.order)
    for amount in ("0.03", "0.03", "0.04"):
        place.world.fill(place.world.orders[0], D(amount))
        await place.engine.books.reconcile(ACCOUNT)
        await place.engine.books.reconcile(ACCOUNT)
    assert place.told() == ["Filled", "Filled", "Filled", "Ended"]
    heard = news.since(place.engine.reader, BOT, 0, limit=2)
    heard += news.since(place.engine.reader, BOT, heard[-1].id)
    assert [item.id for item in heard] == sorted({item.id for item in heard})
    assert len(heard) == 4


async def test_an_exchange_that_wants_to_be_told_a_symbol(place: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some show the open orders of one symbol at a time: those of ours are asked for."""
    done = await place.submit()
    await place.ended(done.order)
    whole = Connector.open_orders

    async def of_one(self: Connector, wire: Any, symbol: str | None = None) -> Any:
        if symbol is None:
            raise Rejected("fetchOpenOrders() requires a symbol argument")
        return [item for item in await whole(self, wire) if item.symbol == symbol]

    monkeypatch.setattr(Connector, "open_orders", of_one)
    place.world.fill(place.world.orders[0], D("0.03"))
    await place.engine.books.reconcile(ACCOUNT)
    assert place.stands(done.order).state is State.PARTIALLY_FILLED


async def test_the_end_waits_for_the_last_fill(place: Trading) -> None:
    """The exchange says that it is filled, and shows its trades only later."""
    done = await place.submit()
    await place.ended(done.order)
    place.world.fill(place.world.orders[0], D("0.1"))
    held_back, place.world.fills = place.world.fills, []
    await place.engine.books.reconcile(ACCOUNT)
    assert (place.stands(done.order).state, place.told()) == (State.FILLED, [])
    place.world.fills = held_back
    await place.engine.books.reconcile(ACCOUNT)
    assert place.told() == ["Filled", "Ended"]


async def test_fills_that_are_never_shown_do_not_hold_an_owner_up_for_ever(place: Trading) -> None:
    """After ten minutes a person is told, and the owner may go on with what the order itself says."""
    done = await place.submit(AT_MARKET)
    place.world.fills.clear()
    await place.engine.worker.run_due()
    place.world.fills.clear()
    with sqlite3.connect(place.engine.home.database) as connection:
        connection.execute("DELETE FROM fill")
        connection.execute("DELETE FROM order_news")
        connection.execute("UPDATE ordered SET told = 0")
    connection.close()
    await place.engine.books.reconcile(ACCOUNT)
    assert place.told() == []
    place.clock.set(timedelta(minutes=11))
    await place.engine.books.reconcile(ACCOUNT)
    assert (place.told(), place.notices(), place.stands(done.order).filled) == (["Ended"], ["order"], D("0.1"))


async def test_orders_of_others_are_shown_and_their_fills_kept_apart(place: Trading) -> None:
    """They are in nobody's position."""
    foreign = {
        "client_order_id": "x",
        "symbol": "BTC/USDT",
        "side": "buy",
        "type": "limit",
        "amount": "1",
        "price": "9",
    }
    place.world.place(foreign)
    done = await place.submit(AT_MARKET)
    await place.ended(done.order)
    place.world.fill(place.world.orders[0], D("0.5"))
    await place.submit(replace(LIMIT, tag="b"))
    await place.engine.worker.run_due()
    seen = await place.engine.books.reconcile(ACCOUNT)
    assert [item.client_order_id for item in seen.foreign] == ["x"]
    assert [item.owner for item in traded(place.engine.reader)] == [BOT, ""]
    assert {item.owner: item.average.amount for item in profits(place.engine.reader)} == {
        BOT: D("0.1"),
        "elsewhere": D("0.5"),
    }
    assert place.engine.reader.execute("SELECT owner, amount FROM position").fetchall() == [(BOT, "0.1")]


async def test_an_order_of_a_market_that_is_gone_holds_up_no_other(
    place: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A market may be taken off the exchange while one's order rests there; the account's others are looked at."""
    lost, kept = await place.submit(), await place.submit(replace(LIMIT, tag="b"))
    await place.ended(kept.order)
    find = Connector.find

    async def gone(self: Connector, wire: Any, plan: Any) -> Any:
        if plan["client_order_id"] == lost.order:
            raise Rejected("Tiny has no spot market 'BTC/USDT'")
        return await find(self, wire, plan)

    monkeypatch.setattr(Connector, "find", gone)
    place.world.fill(place.world.orders[1], D("0.1"))
    del place.world.orders[0]
    seen = await place.engine.books.reconcile(ACCOUNT)
    assert [item.id for item in seen.missing] == [lost.order]
    assert place.stands(kept.order).state is State.FILLED
    place.clock.set(timedelta(minutes=11))
    await place.engine.books.reconcile(ACCOUNT)
    assert place.notices() == ["order"]


async def test_an_accepted_order_that_vanishes_is_told_of(place: Trading) -> None:
    """Nothing is concluded from it; a person looks."""
    done = await place.submit()
    await place.ended(done.order)
    place.world.orders.clear()
    assert len((await place.engine.books.reconcile(ACCOUNT)).missing) == 1
    assert place.notices() == []
    place.clock.set(timedelta(minutes=11))
    await place.engine.books.reconcile(ACCOUNT)
    assert (place.notices(), place.stands(done.order).state) == (["order"], State.OPEN)


async def test_what_else_comes_of_it_is_told_beside_that(place: Trading) -> None:
    """Also while nobody has read the first: it then can't be cancelled either; each of the two is told once."""
    done = await place.submit()
    await place.ended(done.order)
    place.world.orders.clear()
    place.clock.set(timedelta(minutes=11))
    await place.engine.books.reconcile(ACCOUNT)
    now = place.clock.now()
    await place.engine.writer.run(lambda tx: orders.cancel(tx, done.order, now, actor="user"))
    for _ in range(STUBBORN + 3):
        await place.engine.worker.run_due()
        place.clock.set(LONGEST)
    first, second = place.engine.reader.execute("SELECT text FROM notice WHERE kind = 'order' ORDER BY id").fetchall()
    assert "does not show" in first[0]
    assert "could not be cancelled" in second[0]


async def test_what_an_exchange_says_late_does_not_undo_what_it_said(place: Trading) -> None:
    """An answer that is older than what we know changes nothing."""
    done = await place.submit()
    await place.ended(done.order)
    order = place.world.orders[0]
    before = dict(order)
    place.world.fill(order, D("0.1"))
    await place.engine.books.reconcile(ACCOUNT)
    order.clear()
    order.update(before)
    await place.engine.books.reconcile(ACCOUNT)
    stored = place.stands(done.order)
    assert (stored.state, stored.filled, place.told()) == (State.FILLED, D("0.1"), ["Filled", "Ended"])


async def test_what_is_held_is_priced_for_a_limit_of_the_day_s_loss(place: Trading) -> None:
    """Each look asks for it then, and only then; a price that can't be had keeps nothing else from being seen."""
    await place.submit(AT_MARKET)
    await place.engine.worker.run_due()
    place.world.asked.clear()
    await place.engine.books.reconcile(ACCOUNT)
    assert "GET /ticker" not in place.world.asked
    limit = partial(risks.change, subject=BOT, limit=Limit.LOSS, value="9", asset="USDT", now=START, actor="test")
    await place.engine.writer.run(limit)
    place.world.price = D(20_000)
    await place.engine.books.reconcile(ACCOUNT)
    mark = marks.known(place.engine.reader, ACCOUNT, "BTC/USDT", place.clock.now())
    assert (mark.opened, mark.price) == (D(30_000), D(20_000))
    place.world.price = None
    assert (await place.engine.books.reconcile(ACCOUNT)).balances


async def test_accounts_are_looked_at_as_often_as_needed(place: Trading) -> None:
    """Every ten seconds while something is open, else every five minutes; by one of all processes."""
    claimed = []

    async def ask(seconds: float) -> None:
        place.clock.set(timedelta(seconds=seconds))
        now = place.clock.now()
        claimed.append(await place.engine.writer.run(lambda tx: books.claim(tx, ACCOUNT, now)))

    for seconds in (0, 0, 11, 290):
        await ask(seconds)
    done = await place.submit()
    await place.ended(done.order)
    for seconds in (9, 2):
        await ask(seconds)
    assert claimed == [True, False, False, True, False, True]


async def test_a_service_that_begins_looks_at_once(place: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looked last, and however little is open: it may have been away for long."""

    async def still(_: float) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(place.clock, "sleep", still)  # each duty is done once
    now = place.clock.now()
    assert await place.engine.writer.run(lambda tx: books.claim(tx, ACCOUNT, now))
    stop = asyncio.Event()
    place.world.asked.clear()
    service = asyncio.create_task(upkeep.run(place.engine, stop))
    async with asyncio.timeout(20):
        while "GET /balances" not in place.world.asked:
            await asyncio.sleep(0.005)
    stop.set()
    await service


async def test_balances_are_those_after_the_last_order_s_end(place: Trading) -> None:
    """One that was filled at once leaves nothing open, and what the account holds has changed all the same."""

    async def ask(seconds: float) -> bool:
        place.clock.set(timedelta(seconds=seconds))
        now = place.clock.now()
        return await place.engine.writer.run(lambda tx: books.claim(tx, ACCOUNT, now))

    assert await ask(0)
    done = await place.submit(AT_MARKET)
    assert (await place.ended(done.order)).state is State.FILLED
    assert [await ask(seconds) for seconds in (11, 11, 290)] == [True, False, True]


async def test_the_service_looks_by_itself(place: Trading) -> None:
    """What was filled is known without anybody asking."""
    done = await place.submit()
    await place.ended(done.order)
    place.world.fill(place.world.orders[0], D("0.1"))
    await upkeep.books(place.engine, timedelta(seconds=5))
    assert place.stands(done.order).state is State.FILLED
    place.world.down = True
    place.clock.set(timedelta(minutes=6))
    await upkeep.books(place.engine, timedelta(seconds=5))  # the exchange is down: another time
