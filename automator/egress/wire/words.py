"""What went wrong on the wire, for a person; the error's own name stays for whoever looks it up."""

from __future__ import annotations

import os

import aiohttp
import httpx

#: the first that fits; the special ones come before those that they are kinds of
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "its name can't be looked up; is this machine online?"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted here"),
    (aiohttp.ClientSSLError, "no TLS connection came about"),
    (aiohttp.ConnectionTimeoutError, "no connection came about in time"),
    (httpx.ConnectTimeout, "no connection came about in time"),
    (httpx.PoolTimeout, "no connection became free in time"),
    (aiohttp.ServerTimeoutError, "it did not answer in time"),
    (httpx.ReadTimeout, "it did not answer in time"),
    (httpx.WriteTimeout, "it did not take the request in time"),
    (aiohttp.ServerDisconnectedError, "it hung up without an answer"),
    (httpx.RemoteProtocolError, "it hung up without an answer that makes sense"),
    (aiohttp.ClientPayloadError, "its answer broke off"),
)


def said(error: Exception) -> str:
    """One sentence: ``the connection failed: connection refused (ClientConnectorError)``."""
    words = next((words for kind, words in _WORDS if isinstance(error, kind)), None)
    name = type(error).__name__
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        words = f"{words}: {getattr(error.certificate_error, 'verify_message', error.certificate_error)}"
    if words is None and isinstance(error, OSError) and error.errno:
        words = f"the connection failed: {os.strerror(error.errno).lower()}"
    return f"{words} ({name})" if words else f"{name}: {error}"
