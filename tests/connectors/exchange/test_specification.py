"""The parameters that exchanges are sent, against the specifications that they, or others for them, publish."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.order import OrderType, Side, TimeInForce
from tests.connectors.exchange import signing
from tests.connectors.exchange.cases import CASES, MARKET, NUMBERED, numbered, wanted
from tests.connectors.exchange.server import Came
from tests.connectors.references import whole

SPECS = os.environ.get("AUTOMATOR_SPECS")
pytestmark = pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")
FOLDER = Path(SPECS or "")
#: signed in, and in no table of parameters
SIGNATURE = {"binance": {"signature"}}
STOPS = {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(49000)}
TAKES = {**STOPS, "type": OrderType.TAKE_PROFIT_LIMIT}
BARE = [{**one, "type": kind, "price": None} for one, kind in ((STOPS, OrderType.STOP), (TAKES, OrderType.TAKE_PROFIT))]
LASTING = [{"time_in_force": how} for how in TimeInForce]
QUOTE = {**MARKET, "amount": None, "quote_amount": Decimal("25.50")}
#: every kind of order that each of them takes
ORDERS: dict[str, list[dict[str, Any]]] = {
    "binance": [MARKET, QUOTE, STOPS, TAKES, *BARE, {"side": Side.SELL, **STOPS}, *LASTING],
    "kraken": [MARKET, QUOTE, STOPS, TAKES, *BARE, *(one for one in LASTING if one["time_in_force"] != "fok")],
    "okx": [MARKET, QUOTE, {"side": Side.SELL}, *LASTING],
    "bybit": [MARKET, QUOTE, STOPS, TAKES, *BARE, *LASTING],
    "alpaca": [MARKET, QUOTE, STOPS, {"side": Side.SELL}, {}, {"time_in_force": TimeInForce.IOC}],
}


@cache
def loaded(path: str) -> Any:
    text = (FOLDER / path).read_text(encoding="utf-8")
    return json.loads(text) if path.endswith(".json") else yaml.load(text, yaml.CSafeLoader)


def binance(came: Came) -> tuple[set[str], set[str]]:
    derived = loaded("binance/spot-rest-docs.derived.json")
    (found,) = [item for item in derived["endpoints"] if (item["method"], item["path"]) == (came.method, came.path)]
    needed = {item["name"] for item in found["params"] if item["mandatory"] == "YES"}
    for either in derived["order_type_required_params"].get(came.asked.get("type"), ()):
        assert set(either.split("|")) & set(came.asked), (came.asked["type"], either)
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


def words(name: str, came: Came) -> dict[str, set[str]]:
    """What may stand in those parameters of an order of which the specification lists it; Bybit's lists none."""
    if name == "binance":
        told = loaded("binance/spot-rest-docs.derived.json")["enums"]
        kinds = {"type": "Order types (orderTypes, type)", "side": "Order side (side)"}
        return {
            key: set(told[where]) for key, where in (kinds | {"timeInForce": "Time in force (timeInForce)"}).items()
        }
    if name == "kraken":
        known = {"ordertype", "oflags"}
        folder = "kraken/spot-rest/partials/properties"
        parts = {key: loaded(f"{folder}/{key}.yaml") for key in known}
        schema = loaded("kraken/spot-rest/schemas/requests/trading/orders/add.yaml")["properties"]
        return {key: _listed(parts.get(key, schema[key])) for key in (*known, "type", "timeinforce")}
    if name == "bybit":
        return {}
    document = loaded("okx/rest-openxapi.yaml" if name == "okx" else "alpaca/trading-api.json")
    body = whole(document, document["paths"][came.path]["post"]["requestBody"])
    schema = whole(document, next(iter(body["content"].values()))["schema"])
    said = {key: whole(document, one) for key, one in schema["properties"].items()}
    named = ("side", "type", "time_in_force", "ordType", "tdMode", "tgtCcy")
    return {key: _listed(said[key]) for key in named if key in said}


def _listed(schema: Any) -> set[str]:
    """The values that are listed as such, or one by one in the words about them."""
    return set(schema.get("enum") or re.findall(r"`(\w+)`", schema["description"]))


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
                said = words(name, came) if place is case.place else {}
                assert all(set(came.asked[key].split(",")) <= said[key] for key in given & said.keys()), came.asked
                checked += 1
        assert checked >= len(ORDERS[name]) + 3


def test_signatures_are_computed_as_the_documentation_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """What checks our signatures finds the published ones right, and no other."""
    told = loaded("binance/spot-rest-docs.derived.json")["hmac_sha256_examples"]
    monkeypatch.setattr(signing, "CANARY", told["secret_key_published_sample"])
    for one in told["vectors"]:
        headers = {"x-mbx-apikey": "public-name"}
        signed = f"{one['payload']}&signature={one['signature_hex']}"
        signing.binance(Came("POST", "/api/v3/order", headers, signed))
        with pytest.raises(AssertionError):
            signing.binance(Came("POST", "/api/v3/order", headers, signed.replace("quantity=1", "quantity=2")))
