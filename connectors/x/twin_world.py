"""What the stand-in for X holds, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

Now = Callable[[], datetime]


@dataclass
class User:
    """Someone with an account and keys."""

    id: str
    handle: str
    keys: dict[str, str]


@dataclass
class World:
    """What X holds."""

    now: Now
    visible_after: timedelta = timedelta()  #: how long a new post is not shown in lists
    token_life: timedelta = timedelta(hours=2)
    posts_in_15_minutes: int = 100
    processing: timedelta = timedelta(seconds=1)  #: how long a video or a GIF is worked on
    processing_fails: str = ""  #: why it ends badly
    refuses_texts: bool = False  #: those that go with media
    old_names: bool = False  #: only the parameter names of version 2.166
    users: dict[str, User] = field(default_factory=dict)
    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    media: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, tuple[str, datetime]] = field(default_factory=dict)  #: OAuth 2.0 access tokens
    refresh: dict[str, str] = field(default_factory=dict)
    codes: dict[str, tuple[str, tuple[str, str, str], datetime]] = field(default_factory=dict)
    counted: dict[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)
    last: int = 1_900_000_000_000_000_000


WORLD = web.AppKey("x", World)
USER = web.RequestKey("user", User)


class Refusal(Exception):
    """An error answer in X's form (RFC 9457)."""

    def __init__(self, status: int, detail: str, title: str = "", kind: str = "about:blank") -> None:
        body = {"title": title or "Forbidden", "detail": detail, "type": kind, "status": status}
        self.answer = web.json_response(body, status=status, content_type="application/problem+json")
        super().__init__(detail)


async def read_json(request: web.Request, allowed: frozenset[str]) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise Refusal(400, "Invalid JSON", "Invalid Request") from None
    if not isinstance(body, dict) or (unknown := sorted(body.keys() - allowed)):
        kind = "https://api.twitter.com/2/problems/invalid-request"
        raise Refusal(400, f"unknown fields {unknown if isinstance(body, dict) else ''}", "Invalid Request", kind)
    return body
