"""How the twin fetches what is to be published: from this machine, and from nowhere else."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from connectors.base import LOOPBACK

LARGEST = 400_000_000
PATIENCE = 10.0  #: seconds
_OK = "200"


class Unfetched(Exception):
    """There was nothing to fetch; says why."""


async def fetched(url: str) -> tuple[str, bytes]:
    """Content type and bytes of what lies at an ``http`` address of this machine.

    Raises:
        Unfetched: it is no such address, or what answers there does not show a file.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK:
        raise Unfetched("the sandbox fetches from this machine alone")
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await _asked(str(parts.hostname), parts.port or 80, url[url.index("/", 7) :])
    except (OSError, TimeoutError, ValueError) as error:
        raise Unfetched(type(error).__name__) from None
    head, _, content = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    if status.split(" ")[1:2] != [_OK]:
        raise Unfetched(status[:40])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return headers.get("content-type", "").partition(";")[0].lower(), content


async def _asked(host: str, port: int, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nUser-Agent: facebookexternalua\r\n\r\n".encode())
        await writer.drain()
        return await _whole(reader)
    finally:
        writer.close()


async def _whole(reader: asyncio.StreamReader) -> bytes:
    content = bytearray()
    while piece := await reader.read(65_536):
        content += piece
        if len(content) > LARGEST:
            raise ValueError
    return bytes(content)
