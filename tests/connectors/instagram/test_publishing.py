"""Publishing on Instagram's twin: what is shown is what was written, once, whatever is lost on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from aiohttp import web

from automator.notices import unread
from automator.posting import posts
from connectors.base import Intent, outcome_of
from connectors.graph import usage
from connectors.instagram import containers
from connectors.instagram.connector import Connector
from connectors.instagram.limits import LIFE
from connectors.network import Rejected
from connectors.post import Form, Media, Part, Tag
from tests.connectors.instagram.conftest import Place, picture, video

Strikes = list[tuple[str, str, web.Response]]


def _graph(code: int, subcode: int = 0, status: int = 400, message: str = "no") -> web.Response:
    return web.json_response(
        {"error": {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode}}, status=status
    )


async def test_a_picture_with_everything(place: Place) -> None:
    """Caption, text for people who cannot see it, people named, collaborators, and a first comment."""
    media = replace(picture(place.folder, alt="A cat."), tags=(Tag("@friend", 0.25, 0.75),))
    part = Part("Hello #world", (media,), collaborators=("@other",))
    post = await place.post(part, Part("First!", (), Form.COMMENT))
    assert post.state == "done", post.reason
    shown, comment = place.seen()
    assert (shown["text"], shown["alts"], shown["files"]) == ("Hello #world", ["A cat."], [media.sha256])
    assert (comment["text"], comment["under"]) == ("First!", shown["id"])
    (container,) = place.world.containers.values()
    assert container["given"]["user_tags"] == '[{"username": "friend", "x": 0.25, "y": 0.75}]'
    assert container["given"]["collaborators"] == '["other"]'
    assert list(place.shown.iterdir()) != [], "it is shown until the run has ended"
    assert place.engine.media is not None
    await place.engine.media.sweep()
    assert list(place.shown.iterdir()) == []


async def test_a_carousel_keeps_its_order(place: Place) -> None:
    """Each item with its own text."""
    media = tuple(picture(place.folder, alt=f"Number {number}.") for number in range(3))
    assert (await place.post(Part("Three", media))).state == "done"
    (shown,) = place.seen()
    assert shown["kind"] == "CAROUSEL_ALBUM"
    assert shown["files"] == [one.sha256 for one in media]
    assert shown["alts"] == ["Number 0.", "Number 1.", "Number 2."]


@pytest.mark.parametrize(("form", "kind"), [(Form.POST, "REELS"), (Form.REEL, "REELS"), (Form.STORY, "STORIES")])
async def test_a_video_is_uploaded_and_needs_no_media_host(place: Place, form: Form, kind: str) -> None:
    """With Facebook Login: the very bytes arrive, in one piece."""
    media = video(place.folder)
    post = await place.post(Part("", (media,), form))
    assert post.state == "done", post.reason
    (container,) = place.world.containers.values()
    assert (container["type"], container["files"]) == (kind, [media.sha256])
    assert "share_to_feed" in container["given"] or form is not Form.POST
    assert list(place.shown.iterdir()) == []


async def test_with_instagram_login_videos_are_fetched(own: Place) -> None:
    """It has no upload."""
    media = video(own.folder)
    assert (await own.post(Part("A reel.", (media,), Form.REEL))).state == "done"
    (container,) = own.world.containers.values()
    assert "video_url" in container["given"]
    assert container["files"] == [media.sha256]


async def test_a_story_has_no_caption(place: Place) -> None:
    """What Instagram does not show is not sent."""
    assert (await place.post(place.part("Unseen.", form=Form.STORY))).state == "done"
    (container,) = place.world.containers.values()
    assert container["type"] == "STORIES"
    assert "caption" not in container["given"]


async def test_work_in_progress_parks_the_run_and_makes_nothing_twice(place: Place) -> None:
    """No worker is held, and no container is made anew."""
    place.world.working = timedelta(minutes=3)
    post = await place.post(place.part(count=2), until=timedelta(seconds=5))
    assert (post.state, post.reason) == ("waiting", "Instagram is working on the media")
    assert len(place.world.containers) == 2
    post = await place.work(post.id)
    assert post.state == "done"
    assert len(place.world.containers) == 3
    looks = place.operations().count("instagram.container.status")
    assert looks < 20
    assert len(place.seen()) == 1


async def test_patience_ends_with_a_sentence(place: Place) -> None:
    """It does not wait for ever."""
    place.world.working = timedelta(days=1)
    post = await place.post(place.part(), until=timedelta(hours=3))
    assert post.state == "failed"
    assert "for an hour" in post.reason
    assert place.seen() == []


async def test_a_retry_does_not_go_on_from_a_container_that_came_to_nothing(place: Place) -> None:
    """Instagram was in trouble while it worked on it: what it says of that container, it will say again."""
    place.world.working, place.world.breaks = timedelta(minutes=3), "Error: Media upload has failed with error code 2207082"
    post = await place.post(place.part(count=2))
    assert (post.state, "publish it again" in post.reason) == ("failed", True)
    place.world.breaks = ""
    await place.engine.writer.run(lambda tx: posts.retry(tx, post.id, place.clock.now(), actor="user"))
    post = await place.work(post.id)
    assert (post.state, len(place.seen())) == ("done", 1), post.reason


async def test_a_container_that_expired_while_waiting_is_made_anew(place: Place) -> None:
    """The service was off for more than a day, and a person wants the post all the same."""
    place.world.working = timedelta(minutes=3)
    post = await place.post(place.part(), until=timedelta(seconds=5))
    place.clock.at += timedelta(days=1, minutes=1)
    place.world.working = timedelta()
    assert (await place.work(post.id)).state == "missed"
    await place.engine.writer.run(lambda tx: posts.retry(tx, post.id, place.clock.now(), actor="user"))
    post = await place.work(post.id)
    assert post.state == "done", post.reason
    assert len(place.world.containers) == 2
    assert len(place.seen()) == 1


async def test_a_plan_that_was_never_sent_is_made_anew_before_its_container_expires(place: Place) -> None:
    """Its life is in the plan."""
    plan = await place.network.prepare(place.session, place.part(), [], {})
    (container,) = place.world.containers.values()
    assert datetime.fromisoformat(plan["expires"]) - container["made"] <= LIFE
    assert list(place.world.containers) == [plan["creation_id"]]


async def test_a_container_in_error_fails_the_post_with_its_reason(place: Place) -> None:
    """By the number that Instagram names."""
    place.world.breaks = "Error: Media upload has failed with error code 2207026"
    post = await place.post(place.part())
    assert post.state == "failed"
    assert "can't use the video" in post.reason
    assert place.seen() == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (web.Response(status=404), "automator media test"),
        (web.Response(text="<html>Hello</html>", content_type="text/html"), "automator media test"),
        (web.Response(body=b"no picture", content_type="image/jpeg"), "it takes JPEG"),
        (web.Response(status=302, headers={"location": "/x"}), "automator media test"),
    ],
)
async def test_a_media_host_that_shows_something_else(
    place: Place, strikes: Strikes, answer: web.Response, words: str
) -> None:
    """One sentence that says where to look; nothing is published."""
    strikes.append(("GET", ".jpg", answer))
    post = await place.post(place.part())
    assert post.state == "failed"
    assert words in post.reason
    assert place.seen() == []


@pytest.mark.parametrize("blocks", [1, 2])
async def test_an_error_that_comes_after_publishing_is_no_proof(place: Place, blocks: int) -> None:
    """4/2207051 was seen to come for posts that are there: the container is asked."""
    place.world.blocks = blocks
    post = await place.post(place.part())
    assert post.state == "done", post.reason
    (shown,) = place.seen()
    assert post.results[0]["id"] == shown["id"]
    assert place.operations().count("instagram.media.publish") == 1


async def test_a_block_that_holds_is_not_called_on(place: Place, strikes: Strikes) -> None:
    """What was not published is sent again, but rarely, until it goes."""
    strikes += [("POST", "/media_publish", _graph(4, 2207051, 403)) for _ in range(3)]
    began = place.clock.now()
    post = await place.post(place.part())
    assert post.state == "done", post.reason
    assert place.clock.now() - began >= 3 * usage.BLOCK
    assert len(place.seen()) == 1


async def test_a_published_container_is_not_published_again(place: Place) -> None:
    """The error that a second call gets is settled by the container; no second post can come of it."""
    plan = await place.network.prepare(place.session, place.part(), [], {})
    await place.send("first", plan)
    now = place.clock.now()
    post = await place.post(place.part("Another."))
    assert post.state == "done"
    assert place.clock.now() > now
    found = await place.network.find(place.session, plan)
    assert found == {"id": place.seen()[0]["id"]}
    with pytest.raises(Exception, match="not known"):
        await place.send("second", plan)
    assert len(place.seen()) == 2


async def test_posts_with_the_same_caption_are_told_apart(place: Place, strikes: Strikes) -> None:
    """Each that lost its answer finds its own: none is taken for another's, none goes out twice."""
    for number in range(3):
        place.world.blocks = 1
        post = await place.post(place.part("The same."))
        assert post.state == "done", post.reason
        assert post.results[0]["id"] == place.seen()[number]["id"]
    assert len(place.seen()) == 3
    assert strikes == []


async def test_a_list_that_lags_is_waited_for(place: Place) -> None:
    """That it is published is known; which one it is, later."""
    place.world.visible_after, place.world.blocks = timedelta(minutes=40), 1
    post = await place.post(place.part())
    assert post.state == "done"
    assert post.results[0]["id"] == place.seen()[0]["id"]
    assert place.operations().count("instagram.media.publish") == 1


async def test_a_list_that_lags_is_looked_at_ever_more_rarely(place: Place) -> None:
    """Graph lets an app make some hundred calls an hour; a post that is out leaves them to others."""
    place.world.visible_after, place.world.blocks = timedelta(days=2), 1
    assert (await place.post(place.part())).state == "done"
    assert place.operations().count("instagram.user.media") < 30


async def test_a_list_that_never_shows_it_does_not_keep_it_open(place: Place) -> None:
    """It is done all the same: the container says so."""
    place.world.visible_after, place.world.blocks = timedelta(days=2), 1
    post = await place.post(place.part())
    (container,) = place.world.containers
    assert post.state == "done", post.reason
    assert (post.results[0]["id"], post.results[0]["container"]) == ("", container)
    assert place.operations().count("instagram.media.publish") == 1


@pytest.mark.parametrize("hours", [1.5, 5, 20])
async def test_a_comment_waits_until_its_post_is_shown(place: Place, hours: float) -> None:
    """However long Instagram's list lags; then it is under that post, once, and the post has its link."""
    place.world.visible_after, place.world.blocks = timedelta(hours=hours), 1
    post = await place.post(place.part(), Part("First!", (), Form.COMMENT), until=timedelta(hours=hours))
    assert post.state == "waiting"
    assert "the comment waits" in post.reason
    held = [item["text"] for item in unread(place.engine.reader) if item["kind"] == "held"]
    assert bool(held) is (hours > 4), "a person is told of a longer wait"
    place.world.visible_after = timedelta()
    post = await place.work(post.id, timedelta(hours=hours))
    assert post.state == "done", post.reason
    shown, comment = place.seen()
    assert (comment["text"], comment["under"]) == ("First!", shown["id"])
    assert post.results[0]["id"] == shown["id"]
    assert place.network.link(post.results[0]).startswith("https://www.instagram.com/p/")
    assert place.operations().count("instagram.comment.create") == 1


async def test_a_comment_whose_post_is_never_shown_says_what_to_do(place: Place) -> None:
    """After two days; what it says goes on with it once the post is shown, and not under another with the same caption."""
    place.world.visible_after, place.world.blocks = timedelta(days=4), 1
    post = await place.post(place.part("Twice."), Part("First!", (), Form.COMMENT), until=timedelta(days=3))
    assert post.state == "failed"
    assert "can't be commented on; comment in Instagram's app, or have `automator posts retry` look" in post.reason
    place.world.visible_after = timedelta()
    other = await place.post(place.part("Twice."))
    assert other.state == "done"
    await _retried(place, post.id)
    assert (await place.work(post.id)).state == "failed", "only the other one is shown"
    place.clock.at += timedelta(days=2)
    await _retried(place, post.id)
    post = await place.work(post.id)
    assert post.state == "done", post.reason
    first, second, comment = sorted(place.seen(), key=lambda item: item["text"] != "Twice.")
    assert (comment["text"], comment["under"]) == ("First!", first["id"])
    assert first["id"] != second["id"] == other.results[0]["id"]
    assert place.operations().count("instagram.media.publish") == 2


async def _retried(place: Place, number: str) -> None:
    now = place.clock.now()
    assert await place.engine.writer.run(lambda tx: posts.retry(tx, number, now, actor="user"))


async def test_the_quota_is_read_and_obeyed(place: Place) -> None:
    """Before anything is made, in the account's own numbers."""
    place.world.quota = 1
    assert (await place.post(place.part())).state == "done"
    post = await place.post(place.part("Second."), until=timedelta(minutes=20))
    assert (post.state, len(place.world.containers)) == ("waiting", 1)
    assert "Instagram takes 1 post in 24 hours" in post.reason
    place.world.quota = 2
    assert (await place.work(post.id, timedelta(minutes=40))).state == "done"


async def test_the_quota_may_be_larger_than_assumed(place: Place) -> None:
    """What the account may is what Instagram says, not what is in our table."""
    place.world.quota = 60
    media = place.part().media
    for number in range(60):
        assert (await place.post(Part(str(number), media))).state == "done", number
    assert (await place.post(Part("61", media), until=timedelta(minutes=20))).state == "waiting"


async def test_a_comment_that_may_be_there_is_looked_for(place: Place, strikes: Strikes) -> None:
    """An error is no proof; found, it is not sent again."""
    post = await place.post(place.part())
    strikes.append(("POST", "/comments", _graph(100, 0, 400, "odd")))
    await place.post(place.part("Other."), Part("Mine.", (), Form.COMMENT))
    states = place.engine.reader.execute("SELECT state FROM run ORDER BY id DESC").fetchone()
    assert states == ("unconfirmed",), "it was not there, and a list is no proof"
    assert post.state == "done"


async def test_a_comment_is_found_behind_many_others(place: Place) -> None:
    """A popular post has more of them within a minute than one page shows."""
    post = await place.post(place.part())
    plan = await place.network.prepare(place.session, Part("Mine.", (), Form.COMMENT), post.results, {})
    result = outcome_of(await place.send("c", plan)).result
    (mine,) = place.world.comments.values()
    for number in range(120):
        other = {"id": f"9{number}", "text": f"Wow {number}", "username": "someone"}
        place.world.comments[f"9{number}"] = {**mine, **other}
    assert await place.network.find(place.session, plan) == {"id": result["id"], "kind": "comment"}


async def test_taken_down(place: Place) -> None:
    """With Facebook Login; a second time changes nothing."""
    post = await place.post(place.part())
    answer = await place.network.delete(place.session, Intent("d", {"published": dict(post.results[0])}))
    assert answer.json() == {"success": True}
    assert place.seen() == []


async def test_with_instagram_login_nothing_can_be_taken_down(own: Place) -> None:
    """A sentence says so, and no call is made."""
    with pytest.raises(Rejected, match="only for Facebook Login"):
        await own.network.delete(own.session, Intent("d", {"published": {"id": "1"}}))
    assert own.operations() == []


async def test_recent_posts_links_and_figures(place: Place) -> None:
    """Whoever published them."""
    since = place.clock.now() - timedelta(seconds=1)
    post = await place.post(place.part(), Part("First!", (), Form.COMMENT))
    (shown,) = await place.network.recent(place.session, since)
    assert (shown.result, shown.text) == ({"id": post.results[0]["id"]}, "A caption.")
    link = place.network.link(post.results[0])
    assert link.startswith("https://www.instagram.com/p/")
    read = place.network.read_link(link)
    assert await place.network.locate(place.session, read) == {"id": post.results[0]["id"]}
    figures, gone = await place.network.metrics(place.session, [post.results[0], {"id": "404404"}])
    assert (figures.likes, figures.comments, figures.shares, figures.impressions) == (0, 1, 0, 3)
    assert gone is None
    (under,) = await place.network.metrics(place.session, post.results[1:])
    assert (under.likes, under.comments, under.shares, under.impressions) == (0, None, None, None)
    assert place.network.link({"id": "1"}) == ""


@pytest.mark.parametrize(
    ("link", "result"),
    [
        ("https://www.instagram.com/p/Cabc_-123/", {"id": "", "permalink": "https://www.instagram.com/p/Cabc_-123/"}),
        ("instagram.com/reel/Cabc123", {"id": "", "permalink": "https://www.instagram.com/reel/Cabc123/"}),
        (
            "https://www.instagram.com/brand/p/Cabc123/?img_index=1",
            {"id": "", "permalink": "https://www.instagram.com/p/Cabc123/"},
        ),
        ("18012345678901234", {"id": "18012345678901234"}),
        ("https://example.com/p/abc", None),
        ("brand", None),
    ],
)
def test_links_are_read(link: str, result: object) -> None:
    """As people copy them."""
    assert Connector().read_link(link) == result


async def test_a_throttled_carousel_goes_on_where_it_was_stopped(
    place: Place, strikes: Strikes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made is kept."""
    made = containers.of_item

    def stopped(media: Media) -> dict[str, str]:
        if len(place.world.containers) == 2 and not strikes:
            strikes.append(("POST", "/media", _graph(80002)))
            monkeypatch.undo()
        return made(media)

    monkeypatch.setattr(containers, "of_item", stopped)
    post = await place.post(place.part(count=4))
    assert post.state == "done", post.reason
    assert len(place.world.containers) == 5
    assert place.operations().count("instagram.container.create") == 6


async def test_a_carousel_that_is_throttled_for_hours_in_the_middle_is_missed(
    place: Place, strikes: Strikes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one that is throttled before it is begun: nothing of it is out, and by then it is no news any more."""
    wait = {"instagram": [{"type": "instagram", "estimated_time_to_regain_access": 360}]}
    made = containers.of_item

    def stopped(media: Media) -> dict[str, str]:
        if len(place.world.containers) == 2 and not strikes:
            answer = _graph(80002)
            answer.headers["x-business-use-case-usage"] = json.dumps(wait)
            strikes.append(("POST", "/media", answer))
            monkeypatch.undo()
        return made(media)

    monkeypatch.setattr(containers, "of_item", stopped)
    post = await place.post(place.part(count=4), until=timedelta(hours=8))
    assert (post.state, place.seen()) == ("missed", [])
    assert "a limit is used up" in str(unread(place.engine.reader)[0]["text"])
