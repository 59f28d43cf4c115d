"""Killed at every boundary of a halt and of its end: it is in force with all that it asks for, or was never given."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from automator import halts
from automator.trading import bots, orders
from automator.trading.bots import Bot, OnStop
from tests.crash.desk import Desk, Small
from tests.crash.test_orders import sampled
from tests.trade.place import ACCOUNT, BOT

DAY = timedelta(days=1)
GRID = {
    "symbol": "BTC/USDT",
    "lower_price": "20000",
    "upper_price": "40000",
    "grids_quantity": "2",
    "quantity_per_grid": "0.1",
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Two owners have bought, and an order of each rests; one of them is a bot that runs, and decides once a day."""
    venue = Small()
    made = Desk(tmp_path, venue)
    asyncio.run(run_bot(made))
    for owner in (BOT, "dca-1"):
        made.submit("market", "a", owner)
        made.submit("limit", "b", owner)
    made.work()
    yield made
    venue.close()


async def run_bot(desk: Desk) -> None:
    async with desk.engine() as engine:
        now = engine.clock.now()
        new = Bot(BOT, "grid", ACCOUNT, True, GRID, {"USDT": Decimal(1000)}, DAY, OnStop.KEEP)

        def begin(tx: sqlite3.Connection) -> None:
            bots.add(tx, new, now, actor="user")
            bots.start(tx, BOT, now, actor="user")

        await engine.writer.run(begin)


def killed(desk: Desk, *command: str, point: str) -> None:
    with desk.command(*command, failpoint=point) as first:
        assert first.wait(60) == -signal.SIGKILL


def asked_for(reader: sqlite3.Connection) -> tuple[int, int, int, bool]:
    """Halts in force, orders that are to be cancelled, sales, and whether the bot has stopped."""
    (cancels,) = reader.execute("SELECT count(*) FROM ordered WHERE cancel_at IS NOT NULL").fetchone()
    (sales,) = reader.execute("SELECT count(*) FROM job WHERE kind = 'sale'").fetchone()
    return len(halts.standing(reader)), cancels, sales, bots.one(reader, BOT).state is bots.State.STOPPED


NEVER, WHOLE = (0, 0, 0, False), (1, 2, 2, True)
#: of the calls of a halt that sells: the first cancel, and the first sale's order
CANCELS, SELLS = 1, 9
BOUNDARIES = (
    "before-halt",
    "after-halt",
    "before-cancel:KILL:2",
    "after-cancel:KILL:1",
    f"after-last-byte:KILL:{CANCELS}",
    f"after-store:KILL:{CANCELS}",
    "before-shown:KILL:2",
    "before-sale:KILL:1",
    "after-sale:KILL:1",
    "before-sale:KILL:2",
    f"before-record:KILL:{SELLS}",
    f"after-record:KILL:{SELLS}",
    f"after-last-byte:KILL:{SELLS}",
    f"before-store:KILL:{SELLS}",
    f"after-store:KILL:{SELLS}",
)
BY_A_SERVICE = (BOUNDARIES[1], BOUNDARIES[2], BOUNDARIES[7], BOUNDARIES[12])
WAYS = [*product(("again",), BOUNDARIES), *product(("service",), BY_A_SERVICE)]
SAMPLE = {("again", "before-cancel:KILL:2"), ("again", f"after-last-byte:KILL:{SELLS}")}


@pytest.mark.parametrize(("then", "point"), sampled(WAYS, SAMPLE))
def test_a_halt_that_sells(desk: Desk, then: str, point: str) -> None:
    """All of it or nothing is asked for; whoever comes next ends it, and what was bought is sold once."""
    killed(desk, "halt", "--sell", point=point)
    with desk.reader() as reader:
        assert asked_for(reader) == (NEVER if point == "before-halt" else WHOLE)
    with desk.command("halt", "--sell") if then == "again" else desk.worker() as second:
        assert second.wait(60) == 0
    with desk.reader() as reader:
        assert halts.standing(reader)
        assert bots.one(reader, BOT).state is bots.State.STOPPED
        assert reader.execute("SELECT amount FROM position").fetchall() == [("0",), ("0",)]
    desk.judge()
    assert sorted(one.state for one in desk.venue.orders().values()) == ["cancelled"] * 2 + ["filled"] * 4


@pytest.mark.long
@pytest.mark.parametrize("point", ["before-halt", "after-halt", "after-cancel:KILL:1"])
def test_a_halt_that_cancels(desk: Desk, point: str) -> None:
    """The same of one account without a sale: what was bought stays, and the bot is not stopped."""
    killed(desk, "halt", ACCOUNT, "--cancel-orders", point=point)
    with desk.reader() as reader:
        assert asked_for(reader) == (NEVER if point == "before-halt" else (1, 2, 0, False))
    with desk.command("halt", ACCOUNT, "--cancel-orders") as second:
        assert second.wait(60) == 0
    desk.judge()
    assert sorted(one.state for one in desk.venue.orders().values()) == ["cancelled"] * 2 + ["filled"] * 2
    with desk.reader() as reader:
        assert orders.standing(reader) == []
        assert asked_for(reader) == (1, 2, 0, False)


@pytest.mark.long
@pytest.mark.parametrize("point", ["before-resume", "after-resume"])
def test_a_resume(desk: Desk, point: str) -> None:
    """It is halted, or it is not: an order leaves only in the latter case, and said again it goes on."""
    with desk.command("halt", BOT) as first:
        assert first.wait(60) == 0
    killed(desk, "resume", BOT, point=point)
    with desk.reader() as reader:
        assert len(halts.standing(reader)) == (point == "before-resume")
    with desk.command("resume", BOT) as again:
        assert again.wait(60) == 0
    order = desk.submit("market", "c")
    desk.work()
    desk.judge()
    assert order in desk.venue.arrived()
