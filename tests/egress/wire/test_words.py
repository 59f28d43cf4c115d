"""What goes wrong on the wire is told in words."""

from __future__ import annotations

import errno

import aiohttp
import httpx
import pytest
from aiohttp.client_reqrep import ConnectionKey

from automator.egress.wire.words import said

KEY = ConnectionKey("x.example", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            aiohttp.ClientConnectorError(KEY, REFUSED),
            "the connection failed: connection refused (ClientConnectorError)",
        ),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "unknown")), "its name can't be looked up"),
        (aiohttp.ClientConnectorSSLError(KEY, OSError(1, "wrong version")), "no TLS connection came about"),
        (aiohttp.SocketTimeoutError(), "it did not answer in time (SocketTimeoutError)"),
        (aiohttp.ConnectionTimeoutError(), "no connection came about in time"),
        (aiohttp.ServerDisconnectedError(), "it hung up without an answer"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "connection reset by peer (ConnectionResetError)"),
        (httpx.ReadTimeout("late"), "it did not answer in time (ReadTimeout)"),
        (ValueError("odd"), "ValueError: odd"),
    ],
)
def test_a_person_reads_what_went_wrong(error: Exception, words: str) -> None:
    """And whoever wants to look it up, the error's name; never an address, which may have been signed."""
    assert words in said(error)
    assert "x.example" not in said(error)
