"""Answers are read for what they say, whatever they hold."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from connectors.answer import json_object

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
