"""The stand-in for Alpaca: answers as its specifications have them, and its habits."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator

from tests.connectors.alpaca_stocks.place import ACCOUNT, Place

SPECS = os.environ.get("AUTOMATOR_SPECS")


async def ask(place: Place, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
    """A call with the account's key, as any client makes it."""
    base = place.opened[0].base
    secrets = place.engine.store.get(ACCOUNT, 1)
    headers = {"APCA-API-KEY-ID": secrets["api_key"], "APCA-API-SECRET-KEY": secrets["secret"]}
    async with httpx.AsyncClient(base_url=base, headers=headers) as client:
        return await client.request(method, path, json=body, params=query)


MARKET = {"symbol": "AAPL", "side": "buy", "type": "market", "time_in_force": "day", "qty": "2"}
LIMIT = MARKET | {"type": "limit", "time_in_force": "gtc", "limit_price": "50"}

SHOWN = {"easy_to_borrow": "in the specification's example alone, and clients need it"}


@cache
def loaded(name: str) -> Any:
    return json.loads((Path(SPECS or "") / "alpaca" / name).read_text(encoding="utf-8"))


def faults(method: str, path: str, answer: Any) -> list[str]:
    """What the specification has against an answer, fields that it does not name included."""
    document = loaded("market-data-api.json" if path.startswith("/v2/stocks/") else "trading-api.json")
    said = document["paths"][path][method.lower()]["responses"]["200"]["content"]["application/json"]["schema"]
    if path.startswith("/v2/account/activities/"):  # "one of" two forms, of which every trade has both
        said = {"type": "array", "items": {"$ref": "#/components/schemas/TradingActivities"}}
    whole = {**said, "components": document["components"]}
    wrong = [
        f"{'.'.join(map(str, one.path))}: {one.message[:200]}" for one in OAS31Validator(whole).iter_errors(answer)
    ]
    schema = said.get("items", said)
    schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]] if "$ref" in schema else schema
    names = schema.get("properties")
    rows = answer if isinstance(answer, list) else [answer]
    return wrong + [f"{name} is no field" for row in rows for name in row if names and name not in names | SHOWN]


@pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")
async def test_answers_are_as_specified(place: Place) -> None:
    """Orders of each state, accounts, positions, stocks, trades, prices and candles."""
    wrong = []
    for body in (MARKET, LIMIT, MARKET | {"qty": None, "notional": "20.5"}, LIMIT | {"client_order_id": "mine"}):
        made = await ask(place, "POST", "/v2/orders", body)
        wrong += faults("POST", "/v2/orders", made.json())
        path = f"/v2/orders/{made.json()['id']}"
        wrong += faults("GET", "/v2/orders/{order_id}", (await ask(place, "GET", path)).json())
    assert (await ask(place, "DELETE", path)).status_code == 204
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("/v2/orders", "/v2/orders", {"status": "all"}),
        ("/v2/orders:by_client_order_id", "/v2/orders:by_client_order_id", {"client_order_id": "mine"}),
        ("/v2/account", "/v2/account", {}),
        ("/v2/positions", "/v2/positions", {}),
        ("/v2/clock", "/v2/clock", {}),
        ("/v2/assets", "/v2/assets", {}),
        ("/v2/assets/{symbol_or_asset_id}", "/v2/assets/AAPL", {}),
        ("/v2/account/activities/{activity_type}", "/v2/account/activities/FILL", {}),
        ("/v2/stocks/{symbol}/snapshot", "/v2/stocks/AAPL/snapshot", {}),
        ("/v2/stocks/{symbol}/quotes/latest", "/v2/stocks/AAPL/quotes/latest", {}),
        ("/v2/stocks/quotes/latest", "/v2/stocks/quotes/latest", {"symbols": "AAPL"}),
        ("/v2/stocks/{symbol}/bars", "/v2/stocks/AAPL/bars", {"timeframe": "5Min"}),
        ("/v2/stocks/bars", "/v2/stocks/bars", {"timeframe": "1Day", "symbols": "AAPL"}),
    ]
    for form, path, query in asked:
        answer = (await ask(place, "GET", path, **query)).json()
        assert answer, path
        wrong += [f"{path}: {fault}" for fault in faults("GET", form, answer)]
    assert wrong == []


REFUSALS: list[tuple[dict[str, Any], int, str]] = [
    (MARKET | {"qty": "5000"}, 403, "insufficient buying power"),
    (MARKET | {"side": "sell"}, 403, "insufficient qty available"),
    (MARKET | {"side": "sell", "position_intent": "sell_to_open"}, 422, "position intent mismatch"),
    (MARKET | {"symbol": "NONE"}, 422, 'asset "NONE" not found'),
    (MARKET | {"qty": "0"}, 422, "qty must be > 0"),
    (MARKET | {"notional": "5"}, 422, "not both"),
    (MARKET | {"qty": "0.5", "time_in_force": "gtc"}, 422, "must be DAY orders"),
    (LIMIT | {"qty": "0.5", "time_in_force": "day"}, 422, "must be market orders"),
    (MARKET | {"qty": None, "notional": "0.5"}, 403, "cost basis must be >= minimal amount of order 1"),
    (MARKET | {"qty": None, "notional": "5.123"}, 422, "2 decimal places"),
    (LIMIT | {"limit_price": "50.123"}, 422, "sub-penny increment"),
    (LIMIT | {"limit_price": None}, 422, "require limit price"),
    (LIMIT | {"stop_price": "5"}, 422, "must not have stop_price"),
    (LIMIT | {"time_in_force": "forever"}, 422, "invalid time_in_force"),
    (LIMIT | {"type": None}, 422, "type is required"),
    (LIMIT | {"client_order_id": "a" * 129}, 422, "no more than 128"),
]


@pytest.mark.parametrize(("body", "status", "words"), REFUSALS)
async def test_what_it_refuses(place: Place, body: dict[str, Any], status: int, words: str) -> None:
    """With Alpaca's statuses; nothing is placed."""
    answer = await ask(place, "POST", "/v2/orders", body)
    assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text
    assert place.world.placed == {}


async def test_a_name_is_used_once_for_ever(place: Place) -> None:
    """Also after the order that had it was cancelled."""
    made = await ask(place, "POST", "/v2/orders", LIMIT | {"client_order_id": "mine"})
    await ask(place, "DELETE", f"/v2/orders/{made.json()['id']}")
    again = await ask(place, "POST", "/v2/orders", LIMIT | {"client_order_id": "mine"})
    assert (again.status_code, again.json()["message"]) == (422, "client_order_id must be unique")
    gone = await ask(place, "DELETE", f"/v2/orders/{made.json()['id']}")
    assert (gone.status_code, "canceled" in gone.json()["message"]) == (422, True)


async def test_who_may_ask_and_how_often(place: Place) -> None:
    """A wrong key is refused; the 201st call of a minute is too many, and each answer says what is left."""
    base = place.opened[0].base
    async with httpx.AsyncClient(base_url=base, headers={"APCA-API-KEY-ID": "no"}) as client:
        assert (await client.get("/v2/account")).status_code == 401
    place.world.calls = 3
    place.world.counted.clear()
    left = [(await ask(place, "GET", "/v2/clock")) for _ in range(4)]
    assert [one.status_code for one in left] == [200, 200, 200, 429]
    assert [one.headers["X-RateLimit-Remaining"] for one in left] == ["2", "1", "0", "0"]
    assert int(left[0].headers["X-RateLimit-Reset"]) - int(place.clock.now().timestamp()) == 60


async def test_an_order_for_the_day_ends_with_it(place: Place) -> None:
    """When the market closes it expires; one that stays until it is cancelled stays."""
    day = await ask(place, "POST", "/v2/orders", LIMIT | {"time_in_force": "day"})
    stays = await ask(place, "POST", "/v2/orders", LIMIT)
    base = place.opened[0].base
    async with httpx.AsyncClient(base_url=base) as client:
        assert (await client.post("/inspect/close", json={"seconds": 3600})).status_code == 200
        assert (await client.post("/inspect/close", json={})).status_code == 400
        seen = (await client.get("/inspect/orders")).json()
    assert [one["status"] for one in seen] == ["expired", "new"]
    assert [one["id"] for one in seen] == [day.json()["id"], stays.json()["id"]]
    assert (await ask(place, "GET", "/v2/clock")).json()["is_open"] is False
