"""A thin transport over aiohttp's connections and parser.

The boundary between *unsent* and *unknown* is the moment at which aiohttp starts to write the request on an
acquired connection; exception classes alone do not tell (a server that hung up looks like a failed connection).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
from aiohttp import client_reqrep
from yarl import URL

from automator import failpoints
from automator.egress.wire.errors import Unknown, Unsent, check_on_time
from automator.egress.wire.words import said

YOUNG = 1.0  #: seconds that a kept-alive connection may idle before a new one is taken
CHUNK = 64 * 1024


@dataclass(slots=True)
class _Phase:
    """How far one attempt has come."""

    request: httpx.Request
    left: bool = False


_phase: ContextVar[_Phase] = ContextVar("automator_wire_phase")


class _Request(client_reqrep.ClientRequest):
    """aiohttp's request, which says when it starts to leave and refuses to leave twice."""

    async def send(self, conn: Any) -> Any:
        phase = _phase.get()
        if phase.left:
            raise Unknown("the connection dropped; the request is not sent a second time", request=phase.request)
        check_on_time(phase.request)
        phase.left = True
        answer = await super().send(conn)
        if self._writer is None:  # a small body is written by now
            failpoints.reach("after-last-byte")
        else:
            self._writer.add_done_callback(lambda _: failpoints.reach("after-last-byte"))
        return answer


class _Body(httpx.AsyncByteStream):
    """aiohttp's response body as httpx reads it."""

    def __init__(self, answer: aiohttp.ClientResponse, request: httpx.Request) -> None:
        self._answer = answer
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_chunked(CHUNK):
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unknown(f"the answer broke off: {type(error).__name__}", request=self._request) from error

    async def aclose(self) -> None:
        if self._answer.content.at_eof():
            self._answer.release()
        else:
            self._answer.close()


class AioTransport(httpx.AsyncBaseTransport):
    """One attempt is one request: nothing is re-sent, redirected, or given cookies."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=100, keepalive_timeout=YOUNG),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                request_class=_Request,
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            )
            # aiohttp re-sends idempotent verbs on a dropped kept-alive connection; _Request refuses that as well
            self._session._retry_connection = False  # noqa: SLF001 - there is no public switch
        return self._session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send once. Raises ``Unsent`` or ``Unknown``, never another transport error."""
        phase = _Phase(request)
        _phase.set(phase)
        try:
            async with asyncio.timeout(None) as stall:
                answer = await self._open().request(
                    request.method,
                    _url(request),
                    headers=_headers(request),
                    data=_payload(request, stall),
                    allow_redirects=False,
                    timeout=_timeout(request),
                )
                small = await answer.read() if _small(answer) else None
        except (Unsent, Unknown):
            raise
        except aiohttp.ClientResponseError as error:
            # it names the whole address, in which a key may stand once it is signed
            kind = Unknown if phase.left else Unsent
            raise kind(f"{type(error).__name__}: {error.message}", request=request) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, asyncio.IncompleteReadError) as error:
            kind = Unknown if phase.left else Unsent
            raise kind(said(error), request=request) from error
        headers = list(answer.raw_headers)
        if small is not None:
            return httpx.Response(answer.status, headers=headers, content=small)
        return httpx.Response(answer.status, headers=headers, stream=_Body(answer, request))

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _url(request: httpx.Request) -> URL:
    """The address, to the byte; the extension ``target`` is one that was signed, and httpx might write differently."""
    target: bytes | None = request.extensions.get("target")
    if target is None:
        return URL(str(request.url), encoded=True)
    origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
    return URL(origin + target.decode("ascii"), encoded=True)


def _small(answer: aiohttp.ClientResponse) -> bool:
    """Whether the body is as good as here: it says that it is short, and is not packed."""
    size = answer.content_length
    return size is not None and size <= CHUNK and "content-encoding" not in answer.headers


def _headers(request: httpx.Request) -> list[tuple[str, str]]:
    """The request's own, but for the transfer encoding: aiohttp insists on writing that one itself."""
    return [(name, value) for name, value in request.headers.multi_items() if name.lower() != "transfer-encoding"]


def _payload(request: httpx.Request, stall: asyncio.Timeout) -> bytes | AsyncIterator[bytes] | None:
    """A small body as it is, since it fits the buffers; anything else in pieces, each watched until it is taken."""
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return None  # some servers refuse even an empty body where they expect none
    if isinstance(request.stream, httpx.ByteStream):
        content = b"".join(request.stream)
        return _watched(_pieces(content), request, stall) if len(content) > CHUNK else content or None
    if not isinstance(request.stream, httpx.AsyncByteStream):
        raise TypeError("this request's body can't be sent asynchronously")
    return _watched(aiter(request.stream), request, stall)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    view = memoryview(content)
    for start in range(0, len(view), CHUNK):
        yield bytes(view[start : start + CHUNK])


async def _watched(
    source: AsyncIterator[bytes], request: httpx.Request, stall: asyncio.Timeout
) -> AsyncIterator[bytes]:
    """Pass ``source`` on; while a piece waits for the peer to take it, the write time-out runs.

    aiohttp has none of its own, and starts its read time-out only after the whole body is written.
    """
    wait: float | None = request.extensions.get("timeout", {}).get("write")
    loop = asyncio.get_running_loop()
    async for piece in source:
        _reschedule(stall, None if wait is None else loop.time() + wait)
        yield piece
        _reschedule(stall, None)


def _reschedule(stall: asyncio.Timeout, when: float | None) -> None:
    # a peer may answer before it has read everything: then the watch is over, while the upload goes on
    with contextlib.suppress(RuntimeError):
        stall.reschedule(when)


def _timeout(request: httpx.Request) -> aiohttp.ClientTimeout:
    asked: dict[str, float | None] = request.extensions.get("timeout", {})
    waits = [wait for wait in (asked.get("pool"), asked.get("connect")) if wait is not None]
    return aiohttp.ClientTimeout(
        total=None,
        connect=sum(waits) if waits else None,
        sock_connect=asked.get("connect"),
        sock_read=asked.get("read"),
    )
