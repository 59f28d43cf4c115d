"""Call by call, the twin answers what the real server answers: the same table runs against both."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx
import pytest
from PIL import Image

from connectors.bluesky.tid import ALPHABET
from tests.connectors.bluesky.servers import HANDLE, PASSWORD, Served, needs_server, real, twinned

POST = "app.bsky.feed.post"
PUT, GET = "com.atproto.repo.putRecord", "com.atproto.repo.getRecord"
SIGN_IN, SESSION = "com.atproto.server.createSession", "com.atproto.server.getSession"
REFRESH, RESOLVE = "com.atproto.server.refreshSession", "com.atproto.identity.resolveHandle"
DELETE, UPLOAD = "com.atproto.repo.deleteRecord", "com.atproto.repo.uploadBlob"
CREATE = "com.atproto.repo.createRecord"
STRANGER = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
NOWHERE = "bafkreih3zpsjrrxidwwe6jtuz5oxyefg4v3ws4boxmyggbbtqvbsrr3moi"
FAMILY = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}"
OK, WRONG = (200, None), (400, "InvalidRequest")
GONE = object()  #: in a table: leave this out

_numbers = count()


def key() -> str:
    """A record key that no other row uses."""
    number = next(_numbers)
    return "3mabcdefgh" + "".join(ALPHABET[number // 32**place % 32] for place in (2, 1, 0))


def post(**more: Any) -> dict[str, Any]:
    made = {"$type": POST, "text": "Hi", "createdAt": "2026-12-01T09:00:00.000Z"} | more
    return {name: value for name, value in made.items() if value is not GONE}


def facet(start: int, end: int, uri: str = "https://example.com") -> dict[str, Any]:
    link = {"$type": "app.bsky.richtext.facet#link", "uri": uri}
    return {"index": {"byteStart": start, "byteEnd": end}, "features": [link]}


def card(**more: Any) -> dict[str, Any]:
    made = {"uri": "https://example.com", "title": "t", "description": ""} | more
    external = {name: value for name, value in made.items() if value is not GONE}
    return {"$type": "app.bsky.embed.external", "external": external}


class Caller:
    """Somebody signed in, who asks past the product."""

    def __init__(self, there: Served) -> None:
        self.there, self.did = there, there.did
        self.client = httpx.Client(base_url=f"{there.url}/xrpc/", timeout=20)
        session = self.client.post(SIGN_IN, json={"identifier": HANDLE, "password": PASSWORD}).json()
        self.access, self.refresh = session["accessJwt"], session["refreshJwt"]
        picture = io.BytesIO()
        Image.new("RGB", (20, 10)).save(picture, "PNG")
        self.picture = picture.getvalue()
        answer = self.call("POST", UPLOAD, content=self.picture, headers={"content-type": "image/png"})
        self.blob = answer.json()["blob"]

    def call(self, method: str, name: str, token: str | None = "", **content: Any) -> httpx.Response:
        bearer = {} if token is None else {"authorization": f"Bearer {token or self.access}"}
        return self.client.request(method, name, headers=bearer | content.pop("headers", {}), **content)

    def put(self, record: Any = None, token: str | None = "", **more: Any) -> httpx.Response:
        made = {"repo": self.did, "collection": POST, "rkey": key(), "record": record or post()} | more
        return self.call("POST", PUT, token, json={name: value for name, value in made.items() if value is not GONE})

    def images(self, number: int = 1, **more: Any) -> dict[str, Any]:
        made = {"image": self.blob, "alt": ""} | more
        image = {name: value for name, value in made.items() if value is not GONE}
        return {"$type": "app.bsky.embed.images", "images": [image] * number}


@pytest.fixture(scope="module", params=["twin", pytest.param("real", marks=needs_server)])
def caller(request: pytest.FixtureRequest) -> Iterator[Caller]:
    with (twinned if request.param == "twin" else real)() as there:
        made = Caller(there)
        yield made
        made.client.close()


def said(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("error") if answer.content else None


RECORDS: dict[str, tuple[dict[str, Any], tuple[int, str | None]]] = {
    "plain": (post(), OK),
    "no type": (post(**{"$type": GONE}), OK),
    "another type": (post(**{"$type": "app.bsky.feed.like"}), WRONG),
    "a field nobody knows": (post(colour="blue"), OK),
    "no text": (post(text=GONE), WRONG),
    "text that is a number": (post(text=5), WRONG),
    "empty text": (post(text=""), OK),
    "300 graphemes": (post(text="e\N{COMBINING ACUTE ACCENT}" * 300), OK),
    "301 graphemes": (post(text="e\N{COMBINING ACUTE ACCENT}" * 301), WRONG),
    "3,000 bytes": (post(text=FAMILY * 166 + "x" * 12), OK),
    "3,006 bytes": (post(text=FAMILY * 167), WRONG),
    "no time": (post(createdAt=GONE), WRONG),
    "a time that is none": (post(createdAt="yesterday"), WRONG),
    "a facet": (post(facets=[facet(0, 2)]), OK),
    "a facet beyond the text": (post(facets=[facet(0, 99)]), OK),
    "a facet that ends before it begins": (post(facets=[facet(2, 0)]), OK),
    "a facet before the text": (post(facets=[facet(-1, 2)]), WRONG),
    "a link that is none": (post(facets=[facet(0, 2, "nonsense")]), WRONG),
    "a facet that says not where": (post(facets=[{"features": []}]), WRONG),
    "eight tags": (post(tags=[str(number) for number in range(8)]), OK),
    "nine tags": (post(tags=[str(number) for number in range(9)]), WRONG),
    "three languages": (post(langs=["en"] * 3), OK),
    "four languages": (post(langs=["en"] * 4), WRONG),
    "a card": (post(embed=card()), OK),
    "a card without a title": (post(embed=card(title=GONE)), WRONG),
    "a card without a description": (post(embed=card(description=GONE)), WRONG),
    "a card to nowhere": (post(embed=card(uri="nonsense")), WRONG),
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_are_taken_or_refused_alike(caller: Caller, name: str) -> None:
    """Every limit on both sides, and what the server lets pass though it makes no sense."""
    record, expected = RECORDS[name]
    assert said(caller.put(record)) == expected


def test_pictures_are_judged_alike(caller: Caller) -> None:
    """Number, size, type, text for the blind, and whether they were uploaded."""
    blob = caller.blob
    huge, film = blob | {"size": 5_000_000}, blob | {"mimeType": "video/mp4"}
    missing = blob | {"ref": {"$link": NOWHERE}}
    table = [
        (caller.images(), OK),
        (caller.images(4), OK),
        (caller.images(5), WRONG),
        (caller.images(alt=GONE), WRONG),
        (caller.images(image=huge), WRONG),
        (caller.images(image=film), WRONG),
        (caller.images(image=missing), (400, "BlobNotFound")),
    ]
    assert [said(caller.put(post(embed=embed))) for embed, _ in table] == [expected for _, expected in table]
    vague = caller.call("POST", UPLOAD, content=caller.picture, headers={"content-type": "*/*"})
    assert vague.json()["blob"]["mimeType"] == "image/png"
    upload = caller.call("POST", UPLOAD, None, content=b"x", headers={"content-type": "image/png"})
    assert said(upload) == (401, "AuthMissing")


def test_videos_are_judged_alike(caller: Caller) -> None:
    """Type by content, text for the blind as one likes, shape, and whether it was uploaded."""
    film = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(3000)
    answer = caller.call("POST", UPLOAD, content=film, headers={"content-type": "video/mp4"})
    blob = answer.json()["blob"]
    assert (blob["mimeType"], blob["size"]) == ("video/mp4", len(film))
    video = {"$type": "app.bsky.embed.video", "video": blob}
    table = [
        (video, OK),
        (video | {"alt": "A clip", "aspectRatio": {"width": 16, "height": 9}}, OK),
        (video | {"aspectRatio": {"width": 0, "height": 9}}, WRONG),
        (video | {"aspectRatio": {"width": 16}}, WRONG),
        (video | {"video": caller.blob}, WRONG),
        (video | {"video": blob | {"size": 300_000_001}}, WRONG),
        (video | {"video": blob | {"ref": {"$link": NOWHERE}}}, (400, "BlobNotFound")),
        ({"$type": "app.bsky.embed.video"}, WRONG),
    ]
    assert [said(caller.put(post(embed=embed))) for embed, _ in table] == [expected for _, expected in table]


def test_replies_are_judged_alike(caller: Caller) -> None:
    """A reply names its parents by address and digest."""
    first = caller.put().json()
    ref = {"uri": first["uri"], "cid": first["cid"]}
    table = [
        ({"root": ref, "parent": ref}, OK),
        ({"root": {"uri": ref["uri"]}, "parent": ref}, WRONG),
        ({"root": ref | {"cid": "x"}, "parent": ref}, WRONG),
        ({"root": ref}, WRONG),
    ]
    assert [said(caller.put(post(reply=reply))) for reply, _ in table] == [expected for _, expected in table]


def test_keys_and_places_are_judged_alike(caller: Caller) -> None:
    """What is no key of a post, no collection, no account of this server's."""
    thing = {"$type": "com.example.thing", "a": 1}
    table: list[tuple[dict[str, Any], tuple[int, str | None]]] = [
        ({"repo": HANDLE}, OK),
        ({"repo": STRANGER}, (403, "AccountNotFound")),
        ({"rkey": "not/a/key"}, WRONG),
        ({"rkey": "hello"}, WRONG),
        ({"rkey": GONE}, WRONG),
        ({"collection": "nonsense"}, WRONG),
        ({"collection": "com.example.thing", "record": thing, "rkey": "hello"}, OK),
        ({"record": GONE}, WRONG),
        ({"colour": "blue"}, OK),
        ({"token": None}, (401, "AuthMissing")),
    ]
    assert [said(caller.put(**change)) for change, _ in table] == [expected for _, expected in table]


def test_the_same_key_again_is_judged_alike(caller: Caller) -> None:
    """What our promise rests on: the same again changes nothing, another one is refused if we ask for it."""
    rkey = key()
    first = caller.put(rkey=rkey).json()
    again = caller.put(rkey=rkey, swapRecord=None)
    assert (said(again), again.json()["cid"], "commit" in again.json()) == (OK, first["cid"], False)
    assert said(caller.put(post(text="Other"), rkey=rkey, swapRecord=None)) == (400, "InvalidSwap")
    assert said(caller.put(post(text="Other"), rkey=rkey, swapRecord=NOWHERE)) == (400, "InvalidSwap")
    other = caller.put(post(text="Other"), rkey=rkey)
    assert (said(other), other.json()["cid"] != first["cid"]) == (OK, True)


def test_reading_and_deleting_are_alike(caller: Caller) -> None:
    """What is there, what is not, and what is somebody else's."""
    rkey = key()
    uri = caller.put(rkey=rkey).json()["uri"]
    where = {"repo": caller.did, "collection": POST, "rkey": rkey}

    def get(**more: str) -> httpx.Response:
        return caller.call("GET", GET, None, params=where | more)

    def delete(token: str | None = "", **more: str) -> httpx.Response:
        return caller.call("POST", DELETE, token, json=where | more)

    assert (get().json()["uri"], get(repo=HANDLE).json()["uri"]) == (uri, uri)
    assert said(get(rkey="3mabcdefghzzz")) == (400, "RecordNotFound")
    assert said(get(repo=STRANGER)) == WRONG
    assert [said(delete(None)), said(delete(repo=STRANGER))] == [(401, "AuthMissing"), (403, "AccountNotFound")]
    assert [said(delete()), said(delete()), said(get())] == [OK, OK, (400, "RecordNotFound")]


def test_sessions_are_alike(caller: Caller) -> None:
    """Wrong passwords, tokens of the wrong kind, and a renewal whose answer was lost."""
    wrong = [{"identifier": HANDLE, "password": "no"}, {"identifier": "nobody.test", "password": "x"}]
    assert [said(caller.call("POST", SIGN_IN, None, json=body)) for body in wrong] == [
        (401, "AuthenticationRequired")
    ] * 2
    assert said(caller.call("POST", SIGN_IN, None, json={"identifier": HANDLE})) == WRONG
    bad = caller.call("POST", SIGN_IN, None, content=b"{", headers={"content-type": "application/json"})
    assert said(bad) == (400, "SyntaxError")
    assert said(caller.call("GET", SESSION)) == OK
    assert said(caller.call("GET", SESSION, None)) == (401, "AuthMissing")
    assert said(caller.call("GET", SESSION, None, headers={"authorization": "Basic eDp5"})) == (400, "InvalidToken")
    assert said(caller.call("GET", SESSION, "a.b.c")) == (400, "InvalidToken")
    assert said(caller.call("GET", SESSION, caller.refresh)) == (400, "InvalidToken")
    assert said(caller.call("GET", SESSION, content=b"x", headers={"content-type": "text/plain"})) == WRONG
    assert said(caller.call("POST", REFRESH)) == (400, "InvalidToken")
    assert said(caller.call("POST", REFRESH, None)) == (401, "AuthMissing")
    renewed = [caller.call("POST", REFRESH, caller.refresh) for _ in range(2)]
    assert [said(answer) for answer in renewed] == [OK, OK], "one that was used may be used again for a while"
    caller.access = renewed[1].json()["accessJwt"]
    assert said(caller.call("GET", SESSION)) == OK


def test_names_and_unknown_methods_are_alike(caller: Caller) -> None:
    """Who is here, who is not, and what is not served."""
    assert said(caller.call("GET", RESOLVE, None, params={"handle": HANDLE})) == OK
    assert said(caller.call("GET", RESOLVE, None, params={"handle": "nobody.test"})) == WRONG
    assert said(caller.call("GET", "com.atproto.repo.nonsense", None)) == WRONG
    assert said(caller.call("GET", PUT)) == WRONG


def left(answer: httpx.Response) -> tuple[str, int]:
    """The limit that an answer speaks of, and what is left of it."""
    assert answer.headers["ratelimit-limit"] == answer.headers["ratelimit-policy"].partition(";")[0]
    return answer.headers["ratelimit-policy"], int(answer.headers["ratelimit-remaining"])


def test_requests_are_counted_alike(caller: Caller) -> None:
    """Each call that is let in takes one of 3,000 in five minutes, also one that is refused then; others take none."""
    everything = "3000;w=300"
    policy, before = left(caller.call("GET", SESSION))
    assert policy == everything
    nobody = caller.call("GET", RESOLVE, None, params={"handle": "nobody.test"})
    assert left(nobody) == (everything, before - 1)
    assert left(caller.call("GET", "com.atproto.repo.nonsense", None)) == (everything, before - 2)
    for answer in (caller.call("GET", SESSION, "a.b.c"), caller.put(record=GONE), caller.put(token=None)):
        assert answer.status_code >= 400
        assert "ratelimit-limit" not in answer.headers
    last = caller.call("GET", SESSION)
    assert left(last) == (everything, before - 3)
    assert 0 <= int(last.headers["ratelimit-reset"]) - time.time() <= 300


def test_signing_in_is_limited_alike(caller: Caller) -> None:
    """Thirty times in five minutes for one name, wrong or right; another name is not held up."""
    body = {"identifier": "often.test", "password": "no"}
    for number in range(30):
        answer = caller.call("POST", SIGN_IN, None, json=body)
        assert (said(answer), left(answer)) == ((401, "AuthenticationRequired"), ("30;w=300", 29 - number))
    for _ in range(2):
        answer = caller.call("POST", SIGN_IN, None, json=body)
        assert (said(answer), left(answer)) == ((429, "RateLimitExceeded"), ("30;w=300", 0))
    assert said(caller.call("POST", SIGN_IN, None, json=body | {"identifier": "other.test"}))[0] == 401


def test_uploads_are_counted_alike(caller: Caller) -> None:
    """A thousand pictures in a day."""
    picture = {"content": caller.picture, "headers": {"content-type": "image/png"}}
    (policy, before), second = (left(caller.call("POST", UPLOAD, **picture)) for _ in range(2))
    assert policy == "1000;w=86400"
    assert second == (policy, before - 1)


def test_points_are_counted_alike(caller: Caller) -> None:
    """A creation takes three points of 5,000 an hour, a put two, a deletion one; what is refused takes them too."""
    elsewhere = {"repo": STRANGER, "collection": POST, "record": post()}
    for _ in range(1050):  # until there is less of the hour left than of the five minutes
        policy, before = left(caller.call("POST", CREATE, json=elsewhere))
        if policy == "5000;w=3600":
            break
    assert policy == "5000;w=3600"
    assert left(caller.call("POST", CREATE, json=elsewhere)) == (policy, before - 3)
    rkey = key()
    assert left(caller.put(rkey=rkey)) == (policy, before - 5)
    where = {"repo": caller.did, "collection": POST, "rkey": rkey}
    assert left(caller.call("POST", DELETE, json=where)) == (policy, before - 6)
