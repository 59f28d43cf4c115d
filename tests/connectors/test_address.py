"""Addresses that a person names: where keys may go, and which server is meant."""

from __future__ import annotations

import pytest

from connectors.address import checked, origin


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://example.org", "https://example.org"),
        ("https://example.org/", "https://example.org"),
        ("HTTPS://Example.ORG:443", "https://example.org"),
        ("https://example.org:8443", "https://example.org:8443"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:80/", "http://localhost"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_server_is_known_however_it_is_written(written: str, meant: str) -> None:
    """The calls of its account are compared with this."""
    assert origin(written) == meant
    assert checked(written) == written


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("http://example.org", "must begin with https"),
        ("http://127.0.0.1.example.org", "must begin with https"),
        ("ftp://example.org", "must begin with https"),
        ("example.org", "must begin with https"),
        ("https://", "must begin with https"),
        ("", "must begin with https"),
        ("https://anna:canary@example.org", "would put them on the record"),
        ("https://example.org:port", "is no address"),
        ("https://[::1", "is no address"),
        ("https://bücher.example", "in ASCII"),
        ("https://exam ple.org", "in ASCII"),
    ],
)
def test_what_keys_may_not_go_to_is_told_without_it(written: str, why: str) -> None:
    """One clause, and nothing that may have been a password."""
    for judge in (checked, origin):
        with pytest.raises(ValueError, match=why) as told:
            judge(written)
        assert "canary" not in str(told.value)


@pytest.mark.parametrize("written", ["https://example.org/api", "https://example.org?a=1", "https://example.org/#a"])
def test_a_server_s_address_names_nothing_on_it(written: str) -> None:
    """Connectors know the paths; an address of a webhook may have one."""
    with pytest.raises(ValueError, match="a server and nothing on it"):
        origin(written)
    assert checked(written) == written
