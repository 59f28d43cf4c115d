"""Over real sockets: what is kept alive is used only while it is young, and a request leaves on it once."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from automator.egress.wire import Unknown, aio, base_transport, plain
from tests.egress.wire.peer import ANSWER, VERBS, Peer, after_body, after_head, answered, head, send, serving, whole


@pytest.mark.parametrize("verb", VERBS)
async def test_a_connection_that_dies_on_its_second_request(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """A kept-alive connection that drops under a request does not make it leave twice."""

    async def once(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(await head(peer, reader))
        writer.write(whole(peer, ANSWER))
        await reader.readexactly(await head(peer, reader))

    async with serving(once) as peer:
        assert await send(base, verb, peer.url) == answered(verb)
        with pytest.raises(Unknown):
            await send(base, verb, peer.url)
        assert peer.requests == 2


@pytest.mark.parametrize("verb", VERBS)
async def test_a_connection_that_was_closed_while_idle(base: httpx.AsyncBaseTransport, verb: str) -> None:
    """What the server has closed long since is not used again."""
    async with serving(after_body(ANSWER)) as peer:
        for _ in range(3):
            assert await send(base, verb, peer.url) == answered(verb)
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


async def test_an_address_that_was_signed_is_sent_to_the_byte(base: httpx.AsyncBaseTransport) -> None:
    """What httpx would write in another way leaves as it was signed."""
    async with serving(after_head(ANSWER)) as peer:
        request = httpx.Request("GET", f"{peer.url}/v5/order?a=b", extensions={"target": b"/v5/order?a={b}&c=d,e%2F"})
        await (await base.handle_async_request(request)).aread()
        assert peer.heads[0].startswith(b"GET /v5/order?a={b}&c=d,e%2F HTTP/1.1\r\n")
