"""What exchanges' answers mean: our own tables first, then what ccxt makes of them, then: nothing is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from connectors.answer import json_value, resets
from connectors.base import Kind, Operation, Outcome, Scope
from connectors.exchange.bridge import SAID, errors
from connectors.exchange.ways import (
    ABSENT,
    AGAIN,
    BAD_CLOCK,
    BAD_KEY,
    GONE,
    KEY,
    LATER,
    NO,
    POOR,
    UNKNOWN,
    Verdict,
    Ways,
)

PLACE, PAIR, CANCEL = "order.place", "order.pair", "order.cancel"  #: how the names of the writes end
LOOKS = (".order.find", ".orders.open", ".fills")  #: and those of the reads that show what became of orders
#: a refusal with these words means that the order may be there, sent before
DUPLICATE = re.compile(
    r"duplicat|already[ _](?:exist|in[ _]use|(?:been )?used)|exists already|(?:must be|not) unique", re.IGNORECASE
)
#: and with these that it may be there, whatever the code says
IN_DOUBT = re.compile(
    r"timed? ?-?out|(?:unknown|internal|system|internal server) error|status (?:is )?unknown", re.IGNORECASE
)
BANNED, BAN = 418, 120  #: Binance's, for those who did not heed 429: for so many seconds at first, then for days
THROTTLED = frozenset({BANNED, 429})


def judge(ways: Ways, bridge: Any, operation: Operation, response: httpx.Response) -> Outcome:
    """Say what a complete answer means. Pure; raises for no status or body."""
    try:
        return _judged(ways, bridge, operation, response)
    except Exception as error:  # noqa: BLE001 - an answer in no known form is no answer, least of all to an order
        return Outcome(Kind.UNKNOWN, f"an answer in no known form ({type(error).__name__})")


def _judged(ways: Ways, bridge: Any, operation: Operation, response: httpx.Response) -> Outcome:
    status, writes = response.status_code, operation.scope is Scope.TRADE
    if status in THROTTLED:
        return _outcome(_throttled(ways, response), bridge, response, "")
    if status >= 500:  # noqa: PLR2004 - RFC 9110; an exchange that fails may have done it all the same
        return Outcome(Kind.UNKNOWN, _troubled(ways, bridge, response), until=resets(response.headers, ""))
    body = parsed(response)
    if body is None:
        return _bare(ways, operation, bridge, response)
    said = ways.said(body, status)
    words = "" if said is None else f"{said.text} ({said.code})" if said.text else said.code
    verdict = ways.verdict(said) if said else None
    if verdict is None and (found := theirs(bridge, response, body)) is not None:
        words = words or _words(bridge, found)
        verdict = by_class(found, writes=writes)
    if verdict is None and (said is not None or not 200 <= status < 300):  # noqa: PLR2004 - RFC 9110
        words = words or f"status {status}"
        verdict = UNKNOWN if writes else NO
    if verdict is None:
        return _accepted(ways, operation, body)
    if operation.name.endswith((PLACE, PAIR)):
        verdict = of_an_order(verdict, words)
    own = verdict is BAD_KEY and ways.own  # no other is known not to repeat the key
    return _outcome(replace(verdict, reason=f"{KEY}: {words}") if own else verdict, bridge, response, words)


def of_an_order(verdict: Verdict, words: str) -> Verdict:
    """What a verdict means to an order that was to be placed, by the words that came with it.

    Codes stand in the wrong place of a table, ours or ccxt's, or mean several things; words that there was a time-out
    prove nothing, and such an order is not sent again.
    """
    if DUPLICATE.search(words):
        return AGAIN
    if verdict.kind in {Kind.REJECTED, Kind.LATER} and IN_DOUBT.search(words):
        return UNKNOWN
    return NO if verdict is GONE else verdict


def _throttled(ways: Ways, response: httpx.Response) -> Verdict:
    """How long to wait where no header says so: as the row knows, and never less than a ban lasts."""
    body = parsed(response)
    said = ways.said(body, response.status_code) if body is not None else None
    known = ways.verdict(said) if said else None
    verdict = known if known is not None and known.kind is Kind.LATER else LATER
    return replace(verdict, seconds=max(BAN, verdict.seconds or 0)) if response.status_code == BANNED else verdict


def _troubled(ways: Ways, bridge: Any, response: httpx.Response) -> str:
    """What an exchange that fails says of it: that it is in maintenance."""
    body = parsed(response)
    said = ways.said(body, response.status_code) if body is not None else None
    status = f"status {response.status_code}"
    return f"{bridge.name}: {said.text[:SAID]} ({status})" if said and said.text else f"{bridge.name}: {status}"


def _accepted(ways: Ways, operation: Operation, body: Any) -> Outcome:
    if operation.name.endswith(PAIR):
        legs = ways.paired(body)
        return (
            Outcome(Kind.OK, result={"legs": legs}) if legs else Outcome(Kind.UNKNOWN, "an answer that names no pair")
        )
    if operation.name.endswith(LOOKS) and not ways.shows(body):
        return Outcome(Kind.UNKNOWN, "an answer that shows no orders, nor that there are none")
    if not operation.name.endswith(PLACE):
        return Outcome(Kind.OK)
    found = ways.placed(body)
    if not found:
        return Outcome(Kind.UNKNOWN, "an answer that names no order")
    return Outcome(Kind.OK, result={"id": found})


def _bare(ways: Ways, operation: Operation, bridge: Any, response: httpx.Response) -> Outcome:
    """An answer that is no JSON."""
    if verdict := ways.turned_away(response.status_code, response.text):
        return _outcome(verdict, bridge, response, "")
    if response.status_code == 204 and operation.name.endswith(CANCEL):  # noqa: PLR2004 - RFC 9110, no content
        return Outcome(Kind.OK)
    if response.status_code == 401:  # noqa: PLR2004 - RFC 9110; nobody unknown gets as far as an order
        return _outcome(BAD_KEY, bridge, response, "")
    empty = not response.content.strip()
    what = "no body" if empty else "HTML" if response.content.lstrip()[:1] == b"<" else "no JSON"
    return Outcome(Kind.UNKNOWN, f"an answer with {what} (status {response.status_code})")


def _outcome(verdict: Verdict, bridge: Any, response: httpx.Response, text: str) -> Outcome:
    reason = verdict.reason or (text[:SAID] if text else f"status {response.status_code}")
    until = None
    if verdict.kind is Kind.LATER:
        until = resets(response.headers, "") or verdict.until or _after(response.headers, verdict.seconds)
    lasting = verdict.lasts(text)
    return Outcome(verdict.kind, reason if reason == ABSENT else f"{bridge.name}: {reason}", until, lasting=lasting)


def _after(headers: Mapping[str, str], seconds: int | None) -> datetime | None:
    """So many seconds after the exchange's own ``Date``."""
    if seconds is None:
        return None
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC) + timedelta(seconds=seconds)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def parsed(response: httpx.Response) -> Any:
    """An answer's JSON object or list; ``None`` for anything else."""
    found = json_value(response)
    return found if isinstance(found, dict | list) else None


def theirs(bridge: Any, response: httpx.Response, body: Any) -> Exception | None:
    """What ccxt raises for an answer; ``None``: nothing."""
    status, reason, text = response.status_code, response.reason_phrase, response.text
    headers = {name.title(): value for name, value in response.headers.items()}
    try:
        bridge.handle_errors(status, reason, "", "", headers, text, body, {}, "")
        bridge.handle_http_status_code(status, reason, "", "", text)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what this answer means to ccxt
        return error
    return None


def by_class(error: Exception, *, writes: bool) -> Verdict:
    """What one of ccxt's exceptions means; anything that does not say "no" for sure is unknown for a write."""
    known = errors()
    table: tuple[tuple[tuple[type, ...], Verdict], ...] = (
        ((known.InvalidNonce,), BAD_CLOCK),
        ((known.RateLimitExceeded, known.DDoSProtection), LATER),
        ((known.OrderNotFound,), GONE),
        ((known.DuplicateOrderId,), UNKNOWN),
        ((known.AuthenticationError,), BAD_KEY),
        ((known.InsufficientFunds,), POOR),
        ((known.InvalidOrder, known.BadRequest, known.ArgumentsRequired), NO),
        ((known.NotSupported, known.OperationRejected), NO),
        ((known.OperationFailed, known.BadResponse), UNKNOWN),
    )
    for classes, verdict in table:
        if isinstance(error, classes):
            return verdict
    return UNKNOWN if writes else NO


def _words(bridge: Any, error: Exception) -> str:
    return str(error).removeprefix(bridge.id).strip()
