"""Lists of posts that do not end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import httpx

from connectors.base import Kind, Outcome
from connectors.network import Wire
from connectors.x.connector import POSTS
from connectors.x.reading import listed


@dataclass
class Stuck:
    """An X whose list always leads on to the same page."""

    base: str = ""
    asked: int = 0

    async def request(self, *_: object, **__: object) -> httpx.Response:
        self.asked += 1
        said: dict[str, Any] = {"data": [{"id": str(self.asked)}], "meta": {"next_token": "same"}}
        return httpx.Response(200, json=said, extensions={"outcome": Outcome(Kind.OK)})


async def test_a_list_that_goes_round_in_circles_is_paid_for_twice_at_most() -> None:
    """Each post that X shows costs money."""
    wire = Stuck()
    assert [post["id"] async for post in listed(cast(Wire, wire), POSTS, "7", {})] == ["1", "2"]
    assert wire.asked == 2
