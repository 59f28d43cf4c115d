"""A post with its comment, delivered by the worker; then changed where it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automator import accounts, tokens
from automator.clock import micros
from automator.intentions import load
from automator.notices import mark_seen, unread
from automator.posting import posts
from automator.posting.amend import amend
from automator.posting.posts import Listed, NewDelivery, listed
from connectors.base import Kind, Scope, outcome_of
from connectors.facebook import operations as ops
from connectors.network import Rejected
from connectors.post import Form, Part
from tests.connectors.facebook.conftest import ACCOUNT, Place

PARTS = (Part("The post"), Part("The comment", form=Form.COMMENT))


async def delivered(place: Place, *parts: Part, identity: str = "identity") -> Listed:
    now = datetime.now(UTC)
    wanted = NewDelivery(ACCOUNT, parts, now, "UTC", "", identity)
    (delivery,) = await place.engine.writer.run(lambda tx: posts.plan(tx, [wanted], now, source="test"))
    await place.engine.worker.run_due(now + timedelta(seconds=20))
    (post,) = listed(place.engine.reader, delivery=delivery)
    return post


async def test_a_post_and_its_comment_go_out_and_are_changed_there(place: Place) -> None:
    """Only what differs is sent; the record says who changed what, and the post shows its new texts."""
    post = await delivered(place, *PARTS)
    assert post.state == "done"
    assert [item["text"] for item in place.seen()] == ["The post", "The comment"]
    other = (Part("The better post"), PARTS[1])
    assert await amend(place.engine, post, other) == 1
    assert [item["text"] for item in place.seen()] == ["The better post", "The comment"]
    (stands,) = listed(place.engine.reader)
    assert (stands.state, list(stands.texts), stands.results) == (
        "done",
        ["The better post", "The comment"],
        post.results,
    )
    assert await amend(place.engine, stands, (other[0], Part("A better comment", form=Form.COMMENT))) == 1
    assert [item["text"] for item in place.seen()] == ["The better post", "A better comment"]


async def test_a_page_that_stops_allowing_staging_gets_its_posts_in_one_step(place: Place, picture: Any) -> None:
    """The post goes out once, with its picture, and is read back like any that was made so."""
    place.world.staging = False
    post = await delivered(place, Part("In one step", (picture(),)))
    assert post.state == "done"
    assert [item["text"] for item in place.seen()] == ["In one step"]
    stored = load(place.engine.reader, f"{post.id}/0/0")
    assert stored is not None
    assert place.network.publishing(stored.plan) is ops.CREATE
    assert await place.network.find(place.session, stored.plan) == post.results[0]


async def test_a_post_that_facebook_refuses_for_what_it_says_is_not_tried_in_one_step(place: Place) -> None:
    """A second call would be refused too, and calling on lengthens a block."""
    await delivered(place, Part("Same"), identity="one")
    post = await delivered(place, Part("Same"), identity="two")
    assert (post.state, "duplicate" in post.reason) == ("failed", True)
    made = place.engine.reader.execute("SELECT count(*) FROM intention WHERE operation = ?", (ops.CREATE.name,))
    assert made.fetchone() == (0,)


async def test_what_is_sent_again_after_a_restore_and_was_out_is_not_called_failed(place: Place) -> None:
    """Facebook refuses it as what the page has: the one that it has is probably this, so a person is asked again."""
    post = await delivered(place, *PARTS)
    now = datetime.now(UTC)

    def forget(tx: Any) -> None:
        tx.execute("DELETE FROM intention")
        tx.execute("UPDATE run SET state = 'scheduled'")
        posts.hold(tx, post.id, "a backup was restored", micros(now))
        posts.resolve_send_again(tx, post.id, now, actor="user")

    await place.engine.writer.run(forget)
    await place.engine.worker.run_due(now + timedelta(seconds=20))
    (stands,) = listed(place.engine.reader)
    assert (stands.state, "duplicate" in stands.reason) == ("unconfirmed", True)
    seen = post.results[0]
    assert await place.engine.writer.run(lambda tx: posts.resolve_there(tx, post.id, dict(seen), now, actor="user"))
    await place.engine.worker.run_due(now + timedelta(seconds=20))
    assert len(place.seen()) == 3  # nobody said anything of the comment but that it be sent again


async def test_what_is_staged_and_may_not_be_shown_says_what_to_choose(place: Place) -> None:
    """It is made anew in one step then."""
    plan = await place.plan(Part("Staged"))
    place.world.posts[plan["path"]]["app"] = "another"
    outcome = outcome_of(await place.send("one", plan))
    assert outcome.kind is Kind.REJECTED
    assert "--option publishing=direct" in outcome.reason


async def test_what_is_published_keeps_its_parts(place: Place) -> None:
    """A part can't be added to what is out; and what Facebook refuses stays as it was, here too."""
    post = await delivered(place, PARTS[0])
    with pytest.raises(Rejected, match="not how many there are"):
        await amend(place.engine, post, PARTS)
    place.world.posts[post.results[0]["id"]]["app"] = "another"
    with pytest.raises(Rejected, match="no right"):
        await amend(place.engine, post, (Part("Other"),))
    (stands,) = listed(place.engine.reader)
    assert list(stands.texts) == ["The post"]


async def test_a_throttled_page_is_left_alone_until_facebook_says(place: Place) -> None:
    """No call is made before the block ends, since it would be lengthened; then the post goes out."""
    place.world.throttled = 32
    said = {"1": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 30}]}
    place.world.usage["x-business-use-case-usage"] = said
    post = await delivered(place, Part("Later"))
    assert post.state == "waiting"
    place.world.throttled = 0
    place.world.usage.clear()
    before = place.engine.reader.execute("SELECT count(*) FROM entry WHERE kind = 'call'").fetchone()
    with pytest.raises(Exception, match="not before"):
        await place.network.test(place.session)
    assert place.engine.reader.execute("SELECT count(*) FROM entry WHERE kind = 'call'").fetchone() == before
    ready = place.engine.reader.execute("SELECT ready_at FROM run").fetchone()[0] / 1e6
    assert 1_700 < ready - datetime.now(UTC).timestamp() < 1_900


async def test_an_account_that_may_only_read_publishes_nothing(place: Place) -> None:
    """The refusal is a sentence, and not even a staged post is made."""
    now: Any = datetime.now(UTC)
    await place.engine.writer.run(lambda tx: accounts.change(tx, ACCOUNT, now, scopes=[Scope.READ], actor="test"))
    post = await delivered(place, Part("Never"))
    assert post.state == "failed"
    assert "not allowed to write" in post.reason
    assert place.world.posts == {}


async def test_a_right_that_was_taken_back_is_told_before_a_post_needs_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the daily test of the key of an account with posts: once while it lasts, and again if it comes back."""
    monkeypatch.setattr(tokens, "TESTED", timedelta())
    now = place.engine.clock.now()
    wanted = NewDelivery(ACCOUNT, (Part("Tomorrow"),), now + timedelta(days=1), "UTC", "", "one")
    await place.engine.writer.run(lambda tx: posts.plan(tx, [wanted], now, source="test"))
    held = place.world.tokens[place.keys["page_token"]]
    every, less = held.scopes, tuple(name for name in held.scopes if name != "pages_manage_engagement")
    for scopes, told in ((every, False), (less, True), (every, False), (less, True)):
        held.scopes = scopes
        await tokens.look_after(place.engine)
        said = [(item["kind"], item["account"], item["text"]) for item in unread(place.engine.reader)]
        words = f"{ACCOUNT}: pages_manage_engagement was not allowed: first comments can't be written"
        assert said == ([("warning", ACCOUNT, words)] if told else [])
    await place.engine.writer.run(lambda tx: mark_seen(tx, unread(tx), micros(now)))
    await tokens.look_after(place.engine)
    assert unread(place.engine.reader) == []
