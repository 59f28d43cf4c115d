"""X over a real socket, with signatures that its twin recomputes; and a lost answer settled by looking."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from automator import accounts
from automator.intentions import load
from automator.ledger.usage import usage
from automator.limits import change, rows
from connectors.base import CallRefused, Kind, NotNow, Operation, outcome_of
from connectors.network import Metrics, Rejected
from connectors.post import Media, Part
from connectors.signin import CODE, VERIFIER
from connectors.x import limits, outcomes
from connectors.x.connector import CREATE, ME, POSTS, Connector
from connectors.x.reading import FIGURES, RECENT
from connectors.x.twin import WORLD, add_account, add_token, posts, twin
from tests.connectors.x.conftest import World
from tests.stored import key, unpacked

TEXTS = [
    "Hello",
    "Bread & butter <3 costs > 2",
    "see https://example.com/a_(b) and example.org.",
    "see https://example.com/?id=1&param=2&region=de&copy=3 &amp; tell",
    "Khóa API là gì? 🔑 https://example.com/vi/khoa-api",
    "e\u0301 composed",
    "two\nlines\n\nand more",
]


@pytest.mark.parametrize("written", TEXTS)
async def test_a_published_post_is_found_again(world: World, written: str) -> None:
    """X rewrites addresses and escapes characters; the post is still recognised as ours."""
    result = outcome_of(await world.publish("one", Part(written))).result
    stored = load(world.engine.reader, "one")
    assert stored is not None
    assert await world.network.find(world.session, stored.plan) == result
    assert posts(world.app)[0]["text"] == written


async def test_a_server_with_the_older_parameter_names_is_asked_in_its_own_words(world: World) -> None:
    """X renamed what a look-up may ask for; either server can settle a lost answer."""
    world.app[WORLD].old_names = True
    result = outcome_of(await world.publish("one", Part("see example.org"))).result
    stored = load(world.engine.reader, "one")
    assert stored is not None
    assert await world.network.find(world.session, stored.plan) == result


async def test_a_post_that_is_not_there_is_not_found(world: World) -> None:
    """Another post is not mistaken for the one we look for."""
    await world.publish("one", Part("Something else"))
    plan = await world.network.prepare(world.session, Part("Something"), [], {})
    assert await world.network.find(world.session, plan) is None


async def test_the_same_text_in_another_place_of_a_thread_is_another_post(world: World) -> None:
    """A reply is matched by what it replies to as well."""
    first = outcome_of(await world.publish("one", Part("Same"))).result
    plan = await world.network.prepare(world.session, Part("Same"), [first], {})
    assert await world.network.find(world.session, plan) is None


@pytest.mark.parametrize("old_names", [False, True])
async def test_what_the_account_published_is_listed(world: World, old_names: bool) -> None:
    """Oldest first, whoever did it, as it was written, over as many pages as it takes; what is older is left out."""
    world.app[WORLD].old_names = old_names
    since = datetime.now(UTC).replace(microsecond=0)
    template = {"author_id": next(iter(world.app[WORLD].users)), "urls": [], "reply_to": None, "media": []}
    for number in range(230):
        at = (since + timedelta(seconds=number - 5)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        text = f"Post {number} &lt;3"
        key = str(1_900_000_000_000_000_100 + number)
        post = {"id": key, "text": text, "written": text, "created_at": at, "visible_at": since, "figures": {}}
        world.app[WORLD].posts[key] = template | post
    found = await world.network.recent(world.session, since)
    assert [item.text for item in found] == [f"Post {number} <3" for number in range(5, 230)]
    assert found[0].at == since
    assert found[0].result == {"id": "1900000000000000105"}


@pytest.mark.parametrize("old_names", [False, True])
async def test_figures_come_in_the_order_asked(world: World, old_names: bool) -> None:
    """Reposts and quotes are shares; a post that is gone has none, also if it is the only one asked for."""
    world.app[WORLD].old_names = old_names
    one, two = [outcome_of(await world.publish(text, Part(text))).result for text in ("One", "Two")]
    name = "retweet" if old_names else "repost"
    figures = {"like": 5, "reply": 4, name: 3, "quote": 2, "bookmark": 9, "impression": 1000}
    world.app[WORLD].posts[str(two["id"])]["figures"] = figures
    gone = {"id": "7"}
    assert await world.network.metrics(world.session, [two, gone, one]) == [
        Metrics(5, 4, 5, 1000),
        None,
        Metrics(0, 0, 0, 0),
    ]
    assert await world.network.metrics(world.session, [gone]) == [None]
    await world.network.metrics(world.session, [one] * 101)
    (used,) = [row for row in rows(world.engine.reader, datetime.now(UTC)) if row.name == "figures"]
    assert used.used == 2 + 0 + 101, "each post that is shown is an owned read; what is gone or refused costs nothing"


async def test_figures_never_take_more_than_their_share(world: World) -> None:
    """The month's bound is reached: nothing is asked until the next month."""
    result = outcome_of(await world.publish("one", Part("One"))).result
    now = datetime.now(UTC)
    await world.engine.writer.run(lambda tx: change(tx, "x/brand", "figures", 3, now, actor="test"))
    await world.network.metrics(world.session, [result] * 3)
    with pytest.raises(NotNow) as waits:
        await world.network.metrics(world.session, [result])
    assert waits.value.until is not None
    assert waits.value.until.day == 1


async def test_a_refusal_to_list_is_told(world: World) -> None:
    """X says no to both ways of asking; the sentence is its own."""
    session = dataclasses.replace(world.session, who="nobody")
    with pytest.raises(Rejected, match="not valid"):
        await world.network.recent(session, datetime.now(UTC))


async def test_a_picture_is_uploaded_in_chunks_with_its_alt_text(world: World, tmp_path: Path) -> None:
    """The post with its picture is found again too."""
    path = tmp_path / "p.png"
    Image.effect_noise((1500, 1500), 90).save(path)
    content = path.read_bytes()
    assert len(content) > 2 * 1024 * 1024 // 2
    media = Media(str(path), "image/png", len(content), hashlib.sha256(content).hexdigest(), 1500, 1500, "noise")
    result = outcome_of(await world.publish("one", Part("Look", (media,)))).result
    assert [medium["alt"] for medium in world.app[WORLD].media.values()] == ["noise"]
    stored = load(world.engine.reader, "one")
    assert stored is not None
    assert await world.network.find(world.session, stored.plan) == result


async def test_another_picture_under_the_same_text_is_another_post(world: World, tmp_path: Path) -> None:
    """Pictures often come without words; one that a person posted by hand is not taken for ours."""
    made = _pictures(tmp_path)
    first = outcome_of(await world.publish("one", Part("", (made[0],)))).result
    plan = await world.network.prepare(world.session, Part("", (made[1],)), [], {})
    assert await world.network.find(world.session, plan) is None
    older = {name: value for name, value in plan.items() if name != "media_keys"}
    assert await world.network.find(world.session, older) == first
    second = outcome_of(await world.send("two", plan)).result
    assert await world.network.find(world.session, plan) == second


async def test_a_duplicate_is_told_as_one(world: World) -> None:
    """X's refusal of identical text is no error of ours, and nothing was published twice."""
    await world.publish("one", Part("Twice"))
    again = await world.publish("two", Part("Twice"))
    assert outcome_of(again).kind is Kind.REJECTED
    assert "duplicate" in outcome_of(again).reason
    with pytest.raises(CallRefused):
        await world.publish("two", Part("Twice"))
    assert len(posts(world.app)) == 1


async def test_wrong_keys_are_told(serve: Any, opened: Any) -> None:
    """A key that X does not know ends in a sentence that says what to do."""
    app = twin(lambda: datetime.now(UTC))
    keys = add_account(app, "brand") | {"access_secret": "wrong"}
    async with opened("x/brand", await serve(app), keys) as engine:
        session, network = engine.session("x/brand", {})
        with pytest.raises(Rejected, match="connect it again"):
            await network.test(session)


async def test_an_expired_oauth2_token_is_renewed_and_rotated(serve: Any, opened: Any) -> None:
    """The refresh token is used once; its successor is in the vault before the new access token is used."""
    app = twin(lambda: datetime.now(UTC))
    add_account(app, "brand")
    keys = add_token(app, "brand")
    app[WORLD].tokens[keys["oauth2_access_token"]] = (next(iter(app[WORLD].users)), datetime.now(UTC))
    async with opened("x/brand", await serve(app), keys) as engine:
        session, network = engine.session("x/brand", {})
        assert (await network.test(session)).handle == "@brand"
        kept = key(engine, "x/brand")
        assert kept["oauth2_refresh_token"] in app[WORLD].refresh
        dump = unpacked(engine.reader)
        hidden = {*keys.values(), *kept.values()} - {"app"}
        assert [token for token in hidden if token in dump] == []


async def test_the_twin_takes_no_forged_signature(world: World) -> None:
    """What the twin accepts proves something, because it recomputes every signature."""
    secrets = dict(world.engine.keys.secrets(accounts.load(world.engine.reader, "x/brand")))
    request = httpx.Request("GET", f"{world.session.base}/2/users/me?a=b%20c")
    signed = Connector().sign(request, secrets)
    async with httpx.AsyncClient() as plain:
        assert (await plain.get(request.url, headers=signed.headers)).status_code == 200
        assert (await plain.get(f"{request.url}d", headers=signed.headers)).status_code == 401


def problem(detail: str) -> str:
    return json.dumps({"title": "Forbidden", "detail": detail, "type": "about:blank", "status": 403})


@pytest.mark.parametrize(
    ("operation", "status", "body", "kind", "words"),
    [
        (CREATE, 201, '{"data":{"id":"1","text":"a"}}', Kind.OK, ""),
        (CREATE, 201, '{"data":{"id":1900000000000000001,"more":[1]},"meta":{}}', Kind.OK, ""),
        (CREATE, 201, '{"data":{"id":""}}', Kind.UNKNOWN, "id"),
        (CREATE, 201, '{"data":{"id":true}}', Kind.UNKNOWN, "id"),
        (CREATE, 403, '{"errors":[{"code":187,"message":"Status is a duplicate."}]}', Kind.REJECTED, "duplicate"),
        (CREATE, 200, "", Kind.UNKNOWN, "JSON"),
        (CREATE, 200, "<html>", Kind.UNKNOWN, "JSON"),
        (CREATE, 201, '{"data":{}}', Kind.UNKNOWN, "id"),
        (CREATE, 200, '{"errors":[{"message":"x"}]}', Kind.UNKNOWN, "id"),
        (CREATE, 500, "", Kind.UNKNOWN, "500"),
        (CREATE, 503, "{}", Kind.UNKNOWN, "503"),
        (CREATE, 302, "", Kind.UNKNOWN, "302"),
        (CREATE, 408, '{"title":"Request Timeout"}', Kind.UNKNOWN, "408"),
        (CREATE, 403, "<html>", Kind.UNKNOWN, "no answer"),
        (CREATE, 400, '{"detail":"bad"}', Kind.REJECTED, "bad"),
        (CREATE, 401, "{}", Kind.LATER, "keys"),
        (CREATE, 402, '{"title":"CreditsDepleted"}', Kind.REJECTED, "credit"),
        (
            CREATE,
            403,
            problem("You are not allowed to create a Tweet with duplicate content."),
            Kind.REJECTED,
            "duplicate",
        ),
        (CREATE, 403, problem("You are not permitted to perform this action."), Kind.REJECTED, "permit"),
        (CREATE, 429, '{"title":"Too Many Requests"}', Kind.LATER, "limit"),
        (CREATE, 429, '{"title":"UsageCapExceeded","detail":"Usage cap exceeded: Monthly"}', Kind.REJECTED, "cap"),
        (ME, 200, '{"errors":[{"detail":"gone"}]}', Kind.UNKNOWN, "gone"),
        (FIGURES, 200, '{"errors":[{"type":"https://a/problems/resource-not-found"}]}', Kind.OK, ""),
        (FIGURES, 200, '{"errors":[{"type":"https://a/problems/other","detail":"x"}]}', Kind.UNKNOWN, "x"),
        (POSTS, 200, '{"meta":{"result_count":0}}', Kind.OK, ""),
        (POSTS, 200, '{"data":[{"id":"1"}],"meta":{}}', Kind.OK, ""),
        # a post that is looked for is not missing because of these
        (POSTS, 200, "{}", Kind.UNKNOWN, "without a list"),
        (POSTS, 200, '{"message":"maintenance"}', Kind.UNKNOWN, "without a list"),
        (POSTS, 200, '{"data":null,"errors":[{"detail":"over capacity"}]}', Kind.UNKNOWN, "over capacity"),
        (RECENT, 200, '{"meta":{"result_count":3}}', Kind.UNKNOWN, "without a list"),
        (FIGURES, 200, '{"errors":[]}', Kind.UNKNOWN, ""),
        (FIGURES, 200, '{"errors":7}', Kind.UNKNOWN, ""),
    ],
)
def test_outcomes(operation: Operation, status: int, body: str, kind: Kind, words: str) -> None:
    """The same 403 means several things, and only the text tells them apart."""
    outcome = outcomes.judge(operation, httpx.Response(status, content=body.encode()))
    assert outcome.kind is kind
    assert words in outcome.reason


def test_an_id_is_a_text_however_x_writes_it() -> None:
    """A reply, a link and a search name it so."""
    answer = httpx.Response(201, json={"data": {"id": 1900000000000000001}})
    assert outcomes.judge(CREATE, answer).result == {"id": "1900000000000000001"}


@given(st.binary(max_size=60), st.integers(200, 599))
def test_no_answer_is_too_odd_to_be_judged(content: bytes, status: int) -> None:
    """Judging raises for nothing that a server may send."""
    outcomes.judge(CREATE, httpx.Response(status, content=content))


def test_a_post_with_an_address_costs_more() -> None:
    """The price is known before the post is sent, and counts against the month's credit."""
    plain = httpx.Request("POST", "https://api.x.com/2/tweets", json={"text": "hello"})
    linked = httpx.Request("POST", "https://api.x.com/2/tweets", json={"text": "hello example.org"})
    assert limits.costs(CREATE, plain) == {"posts-15min": 1, "posts-day": 1, "credit": 15}
    assert limits.costs(CREATE, linked)["credit"] == 200
    assert str(Connector().price(Part("hello example.org"))) == "0.2"


def credit(world: World) -> float:
    """What was spent this month, in thousandths of a dollar."""
    (used,) = [row for row in rows(world.engine.reader, datetime.now(UTC)) if row.name == "credit"]
    return used.used


@pytest.mark.parametrize("old_names", [False, True])
@pytest.mark.parametrize("others", [0, 3, 9, 10, 25])
async def test_looking_for_a_post_costs_what_x_shows(world: World, others: int, old_names: bool) -> None:
    """So much for each post, page after page until there is no more; what was reserved beyond that is given back."""
    plan = await world.network.prepare(world.session, Part("Here"), [], {})
    found = outcome_of(await world.send("one", plan)).result
    for number in range(others):
        await world.publish(f"other {number}", Part(f"Other {number}"))
    world.app[WORLD].old_names = old_names
    before = credit(world)
    assert await world.network.find(world.session, plan) == found
    assert credit(world) - before == others + 1
    spent = [row.cost["credit"] for row in usage(world.engine.reader) if row.operation == "x.user.posts"]
    assert spent == [others + 1], "and so the record's sums say"
    calls = [row.outcomes["ok"] for row in usage(world.engine.reader) if row.operation == "x.user.posts"]
    assert calls == [1 if others < 10 else 2]


async def test_what_x_does_not_bill_is_given_back(world: World) -> None:
    """The first is paid for; the same words again are refused, and cost nothing."""
    plan = await world.network.prepare(world.session, Part("Twice"), [], {})
    before = credit(world)
    await world.send("one", plan)
    assert credit(world) - before == 15
    assert outcome_of(await world.send("two", plan)).kind is Kind.REJECTED
    assert credit(world) - before == 15


@pytest.mark.parametrize(
    ("operation", "status", "said", "took"),
    [
        ("x.user.posts", 200, {"data": [{"id": "1"}, {"id": "2"}]}, {"credit": 2}),
        ("x.user.posts", 200, {"meta": {"result_count": 0}}, {"credit": 0}),
        ("x.user.recent", 200, {"data": [{"id": "1"}], "includes": {"posts": [{"id": "9"}]}}, {"credit": 2}),
        ("x.post.figures", 200, {"data": [{"id": "1"}], "errors": [{"value": "2"}]}, {"credit": 1, "figures": 1}),
        ("x.post.figures", 429, {}, {"credit": 0, "figures": 0}),
        ("x.user.posts", 503, {}, {}),
        ("x.user.posts", 200, None, {}),
        ("x.user.me", 200, {"data": {"id": "1"}}, {}),
        ("x.user.me", 401, {}, {"credit": 0}),
        ("x.post.create", 201, {"data": {"id": "1"}}, {}),
        ("x.post.create", 403, {}, {"credit": 0}),
        ("x.media.append", 403, {}, {}),
    ],
)
def test_what_an_answer_says_that_it_cost(operation: str, status: int, said: Any, took: dict[str, int]) -> None:
    """By the posts it shows; nothing where it does not say, so that what was reserved stays taken."""
    answer = httpx.Response(status, json=said) if said is not None else httpx.Response(status, content=b"<html>")
    assert limits.took(dataclasses.replace(CREATE, name=operation), answer) == took


def test_a_read_reserves_the_most_that_it_can_cost() -> None:
    """A post that X may show has its price before it is shown; a user has one of its own."""
    request = httpx.Request("GET", "https://api.x.com/2/users/1/tweets?max_results=10")
    assert limits.costs(dataclasses.replace(CREATE, name="x.user.posts"), request)["credit"] == 10
    assert limits.costs(dataclasses.replace(CREATE, name="x.user.me"), request)["credit"] == 10


def test_headers_speak_of_the_endpoint_s_window() -> None:
    """Nonsense says nothing."""
    headers = {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "7", "x-rate-limit-reset": "1800000000"}
    (reading,) = limits.observe(CREATE, headers)
    assert (reading.budget, reading.remaining) == ("posts-15min", 7)
    assert reading.reset == datetime.fromtimestamp(1_800_000_000, UTC)
    assert limits.observe(CREATE, {"x-rate-limit-limit": "?"}) == ()


def test_all_problems_are_named_at_once() -> None:
    """Length, cashtags, number and size of pictures in one answer."""
    big = Media("/p/a.tiff", "image/tiff", 6_000_000, "0" * 64, 1, 1, "x" * 1001)
    found = [item.what for item in Connector().check([Part("$ABC $DEF " + "x" * 280, (big,) * 5)])]
    assert any("more than X's 280" in what for what in found)
    assert any("cashtag" in what for what in found)
    assert any("5 pictures" in what for what in found)
    assert sum("image/tiff" in what for what in found) == 5
    assert sum("1001 characters" in what for what in found) == 5


async def test_a_code_that_is_not_ours_brings_no_tokens(world: World) -> None:
    """A code is bound to the app, the address and the verifier of the sign-in; the code is on no record."""
    session = dataclasses.replace(
        world.session,
        account=dataclasses.replace(
            world.session.account,
            secrets=lambda: {"client_id": "app", CODE: "canary-code-1", VERIFIER: "canary-verifier-1"},
            version=lambda: None,
        ),
    )
    with pytest.raises(Rejected, match="invalid"):
        await world.network.exchange(session, "http://127.0.0.1:1/callback")
    dump = unpacked(world.engine.reader)
    assert "canary" not in dump
    assert "x.token.refresh" in dump


async def test_each_endpoint_has_a_limit_of_its_own(world: World, tmp_path: Path) -> None:
    """What X says of one endpoint's calls is not taken for the calls of another: two pictures are two of each."""
    await world.publish("one", Part("Pictures", tuple(_pictures(tmp_path))))
    used = {row.name: (row.used, row.limit) for row in rows(world.engine.reader, datetime.now(UTC))}
    for name, limit in (("initialize", 1_875), ("append", 1_875), ("finalize", 1_875), ("metadata", 500)):
        assert used[f"media-{name}-15min"] == (2, limit)


def _pictures(folder: Path) -> list[Media]:
    """Two that differ."""
    made = []
    for number in range(2):
        path = folder / f"{number}.png"
        Image.new("RGB", (9 + number, 9)).save(path)
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        made.append(Media(str(path), "image/png", len(content), digest, 9 + number, 9, "A text"))
    return made
