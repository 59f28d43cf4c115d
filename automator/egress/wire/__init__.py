"""The base transport, chosen in this one place: one attempt is one request, and failures are told apart."""

from __future__ import annotations

import httpx

from automator.egress.wire.errors import Unknown, Unsent

__all__ = ["Unknown", "Unsent", "base_transport"]


def base_transport(kind: str = "aiohttp") -> httpx.AsyncBaseTransport:
    """``aiohttp`` (fast; the default) or ``httpx`` (httpx's own sockets, which test tools can replace)."""
    if kind == "aiohttp":
        from automator.egress.wire.aio import AioTransport  # noqa: PLC0415 - loaded only when it is used

        return AioTransport()
    if kind == "httpx":
        from automator.egress.wire.plain import PlainTransport  # noqa: PLC0415 - loaded only when it is used

        return PlainTransport()
    raise ValueError(f"there is no transport called {kind!r}; choose aiohttp or httpx")
