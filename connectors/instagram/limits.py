"""Instagram's limits (developers.facebook.com, Instagram Platform: content publishing, rate limits; as of 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx

from connectors.answer import json_object
from connectors.base import Budget, Operation, Reading, Window
from connectors.graph import errors, usage
from connectors.instagram import outcomes
from connectors.instagram.operations import CONTAINER, PUBLISH, QUOTA
from connectors.post import Form
from connectors.takes import JPEG, Limits, Takes

DAY = 86_400
POSTS, CONTAINERS = "posts-day", "containers-day"
MOST = 100  #: posts in 24 hours, of any account
MEGABYTE = 1_000_000
TRUE_FOR = timedelta(minutes=20)  #: what Instagram says of the quota; posts of yesterday leave it all the time
FULL = timedelta(minutes=30)  #: until it is asked again, once it is used up
LIFE = timedelta(hours=23)  #: of a container; Instagram says 24 hours
ITEMS = 10
TAGS, COLLABORATORS = 20, 3

BUSINESS = usage.of_business("instagram")
BUDGETS = (
    # one page says 100, the reference's example 50: what an account has left is read when it publishes
    Budget(POSTS, MOST, Window.FIXED, DAY),
    Budget(CONTAINERS, 400, Window.SLIDING, DAY),
    BUSINESS,
    usage.APP,
)

_PICTURE = Limits((JPEG,), 8 * MEGABYTE, width=(320, 1440), ratio=(4 / 5, 1.91), cmyk=False, alt=1000, fetched=True)
_STORY_PICTURE = Limits((JPEG,), 8 * MEGABYTE, width=(320, 1440), cmyk=False, alt=0, fetched=True)
_REEL = Limits(
    ("video/mp4", "video/quicktime"),
    300 * MEGABYTE,
    width=(1, 1920),
    seconds=(3, 900),
    fps=(23, 60),
    codecs=frozenset({"h264", "hevc", "aac"}),
    alt=0,
)
_STORY = Limits(
    _REEL.types, 100 * MEGABYTE, width=_REEL.width, seconds=(3, 60), fps=_REEL.fps, codecs=_REEL.codecs, alt=0
)
TAKES: Mapping[Form, Takes] = {
    Form.POST: Takes(
        _PICTURE, None, _REEL, least=1, most=ITEMS, alone=frozenset(), tags=TAGS, collaborators=COLLABORATORS
    ),
    Form.REEL: Takes(None, None, _REEL, least=1, most=1, tags=TAGS, collaborators=COLLABORATORS),
    Form.STORY: Takes(_STORY_PICTURE, None, _STORY, least=1, most=1, tags=TAGS),
    Form.COMMENT: Takes(most=0),
}


def takes(form: Form, *, uploads: bool) -> Takes | None:
    """What is taken in a form; where nothing can be uploaded, videos are fetched too."""
    found = TAKES.get(form)
    if uploads or found is None or found.video is None:
        return found
    return replace(found, video=replace(found.video, fetched=True))


def costs(operation: Operation, _: httpx.Request) -> Mapping[str, int]:
    """What one call takes; how much of the business use case's budget it is, only Instagram can tell."""
    taken = {BUSINESS.name: 1, usage.APP.name: 1}
    if operation is PUBLISH:
        taken[POSTS] = 1
    if operation is CONTAINER:
        taken[CONTAINERS] = 1
    return taken


def observe(operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
    """What the headers say, and what Instagram says when it is asked for the quota."""
    readings = usage.readings(response.headers, {"instagram": BUSINESS})
    if operation not in {QUOTA, PUBLISH}:
        return readings
    body = json_object(response) or {}
    said, error = quota(body), errors.said(body)
    if operation is QUOTA and said is not None:
        left, wait = min(MOST, max(0, said[1] - said[0])), TRUE_FOR
    elif error is not None and error.subcode == outcomes.FULL:
        left, wait = 0, FULL
    else:
        return readings
    return (*readings, Reading(POSTS, MOST, left, outcomes.after(response.headers, wait)))


def quota(said: Mapping[str, Any]) -> tuple[int, int] | None:
    """Posts that were published in the last 24 hours, and how many may be; ``None``: it does not say. Pure."""
    data = said.get("data")
    entry = data[0] if isinstance(data, list) and data and isinstance(data[0], dict) else {}
    config = entry.get("config")
    used, total = entry.get("quota_usage"), config.get("quota_total") if isinstance(config, dict) else None
    if not isinstance(used, int) or not isinstance(total, int) or used < 0 or total <= 0:
        return None
    return used, total
