"""Reading answers: what every provider's connector asks of one, asked in one way."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from connectors.base import Effect, Kind, NotNow, Operation, outcome_of
from connectors.network import Rejected

_ANSWERED, _TOO_LARGE = 200, 413
_CENTURY = 100 * 366 * 86_400
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?")
_SINCE_1970, _MILLIS = 1e9, 1e11  #: from how many on these are seconds since then, and milliseconds


def accepted(answer: httpx.Response) -> dict[str, Any]:
    """What an accepted answer says; empty if it has no JSON object.

    Raises:
        Rejected: the provider said no.
        NotNow: the provider is in trouble, which says nothing of what was asked: ask again later.
    """
    trusted(answer)
    return json_object(answer) or {}


def trusted(answer: httpx.Response) -> None:
    """Go on only with an accepted answer to a read.

    Raises:
        Rejected: the provider said no.
        NotNow: the provider is in trouble, which says nothing of what was asked: ask again later.
    """
    outcome = outcome_of(answer)
    if outcome.kind is Kind.REJECTED:
        raise Rejected(outcome.reason, twice=outcome.twice)
    if outcome.kind is not Kind.OK:
        raise NotNow(outcome.until, outcome.reason)


def json_object(answer: httpx.Response) -> dict[str, Any] | None:
    """The JSON object in an answer; ``None`` for anything else, however deeply nested.

    Halves of characters, which JSON may hold and no database or file takes, are replaced.
    """
    found = json_value(answer)
    return found if isinstance(found, dict) else None


def json_value(answer: httpx.Response, **how: Any) -> Any:
    """Any JSON in an answer, read as ``json.loads`` is told; else as ``json_object``."""
    try:
        found = json.loads(answer.content, **how)
        return _whole(found) if re.search(rb"\\u[dD][89a-fA-F]", answer.content) else found
    except (ValueError, RecursionError):
        return None


def _whole(found: Any) -> Any:
    match found:
        case str():
            return found.encode(errors="replace").decode()
        case dict():
            return {_whole(name): _whole(value) for name, value in found.items()}
        case list():
            return [_whole(item) for item in found]
        case _:
            return found


def lead(date: str, now: datetime) -> timedelta | None:
    """How far the clock that wrote a ``Date`` (RFC 9110, section 6.6.1) is ahead of ours; ``None``: it is no date."""
    try:
        return parsedate_to_datetime(date) - now
    except (ValueError, TypeError):
        return None


def clock_ahead(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How far the provider's clock is ahead of ours, by its ``Date`` header.

    The header has whole seconds, so a smaller difference counts as none.
    """
    ahead = lead(headers["date"], now) if "date" in headers else None
    return ahead if ahead is not None and abs(ahead) > timedelta(seconds=1) else timedelta()


def tokens(answer: httpx.Response, names: Mapping[str, str]) -> dict[str, str]:
    """The keys that an accepted answer brings: ``names`` is the provider's field -> ours. What is empty is none."""
    found = (json_object(answer) if answer.status_code == _ANSWERED else None) or {}
    brought = {ours: found.get(theirs) for theirs, ours in names.items()}
    return {ours: value for ours, value in brought.items() if isinstance(value, str) and value}


def lifetime(answer: httpx.Response) -> timedelta | None:
    """How long the access token in an answer works (``expires_in``, RFC 6749, section 5.1), if it says so."""
    return _seconds((json_object(answer) or {}).get("expires_in"))


def jwt_lifetime(token: object) -> timedelta | None:
    """How long a JSON Web Token works from when it was made (``exp`` less ``iat``, RFC 7519, section 4.1).

    It is the provider's clock that wrote both, so a wrong one of ours does no harm.
    """
    try:
        payload = str(token).split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return _seconds(said["exp"] - said["iat"])
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _seconds(given: object) -> timedelta | None:
    return timedelta(seconds=given) if isinstance(given, int) and 0 < given < _CENTURY else None


def oversized(operation: Operation, response: httpx.Response) -> bool:
    """Whether what stands before a provider took a file for too large (RFC 9110, section 15.5.14), in its own words.

    It is so for good. Of what is seen at once, no such answer is believed.
    """
    return response.status_code == _TOO_LARGE and operation.effect is Effect.REPEATABLE


def objects(listed: object, *having: str) -> list[dict[str, Any]]:
    """The JSON objects in a list of an answer that have these fields; nothing if it is no list."""
    given = listed if isinstance(listed, list) else []
    return [item for item in given if isinstance(item, dict) and all(name in item for name in having)]


def total(counts: Mapping[str, Any], *names: str) -> int | None:
    """The sum of an answer's counts; ``None`` if it has none of them."""
    given = [counts[name] for name in names if isinstance(counts.get(name), int)]
    return sum(given) if given else None


def resets(headers: Mapping[str, str], epoch: str) -> datetime | None:
    """When a throttled call may be made again, by the provider's clock; ``None``: it does not say.

    The header ``epoch`` says so, or else ``Retry-After``: as a date (RFC 9110, section 10.2.3), or in seconds, which
    count from ``Date``, or from 1970 if there are so many; some count milliseconds since 1970.
    """
    return _moment(headers.get(epoch, ""), headers) or _moment(headers.get("retry-after", ""), headers)


def _moment(said: str, headers: Mapping[str, str]) -> datetime | None:
    try:
        if not _NUMBER.fullmatch(said):
            return parsedate_to_datetime(said).astimezone(UTC) if said else None
        seconds = float(said)
        if seconds >= _SINCE_1970:
            return datetime.fromtimestamp(seconds / 1000 if seconds >= _MILLIS else seconds, UTC)
        return parsedate_to_datetime(headers["date"]).astimezone(UTC) + timedelta(seconds=seconds)
    except (KeyError, ValueError, OverflowError, OSError, TypeError):
        return None
