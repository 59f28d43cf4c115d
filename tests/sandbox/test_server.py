"""The sandbox's bad days that are no faults of single calls: lists that lag, clocks that differ."""

from __future__ import annotations

import json
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


async def test_an_exchange_plays_back_a_file_of_candles(tmp_path: Path) -> None:
    """By the symbol it is given for, as fast as is asked, and its account stands apart from those that post."""
    file = tmp_path / "candles.csv"
    rows = [f"2026-01-01T00:0{minute}:00Z,0.05,0.0600001,0.04,0.0{50 + minute},10" for minute in range(10)]
    file.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]), encoding="utf-8")
    started = datetime.now(UTC)
    box = Sandbox(tmp_path, markets={"ETH/BTC": file}, speed=0)
    assert "binance/brand" not in await box.start()
    given = json.loads((tmp_path / "exchanges.json").read_text(encoding="utf-8"))["binance/brand"]
    async with httpx.AsyncClient(base_url=given["base_url"]) as client:
        (first, begun) = (await client.get("/api/v3/klines?symbol=ETHBTC&interval=1m&limit=2")).json()
        assert first[4] == "0.05000000"
        assert started - timedelta(minutes=1) < datetime.fromtimestamp(begun[0] / 1000, UTC) <= datetime.now(UTC)
        await client.post("/inspect/advance", json={"seconds": 540})
        (market,) = (await client.get("/api/v3/exchangeInfo")).json()["symbols"]
        rows = (await client.get("/api/v3/klines?symbol=ETHBTC&interval=1m&limit=2")).json()
    assert (market["symbol"], market["filters"][0]["tickSize"]) == ("ETHBTC", "0.00001")
    assert rows[0][1:6] == ["0.05000000", "0.06000000", "0.04000000", "0.05900000", "10.00000000"]
    await box.stop()


async def test_an_exchange_alone_is_told_like_any_other_provider(tmp_path: Path) -> None:
    """Who asks for it by name finds its account where all are."""
    box = Sandbox(tmp_path, only=frozenset({"binance"}))
    given = await box.start()
    assert set(given["binance/brand"]["secrets"]) == {"api_key", "secret"}
    assert json.loads((tmp_path / "accounts.json").read_text(encoding="utf-8")) == given
    await box.stop()
