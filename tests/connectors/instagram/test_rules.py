"""What answers mean, and who a key belongs to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from automator import accounts
from connectors.base import Kind, NotNow, Operation
from connectors.graph import insights
from connectors.graph.twin import GRAPH
from connectors.instagram import limits, operations, outcomes, settle
from connectors.instagram.connector import Connector
from connectors.network import Rejected
from connectors.post import Part
from tests.connectors.instagram.conftest import Place, picture
from tests.stored import unpacked

AT = "Wed, 25 Nov 2026 07:00:00 GMT"
NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)


def answer(code: int, subcode: int = 0, status: int = 400, message: str = "no", **headers: str) -> httpx.Response:
    error = {"message": message, "type": "OAuthException", "code": code, "error_subcode": subcode, "fbtrace_id": "A1"}
    return httpx.Response(status, json={"error": error}, headers={"date": AT, **headers})


@pytest.mark.parametrize(
    ("operation", "given", "kind", "words"),
    [
        (operations.PUBLISH, answer(4, 2207051, 403), Kind.UNKNOWN, "blocks"),
        (operations.CONTAINER, answer(4, 2207051, 403), Kind.LATER, "blocks"),
        (operations.PUBLISH, answer(24, 2207006), Kind.UNKNOWN, "does not find"),
        (operations.CONTAINER, answer(24, 2207006), Kind.REJECTED, "does not find"),
        (operations.PUBLISH, answer(24, 2207008), Kind.LATER, "does not find the media yet"),
        (operations.PUBLISH, answer(9007, 2207027), Kind.LATER, "still working"),
        (operations.PUBLISH, answer(9, 2207042, 403), Kind.LATER, "24 hours"),
        (operations.PUBLISH, answer(25, 2207050, 403), Kind.REJECTED, "restricted"),
        (operations.PUBLISH, answer(-1, 2207001, 500), Kind.UNKNOWN, "-1/2207001"),
        (operations.PUBLISH, answer(1), Kind.UNKNOWN, ""),
        (operations.PUBLISH, answer(2, status=500), Kind.UNKNOWN, ""),
        (operations.PUBLISH, answer(100, 33), Kind.UNKNOWN, ""),
        (operations.PUBLISH, answer(12345), Kind.UNKNOWN, ""),
        (operations.PUBLISH, answer(190, 463, 401), Kind.LATER, "expired"),
        (operations.PUBLISH, answer(10, 0, 403, "needs instagram_content_publish"), Kind.REJECTED, "no right"),
        (operations.PUBLISH, answer(200, 0, 403, "The app is in development mode"), Kind.REJECTED, "development mode"),
        (operations.PUBLISH, answer(80002), Kind.LATER, "limit"),
        (operations.PUBLISH, answer(4), Kind.LATER, "limit"),
        (operations.CONTAINER, answer(9004, 2207052), Kind.REJECTED, "automator media test"),
        (operations.CONTAINER, answer(-2, 2207003), Kind.LATER, "too long"),
        (operations.CONTAINER, answer(-2, 2207020), Kind.UNKNOWN, "-2/2207020"),
        (operations.CONTAINER, answer(36000, 2207004), Kind.REJECTED, "8 MB"),
        (operations.CONTAINER, answer(36001, 2207005), Kind.REJECTED, "JPEG"),
        (operations.CONTAINER, answer(36003, 2207009), Kind.REJECTED, "4:5"),
        (operations.CONTAINER, answer(36004, 2207010), Kind.REJECTED, "caption"),
        (operations.CONTAINER, answer(352, 2207026), Kind.REJECTED, "video"),
        (operations.CONTAINER, answer(100, 2207028), Kind.REJECTED, "carousel"),
        (operations.CONTAINER, answer(1, 2207057), Kind.REJECTED, "still"),
        (operations.COMMENT, answer(100), Kind.UNKNOWN, ""),
        (operations.COMMENT, answer(10, 0, 403), Kind.REJECTED, "no right"),
        (operations.PUBLISH, httpx.Response(200, json={"id": "17"}), Kind.OK, ""),
        (operations.PUBLISH, httpx.Response(200, json={}), Kind.UNKNOWN, "without id"),
        (operations.PUBLISH, httpx.Response(200, text="<html>"), Kind.UNKNOWN, "JSON"),
        (operations.PUBLISH, httpx.Response(502, text="Bad gateway"), Kind.UNKNOWN, "502"),
        (operations.PUBLISH, httpx.Response(400, text=""), Kind.UNKNOWN, "400"),
        (operations.PUBLISH, httpx.Response(429, headers={"date": AT}), Kind.LATER, "limit"),
        (operations.MEDIA, httpx.Response(200, json={"data": []}), Kind.OK, ""),
        (operations.MEDIA, httpx.Response(200, json={"data": "x"}), Kind.UNKNOWN, "list"),
        (operations.STATUS, httpx.Response(200, json={"id": "1"}), Kind.UNKNOWN, "status_code"),
        (operations.UPLOAD, httpx.Response(200, json={"success": True}), Kind.OK, ""),
        (operations.UPLOAD, httpx.Response(200, json={"id": 1}), Kind.UNKNOWN, "not confirmed"),
        (operations.DELETE, httpx.Response(200, json={"success": True}), Kind.OK, ""),
    ],
)
def test_what_answers_mean(operation: Operation, given: httpx.Response, kind: Kind, words: str) -> None:
    """No error of a publishing call is proof unless it can only come before anything happened."""
    outcome = outcomes.judge(operation, given)
    assert (outcome.kind, words in outcome.reason) == (kind, True), outcome


@given(
    st.sampled_from([operations.PUBLISH, operations.COMMENT, operations.STATUS, operations.QUOTA, operations.MEDIA]),
    st.integers(200, 599),
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["error", "code", "id", "data", "config", "message"]), inner, max_size=4
                )
            ),
        ).map(lambda value: json.dumps(value).encode()),
    ),
    st.dictionaries(
        st.sampled_from(["date", "x-app-usage", "x-business-use-case-usage"]), st.text('a1{}[]":,', max_size=30)
    ),
)
def test_no_answer_breaks_the_parsers(
    operation: Operation, status: int, body: bytes, headers: Mapping[str, str]
) -> None:
    """Whatever comes is judged; a publishing call that has no id in its answer is never taken for published."""
    response = httpx.Response(status, content=body, headers=headers)
    outcome = outcomes.judge(operation, response)
    limits.observe(operation, response)
    if operation is operations.PUBLISH and outcome.kind is Kind.OK:
        assert response.json()["id"]


@given(
    st.dictionaries(
        st.sampled_from(["data", "values", "name", "value"]),
        st.lists(st.dictionaries(st.sampled_from(["name", "values"]), st.none() | st.text(max_size=3)), max_size=2),
    )
)
def test_figures_of_any_shape(said: Any) -> None:
    """What is no number is not shown."""
    assert all(isinstance(value, int) for value in insights.figures(said).values())


def test_the_quota_in_instagrams_words() -> None:
    """Only whole, sensible numbers are believed."""

    def asked(used: Any, total: Any) -> Any:
        return limits.quota({"data": [{"quota_usage": used, "config": {"quota_total": total}}]})

    assert asked(2, 50) == (2, 50)
    assert [asked(*pair) for pair in ((-1, 50), (2, 0), ("2", 50), (2, None))] == [None] * 4
    assert [limits.quota(odd) for odd in ({}, {"data": []}, {"data": [1]}, {"data": [{"config": 3}]})] == [None] * 4


def test_a_used_up_quota_closes_its_own_budget_alone() -> None:
    """Comments, and other accounts of the same app, go on."""
    (reading,) = limits.observe(operations.PUBLISH, answer(9, 2207042, 403))
    assert (reading.budget, reading.remaining, reading.reset) == ("posts-day", 0, NOW + limits.FULL)
    body = {"data": [{"quota_usage": 3, "config": {"quota_total": 50}}]}
    (reading,) = limits.observe(operations.QUOTA, httpx.Response(200, json=body, headers={"date": AT}))
    assert (reading.remaining, reading.reset) == (47, NOW + limits.TRUE_FOR)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("Error: Media upload has failed with error code 2207026", "video"),
        ("Error: 2207009 ratio", "4:5"),
        ("Error: something else", "something else"),
        ("", "does not say why"),
    ],
)
def test_why_a_container_is_in_error(status: str, words: str) -> None:
    """By its number, else in Instagram's own words."""
    assert words in outcomes.failure(status)


def test_which_listed_post_may_be_ours() -> None:
    """Of the same caption, and not from before; the oldest first."""
    plan = {"caption": "Hello\u0301 ", "begun": NOW.isoformat()}

    def item(number: str, minutes: float, caption: str) -> dict[str, str]:
        at = (NOW + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S+0000")
        return {"id": number, "timestamp": at, "caption": caption}

    listed = [
        item("4", 3, "Hello\u0301"), item("3", 2, "Other"), item("2", 1, "Hell\u00f3"), item("1", -5, "Hello\u0301"),
        {"id": "5", "caption": "Hello\u0301"}, "odd",
    ]  # fmt: skip
    assert settle.same(listed, plan, settle.since(plan)) == [{"id": "2"}, {"id": "4"}]


async def test_who_a_page_token_belongs_to(place: Place) -> None:
    """The account of its page; nothing to warn of."""
    found = await place.network.test(place.session)
    assert (found.handle, found.warnings) == ("@brand", ())
    assert found.id in place.world.accounts


async def test_a_personal_account(place: Place) -> None:
    """The sentence says what to do."""
    place.world.personal |= set(place.world.accounts)
    with pytest.raises(Rejected, match="no professional Instagram account"):
        await place.network.test(place.session)


async def test_a_token_of_a_person(place: Place) -> None:
    """In place of the page's."""
    token = place.graph.token("app", "person", "", ("instagram_basic",))
    place.engine.store.put("instagram/brand", 1, {"access_token": token})
    with pytest.raises(Rejected, match="person's token"):
        await place.network.test(place.session)


async def test_revoked_permissions(place: Place) -> None:
    """Seen when the key is tested, and told when a post fails; a dead token is told too."""
    await place.engine.test("instagram/brand")
    (token,) = place.graph.tokens.values()
    token.scopes = ("instagram_basic",)
    with pytest.raises(Rejected, match="without instagram_content_publish nothing can be published"):
        await place.network.test(place.session)
    post = await place.post(place.part())
    assert post.state == "failed"
    assert "no right to do this (instagram_content_publish)" in post.reason
    token.dead = 458
    post = await place.post(place.part())
    assert post.state == "failed"
    assert "connect it again" in post.reason


async def test_an_app_in_development_mode(place: Place) -> None:
    """Only people with a role in it may use it."""
    place.graph.apps["app"].development = True
    with pytest.raises(Rejected, match="development mode"):
        await place.network.test(place.session)


async def test_a_token_that_facebook_tells_nothing_of(place: Place) -> None:
    """It is good all the same; that it lacks the right to publish shows when Instagram is asked for the quota."""
    place.graph.apps["app"].closed = True
    (token,) = place.graph.tokens.values()
    token.scopes = ("instagram_basic",)
    untold, refused = (await place.network.test(place.session)).warnings
    assert "only to people with a role in its app" in untold
    assert "it can't publish: the app has no right to do this (instagram_content_publish)" in refused


async def test_a_wrong_app_secret(place: Place) -> None:
    """It says so, instead of blaming the token; and with the right one every call has its proof."""
    place.graph.apps["app"].strict = True
    await place.network.test(place.session)
    held = place.engine.store.get("instagram/brand", 1)
    assert held is not None
    with pytest.raises(Rejected, match="app secret"):
        await place.engine.rotate("instagram/brand", {**held, "app_secret": "wrong"})


async def test_with_instagram_login_the_token_is_renewed(own: Place) -> None:
    """Once it is a day old; its end is known from then on, and the new one is in force."""
    before = own.engine.keys.secrets(accounts.load(own.engine.reader, "instagram/brand"))
    assert (await own.network.test(own.session)).expires is None
    own.clock.at += timedelta(days=2)
    found = await own.network.test(own.session)
    assert found.handle == "@brand"
    assert found.expires is not None
    assert found.expires - own.clock.now() > timedelta(days=59)
    after = own.engine.keys.secrets(accounts.load(own.engine.reader, "instagram/brand"))
    assert after != before
    dump = unpacked(own.engine.reader)
    assert before["access_token"] not in dump
    assert after["access_token"] not in dump
    own.clock.at += timedelta(days=2)
    assert await own.network.renew(own.session, frozenset(before))
    own.clock.at += timedelta(days=61)
    post = await own.post(own.part())
    assert post.state == "failed"
    assert "connect it again" in post.reason


async def test_a_personal_account_with_instagram_login(own: Place) -> None:
    """The same sentence in its own words."""
    own.world.personal |= set(own.world.accounts)
    with pytest.raises(Rejected, match="personal account"):
        await own.network.test(own.session)


async def test_a_renewal_in_trouble_is_no_verdict_on_the_token(
    own: Place, strikes: list[tuple[str, str, web.Response]]
) -> None:
    """It is asked again later."""
    strikes += [("GET", "/refresh_access_token", web.Response(status=500)) for _ in range(4)]
    with pytest.raises(NotNow):
        await own.network.renew(own.session, frozenset({"access_token"}))


async def test_a_page_token_is_not_renewed(place: Place) -> None:
    """It has no end, or a person has to connect it again."""
    assert not await place.network.renew(place.session, frozenset({"access_token"}))


def test_where_calls_go() -> None:
    """Each login to its own hosts; the upload host only where there are uploads."""
    assert Connector().origins == ("https://graph.facebook.com", "https://rupload.facebook.com")
    own = ("https://graph.instagram.com", "https://api.instagram.com")
    assert Connector(chosen={"login": "instagram"}).origins == own
    assert Connector("http://127.0.0.1:1/").origins == ("http://127.0.0.1:1",)


async def test_no_media_host(place: Place) -> None:
    """The sentence names the setting."""
    session = replace(place.session, hosting=None)
    with pytest.raises(Rejected, match=r"\[media\] in config.toml"):
        await place.network.prepare(session, Part("", (picture(place.folder),)), [], {})
    assert place.app[GRAPH].tokens
