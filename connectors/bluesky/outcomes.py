"""What Bluesky's answers mean (atproto.com/specs/xrpc; lexicons of com.atproto)."""

from __future__ import annotations

import httpx

from connectors.answer import json_object, oversized, resets
from connectors.base import Kind, Operation, Outcome
from connectors.bluesky.limits import CUT

RENEW = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"})

# what an accepted answer must hold to be believed
HOLDS: dict[str, dict[str, type]] = {
    "bluesky.post.put": {"uri": str, "cid": str},
    "bluesky.post.get": {"uri": str, "cid": str, "value": dict},
    "bluesky.post.list": {"records": list},
    "bluesky.post.figures": {"posts": list},
    "bluesky.blob.upload": {"blob": dict},
    "bluesky.handle.resolve": {"did": str},
    "bluesky.session.get": {"did": str, "handle": str},
    "bluesky.session.create": {"accessJwt": str, "refreshJwt": str},
    "bluesky.session.refresh": {"accessJwt": str, "refreshJwt": str},
}

TOO_LARGE = "the file is larger than this server takes; its operator sets the limit"
REASONS = {
    "InvalidToken": "Bluesky does not accept the session; connect the account again",
    "AuthenticationRequired": "Bluesky does not accept the handle and app password; make a new app password",
    "AuthFactorTokenRequired": "Bluesky asks for a code by e-mail; use an app password, not the account's own",
    "AccountTakedown": "Bluesky has taken this account down; its support can say why",
    "AccountDeactivated": "this account is deactivated; activate it in Bluesky's settings",
    "InvalidSwap": "a different post is already there under this key; nothing was changed",
    "BlobTooLarge": TOO_LARGE,
    "PayloadTooLarge": TOO_LARGE,
    "RecordNotFound": "there is no such post",
}


def judge(operation: Operation, response: httpx.Response) -> Outcome:
    """Say what a complete answer means. Pure."""
    status = response.status_code
    body = json_object(response)
    if 200 <= status < 300:  # noqa: PLR2004 - RFC 9110
        return _accepted(operation, body)
    if status == 429:  # noqa: PLR2004 - RFC 6585
        until = resets(response.headers, "ratelimit-reset")
        if until and "ratelimit-reset" in response.headers:
            until += CUT
        return Outcome(Kind.LATER, "Bluesky's limit is reached", until=until)
    if 400 <= status < 500 and body is not None and isinstance(body.get("error"), str):  # noqa: PLR2004 - RFC 9110
        return _refused(operation, str(body["error"]), str(body.get("message") or ""))
    if oversized(operation, response):
        return Outcome(Kind.REJECTED, TOO_LARGE)
    return Outcome(Kind.UNKNOWN, f"status {status}, which is no answer of Bluesky's")


def _accepted(operation: Operation, body: dict[str, object] | None) -> Outcome:
    if body is None:
        return Outcome(Kind.UNKNOWN, "an answer that is not JSON")
    wanted = HOLDS.get(operation.name, {})
    if not all(isinstance(body.get(name), kind) for name, kind in wanted.items()):
        return Outcome(Kind.UNKNOWN, f"an answer without {' and '.join(wanted)}")
    kept = wanted if operation.name == "bluesky.post.put" else ()
    return Outcome(Kind.OK, result={name: body[name] for name in kept})


def _refused(operation: Operation, error: str, message: str) -> Outcome:
    if error in RENEW and not operation.brings_keys:
        return Outcome(Kind.LATER, "the session has expired", renew=True)
    if error == "RateLimitExceeded":
        return Outcome(Kind.LATER, "Bluesky's limit is reached")
    if error == "InvalidRequest" and message.startswith("Could not locate record"):
        error = "RecordNotFound"  # so older servers say it
    known = REASONS.get(error)
    return Outcome(Kind.REJECTED, known or f"Bluesky says {error}: {message[:200]}")
