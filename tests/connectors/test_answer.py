"""Answers are read for what they say, whatever a server may send."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.answer import json_object, jwt_lifetime, lifetime, resets


def jwt(claims: Any) -> str:
    return "head." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=") + ".signature"


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(7200, 7200), (5_184_000, 5_184_000), (0, None), (-5, None), ("7200", None), (None, None), (10**30, None)],
)
def test_how_long_a_token_works(said: object, seconds: int | None) -> None:
    """Seconds from now, as OAuth 2.0 says; anything odd says nothing."""
    wanted = None if seconds is None else timedelta(seconds=seconds)
    assert lifetime(httpx.Response(200, json={"expires_in": said})) == wanted


@pytest.mark.parametrize(
    ("claims", "seconds"),
    [({"iat": 100, "exp": 7300}, 7200), ({"exp": 7300}, None), ({"iat": 100, "exp": "x"}, None), ([], None), (7, None)],
)
def test_how_long_a_web_token_works(claims: object, seconds: int | None) -> None:
    """From its own two times, so that our clock does not matter."""
    assert jwt_lifetime(jwt(claims)) == (None if seconds is None else timedelta(seconds=seconds))


@given(st.one_of(st.text(), st.none(), st.binary().map(lambda raw: "a." + base64.urlsafe_b64encode(raw).decode())))
def test_no_token_is_too_odd(token: object) -> None:
    """Nonsense is no lifetime."""
    assert jwt_lifetime(token) is None


@given(st.binary(max_size=40))
def test_no_answer_is_too_odd(content: bytes) -> None:
    """Nor is any other body."""
    assert lifetime(httpx.Response(200, content=content)) is None


_values = st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@given(st.dictionaries(st.text(), _values, max_size=4), st.booleans())
def test_an_object_is_read_as_it_is(value: dict[str, Any], ascii_only: bool) -> None:
    """Escaped or not."""
    content = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert json_object(httpx.Response(200, content=content)) == value


@given(st.text(alphabet="ab\ud800\udc00\U0001f469\\u", max_size=8))
def test_half_a_character_does_not_spoil_what_is_stored(text: str) -> None:
    """It can be written to a file and a database, and whole characters stay."""
    found = json_object(httpx.Response(403, content=json.dumps({"detail": text}).encode()))
    assert found is not None
    assert found["detail"].encode().decode() == found["detail"]
    assert ("\U0001f469" in found["detail"]) == ("\U0001f469" in text)


NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DATE = {"date": "Wed, 25 Nov 2026 12:00:00 GMT"}
EPOCH = int(NOON.timestamp())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Wed, 25 Nov 2026 12:01:00 GMT"}, 60),
        ({"retry-after": "Wed, 25 Nov 2026 13:01:00 +0100"}, 60),
        ({"retry-after": str(EPOCH + 90)}, 90),
        ({"reset": str(EPOCH + 90)}, 90),
        ({"reset": f"{EPOCH + 90}.25"}, 90.25),
        ({"reset": str((EPOCH + 90) * 1000)}, 90),
        ({"reset": "45"}, 45),
        ({"reset": "soon", "retry-after": "30"}, 30),
        ({"reset": "", "retry-after": "30"}, 30),
        ({"reset": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "1_000"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "9" * 400}, None),
        ({}, None),
    ],
)
def test_when_a_limit_ends(headers: dict[str, str], seconds: float | None) -> None:
    """In each of the forms that servers and what stands before them write; what makes no sense says nothing."""
    wanted = None if seconds is None else NOON + timedelta(seconds=seconds)
    assert resets(headers | DATE, "reset") == wanted


def test_without_a_date_only_an_instant_says_when() -> None:
    """From when on the seconds count is not known then."""
    assert resets({"retry-after": "30"}, "reset") is None
    assert resets({"reset": str(EPOCH)}, "reset") == NOON


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_header_is_too_odd(reset: str, after: str) -> None:
    """Whatever they say, it is an instant or nothing."""
    assert isinstance(resets({"reset": reset, "retry-after": after} | DATE, "reset"), datetime | None)
