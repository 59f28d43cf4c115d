"""A post whose answer is lost is looked for by the provider's clock: found, once, however wrong this machine's is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from automator import accounts
from automator.engine import Engine
from automator.home import Home
from automator.posting import posts
from automator.posting.posts import Listed, NewDelivery, listed
from automator.sandbox.faults import Fault, Handler
from automator.vault.choose import own_file
from connectors.base import Scope
from connectors.post import Form, Part
from connectors.x import twin as x
from tests.clocks import StillClock
from tests.scheduling.provider import Provider
from tests.scheduling.test_meta_days import picture

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
WRONG = [-2 * HOUR, -5 * MINUTE, 5 * MINUTE, 2 * HOUR]
#: what is lost: the provider, the path that it is sent to, and how many parts come before
LOST = [("x", "/2/tweets", 0), ("facebook", "/feed", 0), ("facebook", "/comments", 1), ("instagram", "/comments", 1)]
everything = pytest.mark.parametrize(("name", "path", "before"), LOST)


class Theirs(StillClock):
    """A provider's clock, which is right; by how much ours is ahead of it changes when that is set."""

    def __init__(self, ours: StillClock, wrong: timedelta = timedelta()) -> None:
        super().__init__()
        self.ours, self.off = ours, wrong

    def now(self) -> datetime:
        return self.ours.at - self.ours.wrong - self.off


class Account:
    """One at a provider, and an engine that posts there."""

    def __init__(self, engine: Engine, there: Provider, clock: StillClock, first: tuple[Part, ...]) -> None:
        self.engine, self.there, self.clock, self.first = engine, there, clock, first

    async def post(self, text: str, path: str, before: int, fault: str, *, skip: int = 0) -> Listed:
        kind = Form.COMMENT if before else Form.POST
        parts = (*self.first[:before], Part(text, (), kind))
        wanted = NewDelivery(self.engine_account, parts, self.clock.at, "UTC", "", text)
        self.there.faults.append(Fault(method="POST", path=path, fault=fault, skip=skip))
        await self.engine.writer.run(lambda tx: posts.plan(tx, [wanted], self.clock.at, source="test"))
        return await self.work()

    @property
    def engine_account(self) -> str:
        return f"{self.there.name}/brand"

    async def work(self, time: timedelta = timedelta()) -> Listed:
        await self.engine.worker.run_due(self.clock.at + time)
        (post,) = listed(self.engine.reader)
        return post

    def pass_(self, time: timedelta) -> None:
        self.clock.at += time

    def shown(self, text: str) -> list[dict[str, Any]]:
        return [post for post in self.there.world() if post["text"] == text]

    def before_it_arrives(self, path: str, do: Callable[[str], None]) -> None:
        """Something happens at the provider while what is sent to ``path`` is on its way."""

        async def hold(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.method == "POST" and request.path.endswith(path):
                do(request.path.split("/")[-2])
            return await handler(request)

        self.there.hold = hold


@asynccontextmanager
async def account(folder: Path, name: str, wrong: timedelta = timedelta()) -> AsyncIterator[Account]:
    clock = StillClock()
    there = Provider(name, Theirs(clock, wrong))
    await there.open()
    home, shown = Home(folder / "home"), folder / "shown"
    home.prepare()
    shown.mkdir()
    files = web.Application()
    files.router.add_static("/", shown)
    served = web.AppRunner(files, access_log=None, shutdown_timeout=1)
    await served.setup()
    await web.TCPSite(served, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{served.addresses[0][1]}"
    media = f'[media]\nkind = "folder"\nfolder = "{shown}"\npublic_url = "{url}"\n'
    home.config.write_text(f'[vault]\nkind = "file"\n{media}')
    first = Part("First", (picture(folder, 0),) if name == "instagram" else ())
    try:
        async with Engine(home, own_file(home.path), clock=clock) as engine:
            chosen = {"publishing": "direct"} if name == "facebook" else {}
            keys = there.module.add_account(there.app, "brand")
            await engine.connect(accounts.fresh(f"{name}/brand", there.url, Scope, chosen=chosen), keys)
            yield Account(engine, there, clock, (first,))
    finally:
        await served.cleanup()
        await there.close()


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(x, "SKEW", 1e12)  # OAuth 1.0a is signed with the machine's real time
    return partial(account, tmp_path)


@everything
@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_out_is_found(at: Any, name: str, path: str, before: int, wrong: timedelta) -> None:
    """A clock that is ahead does not make what has just gone out look older than it is."""
    async with at(name, wrong) as here:
        await here.post("Once", path, before, "drop-after")
        post = await here.work(30 * MINUTE)
        (out,) = here.shown("Once")
        assert (post.state, post.results[-1]["id"]) == ("done", out["id"])


@everything
@pytest.mark.parametrize("by", WRONG)
async def test_what_is_out_is_found_though_the_clock_was_set_since(
    at: Any, name: str, path: str, before: int, by: timedelta
) -> None:
    """By which clock it left is no matter."""
    async with at(name) as here:
        await here.post("Once", path, before, "drop-after")
        here.clock.set(by)
        post = await here.work(30 * MINUTE)
        (out,) = here.shown("Once")
        assert (post.state, post.results[-1]["id"]) == ("done", out["id"])


@pytest.mark.parametrize("name", ["facebook", "instagram"])
@pytest.mark.parametrize("wrong", WRONG)
async def test_an_older_one_like_it_is_not_taken_for_it(at: Any, name: str, wrong: timedelta) -> None:
    """A clock that is behind does not make a comment of before look new: ours is missing, and a person is told."""
    async with at(name, wrong) as here:
        here.before_it_arrives("/comments", partial(_comment, here, "brand", 4 * MINUTE))
        await here.post("Once", "/comments", 1, "drop-before")
        assert (await here.work(30 * MINUTE)).state == "unconfirmed"


@pytest.mark.parametrize("name", ["facebook", "instagram"])
async def test_of_two_that_are_alike_the_one_that_was_just_sent_is_ours(at: Any, name: str) -> None:
    """A person wrote the same a minute before; who takes ours down must not take down theirs."""
    async with at(name) as here:
        here.before_it_arrives("/comments", partial(_comment, here, "brand", MINUTE))
        await here.post("Once", "/comments", 1, "drop-after")
        post = await here.work(30 * MINUTE)
        ours = next(one["id"] for one in here.shown("Once") if not one["id"].endswith("999"))
        assert (post.state, post.results[-1]["id"]) == ("done", ours)


@pytest.mark.parametrize("name", ["facebook", "instagram"])
async def test_another_of_ours_that_is_alike_does_not_hide_what_is_out(at: Any, name: str) -> None:
    """The same words twice under a post: the second is found beside the first, which is on our record."""
    async with at(name) as here:
        here.first = (*here.first, Part("Once", (), Form.COMMENT))
        here.before_it_arrives("/comments", lambda _: here.pass_(2 * SECOND))
        await here.post("Once", "/comments", 2, "drop-after", skip=1)
        post = await here.work(30 * MINUTE)
        assert post.state == "done"
        assert [result["id"] for result in post.results[1:]] == [one["id"] for one in here.shown("Once")]


async def test_a_strangers_comment_is_not_taken_for_ours(at: Any) -> None:
    """Others write the same words under a post, at the same moment; Instagram says who wrote which."""
    async with at("instagram") as here:
        here.before_it_arrives("/comments", partial(_comment, here, "stranger", timedelta()))
        await here.post("Once", "/comments", 1, "drop-before")
        assert (await here.work(30 * MINUTE)).state == "unconfirmed"


def _comment(here: Account, who: str, age: timedelta, under: str) -> None:
    """Somebody's, under a post, so old."""
    world, number = here.there.app[here.there.module.WORLD], "17800000000000999"
    when = world.now() - age
    stamp = when.strftime("%Y-%m-%dT%H:%M:%S+0000")
    known = {"id": number, "timestamp": stamp, "created_time": stamp, "at": when, "visible_at": when}
    if here.there.name == "instagram":
        world.comments[number] = known | {"media": under, "text": "Once", "username": who}
        return
    (page,) = world.pages
    name = {"id": page, "name": who}
    world.comments[number] = known | {"page": page, "under": under, "message": "Once", "from": name, "photos": []}
