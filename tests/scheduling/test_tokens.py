"""Tokens are renewed before a post needs them; a key that is dead is told of before it stops one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from automator import accounts, tokens, upkeep
from automator.accounts import Stored, Token
from automator.clock import micros
from automator.engine import Engine
from automator.health import health
from automator.home import Home
from automator.notices import mark_seen, unread
from automator.posting import posts
from automator.posting.posts import NewDelivery, listed
from automator.sandbox.faults import Fault, Handler
from automator.vault.choose import own_file
from automator.vault.store import VaultError
from connectors.network import Identity, Rejected
from connectors.post import Part
from connectors.x import twin as x
from connectors.x.connector import Connector as X
from connectors.x.oauth import TOKEN
from tests.clocks import START, StillClock
from tests.scheduling.provider import Provider

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("life", "left", "post", "renewed"),
    [
        (2 * HOUR, 31 * HOUR / 60, 0 * HOUR, False),
        (2 * HOUR, 30 * HOUR / 60, 0 * HOUR, True),
        (2 * HOUR, 10 * HOUR / 60, HOUR / 4, True),
        (2 * HOUR, 10 * HOUR / 60, HOUR / 2, False),
        (2 * HOUR, 10 * HOUR / 60, None, False),
        (2 * HOUR, -5 * DAY, HOUR / 60, True),
        (2 * HOUR, -5 * DAY, None, False),
        (60 * DAY, 7 * DAY + HOUR, 0 * HOUR, False),
        (60 * DAY, 7 * DAY, None, True),
        (60 * DAY, -1 * DAY, None, True),
        (4 * DAY, DAY, None, True),
        (4 * DAY, DAY + HOUR, None, False),
    ],
)
def test_when_a_token_is_renewed(life: timedelta, left: timedelta, post: timedelta | None, renewed: bool) -> None:
    """In its last quarter, a week at most; one that works for hours only if a post is near."""
    token = Token(START + left - life, START + left)
    assert tokens.due(token, None if post is None else START + post, START) is renewed


def test_a_token_that_is_not_said_to_end_is_left_alone() -> None:
    """Page tokens and OAuth 1.0a keys."""
    assert not tokens.due(None, START, START)


class Desk:
    """An engine with X by OAuth 2.0, in the time that the test makes."""

    name = "x/brand"

    def __init__(self, engine: Engine, clock: StillClock, there: Provider) -> None:
        self.engine, self.clock, self.there = engine, clock, there
        self.world = there.app[x.WORLD]

    @property
    def stored(self) -> Stored:
        return accounts.load(self.engine.reader, self.name)

    async def plan(self, after: timedelta) -> None:
        wanted = NewDelivery(self.name, (Part("Hello"),), self.clock.at + after, "UTC", "", "one")
        await self.engine.writer.run(lambda tx: posts.plan(tx, [wanted], self.clock.at, source="test"))

    def calls(self) -> list[str]:
        rows = self.engine.reader.execute("SELECT operation FROM entry WHERE kind = 'call' ORDER BY seq")
        return [row[0] for row in rows]

    def told(self) -> list[tuple[object, str]]:
        return [(item["kind"], str(item["text"])) for item in unread(self.engine.reader)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock = StillClock()
    there = Provider("x", clock)
    await there.open()
    x.add_account(there.app, "brand")
    home = Home(tmp_path / "home")
    home.prepare()
    store = own_file(home.path)
    async with Engine(home, store, clock=clock) as engine:
        await engine.connect(accounts.fresh(Desk.name, there.url), x.add_token(there.app, "brand"))
        made = Desk(engine, clock, there)
        session, _ = engine.session(Desk.name, {})
        await session.renew(1)
        yield made
    await there.close()


async def test_the_end_of_a_token_is_known_from_its_answer(desk: Desk) -> None:
    """It is noted in the transaction that puts the token in force."""
    assert desk.stored.token == Token(START, START + 2 * HOUR)
    assert desk.stored.version == 2


async def test_a_token_is_renewed_before_its_post(desk: Desk) -> None:
    """The post finds a token that works; without a post near, none is renewed."""
    await desk.plan(3 * HOUR)
    desk.clock.at += 2 * HOUR + HOUR / 2
    await tokens.look_after(desk.engine)
    assert desk.stored.version == 2
    desk.clock.at += HOUR / 4
    for _ in range(2):
        await tokens.look_after(desk.engine)
    assert (desk.stored.version, desk.stored.token) == (3, Token(desk.clock.at, desk.clock.at + 2 * HOUR))
    before = len(desk.calls())
    await desk.engine.worker.run_due(desk.clock.at + HOUR)
    assert [post.state for post in listed(desk.engine.reader)] == ["done"]
    assert desk.calls()[before:] == ["x.post.create"]


@pytest.mark.parametrize("more", [{}, {"refresh_token": None}, {"refresh_token": ""}])
async def test_a_renewal_without_a_refresh_token_leaves_the_old_one(desk: Desk, more: dict[str, str | None]) -> None:
    """A provider that does not rotate it says nothing of it, or nothing sensible; without it nothing could be renewed."""
    held = desk.engine.keys.secrets(desk.stored)["oauth2_refresh_token"]
    answer = httpx.Response(200, json={"token_type": "bearer", "access_token": "fresh", **more})
    await desk.engine.keys.keep(desk.stored, X().harvest(TOKEN, answer))
    kept = desk.engine.keys.secrets(desk.stored)
    assert (kept["oauth2_access_token"], kept["oauth2_refresh_token"]) == ("fresh", held)


async def test_two_processes_renew_once(desk: Desk) -> None:
    """The second finds another version than the one it decided on."""
    session, _ = desk.engine.session(desk.name, {})
    for _ in range(2):
        await session.renew(2)
    assert desk.stored.version == 3


async def test_an_account_is_not_removed_while_its_token_is_renewed(desk: Desk) -> None:
    """The new token would come to a name that is somebody else's by then, or stay in the vault for good."""
    async with desk.engine.turns.renewal(desk.name):
        removal = asyncio.create_task(desk.engine.forget(desk.name))
        for _ in range(20):
            await asyncio.sleep(0)
        assert desk.stored.version == 2
        await desk.engine.keys.keep(desk.stored, {"oauth2_access_token": "fresh"})
    assert await removal == []
    assert accounts.everything(desk.engine.reader) == []
    assert [desk.engine.store.get(desk.name, version) for version in range(1, 5)] == [None] * 4


@pytest.mark.parametrize("answered", [True, False])
async def test_what_was_begun_for_an_account_is_not_gone_on_with_through_another_of_its_name(
    desk: Desk, answered: bool
) -> None:
    """A thread's rest would be somebody else's words; who removed the account is told of it, and so is who added one."""
    came, goes_on = asyncio.Event(), asyncio.Event()

    @web.middleware
    async def hold(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if request.method == "POST":
            came.set()
            await goes_on.wait()
        return answer

    desk.there.hold = hold
    wanted = NewDelivery(desk.name, (Part("One"), Part("Two")), desk.clock.at, "UTC", "", "one")
    await desk.engine.writer.run(lambda tx: posts.plan(tx, [wanted], desk.clock.at, source="test"))
    if not answered:
        desk.there.faults.append(Fault(path="/2/tweets", fault="drop-after"))
    working = asyncio.create_task(desk.engine.worker.run_due())
    await came.wait()
    (left,) = await desk.engine.forget(desk.name)
    goes_on.set()
    await working
    x.add_account(desk.there.app, "other")
    await desk.engine.connect(accounts.fresh(desk.name, desk.there.url), x.add_token(desk.there.app, "other"))
    desk.clock.at += HOUR
    await desk.engine.worker.run_due()
    (post,) = listed(desk.engine.reader)
    assert post.id == left
    assert [seen["text"] for seen in desk.there.world()] == ["One"]
    assert post.state == ("failed" if answered else "unconfirmed")
    assert [kind for kind, _ in desk.told()] == [post.state]


async def test_of_two_that_connect_under_one_name_the_first_has_it(desk: Desk) -> None:
    """The second's keys would stand in the vault under the first's name, and post as somebody else."""
    x.add_account(desk.there.app, "other")
    new = accounts.fresh("x/new", desk.there.url)
    given = [x.add_token(desk.there.app, handle) for handle in ("brand", "other")]
    ended = await asyncio.gather(*(desk.engine.connect(new, keys) for keys in given), return_exceptions=True)
    (refused,) = [one for one in ended if isinstance(one, Rejected)]
    assert "accounts rotate x/new" in refused.reason
    (identity,) = [one for one in ended if isinstance(one, Identity)]
    assert (await desk.engine.test("x/new")).id == identity.id


async def test_a_renewal_whose_answer_was_lost_tries_the_old_token_once_more(desk: Desk) -> None:
    """The provider has used it up: a person is told before the post is due, once, and nothing is tried for an hour."""
    await desk.plan(2 * HOUR)
    desk.clock.at += 2 * HOUR - HOUR / 6
    desk.there.faults.append(Fault(path="/2/oauth2/token", fault="drop-after"))
    before = len(desk.calls())
    for _ in range(2):
        await tokens.look_after(desk.engine)
    assert desk.calls()[before:] == ["x.token.refresh"] * 2
    ((kind, text),) = desk.told()
    assert kind == "reconnect"
    assert "accounts rotate x/brand" in text
    await desk.engine.rotate(desk.name, x.add_token(desk.there.app, "brand"))
    assert desk.told() == [], "connected again: there is nothing to tell"
    await desk.engine.worker.run_due(desk.clock.at + HOUR)
    assert [post["text"] for post in desk.there.world()] == ["Hello"]


async def test_no_token_is_asked_for_that_the_vault_would_not_take(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """X gives each refresh token out once: with the keyring locked, or the disk full, the account would be lost."""
    await desk.plan(2 * HOUR)
    desk.clock.at += 2 * HOUR - HOUR / 6
    before = len(desk.calls())

    def shut(*_: object) -> None:
        raise VaultError("the keyring could not be written; is it locked?")

    for lacks in ("ready", "put"):
        monkeypatch.setattr(desk.engine.store, lacks, shut)
    with pytest.raises(VaultError):
        await tokens.look_after(desk.engine)
    assert (desk.calls()[before:], desk.told()) == ([], [])
    assert "is it locked" in health(desk.engine).problems[0]
    monkeypatch.undo()
    await tokens.look_after(desk.engine)
    await desk.engine.worker.run_due(desk.clock.at + HOUR)
    assert [post["text"] for post in desk.there.world()] == ["Hello"]


async def test_a_token_is_in_force_where_the_one_before_it_can_not_be_taken_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keyring was locked just then: the call that needed it goes on, and what was left goes later."""
    session, _ = desk.engine.session(desk.name, {})

    def shut(*_: object) -> None:
        raise VaultError("the keyring could not be written; is it locked?")

    monkeypatch.setattr(desk.engine.store, "delete", shut)
    await session.renew(2)
    assert (await desk.engine.test(desk.name)).handle == "@brand"
    monkeypatch.undo()
    desk.clock.at += 2 * HOUR
    await desk.engine.keys.clear()
    assert [desk.engine.store.get(desk.name, version) is not None for version in (1, 2, 3)] == [False, True, True]


async def test_a_provider_in_trouble_says_nothing_against_a_token(desk: Desk) -> None:
    """It is tried again an hour later, and nobody is told."""
    await desk.plan(2 * HOUR)
    desk.clock.at += 2 * HOUR - HOUR / 6
    desk.there.faults.append(Fault(path="/2/oauth2/token", fault="drop-before", times=4))
    await tokens.look_after(desk.engine)
    assert (desk.told(), desk.stored.version) == ([], 2)
    desk.clock.at += HOUR
    await tokens.look_after(desk.engine)
    assert desk.stored.version == 3


async def test_a_key_is_tested_once_a_day_while_posts_are_planned(desk: Desk) -> None:
    """A key that was revoked is told of days before the post; without posts there is no call."""
    desk.clock.at += 2 * DAY
    await tokens.look_after(desk.engine)
    assert desk.calls().count("x.user.me") == 1
    await desk.plan(3 * DAY - HOUR)
    for _ in range(2):
        await tokens.look_after(desk.engine)
    assert desk.calls().count("x.user.me") == 3, "refused for its old token, and again with the new one"
    desk.world.tokens.clear()
    desk.world.refresh.clear()
    desk.clock.at += DAY
    for _ in range(2):
        await tokens.look_after(desk.engine)
    assert desk.calls().count("x.user.me") == 4
    assert [kind for kind, _ in desk.told()] == ["reconnect"]


async def test_a_key_that_a_person_must_renew_is_told_of_once_a_day(desk: Desk) -> None:
    """Also to those who have no service running; not again the same day, once it has been read."""
    who = Identity("7", "@brand", START + 5 * DAY)
    await desk.engine.writer.run(lambda tx: accounts.tested(tx, desk.name, who, START))
    for hours, told in ((0, ["expiring"]), (1, []), (23, ["expiring"])):
        desk.clock.at += hours * HOUR
        await upkeep.once(desk.engine)
        assert [kind for kind, _ in desk.told()] == told
        await desk.engine.writer.run(lambda tx: mark_seen(tx, unread(tx), micros(desk.clock.at)))


async def test_of_an_account_that_was_removed_no_new_key_is_asked_for(desk: Desk) -> None:
    """The command that the notice names would find no account."""
    session, _ = desk.engine.session(desk.name, {})
    desk.world.tokens.clear()
    desk.world.refresh.clear()
    with pytest.raises(Rejected):
        await session.renew(2)
    assert [kind for kind, _ in desk.told()] == ["reconnect"]
    await desk.engine.forget(desk.name)
    assert desk.told() == []


async def test_whoever_calls_us_now_and_then_has_tokens_renewed_too(desk: Desk) -> None:
    """`automator run-due` does what can't wait."""
    await desk.plan(2 * HOUR)
    desk.clock.at += 2 * HOUR - HOUR / 6
    await upkeep.once(desk.engine)
    assert desk.stored.version == 3


async def test_what_a_process_left_in_the_vault_is_put_in_force(desk: Desk) -> None:
    """It died between the vault and the database: the token before is spent, the one after is not lost."""
    keys = dict(desk.engine.keys.secrets(desk.stored))
    desk.engine.store.put(desk.name, 3, keys | x.add_token(desk.there.app, "brand"))
    desk.world.tokens.pop(keys["oauth2_access_token"])
    desk.world.refresh.pop(keys["oauth2_refresh_token"])
    assert (await desk.engine.test(desk.name)).handle == "@brand"
    assert (desk.stored.version, desk.told()) == (3, [])
