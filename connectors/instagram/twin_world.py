"""What Instagram's twin holds, and who may ask it for what."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from connectors.graph.twin import GRAPH, TOKEN, GraphError, Now

OWN = "instagram:"  #: begins the person of a token that came from Instagram Login
DAY = timedelta(days=1)


@dataclass
class World:
    """What Instagram holds.

    Attributes:
        visible_after: How long a new post is not shown in lists.
        working: How long a container is being worked on.
        breaks: The status with which every new container ends in error; empty: none does.
        blocks: So many publishings are done, and refused all the same.
        quota: Posts in 24 hours.
    """

    now: Now
    visible_after: timedelta = timedelta()
    working: timedelta = timedelta()
    breaks: str = ""
    blocks: int = 0
    quota: int = 50
    accounts: dict[str, str] = field(default_factory=dict)  #: id -> handle
    personal: set[str] = field(default_factory=set)
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    media: dict[str, dict[str, Any]] = field(default_factory=dict)
    comments: dict[str, dict[str, Any]] = field(default_factory=dict)


WORLD = web.AppKey("instagram", World)


def caller(request: web.Request, right: str) -> str:
    """The account that a token acts for."""
    token, graph = request[TOKEN], request.app[GRAPH]
    own = token.person.startswith(OWN)
    needed = right.replace("instagram_", "instagram_business_") if own else right
    if needed not in token.scopes:
        raise GraphError(10, f"(#10) Application does not have permission for this action ({needed})", status=403)
    if own:
        return token.person.removeprefix(OWN)
    page = graph.pages.get(token.page)
    return page.instagram if page is not None else ""


def acting(request: web.Request, right: str) -> str:
    """The account that a call is about, which must be the caller's."""
    number = request.match_info["id"]
    if number not in request.app[WORLD].accounts or caller(request, right) != number:
        raise missing(number)
    return number


def missing(number: str) -> GraphError:
    words = "does not exist, cannot be loaded due to missing permissions, or does not support this operation"
    return GraphError(100, f"Unsupported request. Object with ID '{number}' {words}", 33)


def of(world: World, number: str) -> list[dict[str, Any]]:
    return [one for one in world.containers.values() if one["account"] == number]


def used(world: World, number: str) -> int:
    since = world.now() - DAY
    return sum(one["published"] is not None and one["published"] > since for one in of(world, number))


def listed(given: dict[str, Any], name: str) -> list[Any]:
    try:
        found = json.loads(str(given.get(name) or "[]"))
    except ValueError:
        raise GraphError(100, f"(#100) Param {name} must be an array.") from None
    if not isinstance(found, list):
        raise GraphError(100, f"(#100) Param {name} must be an array.")
    return found


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S+0000")
