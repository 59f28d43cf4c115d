"""What Alpaca's answers mean, as a table; an answer that proves nothing is unknown, whatever it looks like."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.alpaca_stocks.connector import CANCEL, PLACE, Connector
from connectors.base import Effect, Kind, Operation, Outcome, Reading, Scope
from connectors.exchange.ways import ABSENT, TWICE

READ = Operation("alpaca-stocks.account", Effect.READ, Scope.READ)
FIND, OPEN, FILLS = (
    Operation(f"alpaca-stocks.{what}", Effect.READ, Scope.READ) for what in ("order.find", "orders.open", "fills")
)


def said(message: str, code: int = 40310000) -> dict[str, Any]:
    return {"code": code, "message": message}


def judged(operation: Operation, status: int, body: Any, **headers: str) -> Outcome:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Connector().judge(operation, httpx.Response(status, content=content, headers=headers))


TABLE: list[tuple[Operation, int, Any, Kind, str]] = [
    (PLACE, 200, {"id": "7", "client_order_id": "a"}, Kind.OK, ""),
    (PLACE, 200, {}, Kind.UNKNOWN, "names no order"),
    (PLACE, 200, b"", Kind.UNKNOWN, "no JSON"),
    (PLACE, 200, b"<html>", Kind.UNKNOWN, "HTML"),
    (PLACE, 403, said("insufficient buying power"), Kind.REJECTED, "insufficient buying power"),
    (PLACE, 403, said("insufficient qty available for order"), Kind.REJECTED, "insufficient qty"),
    (PLACE, 403, said("account is not allowed to trade"), Kind.REJECTED, "not allowed to trade"),
    (PLACE, 403, said("forbidden."), Kind.REJECTED, "paper account's key"),
    (PLACE, 401, {"message": "unauthorized"}, Kind.REJECTED, "paper account's key"),
    (PLACE, 401, b"", Kind.REJECTED, "key is wrong"),
    (PLACE, 422, said("client_order_id must be unique", 40010001), Kind.UNKNOWN, TWICE),
    (PLACE, 422, said("fractional orders must be DAY orders", 42210000), Kind.REJECTED, "DAY orders"),
    (PLACE, 400, said("request body format is invalid", 40010000), Kind.REJECTED, "body format"),
    (PLACE, 429, {"message": "too many requests."}, Kind.LATER, "limit is reached"),
    (PLACE, 429, b"", Kind.LATER, "limit is reached"),
    (PLACE, 403, b"<html>", Kind.UNKNOWN, "no words"),
    (PLACE, 418, said("teapot"), Kind.UNKNOWN, "teapot"),
    (PLACE, 302, b"", Kind.UNKNOWN, "status 302"),
    (PLACE, 500, said("internal server error"), Kind.UNKNOWN, "status 500"),
    (PLACE, 504, b"", Kind.UNKNOWN, "status 504"),
    (CANCEL, 204, b"", Kind.OK, ""),
    (CANCEL, 404, said("order not found"), Kind.REJECTED, ABSENT),
    (CANCEL, 422, said('order is already in "filled" state'), Kind.REJECTED, "already"),
    (FIND, 404, said("order not found for a"), Kind.REJECTED, ABSENT),
    (FIND, 404, said("no such thing", 40410000), Kind.REJECTED, ABSENT),
    # of whatever stands before Alpaca: the order may be there
    (FIND, 404, {"message": "no Route matched with those values"}, Kind.REJECTED, "no Route"),
    (CANCEL, 404, {"message": "endpoint not found."}, Kind.REJECTED, "endpoint"),
    (OPEN, 200, [], Kind.OK, ""),
    (OPEN, 200, {}, Kind.UNKNOWN, "shows no orders"),
    (FILLS, 200, {"message": "maintenance"}, Kind.UNKNOWN, "shows no orders"),
    (FIND, 200, {"message": "maintenance"}, Kind.UNKNOWN, "shows no orders"),
    (FIND, 200, {"id": "7"}, Kind.OK, ""),
    (READ, 404, said("asset not found"), Kind.REJECTED, "asset not found"),
    (READ, 200, [], Kind.OK, ""),
    (READ, 200, b"<html>", Kind.UNKNOWN, "HTML"),
    (READ, 403, {"message": "subscription does not permit querying recent SIP data"}, Kind.REJECTED, "subscription"),
]


@pytest.mark.parametrize(("operation", "status", "body", "kind", "words"), TABLE)
def test_what_an_answer_means(operation: Operation, status: int, body: Any, kind: Kind, words: str) -> None:
    """Refused, later, or not known: by the status, and by Alpaca's words where the status says too little."""
    found = judged(operation, status, body)
    assert found.kind is kind
    assert words in found.reason
    assert dict(found.result) == ({"id": "7"} if kind is Kind.OK and operation is PLACE else {})


def test_a_limit_says_until_when() -> None:
    """Alpaca tells when the minute is over, with every answer."""
    headers = {"x-ratelimit-limit": "200", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1796122860"}
    ends = datetime.fromtimestamp(1796122860, UTC)
    assert judged(PLACE, 429, {"message": "too many requests."}, **headers).until == ends
    answer = httpx.Response(200, headers=headers)
    assert Connector().observe(PLACE, answer) == (Reading("calls-1m", 200, 0, ends),)
    ticker = Operation("alpaca-stocks.ticker", Effect.READ, Scope.READ)
    assert Connector().observe(ticker, answer) == (Reading("data-1m", 200, 0, ends),)
    assert Connector().observe(PLACE, httpx.Response(200, headers={"x-ratelimit-reset": "soon"})) == ()


@given(status=st.integers(200, 599), body=st.binary(max_size=60))
def test_no_answer_breaks_it(status: int, body: bytes) -> None:
    """Whatever arrives is judged, and nothing is taken for an accepted order that names none."""
    for operation in (PLACE, CANCEL, READ, FIND):
        found = judged(operation, status, body)
        if operation is PLACE and found.kind is Kind.OK:
            assert found.result["id"]
