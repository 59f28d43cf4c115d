"""What X's answers mean (docs.x.com, response codes and errors)."""

from __future__ import annotations

import json
from typing import Any

import httpx

from connectors.base import Effect, Kind, Operation, Outcome
from connectors.x import limits

#: (status, words in the answer's detail) -> what a person reads; the first row that fits
REFUSALS: tuple[tuple[int, str, str], ...] = (
    (402, "", "X says that the credit of this app is used up; add credit in its developer console"),
    (403, "duplicate content", "X refused it as a duplicate of a recent post of this account"),
    (403, "reply to this conversation", "X lets this app reply only to people who mentioned or quoted the account"),
    (403, "enrolled", "this app is not enrolled in a plan that may post; choose one in X's developer console"),
    (403, "not permitted", "X does not permit this; check that the app may read and write, then make new tokens"),
    (403, "suspended", "X has suspended this account; its support can say why"),
    (429, "usage cap", "the usage cap of this app is reached; raise it in X's developer console"),
)
TOKEN = "X does not accept these keys; make new ones in its developer console"  # noqa: S105 - a sentence


def judge(operation: Operation, response: httpx.Response) -> Outcome:
    """Say what a complete answer means. Pure."""
    status, body = response.status_code, _json(response)
    request_id = response.headers.get("x-transaction-id")
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110
        return _accepted(operation, body, request_id)
    if not 400 <= status < 500:  # noqa: PLR2004 - RFC 9110
        return Outcome(Kind.UNKNOWN, f"status {status}", request_id=request_id)
    if status == 401:  # noqa: PLR2004 - RFC 9110
        # a key that cannot be renewed is told to be by the renewal that follows
        return Outcome(Kind.LATER, TOKEN, renew=True, request_id=request_id)
    detail = _detail(body)
    for code, words, sentence in REFUSALS:
        if status == code and words in detail.lower():
            return Outcome(Kind.REJECTED, sentence, request_id=request_id)
    if status == 429:  # noqa: PLR2004 - RFC 6585
        return Outcome(Kind.LATER, "X's limit is reached", until=limits.until(response.headers), request_id=request_id)
    if body is None and operation.effect is Effect.ONCE:
        return Outcome(Kind.UNKNOWN, f"status {status}, but no answer of X's", request_id=request_id)
    return Outcome(Kind.REJECTED, f"X says {status}: {detail[:200] or 'nothing more'}", request_id=request_id)


def _accepted(operation: Operation, body: dict[str, Any] | None, request_id: str | None) -> Outcome:
    if operation.name in {"x.media.append", "x.media.metadata"}:
        return Outcome(Kind.OK, request_id=request_id)  # may have no body
    if body is None:
        return Outcome(Kind.UNKNOWN, "an answer that is not JSON", request_id=request_id)
    data = body.get("data")
    if operation.name == "x.post.create":
        if not isinstance(data, dict) or not isinstance(data.get("id"), str):
            return Outcome(Kind.UNKNOWN, "an answer without the post's id", request_id=request_id)
        return Outcome(Kind.OK, result={"id": data["id"]}, request_id=request_id)
    if "data" not in body and "errors" in body:
        return Outcome(Kind.UNKNOWN, f"errors without data: {_detail(body)[:200]}", request_id=request_id)
    return Outcome(Kind.OK, request_id=request_id)


def _detail(body: dict[str, Any] | None) -> str:
    if body is None:
        return ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    words = (body.get("detail"), body.get("title"), first.get("message"), first.get("detail"), body.get("reason"))
    return "; ".join(str(word) for word in words if word)


def _json(response: httpx.Response) -> dict[str, Any] | None:
    try:
        found = json.loads(response.content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
