"""Every request that we build for Instagram, against what Meta publishes; and proof that the check would notice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from automator import accounts
from automator.ledger.chain import read_body
from connectors.base import Intent
from connectors.instagram.connector import Connector
from connectors.post import Form, Part, Tag
from connectors.signin import CODE
from tests.connectors.instagram.conftest import Place, picture, video
from tests.connectors.instagram.specification import SPECS, Asked, faults

pytestmark = pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")


def recorded(place: Place) -> list[Asked]:
    """Every call, as it left but for the keys."""
    found = []
    rows = place.engine.reader.execute("SELECT seq, said(data) FROM entry WHERE kind = 'call' ORDER BY seq").fetchall()
    for seq, data in rows:
        call = json.loads(data)
        body = read_body(place.engine.reader, seq, call["body"])
        headers = {name.lower(): value for name, value in call["headers"]}
        found.append(Asked(call["method"], "/" + call["url"].split("/", 3)[3], body or b"", headers))
    return found


async def sign_in(place: Place, *, own: bool) -> None:
    """Another account, in the browser."""
    chosen = {"login": "instagram" if own else "facebook"}
    page = Connector(place.session.base, chosen=chosen).sign_in
    assert page is not None
    back = f"{page.scheme}://localhost:8765/callback"
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(page.address("app", back, "state", ""))
    code = parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]
    keys = {"app_id": "app", "app_secret": place.graph.apps["app"].secret, CODE: code}
    await place.engine.connect(accounts.fresh("instagram/again", place.session.base, chosen=chosen), keys, back)


async def everything(place: Place, *, own: bool) -> list[Asked]:
    """All that the connector can do, and what it sent for it."""
    tags = (Tag("@friend", 0.25, 0.75), Tag("other"))
    tagged = replace(picture(place.folder), tags=tags)
    film = replace(video(place.folder), tags=tags[:1])
    comment = Part("First!", (), Form.COMMENT)
    place.world.blocks = 1
    post = await place.post(Part("Hello", (tagged,), collaborators=("@a", "b")), comment)
    assert post.state == "done", post.reason
    await place.post(Part("Many", (tagged, film, picture(place.folder)), collaborators=("a",)))
    for form in (Form.POST, Form.REEL, Form.STORY):
        await place.post(Part("Film", (film,), form))
    place.world.blocks = 1
    await place.post(Part("", (tagged,), Form.STORY))
    network, session = place.network, place.session
    await network.test(session)
    await network.recent(session, place.clock.now() - timedelta(days=1))
    await network.metrics(session, post.results)
    await network.locate(session, post.results[0])
    plan = {"message": "First!", "media": post.results[0]["id"], "begun": place.clock.now().isoformat()}
    await network.find(session, plan)
    await sign_in(place, own=own)
    if not own:
        await network.delete(session, Intent("d", {"published": dict(post.results[0])}))
    assert {found["kind"] for found in place.seen() if "kind" in found} >= {"VIDEO", "CAROUSEL_ALBUM"}
    return recorded(place)


async def test_with_facebook_login(place: Place) -> None:
    """Nothing that is sent is unknown, of a wrong type, or incomplete."""
    sent = await everything(place, own=False)
    assert len(sent) > 40
    assert [(one.method, one.target, faults(one, own=False)) for one in sent if faults(one, own=False)] == []


async def test_with_instagram_login(own: Place) -> None:
    """The same, where videos are fetched and the token is renewed."""
    sent = await everything(own, own=True)
    assert any("refresh_access_token" in one.target for one in sent)
    assert [(one.method, one.target, faults(one, own=True)) for one in sent if faults(one, own=True)] == []


def mutants(asked: Asked) -> Iterator[tuple[str, Asked]]:
    """A request with one thing wrong: each name misspelt, each value of the wrong type, each needed field left out."""
    url = urlsplit(asked.target)
    for kind, pairs in (("query", asked.query), ("form", asked.form)):
        for index, (name, value) in enumerate(pairs):
            rest = [*pairs[:index], *pairs[index + 1 :]]
            changes = {"misspelt": [*rest, (f"{name}s", value)], "doubled letter": [*rest, (name + name[-1], value)]}
            if name in NEEDED:
                changes["left out"] = rest
            if name in TYPED:
                changes["of another type"] = [*rest, (name, TYPED[name])]
            for what, changed in changes.items():
                if kind == "query":
                    yield f"{name} {what}", replace(asked, target=f"{url.path}?{urlencode(changed)}")
                else:
                    yield f"{name} {what}", replace(asked, body=urlencode(changed).encode())
    yield "path misspelt", replace(asked, target=f"{url.path}s?{url.query}")
    other = {"GET": "POST", "POST": "PUT", "DELETE": "POST"}[asked.method]
    yield f"{other} for {asked.method}", replace(asked, method=other)
    for name in ("offset", "file_size"):
        if name in asked.headers:
            yield f"{name} left out", replace(asked, headers={**asked.headers, name: ""})


NEEDED = frozenset(
    {"creation_id", "message", "image_url", "video_url", "upload_type", "children", "media_type", "fields", "metric"}
    | {"grant_type", "is_carousel_item"}
)
TYPED = {
    "creation_id": "abc", "children": "1", "user_tags": '["friend"]', "collaborators": '{"a": 1}', "media_type": "7",
    "is_carousel_item": "perhaps", "share_to_feed": "2", "image_url": "picture.jpg", "video_url": "film.mp4",
    "upload_type": "at once", "limit": "many", "fields": "[1]", "metric": "7", "grant_type": "password",
}  # fmt: skip


async def test_the_check_notices_what_is_wrong(place: Place) -> None:
    """Of all requests with one mistake each, at least 95 % are caught."""
    sent = {(one.method, one.target, one.body): one for one in await everything(place, own=False)}
    made = [(one, what, mutant) for one in sent.values() for what, mutant in mutants(one)]
    missed = [(what, mutant.method, mutant.target) for _, what, mutant in made if not faults(mutant, own=False)]
    assert len(made) > 200
    assert len(missed) <= len(made) * 0.05, missed
