"""Bodies too large to hold: they pass, counted and hashed on their way, so that the record can say what they were."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx

from automator.egress.wire import Unknown

HELD = 16_000_000  #: bytes of a request that are read before it is recorded: its digest is known before it leaves
ANSWER = 64_000_000  #: bytes of an answer without a sink; more is no answer of an API
PLAIN = 1_000_000  #: an uncompressed answer of so many bytes needs no watching
ERRORS = 400
PATIENCE = 120.0  #: seconds until a whole answer is here; each piece of it has a time-out of its own
SLOWEST = 16_000  #: bytes a second, of a body on its way out

Sink = Callable[[], Callable[[bytes], Awaitable[None]]]  #: asked for anew for every attempt


class Counted(httpx.AsyncByteStream):
    """A body on its way out, counted afresh for every attempt. Its source must be readable as often."""

    def __init__(self, source: httpx.AsyncByteStream) -> None:
        self._source = source
        self._digest, self._size = hashlib.sha256(), 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self._digest, self._size = hashlib.sha256(), 0
        try:
            async for piece in self._source:
                self._digest.update(piece)
                self._size += len(piece)
                yield piece
        except (OSError, ValueError, RuntimeError) as error:
            # a part of it has left; a whole body that is another one than was promised must not arrive
            raise Unknown(f"the body could not be read to its end ({type(error).__name__})") from error

    async def aclose(self) -> None:
        await self._source.aclose()

    def says(self) -> dict[str, Any]:
        """What has passed, for the record."""
        return {"sha256": self._digest.hexdigest(), "size": self._size, "streamed": True}


async def held(request: httpx.Request) -> bytes | Counted:
    """A request's body, read; or, if it is a stream that is large or of unknown size, the stream that counts it."""
    stream = request.stream
    if isinstance(stream, Counted):
        return stream
    try:
        return request.content
    except httpx.RequestNotRead:
        size = request.headers.get("content-length")
    if (size is not None and int(size) <= HELD) or not isinstance(stream, httpx.AsyncByteStream):
        return await request.aread()
    request.stream = Counted(stream)
    return request.stream


def patience(request: httpx.Request, content: bytes | Counted) -> float | None:
    """Seconds that an attempt may take, its answer included; ``None``: what streams takes as long as it takes."""
    if isinstance(content, Counted) or "sink" in request.extensions:
        return None
    return PATIENCE + len(content) / SLOWEST


async def received(request: httpx.Request, response: httpx.Response) -> tuple[httpx.Response, dict[str, Any] | None]:
    """A whole answer; with a sink its body goes there, and what the record says of it is returned too.

    Raises:
        Unknown: it is larger than any answer of an API, or broke off.
    """
    sink: Sink | None = request.extensions.get("sink")
    if sink is not None and response.status_code < ERRORS:
        return await _poured(response, sink)
    size = response.headers.get("content-length", "")
    if "content-encoding" not in response.headers and size.isdigit() and int(size) <= PLAIN:
        await response.aread()
        return response, None
    content = bytearray()
    async for piece in response.aiter_bytes():
        content += piece
        if len(content) > ANSWER:
            await response.aclose()
            raise Unknown(f"an answer of more than {ANSWER // 1_000_000} MB", request=request)
    return whole(response, bytes(content)), None


async def _poured(response: httpx.Response, sink: Sink) -> tuple[httpx.Response, dict[str, Any]]:
    digest, size = hashlib.sha256(), 0
    write = sink()
    try:
        async for piece in response.aiter_bytes():
            digest.update(piece)
            size += len(piece)
            await write(piece)
    except BaseException:
        await response.aclose()  # whoever fails to take it, the connection is not left open
        raise
    return whole(response, b""), {"sha256": digest.hexdigest(), "size": size, "streamed": True}


def whole(response: httpx.Response, content: bytes) -> httpx.Response:
    """The answer with ``content`` in place of what came, which is no longer packed."""
    gone = {"content-length", "content-encoding", "transfer-encoding"}
    headers = [pair for pair in response.headers.multi_items() if pair[0].lower() not in gone]
    return httpx.Response(response.status_code, headers=headers, content=content)
