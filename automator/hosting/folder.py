"""A folder behind the user's own web server."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

from automator.egress.call import Call
from connectors.network import Rejected
from connectors.picture import pieces
from connectors.post import Media

PART = ".part"  #: while a file is being copied


@dataclass(frozen=True)
class Folder:
    """Copies files into it; the web server shows them under ``public_url``."""

    path: Path
    public_url: str

    @property
    def place(self) -> str:
        """Where files lie, for the record and for a person."""
        return f"folder {self.path}"

    async def put(self, name: str, media: Media, _: Call) -> None:
        """Copy a file, whole or not at all.

        Raises:
            Rejected: the folder can't be written, or the file has changed.
        """
        part = self.path / f"{name}{PART}"
        try:
            with await asyncio.to_thread(part.open, "wb") as file:
                async for piece in pieces(media):
                    await asyncio.to_thread(file.write, piece)
            await asyncio.to_thread(part.chmod, 0o644)  # the web server is another user
            await asyncio.to_thread(part.replace, self.path / name)
        except OSError as error:
            raise Rejected(f"the media host's folder {self.path} can't be written ({error.strerror})") from None
        finally:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(part.unlink, missing_ok=True)

    async def remove(self, name: str, _: Call) -> None:
        """Remove a file, also one that was being copied; nothing if there is none.

        Raises:
            Rejected: the folder can't be written.
        """
        try:
            for path in (self.path / name, self.path / f"{name}{PART}"):
                await asyncio.to_thread(path.unlink, missing_ok=True)
        except OSError as error:
            raise Rejected(f"the media host's folder {self.path} can't be written ({error.strerror})") from None
