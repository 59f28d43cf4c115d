"""What Graph's answers mean (developers.facebook.com, Graph API: error handling, rate limiting; Pages API guides).

Two parts make a judgement: ``said`` reads an error, and ``refusal`` says what it means for one effect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from connectors.answer import json_object, oversized
from connectors.base import Effect, Kind, Operation, Outcome
from connectors.graph import usage

CONNECT = "connect the account again"
WRONG_SECRET = "the app secret is wrong; copy it from the app's basic settings"  # noqa: S105 - a sentence
DEVELOPMENT = "the app is in development mode, where only people with a role in it can use it"
PERSON_NEEDED = "that is a page's token, and a person's is needed to list the pages; sign in as yourself"
UNTOLD = "Facebook tells the rights of a token, and when it ends, only to people with a role in its app"
GONE = "there is no such thing at Facebook, or the key may not see it"
#: codes of limits: of the app, the user, the page with a user's token, a custom one, one of a business use case
THROTTLED = frozenset({4, 17, 32, 341, 613, *range(80000, 80015)})
TRANSIENT = frozenset({1, 2})
#: subcodes of codes 102 and 190: why a token is dead
TOKENS: dict[int, str] = {
    458: "the app was removed from the account",
    459: "Facebook wants the person to log in on its site and pass a check",
    460: "the person changed their password",
    463: "the token has expired",
    464: "the person's account is not confirmed",
    467: "the token is no longer valid",
    492: "the person has no role on the page any more",
}
#: (code or None, subcode or None, words in the message) -> what a person reads; the first row that fits
REFUSALS: tuple[tuple[int | None, int | None, str, str], ...] = (
    (None, 1366051, "", "Facebook refused it: these pictures were posted already"),
    (None, 1366046, "", "Facebook can't use the picture: it takes JPEG, BMP, PNG, GIF and TIFF of at most 4 MB"),
    (None, 1390008, "", "Facebook blocks posts for now, since they came too fast; wait some hours"),
    (None, 4854002, "", "Facebook wants the person behind the page to prove who they are; log in there and do it"),
    (None, 1404078, "", "Facebook wants this page's publishing to be authorised; log in there and do it"),
    (506, None, "", "Facebook refused it as a duplicate of the page's last post"),
    (1609005, None, "", "Facebook could not read the linked address; check that it is public"),
    (368, None, "", "Facebook blocks this as against its rules or too much at once; its page says more"),
    (None, None, "appsecret_proof", "the app secret is not that of the app whose token this is"),
    (None, None, "client secret", WRONG_SECRET),
    (101, None, "", "there is no app with this id; copy it from the app's basic settings"),
    (None, None, "development mode", DEVELOPMENT),
    (100, None, "(accounts) on node type (page)", PERSON_NEEDED),
    (100, None, "must provide an app access token", UNTOLD),
    (None, None, "verification code", "Facebook does not take this sign-in; begin again"),
)
TWICE = frozenset({506, 1366051})  #: codes and subcodes of what is there already
#: codes that say of a repeatable call, too, that there is nothing there to act on, or no right to see it
MISSING = (100, 33)
DEFINITE = frozenset({3, 10, 100, 101, 102, 190, 368, 506, 1609005, *range(200, 300)})
_RIGHT = re.compile(r"\b(?:pages|instagram|publish|read|business)_\w+")


@dataclass(frozen=True, slots=True)
class Said:
    """An error in Graph's words.

    Attributes:
        code: Its number.
        subcode: What it is more exactly; 0: nothing.
        message: For a developer.
        told: For a person, in Graph's words; often empty.
        transient: Graph says that it may work later.
        trace: Graph's own name for the call.
    """

    code: int
    subcode: int
    message: str
    told: str
    transient: bool
    trace: str | None


def said(body: Mapping[str, Any] | None) -> Said | None:
    """The error that an answer holds; ``None``: it is none of Graph's. Pure."""
    error = (body or {}).get("error")
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        return None
    subcode = error.get("error_subcode")
    told = " ".join(str(error[name]) for name in ("error_user_title", "error_user_msg") if error.get(name))
    trace = error.get("fbtrace_id")
    return Said(
        error["code"],
        subcode if isinstance(subcode, int) else 0,
        str(error.get("message") or ""),
        told,
        error.get("is_transient") is True,
        str(trace) if trace else None,
    )


def judge(
    operation: Operation,
    response: httpx.Response,
    holds: Mapping[str, tuple[str, ...]],
    kept: tuple[str, ...] = (),
) -> Outcome:
    """Say what a complete answer means. Pure.

    ``holds``: by operation, what an accepted answer must have to be believed; ``kept``: what of it is the result.
    """
    status, body = response.status_code, json_object(response)
    error = said(body)
    if error is not None:
        return refusal(operation, status, error, response.headers)
    trace = response.headers.get("x-fb-trace-id")
    if not 200 <= status < 300:  # noqa: PLR2004 - RFC 9110
        if status == 429:  # noqa: PLR2004 - RFC 6585
            return Outcome(Kind.LATER, "Facebook's limit is reached", usage.until(response.headers), request_id=trace)
        if oversized(operation, response):
            return Outcome(Kind.REJECTED, "the file is larger than Meta takes; make it smaller", request_id=trace)
        return Outcome(Kind.UNKNOWN, f"status {status}, which is no answer of Graph's", request_id=trace)
    if body is None:
        return Outcome(Kind.UNKNOWN, "an answer that is not JSON", request_id=trace)
    wanted = holds.get(operation.name, ())
    if not all(_there(name, body.get(name)) for name in wanted):
        return Outcome(Kind.UNKNOWN, f"an answer without {' and '.join(wanted)}", request_id=trace)
    return Outcome(Kind.OK, result={name: _kept(name, body[name]) for name in kept if name in body}, request_id=trace)


def _kept(name: str, value: Any) -> Any:
    """A value as it is stored: an id is a text, however it was written."""
    return str(value) if _is_id(name) else value


def _is_id(name: str) -> bool:
    return name == "id" or name.endswith("_id")


def _there(name: str, value: Any) -> bool:
    """Whether an answer has what it must have; an id is a text or a number, and nothing else."""
    if _is_id(name):
        return isinstance(value, str | int) and bool(value) and value is not True
    return value not in (None, "", False)


def refusal(operation: Operation, status: int, error: Said, headers: Mapping[str, str]) -> Outcome:
    """What an error means for an operation. Pure. What is doubtful is unknown."""
    write = operation.effect is not Effect.READ
    if error.code in THROTTLED:
        return Outcome(Kind.LATER, "Facebook's limit is reached", until=usage.until(headers), request_id=error.trace)
    sentence = known(error)
    if sentence is None and (error.code in TRANSIENT or error.transient):
        return Outcome(Kind.UNKNOWN, _words(error), request_id=error.trace)
    if write and status >= 500:  # noqa: PLR2004 - RFC 9110: a server's failure says nothing of what it has done
        return Outcome(Kind.UNKNOWN, f"status {status}: {_words(error)}", request_id=error.trace)
    if error.code in {102, 190}:
        why = TOKENS.get(error.subcode) or "Facebook does not accept the token"
        if operation.brings_keys:
            return Outcome(Kind.REJECTED, why, request_id=error.trace)
        return Outcome(Kind.LATER, why, renew=True, request_id=error.trace)
    once = operation.effect is Effect.ONCE
    if once and ((error.code, error.subcode) == MISSING or (sentence is None and error.code not in DEFINITE)):
        return Outcome(Kind.UNKNOWN, _words(error), request_id=error.trace)
    twice = TWICE & {error.code, error.subcode}
    return Outcome(Kind.REJECTED, sentence or _sentence(error), request_id=error.trace, twice=bool(twice))


def known(error: Said) -> str | None:
    """The sentence for an error of which it is known what it means; ``None``: it is not. Pure."""
    message = error.message.lower()
    for code, subcode, words, sentence in REFUSALS:
        if code in {None, error.code} and subcode in {None, error.subcode} and words in message:
            return sentence
    return None


def _sentence(error: Said) -> str:
    if error.code in {3, 10} or 200 <= error.code < 300:  # noqa: PLR2004 - Graph's range for permissions
        rights = " or ".join(dict.fromkeys(_RIGHT.findall(error.message)))
        lacks = f"the app has no right to do this{f' ({rights})' if rights else ''}"
        return f"{lacks}; {CONNECT} and allow it, with a task on the page that may do it"
    if (error.code, error.subcode) == MISSING:
        return GONE
    return _words(error)


def _words(error: Said) -> str:
    number = f"{error.code}/{error.subcode}" if error.subcode else str(error.code)
    return f"Facebook says {number}: {(error.told or error.message)[:200] or 'nothing more'}"
