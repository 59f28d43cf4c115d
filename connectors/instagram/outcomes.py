"""What Instagram's answers mean (developers.facebook.com, Instagram Platform: error codes)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

from connectors.answer import json_object
from connectors.base import Effect, Kind, Operation, Outcome
from connectors.graph import errors, usage
from connectors.graph.errors import Said
from connectors.instagram import login
from connectors.instagram.operations import (
    COMMENT,
    COMMENTS,
    CONTAINER,
    DEBUG,
    DELETE,
    EXCHANGE,
    LONGER,
    ME,
    MEDIA,
    PAGES,
    PUBLISH,
    QUOTA,
    REFRESH,
    STATUS,
    TOKEN,
    UPLOAD,
)

#: what an accepted answer must have to be believed
HOLDS: Mapping[str, tuple[str, ...]] = {
    CONTAINER.name: ("id",),
    PUBLISH.name: ("id",),
    COMMENT.name: ("id",),
    STATUS.name: ("status_code",),
    DELETE.name: ("success",),
    ME.name: ("id",),
    QUOTA.name: ("data",),
    REFRESH.name: ("access_token",),
    TOKEN.name: ("access_token",),
    LONGER.name: ("access_token",),
    DEBUG.name: ("data",),
}
LISTS = frozenset({MEDIA.name, COMMENTS.name, QUOTA.name, PAGES.name})

UNFETCHED = (
    "Instagram could not fetch the media from the media host; `automator media test` tries it from here, "
    "and the address must be open to everybody"
)
FORMAT = "Instagram can't use the picture: it takes JPEG"
VIDEO = "Instagram can't use the video: it takes MOV and MP4 with H.264 or HEVC, 23 to 60 pictures a second"
#: what is wrong with what was asked, by subcode; a container in error names one too
SENTENCES: Mapping[int, str] = {
    2207003: "Instagram took too long to fetch the media; is the media host fast enough?",
    2207004: "Instagram can't use the picture: it has more than 8 MB",
    2207005: FORMAT,
    2207009: "Instagram can't use the picture: it takes 4:5 to 1.91:1, width by height",
    2207010: "the caption is too long for Instagram: 2,200 characters, 30 hashtags and 20 mentions may be in it",
    2207020: "the media is no longer with Instagram; publish it again",
    2207023: "Instagram does not know this kind of media",
    2207026: VIDEO,
    2207028: "Instagram can't make a carousel of this: 2 to 10 pictures and videos may be in one",
    2207035: "Instagram can't place the people named in a picture",
    2207036: "Instagram wants the place of each person named in a picture",
    2207037: "Instagram can't place the products named in a picture",
    2207040: "too many people are named in a picture: Instagram takes 20",
    2207050: "Instagram has restricted this account; open its app and do what it says",
    2207052: UNFETCHED,
    2207057: "the video is shorter than the instant of which a still was asked for",
    2207076: "Instagram could not process the video; save it anew as MP4 (H.264, AAC)",
    2207077: "Instagram could not process the video; save it anew as MP4 (H.264, AAC)",
    2207082: "the upload to Instagram failed; publish it again",
}
FULL = 2207042
#: the server's own trouble: ask again
SERVER = frozenset({2207001, 2207032, 2207053, 2207077, 2207082})
#: nothing happened, but it may soon; no limit is reached, so other calls need not wait
WAITS: Mapping[int, str] = {
    2207003: SENTENCES[2207003],
    2207008: "Instagram does not find the media yet",
    2207027: "Instagram is still working on the media",
    FULL: "Instagram's posts of 24 hours are used up",
}
BLOCKED = 2207051  #: "may not", after which a post was seen all the same
GONE = 2207006
#: words in what Instagram says of a sign-in (its own hosts answer in another form than Graph) -> what a person reads
SIGN_INS: tuple[tuple[str, str], ...] = (
    ("client secret", errors.WRONG_SECRET),
    ("platform app", "there is no Instagram app with this id; copy it from the app's Instagram settings"),
    ("client_id", "there is no Instagram app with this id; copy it from the app's Instagram settings"),
    ("developer role", errors.DEVELOPMENT),
    ("development mode", errors.DEVELOPMENT),
    ("redirect_uri", "the callback address is none of those in the app's Instagram settings; add it there"),
    ("code", "Instagram does not take this sign-in; begin again"),
)
SOON = timedelta(minutes=1)
_SUBCODE = re.compile(r"\b(22\d{5})\b")
_THROTTLED = 429


def judge(operation: Operation, response: httpx.Response) -> Outcome:
    """Say what a complete answer means. Pure. What is doubtful is unknown."""
    body = json_object(response)
    error = errors.said(body)
    if error is None and operation in {EXCHANGE, LONGER} and (refused := _refused(body or {})) is not None:
        return refused
    if error is None:
        if response.status_code == _THROTTLED:
            return Outcome(Kind.LATER, "Instagram's limit is reached", until=after(response.headers, SOON))
        outcome = errors.judge(operation, response, HOLDS, ("id",) if operation.effect is Effect.ONCE else ())
        listed = operation.name not in LISTS or isinstance((body or {}).get("data"), list)
        if outcome.kind is Kind.OK and not listed:
            return Outcome(Kind.UNKNOWN, "an answer without a list")
        if outcome.kind is Kind.OK and operation is UPLOAD and (body or {}).get("success") is not True:
            return Outcome(Kind.UNKNOWN, "an upload that was not confirmed")
        if outcome.kind is Kind.OK and operation is EXCHANGE and not login.brought(response):
            return Outcome(Kind.UNKNOWN, "an answer without access_token")
        return outcome
    return _own(operation, error, response.headers) or _doubtful(
        operation, errors.refusal(operation, response.status_code, error, response.headers), error
    )


def _refused(body: Mapping[str, object]) -> Outcome | None:
    """What an error of Instagram's own hosts means, which is not in Graph's form; ``None``: it is none."""
    said = str(body.get("error_message") or "")
    if not said:
        return None
    known = next((sentence for words, sentence in SIGN_INS if words in said.lower()), None)
    return Outcome(Kind.REJECTED, known or f"Instagram says: {said[:200]}")


def _own(operation: Operation, error: Said, headers: Mapping[str, str]) -> Outcome | None:
    """What Instagram's own subcodes mean; ``None``: it is one of Graph's."""
    subcode, once, trace = error.subcode, operation.effect is Effect.ONCE, error.trace
    if subcode == BLOCKED:
        kind = Kind.UNKNOWN if once else Kind.LATER
        why = "Instagram blocks what looks too much or too fast; it is asked again later"
        return Outcome(kind, why, until=usage.until(headers), request_id=trace)
    if subcode == GONE:
        kind = Kind.UNKNOWN if once else Kind.REJECTED
        return Outcome(kind, "Instagram does not find the media", request_id=trace)
    if subcode in WAITS:
        return Outcome(Kind.LATER, WAITS[subcode], request_id=trace)
    if subcode in SERVER or error.code in {-1, -2}:
        why = f"Instagram says {error.code}/{subcode}: {(error.told or error.message)[:200]}"
        return Outcome(Kind.UNKNOWN, why, request_id=trace)
    if subcode in SENTENCES:
        return Outcome(Kind.REJECTED, SENTENCES[subcode], request_id=trace)
    return None


def _doubtful(operation: Operation, outcome: Outcome, error: Said) -> Outcome:
    """A comment that is refused for a reason of its own was seen published all the same."""
    sure = error.code in {3, 10} or 200 <= error.code < 300  # noqa: PLR2004 - Graph's range for permissions
    if operation is COMMENT and outcome.kind is Kind.REJECTED and not sure:
        return Outcome(Kind.UNKNOWN, outcome.reason, request_id=outcome.request_id)
    return outcome


def failure(status: str) -> str:
    """Why a container is in error, by what its ``status`` says. Pure."""
    found = _SUBCODE.search(status)
    known = SENTENCES.get(int(found[1])) if found else None
    return known or f"Instagram could not use the media: {status[:200] or 'it does not say why'}"


def after(headers: Mapping[str, str], wait: timedelta) -> datetime | None:
    """So long after the answer, by the provider's clock."""
    try:
        return parsedate_to_datetime(headers["date"]) + wait
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
