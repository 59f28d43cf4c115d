"""Answers are read for what they say, whatever a server may send."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.answer import json_object, jwt_lifetime, lifetime


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
