"""Days nobody thought of: orders, faults, fills, halts, limits and outages in any order, and the books balance."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from automator import halts
from automator.clock import micros
from automator.trading import orders, risks
from automator.trading.submission import Approved
from connectors.network import Rejected
from connectors.order import Side
from jobs.orders.risk import Limit
from tests.trade.judge import There, judge
from tests.trade.place import ACCOUNT, AT_MARKET, LIMIT, Trading, trading
from tests.trade.world import FAULTS, World

D = Decimal
OWNERS = ("grid-1", "dca-1")
NAMES = ("*", ACCOUNT, *OWNERS)

days = st.lists(
    st.one_of(
        st.tuples(
            st.just("submit"),
            st.sampled_from(["limit", "market"]),
            st.sampled_from(list(Side)),
            st.sampled_from(OWNERS),
            st.sampled_from(["none", *FAULTS]),
        ),
        st.tuples(st.just("fill"), st.integers(0, 9), st.sampled_from(["0.01", "0.05", "0.1"])),
        st.tuples(st.just("cancel"), st.integers(0, 9), st.sampled_from(["none", "lost-before", "filled-then-lost"])),
        st.tuples(st.just("halt"), st.sampled_from(NAMES)),
        st.tuples(st.just("resume"), st.sampled_from(NAMES)),
        st.tuples(st.just("work"), st.sampled_from([0, 1, 5, 120])),
        st.tuples(st.just("pass"), st.sampled_from([1, 45, 90])),
        st.tuples(st.just("look")),
        st.tuples(st.just("down"), st.booleans()),
        st.tuples(st.just("limit"), st.integers(0, 3)),
    ),
    max_size=25,
)


class Day:
    """One, lived through."""

    def __init__(self, place: Trading) -> None:
        self.place, self.count = place, 0
        self.mine: list[str] = []

    async def do(self, what: str, *given: Any) -> None:
        await getattr(self, f"do_{what}")(*given)

    async def do_submit(self, kind: str, side: Side, owner: str, fault: str) -> None:
        self.count += 1
        if fault != "none":
            self.place.world.faults.append(fault)
        wish = replace(LIMIT if kind == "limit" else AT_MARKET, tag=str(self.count), side=side)
        done = await self.place.submit(wish, owner)
        if isinstance(done, Approved):
            self.mine.append(done.order)

    async def do_fill(self, number: int, amount: str) -> None:
        if number < len(self.place.world.orders):
            order = self.place.world.orders[number]
            self.place.world.fill(order, min(D(amount), D(order["amount"]) - D(order["filled"])))

    async def do_cancel(self, number: int, fault: str) -> None:
        if number < len(self.mine):
            if fault != "none":
                self.place.world.faults.append(fault)
            now = self.place.clock.now()
            await self.place.engine.writer.run(lambda tx: orders.cancel(tx, self.mine[number], now, actor="test"))

    async def do_halt(self, name: str) -> None:
        at = micros(self.place.clock.now())
        await self.place.engine.writer.run(lambda tx: halts.halt(tx, name, at, reason="", actor="test"))

    async def do_resume(self, name: str) -> None:
        at = micros(self.place.clock.now())
        await self.place.engine.writer.run(lambda tx: halts.resume(tx, name, at, actor="test"))

    async def do_work(self, seconds: int) -> None:
        await self.place.engine.worker.run_due(self.place.clock.now() + timedelta(seconds=seconds))

    async def do_pass(self, seconds: int) -> None:
        self.place.clock.at += timedelta(seconds=seconds)

    async def do_look(self) -> None:
        try:
            await self.place.engine.books.reconcile(ACCOUNT)
        except Rejected:
            assert self.place.world.down

    async def do_down(self, down: bool) -> None:
        self.place.world.down = down

    async def do_limit(self, greatest: int) -> None:
        now = self.place.clock.now()
        await self.place.engine.writer.run(
            lambda tx: risks.change(tx, ACCOUNT, Limit.OPEN, str(greatest), "", now, actor="test")
        )

    async def end(self) -> None:
        """All that stood in the way is gone, and time passes."""
        self.place.world.down = False
        self.place.world.faults.clear()
        for name in NAMES:
            await self.do_resume(name)
        await self.do_work(4 * 3_600)
        for _ in range(2):
            await self.place.engine.books.reconcile(ACCOUNT)


def there(world: World) -> dict[str, There]:
    fills: dict[str, dict[str, Decimal]] = {}
    for made in world.fills:
        fills.setdefault(made["order_id"], {})[made["id"]] = D(made["amount"])
    return {
        item["client_order_id"]: There(item["state"], D(item["filled"]), fills.get(item["id"], {}))
        for item in world.orders
    }


@settings(max_examples=60)
@given(days)
def test_whatever_a_day_brings_the_books_are_the_exchange_s(day: list[tuple[Any, ...]]) -> None:
    """No order is sent twice, none is lost, each fill is told once, each end last."""

    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with trading(Path(folder), settles="2") as place:
                lived = Day(place)
                for what, *given in day:
                    await lived.do(what, *given)
                await lived.end()
                judge(place.engine.reader, there(place.world), place.world.arrived)

    asyncio.run(live())
