"""What Bluesky's answers mean (atproto.com/specs/xrpc; lexicons of com.atproto)."""

from __future__ import annotations

import json
from typing import Any

import httpx

from connectors.base import Effect, Kind, Operation, Outcome
from connectors.bluesky import limits

RENEW = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})

REASONS = {
    "InvalidToken": "Bluesky does not accept the session; connect the account again",
    "AuthenticationRequired": "Bluesky does not accept the handle and app password; make a new app password",
    "AuthFactorTokenRequired": "Bluesky asks for a code by e-mail; use an app password, not the account's own",
    "AccountTakedown": "Bluesky has taken this account down; its support can say why",
    "AccountDeactivated": "this account is deactivated; activate it in Bluesky's settings",
    "InvalidSwap": "a different post is already there under this key; nothing was changed",
    "BlobTooLarge": "the picture is too large for this server",
    "RecordNotFound": "there is no such post",
}


def judge(operation: Operation, response: httpx.Response) -> Outcome:
    """Say what a complete answer means. Pure."""
    status = response.status_code
    body = _json(response)
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110
        return _accepted(operation, body)
    if status == 429:  # noqa: PLR2004 - RFC 6585
        return Outcome(Kind.LATER, "Bluesky's limit is reached", until=limits.until(response))
    if 400 <= status < 500 and body is not None and isinstance(body.get("error"), str):  # noqa: PLR2004 - RFC 9110
        return _refused(operation, str(body["error"]), str(body.get("message") or ""))
    if operation.effect is Effect.READ and 400 <= status < 500:  # noqa: PLR2004 - RFC 9110
        return Outcome(Kind.REJECTED, f"status {status}")
    return Outcome(Kind.UNKNOWN, f"status {status}, which is no answer of Bluesky's")


def _accepted(operation: Operation, body: dict[str, Any] | None) -> Outcome:
    if body is None:
        return Outcome(Kind.UNKNOWN, "an answer that is not JSON")
    if operation.name != "bluesky.post.put":
        return Outcome(Kind.OK)
    uri, cid = body.get("uri"), body.get("cid")
    if not (isinstance(uri, str) and isinstance(cid, str)):
        return Outcome(Kind.UNKNOWN, "an answer without uri and cid")
    return Outcome(Kind.OK, result={"uri": uri, "cid": cid})


def _refused(operation: Operation, error: str, message: str) -> Outcome:
    if error in RENEW and not operation.brings_keys:
        return Outcome(Kind.LATER, "the session has expired", renew=True)
    if error == "RateLimitExceeded":
        return Outcome(Kind.LATER, "Bluesky's limit is reached")
    known = REASONS.get(error)
    return Outcome(Kind.REJECTED, known or f"Bluesky says {error}: {message[:200]}")


def _json(response: httpx.Response) -> dict[str, Any] | None:
    try:
        found = json.loads(response.content or b"null")
    except ValueError:
        return None
    if found is None and response.status_code == 200 and response.headers.get("content-length") == "0":  # noqa: PLR2004
        return None
    return found if isinstance(found, dict) else None
