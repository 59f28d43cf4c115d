"""A network that refuses what it has already: a post that may be out is not called failed for that."""

from __future__ import annotations

from datetime import timedelta

from automator.intentions import load
from automator.ledger.prune import Retention, find
from automator.posting import posts
from automator.posting.posts import Listed, NewDelivery, listed
from automator.sandbox.faults import Fault
from connectors.post import Part
from connectors.x import twin as x
from tests.scheduling.desk import Desk, on_x

CREATE = "/2/tweets"
HIDDEN = timedelta(days=2)


async def lost(desk: Desk, *texts: str) -> Listed:
    """A post that went out, of which X shows nothing for two days and its answer never came."""
    desk.app[x.WORLD].visible_after = HIDDEN
    desk.faults.append(Fault(path=CREATE, fault="drop-after"))
    await desk.plan(*texts)
    post = await desk.work()
    assert post.state == "unconfirmed"
    return post


async def send_again(desk: Desk, post: Listed) -> Listed:
    now = desk.clock.now()
    assert await desk.engine.writer.run(lambda tx: posts.resolve_send_again(tx, post.id, now, actor="user"))
    return await desk.work()


def show(desk: Desk) -> None:
    for post in desk.app[x.WORLD].posts.values():
        post["visible_at"] -= HIDDEN


@on_x
async def test_what_shows_up_after_all_is_not_sent_again(desk: Desk) -> None:
    """It is looked for once more, though a person says that it is not there, and the thread goes on from it."""
    post = await lost(desk, "One", "Two")
    show(desk)
    desk.app[x.WORLD].visible_after = timedelta()
    desk.faults.append(Fault(path=CREATE, fault="drop-before", skip=1))  # never reached: one call is left to be made
    post = await send_again(desk, post)
    assert (post.state, desk.world()) == ("done", ["One", "Two"])
    assert post.results[0] == {"id": x.posts(desk.app)[0]["id"]}


@on_x
async def test_what_x_refuses_as_a_duplicate_of_a_lost_post_is_not_failed(desk: Desk) -> None:
    """X says that it has it and does not show it: a person says where it is, and the thread goes on from it."""
    post = await send_again(desk, await lost(desk, "One", "Two"))
    assert post.state == "unconfirmed"
    assert "duplicate" in post.reason
    assert f"posts resolve {post.id[:8]} --there" in post.reason
    seen, now = {"id": x.posts(desk.app)[0]["id"]}, desk.clock.now()
    assert await desk.engine.writer.run(lambda tx: posts.resolve_there(tx, post.id, seen, now, actor="user"))
    post = await desk.work()
    assert (post.state, desk.world()) == ("done", ["One", "Two"])


@on_x
async def test_a_second_look_finds_what_was_refused_as_a_duplicate(desk: Desk) -> None:
    """Sent again a second time, after X has begun to show it, it is found."""
    post = await send_again(desk, await lost(desk, "One", "Two"))
    show(desk)
    desk.app[x.WORLD].visible_after = timedelta()
    post = await send_again(desk, post)
    assert (post.state, desk.world()) == ("done", ["One", "Two"])


@on_x
async def test_a_process_that_dies_at_the_refusal_leaves_it_to_be_looked_into(desk: Desk) -> None:
    """The refusal is on the record, and the next worker knows as well that an earlier attempt may be out."""
    post = await lost(desk, "One")
    now = desk.clock.now()
    assert await desk.engine.writer.run(lambda tx: posts.resolve_send_again(tx, post.id, now, actor="user"))
    key = f"{post.id}/0/1"
    said = '{"reason":"X refused it as a duplicate of a recent post of this account","twice":true}'
    stored = load(desk.engine.reader, f"{post.id}/0/0")
    assert stored is not None
    insert = "INSERT INTO intention (key, account, operation, plan, state, attempt, result) VALUES (?,?,?,?,?,1,?)"
    row = (key, desk.name, "x.post.create", "{}", "refused", said)
    await desk.engine.writer.run(lambda tx: tx.execute(insert, row))
    assert (await desk.work()).state == "unconfirmed"


@on_x
async def test_a_duplicate_of_another_post_is_failed_as_before(desk: Desk) -> None:
    """Nothing of this one had left before, so nobody has to look for it."""
    await desk.plan("Same")
    await desk.work()
    now = desk.clock.now()
    second = NewDelivery(desk.name, (Part("Same"),), now, "UTC", "", "second")
    (delivery,) = await desk.engine.writer.run(lambda tx: posts.plan(tx, [second], now, source="test"))
    await desk.work()
    (post,) = listed(desk.engine.reader, delivery=delivery)
    assert (post.state, "duplicate" in post.reason) == ("failed", True)
    now = desk.clock.now()
    assert await desk.engine.writer.run(lambda tx: posts.retry(tx, delivery, now, actor="user"))
    await desk.work()
    (post,) = listed(desk.engine.reader, delivery=delivery)
    assert post.state == "failed"


@on_x
async def test_what_is_sent_again_by_itself_and_refused_is_not_failed_either(desk: Desk) -> None:
    """An account that opted in to sending again: the refusal says that the first one had arrived."""
    await desk.engine.writer.run(
        lambda tx: tx.execute("UPDATE account SET send_again = 1 WHERE name = ?", (desk.name,))
    )
    desk.app[x.WORLD].visible_after = HIDDEN
    desk.faults.append(Fault(path=CREATE, fault="drop-after"))
    await desk.plan("One")
    post = await desk.work()
    assert (post.state, desk.world()) == ("unconfirmed", ["One"])
    show(desk)
    assert (await send_again(desk, post)).state == "done"
    assert desk.world() == ["One"]


@on_x
async def test_what_was_sent_again_keeps_no_old_entry_of_the_ledger(desk: Desk) -> None:
    """Nobody will ask about the first try any more; one that still waits for a person keeps its call and all after it."""
    post = await lost(desk, "One")
    later = desk.clock.now() + timedelta(days=400)
    assert find(desk.engine.reader, Retention(row_days=30, body_days=30, max_mb=0), later).entries < _call(desk, post)
    show(desk)
    assert (await send_again(desk, post)).state == "done"
    assert find(desk.engine.reader, Retention(row_days=30, body_days=30, max_mb=0), later).entries > _call(desk, post)


def _call(desk: Desk, post: Listed) -> int:
    (call,) = desk.engine.reader.execute("SELECT call FROM intention WHERE key = ?", (f"{post.id}/0/0",)).fetchone()
    return int(call)
