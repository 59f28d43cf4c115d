"""httpx's own transport, with its failures classified by httpcore's trace events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx

from automator.egress.wire.errors import Unknown, Unsent, check_on_time
from automator.egress.wire.words import said

YOUNG = 1.0  #: seconds that a kept-alive connection may idle before a new one is taken
KEPT = frozenset({"timeout", "sni_hostname", "target"})  #: extensions that httpcore heeds
_CONNECTING = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class _Body(httpx.AsyncByteStream):
    """A response body whose failures mean that the answer is not known."""

    def __init__(self, inner: httpx.AsyncByteStream, request: httpx.Request) -> None:
        self._inner = inner
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner:
                yield chunk
        except httpx.TransportError as error:
            raise Unknown(f"the answer broke off: {error}", request=self._request) from error

    async def aclose(self) -> None:
        await self._inner.aclose()


class PlainTransport(httpx.AsyncBaseTransport):
    """``httpx.AsyncHTTPTransport`` without retries."""

    def __init__(self) -> None:
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=YOUNG)
        self._inner = httpx.AsyncHTTPTransport(retries=0, limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once. Raises ``Unsent`` or ``Unknown``, never another transport error."""
        check_on_time(request)
        left = False

        async def trace(event: str, _: dict[str, Any]) -> None:
            nonlocal left
            if event.endswith("send_request_headers.started"):
                check_on_time(request)
                left = True

        extensions = {name: value for name, value in request.extensions.items() if name in KEPT}
        copy = httpx.Request(
            request.method,
            request.url,
            headers=request.headers,
            stream=request.stream,
            extensions={**extensions, "trace": trace},
        )
        try:
            response = await self._inner.handle_async_request(copy)
        except Unsent:
            raise
        except httpx.TransportError as error:
            # a mocked network raises without events: then only the classes that mean "connecting" are unsent
            unsent = not left and isinstance(error, _CONNECTING)
            kind = Unsent if unsent else Unknown
            raise kind(said(error), request=request) from error
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _Body(response.stream, request)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()
