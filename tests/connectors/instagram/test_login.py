"""Signing in to Instagram, by Facebook and at Instagram itself: from the first page to the vault, over real sockets."""

from __future__ import annotations

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
from automator.home import Home
from automator.vault.choose import own_file
from connectors.base import Kind
from connectors.graph.twin import GRAPH, App, Page
from connectors.instagram import login, outcomes, twin
from connectors.instagram.connector import Connector
from connectors.instagram.operations import EXCHANGE, LONGER
from connectors.network import Identity, Rejected
from connectors.registry import build
from connectors.signin import CODE
from tests.stored import key, unpacked

ACCOUNT = "instagram/brand"
SECRET = "canary-app-secret"  # noqa: S105 - nobody's
OWN, FACEBOOK = {"login": "instagram"}, {"login": "facebook"}


class Bare:
    """An engine without accounts, and a twin with two pages of one name; only one has a professional account."""

    def __init__(self, engine: Engine, app: Any, url: str) -> None:
        self.engine, self.url = engine, url
        self.graph, self.world = app[GRAPH], app[twin.WORLD]

    async def said_yes(self, chosen: dict[str, str], **changed: str) -> dict[str, str]:
        """What a person has once they said yes in a browser: the code, and their app's id and secret."""
        page = Connector(self.url, chosen=chosen).sign_in
        assert page is not None
        address = page.address("77", self.redirect(chosen), "state-1", "")
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(address, params=dict(parse_qsl(urlsplit(address).query)) | changed)
        found = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert found["state"] == "state-1"
        return {"app_id": "77", "app_secret": SECRET, CODE: found["code"]}

    def redirect(self, chosen: dict[str, str]) -> str:
        page = Connector(self.url, chosen=chosen).sign_in
        assert page is not None
        return f"{page.scheme}://{page.host}:8765/callback"

    async def connect(self, chosen: dict[str, str], keys: dict[str, str], page: str | None = None) -> Identity:
        new = accounts.fresh(ACCOUNT, self.url, chosen=chosen)
        return await self.engine.connect(new, keys, self.redirect(chosen), picking(page))


@pytest.fixture
async def bare(serve: Any, tmp_path: Any) -> Any:
    app = twin.twin(lambda: datetime.now(UTC))
    graph, world = app[GRAPH], app[twin.WORLD]
    graph.apps["77"] = App("77", SECRET)
    graph.people["5"] = "Ann"
    world.accounts["900"] = "brand"
    graph.pages["101"] = Page("101", "Brand")
    graph.pages["102"] = Page("102", "Brand", instagram="900", username="brand")
    home = Home(tmp_path / "home")
    home.prepare()
    async with Engine(home, own_file(home.path)) as engine:
        yield Bare(engine, app, await serve(app))


async def test_facebook_s_sign_in_ends_with_the_key_of_the_account_s_page(bare: Bare) -> None:
    """Of two pages of one name the one with an account; no token of any page, nor the person's, is on the record."""
    keys = await bare.said_yes(FACEBOOK)
    identity = await bare.connect(FACEBOOK, keys)
    assert (identity.id, identity.handle, identity.warnings) == ("900", "@brand", ())
    kept = key(bare.engine, ACCOUNT)
    assert set(kept) == {"access_token", "app_id", "app_secret"}
    assert bare.graph.tokens[kept["access_token"]].page == "102"
    assert accounts.load(bare.engine.reader, ACCOUNT).token is None
    said = unpacked(bare.engine.reader)
    assert [value for value in [*bare.graph.tokens, SECRET, keys[CODE]] if value in said] == []


async def test_at_instagram_itself_it_ends_with_a_token_of_60_days(bare: Bare) -> None:
    """It is renewed by itself from then on; the app's secret, which only the sign-in needed, is not kept."""
    keys = await bare.said_yes(OWN)
    identity = await bare.connect(OWN, keys)
    assert (identity.id, identity.handle) == ("900", "@brand")
    kept = key(bare.engine, ACCOUNT)
    assert set(kept) == {"access_token"}
    ends = bare.graph.tokens[kept["access_token"]].ends
    token = accounts.load(bare.engine.reader, ACCOUNT).token
    assert token is not None
    assert ends is not None
    assert abs(token.ends - ends) < timedelta(minutes=1)
    assert token.ends - token.since == timedelta(days=60)
    said = unpacked(bare.engine.reader)
    assert [value for value in [*bare.graph.tokens, SECRET, keys[CODE]] if value in said] == []


@pytest.mark.parametrize("chosen", [FACEBOOK, OWN])
async def test_signing_in_again_is_for_the_account_that_it_was(bare: Bare, chosen: dict[str, str]) -> None:
    """Nobody is asked which one, and it does not change."""
    await bare.connect(chosen, await bare.said_yes(chosen))
    again = await bare.engine.rotate(ACCOUNT, await bare.said_yes(chosen), bare.redirect(chosen))
    assert again.id == "900"


async def test_a_person_picks_among_several_accounts(bare: Bare, monkeypatch: Any, capsys: Any) -> None:
    """Each with its page, by which two are told apart; a page without an account is shown with the reason."""
    bare.world.accounts["901"] = "second"
    bare.graph.pages["103"] = Page("103", "Brand", instagram="901", username="second")
    monkeypatch.setattr("automator.cli.accounts.asked", lambda _: "3")
    assert (await bare.connect(FACEBOOK, await bare.said_yes(FACEBOOK))).id == "901"
    shown = capsys.readouterr().out
    assert "1  the page Brand (101): no professional Instagram account belongs to this page" in shown
    assert "3  @second of the page Brand (103) (901)" in shown


async def test_a_chosen_account_is_named_by_its_id(bare: Bare) -> None:
    """As `--page` does; a page without an account can't be chosen."""
    assert (await bare.connect(FACEBOOK, await bare.said_yes(FACEBOOK), "900")).id == "900"
    with pytest.raises(Rejected, match=r"101\): no professional Instagram account"):
        await bare.connect(FACEBOOK, await bare.said_yes(FACEBOOK), "101")


async def test_a_page_without_the_task_to_publish_is_not_connected(bare: Bare) -> None:
    """The person may look at its figures only; the sentence says whom to ask."""
    bare.graph.pages["102"].tasks = ("ANALYZE",)
    with pytest.raises(Rejected, match="no task on it that may publish; ask its owner"):
        await bare.connect(FACEBOOK, await bare.said_yes(FACEBOOK), "900")


async def test_a_personal_account_is_told(bare: Bare) -> None:
    """By both ways, and nothing is kept."""
    bare.graph.pages["102"].instagram = ""
    with pytest.raises(Rejected, match="make the account a business or creator account"):
        await bare.connect(FACEBOOK, await bare.said_yes(FACEBOOK))
    bare.world.personal.add("900")
    with pytest.raises(Rejected, match="this is a personal account"):
        await bare.connect(OWN, await bare.said_yes(OWN))
    bare.graph.pages.clear()
    with pytest.raises(Rejected, match="no page that you let the app act on"):
        await bare.connect(FACEBOOK, await bare.said_yes(FACEBOOK))
    assert bare.engine.store.get(ACCOUNT, 1) is None


@pytest.mark.parametrize("chosen", [FACEBOOK, OWN])
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"app_secret": "wrong"}, "the app secret is wrong; copy it"),
        ({"app_id": "78"}, "there is no (Instagram )?app with this id"),
        ({CODE: "wrong"}, "does not take this sign-in; begin again"),
    ],
)
async def test_what_is_wrong_with_a_sign_in_is_told(
    bare: Bare, chosen: dict[str, str], wrong: dict[str, str], words: str
) -> None:
    """A wrong secret, a wrong app, a stale code: one sentence each, and nothing is kept."""
    with pytest.raises(Rejected, match=words):
        await bare.connect(chosen, await bare.said_yes(chosen) | wrong)
    assert bare.engine.store.get(ACCOUNT, 1) is None


async def test_an_address_to_come_back_to_must_be_the_same(bare: Bare) -> None:
    """Instagram binds the code to it; the sentence says where to add it."""
    keys = await bare.said_yes(OWN)
    with pytest.raises(Rejected, match="callback address is none of those in the app's Instagram settings"):
        await bare.engine.connect(accounts.fresh(ACCOUNT, bare.url, chosen=OWN), keys, "https://localhost:1/callback")


@pytest.mark.parametrize("chosen", [FACEBOOK, OWN])
async def test_an_app_in_development_mode_is_told(bare: Bare, chosen: dict[str, str]) -> None:
    """Only people with a role in it can use it."""
    keys = await bare.said_yes(chosen)
    bare.graph.apps["77"].development = True
    with pytest.raises(Rejected, match="the app is in development mode"):
        await bare.connect(chosen, keys)


async def test_a_right_that_was_not_given_is_told_with_what_it_is_for(bare: Bare) -> None:
    """Without the right to publish there is no connection; without one for comments there is a warning."""
    few = "pages_show_list,pages_read_engagement,instagram_basic"
    with pytest.raises(Rejected, match="without instagram_content_publish nothing can be published; sign in again"):
        await bare.connect(FACEBOOK, await bare.said_yes(FACEBOOK, scope=few))
    with pytest.raises(Rejected, match="without instagram_business_content_publish nothing can be published"):
        await bare.connect(OWN, await bare.said_yes(OWN, scope="instagram_business_basic"))
    most = f"{few},instagram_content_publish"
    identity = await bare.connect(FACEBOOK, await bare.said_yes(FACEBOOK, scope=most))
    assert "instagram_manage_comments was not allowed: first comments can't be written" in identity.warnings


def test_each_way_has_its_own_page() -> None:
    """Facebook's with the version, Instagram's own over TLS alone; both show every right and what it is for."""
    facebook, own = build("instagram").sign_in, build("instagram", chosen=OWN).sign_in
    assert facebook is not None
    assert own is not None
    assert facebook.page == "https://www.facebook.com/v26.0/dialog/oauth"
    assert (own.page, own.scheme) == ("https://www.instagram.com/oauth/authorize", "https")
    assert "code_challenge" not in own.address("1", "https://localhost/", "s", "c")
    assert facebook.why.keys() == set(facebook.scopes)
    assert own.why.keys() == set(own.scopes)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("Error validating client secret", "the app secret is wrong"),
        ("Invalid platform app", "no Instagram app"),
        ("Insufficient developer role", "development mode"),
        ("Matching code was not found or was already used", "begin again"),
        ("Something nobody has seen", "Instagram says: Something"),
    ],
)
def test_errors_of_instagram_s_own_hosts_are_sentences(message: str, words: str) -> None:
    """They are not in Graph's form."""
    answer = httpx.Response(400, json={"error_type": "OAuthException", "code": 400, "error_message": message})
    for operation in (EXCHANGE, LONGER):
        outcome = outcomes.judge(operation, answer)
        assert outcome.kind is Kind.REJECTED
        assert words in outcome.reason


def test_an_answer_without_a_token_is_not_believed() -> None:
    """Whatever its status says."""
    for said in ({}, {"data": []}, {"data": [{}]}, {"access_token": ""}, {"data": [{"access_token": 5}]}):
        assert outcomes.judge(EXCHANGE, httpx.Response(200, json=said)).kind is Kind.UNKNOWN


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["data", "access_token", "permissions"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["data", "access_token", "permissions", "error_message"]), ODD, max_size=3))
def test_no_answer_to_a_sign_in_is_too_odd(said: dict[str, Any]) -> None:
    """It brings a token or none, and rights or none."""
    answer = httpx.Response(200, json=said)
    assert all(isinstance(token, str) and token for token in login.brought(answer).values())
    granted = login.granted(said)
    assert granted is None or all(isinstance(name, str) for name in granted)
    outcomes.judge(EXCHANGE, answer)
