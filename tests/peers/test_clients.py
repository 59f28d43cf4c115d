"""The twins as clients that others wrote see them; a twin is honest only if these can use it."""

from __future__ import annotations

import base64
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandboxed import read, sandbox

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
PICTURE = base64.b64decode(PIXEL)
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """These clients leave their connections open, which must not be told to whatever test runs later."""
    yield
    gc.collect()


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """The folder of a running sandbox."""
    with sandbox(tmp_path / "sandbox") as folder:
        yield folder


def test_tweepy_posts_replies_and_deletes_on_the_x_twin(state: Path) -> None:
    """Create, reply, who am I, read back, a duplicate refused, delete: with tweepy's own signatures."""
    import tweepy  # noqa: PLC0415 - in continuous integration only

    given = read(state, "accounts")["x/brand"]
    keys = given["secrets"]
    client = tweepy.Client(
        consumer_key=keys["api_key"],
        consumer_secret=keys["api_secret"],
        access_token=keys["access_token"],
        access_token_secret=keys["access_secret"],
    )
    plain = client.session.request
    # tweepy has no setting for the host
    client.session.request = lambda method, url, **more: plain(
        method, given["base_url"] + url.split(".com", 1)[1], **more
    )
    me = client.get_me().data
    assert me.username == "brand"
    first = client.create_tweet(text="From tweepy & friends").data
    client.create_tweet(text="A reply", in_reply_to_tweet_id=first["id"])
    with pytest.raises(tweepy.Forbidden, match="duplicate"):
        client.create_tweet(text="From tweepy & friends")
    shown = client.get_users_tweets(me.id, user_auth=True).data
    assert [post.text for post in shown] == ["A reply", "From tweepy &amp; friends"]
    assert client.delete_tweet(first["id"]).data["deleted"]
    assert [post["text"] for post in read(state, "world")["x"]] == ["A reply"]


def test_the_atproto_sdk_posts_replies_and_deletes_on_the_bluesky_twin(state: Path) -> None:
    """Sign-in, post, picture, reply, read back, delete: with the SDK's own models of every answer."""
    from atproto import Client, models  # noqa: PLC0415 - in continuous integration only

    given = read(state, "accounts")["bluesky/brand"]
    client = Client(base_url=given["base_url"])
    session = client.com.atproto.server.create_session(
        models.ComAtprotoServerCreateSession.Data(
            identifier=given["secrets"]["identifier"], password=given["secrets"]["password"]
        )
    )
    client = Client(base_url=given["base_url"])
    client.request.add_additional_headers_source(lambda: {"Authorization": f"Bearer {session.access_jwt}"})
    blob = client.com.atproto.repo.upload_blob(PICTURE).blob
    record = models.AppBskyFeedPost.Record(
        text="From the SDK",
        created_at=client.get_current_time_iso(),
        embed=models.AppBskyEmbedImages.Main(images=[models.AppBskyEmbedImages.Image(alt="", image=blob)]),
    )
    data = {"repo": session.did, "collection": "app.bsky.feed.post", "rkey": "3kaaaaaaaaa2a", "record": record}
    put = client.com.atproto.repo.put_record(models.ComAtprotoRepoPutRecord.Data(**data))
    again = client.com.atproto.repo.put_record(models.ComAtprotoRepoPutRecord.Data(**data))
    assert (put.uri, put.cid) == (again.uri, again.cid)
    found = client.com.atproto.repo.get_record(
        {"repo": session.did, "collection": data["collection"], "rkey": data["rkey"]}
    )
    assert found.value.text == "From the SDK"
    assert len(read(state, "world")["bluesky"]) == 1
    client.com.atproto.repo.delete_record(
        models.ComAtprotoRepoDeleteRecord.Data(repo=session.did, collection=data["collection"], rkey=data["rkey"])
    )
    assert read(state, "world")["bluesky"] == []
