"""What was staged on a page for a post that was never shown is deleted after a day, and nothing else ever is."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from automator import accounts, upkeep
from automator.engine import Engine
from automator.posting import posts, tidy
from automator.posting.posts import Change, NewDelivery, listed
from automator.sandbox.faults import Fault
from connectors.base import Scope
from connectors.facebook import operations as ops
from connectors.facebook import staged
from connectors.post import Form, Media, Part
from connectors.staging import Left, Sent, words
from jobs.posting.media import inspect
from tests.clocks import StillClock
from tests.scheduling.opened import opened
from tests.scheduling.provider import Provider

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BLOCK = 10 * MINUTE  #: after a refusal for a limit
NAME = "facebook/brand"


class Desk:
    """An engine with a page on the twin, in the time that the test makes."""

    def __init__(self, engine: Engine, there: Provider, clock: StillClock, folder: Path) -> None:
        self.engine, self.there, self.clock, self.folder = engine, there, clock, folder
        self.world: Any = there.app[there.module.WORLD]

    def picture(self, number: int) -> Media:
        path = self.folder / f"{number}.png"
        Image.new("RGB", (40 + number, 40)).save(path)
        return inspect(path, "A picture")

    def film(self) -> Media:
        path, content = self.folder / "v.mp4", bytes(1000)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return Media(str(path), "video/mp4", 1000, digest, 1080, 1920, seconds=10, fps=30, codecs=("h264",))

    async def post(self, *parts: Part) -> str:
        wanted = NewDelivery(NAME, parts, self.clock.at, "UTC", "", f"{self.clock.at}")
        (delivery,) = await self.engine.writer.run(
            lambda tx: posts.plan(tx, [wanted], self.clock.at, source="test", late=9 * DAY)
        )
        await self.work()
        return str(delivery)

    async def held_up(self, *parts: Part, calls: int = 1) -> str:
        """A post that was staged, but not shown: that call is throttled."""
        self.there.faults.append(Fault(path="", method="POST", fault="throttle", skip=calls, times=9))
        delivery = await self.post(*parts)
        self.there.faults.clear()
        assert self.state(delivery) == "waiting"
        return delivery

    async def work(self) -> None:
        await self.engine.worker.run_due(self.clock.at + MINUTE)

    async def cancel(self, delivery: str) -> None:
        assert await self.engine.writer.run(lambda tx: posts.cancel(tx, delivery, self.clock.at, actor="test"))

    def state(self, delivery: str) -> str:
        (found,) = listed(self.engine.reader, delivery=delivery)
        return found.state

    async def tidied(self, after: timedelta = DAY + MINUTE) -> int:
        """Tidy up after a while; returns how many deletions that took."""
        self.clock.at += after
        before = self.deletions()
        await tidy.tidy(self.engine)
        return self.deletions() - before

    def deletions(self) -> int:
        query = "SELECT count(*) FROM entry WHERE operation = ?"
        return int(self.engine.reader.execute(query, (ops.DISCARD.name,)).fetchone()[0])

    def there_is(self) -> tuple[int, int, int]:
        return len(self.world.posts), len(self.world.photos), len(self.world.videos)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    clock = StillClock()
    async with opened("facebook", tmp_path, clock, monkeypatch) as (engine, there):
        yield Desk(engine, there, clock, tmp_path)


async def test_a_cancelled_post_leaves_nothing_on_the_page(desk: Desk) -> None:
    """The post that nobody saw and its pictures go after a day, each a call on the record; once is enough."""
    await desk.cancel(await desk.held_up(Part("Never", (desk.picture(1), desk.picture(2))), calls=3))
    assert desk.there_is() == (1, 2, 0)
    assert await desk.tidied(DAY - MINUTE) == 0
    assert await desk.tidied(DAY) == 3
    assert desk.there_is() == (0, 0, 0)
    assert await desk.tidied() == 0


async def test_an_account_at_an_exchange_has_nothing_to_tidy_up(desk: Desk) -> None:
    """And the others of the same installation are tidied up all the same."""
    new = accounts.fresh("binance/main", "http://127.0.0.1:1", (Scope.READ, Scope.TRADE))
    await desk.engine.writer.run(lambda tx: accounts.add(tx, new, desk.clock.at, actor="test"))
    await desk.cancel(await desk.held_up(Part("Never", (desk.picture(1),)), calls=2))
    assert await desk.tidied() == 2


async def test_a_cancelled_video_leaves_nothing_on_the_page(desk: Desk) -> None:
    """It lies in the page's library until then."""
    desk.world.video_time = timedelta(hours=1)
    delivery = await desk.post(Part("Never", (desk.film(),)))
    assert desk.state(delivery) == "waiting"
    await desk.cancel(delivery)
    assert desk.there_is() == (0, 0, 1)
    assert await desk.tidied() == 1
    assert desk.there_is() == (0, 0, 0)


async def test_what_is_published_stays(desk: Desk) -> None:
    """With its pictures, its comment's picture, reels and stories, however often it is tidied up."""
    await desk.post(Part("Seen", (desk.picture(1),)), Part("More", (desk.picture(2),), Form.COMMENT))
    desk.clock.at += MINUTE
    await desk.post(Part("Reel", (desk.film(),), Form.REEL))
    desk.clock.at += MINUTE
    await desk.post(Part("", (desk.picture(3),), Form.STORY))
    before = desk.there_is()
    assert before == (1, 3, 1)
    for _ in range(3):
        assert await desk.tidied() == 0
    assert desk.there_is() == before


async def test_what_still_waits_stays_and_goes_out(desk: Desk) -> None:
    """However long the page is throttled."""
    delivery = await desk.held_up(Part("Later"))
    assert await desk.tidied(3 * DAY) == 0
    await desk.work()
    assert desk.state(delivery) == "done"
    assert [post["text"] for post in desk.there.world()] == ["Later"]


async def test_an_edited_post_leaves_only_its_new_text(desk: Desk) -> None:
    """What was staged of the old one is nobody's any more."""
    delivery = await desk.held_up(Part("Old words"))
    change = Change(parts=(Part("New words"),))
    assert await desk.engine.writer.run(lambda tx: posts.edit(tx, delivery, change, desk.clock.at, actor="test"))
    desk.clock.at += BLOCK
    await desk.work()
    assert len(desk.world.posts) == 2
    assert await desk.tidied() == 1
    assert [post["message"] for post in desk.world.posts.values()] == ["New words"]


async def test_a_post_that_is_tried_again_after_that_is_staged_anew(desk: Desk) -> None:
    """It does not go on with what is gone."""
    delivery = await desk.held_up(Part("After all", (desk.picture(1),)), calls=2)
    await desk.cancel(delivery)
    assert await desk.tidied() == 2
    assert await desk.engine.writer.run(lambda tx: posts.retry(tx, delivery, desk.clock.at, actor="test"))
    await desk.work()
    assert desk.state(delivery) == "done"
    assert [post["text"] for post in desk.there.world()] == ["After all"]


async def test_a_post_that_somebody_else_showed_stays(desk: Desk) -> None:
    """Facebook is asked before anything is deleted; its pictures stay with it."""
    await desk.cancel(await desk.held_up(Part("By hand", (desk.picture(1),)), calls=2))
    (post,) = desk.world.posts.values()
    post["is_published"] = True
    assert await desk.tidied() == 0
    assert desk.there_is() == (1, 1, 0)


async def test_an_account_that_may_not_delete_leaves_it(desk: Desk) -> None:
    """No call is made, not even to look."""
    await desk.cancel(await desk.held_up(Part("Never")))
    scopes = {Scope.READ, Scope.WRITE}
    await desk.engine.writer.run(lambda tx: accounts.change(tx, NAME, desk.clock.at, scopes=scopes, actor="test"))
    assert await desk.tidied() == 0
    assert desk.there_is() == (1, 0, 0)


async def test_where_the_record_does_not_tell_nothing_is_deleted(desk: Desk) -> None:
    """Bodies that were pruned, and a backup that was put back."""
    await desk.cancel(await desk.held_up(Part("One")))
    desk.clock.at += BLOCK
    other = await desk.held_up(Part("Two"))
    await desk.cancel(other)
    await desk.engine.writer.run(lambda tx: posts.hold(tx, other, "restored", 0))
    await desk.engine.writer.run(lambda tx: tx.execute("UPDATE entry SET body = NULL"))
    assert await desk.tidied() == 0
    assert desk.there_is() == (2, 0, 0)


async def test_what_could_not_be_deleted_is_tried_again_the_next_day(desk: Desk) -> None:
    """Whoever calls us now and then has it done too."""
    await desk.cancel(await desk.held_up(Part("One")))
    desk.clock.at += BLOCK
    await desk.cancel(await desk.held_up(Part("Two")))
    desk.there.faults.append(Fault(path="", method="DELETE", fault="throttle", times=1))
    await desk.tidied()
    assert desk.there_is() == (2, 0, 0)
    desk.there.faults.clear()
    desk.clock.at += DAY
    await upkeep.once(desk.engine)
    assert desk.there_is() == (0, 0, 0)


POST, PHOTO, FILM = "1_10", "20", "30"


def sent(operation: Any, node: str = "page/feed", outcome: str = "ok", **more: Any) -> Sent:
    return Sent(operation.name, f"/v26.0/{node}", more.get("asked", {}), outcome, more.get("answer", {}))


MADE = [
    sent(ops.PHOTO, "1/photos", answer={"id": PHOTO}),
    sent(ops.STAGE, asked={"attached_media": [{"media_fbid": PHOTO}]}, answer={"id": POST}),
    sent(ops.START, "1/videos", answer={"video_id": FILM}),
]


@pytest.mark.parametrize(
    ("then", "ids"),
    [
        ([], [POST, FILM, PHOTO]),
        ([sent(ops.PUBLISH, POST)], [FILM]),
        ([sent(ops.PUBLISH, POST, "unknown")], [FILM]),
        ([sent(ops.PUBLISH, POST, "open")], [FILM]),
        ([sent(ops.PUBLISH, POST, "rejected")], [POST, FILM, PHOTO]),
        ([sent(ops.PUBLISH, POST, "later"), sent(ops.PUBLISH, POST, "unsent")], [POST, FILM, PHOTO]),
        ([sent(ops.VIDEO, FILM)], [POST, PHOTO]),
        ([sent(ops.REEL, "1/video_reels", asked={"video_id": FILM})], [POST, PHOTO]),
        ([sent(ops.STORY, "1/photo_stories", "open", asked={"photo_id": PHOTO})], [POST, FILM]),
        ([sent(ops.COMMENT, "9/comments", asked={"attachment_id": PHOTO})], [POST, FILM]),
        ([sent(ops.CREATE, asked={"attached_media": [{"media_fbid": PHOTO}]})], [POST, FILM]),
        ([sent(ops.CREATE, asked=None)], []),
        ([sent(ops.STAGE, asked=None, answer={"id": "1_11"})], []),
        ([sent(ops.PHOTO, "1/photos", answer={"id": 21})], [POST, FILM, PHOTO, "21"]),
        ([sent(ops.DISCARD, POST)], [FILM, PHOTO]),
        ([sent(ops.DISCARD, POST, "unknown")], [POST, FILM, PHOTO]),
    ],
)
def test_what_is_left_over_follows_from_what_was_sent(then: list[Sent], ids: list[str]) -> None:
    """Whatever may have been shown stays, and so does what it has; posts go before their pictures."""
    assert [one.id for one in staged.left([*MADE, *then], ())] == ids
    assert staged.left(MADE, {POST}) == [Left(FILM, "video")]


JSON = st.recursive(
    st.text(max_size=4) | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(st.lists(JSON, max_size=4), st.text(max_size=4))
def test_every_text_is_found_wherever_it_stands(said: list[Any], name: str) -> None:
    """So that an id in any plan is seen."""
    assert words({"a": [said, {"b": name}]}) == words(said) | {name}
