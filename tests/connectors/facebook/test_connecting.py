"""Connecting a page: the sign-in from its first page to the vault, and each key that is no good told in a sentence."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator import accounts
from automator.cli.accounts import picking
from automator.engine import Engine
from automator.health import ending
from automator.home import Home
from automator.vault.choose import own_file
from connectors.base import CallRefused, Kind, outcome_of
from connectors.facebook import login
from connectors.facebook import operations as ops
from connectors.facebook import twin as facebook
from connectors.facebook.connector import Connector
from connectors.graph import login as graph_login
from connectors.graph.twin import App, Page
from connectors.network import Rejected
from connectors.post import Form, Part
from connectors.signin import CODE, Found
from tests.connectors.facebook.conftest import ACCOUNT, Now, Place
from tests.stored import key, unpacked

NOW = datetime(2026, 11, 25, tzinfo=UTC)
REDIRECT = "http://localhost:8765/callback"


@pytest.fixture
async def bare(serve: Any, tmp_path: Any) -> Any:
    """An engine without accounts, and a twin with two pages of one name."""
    clock = Now()
    app = facebook.twin(clock)
    world = app[facebook.WORLD]
    world.apps["77"] = App("77", "canary-app-secret", strict=True)
    world.people["5"] = "Ann"
    world.pages["101"], world.pages["102"] = Page("101", "Brand"), Page("102", "Brand")
    home = Home(tmp_path / "home")
    home.prepare()
    store = own_file(home.path)
    async with Engine(home, store) as engine:
        yield engine, world, await serve(app)


async def said_yes(url: str, **changed: str) -> str:
    """What a browser brings back from Facebook's page: the code."""
    page = Connector(url).sign_in
    assert page is not None
    address = page.address("77", REDIRECT, "state-1", "")
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(address, params=dict(parse_qsl(urlsplit(address).query)) | changed)
    found = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert found["state"] == "state-1"
    return found["code"]


async def test_a_sign_in_ends_with_the_key_of_the_chosen_page_alone(bare: Any) -> None:
    """Two pages of one name are told apart by id; no token of any page, nor the person's, is on the record."""
    engine, world, url = bare
    keys = {"app_id": "77", "app_secret": "canary-app-secret", CODE: await said_yes(url)}
    identity = await engine.connect(accounts.fresh(ACCOUNT, url), keys, REDIRECT, picking("102"))
    assert (identity.id, identity.handle, identity.expires) == ("102", "Brand", None)
    kept = key(engine, ACCOUNT)
    assert set(kept) == {"page_token", "app_id", "app_secret"}
    assert world.tokens[kept["page_token"]].page == "102"
    said = unpacked(engine.reader)
    assert [value for value in [*world.tokens, "canary-app-secret", keys[CODE]] if value in said] == []
    assert "[token " in said
    assert dict(accounts.load(engine.reader, ACCOUNT).chosen) == {"publishing": "staged"}
    assert world.posts == {}


async def test_new_keys_are_for_the_page_that_it_was(bare: Any) -> None:
    """Signing in again asks nobody which page is meant, and does not change it."""
    engine, world, url = bare
    keys = {"app_id": "77", "app_secret": "canary-app-secret", CODE: await said_yes(url)}
    await engine.connect(accounts.fresh(ACCOUNT, url), keys, REDIRECT, picking("102"))
    assert (await engine.rotate(ACCOUNT, keys | {CODE: await said_yes(url)}, REDIRECT)).id == "102"
    del world.pages["102"]
    with pytest.raises(Rejected, match="none of the accounts"):
        await engine.rotate(ACCOUNT, keys | {CODE: await said_yes(url)}, REDIRECT)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"app_secret": "wrong"}, "the app secret is wrong"),
        ({"app_id": "78"}, "no app with this id"),
        ({CODE: "wrong"}, "begin again"),
    ],
)
async def test_what_is_wrong_with_a_sign_in_is_told(bare: Any, wrong: dict[str, str], words: str) -> None:
    """A wrong secret, a wrong app, a stale code: one sentence each, and nothing is kept."""
    engine, _, url = bare
    keys = {"app_id": "77", "app_secret": "canary-app-secret", CODE: await said_yes(url)} | wrong
    with pytest.raises(Rejected, match=words):
        await engine.connect(accounts.fresh(ACCOUNT, url), keys, REDIRECT, picking("102"))
    assert engine.store.get(ACCOUNT, 1) is None


async def test_a_person_without_a_page_is_told(bare: Any) -> None:
    """Facebook lists only the pages that the person chose."""
    engine, world, url = bare
    world.pages.clear()
    keys = {"app_id": "77", "app_secret": "canary-app-secret", CODE: await said_yes(url)}
    with pytest.raises(Rejected, match="no page that you let the app act on"):
        await engine.connect(accounts.fresh(ACCOUNT, url), keys, REDIRECT, picking(None))


async def test_a_page_without_the_task_to_publish_is_not_connected(bare: Any) -> None:
    """The person may look at its figures only; the sentence says whom to ask."""
    engine, world, url = bare
    world.pages["102"].tasks = ("ANALYZE",)
    keys = {"app_id": "77", "app_secret": "canary-app-secret", CODE: await said_yes(url)}
    with pytest.raises(Rejected, match=r"Brand \(102\): you have no task"):
        await engine.connect(accounts.fresh(ACCOUNT, url), keys, REDIRECT, picking("102"))


async def test_a_right_that_was_not_given_is_told_with_what_it_is_for(bare: Any) -> None:
    """Without the right to publish there is no connection; without one for comments there is a warning."""
    engine, _, url = bare
    keys = {"app_id": "77", "app_secret": "canary-app-secret"}
    few = ",".join(login.LOGIN.needed | {"pages_show_list"})
    identity = await engine.connect(
        accounts.fresh(ACCOUNT, url), keys | {CODE: await said_yes(url, scope=few)}, REDIRECT, picking("101")
    )
    assert any("first comments can't be written" in warning for warning in identity.warnings)
    fewer = "pages_show_list,pages_read_engagement"
    with pytest.raises(Rejected, match="nothing can be published"):
        await engine.connect(
            accounts.fresh("facebook/two", url),
            keys | {CODE: await said_yes(url, scope=fewer)},
            REDIRECT,
            picking("101"),
        )


async def test_many_pages_are_read_to_the_end(bare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list comes in pieces; the last page can be chosen too."""
    engine, world, url = bare
    monkeypatch.setattr(graph_login, "PAGES_AT_ONCE", 2)
    for number in range(103, 108):
        world.pages[str(number)] = Page(str(number), "Brand")
    keys = {"app_id": "77", "app_secret": "canary-app-secret", CODE: await said_yes(url)}
    assert (await engine.connect(accounts.fresh(ACCOUNT, url), keys, REDIRECT, picking("107"))).id == "107"


def pages(*why: str) -> Sequence[Found]:
    return [Found(str(number), "Brand", {}, reason) for number, reason in enumerate(why, 1)]


def test_a_person_is_asked_only_where_there_is_a_choice(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """The only page, or the only one that can be used, needs no question; a list shows ids and why not."""
    assert picking(None)(pages("")).id == "1"
    assert picking(None)(pages("no task", "")).id == "2"
    monkeypatch.setattr("automator.cli.accounts.asked", lambda _: "2")
    assert picking(None)(pages("", "", "no task")).id == "2"
    assert "3  Brand (3): no task" in capsys.readouterr().out
    monkeypatch.setattr("automator.cli.accounts.asked", lambda _: "0")
    with pytest.raises(Exception, match="2"):
        picking(None)(pages("", ""))
    with pytest.raises(Exception, match="2"):
        picking("9")(pages("", ""))


def with_keys(place: Place, **keys: str) -> Any:
    """A session whose account has other keys."""
    account = dataclasses.replace(place.session.account, secrets=lambda: place.keys | keys, version=lambda: None)
    return dataclasses.replace(place.session, account=account)


async def test_the_wrong_kind_of_token_is_told(place: Place) -> None:
    """A person's token where the page's is needed, and one of another app."""
    app = place.keys["app_id"]
    person = place.world.token(app, next(iter(place.world.people)), "", tuple(login.RIGHTS))
    with pytest.raises(Rejected, match="a token of a person, and a page's is needed"):
        await place.network.test(with_keys(place, page_token=person))
    with pytest.raises(Rejected, match="not that of the app whose token this is"):
        await place.network.test(with_keys(place, app_secret="wrong"))  # noqa: S106 - a wrong one
    with pytest.raises(Rejected, match=r"could not be renewed .*connect it again"):
        await place.network.test(with_keys(place, page_token="nonsense"))  # noqa: S106 - a wrong one


async def test_a_page_s_token_where_a_person_s_is_needed_is_told(place: Place) -> None:
    """A page has no pages: the sentence says who has to sign in."""
    keys = {CODE: await said_yes(place.session.base, client_id=place.keys["app_id"])}

    async def keep(fresh: Any, _: Any) -> dict[str, str]:
        """Facebook gives this app the token of a page, whoever signs in."""
        return dict.fromkeys(fresh, "[token]")

    session = with_keys(place, user_token=place.keys["page_token"], **keys)
    session = dataclasses.replace(session, account=dataclasses.replace(session.account, keep=keep))
    with pytest.raises(Rejected, match="a person's is needed to list the pages; sign in"):
        await place.network.exchange(session, REDIRECT)


@pytest.mark.parametrize(
    ("subcode", "words"), [(458, "app was removed"), (460, "password"), (463, "expired"), (492, "role")]
)
async def test_a_dead_token_says_why(place: Place, subcode: int, words: str) -> None:
    """Revoked, changed password, no role any more: nothing is published, and the sentence says what to do."""
    plan = await place.plan(Part("Never"))
    place.world.tokens[place.keys["page_token"]].dead = subcode
    with pytest.raises(Rejected, match=f"{words}.*connect it again"):
        await place.send("one", plan)
    assert place.seen() == []


async def test_a_revoked_right_and_a_page_without_one_are_told_when_publishing(place: Place) -> None:
    """What was allowed when it was connected may be taken back."""
    place.chosen = {"publishing": "direct"}
    token = place.world.tokens[place.keys["page_token"]]
    token.scopes = tuple(name for name in token.scopes if name != "pages_manage_posts")
    answer = outcome_of(await place.send("one", await place.plan(Part("x"))))
    assert answer.kind is Kind.REJECTED
    assert "pages_manage_posts" in answer.reason
    token.scopes = tuple(login.RIGHTS)
    place.world.pages[place.page].tasks = ("ANALYZE",)
    answer = outcome_of(await place.send("two", await place.plan(Part("x"))))
    assert "task on the page" in answer.reason
    assert any("can't publish on the page" in item for item in (await place.network.test(place.session)).warnings)


async def test_an_app_in_development_is_told(place: Place) -> None:
    """Only people with a role in it can use it."""
    place.world.apps[place.keys["app_id"]].development = True
    with pytest.raises(Rejected, match="in development mode"):
        await place.network.test(place.session)


async def test_a_token_that_facebook_tells_nothing_of_is_good_all_the_same(place: Place) -> None:
    """Whoever has no role in the app is not told its rights: a warning, and no refusal."""
    place.world.apps[place.keys["app_id"]].closed = True
    identity = await place.network.test(place.session)
    assert (identity.handle, identity.expires) == ("brand", None)
    assert any("only to people with a role in its app" in warning for warning in identity.warnings)


async def test_the_way_of_publishing_is_found_out_without_publishing(place: Place) -> None:
    """An unpublished post is made, changed and deleted; a page that lets none be staged gets posts in one step."""
    place.chosen = {}
    identity = await place.network.test(place.session)
    assert identity.chosen == {"publishing": "staged"}
    assert (place.world.posts, place.world.shown) == ({}, [])
    place.world.staging = False
    identity = await place.network.test(place.session)
    assert identity.chosen == {"publishing": "direct"}
    assert any("one step" in warning for warning in identity.warnings)
    place.chosen = {"publishing": "staged"}
    assert (await place.network.test(place.session)).chosen == {}
    assert (await place.plan(Part("x")))["how"] == "create"


async def test_a_reader_s_account_probes_nothing(place: Place) -> None:
    """What an account may not do is not tried, and the test still says who it is."""
    place.chosen = {}
    account = dataclasses.replace(place.session.account, scopes=frozenset({ops.ME.scope}))
    identity = await place.network.test(dataclasses.replace(place.session, account=account))
    assert (identity.handle, identity.chosen) == ("brand", {})
    with pytest.raises(CallRefused):
        await place.network.prepare(dataclasses.replace(place.session, account=account), Part("x"), [], {})


async def test_an_old_version_is_warned_of(place: Place) -> None:
    """`accounts test` says so months before it ends."""
    place.chosen = {"publishing": "staged", "version": "v21.0"}
    assert any("v21.0" in warning for warning in (await place.network.test(place.session)).warnings)


@pytest.mark.parametrize(
    ("chosen", "told"), [("v21.0", True), ("v23.0", False), ("v26.0", False), ("", False), ("v20.0", True)]
)
def test_doctor_tells_of_a_version_that_ends(chosen: str, *, told: bool) -> None:
    """Months before, by its day; an account's own choice counts over the installation's."""
    who = accounts.fresh(ACCOUNT, chosen={"version": chosen} if chosen else {})
    said = list(ending([who], {"facebook": {"version": "v21.0"} if chosen else {}}, NOW))
    assert bool(said) == told
    assert all("ends on" in item for item in said)


async def test_a_page_can_be_connected_by_its_token_alone(place: Place) -> None:
    """Without the app's secret no proof is sent, which is enough unless the app asks for one."""
    place.world.apps[place.keys["app_id"]].strict = False
    alone = {"page_token": place.keys["page_token"]}
    account = dataclasses.replace(place.session.account, secrets=lambda: alone, version=lambda: None)
    assert (await place.network.test(dataclasses.replace(place.session, account=account))).handle == "brand"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"is_valid": False, "error": {"subcode": 460}}, "password"),
        ({"is_valid": False}, "does not accept"),
        ({"type": "USER"}, "a token of a person"),
        ({"type": "APP"}, "a token of a app"),
        ({"type": "PAGE", "scopes": ["pages_manage_posts"]}, "pages_read_engagement"),
    ],
)
def test_what_debug_token_says_is_judged(said: dict[str, Any], words: str) -> None:
    """Dead, of the wrong kind, or without a right that is needed."""
    with pytest.raises(Rejected, match=words):
        login.LOGIN.judged(said, NOW)


def test_ends_are_told() -> None:
    """When the key ends, and when the page can no longer be read."""
    said = {"type": "PAGE", "scopes": list(login.RIGHTS), "expires_at": int((NOW + timedelta(days=3)).timestamp())}
    said |= {"data_access_expires_at": int((NOW + timedelta(days=9)).timestamp())}
    expires, warnings = login.LOGIN.judged(said, NOW)
    assert expires == NOW + timedelta(days=3)
    assert ["2026-12-04" in warning for warning in warnings] == [True]


ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.lists(st.text(max_size=4), max_size=2)
)


@given(
    st.dictionaries(
        st.sampled_from(["is_valid", "type", "scopes", "expires_at", "data_access_expires_at", "error"]), ODD
    )
)
def test_no_debug_answer_is_too_odd(said: dict[str, Any]) -> None:
    """It is judged or refused, whatever is in it."""
    with contextlib.suppress(Rejected):
        login.LOGIN.judged(said, NOW)


@given(st.binary(max_size=60), ODD)
def test_tokens_are_taken_out_of_any_answer(content: bytes, odd: Any) -> None:
    """Nonsense brings no keys, and breaks nothing."""
    assert login.LOGIN.brought(ops.PAGES, httpx.Response(200, content=content)) == {}
    login.LOGIN.brought(
        ops.PAGES, httpx.Response(200, json={"data": [{"id": "1", "access_token": str(odd)}, str(odd)]})
    )


def test_every_form_has_its_limits() -> None:
    """Text on both sides of each limit, and what a story can't have."""
    network = Connector()

    def wrong(*parts: Part) -> list[str]:
        return [item.what for item in network.check(parts) if not item.warning]

    assert wrong(Part("a" * 63_206)) == []
    assert any("1 more than Facebook's 63206" in what for what in wrong(Part("a" * 63_207)))
    assert wrong(Part("x"), Part("a" * 8_000, form=Form.COMMENT)) == []
    assert any("8000" in what for what in wrong(Part("x"), Part("a" * 8_001, form=Form.COMMENT)))
    assert wrong(Part("  \n")) == ["there is nothing to post; write a text or add a picture"]
    assert any("comment on a story" in what for what in wrong(Part("", form=Form.STORY), Part("x", form=Form.COMMENT)))
