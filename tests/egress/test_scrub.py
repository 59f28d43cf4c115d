"""The last net: no form of a secret gets through."""

from __future__ import annotations

import base64
from urllib.parse import quote, quote_plus

from hypothesis import given
from hypothesis import strategies as st

from automator.egress.scrub import clean, scrub

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40)


@given(secrets, st.binary(max_size=20), st.binary(max_size=20))
def test_every_form_is_removed(secret: str, before: bytes, after: bytes) -> None:
    """Raw, URL-encoded, or inside base64 at any alignment: gone."""
    for form in (secret, quote(secret, safe=""), quote_plus(secret)):
        assert form.encode() not in scrub(b"<" + form.encode() + b">", [secret])
    whole = base64.b64encode(before + secret.encode() + after)
    left = scrub(whole, [secret])
    assert b"[secret]" in left


def test_clean_goes_into_everything() -> None:
    """Keys and values at any depth are scrubbed, other values kept."""
    assert clean({"hunter2x": ["a hunter2x b", 1, None, {"t": "hunter2x"}]}, ["hunter2x"]) == {
        "[secret]": ["a [secret] b", 1, None, {"t": "[secret]"}]
    }
