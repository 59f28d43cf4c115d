"""What Alpaca's answers mean (docs.alpaca.markets; its own list of common errors).

The statuses say it: 403 is a refusal of this order (too little money, too few shares, an account that is blocked), 422
of its words, both before anything was placed. An order whose client order id was used before is there already.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx

from connectors.answer import json_value, resets
from connectors.base import Kind, Operation, Outcome, Scope
from connectors.exchange.rows.alpaca import Alpaca
from connectors.exchange.ways import ABSENT, BAD_KEY, GONE, LATER, NO, UNKNOWN, Verdict

PLACE, CANCEL, FIND = (f"alpaca-stocks.order.{what}" for what in ("place", "cancel", "find"))
LOOKS = frozenset(f"alpaca-stocks.{what}" for what in ("order.find", "orders.open", "fills"))
ORDERS = frozenset({CANCEL, FIND})  #: where a 404 is about an order
WRONG_KEY = f"{BAD_KEY.reason}; a paper account's key needs --option environment=test, a live one's must not have it"
_ROW = Alpaca()
_SAID = 200  #: characters of Alpaca's own words that a person is shown


def judge(operation: Operation, response: httpx.Response) -> Outcome:
    """Say what a complete answer means. Pure; raises for no status or body."""
    status, request_id = response.status_code, response.headers.get("x-request-id")
    if status >= 500:  # noqa: PLR2004 - RFC 9110; whoever fails may have done it all the same
        return Outcome(Kind.UNKNOWN, f"Alpaca: status {status}", request_id=request_id)
    body = parsed(response)
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110
        return _accepted(operation, response, body, request_id)
    until = _until(response)
    said = _ROW.said(body, status)
    if said is None:
        verdict = {401: BAD_KEY, 429: LATER}.get(status, UNKNOWN)
        return _outcome(verdict, f"status {status}, and no words of Alpaca's", until, request_id)
    verdict = _ROW.verdict(said) or UNKNOWN
    if (verdict is GONE and operation.name not in ORDERS) or (verdict is UNKNOWN and operation.scope is Scope.READ):
        verdict = NO
    return _outcome(verdict, f"{said.text[:_SAID] or 'nothing more'} ({status})", until, request_id)


def parsed(response: httpx.Response) -> Any:
    """An answer's JSON, with exact numbers; ``None`` for anything else."""
    return json_value(response, parse_float=Decimal)


def _accepted(operation: Operation, response: httpx.Response, body: Any, request_id: str | None) -> Outcome:
    if operation.name == CANCEL and not response.content:
        return Outcome(Kind.OK, request_id=request_id)
    if not isinstance(body, dict | list):
        what = "HTML" if response.content.lstrip()[:1] == b"<" else "no JSON"
        return Outcome(Kind.UNKNOWN, f"Alpaca: an answer with {what}", request_id=request_id)
    if operation.name in LOOKS and not _ROW.shows(body):
        return Outcome(
            Kind.UNKNOWN, "Alpaca: an answer that shows no orders, nor that there are none", request_id=request_id
        )
    if operation.name != PLACE:
        return Outcome(Kind.OK, request_id=request_id)
    found = _ROW.placed(body)
    if found is None:
        return Outcome(Kind.UNKNOWN, "Alpaca: an answer that names no order", request_id=request_id)
    return Outcome(Kind.OK, result={"id": found}, request_id=request_id)


def _outcome(verdict: Verdict, words: str, until: datetime | None, request_id: str | None) -> Outcome:
    if verdict.reason == ABSENT:
        return Outcome(verdict.kind, ABSENT, request_id=request_id)
    reason = WRONG_KEY if verdict is BAD_KEY else verdict.reason or words
    waits = until if verdict.kind is Kind.LATER else None
    return Outcome(verdict.kind, f"Alpaca: {reason}", waits, request_id=request_id, lasting=verdict.lasts(words))


def _until(response: httpx.Response) -> datetime | None:
    return resets(response.headers, "x-ratelimit-reset")
