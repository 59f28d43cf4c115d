"""What is common to Facebook and Instagram: errors, usage, proof, versions, and the twin's own rules."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Absence, Effect, Kind, Operation, Scope
from connectors.graph import errors, proof, usage, version
from connectors.graph.twin import App, Graph, Page, application, names

ONCE = Operation("graph.once", Effect.ONCE, Scope.WRITE, Absence.EVIDENCE)
AGAIN = Operation("graph.again", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
READ = Operation("graph.read", Effect.READ, Scope.READ)
KEYS = Operation("graph.keys", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)
DATE = "Wed, 25 Nov 2026 06:00:00 GMT"
NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)


def error(code: int, subcode: int = 0, message: str = "m", **more: Any) -> str:
    return json.dumps({"error": {"code": code, "error_subcode": subcode, "message": message, **more}})


CASES = [
    (ONCE, 200, '{"id":"1"}', Kind.OK, ""),
    (ONCE, 200, "{}", Kind.UNKNOWN, "without id"),
    *((ONCE, 200, json.dumps({"id": odd}), Kind.UNKNOWN, "without id") for odd in ([], {}, ["1"], True, 0, "", None)),
    (ONCE, 200, '{"id":17}', Kind.OK, ""),
    (ONCE, 200, "", Kind.UNKNOWN, "JSON"),
    (ONCE, 200, "<html>", Kind.UNKNOWN, "JSON"),
    (ONCE, 200, '{"error":{"code":1}}', Kind.UNKNOWN, "says 1"),
    (ONCE, 302, "", Kind.UNKNOWN, "302"),
    (ONCE, 500, "", Kind.UNKNOWN, "500"),
    (ONCE, 403, "<html>", Kind.UNKNOWN, "403"),
    (ONCE, 429, "", Kind.LATER, "limit"),
    (ONCE, 500, error(1), Kind.UNKNOWN, "says 1"),
    (ONCE, 400, error(2, is_transient=True), Kind.UNKNOWN, "says 2"),
    (ONCE, 400, error(555, is_transient=True), Kind.UNKNOWN, "says 555"),
    (ONCE, 400, error(555), Kind.UNKNOWN, "says 555"),
    (AGAIN, 400, error(555), Kind.REJECTED, "says 555"),
    (AGAIN, 500, error(555), Kind.UNKNOWN, "500"),
    (ONCE, 503, error(200), Kind.UNKNOWN, "503"),
    (READ, 400, error(1), Kind.UNKNOWN, "says 1"),
    (ONCE, 400, error(100, 33), Kind.UNKNOWN, "100/33"),
    (AGAIN, 400, error(100, 33), Kind.REJECTED, "no such thing"),
    (READ, 400, error(100, 33), Kind.REJECTED, "no such thing"),
    (ONCE, 400, error(100, message="(#100) bad"), Kind.REJECTED, "bad"),
    (ONCE, 400, error(100, error_user_title="No", error_user_msg="way."), Kind.REJECTED, "No way."),
    *((ONCE, 400, error(code), Kind.LATER, "limit") for code in (4, 17, 32, 341, 613, 80001, 80002, 80014)),
    (ONCE, 400, error(506), Kind.REJECTED, "duplicate"),
    (ONCE, 400, error(100, 1366051), Kind.REJECTED, "already"),
    (AGAIN, 400, error(100, 1366046), Kind.REJECTED, "4 MB"),
    (ONCE, 400, error(368), Kind.REJECTED, "rules"),
    (ONCE, 400, error(368, 1390008), Kind.REJECTED, "too fast"),
    (ONCE, 400, error(368, 4854002), Kind.REJECTED, "prove"),
    (ONCE, 400, error(368, 1404078), Kind.REJECTED, "authorised"),
    (ONCE, 400, error(1609005), Kind.REJECTED, "address"),
    (ONCE, 403, error(10, message="needs pages_manage_posts"), Kind.REJECTED, "pages_manage_posts"),
    (ONCE, 403, error(200), Kind.REJECTED, "no right"),
    (ONCE, 403, error(299), Kind.REJECTED, "no right"),
    (ONCE, 403, error(200, message="in development mode"), Kind.REJECTED, "people with a role"),
    (AGAIN, 400, error(100, message="Invalid appsecret_proof"), Kind.REJECTED, "not that of the app"),
    (KEYS, 400, error(1, message="Error validating client secret."), Kind.REJECTED, "app secret is wrong"),
    (KEYS, 400, error(101), Kind.REJECTED, "app with this id"),
    (KEYS, 400, error(190, 460), Kind.REJECTED, "password"),
    *((ONCE, 401, error(190, subcode), Kind.LATER, words) for subcode, words in errors.TOKENS.items()),
    (ONCE, 401, error(190), Kind.LATER, "does not accept"),
    (ONCE, 401, error(102), Kind.LATER, "does not accept"),
]


@pytest.mark.parametrize(("operation", "status", "body", "kind", "words"), CASES)
def test_outcomes(operation: Operation, status: int, body: str, kind: Kind, words: str) -> None:
    """What an error means depends on its numbers and on what a repeat would do; what is doubtful is unknown."""
    holds = {ONCE.name: ("id",)}
    outcome = errors.judge(operation, httpx.Response(status, content=body.encode()), holds, ("id",))
    assert outcome.kind is kind
    assert words in outcome.reason
    assert outcome.renew == (kind is Kind.LATER and "limit" not in outcome.reason)


@given(st.binary(max_size=80), st.integers(200, 599))
def test_no_answer_is_too_odd_to_be_judged(content: bytes, status: int) -> None:
    """Judging raises for nothing that a server may send."""
    errors.judge(ONCE, httpx.Response(status, content=content), {ONCE.name: ("id",)})


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
SAID = st.fixed_dictionaries(
    {}, optional={"call_count": ODD, "total_time": ODD, "type": ODD, "estimated_time_to_regain_access": ODD}
)


@given(ODD | SAID | st.dictionaries(st.text(max_size=3), st.lists(SAID, max_size=2)), st.text(max_size=9))
def test_no_header_is_too_odd_to_be_read(said: Any, date: str) -> None:
    """Whatever the usage headers hold, readings are numbers and an instant is one or none."""
    names = ("x-app-usage", "x-page-usage", "x-business-use-case-usage")
    headers = {name: json.dumps(said) for name in names} | {"date": date}
    for reading in usage.readings(headers, {"pages": usage.of_business("page-usage")}):
        assert isinstance(reading.remaining, int)
    usage.until(headers)
    errors.said({"error": said})


def test_usage_is_the_highest_that_any_header_says() -> None:
    """Three counts, three headers: the tightest one is in force."""
    business = {"pages": usage.of_business("page-usage")}
    headers = {
        "x-app-usage": '{"call_count":28,"total_time":25,"total_cputime":30}',
        "x-page-usage": '{"call_count":5,"total_time":0,"total_cputime":0}',
        "x-business-use-case-usage": '{"1":[{"type":"pages","call_count":60.5,"total_time":1,"total_cputime":1}]}',
    }
    found = {reading.budget: reading.remaining for reading in usage.readings(headers, business)}
    assert found == {"app-usage": 70_000, "page-usage": 39_500}


def test_a_block_counts_as_long_as_it_lasts() -> None:
    """Twelve hours' wait leave a budget that drains for twelve hours before anything fits."""
    said = {"1": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 720}]}
    headers = {"x-business-use-case-usage": json.dumps(said), "date": DATE}
    (reading,) = usage.readings(headers, {"pages": usage.of_business("page-usage")})
    assert reading.remaining == -50_000
    assert usage.until(headers) == NOW + timedelta(hours=12)
    assert usage.until({"date": DATE}) == NOW + usage.BLOCK
    assert usage.until({}) is None


def test_a_call_is_signed_in_its_header_and_proven() -> None:
    """The token stands in no address; the proof is that of RFC 2104 with SHA-256."""
    keys = {"page_token": "token-1", "app_secret": "secret-1"}
    request = httpx.Request("GET", "https://graph.facebook.com/v26.0/me?fields=id")
    signed = proof.signed(request, keys, "page_token")
    wanted = hmac.new(b"secret-1", b"token-1", hashlib.sha256).hexdigest()
    assert signed.headers["authorization"] == "Bearer token-1"
    assert dict(signed.url.params) == {"fields": "id", "appsecret_proof": wanted}
    upload = httpx.Request("POST", "https://rupload.facebook.com/video-upload/v26.0/1", content=b"x")
    assert proof.signed(upload, keys, "page_token").headers["authorization"] == "OAuth token-1"
    bare = proof.signed(request, {"page_token": "token-1"}, "page_token")
    assert "appsecret_proof" not in bare.url.params


@pytest.mark.parametrize(
    ("chosen", "at", "words"),
    [
        ("v26.0", NOW, ""),
        ("v25.0", NOW, ""),
        ("v23.0", datetime(2027, 4, 10, tzinfo=UTC), ""),
        ("v23.0", datetime(2027, 4, 12, tzinfo=UTC), "ends on 2027-10-08"),
        ("v23.0", datetime(2027, 10, 8, tzinfo=UTC), "has ended on 2027-10-08"),
        ("v21.0", NOW, "ends on 2027-01-21"),
        ("v99.0", NOW, "newer or older"),
    ],
)
def test_a_version_is_warned_of_months_before_it_ends(chosen: str, at: datetime, words: str) -> None:
    """The warning names the day, and what to choose instead."""
    said = version.warning(chosen, at, "facebook")
    assert words in said
    assert bool(said) == bool(words)


def test_fields_are_read_with_what_is_asked_of_each() -> None:
    """``likes.limit(0).summary(true)`` and braces name one field each."""
    assert names("id,likes.limit(0).summary(true),attachments{media,target{id}},name") == [
        "id",
        "likes",
        "attachments",
        "name",
    ]


@pytest.fixture
async def graph(serve: Any) -> Any:
    world = Graph(lambda: NOW)
    world.apps["1"] = App("1", "right")
    world.people["2"] = "Ann"
    world.pages["3"] = Page("3", "Brand")
    return world, await serve(application(world))


async def test_the_twin_knows_tokens_proofs_and_rights(graph: Any) -> None:
    """What it accepts proves something: a wrong secret, a dead token and a missing right are each told apart."""
    world, url = graph
    token = world.token("1", "2", scopes=["pages_show_list"])
    good = proof.proof(token, "right")
    async with httpx.AsyncClient(base_url=f"{url}/v26.0", headers={"authorization": f"Bearer {token}"}) as client:
        shown = (await client.get("/me/accounts", params={"appsecret_proof": good})).json()["data"]
        assert [page["name"] for page in shown] == ["Brand"]
        assert world.tokens[shown[0]["access_token"]].page == "3"
        wrong = await client.get("/me/accounts", params={"appsecret_proof": "0" * 64})
        assert "appsecret_proof" in wrong.json()["error"]["message"]
        world.apps["1"].strict = True
        assert (await client.get("/me/accounts")).status_code == 400
        world.tokens[token].dead = 460
        dead = await client.get("/me/accounts", params={"appsecret_proof": good})
        assert (dead.status_code, dead.json()["error"]["error_subcode"]) == (401, 460)
        exchange = {"grant_type": "fb_exchange_token", "client_id": "1", "client_secret": "wrong"}
        assert "client secret" in (await client.post("/oauth/access_token", data=exchange)).json()["error"]["message"]


async def test_the_twin_says_its_usage_and_throttles(graph: Any) -> None:
    """Headers and the error of a limit, as Graph has them."""
    world, url = graph
    token = world.token("1", "2", scopes=["pages_show_list"])
    world.usage["x-app-usage"] = {"call_count": 100, "total_time": 1, "total_cputime": 1}
    world.throttled = 32
    headers = {"authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as session, session.get(f"{url}/v26.0/me/accounts", headers=headers) as answer:
        assert answer.status == 403
        assert json.loads(answer.headers["x-app-usage"])["call_count"] == 100
        assert (await answer.json())["error"]["code"] == 32


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ("17_1", Kind.OK),
        (17, Kind.OK),
        ("", Kind.UNKNOWN),
        (None, Kind.UNKNOWN),
        ([], Kind.UNKNOWN),
        ({}, Kind.UNKNOWN),
        (["17"], Kind.UNKNOWN),
        (True, Kind.UNKNOWN),
        (0, Kind.UNKNOWN),
    ],
)
def test_an_id_is_text_or_a_number(found: Any, kind: Kind) -> None:
    """What was published is known by it, so an answer with anything else in its place is no proof of it."""
    publish = Operation("graph.publish", Effect.ONCE, Scope.WRITE, Absence.PROOF)
    answer = httpx.Response(200, json={"id": found})
    outcome = errors.judge(publish, answer, {publish.name: ("id",)}, ("id",))
    assert outcome.kind is kind
    assert outcome.result == ({"id": str(found)} if kind is Kind.OK else {})
