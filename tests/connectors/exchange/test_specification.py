"""The parameters that exchanges are sent, against the specifications that they, or others for them, publish."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.order import OrderType, Side, TimeInForce
from tests.connectors.exchange.server import Came
from tests.connectors.exchange.test_requests import CASES, MARKET, NUMBERED, numbered, wanted
from tests.connectors.references import whole

SPECS = os.environ.get("AUTOMATOR_SPECS")
pytestmark = pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")
FOLDER = Path(SPECS or "")
#: signed in, and in no table of parameters
SIGNATURE = {"binance": {"signature"}}
STOPS = {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(49000)}
QUOTE = {**MARKET, "amount": None, "quote_amount": Decimal("25.50")}
ORDERS: dict[str, list[dict[str, Any]]] = {
    "binance": [{}, MARKET, QUOTE, STOPS, {"side": Side.SELL, **STOPS}, {"time_in_force": TimeInForce.POST_ONLY}],
    "kraken": [{}, MARKET, QUOTE, STOPS, {"time_in_force": TimeInForce.POST_ONLY}, {"time_in_force": TimeInForce.IOC}],
    "okx": [{}, MARKET, QUOTE, {"time_in_force": TimeInForce.FOK}],
    "bybit": [{}, MARKET, {"time_in_force": TimeInForce.IOC}],
    "alpaca": [{}, MARKET, QUOTE, STOPS],
}


@cache
def loaded(path: str) -> Any:
    text = (FOLDER / path).read_text(encoding="utf-8")
    return json.loads(text) if path.endswith(".json") else yaml.load(text, yaml.CSafeLoader)


def binance(came: Came) -> tuple[set[str], set[str]]:
    listed = loaded("binance/spot-rest-docs.derived.json")["endpoints"]
    (found,) = [item for item in listed if (item["method"], item["path"]) == (came.method, came.path)]
    needed = {item["name"] for item in found["params"] if item["mandatory"] == "YES"}
    return {item["name"] for item in found["params"]}, needed


def kraken(came: Came) -> tuple[set[str], set[str]]:
    operation = loaded("kraken/spot-rest/openapi_v3.yaml")["paths"][came.path.removeprefix("/0")]["post"]
    schema = next(iter(_file(operation["requestBody"])["content"].values()))["schema"]
    found = _file(schema)
    return set(found["properties"]), set(found.get("required", ()))


def _file(item: Any) -> Any:
    """What a reference to another file of Kraken's stands for."""
    return loaded(f"kraken/spot-rest/{item['$ref'].removeprefix('./')}") if "$ref" in item else item


def _openapi(document: Any, came: Came, path: str) -> tuple[set[str], set[str]]:
    operation = document["paths"][path][came.method.lower()]
    given = [whole(document, item) for item in operation.get("parameters", ())]
    known = {item["name"] for item in given if item["in"] == "query"}
    needed = {item["name"] for item in given if item["in"] == "query" and item.get("required")}
    body = operation.get("requestBody")
    if body is not None:
        schema = whole(document, next(iter(whole(document, body)["content"].values()))["schema"])
        known |= set(schema.get("properties", {}))
        needed |= set(schema.get("required", ()))
    return known, needed


def okx(came: Came) -> tuple[set[str], set[str]]:
    return _openapi(loaded("okx/rest-openxapi.yaml"), came, came.path)


def alpaca(came: Came) -> tuple[set[str], set[str]]:
    path = "/v2/orders/{order_id}" if came.path.startswith("/v2/orders/") else came.path
    return _openapi(loaded("alpaca/trading-api.json"), came, path)


@cache
def _examples() -> dict[tuple[str, str], set[str]]:
    """What Bybit's collection shows of each call: names of the query and of the body."""
    found: dict[tuple[str, str], set[str]] = {}

    def walk(item: Any) -> None:
        for one in item.get("item", ()):
            walk(one)
            if "request" not in one:
                continue
            request = one["request"]
            url = request["url"]
            path = url["raw"].partition("?")[0].removeprefix("{{url}}")
            names = {pair["key"] for pair in url.get("query", ())}
            body = (request.get("body") or {}).get("raw") or ""
            names |= set(json.loads(body)) if body.strip().startswith("{") else set()
            found.setdefault((request["method"], path), set()).update(names)

    walk(loaded("bybit/open-api-v5.postman_collection.json"))
    return found


def bybit(came: Came) -> tuple[set[str], set[str]]:
    # examples show what is known, not what is needed; these names are from the documentation's tables
    documented = {"orderLinkId", "marketUnit", "symbol", "price", "timeInForce", "orderId"}
    return _examples()[came.method, came.path] | documented, set()


CHECKS = {"binance": binance, "kraken": kraken, "okx": okx, "bybit": bybit, "alpaca": alpaca}


@pytest.mark.parametrize("name", CHECKS)
async def test_parameters_are_specified(world: Any, name: str) -> None:
    """Orders of every kind, their queries and cancellations, and balances have known parameters, and all they need."""
    case, (by_id, _) = CASES[name], NUMBERED[name]
    answers = case.answers | {by_id: numbered(name, case.answers[case.find])}
    async with world(f"{name}/main", answers, case.secrets) as there:
        for number, other in enumerate(ORDERS[name]):
            await there.place(replace(wanted(case, **other), client_order_id=f"{number:032x}"))
        found = await there.exchange.find(there.wire, wanted(case).plan())
        await there.exchange.look_up(there.wire, wanted(case).plan(), case.order)
        await there.exchange.cancel(there.wire, found)
        await there.exchange.balances(there.wire)
        checked = 0
        for place in (case.place, case.find, by_id, case.cancel, case.balance):
            for came in there.server.of(*place):
                known, needed = CHECKS[name](came)
                given = set(came.asked) - SIGNATURE.get(name, set())
                assert given <= known, (came.path, given - known)
                assert needed <= given, (came.path, needed - given)
                checked += 1
        assert checked >= len(ORDERS[name]) + 3
