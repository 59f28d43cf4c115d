"""The last net: no form of a secret gets through."""

from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
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


SPECIAL = 'cAn4ry+<Tok>/en=="q"&\'z~é-93f'


@pytest.mark.parametrize(
    "written",
    [
        quote(SPECIAL, safe="")
        .replace("%2B", "%2b")
        .replace("%3C", "%3c")
        .replace("%3E", "%3e")
        .replace("%2F", "%2f")
        .replace("%3D", "%3d")
        .replace("%C3%A9", "%c3%a9"),
        quote(quote(SPECIAL, safe=""), safe=""),
        json.dumps(SPECIAL)[1:-1],
        json.dumps(SPECIAL)[1:-1].replace("\\u00e9", "\\u00E9"),
        json.dumps(SPECIAL, ensure_ascii=False)[1:-1].replace("/", "\\/"),
        re.sub(r"[<>&]", lambda one: f"\\u{ord(one[0]):04x}", json.dumps(SPECIAL, ensure_ascii=False)[1:-1]),
        re.sub(r"[<>&'+]", lambda one: f"\\u{ord(one[0]):04X}", json.dumps(SPECIAL)[1:-1].replace("e9", "E9")).replace(
            '\\"', "\\u0022"
        ),
        html.escape(SPECIAL),
        html.escape(SPECIAL).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),
        SPECIAL.encode().hex(),
        SPECIAL.encode().hex().upper(),
        base64.b64encode(SPECIAL.encode()).decode().rstrip("="),
        base64.urlsafe_b64encode(SPECIAL.encode()).decode(),
        json.dumps(json.dumps(SPECIAL))[3:-3],
    ],
)
def test_every_way_in_which_servers_write_a_text_is_known(written: str) -> None:
    """A refusal that repeats the key escaped, as error pages and writers of JSON do, is no way around."""
    left = scrub(f"<{written}>".encode(), [SPECIAL])
    assert left.startswith(b"<[secret]"), left
    assert len(left) < 16, "of base64 a character or two may be left"


def test_clean_goes_into_everything() -> None:
    """Keys and values at any depth are scrubbed, other values kept."""
    assert clean({"hunter2x": ["a hunter2x b", 1, None, {"t": "hunter2x"}]}, ["hunter2x"]) == {
        "[secret]": ["a [secret] b", 1, None, {"t": "[secret]"}]
    }
