"""A lost answer is settled by asking; what cannot be known is left to a person; nothing is sent twice."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from automator import halts
from automator.clock import micros
from automator.notices import mark_sent, unread
from automator.posting import posts
from automator.posting.posts import NewDelivery, listed
from automator.sandbox.faults import Fault
from connectors.bluesky import twin as bluesky
from connectors.bluesky.connector import Connector
from connectors.network import Staged, Wire
from connectors.post import Media, Part
from connectors.x import twin as x
from connectors.x.connector import Connector as XConnector
from tests.scheduling.desk import Desk, on_bluesky, on_x, picture

CREATE = "/2/tweets"
PUT = "putRecord"


@on_x
@pytest.mark.parametrize("fault", ["drop-after", "error-after", "html-after", "garbage-after"])
async def test_a_lost_answer_is_settled_by_looking(desk: Desk, fault: Any) -> None:
    """The post is there, so the thread goes on with its next part, and nothing was sent twice."""
    desk.faults.append(Fault(path=CREATE, fault=fault))
    await desk.plan("One", "Two")
    assert (await desk.work()).state == "done"
    assert desk.world() == ["One", "Two"]


@on_x
async def test_what_the_list_does_not_show_is_unconfirmed_until_a_person_looks(desk: Desk) -> None:
    """The post never arrived, but a list cannot prove that; a person says so, and only then it is sent again."""
    desk.faults.append(Fault(path=CREATE, fault="drop-before"))
    delivery = await desk.plan("One")
    post = await desk.work()
    assert post.state == "unconfirmed"
    assert desk.world() == []
    await desk.work()
    assert desk.world() == []
    now = desk.clock.now()
    assert await desk.engine.writer.run(lambda tx: posts.resolve_send_again(tx, delivery, now, actor="user"))
    assert (await desk.work()).state == "done"
    assert desk.world() == ["One"]


@on_x
async def test_what_nobody_wants_any_more_need_not_be_called_sent_nor_be_sent_again(desk: Desk) -> None:
    """An unconfirmed thread is given up: nothing more of it goes out, and a second thought begins where it stood."""
    desk.faults.append(Fault(path=CREATE, fault="drop-before"))
    delivery = await desk.plan("One", "Two")
    assert (await desk.work()).state == "unconfirmed"
    now = desk.clock.now()
    assert await desk.engine.writer.run(lambda tx: posts.cancel(tx, delivery, now, actor="user"))
    post = await desk.work()
    assert (post.state, desk.world()) == ("cancelled", [])
    assert not await desk.engine.writer.run(lambda tx: posts.resolve_send_again(tx, delivery, now, actor="user"))
    assert await desk.engine.writer.run(lambda tx: posts.retry(tx, delivery, now, actor="user"))
    assert (await desk.work()).state == "unconfirmed"
    assert desk.world() == []


@on_x
async def test_a_post_that_shows_up_too_late_is_never_doubled(desk: Desk) -> None:
    """The list lags for longer than we wait: unconfirmed, and the person who sees it says that it is there."""
    desk.app[x.WORLD].visible_after = timedelta(hours=5)
    desk.faults.append(Fault(path=CREATE, fault="drop-after"))
    delivery = await desk.plan("One", "Two")
    assert (await desk.work()).state == "unconfirmed"
    assert desk.world() == ["One"]
    seen = {"id": x.posts(desk.app)[0]["id"]}
    now = desk.clock.now()
    assert await desk.engine.writer.run(lambda tx: posts.resolve_there(tx, delivery, seen, now, actor="user"))
    assert (await desk.work()).state == "done"
    assert desk.world() == ["One", "Two"]


@on_x
async def test_another_post_of_ours_with_the_same_text_is_not_taken_for_the_lost_one(desk: Desk) -> None:
    """The second never arrived; that the first is there proves nothing about it."""
    await desk.plan("Same")
    await desk.work(minutes=0)
    desk.faults.append(Fault(path=CREATE, fault="drop-before"))
    now = desk.clock.now()
    second = NewDelivery(desk.name, (Part("Same"),), now, "UTC", "", "second")
    (delivery,) = await desk.engine.writer.run(lambda tx: posts.plan(tx, [second], now, source="test"))
    await desk.work()
    (post,) = listed(desk.engine.reader, delivery=delivery)
    assert post.state == "unconfirmed"
    assert desk.world() == ["Same"]


@on_bluesky
@pytest.mark.parametrize("fault", ["drop-before", "drop-after", "error-after", "html-after", "garbage-after"])
async def test_a_provider_with_our_own_keys_never_needs_a_person(desk: Desk, fault: Any) -> None:
    """The same record is put again under the same key: never twice, never unconfirmed."""
    desk.faults.extend([Fault(path=PUT, fault=fault, times=6), Fault(path=PUT, fault="throttle")])
    await desk.plan("One", "Two")
    assert (await desk.work()).state == "done"
    assert desk.world() == ["One", "Two"]


@on_bluesky
async def test_what_takes_the_provider_its_time_is_gone_on_with(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that works on what it was given holds no worker, and is not given it a second time."""
    given: list[dict[str, Any]] = []
    prepare = Connector.prepare

    async def in_three_steps(
        self: Connector, wire: Wire, part: Part, thread: Sequence[Mapping[str, Any]], so_far: Mapping[str, Any]
    ) -> dict[str, Any]:
        given.append(dict(so_far))
        if len(given) < 3:
            raise Staged({"step": len(given)}, wire.now() + timedelta(hours=2), "it is being worked on")
        return await prepare(self, wire, part, thread, so_far)

    monkeypatch.setattr(Connector, "prepare", in_three_steps)
    await desk.plan("One")
    assert (await desk.work(minutes=0)).reason == "it is being worked on"
    assert (await desk.work(minutes=300)).state == "done"
    assert given == [{}, {"step": 1}, {"step": 2}]
    assert desk.world() == ["One"]


def clip(folder: Path, size: int = 3_000_000) -> Media:
    """As much of a video as the twins look at."""
    path = folder / "v.mp4"
    path.write_bytes(b"\0\0\0\x10ftypisom" + bytes(size))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Media(str(path), "video/mp4", path.stat().st_size, digest, 640, 480, "A clip", seconds=9)


@on_x
@pytest.mark.parametrize(
    ("method", "path", "fault"),
    [
        ("POST", "/append", "drop-before"),
        ("POST", "/append", "error-after"),
        ("POST", "/finalize", "drop-after"),
        ("POST", "/finalize", "html-after"),
        ("GET", "/2/media/upload", "error-after"),
        ("POST", "/metadata", "drop-after"),
    ],
)
async def test_a_video_goes_out_once_whatever_happens_on_the_way(
    desk: Desk, method: str, path: str, fault: Any
) -> None:
    """While X works on it the run is parked; trouble only delays it, and what was given is not given again in vain."""
    world = desk.app[x.WORLD]
    world.now, world.processing = desk.clock.now, timedelta(seconds=90)
    desk.faults.append(Fault(path=path, method=method, fault=fault, skip=1 if path == "/append" else 0, times=2))
    await desk.plan("Look", media=(clip(desk.engine.home.path),))
    assert (await desk.work(minutes=0)).state == "waiting"
    assert desk.world() == []
    post = await desk.work()
    assert (post.state, desk.world()) == ("done", ["Look"])


@on_x
async def test_a_machine_that_was_off_while_x_worked_on_a_video_does_not_post_it_days_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was begun in time, but nothing of it was seen: it is as late as a post that nobody had begun."""
    monkeypatch.setattr(x, "SKEW", 1e12)  # OAuth 1.0a is signed with the machine's time
    world = desk.app[x.WORLD]
    world.now, world.processing = desk.clock.now, timedelta(seconds=90)
    await desk.plan("A good weekend", media=(clip(desk.engine.home.path),))
    assert (await desk.work(minutes=0)).state == "waiting"
    desk.clock.ahead += timedelta(days=2)
    post = await desk.work()
    assert (post.state, desk.world()) == ("missed", [])
    (told,) = unread(desk.engine.reader)
    assert (told["kind"], "X is working on the file" in str(told["text"])) == ("missed", True)


@on_x
async def test_a_retry_that_nobody_was_there_to_go_on_with_is_missed_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What X refused the first time is no sign that anything of the second try is out."""
    monkeypatch.setattr(x, "SKEW", 1e12)  # OAuth 1.0a is signed with the machine's time
    world = desk.app[x.WORLD]
    world.now, world.processing = desk.clock.now, timedelta(seconds=90)
    desk.faults.append(Fault(path=CREATE, fault="reject"))
    delivery = await desk.plan("A good weekend", media=(clip(desk.engine.home.path),))
    assert (await desk.work()).state == "failed"
    await desk.engine.writer.run(lambda tx: posts.retry(tx, delivery, desk.clock.now(), actor="user"))
    assert (await desk.work(minutes=0)).state == "waiting"
    desk.clock.ahead += timedelta(days=2)
    assert ((await desk.work()).state, desk.world()) == ("missed", [])


@on_x
@pytest.mark.parametrize(("asleep", "state"), [(timedelta(minutes=100), "done"), (timedelta(days=2), "missed")])
async def test_a_machine_that_slept_in_the_middle_of_an_upload_does_not_go_on_days_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, asleep: timedelta, state: str
) -> None:
    """Who opens the lid after the weekend wants no news of Friday; but a slow line is no sleep, and may take its time."""
    monkeypatch.setattr(x, "SKEW", 1e12)  # OAuth 1.0a is signed with the machine's time
    upload = XConnector.prepare

    async def slept(*given: Any) -> dict[str, Any]:
        plan = await upload(*given)
        desk.clock.ahead += asleep
        return plan

    monkeypatch.setattr(XConnector, "prepare", slept)
    await desk.plan("A good weekend", media=(picture(desk.engine.home.path),))
    assert (await desk.work()).state == state
    assert desk.world() == ["A good weekend"] * (state == "done")


@on_x
async def test_a_video_that_x_refuses_fails_with_its_words(desk: Desk) -> None:
    """And nothing is posted without it."""
    world = desk.app[x.WORLD]
    world.now, world.processing_fails = desk.clock.now, "The video is too odd"
    await desk.plan("Look", media=(clip(desk.engine.home.path),))
    post = await desk.work()
    assert (post.state, "too odd" in post.reason, desk.world()) == ("failed", True, [])


@on_x
async def test_a_video_that_x_could_not_work_on_is_given_to_it_again_by_a_retry(desk: Desk) -> None:
    """X was in trouble, not the video: what it has of the first try stays broken, so the retry does not go on from it."""
    world = desk.app[x.WORLD]
    world.now, world.processing, world.processing_fails = desk.clock.now, timedelta(seconds=90), "Internal error"
    delivery = await desk.plan("Look", media=(clip(desk.engine.home.path),))
    assert (await desk.work()).state == "failed"
    world.processing_fails = ""
    await desk.engine.writer.run(lambda tx: posts.retry(tx, delivery, desk.clock.now(), actor="user"))
    post = await desk.work()
    assert (post.state, desk.world()) == ("done", ["Look"]), post.reason


@on_bluesky
async def test_a_video_on_bluesky_goes_out_with_its_post(desk: Desk) -> None:
    """A lost answer to the upload only repeats it."""
    desk.faults.append(Fault(path="uploadBlob", fault="drop-after"))
    await desk.plan("Look", media=(clip(desk.engine.home.path, 20_000_000),))
    assert (await desk.work()).state == "done"
    assert desk.world() == ["Look"]


@on_bluesky
async def test_a_provider_that_is_down_for_an_hour_gets_the_post_afterwards(desk: Desk) -> None:
    """Nothing is lost while nothing answers."""
    desk.faults.append(Fault(path=PUT, fault="drop-before", times=200))
    await desk.plan("One")
    assert (await desk.work(minutes=20)).state == "waiting"
    desk.faults.clear()
    assert (await desk.work(minutes=90)).state == "done"
    assert desk.world() == ["One"]


@pytest.mark.parametrize("fault", ["error-after", "html-after", "drop-after"])
@pytest.mark.parametrize(
    ("desk", "method", "path"),
    [
        ("bluesky", "POST", "createSession"),
        ("bluesky", "GET", "getSession"),
        ("bluesky", "POST", "uploadBlob"),
        ("x", "GET", "/2/users/me"),
        ("x", "POST", "/initialize"),
        ("x", "POST", "/append"),
        ("x", "POST", "/metadata"),
    ],
    indirect=["desk"],
)
async def test_trouble_before_the_post_only_delays_it(desk: Desk, method: str, path: str, fault: Any) -> None:
    """A server in trouble says nothing against a post: it waits, and goes out when the server is back."""
    desk.faults.append(Fault(path=path, method=method, fault=fault, times=9))
    await desk.plan("One", media=(picture(desk.engine.home.path),))
    assert (await desk.work(minutes=0)).state == "waiting"
    assert (await desk.work()).state == "done"
    assert desk.world() == ["One"]


@on_bluesky
async def test_what_could_not_begin_in_time_is_missed_not_posted_late(desk: Desk) -> None:
    """Hours of trouble before anything left end with a notice that says why, not with a stale post."""
    desk.faults.append(Fault(path="getSession", method="GET", fault="error-after", times=2000))
    await desk.plan("Good morning")
    assert (await desk.work(minutes=120)).state == "missed"
    ((text,),) = desk.engine.reader.execute("SELECT text FROM notice").fetchall()
    assert "was not run: status 500" in text
    assert desk.world() == []


@on_bluesky
async def test_a_picture_that_waited_for_hours_is_uploaded_anew(desk: Desk) -> None:
    """A server forgets pictures that no post names, so an old plan with one is made again."""
    desk.faults.append(Fault(path=PUT, fault="throttle"))
    await desk.plan("One", media=(picture(desk.engine.home.path),))
    assert (await desk.work(minutes=0)).state == "waiting"
    desk.clock.ahead += timedelta(minutes=40)
    for account in desk.app[bluesky.WORLD].accounts.values():
        account.blobs.clear()
    assert (await desk.work()).state == "done"
    assert desk.world() == ["One"]


@on_bluesky
async def test_a_session_that_expires_in_mid_campaign_is_renewed(desk: Desk) -> None:
    """A campaign that lasts longer than a token goes on without anyone."""
    desk.app[bluesky.WORLD].token_life = timedelta(seconds=1)
    for number in range(4):
        await desk.plan(f"Post {number}")
        desk.clock.ahead += timedelta(minutes=1)
        await desk.work(minutes=5)
    assert sorted(desk.world()) == [f"Post {number}" for number in range(4)]


@on_bluesky
async def test_many_posts_at_once_share_one_renewal(desk: Desk) -> None:
    """Forty posts find their session expired in the same moment; one signs in, the others wait for it."""
    for number in range(40):
        await desk.plan(f"Post {number}")
    await asyncio.wait_for(desk.work(), 30)
    assert len(desk.world()) == 40
    logins = "SELECT count(*) FROM entry WHERE kind = 'call' AND operation = 'bluesky.session.create'"
    assert desk.engine.reader.execute(logins).fetchone() == (1,)


@on_bluesky
async def test_an_app_password_that_was_revoked_ends_the_post_with_a_notice(desk: Desk) -> None:
    """The post fails with what to do, and nothing hammers the server."""
    await desk.plan("One")
    for account in desk.app[bluesky.WORLD].accounts.values():
        account.password = "changed"  # noqa: S105 - a stand-in
    post = await desk.work()
    assert post.state == "failed"
    assert "connect it again" in post.reason
    kinds = desk.engine.reader.execute("SELECT kind FROM notice ORDER BY kind").fetchall()
    assert kinds == [("failed",), ("reconnect",)]


@on_x
async def test_a_halt_between_parts_stops_the_rest(desk: Desk) -> None:
    """A halt holds for what has begun, too: the next part goes out when a person lifts it, and they are told."""
    desk.faults.append(Fault(path=CREATE, fault="drop-after"))
    await desk.plan("One", "Two")
    await desk.work(minutes=0)
    at = micros(desk.clock.now())
    await desk.engine.writer.run(lambda tx: halts.halt(tx, "x/brand", at, reason="", actor="user"))
    assert (await desk.work()).state == "waiting"
    assert desk.world() == ["One"]
    kinds = desk.engine.reader.execute("SELECT kind FROM notice").fetchall()
    assert kinds == [("halted",)]
    await desk.engine.writer.run(lambda tx: halts.resume(tx, "x/brand", at, actor="user"))
    assert (await desk.work()).state == "done"
    assert desk.world() == ["One", "Two"]


@on_x
async def test_a_thread_resumes_at_the_part_that_is_missing(desk: Desk) -> None:
    """A part that was refused can be tried again without the parts before it."""
    delivery = await desk.plan("One", "Two")
    session, network = desk.engine.session("x/brand", {})
    desk.app[x.WORLD].posts_in_15_minutes = 1
    assert (await desk.work(minutes=1)).state == "waiting"
    assert desk.world() == ["One"]
    desk.app[x.WORLD].posts_in_15_minutes = 100
    desk.app[x.WORLD].counted.clear()
    await desk.engine.writer.run(lambda tx: tx.execute("DELETE FROM budget"))
    assert (await desk.work()).state == "done"
    assert desk.world() == ["One", "Two"]
    assert listed(desk.engine.reader, delivery=delivery)[0].results[0]["id"]
    assert network.link({"id": "1"})
    assert session.base.startswith("http://127.0.0.1")


@on_x
async def test_what_fails_again_is_told_again(desk: Desk) -> None:
    """Also within a day of the first time, which the webhook has told: a person had it tried again, and looks away."""
    desk.faults.append(Fault(path=CREATE, fault="reject", times=9))
    delivery = await desk.plan("One")
    for tries in (1, 2):
        assert (await desk.work()).state == "failed"
        (told,) = unread(desk.engine.reader)
        assert (told["kind"], told["about"], told["sent_at"]) == ("failed", delivery, None), tries
        at = micros(desk.clock.now())
        await desk.engine.writer.run(lambda tx, told=told, at=at: mark_sent(tx, [int(str(told["id"]))], at))  # type: ignore[misc]
        await desk.engine.writer.run(lambda tx: posts.retry(tx, delivery, desk.clock.now(), actor="user"))
        assert unread(desk.engine.reader) == []
