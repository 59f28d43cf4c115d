"""Lists that lead on to the page that was just read: asked twice, and no more."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import httpx

from connectors.base import Effect, Kind, Operation, Outcome, Scope
from connectors.bluesky import reading as bluesky
from connectors.exchange.rows import okx_waiting
from connectors.facebook.login import LOGIN
from connectors.graph.lists import newest
from connectors.graph.login import PAGES_AT_ONCE
from connectors.network import Wire
from connectors.x.connector import POSTS
from connectors.x.reading import listed

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
READ = Operation("graph.read", Effect.READ, Scope.READ)


@dataclass
class Stuck:
    """A provider that answers the same to every call, or the same list."""

    says: dict[str, Any]
    base: str = ""
    asked: list[str] = field(default_factory=list)

    async def request(self, operation: Operation, *_: object, **__: object) -> httpx.Response:
        self.asked.append(operation.name)
        return httpx.Response(200, json=self.says, extensions={"outcome": Outcome(Kind.OK)})


async def test_each_post_that_x_shows_costs_money() -> None:
    """So that a list without an end would cost thousands of them."""
    wire = Stuck({"data": [{"id": "1"}], "meta": {"next_token": "same"}})
    assert len([post async for post in listed(cast(Wire, wire), POSTS, "7", {})]) == 2
    assert len(wire.asked) == 2


async def test_the_records_of_an_account_at_bluesky() -> None:
    """Thousands of calls would use up the limit of all accounts."""
    record = {"uri": "at://a/b/c", "cid": "d", "value": {"text": "x", "createdAt": "2026-01-01T00:00:00Z"}}
    wire = Stuck({"records": [record], "cursor": "zzzzzzzzzzzzz"})
    await bluesky.recent(cast(Wire, wire), "did:plc:a", LONG_AGO)
    assert len(wire.asked) == 2


async def test_what_is_looked_for_at_facebook_and_instagram() -> None:
    """A page of theirs may have no end either."""
    row = {"id": "1", "created_time": "2026-01-01T00:00:00+0000"}
    wire = Stuck({"data": [row], "paging": {"cursors": {"after": "same"}, "next": "https://graph.facebook.com/x"}})
    assert len(await newest(cast(Wire, wire), READ, "https://x", {}, LONG_AGO)) == 2
    assert len(wire.asked) == 2


async def test_a_sign_in_at_facebook_comes_to_an_end() -> None:
    """Whoever has many pages waits for the list of them."""
    page = {"id": "1", "access_token": "t"}
    wire = Stuck({"data": [page] * PAGES_AT_ONCE, "paging": {"cursors": {"after": "same"}}})
    rows = [row async for row in LOGIN.listed(cast(Wire, wire), "https://x", "https://y", "id,access_token")]
    assert len(rows) == 2 * PAGES_AT_ONCE


def test_orders_that_wait_at_okx() -> None:
    """Open orders are read again and again, each time to the end."""
    body = {"code": "0", "data": [{"algoId": str(number)} for number in range(okx_waiting.PAGE)]}
    (second,) = okx_waiting.pending(None).then(body)
    assert second.then(body) == []
    further = {"code": "0", "data": [{"algoId": f"9{number}"} for number in range(okx_waiting.PAGE)]}
    assert len(second.then(further)) == 1
