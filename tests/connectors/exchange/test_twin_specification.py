"""What the stand-in for Binance answers, against the specification that Binance publishes."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS30Validator

from connectors.exchange import twin_params
from tests.connectors.exchange.exchange import Place, opened

SPECS = os.environ.get("AUTOMATOR_SPECS")
pytestmark = pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")
#: fields that are younger than the specification (rest-api.md of 2026-07 has them)
YOUNGER = frozenset(
    {"opoAllowed", "amendAllowed", "pegInstructionsAllowed", "permissionSets", "otoAllowed", "quoteAssetPrecision"}
    | {"origQuoteOrderQty", "workingTime", "selfTradePreventionMode", "omitZeroBalances", "commissionRates", "uid"}
    | {"allowedSelfTradePreventionModes", "defaultSelfTradePreventionMode", "preventSor", "requireSelfTradePrevention"}
)
#: what the specification of 2024 demands and rest-api.md does not: a stop price of orders that have none, an end of a
#: key's life that only some have, and of every filter the fields of another one
STALE = re.compile(r"'(stopPrice|tradingAuthorityExpirationTime)' is a required|^symbols\.0\.filters\.\d: ")


def test_parameters_are_those_of_the_documentation() -> None:
    """Each endpoint that is served knows what its table has, and nothing else."""
    listed = json.loads((Path(SPECS or "") / "binance" / "spot-rest-docs.derived.json").read_text(encoding="utf-8"))
    tables = {(one["method"], one["path"].removeprefix("/api/v3/")): one for one in listed["endpoints"]}
    for key, known in twin_params.KNOWN.items():
        if key == ("GET", "account/apiRestrictions"):
            continue  # of another API, whose tables are not here
        named = {param["name"] for param in tables[key]["params"]}
        assert known == named | ({"signature"} if "timestamp" in named else set()), key


@cache
def specification(name: str) -> dict[str, Any]:
    return dict(yaml.load((Path(SPECS or "") / "binance" / name).read_text(encoding="utf-8"), yaml.CSafeLoader))


def schema(name: str, method: str, path: str) -> dict[str, Any]:
    """What a specification says of an answer."""
    whole = specification(name)
    said = whole["paths"][path][method.lower()]["responses"]["200"]["content"]["application/json"]["schema"]
    return {**said, "components": whole["components"]}


def unknown(said: Any, answer: Any, components: Any, where: str = "") -> list[str]:
    """Fields that no version of a schema names."""
    forms = [said]
    named: dict[str, Any] = {}
    items: list[Any] = []
    while forms:
        form = forms.pop()
        if "$ref" in form:
            forms.append(components["schemas"][form["$ref"].rsplit("/", 1)[-1]])
        forms += [part for word in ("oneOf", "anyOf", "allOf") for part in form.get(word, ())]
        named |= form.get("properties", {})
        items += [form["items"]] if "items" in form else []
    if isinstance(answer, list) and items:
        return [fault for one in answer[:3] for fault in unknown({"oneOf": items}, one, components, f"{where}[]")]
    if not isinstance(answer, dict) or not named:
        return []
    said_of = {key: value for key, value in answer.items() if key in named}
    new = [f"{where}.{key}" for key in answer if key not in named and key not in YOUNGER]
    return new + [
        fault for key, value in said_of.items() for fault in unknown(named[key], value, components, f"{where}.{key}")
    ]


def against(said: dict[str, Any], answer: Any, components: Any) -> list[str]:
    """What a schema has against an answer; of several forms the one that fits best is meant."""
    forms = said.get("oneOf") or said.get("anyOf")
    if forms:
        return min((against(form, answer, components) for form in forms), key=len)
    if isinstance(answer, list) and "items" in said and isinstance(said["items"], dict):
        return [fault for one in answer for fault in against(said["items"], one, components)]
    wrong = OAS30Validator({**said, "components": components}).iter_errors(answer)
    return [text for one in wrong if not STALE.search(text := f"{'.'.join(map(str, one.path))}: {one.message[:200]}")]


def faults(method: str, path: str, answer: Any) -> list[str]:
    """What the specifications have against an answer: the official one against its types, both against a field."""
    official, other = schema("spot_api.yaml", method, path), schema("spot-openxapi.yaml", method, path)
    names = unknown(official, answer, official["components"])
    invented = [name for name in names if name in unknown(other, answer, other["components"])]
    return against(official, answer, official["components"]) + invented


async def answers(place: Place) -> list[tuple[str, str, Any]]:
    """One answer of each kind."""
    pair = {"side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "abovePrice": "60000"}
    pair |= {
        "belowType": "STOP_LOSS_LIMIT",
        "belowStopPrice": "40000",
        "belowPrice": "39000",
        "belowTimeInForce": "GTC",
    }
    limit = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "40000"}
    market = {"side": "BUY", "type": "MARKET", "quantity": "0.01"}
    asked: list[tuple[str, str, dict[str, str]]] = [
        ("POST", "/api/v3/order", market),
        ("POST", "/api/v3/order", limit | {"newClientOrderId": "one"}),
        ("POST", "/api/v3/orderList/oco", pair),
        ("GET", "/api/v3/order", {"origClientOrderId": "one"}),
        ("GET", "/api/v3/openOrders", {}),
        ("GET", "/api/v3/allOrders", {}),
        ("GET", "/api/v3/myTrades", {}),
        ("POST", "/api/v3/order/cancelReplace", limit | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "one", "newClientOrderId": "two"}),
        ("DELETE", "/api/v3/order", {"origClientOrderId": "two"}),
        ("DELETE", "/api/v3/openOrders", {}),
        ("GET", "/api/v3/account", {}),
        ("GET", "/api/v3/rateLimit/order", {}),
        ("GET", "/sapi/v1/account/apiRestrictions", {}),
        ("GET", "/api/v3/klines", {"interval": "1m", "limit": "3"}),
        ("GET", "/api/v3/depth", {"limit": "3"}),
        ("GET", "/api/v3/exchangeInfo", {}),
        ("GET", "/api/v3/ticker/24hr", {}),
        ("GET", "/api/v3/ticker/price", {}),
        ("GET", "/api/v3/ticker/bookTicker", {}),
        ("GET", "/api/v3/time", {}),
    ]  # fmt: skip
    found = []
    for method, path, more in asked:
        known = twin_params.KNOWN[method, path.removeprefix("/api/v3/").removeprefix("/sapi/v1/")]
        params = {"symbol": "BTCUSDT"} | more if "symbol" in known else more
        if "signature" in known:
            answer = await place.ask(method, path, **params)
        else:
            answer = await place.client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        found.append((method, path, answer.json()))
    return found


async def test_every_answer_has_the_form_that_binance_publishes() -> None:
    """Types and required fields hold, and no field is invented."""
    async with opened() as place:
        wrong = {
            f"{method} {path}": said
            for method, path, answer in await answers(place)
            if (said := faults(method, path, answer))
        }
    assert wrong == {}


async def test_the_check_finds_a_field_that_is_wrong_or_invented() -> None:
    """It could fail."""
    assert faults("GET", "/api/v3/time", {"serverTime": "soon"})
    assert faults("GET", "/api/v3/time", {"serverTime": 1, "serverMood": 2})
