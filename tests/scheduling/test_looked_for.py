"""What a look for a lost post costs, at a provider where each post that is shown has its price."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from automator import limits
from automator.engine import Engine
from automator.posting import posts
from automator.posting.posts import Listed, NewDelivery, listed
from automator.sandbox.faults import Fault
from connectors.post import Part
from connectors.x import twin as x
from tests.clocks import StillClock
from tests.scheduling.opened import opened
from tests.scheduling.provider import Provider

CREATE = "/2/tweets"
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
A_DAY = 72  #: posts of the account that others make


class Busy:
    """An account on X that posts every twenty minutes, by hand or by another program."""

    def __init__(self, engine: Engine, there: Provider, clock: StillClock) -> None:
        self.engine, self.there, self.clock = engine, there, clock
        self.world: Any = there.app[x.WORLD]

    async def lose(self, text: str, fault: str) -> Listed:
        """A post whose answer never came, and that no list shows."""
        self.world.visible_after = 400 * DAY
        self.there.faults.append(Fault(path=CREATE, fault=fault))
        wanted = NewDelivery("x/brand", (Part(text),), self.clock.at, "UTC", "", text)
        await self.engine.writer.run(lambda tx: posts.plan(tx, [wanted], self.clock.at, source="test"))
        post = await self.work()
        assert post.state == "unconfirmed"
        self.world.visible_after = timedelta()
        return post

    async def work(self) -> Listed:
        await self.engine.worker.run_due(self.clock.at + 30 * MINUTE)
        (post,) = listed(self.engine.reader)
        return post

    def pass_(self, days: int) -> None:
        """Time, in which others post."""
        (user,) = self.world.users.values()
        for _ in range(days * A_DAY):
            self.clock.at += DAY / A_DAY
            self.world.last += 1
            number = str(self.world.last)
            self.world.posts[number] = {
                "id": number, "author_id": user.id, "written": number, "text": number, "urls": [], "reply_to": None,
                "created_at": self.clock.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"), "visible_at": self.clock.at,
                "media": [], "media_keys": [], "figures": {},
            }  # fmt: skip

    def show(self) -> None:
        for post in self.world.posts.values():
            post["visible_at"] -= 400 * DAY

    async def send_again(self) -> tuple[Listed, float]:
        """By a person's word; also what it took of a month's money, beside posting."""
        (post,), before, paid = listed(self.engine.reader), self.spent(), len(self.world.posts)
        assert await self.engine.writer.run(
            lambda tx: posts.resolve_send_again(tx, post.id, self.clock.at, actor="user")
        )
        post = await self.work()
        return post, self.spent() - before - 15 * (len(self.world.posts) - paid)

    def spent(self) -> float:
        return next(row.used for row in limits.rows(self.engine.reader, self.clock.at) if row.name == "credit")

    def ours(self) -> list[str]:
        return [post["written"] for post in self.world.posts.values() if not post["written"].isdigit()]


@pytest.fixture
async def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Busy]:
    clock = StillClock()
    async with opened("x", tmp_path, clock, monkeypatch) as (engine, there):
        yield Busy(engine, there, clock)


@pytest.mark.parametrize("fault", ["drop-after", "drop-before"])
async def test_what_is_sent_again_is_looked_for_where_it_can_be(busy: Busy, fault: str) -> None:
    """Weeks later: at the price of a day's posts, not of all; found if it is there, else sent, once."""
    await busy.lose("Once", fault)
    busy.pass_(20)
    busy.show()
    post, cost = await busy.send_again()
    assert (post.state, busy.ours()) == ("done", ["Once"])
    assert cost <= A_DAY + 2
    assert post.results[0]["id"] == next(key for key, item in busy.world.posts.items() if item["written"] == "Once")


async def test_a_clock_that_is_ahead_of_xs_hides_nothing(busy: Busy) -> None:
    """X refuses an end that lies in its future: then it is asked without one."""
    await busy.lose("Once", "drop-after")
    busy.pass_(2)
    busy.show()
    ahead = timedelta(hours=30)
    busy.world.now = lambda: busy.clock.now() - ahead
    post, _ = await busy.send_again()
    assert (post.state, busy.ours()) == ("done", ["Once"])


async def test_a_clock_that_took_local_time_for_utc_hides_nothing(busy: Busy) -> None:
    """It was half a day behind when the post left, so that X dates it later than we do."""
    behind = timedelta(hours=12)
    busy.world.now = lambda: busy.clock.now() + behind
    await busy.lose("Once", "drop-after")
    busy.world.now = busy.clock.now
    busy.pass_(3)
    busy.show()
    post, _ = await busy.send_again()
    assert (post.state, busy.ours()) == ("done", ["Once"])


async def test_soon_after_it_is_looked_for_up_to_now(busy: Busy) -> None:
    """No end is named that lies ahead."""
    await busy.lose("Once", "drop-after")
    busy.pass_(1)
    busy.show()
    post, _ = await busy.send_again()
    assert (post.state, busy.ours()) == ("done", ["Once"])
