"""Over real sockets: one attempt is one request, and *unsent* is told apart from *unknown*."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from automator.egress.wire import Unknown, Unsent, aio, base_transport, plain

BODY = b"x" * 1000
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
POOL = 100  #: connections that a base transport has at most
QUICK = {"connect": 0.1, "read": 0.2, "write": 1.0, "pool": 0.1}
VERBS = ("GET", "POST", "PUT", "DELETE")


@pytest.fixture(params=["aiohttp", "httpx"])
async def base(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """Each base transport in turn."""
    transport = base_transport(request.param)
    yield transport
    await transport.aclose()


@dataclass
class Peer:
    """A server that counts the requests that it saw the head of."""

    url: str = ""
    requests: int = 0
    heads: list[bytes] = field(default_factory=list)


Behaviour = Callable[[Peer, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[Peer]:
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

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
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


def after_head(answer: bytes) -> Behaviour:
    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(peer, reader)
        writer.write(answer)

    return behave


def after_body(answer: bytes, *, part: float = 1.0, wait: bool = False) -> Behaviour:
    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = await head(peer, reader)
        await reader.readexactly(int(length * part))
        writer.write(answer)
        if wait:
            await asyncio.Event().wait()

    return behave


async def send(base: httpx.AsyncBaseTransport, verb: str, url: str, **extensions: object) -> tuple[int, bytes]:
    timeout = {"connect": 1.0, "read": 0.2, "write": 1.0, "pool": 0.2}
    request = httpx.Request(verb, url, content=BODY, extensions={"timeout": timeout, **extensions})
    response = await base.handle_async_request(request)
    try:
        return response.status_code, await response.aread()
    finally:
        await response.aclose()


LOST: dict[str, Behaviour] = {
    "hang-up after the head": after_head(b""),
    "hang-up after half the body": after_body(b"", part=0.5),
    "hang-up after the whole body": after_body(b""),
    "silence": after_body(b"", wait=True),
    "answer cut in the body": after_body(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok"),
    "garbage": after_body(b"this is no status line\r\n\r\n"),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("case", LOST)
async def test_what_may_have_arrived_is_unknown(base: httpx.AsyncBaseTransport, verb: str, case: str) -> None:
    """Once the server has the head, no failure is called unsent, and no verb is sent twice."""
    async with serving(LOST[case]) as peer:
        with pytest.raises(Unknown):
            await send(base, verb, peer.url)
        assert peer.requests == 1


@pytest.mark.parametrize("verb", VERBS)
async def test_a_refused_connection_is_unsent(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """Nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(Unsent):
            await send(base, verb, f"http://127.0.0.1:{bound.getsockname()[1]}/")


@pytest.mark.parametrize("verb", VERBS)
async def test_a_connection_that_is_never_accepted_is_unsent(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """The server's queue is full, and the connection is not made in time."""
    with socket.socket() as full, ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # what the kernel still takes in; more is left unanswered
            other = others.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        with pytest.raises(Unsent):
            await send(base, verb, f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=QUICK)


@pytest.mark.parametrize("verb", VERBS)
async def test_a_call_that_gets_no_connection_of_the_pool_is_unsent(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """A hundred calls wait for their answers; the next one gives up before it is sent, and they go on."""
    there, answer = asyncio.Semaphore(0), asyncio.Event()

    async def patient(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(await head(peer, reader))
        there.release()
        await answer.wait()
        writer.write(ANSWER)

    async with serving(patient) as peer:
        patience = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}
        waiting = [asyncio.create_task(send(base, verb, peer.url, timeout=patience)) for _ in range(POOL)]
        for _ in waiting:
            await there.acquire()
        with pytest.raises(Unsent):
            await send(base, verb, peer.url, timeout=QUICK)
        answer.set()
        assert await asyncio.gather(*waiting) == [(200, b"ok")] * POOL
        assert peer.requests == POOL


@pytest.mark.parametrize("verb", VERBS)
async def test_a_connection_that_is_reset_at_once_is_not_tried_again(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """Whether a byte had left when the reset came decides what it is called; there is one connection either way."""
    resets: list[int] = []

    async def reset(_: Peer, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        resets.append(1)
        linger = struct.pack("ii", 1, 0)  # on, for no time: RST in place of FIN
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    async with serving(reset) as peer:
        with pytest.raises((Unsent, Unknown)) as lost:
            await send(base, verb, peer.url)
        await asyncio.sleep(0)
        assert (peer.requests, len(resets)) == (0, 1), lost.value


@pytest.mark.parametrize("verb", VERBS)
async def test_a_failed_look_up_is_unsent(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """There is no such host."""
    with pytest.raises(Unsent):
        await send(base, verb, "http://nobody.invalid/")


async def test_a_failed_handshake_is_unsent(base: httpx.AsyncBaseTransport) -> None:
    """TLS spoken to a server that does not: keys and content stay here."""

    async def plain(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(plain) as peer:
        with pytest.raises(Unsent):
            await send(base, "POST", peer.url.replace("http:", "https:"))
        assert peer.requests == 0


async def test_too_late_is_unsent(base: httpx.AsyncBaseTransport) -> None:
    """The last look at the clock comes before the first byte."""
    async with serving(after_body(ANSWER)) as peer:
        with pytest.raises(Unsent):
            await send(base, "POST", peer.url, send_by=lambda: False)
        assert peer.requests == 0


@pytest.mark.parametrize("verb", VERBS)
async def test_a_connection_that_dies_on_its_second_request(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """A kept-alive connection that drops under a request does not make it leave twice."""

    async def once(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(await head(peer, reader))
        writer.write(ANSWER)
        await reader.readexactly(await head(peer, reader))

    async with serving(once) as peer:
        assert await send(base, verb, peer.url) == (200, b"ok")
        with pytest.raises(Unknown):
            await send(base, verb, peer.url)
        assert peer.requests == 2


async def test_a_connection_that_was_closed_while_idle(base: httpx.AsyncBaseTransport) -> None:
    """What the server has closed long since is not used again."""
    async with serving(after_body(ANSWER)) as peer:
        for _ in range(3):
            assert await send(base, "POST", peer.url) == (200, b"ok")
            await asyncio.sleep(0.02)
        assert peer.requests == 3


@pytest.mark.parametrize(("young", "connections"), [(60.0, 1), (0.02, 2)])
@pytest.mark.parametrize("name", ["aiohttp", "httpx"])
async def test_a_connection_that_is_no_longer_young_is_not_used(
    name: str, young: float, connections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer may be about to close it, and a write that meets its end can't be told from one that arrived."""
    monkeypatch.setattr(aio, "YOUNG", young)
    monkeypatch.setattr(plain, "YOUNG", young)
    opened: list[int] = []

    async def keep(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        while True:
            await reader.readexactly(await head(peer, reader))
            writer.write(ANSWER)

    base = base_transport(name)
    async with serving(keep) as peer:
        for _ in range(2):
            assert await send(base, "POST", peer.url) == (200, b"ok")
            await asyncio.sleep(0.05)
        await base.aclose()
    assert len(opened) == connections


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 307 Moved\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>",
    ],
)
async def test_any_whole_answer_is_handed_on(base: httpx.AsyncBaseTransport, answer: bytes) -> None:
    """Errors, empty answers and redirects are for the layers above; a redirect is not followed."""
    async with serving(after_body(answer)) as peer:
        status, _ = await send(base, "POST", peer.url)
        assert status == int(answer.split()[1])
        assert peer.requests == 1


async def test_what_is_sent_is_what_was_asked(base: httpx.AsyncBaseTransport) -> None:
    """No header is added that the record does not show, but for the connection's own."""
    async with serving(after_body(ANSWER)) as peer:
        await send(base, "POST", peer.url)
        names = {line.split(b":")[0].lower() for line in peer.heads[0].split(b"\r\n")[1:] if line}
        assert names <= {b"host", b"content-length", b"connection"}


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


async def test_an_address_that_was_signed_is_sent_to_the_byte(base: httpx.AsyncBaseTransport) -> None:
    """What httpx would write in another way leaves as it was signed."""
    async with serving(after_head(ANSWER)) as peer:
        request = httpx.Request("GET", f"{peer.url}/v5/order?a=b", extensions={"target": b"/v5/order?a={b}&c=d,e%2F"})
        await (await base.handle_async_request(request)).aread()
        assert peer.heads[0].startswith(b"GET /v5/order?a={b}&c=d,e%2F HTTP/1.1\r\n")
