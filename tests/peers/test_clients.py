"""The twins as clients that others wrote see them; a twin is honest only if these can use it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.sandboxed import read

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
PICTURE = base64.b64decode(PIXEL)
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]


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


def test_the_facebook_sdk_publishes_on_the_page_twin(state: Path, tmp_path: Path) -> None:
    """Text, link, picture, album, staged post, video, comment, read back, delete: with Meta's own objects and proof."""
    from facebook_business.adobjects.page import Page  # noqa: PLC0415 - in continuous integration only
    from facebook_business.adobjects.pagepost import PagePost  # noqa: PLC0415 - as above
    from facebook_business.api import FacebookAdsApi  # noqa: PLC0415 - as above
    from facebook_business.exceptions import FacebookRequestError  # noqa: PLC0415 - as above
    from facebook_business.session import FacebookSession  # noqa: PLC0415 - as above

    given = read(state, "accounts")["facebook/brand"]
    keys = given["secrets"]
    session = FacebookSession(keys["app_id"], keys["app_secret"], keys["page_token"])
    session.GRAPH = given["base_url"]
    api = FacebookAdsApi(session, api_version="v26.0")
    me = Page("me", api=api).api_get(fields=["id", "name"])
    page = Page(me["id"], api=api)
    first = page.create_feed(params={"message": "From the SDK", "link": "https://example.com/"})
    with pytest.raises(FacebookRequestError) as refused:
        page.create_feed(params={"message": "From the SDK"})
    assert refused.value.api_error_code() == 506
    with (tmp_path / "p.png").open("wb") as file:
        file.write(PICTURE)
    photos = [_photo(api, me["id"], tmp_path / "p.png", alt) for alt in ("one", "two")]
    album = {"message": "Two", "attached_media": [{"media_fbid": number} for number in photos]}
    page.create_feed(params=album)
    staged = page.create_feed(params={"message": "Staged", "published": False})
    assert [post["text"] for post in read(state, "world")["facebook"]] == ["From the SDK", "Two"]
    post = PagePost(staged["id"], api=api)
    assert post.api_get(fields=["is_published"])["is_published"] is False
    post.api_update(params={"is_published": True})
    assert post.api_get(fields=["is_published"])["is_published"] is True
    comment = PagePost(first["id"], api=api).create_comment(params={"message": "The first"})
    listed = page.get_published_posts(fields=["id", "message"])
    assert [item["message"] for item in listed] == ["Staged", "Two", "From the SDK"]
    assert [item["id"] for item in PagePost(first["id"], api=api).get_comments(fields=["message"])] == [comment["id"]]
    (tmp_path / "v.mp4").write_bytes(bytes(2_500_000))
    video = _video(api, me["id"], tmp_path / "v.mp4")
    shown = read(state, "world")["facebook"]
    assert [item["text"] for item in shown] == ["From the SDK", "Two", "Staged", "The first", "Moving"]
    assert shown[-1]["id"] == video
    PagePost(first["id"], api=api).api_delete()
    with pytest.raises(FacebookRequestError) as gone:
        PagePost(first["id"], api=api).api_get(fields=["message"])
    assert (gone.value.api_error_code(), gone.value.api_error_subcode()) == (100, 33)


def _photo(api: Any, page: str, path: Path, alt: str) -> str:
    """Upload a picture unseen; the SDK's own method for it takes no file."""
    with path.open("rb") as file:
        params = {"published": False, "alt_text_custom": alt}
        answer = api.call("POST", (page, "photos"), params=params, files={"source": file})
    return str(answer.json()["id"])


def _video(api: Any, page: str, path: Path) -> str:
    """Upload a video in the three phases that the SDK's uploader goes through."""
    path_of = (page, "videos")
    said = api.call("POST", path_of, params={"upload_phase": "start", "file_size": path.stat().st_size}).json()
    number, session = said["video_id"], said["upload_session_id"]
    with path.open("rb") as file:
        while said["start_offset"] != said["end_offset"]:
            file.seek(int(said["start_offset"]))
            chunk = file.read(int(said["end_offset"]) - int(said["start_offset"]))
            params = {"upload_phase": "transfer", "upload_session_id": session, "start_offset": said["start_offset"]}
            said = api.call("POST", path_of, params=params, files={"video_file_chunk": ("chunk", chunk)}).json()
    params = {"upload_phase": "finish", "upload_session_id": session, "description": "Moving"}
    assert api.call("POST", path_of, params=params).json()["success"] is True
    return str(number)
