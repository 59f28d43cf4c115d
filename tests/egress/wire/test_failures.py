"""Over real sockets: *unsent* is told apart from *unknown*, and no failure makes a request leave twice."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
import traceback
from contextlib import ExitStack

import httpx
import pytest

from automator.egress.wire import Unknown, Unsent
from tests.egress.wire.peer import (
    ANSWER,
    QUICK,
    VERBS,
    Behaviour,
    Peer,
    after_body,
    after_head,
    answered,
    head,
    send,
    serving,
    whole,
)

KEY = "canary-94e0f1"
POOL = 100  #: connections that a base transport has at most


LOST: dict[str, Behaviour] = {
    "hang-up after the head": after_head(b""),
    "hang-up after half the body": after_body(b"", part=0.5),
    "hang-up after the whole body": after_body(b""),
    "silence": after_body(b"", wait=True),
    "answer cut in the head": after_body(b"HTTP/1.1 200 OK\r\ncontent-le"),
    "answer cut in the body": after_body(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nok"),
    "answer cut between pieces": after_body(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n"),
    "garbage": after_body(b"this is no status line\r\n\r\n"),
    "garbage in a header": after_body(b"HTTP/1.1 200 OK\r\n\x00\r\n\r\n"),
}
IN_A_BODY = {"answer cut in the body", "answer cut between pieces"}  # which an answer to HEAD has not (RFC 9110, 9.3.2)


@pytest.mark.parametrize(
    ("verb", "case"), [(verb, case) for verb in VERBS for case in LOST if verb != "HEAD" or case not in IN_A_BODY]
)
async def test_what_may_have_arrived_is_unknown(base: httpx.AsyncBaseTransport, verb: str, case: str) -> None:
    """Once the server has the head, no failure is called unsent, and no verb is sent twice."""
    async with serving(LOST[case]) as peer:
        with pytest.raises(Unknown):
            await send(base, verb, peer.url)
        assert peer.requests == 1


@pytest.mark.parametrize("case", LOST)
async def test_no_failure_tells_the_address(
    base: httpx.AsyncBaseTransport, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the signed one here, in which some providers want a key; neither errors, their causes, nor logs show it."""
    with caplog.at_level(logging.INFO):
        async with serving(LOST[case]) as peer:
            with pytest.raises(Unknown) as told:
                await send(base, "POST", f"{peer.url}?key={KEY}")
    assert KEY.encode() in peer.heads[0]
    assert KEY not in "".join(traceback.format_exception(told.value)) + caplog.text


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
        writer.write(whole(peer, ANSWER))

    async with serving(patient) as peer:
        patience = {"connect": 5.0, "read": 5.0, "write": 5.0, "pool": 5.0}
        waiting = [asyncio.create_task(send(base, verb, peer.url, timeout=patience)) for _ in range(POOL)]
        for _ in waiting:
            await there.acquire()
        with pytest.raises(Unsent):
            await send(base, verb, peer.url, timeout=QUICK)
        answer.set()
        assert await asyncio.gather(*waiting) == [answered(verb)] * POOL
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


@pytest.mark.parametrize("verb", VERBS)
async def test_too_late_is_unsent(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """The last look at the clock comes before the first byte."""
    async with serving(after_body(ANSWER)) as peer:
        with pytest.raises(Unsent):
            await send(base, verb, peer.url, send_by=lambda: False)
        assert peer.requests == 0
