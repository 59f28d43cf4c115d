"""The sandbox's bad days that are no faults of single calls: lists that lag, clocks that differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx

from automator.sandbox.server import Sandbox
from connectors.x import twin as x


async def test_providers_clocks_can_be_ahead(tmp_path: Path) -> None:
    """Every answer says so in its ``Date``, as a real provider's would."""
    box = Sandbox(tmp_path, clock_ahead=timedelta(minutes=10))
    given = await box.start()
    async with httpx.AsyncClient() as client:
        for account in given.values():
            answer = await client.get(f"{account['base_url']}/2/users/me")
            ahead = parsedate_to_datetime(answer.headers["date"]) - datetime.now(UTC)
            assert timedelta(minutes=9) < ahead < timedelta(minutes=11)
    await box.stop()


async def test_a_new_post_can_be_missing_from_lists(tmp_path: Path) -> None:
    """It is there, and the world sees it, but the provider's own list does not show it yet."""
    box = Sandbox(tmp_path, lists_lag=timedelta(hours=1))
    given = (await box.start())["x/brand"]
    _, app = box._twins["x"]
    (user,) = app[x.WORLD].users
    fresh = x.add_token(app, "brand")
    headers = {"authorization": f"Bearer {fresh['oauth2_access_token']}"}
    async with httpx.AsyncClient(base_url=given["base_url"], headers=headers) as client:
        assert (await client.post("/2/tweets", json={"text": "Hello"})).status_code == 201
        assert (await client.get(f"/2/users/{user}/tweets")).json().get("data", []) == []
    assert [post["text"] for post in box.world()["x"]] == ["Hello"]
    await box.stop()
