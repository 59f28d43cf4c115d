"""Bluesky's rules: what text counts as, what answers mean, what its headers say."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Kind, Operation
from connectors.bluesky import limits, outcomes, text, tid
from connectors.bluesky.connector import GET, LOGIN, PUT, Connector
from connectors.post import Media, Part


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("see https://example.com/a_(b).", [("link", "https://example.com/a_(b)")]),
        ("(https://example.com/x)", [("link", "https://example.com/x")]),
        ("a bare example.org, here", [("link", "https://example.org")]),
        ("no place: notes.txt or e.g. this", []),
        ("mail me@example.com", []),
        ("hi @brand.bsky.social!", [("mention", "brand.bsky.social")]),
        ("@brand alone is no handle", []),
        ("#hashtag2026. #日本 #1 #", [("tag", "hashtag2026"), ("tag", "日本")]),
        ("#covid-19, #e-mail- #a--b", [("tag", "covid-19"), ("tag", "e-mail"), ("tag", "a")]),
        ("#a\u200bb https://example.com/\u200bc", [("tag", "a"), ("link", "https://example.com/")]),
        ("https://example.com/#part", [("link", "https://example.com/#part")]),
        ("看https://example.com/a。", [("link", "https://example.com/a")]),
        ("https://example.com/[a]", [("link", "https://example.com/[a]")]),
        ("[https://example.com/a]", [("link", "https://example.com/a")]),
        ("“https://example.com/x”", [("link", "https://example.com/x")]),
        ("http://) https://[x https:// now", []),
    ],
)
def test_facets(written: str, found: list[tuple[str, str]]) -> None:
    """Links, mentions and tags as a reader would mark them."""
    assert [(facet.kind, facet.value) for facet in text.facets(written)] == found


@given(st.text(alphabet="ab é👍🏽. #@:/()hts日本", max_size=80))
def test_facets_lie_within_the_text_and_apart(written: str) -> None:
    """Whatever is written, the offsets cut whole characters and never overlap."""
    raw, last = written.encode(), 0
    for facet in text.facets(written):
        assert last <= facet.start < facet.end <= len(raw)
        raw[facet.start : facet.end].decode()
        last = facet.end


@pytest.mark.parametrize("unit", ["a.", "@a", "https://", "(", "a.a/", "#é", "👩‍👩‍👧‍👦"])
def test_a_very_long_text_is_answered(unit: str) -> None:
    """A hundred thousand characters of anything get their answer."""
    part = Part(unit * (100_000 // len(unit)))
    assert any("characters" in problem.what for problem in Connector().check([part]))


def test_half_a_character_is_a_problem_not_a_crash() -> None:
    """What no encoding can write is refused with a sentence."""
    (problem,) = Connector().check([Part("broken \ud83d")])
    assert "broken character" in problem.what


def test_an_answer_nested_without_end_is_only_unknown() -> None:
    """A garbled answer never brings the work down."""
    assert outcomes.judge(PUT, httpx.Response(200, content=b"[" * 200_000)).kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit-reset": "1796115839", "retry-after": "9"},
        {"date": "Tue, 01 Dec 2026 09:03:00 GMT", "retry-after": "60"},
        {"retry-after": "Tue, 01 Dec 2026 09:04:00 GMT"},
    ],
)
def test_a_throttled_call_waits_as_long_as_it_is_told(headers: dict[str, str]) -> None:
    """By Bluesky's own header, whose fraction of a second is cut off, else by the standard one that a proxy sends."""
    told = outcomes.judge(PUT, httpx.Response(429, headers=headers))
    assert told.kind is Kind.LATER
    assert told.until == datetime(2026, 12, 1, 9, 4, tzinfo=UTC)


def test_a_family_is_one_character() -> None:
    """What a person sees as one character counts as one."""
    assert text.graphemes("👩‍👩‍👧‍👦🇻🇳👍🏽") == 3


def test_all_problems_are_named_at_once() -> None:
    """Length, number, size and type of pictures in one answer, each part of a thread by its number."""
    big = Media("/p/a.tiff", "image/tiff", 3_000_000, "0" * 64, 1, 1)
    found = Connector().check([Part("x" * 301, (big,) * 5), Part(" ")])
    fields = [(problem.field, problem.warning) for problem in found]
    assert fields.count(("part 1: media", False)) == 11
    assert ("part 1: text", False) in fields
    assert ("part 1: alt", True) in fields
    assert ("part 2: text", False) in fields


@pytest.mark.parametrize(
    ("operation", "status", "body", "kind"),
    [
        (PUT, 200, {"uri": "at://x", "cid": "b"}, Kind.OK),
        (PUT, 200, {}, Kind.UNKNOWN),
        (PUT, 200, "<html>", Kind.UNKNOWN),
        (PUT, 200, "", Kind.UNKNOWN),
        (PUT, 500, {"error": "InternalServerError"}, Kind.UNKNOWN),
        (PUT, 502, "<html>", Kind.UNKNOWN),
        (PUT, 302, "", Kind.UNKNOWN),
        (PUT, 403, "<html>", Kind.UNKNOWN),
        (PUT, 400, {"error": "InvalidSwap", "message": ""}, Kind.REJECTED),
        (PUT, 400, {"error": "InvalidRequest", "message": "no"}, Kind.REJECTED),
        (PUT, 400, {"error": "ExpiredToken", "message": ""}, Kind.LATER),
        (PUT, 401, {"error": "AuthMissing", "message": ""}, Kind.LATER),
        (PUT, 429, {"error": "RateLimitExceeded", "message": ""}, Kind.LATER),
        (LOGIN, 401, {"error": "AuthenticationRequired", "message": ""}, Kind.REJECTED),
        (GET, 400, {"error": "RecordNotFound", "message": ""}, Kind.REJECTED),
        (GET, 200, [], Kind.UNKNOWN),
    ],
)
def test_outcomes(operation: Operation, status: int, body: object, kind: Kind) -> None:
    """An answer that is no trustworthy answer is unknown."""
    content = body if isinstance(body, str) else json.dumps(body)
    assert outcomes.judge(operation, httpx.Response(status, content=content.encode())).kind is kind


@pytest.mark.parametrize("error", ["RecordNotFound", "InvalidRequest"])
def test_a_record_that_is_not_there_is_told_as_such(error: str) -> None:
    """Servers of different ages name it differently."""
    answer = httpx.Response(400, json={"error": error, "message": "Could not locate record: at://did:plc:a/b/c"})
    assert outcomes.judge(GET, answer).reason == outcomes.REASONS["RecordNotFound"]


@given(st.binary(max_size=60), st.integers(200, 599))
def test_no_answer_is_too_odd_to_be_judged(content: bytes, status: int) -> None:
    """Judging raises for nothing that a server may send."""
    outcomes.judge(PUT, httpx.Response(status, content=content))


def test_headers_speak_of_the_budget_with_their_window() -> None:
    """``3000;w=300`` is the budget of five minutes; nonsense says nothing."""
    headers = {"ratelimit-policy": "3000;w=300", "ratelimit-remaining": "7", "ratelimit-reset": "1800000000"}
    (reading,) = limits.observe(PUT, headers)
    assert (reading.budget, reading.remaining) == ("requests-5min", 7)
    assert reading.reset == datetime.fromtimestamp(1_800_000_001, UTC)
    assert limits.observe(PUT, {"ratelimit-policy": "?;w=x"}) == ()
    assert limits.observe(PUT, {}) == ()


def test_record_keys_rise() -> None:
    """Two keys of the same instant differ, and sort as they were made."""
    at = datetime(2026, 12, 1, tzinfo=UTC)
    made = [tid.tid(at) for _ in range(100)]
    assert made == sorted(set(made))
    assert all(len(key) == 13 for key in made)
