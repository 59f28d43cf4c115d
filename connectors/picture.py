"""Pictures and videos on their way to a provider: the very files that were checked, a piece at a time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from connectors.network import Rejected
from connectors.post import Media

TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})  #: what the networks show
PIECE = 256 * 1024  #: bytes read at once


async def content_of(media: Media) -> bytes:
    """A small file as it was when the post was planned.

    Raises:
        Rejected: it is gone, or has changed.
    """
    return b"".join([piece async for piece in pieces(media)])


async def pieces(media: Media, size: int = PIECE) -> AsyncIterator[bytes]:
    """A file of any size, ``size`` bytes at a time; it is known only at the end whether it is the one that was planned.

    Raises:
        Rejected: it is gone, or has changed.
    """
    digest = hashlib.sha256()
    try:
        file = await asyncio.to_thread(Path(media.path).open, "rb")
        with file:
            while piece := await asyncio.to_thread(file.read, size):
                digest.update(piece)
                yield piece
    except OSError as error:
        raise Rejected(f"{media.path} can't be read any more ({error.strerror})") from None
    if digest.hexdigest() != media.sha256:
        raise Rejected(f"{media.path} has changed since the post was planned; plan it again")


async def unchanged(media: Media) -> None:
    """Read a file once to see that it is the one that was planned.

    Raises:
        Rejected: it is gone, or has changed.
    """
    async for _ in pieces(media):
        pass


class Stream:
    """A file as the body of a request, read afresh for every attempt; never more than a piece of it is in memory."""

    def __init__(self, media: Media) -> None:
        self._media = media

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in pieces(self._media):
                yield piece
        except Rejected as rejected:
            # a part of it may have left: the attempt is broken off, and the next look at the file tells why
            raise OSError(rejected.reason) from rejected
