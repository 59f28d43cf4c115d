"""What random days are made of: time that leaps, processes that die, and what is known of each post."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass, field

KINDS = ("drop-before", "drop-after", "error-after", "html-after", "garbage-after", "throttle")
#: method and path (empty: any) of what a provider may be troubled in; publishing is named first, and again
CALLS = {
    "x": (
        *[("POST", "/2/tweets")] * 4,
        ("GET", "/tweets"),
        ("GET", "/2/users/me"),
        ("POST", "/initialize"),
        ("POST", "/append"),
        ("POST", "/finalize"),
        ("POST", "/metadata"),
    ),
    "bluesky": (
        *[("POST", "putRecord")] * 6,
        ("GET", "getSession"),
        ("POST", "createSession"),
        ("POST", "refreshSession"),
        ("POST", "uploadBlob"),
    ),
    "facebook": (
        *[("POST", "")] * 3,
        ("POST", "/feed"),
        ("POST", "/photos"),
        ("POST", "/comments"),
        ("POST", "/videos"),
        ("POST", "/video_reels"),
        ("GET", ""),
        ("GET", "/published_posts"),
    ),
    "instagram": (
        *[("POST", "/media_publish")] * 3,
        ("POST", "/media"),
        ("POST", "/comments"),
        ("POST", ""),
        ("GET", ""),
        ("GET", "/media"),
        ("GET", "/content_publishing_limit"),
        ("GET", "/comments"),
    ),
}


@dataclass
class Doom:
    """Where a process will die: at one of the named points that it passes, or after so many steps of its loop."""

    passes: int = 0
    steps: int = -1
    met: bool = False

    def reach(self) -> None:
        self.passes -= 1
        if self.met or self.passes == 0:
            self.met = True
            raise asyncio.CancelledError


current: ContextVar[Doom | None] = ContextVar("doom", default=None)


def reach(_: str) -> None:
    if (doom := current.get()) is not None:
        doom.reach()


@dataclass
class Post:
    """What the test knows of a delivery."""

    id: str
    texts: tuple[str, ...]
    never: set[str] = field(default_factory=set)  #: texts that were changed before anything of it left
    most: int = 3  #: parts that the world may see, since it was cancelled
    ended: str | None = None  #: its final state, until a person does something about it
    restored: bool = False  #: a backup was put back since, which did not know what became of it

    def __repr__(self) -> str:
        return f"<{self.texts[0]}>"
