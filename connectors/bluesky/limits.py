"""Bluesky's limits (docs.bsky.app, rate limits; its server software), and what its headers say of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from connectors.base import Budget, Operation, Reading, Window
from connectors.bluesky.lexicon import IMAGE_BYTES, IMAGES, VIDEO_BYTES
from connectors.picture import TYPES
from connectors.takes import GIF, Limits, Takes

STILL = "Bluesky shows only its first picture"
_TYPES = tuple(sorted(TYPES - {GIF}))
TAKES = Takes(
    picture=Limits(_TYPES, IMAGE_BYTES, verbatim=True),  # a blob is named by the digest of its bytes
    moving=Limits((*_TYPES, GIF), IMAGE_BYTES, note=STILL, verbatim=True),
    video=Limits(("video/mp4",), VIDEO_BYTES),
    most=IMAGES,
)

HOUR, DAY = 3600, 86_400

BUDGETS = (
    Budget("points-hour", 5000, Window.FIXED, HOUR, unit="points"),
    Budget("points-day", 35_000, Window.FIXED, DAY, unit="points"),
    Budget("requests-5min", 3000, Window.FIXED, 300, shared=True),
    Budget("logins-5min", 30, Window.FIXED, 300),
    Budget("logins-day", 300, Window.FIXED, DAY),
    Budget("uploads-day", 1000, Window.FIXED, DAY, shared=True),
)

POINTS = {"bluesky.post.put": 2, "bluesky.post.delete": 1}  #: a put counts as an update also when it creates
CUT = timedelta(seconds=1)  #: of the end of a window, the server cuts off the fraction


def costs(operation: Operation) -> dict[str, int]:
    """What one call takes."""
    taken = {"requests-5min": 1}
    if operation.name == "bluesky.session.create":
        taken |= {"logins-5min": 1, "logins-day": 1}
    if operation.name == "bluesky.blob.upload":
        taken["uploads-day"] = 1
    points = POINTS.get(operation.name)
    return taken | {"points-hour": points, "points-day": points} if points else taken


def observe(operation: Operation, headers: Mapping[str, str]) -> tuple[Reading, ...]:
    """The reading of the budget whose window ``RateLimit-Policy`` names (``3000;w=300``)."""
    try:
        limit, _, window = headers["ratelimit-policy"].split(",")[0].partition(";w=")
        remaining, reset = int(headers["ratelimit-remaining"]), int(headers["ratelimit-reset"])
        size, seconds = int(limit), int(window)
        ends = datetime.fromtimestamp(reset, UTC) + CUT
    except (KeyError, ValueError, OverflowError, OSError):
        return ()
    mine = costs(operation)
    named = [budget.name for budget in BUDGETS if budget.name in mine and budget.seconds == seconds]
    # two budgets share the length of a window; the stated size tells them apart
    sized = [budget.name for budget in BUDGETS if budget.name in named and budget.limit == size]
    chosen = sized or (named if len(named) == 1 else [])
    return tuple(Reading(name, size, remaining, ends) for name in chosen)
