"""A signed request is the recorded one with its keys, which never get into the recorded one."""

from __future__ import annotations

import httpx

from connectors.signing import with_headers

RECORDED = httpx.Request("POST", "https://x.test/2/tweets?a=1", headers={"Accept": "*/*"}, json={"text": "hello"})


def test_what_is_sent_is_what_was_recorded() -> None:
    """Verb, address, headers, body and extensions are the same."""
    signed = with_headers(RECORDED, {})
    assert (signed.method, signed.url, signed.content) == (RECORDED.method, RECORDED.url, RECORDED.content)
    assert signed.headers.raw == RECORDED.headers.raw
    assert b"".join(signed.stream) == RECORDED.content  # type: ignore[arg-type, unused-ignore]


def test_keys_stay_below_the_recorder() -> None:
    """Headers and an address with keys in them are in the signed request alone, in place of what was there."""
    url = httpx.URL("https://x.test/2/tweets?key=k")
    signed = with_headers(RECORDED, {"authorization": "Bearer k", "ACCEPT": "text/plain"}, url)
    assert signed.headers.get_list("accept") == ["text/plain"]
    assert (signed.headers["authorization"], signed.url) == ("Bearer k", url)
    assert "authorization" not in RECORDED.headers
    assert (RECORDED.headers["accept"], RECORDED.url.query) == ("*/*", b"a=1")
