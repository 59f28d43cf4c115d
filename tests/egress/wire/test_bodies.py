"""Over real sockets: bodies leave as they are, in pieces if they are large, and stalls are seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from automator.egress.wire import Unknown
from tests.egress.wire.peer import ANSWER, Peer, after_body, head, serving


async def test_a_stream_is_not_held_in_memory(base: httpx.AsyncBaseTransport) -> None:
    """The server has the beginning of an upload before its end exists."""
    begun = asyncio.Event()

    async def count(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = await head(peer, reader)
        await reader.readexactly(1000)
        begun.set()
        await reader.readexactly(length - 1000)
        writer.write(ANSWER)

    async def upload() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        await begun.wait()
        yield b"x" * 500

    async with serving(count) as peer:
        request = httpx.Request("PUT", peer.url, content=upload(), headers={"content-length": "1500"})
        response = await base.handle_async_request(request)
        assert await response.aread() == b"ok"
        await response.aclose()


async def test_an_upload_of_unknown_size_arrives(base: httpx.AsyncBaseTransport) -> None:
    """A stream without a length leaves in chunks, whole and once."""

    async def collect(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(peer, reader)
        peer.heads.append(await reader.readuntil(b"0\r\n\r\n"))
        writer.write(ANSWER)

    async def upload() -> AsyncIterator[bytes]:
        yield b"first-"
        yield b"second"

    async with serving(collect) as peer:
        response = await base.handle_async_request(httpx.Request("POST", peer.url, content=upload()))
        assert await response.aread() == b"ok"
        await response.aclose()
        lines = peer.heads[1].split(b"\r\n")
        assert (peer.requests, b"".join(lines[1::2])) == (1, b"first-second")


@pytest.mark.parametrize("streamed", [True, False])
async def test_a_peer_that_stops_reading(base: httpx.AsyncBaseTransport, *, streamed: bool) -> None:
    """A stalled upload ends after the write time-out; a part has left, so the outcome is unknown."""
    size = 20_000_000

    async def upload() -> AsyncIterator[bytes]:
        for _ in range(size // 100_000):
            yield bytes(100_000)

    async def stall(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(peer, reader)
        await asyncio.Event().wait()

    async with serving(stall) as peer:
        request = httpx.Request(
            "POST",
            peer.url,
            content=upload() if streamed else bytes(size),
            headers={"content-length": str(size)},
            extensions={"timeout": {"connect": 1.0, "read": 0.2, "write": 0.2, "pool": 1.0}},
        )
        async with asyncio.timeout(5):
            with pytest.raises(Unknown):
                await base.handle_async_request(request)
        assert peer.requests == 1


async def test_a_slow_source_is_no_stall(base: httpx.AsyncBaseTransport) -> None:
    """The write time-out counts what the peer takes, not how long the source needs for its next piece."""

    async def upload() -> AsyncIterator[bytes]:
        yield b"x" * 500
        await asyncio.sleep(0.25)
        yield b"x" * 500

    async with serving(after_body(ANSWER)) as peer:
        request = httpx.Request(
            "POST",
            peer.url,
            content=upload(),
            headers={"content-length": "1000"},
            extensions={"timeout": {"connect": 1.0, "read": 1.0, "write": 0.1, "pool": 1.0}},
        )
        response = await base.handle_async_request(request)
        assert await response.aread() == b"ok"
        await response.aclose()


@pytest.mark.parametrize("verb", ["GET", "DELETE"])
async def test_a_request_without_a_body_says_nothing_of_one(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """Some servers refuse even an empty body where they expect none; a signed request has lost its content."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    plain = httpx.Request(verb, f"http://127.0.0.1:{port}/")
    signed = httpx.Request(verb, plain.url, headers=plain.headers, stream=plain.stream)
    response = await base.handle_async_request(signed)
    assert await response.aread() == b"ok"
    server.close()
    await server.wait_closed()
    assert b"transfer-encoding" not in seen[0].lower()
