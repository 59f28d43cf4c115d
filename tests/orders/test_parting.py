"""An account is removed while something of it stands: what has not left never does, what is in doubt is a person's."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from automator import accounts
from automator.trading import parting, settling
from jobs.orders.states import State
from tests.trade.place import ACCOUNT, LIMIT, Trading, trading


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(tmp_path, settles="2") as made:
        yield made


async def remove(place: Trading) -> None:
    def go(tx: sqlite3.Connection) -> None:
        parting.part(tx, ACCOUNT, place.clock.now(), actor="user")
        accounts.remove(tx, ACCOUNT, place.clock.now(), actor="user")

    await place.engine.writer.run(go)


async def test_what_stands_is_left_as_it_is_known(place: Trading) -> None:
    """One rests, one has not left, one has lost its answer; nothing is tried for them any more."""
    rests = await place.submit(LIMIT)
    await place.ended(rests.order)
    place.world.faults = ["open-then-lost"]
    lost = await place.submit(replace(LIMIT, tag="b"))
    await place.engine.worker.work_off(lost.order)
    waits = await place.submit(replace(LIMIT, tag="c"))
    assert place.stands(lost.order).state is State.UNKNOWN
    assert str(parting.standing(place.engine.reader, ACCOUNT)) == "3 orders that may be filled"
    await remove(place)
    states = [place.stands(done.order).state for done in (rests, lost, waits)]
    assert states == [State.OPEN, State.UNCONFIRMED, State.NOT_PLACED]
    assert "its account was removed before it said whether" in place.stands(lost.order).reason
    arrived = len(place.world.arrived)
    await place.ended(rests.order, seconds=3_600)
    assert len(place.world.arrived) == arrived
    assert "stuck" not in place.notices()


async def test_what_is_in_doubt_is_settled_by_a_person_or_by_the_account_itself(place: Trading) -> None:
    """Without the account by a word; connected again, the exchange shows it."""
    place.world.faults = ["open-then-lost", "open-then-lost"]
    found = [await place.submit(replace(LIMIT, tag=tag)) for tag in "ab"]
    for done in found:
        await place.engine.worker.work_off(done.order)
    stored = accounts.load(place.engine.reader, ACCOUNT)
    await remove(place)
    now = place.clock.now()
    assert await place.engine.writer.run(lambda tx: settling.not_placed(tx, found[0].order, now, actor="user"))
    await place.engine.connect(accounts.fresh(ACCOUNT, stored.base_url, stored.scopes, stored.chosen), {"key": "new"})
    await place.engine.books.reconcile(ACCOUNT)
    assert [place.stands(done.order).state for done in found] == [State.OPEN, State.OPEN]  # it was there after all
