"""X's limits and prices (docs.x.com, rate limits and pricing, as of 2026-08), and what its headers say of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

import httpx

from connectors.answer import json_object, objects, resets
from connectors.base import MONEY, Budget, Operation, Reading, Window
from connectors.takes import Limits, Sort, Takes
from connectors.x import text

MB = 1024 * 1024
#: docs.x.com, media best practices
TAKES = Takes(
    picture=Limits(("image/jpeg", "image/png", "image/webp"), 5 * MB, alt=1000),
    moving=Limits(("image/gif",), 15 * MB, alt=1000),
    video=Limits(("video/mp4", "video/quicktime"), 512 * MB, ratio=(1 / 3, 3), seconds=(0.5, 140), alt=1000),
    most=4,
    alone=frozenset({Sort.MOVING, Sort.VIDEO}),
)

QUARTER, DAY = 900, 86_400
CREDIT = "credit"
FIGURES = "figures"  #: what reading likes and views may take of it in a month; our own bound, not X's

#: operation -> (budget, calls in 15 minutes for each user, price in thousandths of a US dollar)
TABLE: dict[str, tuple[str, int, int]] = {
    "x.post.create": ("posts-15min", 100, 15),
    "x.post.delete": ("deletes-15min", 50, 10),
    "x.user.me": ("me-15min", 75, 10),
    "x.user.posts": ("timeline-15min", 900, 1),
    "x.user.recent": ("timeline-15min", 900, 1),
    "x.post.figures": ("lookup-15min", 5000, 1),
    "x.media.initialize": ("media-initialize-15min", 1875, 0),
    "x.media.append": ("media-append-15min", 1875, 0),
    "x.media.finalize": ("media-finalize-15min", 1875, 0),
    "x.media.status": ("media-status-15min", 1000, 0),
    "x.media.metadata": ("media-metadata-15min", 500, 5),
}
POST_WITH_URL = 200
LISTS = frozenset({"x.user.posts", "x.user.recent"})
#: reads that are paid by what is shown, so that only the answer tells what they took
SHOWN = LISTS | {"x.post.figures"}

BUDGETS = (
    *(Budget(name, limit, Window.FIXED, QUARTER) for name, limit in dict(row[:2] for row in TABLE.values()).items()),
    Budget("posts-day", 10_000, Window.FIXED, DAY, shared=True),
    Budget(FIGURES, 1000, Window.MONTH, shared=True, unit=MONEY),
    Budget(CREDIT, None, Window.MONTH, shared=True, unit=MONEY),
)


def price(written: str) -> int:
    """What a post costs, in thousandths of a US dollar; one with an address costs more."""
    return POST_WITH_URL if text.urls(written) else TABLE["x.post.create"][2]


def costs(operation: Operation, request: httpx.Request) -> dict[str, int]:
    """What one call takes."""
    row = TABLE.get(operation.name)
    if row is None:
        return {}
    name, _, credit = row
    taken = {name: 1}
    if operation.name == "x.post.create":
        taken["posts-day"] = 1
        credit = price(_written(request))
    if operation.name in LISTS:
        credit *= int(request.url.params.get("max_results", "1"))  # each post shown has its price; so many it can be
    if operation.name == "x.post.figures":
        credit *= len(request.url.params.get("ids", "").split(","))
        taken[FIGURES] = credit
    return taken | ({CREDIT: credit} if credit else {})


def took(operation: Operation, response: httpx.Response) -> dict[str, int]:
    """What an answer says that its call took of the money that was reserved; nothing: it does not say.

    Each post that is shown has its price; what is refused is not billed.
    """
    row = TABLE.get(operation.name)
    if row is None or not row[2]:
        return {}
    if 400 <= response.status_code < 500:  # noqa: PLR2004 - RFC 9110
        spent = 0
    elif operation.name in SHOWN and response.status_code == 200 and (said := json_object(response)) is not None:  # noqa: PLR2004
        more = said.get("includes")
        lists = [said.get("data"), *(more.values() if isinstance(more, dict) else ())]
        spent = row[2] * sum(len(objects(shown, "id")) for shown in lists)
    else:
        return {}
    return {CREDIT: spent} | ({FIGURES: spent} if operation.name == "x.post.figures" else {})


def _written(request: httpx.Request) -> str:
    try:
        return str(json.loads(request.content).get("text") or "")
    except (ValueError, AttributeError, RuntimeError):
        return ""


def observe(operation: Operation, headers: Mapping[str, str]) -> tuple[Reading, ...]:
    """``x-rate-limit-*`` speak of the window of the endpoint that was called."""
    row = TABLE.get(operation.name)
    try:
        limit, remaining = int(headers["x-rate-limit-limit"]), int(headers["x-rate-limit-remaining"])
    except (KeyError, ValueError):
        return ()
    return (Reading(row[0], limit, remaining, resets(headers, "x-rate-limit-reset")),) if row else ()
