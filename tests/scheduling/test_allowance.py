"""What a month may cost: posts that wait for it, and what a person is told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from automator import limits
from automator.notices import unread
from automator.posting import posts
from tests.scheduling.desk import Desk, on_x


async def allow(desk: Desk, credit: int) -> None:
    """What the month may cost, in thousandths of a dollar."""
    now = desk.clock.now()
    await desk.engine.writer.run(lambda tx: limits.change(tx, desk.name, "credit", credit, now, actor="test"))


@on_x
async def test_a_post_for_which_the_month_has_no_money_is_told_of_while_it_matters(desk: Desk) -> None:
    """By the time that it may be late, not when the next month begins."""
    await allow(desk, 0)
    await desk.plan("Too dear")
    assert (await desk.work(minutes=59)).state == "waiting"
    assert (await desk.work(minutes=61)).state == "missed"
    ((text,),) = desk.engine.reader.execute("SELECT text FROM notice").fetchall()
    assert "was not run: a limit is used up; `automator limits x/brand` shows which; not before" in text


@on_x
async def test_a_limit_that_is_raised_lets_what_waits_for_it_go(desk: Desk) -> None:
    """At once, without anybody who tries again."""
    await allow(desk, 0)
    await desk.plan("Dear")
    assert (await desk.work(minutes=1)).state == "waiting"
    await allow(desk, 1000)
    assert (await desk.work(minutes=1)).state == "done"
    assert desk.world() == ["Dear"]


@on_x
async def test_a_thread_that_is_half_out_when_the_money_ends_is_told_of(desk: Desk) -> None:
    """It goes on when the limit is raised; until then a person knows that it stands there half."""
    await allow(desk, 30)
    await desk.plan("One", "Two")
    assert (await desk.work(minutes=1)).state == "waiting"
    ((kind, text),) = desk.engine.reader.execute("SELECT kind, text FROM notice").fetchall()
    assert (kind, "is out to its part 1 of 2 and waits: a limit is used up" in text) == ("held", True)
    await allow(desk, 1000)
    assert (await desk.work(minutes=1)).state == "done"
    assert desk.world() == ["One", "Two"]
    assert not unread(desk.engine.reader), "that it waits is no longer so"


@on_x
async def test_what_is_tried_again_may_be_late_from_then_on(desk: Desk) -> None:
    """A person asks for it now, so that trouble of some minutes does not make it too late by yesterday's time."""
    await allow(desk, 0)
    post = await desk.plan("Good morning")
    assert (await desk.work(minutes=120)).state == "missed"
    desk.clock.ahead += timedelta(days=1)
    await desk.engine.writer.run(lambda tx: posts.retry(tx, post, desk.clock.now(), actor="test"))
    assert (await desk.work(minutes=1)).state == "waiting"
    await allow(desk, 1000)
    assert (await desk.work(minutes=1)).state == "done"


@on_x
async def test_a_thread_that_is_given_up_when_it_is_half_out_says_what_stays(desk: Desk) -> None:
    """Who takes it back learns that a part of it is to be seen."""
    await allow(desk, 30)
    post = await desk.plan("One", "Two")
    assert (await desk.work(minutes=1)).state == "waiting"
    assert await desk.engine.writer.run(lambda tx: posts.cancel(tx, post, desk.clock.now(), actor="test"))
    stands = await desk.work(minutes=1)
    assert (stands.state, desk.world()) == ("cancelled", ["One"])
    assert stands.reason == "cancelled; 1 of its 2 parts went out before, and stays there"
    assert not unread(desk.engine.reader)


@pytest.mark.parametrize(("desk", "limit"), [("x", "posts-15min"), ("bluesky", "points-hour")], indirect=["desk"])
async def test_a_limit_of_nothing_lets_nothing_out(desk: Desk, limit: str) -> None:
    """Who sets one means it, also while the window is empty; and a higher one lets go what waits."""

    async def set_to(value: int) -> None:
        now = desk.clock.now()
        await desk.engine.writer.run(lambda tx: limits.change(tx, desk.name, limit, value, now, actor="test"))

    await set_to(0)
    await desk.plan("Not now")
    assert ((await desk.work(minutes=5)).state, desk.world()) == ("waiting", [])
    await set_to(100)
    assert ((await desk.work(minutes=1)).state, desk.world()) == ("done", ["Not now"])
