"""Meta's own SDK publishes to the Instagram twin, as it does to the real one: a twin is honest only if it can."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.sandboxed import read

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def sdk(state: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The SDK with the sandbox's address in place of Meta's; the proof of the app's secret is its own."""
    api = pytest.importorskip("facebook_business.api")
    session = pytest.importorskip("facebook_business.session")
    given = read(state, "accounts")["instagram/brand"]
    monkeypatch.setattr(session.FacebookSession, "GRAPH", given["base_url"])
    keys = given["secrets"]
    made = api.FacebookAdsApi(session.FacebookSession("app", keys["app_secret"], keys["access_token"]), "v26.0")
    api.FacebookAdsApi.set_default_api(made)
    return made


def shown(state: Path, name: str, **how: Any) -> str:
    """The address of a picture on the sandbox's media host."""
    Image.new("RGB", how.pop("size", (400, 400)), (9, 90, len(name))).save(state / "media" / name, **how)
    line = next(line for line in (state / "media.toml").read_text().splitlines() if line.startswith("public_url"))
    address = line.split('"')[1]
    return f"{address}/{name}"


def account(sdk: Any) -> Any:
    from facebook_business.adobjects.iguser import IGUser  # noqa: PLC0415 - in continuous integration only
    from facebook_business.adobjects.page import Page  # noqa: PLC0415 - as above

    page = Page("me", api=sdk).api_get(fields=["instagram_business_account"])
    return IGUser(page["instagram_business_account"]["id"], api=sdk)


def test_the_sdk_publishes_reads_comments_and_deletes(state: Path, sdk: Any) -> None:
    """A picture with everything: container, status, publish, list, comment, figures, quota, delete."""
    from facebook_business.adobjects.igmedia import IGMedia  # noqa: PLC0415 - as above

    user = account(sdk)
    tags = [{"username": "friend", "x": 0.5, "y": 0.5}]
    params = {"image_url": shown(state, "a.jpg"), "caption": "From the SDK", "alt_text": "A.", "user_tags": tags}
    container = user.create_media(params=params)
    status = sdk.call("GET", (container["id"],), params={"fields": "status_code"}).json()
    assert status["status_code"] == "FINISHED"
    media = user.create_media_publish(params={"creation_id": container["id"]})
    (listed,) = user.get_media(fields=["id", "caption", "permalink", "timestamp"])
    assert (listed["id"], listed["caption"]) == (media["id"], "From the SDK")
    one = IGMedia(media["id"], api=sdk)
    one.create_comment(params={"message": "First!"})
    assert [comment["text"] for comment in one.get_comments(fields=["text"])] == ["First!"]
    assert one.api_get(fields=["like_count", "comments_count"])["comments_count"] == 1
    (quota,) = user.get_content_publishing_limit(fields=["quota_usage", "config"])
    assert (quota["quota_usage"], quota["config"]["quota_total"]) == (1, 50)
    assert [post["text"] for post in read(state, "world")["instagram"]] == ["From the SDK", "First!"]
    one.api_delete()
    assert list(user.get_media(fields=["id"])) == []


def test_the_sdk_publishes_a_carousel(state: Path, sdk: Any) -> None:
    """Its lists are understood as it writes them."""
    user = account(sdk)
    children = [
        user.create_media(params={"image_url": shown(state, f"{n}.jpg"), "is_carousel_item": True})["id"] for n in "abc"
    ]
    whole = user.create_media(params={"media_type": "CAROUSEL", "children": children, "caption": "Three"})
    user.create_media_publish(params={"creation_id": whole["id"]})
    (post,) = read(state, "world")["instagram"]
    assert (post["kind"], len(post["files"])) == ("CAROUSEL_ALBUM", 3)


@pytest.mark.parametrize(
    ("name", "how", "numbers"),
    [
        ("tall.jpg", {"size": (400, 900)}, (36003, 2207009)),
        ("png.jpg", {"format": "PNG"}, (36001, 2207005)),
    ],
)
def test_the_sdk_reads_the_twins_errors(
    state: Path, sdk: Any, name: str, how: dict[str, Any], numbers: tuple[int, int]
) -> None:
    """As it reads Meta's: code and subcode."""
    errors = pytest.importorskip("facebook_business.exceptions")
    with pytest.raises(errors.FacebookRequestError) as refused:
        account(sdk).create_media(params={"image_url": shown(state, name, **how)})
    assert (refused.value.api_error_code(), refused.value.api_error_subcode()) == numbers


def test_what_can_not_be_fetched_is_refused(state: Path, sdk: Any) -> None:
    """A media host that answers 404."""
    errors = pytest.importorskip("facebook_business.exceptions")
    address = shown(state, "a.jpg").replace("a.jpg", "b.jpg")
    with pytest.raises(errors.FacebookRequestError) as refused:
        account(sdk).create_media(params={"image_url": address})
    assert (refused.value.api_error_code(), refused.value.api_error_subcode()) == (9004, 2207052)


def test_a_container_is_published_once(state: Path, sdk: Any) -> None:
    """A second call is an error, and nothing comes of it."""
    errors = pytest.importorskip("facebook_business.exceptions")
    user = account(sdk)
    container = user.create_media(params={"image_url": shown(state, "a.jpg")})
    user.create_media_publish(params={"creation_id": container["id"]})
    with pytest.raises(errors.FacebookRequestError):
        user.create_media_publish(params={"creation_id": container["id"]})
    assert len(read(state, "world")["instagram"]) == 1
