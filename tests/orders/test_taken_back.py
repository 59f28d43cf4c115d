"""A key is replaced, its rights are taken back, or its account is removed while an order is on its way."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from automator import accounts, failpoints
from automator.trading import closing, orders, pairs, parting
from automator.trading.submission import Approved
from connectors.base import Scope
from connectors.exchange import twin as binance
from connectors.network import Rejected
from connectors.order import OrderType
from jobs.bots.strategy import Pair
from jobs.orders.states import State
from tests.crash.test_pairs import PROFIT, STOP
from tests.orders.test_binance import ACCOUNT as BINANCE
from tests.orders.test_binance import opened
from tests.trade.exchange import MARKET
from tests.trade.place import ACCOUNT, AT_MARKET, BOT, LIMIT, Trading, trading
from tests.trade.world import PRICE

POINTS = ("before-record", "after-record", "after-answer")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(tmp_path, settles="2") as made:
        yield made


def meanwhile(
    place: Trading, patch: pytest.MonkeyPatch, point: str, act: Callable[[sqlite3.Connection], object]
) -> None:
    """Another process does this as the next call comes by a point."""
    done: list[str] = []

    def reach(name: str) -> None:
        if name != point or done:
            return
        done.append(name)
        with sqlite3.connect(place.engine.home.database) as other:
            act(other)
        other.close()

    patch.setattr(failpoints, "reach", reach)


def removes(place: Trading) -> Callable[[sqlite3.Connection], object]:
    def go(tx: sqlite3.Connection) -> None:
        parting.part(tx, ACCOUNT, place.clock.now(), actor="user")
        accounts.remove(tx, ACCOUNT, place.clock.now(), actor="user")

    return go


async def test_no_order_leaves_once_the_right_is_taken_back(place: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision to send looks at it again: what was let through a moment before does not leave, on the record."""
    done = await place.submit(AT_MARKET)
    change = partial(accounts.change, name=ACCOUNT, now=place.clock.now(), scopes=[Scope.READ], actor="user")
    meanwhile(place, monkeypatch, "before-record", change)
    stored = await place.ended(done.order)
    assert (stored.state, place.world.arrived) == (State.NOT_PLACED, [])
    assert "not allowed to trade" in stored.reason
    events = "SELECT count(*) FROM entry WHERE kind = 'event' AND operation = 'tiny.order.create'"
    assert place.engine.reader.execute(events).fetchone() == (1,)


async def test_an_order_is_signed_by_the_key_in_force(place: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is rotated just before the order is written down signs nothing more; the order leaves once."""
    done = await place.submit(AT_MARKET)
    place.engine.store.put(ACCOUNT, 2, {"key": "fresh"})
    rotate = "UPDATE account SET version = 2 WHERE name = ?"
    meanwhile(place, monkeypatch, "before-record", lambda tx: tx.execute(rotate, (ACCOUNT,)))
    stored = await place.ended(done.order)
    assert (stored.state, place.world.arrived) == (State.FILLED, [done.order])
    assert place.world.keys[place.world.asked.index("POST /order")] == "fresh"


@pytest.mark.parametrize("point", POINTS)
async def test_an_account_is_removed_while_its_order_leaves(
    place: Trading, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """It has not left, or is what the answer says; nothing is tried for it any more, and nothing is stuck."""
    done = await place.submit(LIMIT)
    meanwhile(place, monkeypatch, point, removes(place))
    stored = await place.ended(done.order, seconds=3_600)
    sent = point != "before-record"
    assert (stored.state, len(place.world.arrived)) == ((State.OPEN, 1) if sent else (State.NOT_PLACED, 0))
    assert "stuck" not in place.notices()
    assert open_runs(place) == 0


@pytest.mark.parametrize("lost", [False, True])
async def test_an_account_is_removed_while_its_pair_leaves(place: Trading, lost: bool) -> None:
    """Both halves have not left, or are a person's to settle."""
    now, tags = place.clock.now(), ("stop", "profit")
    done = await place.engine.writer.run(
        lambda tx: pairs.submit(tx, ACCOUNT, BOT, tags, Pair(STOP, PROFIT), now, market=MARKET, price=PRICE)
    )
    assert isinstance(done, Approved), done
    if lost:
        place.world.faults = ["open-then-lost"]
        await place.engine.worker.work_off(done.order)
    await place.engine.writer.run(removes(place))
    halves = [orders.by_tag(place.engine.reader, BOT, tag) for tag in tags]
    state = State.UNCONFIRMED if lost else State.NOT_PLACED
    assert [half.state for half in halves if half] == [state, state]
    assert place.notices() == (["unconfirmed"] if lost else [])


@pytest.mark.parametrize("what", ["cancel", "sale"])
async def test_an_account_is_removed_while_it_is_wound_down(
    place: Trading, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A cancel or a sale that is on its way is not tried for ever at an account that is not there."""
    held, rests = await place.submit(AT_MARKET), await place.submit(replace(LIMIT, tag="b"))
    await place.ended(held.order)
    await place.engine.books.reconcile(ACCOUNT)
    now, many = place.clock.now(), len(place.world.arrived)
    if what == "cancel":
        await place.engine.writer.run(lambda tx: orders.cancel(tx, rests.order, now, actor="user"))
    else:
        await place.engine.writer.run(lambda tx: closing.sell_all(tx, BOT, now))
        place.world.orders[1]["state"] = "cancelled"
        await place.engine.books.reconcile(ACCOUNT)
    meanwhile(place, monkeypatch, "before-record", removes(place))
    await place.ended(rests.order, seconds=7_200)
    assert len(place.world.arrived) == many
    assert "stuck" not in place.notices()
    assert open_runs(place) == 0


def open_runs(place: Trading) -> int:
    (many,) = place.engine.reader.execute(
        "SELECT count(*) FROM run WHERE state IN ('scheduled', 'running', 'waiting')"
    ).fetchone()
    return int(many)


async def test_keys_of_another_account_are_not_taken(tmp_path: Path) -> None:
    """What was placed with the old ones would be looked for where it is not, and then placed again."""
    async with opened(tmp_path) as there:
        there.strikes("drop-after")
        order = await there.submit(OrderType.LIMIT)
        await there.engine.worker.work_off(order)
        assert there.stands(order).state is State.UNKNOWN
        other = binance.add_account(there.app, "other")
        with pytest.raises(Rejected, match=r"another account's .* accounts add binance/NAME"):
            await there.engine.rotate(BINANCE, other)
        assert (await there.ended(order)).state is State.OPEN
        mine = there.app[binance.WORLD].members[0]
        await there.engine.rotate(BINANCE, binance.add_key(there.app[binance.WORLD], mine))
        await there.judge()
