"""Figures of posts: when they are read, at what cost, and what a person is shown of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator import limits, upkeep
from automator.engine import Engine
from automator.ledger import query
from automator.posting import measure, metrics, posts
from automator.posting.metrics import STEPS, due, stats, totals
from automator.posting.posts import NewDelivery
from automator.sandbox.faults import Fault
from connectors.post import Part
from tests.clocks import START, StillClock
from tests.scheduling.opened import opened
from tests.scheduling.provider import Provider

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("age", "last", "wanted"),
    [
        (14 * MINUTE, None, False),
        (15 * MINUTE, None, True),
        (59 * MINUTE, 15 * MINUTE, False),
        (HOUR, 15 * MINUTE, True),
        (HOUR, HOUR, False),
        (5 * HOUR, HOUR, False),
        (6 * HOUR, HOUR, True),
        (20 * DAY, None, True),
        (20 * DAY, 7 * DAY, False),
        (20 * DAY, 7 * DAY - MINUTE, True),
        (30 * DAY, 20 * DAY, True),
        (36 * DAY, 20 * DAY, True),
        (36 * DAY, 30 * DAY, False),
        (37 * DAY + MINUTE, None, False),
    ],
)
def test_when_a_post_is_read(age: timedelta, last: timedelta | None, wanted: bool) -> None:
    """At each of the ages, once; after the last no more."""
    assert due(START, None if last is None else START + last, START + age) is wanted


@given(st.lists(st.integers(1, 60 * 24 * 60), max_size=60))
def test_it_is_never_read_more_often_than_the_ages(looks: list[int]) -> None:
    """However often someone looks."""
    last: datetime | None = None
    count = 0
    for minute in sorted(looks):
        if due(START, last, START + minute * MINUTE):
            last, count = START + minute * MINUTE, count + 1
    assert count <= len(STEPS)


class Desk:
    """An engine with an account on a twin, in the time that the test makes."""

    def __init__(self, engine: Engine, there: Provider, clock: StillClock) -> None:
        self.engine, self.there, self.clock, self.name = engine, there, clock, f"{there.name}/brand"
        self.world: Any = there.app[there.module.WORLD]

    async def publish(self, *texts: str) -> None:
        wanted = NewDelivery(self.name, tuple(map(Part, texts)), self.clock.at, "UTC", "", "-".join(texts))
        await self.engine.writer.run(lambda tx: posts.plan(tx, [wanted], self.clock.at, source="test"))
        await self.engine.worker.run_due(self.clock.at + MINUTE)

    async def read(self, after: timedelta) -> int:
        """Look again after a while; returns how many calls that took."""
        self.clock.at += after
        before = self.calls()
        await measure.read(self.engine)
        return self.calls() - before

    def calls(self) -> int:
        query = "SELECT count(*) FROM entry WHERE kind = 'call' AND operation LIKE '%.figures'"
        return int(self.engine.reader.execute(query).fetchone()[0])

    def likes(self, *counts: int) -> None:
        """What the world thinks of the posts, in their order."""
        for post, count in zip(self.there.world(), counts, strict=True):
            if self.there.name == "x":
                self.world.posts[post["id"]]["figures"] = {"like": count, "impression": 10 * count}
            else:
                self.world.figures[post["id"]] = {"likeCount": count}

    def seen(self) -> list[tuple[str, int | None, int | None]]:
        return [(item.text, item.newest["likes"], item.more["likes"]) for item in stats(self.engine.reader)]


@pytest.fixture(params=["x", "bluesky"])
async def desk(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    clock = StillClock()
    async with opened(request.param, tmp_path, clock, monkeypatch) as (engine, there):
        yield Desk(engine, there, clock)


only_x = pytest.mark.parametrize("desk", ["x"], indirect=True)


async def test_figures_are_read_as_posts_grow_older(desk: Desk) -> None:
    """In one call for all; each is shown with what was added since the reading before."""
    await desk.publish("One", "Two")
    desk.likes(3, 0)
    assert await desk.read(10 * MINUTE) == 0
    assert await desk.read(5 * MINUTE + MINUTE) == 1
    assert await desk.read(MINUTE) == 0
    assert desk.seen() == [("One", 3, 3), ("Two", 0, 0)]
    desk.likes(8, 1)
    assert await desk.read(HOUR) == 1
    assert desk.seen() == [("One", 8, 5), ("Two", 1, 1)]
    (total,) = totals(stats(desk.engine.reader))
    assert (total.account, total.parts, total.figures["likes"], total.more["likes"]) == (desk.name, 2, 9, 6)
    assert total.figures["impressions"] == (90 if desk.there.name == "x" else None)
    assert await desk.read(40 * DAY) == 0


async def test_a_post_that_is_gone_is_told_as_gone(desk: Desk) -> None:
    """Its last figures stay on the record, and count for nothing; should it come back, it is read again."""
    await desk.publish("One", "Two")
    desk.likes(3, 5)
    await desk.read(20 * MINUTE)
    if desk.there.name == "x":
        desk.world.posts.popitem()
    else:
        next(iter(desk.world.accounts.values())).records.popitem()
    await desk.read(HOUR)
    assert [(item.text, item.gone) for item in stats(desk.engine.reader)] == [("One", False), ("Two", True)]
    assert desk.seen() == [("One", 3, 0), ("Two", None, None)]
    (total,) = totals(stats(desk.engine.reader))
    assert total.figures["likes"] == 3


async def test_posts_go_before_figures(desk: Desk) -> None:
    """While something is due, or waits, nothing is read."""
    await desk.publish("One")
    soon = NewDelivery(desk.name, (Part("Soon"),), desk.clock.at + 20 * MINUTE, "UTC", "", "soon")
    await desk.engine.writer.run(lambda tx: posts.plan(tx, [soon], desk.clock.at, source="test"))
    assert await desk.read(20 * MINUTE) == 0
    await desk.engine.worker.run_due()
    assert await desk.read(MINUTE) == 1


@pytest.mark.parametrize("fault", ["html-after", "drop-before", "throttle", "error-after"])
async def test_trouble_is_left_alone_for_an_hour(desk: Desk, fault: Any) -> None:
    """What could not be read is read later; nothing is made up, and nobody hammers a provider in trouble."""
    await desk.publish("One")
    path = "/2/tweets" if desk.there.name == "x" else "getPosts"
    desk.there.faults.append(Fault(path=path, method="GET", fault=fault, times=9))
    assert await desk.read(20 * MINUTE) > 0
    desk.there.faults.clear()
    assert (await desk.read(30 * MINUTE), desk.seen()) == (0, [])
    assert await desk.read(31 * MINUTE) == 1
    assert desk.seen() == [("One", 0, 0)]


@only_x
async def test_a_months_bound_is_kept(desk: Desk) -> None:
    """What reading may cost is counted apart from posting; beyond it no call leaves until the next month."""
    for number in range(3):
        await desk.publish(f"Post {number}")
    now = desk.clock.at
    await desk.engine.writer.run(lambda tx: limits.change(tx, desk.name, "figures", 5, now, actor="test"))
    assert await desk.read(30 * MINUTE) == 1
    assert await desk.read(DAY) == 0
    used = {row.name: row.used for row in limits.rows(desk.engine.reader, desk.clock.at)}
    assert used["figures"] == 3
    await desk.publish("Still goes out")
    assert desk.there.world()[-1]["text"] == "Still goes out"
    assert await desk.read(datetime(2027, 1, 1, 1, tzinfo=START.tzinfo) - desk.clock.at) == 1


@only_x
@pytest.mark.parametrize(("credit", "calls"), [(109, 0), (110, 1)])
async def test_half_of_what_a_person_lets_us_spend_is_for_posts_alone(desk: Desk, credit: int, calls: int) -> None:
    """Three posts took 45 thousandths of a dollar, and connecting the account 10."""
    for number in range(3):
        await desk.publish(f"Post {number}")
    now = desk.clock.at
    await desk.engine.writer.run(lambda tx: limits.change(tx, desk.name, "credit", credit, now, actor="test"))
    assert await desk.read(HOUR) == calls


@pytest.mark.parametrize("desk", ["facebook"], indirect=True)
@pytest.mark.parametrize(("percent", "calls"), [(49, 2), (51, 0)])
async def test_half_of_a_provider_s_own_limits_is_for_posts_alone(desk: Desk, percent: int, calls: int) -> None:
    """As Facebook says how much of them is used; then likes, and how often the post was seen, are read."""
    await desk.publish("One")
    desk.world.views = {post["id"]: 203 for post in desk.there.world()}
    desk.clock.at += 15 * MINUTE
    desk.world.usage["x-app-usage"] = {"call_count": percent, "total_time": 1, "total_cputime": 1}
    await desk.engine.test(desk.name)
    before = len(query.after(desk.engine.reader, 0, desk.name))
    await measure.read(desk.engine)
    assert len(query.after(desk.engine.reader, 0, desk.name)) - before == calls
    assert [item.newest["impressions"] for item in stats(desk.engine.reader)] == [203] * (calls // 2)


async def test_reading_can_be_switched_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting; with it on, whoever calls us now and then has figures read too."""
    await desk.publish("One")
    desk.clock.at += HOUR
    off = desk.engine.settings.posting.model_copy(update={"metrics": False})
    with monkeypatch.context() as patch:
        patch.setattr(desk.engine, "settings", desk.engine.settings.model_copy(update={"posting": off}))
        await upkeep.once(desk.engine)
        assert desk.calls() == 0
    await upkeep.once(desk.engine)
    assert desk.calls() == 1


async def test_many_are_read_in_batches(desk: Desk) -> None:
    """X takes a hundred at once, Bluesky twenty-five; each part is read once."""
    texts: Sequence[str] = [f"Part {number}" for number in range(60)]
    await desk.publish(*texts)
    assert await desk.read(20 * MINUTE) == (1 if desk.there.name == "x" else 3)
    assert len(stats(desk.engine.reader)) == 60
    assert stats(desk.engine.reader, "x/other") == []
    assert stats(desk.engine.reader, desk.name, desk.clock.at) == []
    assert metrics.readable(desk.engine.reader, desk.name, desk.clock.at) == []
