"""Pictures on their way to a provider."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from connectors.network import Media, Rejected

TYPES = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif"})  #: what the networks show


async def content_of(media: Media) -> bytes:
    """The file as it was when the post was planned.

    Raises:
        Rejected: it is gone, or has changed.
    """
    try:
        content = await asyncio.to_thread(Path(media.path).read_bytes)
    except OSError as error:
        raise Rejected(f"{media.path} can't be read any more ({error.strerror})") from None
    if hashlib.sha256(content).hexdigest() != media.sha256:
        raise Rejected(f"{media.path} has changed since the post was planned; plan it again")
    return content
