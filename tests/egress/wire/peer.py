"""A server on a real socket that behaves as a test says, and what is sent to it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

BODY = b"x" * 1000
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
QUICK = {"connect": 0.1, "read": 0.2, "write": 1.0, "pool": 0.1}
VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


@dataclass
class Peer:
    """A server that counts the requests that it saw the head of."""

    url: str = ""
    requests: int = 0
    heads: list[bytes] = field(default_factory=list)


Behaviour = Callable[[Peer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    peer = Peer()
    tasks: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await behaviour(peer, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/p"
    try:
        yield peer
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def head(peer: Peer, reader: asyncio.StreamReader) -> int:
    """Read a request's head; returns the length of its body."""
    data = await reader.readuntil(b"\r\n\r\n")
    peer.requests += 1
    peer.heads.append(data)
    lengths = [line.split(b":")[1] for line in data.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lengths[0]) if lengths else 0


def whole(peer: Peer, answer: bytes) -> bytes:
    """The answer to the newest request: to HEAD there is no body (RFC 9110, 9.3.2)."""
    return b"".join(answer.partition(b"\r\n\r\n")[:2]) if peer.heads[-1].startswith(b"HEAD ") else answer


def after_head(answer: bytes) -> Behaviour:
    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(peer, reader)
        writer.write(answer)

    return behave


def after_body(answer: bytes, *, part: float = 1.0, wait: bool = False) -> Behaviour:
    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = await head(peer, reader)
        await reader.readexactly(int(length * part))
        writer.write(whole(peer, answer))
        if wait:
            await asyncio.Event().wait()

    return behave


def answered(verb: str) -> tuple[int, bytes]:
    """What ``send`` returns for ``ANSWER``: to HEAD an answer has no body."""
    return 200, b"" if verb == "HEAD" else b"ok"


async def send(base: httpx.AsyncBaseTransport, verb: str, url: str, **extensions: object) -> tuple[int, bytes]:
    timeout = {"connect": 1.0, "read": 0.2, "write": 1.0, "pool": 0.2}
    request = httpx.Request(verb, url, content=BODY, extensions={"timeout": timeout, **extensions})
    response = await base.handle_async_request(request)
    try:
        return response.status_code, await response.aread()
    finally:
        await response.aclose()
