"""What X's answers mean (docs.x.com, response codes and errors)."""

from __future__ import annotations

from typing import Any

import httpx

from connectors.answer import json_object, oversized, resets
from connectors.base import Kind, Operation, Outcome

TWICE = "duplicate"
#: (status, words in the answer's detail) -> what a person reads; the first row that fits
REFUSALS: tuple[tuple[int, str, str], ...] = (
    (402, "", "X says that the credit of this app is used up; add credit in its developer console"),
    (403, TWICE, "X refused it as a duplicate of a recent post of this account"),
    (403, "reply to this conversation", "X lets this app reply only to people who mentioned or quoted the account"),
    (403, "enrolled", "this app is not enrolled in a plan that may post; choose one in X's developer console"),
    (403, "not permitted", "X does not permit this; check that the app may read and write, then make new tokens"),
    (403, "suspended", "X has suspended this account; its support can say why"),
    (429, "usage cap", "the usage cap of this app is reached; raise it in X's developer console"),
)
#: what an accepted answer's ``data`` must hold to be believed
HOLDS: dict[str, tuple[str, ...]] = {
    "x.post.create": ("id",),
    "x.media.initialize": ("id",),
    "x.user.me": ("id", "username"),
}
#: what lists posts; an empty list counts them as 0
LISTS = frozenset({"x.user.posts", "x.user.recent"})
TOKEN = "X does not accept these keys; make new ones in its developer console"  # noqa: S105 - a sentence


def judge(operation: Operation, response: httpx.Response) -> Outcome:
    """Say what a complete answer means. Pure."""
    status, body = response.status_code, json_object(response)
    request_id = response.headers.get("x-transaction-id")
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110
        return _accepted(operation, response.content, body, request_id)
    if not 400 <= status < 500 or status == 408:  # noqa: PLR2004 - RFC 9110; 408: whoever in front of X gave up waiting
        return Outcome(Kind.UNKNOWN, f"status {status}", request_id=request_id)
    if status == 401:  # noqa: PLR2004 - RFC 9110
        # a key that cannot be renewed is told to be by the renewal that follows
        return Outcome(Kind.LATER, TOKEN, renew=True, request_id=request_id)
    detail = _detail(body)
    for code, words, sentence in REFUSALS:
        if status == code and words in detail.lower():
            return Outcome(Kind.REJECTED, sentence, request_id=request_id, twice=words == TWICE)
    if status == 429:  # noqa: PLR2004 - RFC 6585
        return Outcome(
            Kind.LATER,
            "X's limit is reached",
            until=resets(response.headers, "x-rate-limit-reset"),
            request_id=request_id,
        )
    if body is None and oversized(operation, response):
        return Outcome(Kind.REJECTED, "the file is larger than X takes; make it smaller", request_id=request_id)
    if body is None:
        return Outcome(Kind.UNKNOWN, f"status {status}, but no answer of X's", request_id=request_id)
    return Outcome(Kind.REJECTED, f"X says {status}: {detail[:200] or 'nothing more'}", request_id=request_id)


def _accepted(operation: Operation, said: bytes, body: dict[str, Any] | None, request_id: str | None) -> Outcome:
    if operation.name in {"x.media.append", "x.media.metadata"} and not said:
        return Outcome(Kind.OK, request_id=request_id)
    if body is None:
        return Outcome(Kind.UNKNOWN, "an answer that is not JSON", request_id=request_id)
    data, meta = body.get("data"), body.get("meta")
    none = data is None and isinstance(meta, dict) and meta.get("result_count") == 0
    if operation.name in LISTS and not (isinstance(data, list) or none):
        return Outcome(Kind.UNKNOWN, f"an answer without a list: {_detail(body)[:200]}", request_id=request_id)
    wanted = HOLDS.get(operation.name, ())
    held = data if isinstance(data, dict) else {}
    if not all(_there(held.get(name)) for name in wanted):
        missing = f"an answer without {' and '.join(wanted)}: {_detail(body)[:200]}"
        return Outcome(Kind.UNKNOWN, missing, request_id=request_id)
    if "data" not in body and "errors" in body and not (operation.name == "x.post.figures" and _gone(body["errors"])):
        return Outcome(Kind.UNKNOWN, f"errors without data: {_detail(body)[:200]}", request_id=request_id)
    kept = wanted if operation.name == "x.post.create" else ()
    return Outcome(Kind.OK, result={name: str(held[name]) for name in kept}, request_id=request_id)


def _there(value: Any) -> bool:
    """Whether it is an id or a name; X writes ids as texts, and JSON knows them as numbers too."""
    return isinstance(value, str | int) and bool(value) and value is not True


def _gone(errors: Any) -> bool:
    """Whether all that is wrong is that the posts are no longer there."""
    kinds = [error.get("type") for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
    return bool(kinds) and all(str(kind).endswith("/resource-not-found") for kind in kinds)


def _detail(body: dict[str, Any] | None) -> str:
    if body is None:
        return ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    names = ("detail", "title", "reason", "error_description")
    words = (*(body.get(name) for name in names), first.get("message"), first.get("detail"))
    return "; ".join(str(word) for word in words if word)
