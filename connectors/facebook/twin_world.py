"""What Facebook's stand-in holds, and how it reads what it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from connectors.graph.login import TASKS
from connectors.graph.twin import (
    PARAMS,
    Graph,
    GraphError,
    need,
    picked,
    whole_address,
)

COMMON = frozenset({"access_token", "appsecret_proof", "fields", "limit", "after", "before", "since", "until"})


@dataclass
class World(Graph):
    """What Facebook holds.

    Attributes:
        visible_after: How long something new is not in lists.
        video_time: How long a video is worked on.
        staging: Whether unpublished posts can be made.
        insights: Whether the page has the 100 likes without which Facebook tells nobody how often it is seen.
        views: How often something was seen, by its id.
    """

    visible_after: timedelta = timedelta()
    video_time: timedelta = timedelta()
    staging: bool = True
    insights: bool = True
    views: dict[str, int] = field(default_factory=dict)
    posts: dict[str, dict[str, Any]] = field(default_factory=dict)
    photos: dict[str, dict[str, Any]] = field(default_factory=dict)
    videos: dict[str, dict[str, Any]] = field(default_factory=dict)
    stories: dict[str, dict[str, Any]] = field(default_factory=dict)
    comments: dict[str, dict[str, Any]] = field(default_factory=dict)
    shown: list[tuple[str, str]] = field(default_factory=list)  #: (kind, id) as they became visible

    def show(self, kind: str, number: str) -> None:
        """Something becomes visible now."""
        at = self.now()
        getattr(self, kind)[number] |= {"at": at, "created_time": at.strftime("%Y-%m-%dT%H:%M:%S+0000")}
        self.shown.append((kind, number))


WORLD = web.AppKey("facebook", World)


def given(request: web.Request, known: frozenset[str]) -> dict[str, Any]:
    """What a write says.

    Raises:
        GraphError: it says something that is not known.
    """
    params = {name: value for name, value in request[PARAMS].items() if name not in COMMON}
    if unknown := sorted(params.keys() - known):
        raise GraphError(100, f"(#100) Param {unknown[0]} is not known")
    return params


def flag(value: Any, *, default: bool) -> bool:
    """A yes or no, as forms and JSON write it.

    Raises:
        GraphError: it is neither.
    """
    if value is None:
        return default
    if str(value).lower() not in {"true", "false", "1", "0"}:
        raise GraphError(100, "(#100) Param must be a boolean")
    return str(value).lower() in {"true", "1"}


def page_of(request: web.Request, scope: str = "pages_manage_posts") -> tuple[World, str]:
    """The page that a call acts on, which must be the token's, with a task that may.

    Raises:
        GraphError: it is another, or may not.
    """
    world, token, number = request.app[WORLD], need(request, scope), request.match_info["id"]
    if number not in world.pages or token.page != number:
        raise GraphError(100, f"Unsupported request. Object with ID '{number}' does not exist", 33)
    if scope == "pages_manage_posts" and not TASKS & set(world.pages[number].tasks):
        raise GraphError(200, "(#200) The user hasn't authorized the application to perform this action", status=403)
    return world, number


def listed(request: web.Request, rows: Iterable[dict[str, Any]], known: frozenset[str]) -> web.Response:
    """Rows that are visible, newest first."""
    world = request.app[WORLD]
    until, most = world.now() - world.visible_after, int(request[PARAMS].get("limit") or 25)
    since = float(request[PARAMS].get("since") or 0)
    found = [row for row in rows if row["at"] <= until and row["at"].timestamp() >= since]
    begin = int(request[PARAMS].get("after") or 0)
    newest = sorted(found, key=lambda row: row["at"], reverse=True)
    shown = [picked(row, request, known, "id,message,created_time") for row in newest[begin : begin + most]]
    # Graph names a cursor on the last page too
    paging: dict[str, Any] = {"cursors": {"before": str(begin), "after": str(begin + len(shown))}} if shown else {}
    paging |= {"next": whole_address(request)} if begin + most < len(newest) else {}
    return web.json_response({"data": shown, "paging": paging})


def add_story(world: World, page: str, media: str, kind: str) -> str:
    """A story becomes visible; returns its id."""
    number = world.number()
    world.stories[number] = {
        "id": number, "page": page, "post_id": number, "media_id": media, "media_type": kind, "status": "PUBLISHED",
        "kind": "story",
    }  # fmt: skip
    world.show("stories", number)
    return number
