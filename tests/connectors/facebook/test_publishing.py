"""Publishing on a page over a real socket: every kind of post, each found again, each taken down."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from automator.intentions import load
from automator.sandbox.faults import Fault
from connectors.base import Absence, CallRefused, Effect, Intent, Kind, Operation, outcome_of
from connectors.facebook import operations as ops
from connectors.facebook import outcomes
from connectors.facebook.connector import DIRECT
from connectors.network import Rejected, Staged
from connectors.post import Form, Media, Part
from tests.connectors.facebook.conftest import Place
from tests.stored import unpacked

Make = Callable[..., Media]
TEXTS = [
    "Hello",
    "see https://example.com/a_(b), and more.",
    "Family \U0001f469‍\U0001f469‍\U0001f467‍\U0001f466 and \U0001f3f3️‍\U0001f308",
    "\u05e9\u05dc\u05d5\u05dd \u200f\u05e2\u05d5\u05dc\u05dd",
    "e\u0301 combined",
    "a\u200bb\u2060c",
    "two\nlines\n\nand more  ",
    "{{secret:page_token}} is no key",
]


@pytest.mark.parametrize("written", TEXTS)
@pytest.mark.parametrize("way", ["staged", DIRECT])
async def test_a_text_is_published_as_it_is_written_and_found_again(place: Place, written: str, way: str) -> None:
    """Whatever is in it, in two steps or in one; and words that look like a placeholder stay words."""
    place.chosen = {"publishing": way}
    result = await place.publish("one", Part(written))
    stored = load(place.engine.reader, "one")
    assert stored is not None
    assert await place.network.find(place.session, stored.plan) == result
    assert [post["text"] for post in place.seen()] == [written]
    assert place.network.link(result).startswith("https://www.facebook.com/")


async def test_a_staged_post_is_seen_by_nobody_until_it_is_published(place: Place) -> None:
    """Preparing makes it, publishing shows it; between the two it is known not to be there."""
    plan = await place.plan(Part("Later"))
    assert place.seen() == []
    assert await place.network.find(place.session, plan) is None
    assert place.network.publishing(plan).absence is Absence.PROOF
    await place.send("one", plan)
    assert [post["text"] for post in place.seen()] == ["Later"]
    assert await place.network.find(place.session, plan) == {"id": plan["path"]}


async def test_what_was_staged_can_be_published_once_only(place: Place) -> None:
    """Two intentions with one staged post show one post."""
    plan = await place.plan(Part("Once"))
    await place.send("one", plan)
    again = outcome_of(await place.send("two", plan))
    assert again.kind is Kind.OK
    assert len(place.seen()) == 1


async def test_a_text_with_an_address_and_no_picture_gets_a_card(place: Place, picture: Make) -> None:
    """The first address, without the dot of the sentence; with a picture there is none."""
    await place.publish("one", Part("See https://example.com/a. And https://example.org"))
    await place.publish("two", Part("See https://example.com/a.", (picture(),)))
    assert [post["link"] for post in place.world.posts.values()] == ["https://example.com/a", None]
    assert place.network.preview(Part("See https://example.com/a.")).card == "https://example.com/a"


@pytest.mark.parametrize("way", ["staged", DIRECT])
async def test_pictures_are_one_post_with_their_alt_texts(place: Place, picture: Make, way: str) -> None:
    """Uploaded unseen, in order; a post without words is found by its pictures."""
    place.chosen = {"publishing": way}
    media = tuple(picture(f"{number}.png", f"Number {number}", number) for number in range(3))
    result = await place.publish("one", Part("", media))
    assert [post["images"] for post in place.seen()] == [3]
    assert [photo["alt_text_custom"] for photo in place.world.photos.values()] == ["Number 0", "Number 1", "Number 2"]
    stored = load(place.engine.reader, "one")
    assert stored is not None
    assert await place.network.find(place.session, stored.plan) == result
    others = await place.plan(Part("", (picture("x.png", "", 9),)))
    if way == DIRECT:
        assert await place.network.find(place.session, others) is None


async def test_a_video_goes_in_pieces_and_is_published_when_it_is_ready(place: Place, film: Make) -> None:
    """While Facebook works on it the run is parked; it is not sent a second time."""
    media = film()
    place.world.video_time = timedelta(minutes=5)
    with pytest.raises(Staged) as parked:
        await place.plan(Part("Moving", (media,)))
    (video,) = place.world.videos.values()
    assert video["digest"].hexdigest() == media.sha256
    place.clock.ahead = timedelta(minutes=6)
    plan = await place.plan(Part("Moving", (media,)), so_far=parked.value.so_far)
    assert place.seen() == []
    assert await place.network.find(place.session, plan) is None
    result = outcome_of(await place.send("one", plan)).result
    assert [(post["text"], post["kind"]) for post in place.seen()] == [("Moving", "video")]
    assert len(place.world.videos) == 1
    assert await place.network.find(place.session, plan) == result


async def test_a_lost_answer_to_a_piece_of_a_video_costs_nothing(place: Place, film: Make) -> None:
    """Facebook has the piece, and says which one it wants in its place."""
    place.faults.append(Fault(path="/videos", fault="drop-after", skip=2))
    await place.publish("one", Part("In pieces", (film(),)))
    (shown,) = place.seen()
    video = place.world.videos[shown["id"]]
    assert (video["got"], video["digest"].hexdigest()) == (video["size"], film().sha256)


async def test_pictures_of_a_staging_whose_answer_was_lost_are_sent_anew(place: Place, picture: Make) -> None:
    """Facebook takes no picture for two posts, though nobody sees the one; that is no reason to miss the other."""
    place.faults.append(Fault(path="/feed", fault="drop-after"))
    await place.publish("one", Part("Pictured", (picture("a.png"), picture("b.png", colour=1))))
    (shown,) = place.seen()
    assert (shown["text"], shown["images"]) == ("Pictured", 2)


async def test_a_video_that_facebook_can_t_use_is_told(place: Place, film: Make) -> None:
    """In Facebook's words, and nothing is shown."""
    place.world.video_time = timedelta(minutes=5)
    with pytest.raises(Staged) as parked:
        await place.plan(Part("Moving", (film(),)))
    next(iter(place.world.videos.values()))["bad"] = "The codec is odd"
    with pytest.raises(Rejected, match="The codec is odd"):
        await place.plan(Part("Moving", (film(),)), so_far=parked.value.so_far)


@pytest.mark.parametrize(("form", "kind"), [(Form.REEL, "reel"), (Form.STORY, "story")])
async def test_reels_and_stories_are_sent_whole(place: Place, film: Make, form: Form, kind: str) -> None:
    """The bytes stream to the upload host; nothing is seen before it is published."""
    media = film(1_000_001)
    plan = await place.plan(Part("Short" if form is Form.REEL else "", (media,), form))
    (video,) = place.world.videos.values()
    assert video["digest"].hexdigest() == media.sha256
    assert place.seen() == []
    assert await place.network.find(place.session, plan) is None
    result = outcome_of(await place.send("one", plan)).result
    assert [post["kind"] for post in place.seen()] == [kind]
    assert await place.network.find(place.session, plan) == result
    assert result["kind"] == kind


async def test_a_picture_can_be_a_story(place: Place, picture: Make) -> None:
    """It is found by the picture that it shows."""
    plan = await place.plan(Part("", (picture(),), Form.STORY))
    assert await place.network.find(place.session, plan) is None
    result = outcome_of(await place.send("one", plan)).result
    assert [post["kind"] for post in place.seen()] == ["story"]
    assert await place.network.find(place.session, plan) == result
    with pytest.raises(Rejected, match="no text"):
        await place.network.edit(place.session, Intent("e", {"published": dict(result), "text": "x"}))


async def test_a_first_comment_is_found_by_who_wrote_it(place: Place) -> None:
    """It is a call of its own; the same words of somebody else are not taken for it."""
    first = await place.publish("one", Part("A post"))
    plan = await place.plan(Part("The comment", form=Form.COMMENT), [first])
    place.world.comments["9"] = {
        "id": "9", "page": place.page, "message": "The comment", "under": first["id"], "from": {"id": "5"},
        "at": place.clock(), "created_time": place.clock().strftime("%Y-%m-%dT%H:%M:%S+0000"),
    }  # fmt: skip
    assert await place.network.find(place.session, plan) is None
    operation = place.network.publishing(plan)
    assert (operation.effect, operation.absence) == (Effect.ONCE, Absence.EVIDENCE)
    result = outcome_of(await place.send("two", plan)).result
    assert await place.network.find(place.session, plan) == result
    assert place.seen()[-1]["under"] == first["id"]


async def test_a_busy_page_hides_nothing(place: Place) -> None:
    """What went out before a hundred others is found behind them: called absent, it would be sent once more."""
    place.chosen["publishing"] = "direct"
    plan = await place.plan(Part("The post"))
    post = outcome_of(await place.send("one", plan)).result
    below = await place.plan(Part("The comment", form=Form.COMMENT), [post])
    comment = outcome_of(await place.send("two", below)).result
    for number in range(130):
        at = place.clock() + timedelta(seconds=number)
        dated = {"at": at, "created_time": at.strftime("%Y-%m-%dT%H:%M:%S+0000"), "message": f"Other {number}"}
        place.world.posts[f"{number}"] = {**place.world.posts[str(post["id"])], **dated, "id": f"{number}"}
        somebody = {"id": f"c{number}", "from": {"id": "5"}}
        place.world.comments[f"c{number}"] = {**place.world.comments[str(comment["id"])], **dated, **somebody}
    place.clock.ahead += timedelta(minutes=10)
    assert await place.network.find(place.session, plan) == post
    assert await place.network.find(place.session, below) == comment
    assert len(await place.network.recent(place.session, datetime.fromisoformat(str(plan["since"])))) == 131
    assert place.keys["page_token"] not in unpacked(place.engine.reader), "though Graph says it in its lists"


@pytest.mark.parametrize("operation", [ops.POSTS, ops.REELS, ops.STORIES, ops.COMMENTS])
def test_what_is_no_list_shows_nothing_missing(operation: Operation) -> None:
    """A post that is called absent for it may be published twice."""
    for said, kind in (({}, Kind.UNKNOWN), ({"data": None}, Kind.UNKNOWN), ({"data": []}, Kind.OK)):
        assert outcomes.judge(operation, httpx.Response(200, json=said)).kind is kind


async def test_what_follows_in_a_thread_becomes_a_comment(place: Place) -> None:
    """Facebook has no threads; a person is told before."""
    first = await place.publish("one", Part("First"))
    await place.publish("two", Part("Second"), [first])
    assert [(post["text"], post["kind"]) for post in place.seen()] == [("First", "post"), ("Second", "comment")]
    (told,) = place.network.check([Part("First"), Part("Second")])
    assert told.warning
    assert "no threads" in told.what


async def test_a_published_post_is_changed_and_taken_down(place: Place, film: Make) -> None:
    """A post's words, a video's description; then neither is there any more."""
    posted = await place.publish("one", Part("Before"))
    moving = await place.publish("two", Part("Before", (film(),)))
    for key, result in (("p", posted), ("v", moving)):
        plan = {"published": dict(result), "text": "After"}
        assert outcome_of(await place.network.edit(place.session, Intent(f"e{key}", plan))).kind is Kind.OK
    assert [post["text"] for post in place.seen()] == ["After", "After"]
    for key, result in (("p", posted), ("v", moving)):
        gone = await place.network.delete(place.session, Intent(f"d{key}", {"published": dict(result)}))
        assert outcome_of(gone).kind is Kind.OK
    assert place.seen() == []
    stored = load(place.engine.reader, "one")
    assert stored is not None
    assert await place.network.find(place.session, stored.plan) is None


async def test_a_post_of_another_app_is_not_changed(place: Place) -> None:
    """Facebook lets an app change only what it made; the sentence says that it has no right."""
    result = await place.publish("one", Part("Ours"))
    place.world.posts[result["id"]]["app"] = "another"
    answer = await place.network.edit(place.session, Intent("e", {"published": dict(result), "text": "x"}))
    assert outcome_of(answer).kind is Kind.REJECTED
    assert "no right" in outcome_of(answer).reason


async def test_a_duplicate_is_told_as_one(place: Place) -> None:
    """Facebook refuses the page's last text again; nothing is shown twice."""
    await place.publish("one", Part("Twice"))
    again = outcome_of(await place.send("two", await place.plan(Part("Twice"))))
    assert again.kind is Kind.REJECTED
    assert "duplicate" in again.reason
    with pytest.raises(CallRefused):
        await place.send("two", {"how": "publish", "path": "1", "body": {}})
    assert len(place.seen()) == 1


async def test_pictures_that_were_posted_already_are_refused(place: Place, picture: Make) -> None:
    """A picture belongs to one post; the plan that names it a second time is told so."""
    place.chosen = {"publishing": DIRECT}
    plan = await place.plan(Part("One", (picture(),)))
    await place.send("one", plan)
    again = outcome_of(await place.send("two", plan))
    assert again.kind is Kind.REJECTED
    assert "posted already" in again.reason


async def test_recent_posts_and_their_figures_are_read(place: Place, film: Make) -> None:
    """Posts, reels and videos in one list; what is gone has no figures."""
    first = await place.publish("one", Part("First"))
    reel = await place.publish("two", Part("Reel", (film(),), Form.REEL))
    moving = await place.publish("three", Part("Moving", (film(),)))
    since = place.clock() - timedelta(minutes=5)
    shown = await place.network.recent(place.session, since)
    # Facebook tells whole seconds, and these were made in one
    assert {item.text: dict(item.result) for item in shown} == {"First": first, "Reel": reel, "Moving": moving}
    assert await place.network.recent(place.session, place.clock() + timedelta(minutes=5)) == []
    some, none = await place.network.metrics(place.session, [first, {"id": "404"}])
    assert some is not None
    assert (some.likes, some.comments, none) == (0, 0, None)
    assert await place.network.locate(place.session, first) == {
        "permalink_url": f"https://www.facebook.com/{place.page}/posts/{first['id'].rpartition('_')[2]}"
    }


async def test_the_figures_of_a_comment_do_not_stand_in_the_way(place: Place) -> None:
    """A comment has no shares, and nobody tells how often it was seen; a lost answer's comment is one all the same."""
    post = await place.publish("one", Part("First"))
    plan = await place.plan(Part("Under it", form=Form.COMMENT), [post])
    comment = outcome_of(await place.send("two", plan)).result
    assert await place.network.find(place.session, plan) == comment
    named = place.network.read_link(str(comment["id"]))
    for known in (comment, named):
        over, under = await place.network.metrics(place.session, [post, known])
        assert (over.likes, under.likes, under.comments, under.shares, under.impressions) == (0, 0, 0, None, None)


async def test_what_facebook_refuses_of_one_does_not_keep_the_others_from_being_read(place: Place) -> None:
    """An old story, say; but where it tells nothing at all, the account is not asked on and on."""
    post = await place.publish("one", Part("First"))
    story, other = {"id": place.page, "kind": "story"}, {"id": place.page}
    for asked in ([post, story], [story, story, story, post], [other, post, other, other], [story]):
        found = await place.network.metrics(place.session, asked)
        assert [item is not None for item in found] == [one is post for one in asked]
    for asked in ([other] * 9, [story, other, story, other, other], [other]):
        before = nodes(place)
        with pytest.raises(Rejected):
            await place.network.metrics(place.session, asked)
        assert nodes(place) <= before + 6


def nodes(place: Place) -> int:
    """How often something was looked at by its id."""
    query = "SELECT count(*) FROM entry WHERE kind = 'call' AND operation = 'facebook.node.get'"
    return int(place.engine.reader.execute(query).fetchone()[0])


async def test_how_often_something_was_seen_is_read(place: Place, film: Make) -> None:
    """Posts, videos and reels each have a place of their own for it."""
    first = await place.publish("one", Part("First"))
    reel = await place.publish("two", Part("Reel", (film(),), Form.REEL))
    moving = await place.publish("three", Part("Moving", (film(),)))
    place.world.views = {first["id"]: 203, reel["id"]: 9, moving["id"]: 41}
    found = await place.network.metrics(place.session, [first, reel, moving])
    assert [item and item.impressions for item in found] == [203, 9, 41]


def insights(place: Place) -> int:
    """How often it was asked for."""
    query = "SELECT count(*) FROM entry WHERE kind = 'call' AND operation LIKE 'facebook.%.insights'"
    return int(place.engine.reader.execute(query).fetchone()[0])


async def test_what_a_page_does_not_tell_is_left_out(place: Place) -> None:
    """A page of few likes has no such figures; without the right it is not asked on and on. Likes are read anyway."""
    posts = [await place.publish(str(number), Part(f"Post {number}")) for number in range(4)]
    place.world.insights = False
    found = await place.network.metrics(place.session, posts)
    assert [item and (item.likes, item.impressions) for item in found] == [(0, None)] * 4
    assert insights(place) == 4
    token = place.world.tokens[place.keys["page_token"]]
    token.scopes = tuple(name for name in token.scopes if name != "read_insights")
    found = await place.network.metrics(place.session, posts)
    assert [item and (item.likes, item.impressions) for item in found] == [(0, None)] * 4
    assert insights(place) == 4 + 2


async def test_a_file_that_has_changed_is_not_sent(place: Place, film: Make, picture: Make) -> None:
    """What was checked is what is published, or nothing."""
    for media, form in ((film(), Form.POST), (film(), Form.REEL), (picture(), Form.POST)):
        with Path(media.path).open("ab") as file:
            file.write(b"more")
        with pytest.raises(Rejected, match="has changed"):
            await place.plan(Part("x", (media,), form))
    assert place.world.videos == {}


async def test_a_picture_that_is_none_or_too_large_is_told(place: Place, picture: Make) -> None:
    """Facebook's own word, should a file pass the checks before."""
    media = picture("p.png")
    Path(media.path).write_bytes(b"GIF9" + bytes(10))
    digest = hashlib.sha256(b"GIF9" + bytes(10)).hexdigest()
    bad = Media(media.path, "image/png", 14, digest, 1, 1)
    with pytest.raises(Rejected, match="at most 4 MB"):
        await place.plan(Part("x", (bad,)))


LINKS: list[tuple[str, Any]] = [
    ("123_456", {"id": "123_456"}),
    ("https://www.facebook.com/123_456", {"id": "123_456"}),
    ("https://www.facebook.com/brand/posts/pfbid0abc", {"id": "pfbid0abc"}),
    ("https://m.facebook.com/brand/posts/some-words/789/", {"id": "789"}),
    ("https://www.facebook.com/permalink.php?story_fbid=456&id=123", {"id": "123_456"}),
    ("https://www.facebook.com/reel/789", {"id": "789", "kind": "reel"}),
    ("https://www.facebook.com/watch/?v=789", {"id": "789", "kind": "video"}),
    ("https://www.facebook.com/brand/videos/789/", {"id": "789", "kind": "video"}),
    ("https://example.com/123", None),
    ("https://www.facebook.com/brand", None),
]


@pytest.mark.parametrize(("address", "wanted"), LINKS)
def test_addresses_of_posts_are_understood(place: Place, address: str, wanted: Any) -> None:
    """A person pastes what the browser shows."""
    found = place.network.read_link(address)
    assert (found is None) == (wanted is None)
    if found is not None:
        assert {name: value for name, value in found.items() if name != "permalink_url"} == wanted


def test_operations_say_what_a_repeat_would_do() -> None:
    """Nothing that makes something visible is repeated without a look before."""
    visible = (ops.CREATE, ops.PUBLISH, ops.VIDEO, ops.REEL, ops.STORY, ops.FILM, ops.COMMENT)
    assert {operation.effect for operation in visible} == {Effect.ONCE}
