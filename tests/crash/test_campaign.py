"""A long campaign on a bad day: random faults, tokens that expire, and a worker that is killed every second.

It has 200 posts for four networks. Each of them goes to X, Bluesky and Facebook, and the first 50 to Instagram too, which
takes no more in a day: 650 deliveries, of which 50 on every network are the same post.
"""

from __future__ import annotations

import asyncio
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from automator import accounts, limits
from automator.db import connect
from automator.engine import Engine
from automator.home import Home
from automator.ledger.chain import verify
from automator.posting import posts
from automator.posting.posts import Listed, NewDelivery, listed
from automator.sandbox.faults import Fault
from automator.sandbox.server import Sandbox
from automator.scheduling.states import OPEN_STATES
from automator.vault.choose import own_file
from connectors.post import Media, Part
from connectors.registry import providers
from connectors.x import twin as x
from jobs.posting.media import inspect
from tests.crash.place import PATHS
from tests.sandboxed import ROOT

POSTS = 200
MOST = {"instagram": 50}  #: half of what it takes in a day
KINDS = ("drop-before", "drop-after", "error-after", "html-after", "garbage-after", "throttle", "slow")
CONFIG = '[vault]\nkind = "file"\n[posting]\nsettle_seconds = 0.5\n'
PICTURED = {"instagram"}  #: networks without posts of text alone
IN_DOUBT = {"x"}  #: whose lists can't prove that a post is not there
PATIENCE = 280.0
PLENTY = 10_000  #: calls in 15 minutes


def square(folder: Path) -> Media:
    """A picture that every network takes."""
    path = folder / "square.jpg"
    Image.new("RGB", (400, 400), (90, 120, 40)).save(path)
    return inspect(path, "A green square")


class Desk:
    """An account on every network, and one installation."""

    def __init__(self, folder: Path, networks: tuple[str, ...]) -> None:
        self.home, self.networks, self.faults = Home(folder / "home"), networks, list[Fault]()
        self.box = Sandbox(folder / "sandbox", self.faults)
        self.random = random.Random(4)
        self.killed = 0

    def engine(self) -> Engine:
        return Engine(self.home, own_file(self.home.path))

    async def open(self) -> None:
        self.home.prepare()
        given = await self.box.start()
        self.home.config.write_text(CONFIG + self.box.settings())
        for name, (_, app) in self.box._twins.items():
            if name == "x":
                world = app[x.WORLD]
                world.token_life, world.posts_in_15_minutes = timedelta(seconds=15), PLENTY
                given["x/brand"]["secrets"] = x.add_token(app, x.HANDLE)
            elif hasattr(world := app[self.box._twins[name][0].WORLD], "token_life"):
                world.token_life = timedelta(seconds=15)
            if name == "instagram":
                world.quota = 2 * MOST[name]  # a publication that was killed on its way counts too
        async with self.engine() as engine:
            for name, account in given.items():
                await engine.connect(accounts.fresh(name, account["base_url"]), account["secrets"])
            now = engine.clock.now()
            for budget in ("posts-15min", "timeline-15min") if "x" in self.networks else ():
                # as the twin's: that its limits are kept is another test's; and 30 deaths bring many look-ups
                await engine.writer.run(
                    lambda tx, budget=budget: limits.change(tx, "x/brand", budget, PLENTY, now, actor="test")  # type: ignore[misc]
                )
            now, media = engine.clock.now(), (square(self.home.path),)
            for number in range(POSTS):
                text = f"Post {number} of {POSTS}"
                wanted = [
                    NewDelivery(
                        f"{name}/brand",
                        (Part(text, media if name in PICTURED else ()),),
                        now + timedelta(milliseconds=20 * number),
                        "UTC",
                        "",
                        f"{name}-{number}",
                    )
                    for name in self.networks
                    if number < MOST.get(name, POSTS)
                ]
                await engine.writer.run(lambda tx, wanted=wanted: posts.plan(tx, wanted, now, source="test"))  # type: ignore[misc]

    def listed(self) -> list[Listed]:
        reader = connect(self.home.database, readonly=True)
        found = listed(reader)
        reader.close()
        return found

    @asynccontextmanager
    async def trouble(self) -> AsyncIterator[None]:
        """Whatever may go wrong does, all the time."""

        async def go_on() -> None:
            while True:
                network = self.random.choice(self.networks)
                fault: Any = self.random.choice(KINDS)
                self.faults[:] = [item for item in self.faults if item.times][-3:]
                if network == "facebook" and fault == "throttle":
                    continue  # which puts everything off for five minutes
                self.faults.append(Fault(path=PATHS.get(network, ""), fault=fault, provider=network))
                await asyncio.sleep(self.random.uniform(0.05, 0.3))

        task = asyncio.create_task(go_on())
        try:
            yield
        finally:
            task.cancel()
            self.faults.clear()

    async def work(self, seconds: float | None) -> None:
        """Work in a process of its own, which is killed after so many seconds."""
        command = (sys.executable, "-m", "automator", "run-due", "--home", str(self.home.path), "--wait", "100")
        worker = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.DEVNULL)
        try:
            await asyncio.wait_for(worker.wait(), seconds)
        except TimeoutError:
            worker.send_signal(signal.SIGKILL)
            self.killed += 1
            await worker.wait()

    async def settle(self) -> int:
        """A person looks at what can't be known, and says what they see."""
        doubtful = [post for post in self.listed() if post.state == "unconfirmed"]
        assert {post.account.partition("/")[0] for post in doubtful} <= IN_DOUBT
        async with self.engine() as engine:
            for post in doubtful:
                await self._answer(engine, post)
        return len(doubtful) + await self.reconnect()

    async def reconnect(self) -> int:
        """A person signs in anew where a token that works once was lost on its way, and has what failed tried again."""
        failed = [post for post in self.listed() if post.state == "failed"]
        assert all(post.account == "x/brand" and "connect it again" in post.reason for post in failed)
        if failed:
            async with self.engine() as engine:
                await engine.rotate("x/brand", x.add_token(self.box._twins["x"][1], x.HANDLE))
                for post in failed:
                    put = partial(posts.retry, delivery=post.id, now=engine.clock.now(), actor="test")
                    assert await engine.writer.run(put)
        return len(failed)

    async def _answer(self, engine: Engine, post: Listed) -> None:
        world, now = self.box.world()[post.account.partition("/")[0]], engine.clock.now()
        shown = [seen for seen in world if seen["text"] == post.texts[0]]
        result = engine.session(post.account, {})[1].read_link(str(shown[0]["id"])) if shown else None
        if result is not None:
            put = partial(posts.resolve_there, delivery=post.id, result=result, now=now, actor="test")
        else:
            put = partial(posts.resolve_send_again, delivery=post.id, now=now, actor="test")
        assert await engine.writer.run(put)


@pytest.mark.long
async def test_two_hundred_posts_on_a_bad_day_are_out_once_each(tmp_path: Path) -> None:
    """Over four networks, with a kill -9 every second, every post is published wherever it was to be, and none twice."""
    desk = Desk(tmp_path, providers())
    assert desk.networks == ("bluesky", "facebook", "instagram", "x")
    await desk.open()
    try:
        async with asyncio.timeout(PATIENCE):
            async with desk.trouble():
                while any(post.state in OPEN_STATES for post in desk.listed()) and desk.killed < 30:
                    await desk.work(1.0)
            await desk.work(None)
            asked = 0
            while doubtful := await desk.settle():
                asked += doubtful
                await desk.work(None)
    finally:
        await desk.box.stop()
    states = Counter((post.account, post.state) for post in desk.listed())
    assert states == {(f"{name}/brand", "done"): MOST.get(name, POSTS) for name in desk.networks}, states
    for name in desk.networks:
        shown = Counter(post["text"] for post in desk.box.world()[name])
        assert shown == {f"Post {number} of {POSTS}": 1 for number in range(MOST.get(name, POSTS))}
    assert sum(states.values()) == 3 * POSTS + MOST["instagram"]
    assert desk.killed >= 5
    reader = connect(desk.home.database, readonly=True)
    assert isinstance(verify(reader), int)
    renewed = reader.execute("SELECT count(*) FROM entry WHERE operation LIKE '%.refresh' AND kind = 'call'").fetchone()
    reader.close()
    assert renewed[0] > 0
