"""Winding down: what was bought is sold once, whoever asks, how often, and however late it shows."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from automator.trading import closing
from connectors.order import Side
from tests.trade.place import ACCOUNT, AT_MARKET, LIMIT, Trading, trading

D = Decimal


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(tmp_path, settles="2") as made:
        yield made


async def wind_down(place: Trading, times: int = 1) -> None:
    def put(tx: sqlite3.Connection) -> None:
        now = place.clock.now()
        closing.cancel_all(tx, ACCOUNT, now, actor="user")
        for _ in range(times):
            closing.sell_all(tx, ACCOUNT, now)

    await place.engine.writer.run(put)
    await place.engine.worker.run_due(place.clock.now() + timedelta(seconds=30))


def sold(place: Trading) -> list[str]:
    return [item["amount"] for item in place.world.orders if item["side"] == Side.SELL]


async def test_two_who_ask_at_once_sell_once(place: Trading) -> None:
    """The account has more of it, which was not bought here, and is not theirs to sell."""
    done = await place.submit(AT_MARKET)
    await place.ended(done.order)
    await wind_down(place, times=3)
    assert sold(place) == ["0.1"]
    assert place.notices() == []


async def test_what_fills_before_it_is_cancelled_is_sold(place: Trading) -> None:
    """Nothing was held when it was asked for; and where nothing is bought, nothing is sold."""
    done = await place.submit(LIMIT)
    await place.ended(done.order)
    await place.ended((await place.submit(replace(LIMIT, tag="b"), "other")).order)
    place.world.faults.append("filled-then-lost")  # of the first cancel
    await wind_down(place)
    assert sold(place) == ["0.1"]


async def test_fills_that_show_late_are_waited_for_and_not_for_ever(place: Trading) -> None:
    """What is known by then is sold, a minute after the order has ended."""
    first = await place.submit(AT_MARKET)
    await place.ended(first.order)
    second = await place.submit(replace(LIMIT, tag="b"))
    await place.ended(second.order)
    place.world.fill(place.world.orders[1], D("0.1"))
    hidden = place.world.fills.pop()
    await place.engine.books.reconcile(ACCOUNT)
    await wind_down(place)
    assert sold(place) == []
    place.clock.at += timedelta(minutes=2)
    await place.engine.worker.run_due()
    assert sold(place) == ["0.1"]
    place.world.fills.append(hidden)
