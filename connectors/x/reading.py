"""Reading what X shows: an account's posts, and the figures of posts."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.answer import accepted, objects, total
from connectors.base import Effect, Operation, Scope
from connectors.network import Metrics, Rejected, Shown, Wire

RECENT = Operation("x.user.recent", Effect.READ, Scope.READ)
FIGURES = Operation("x.post.figures", Effect.READ, Scope.READ)
_MEDIUM = re.compile(r"/status/\d+/(?:photo|video)/\d+$")
PAGE = 100
FEW = "10"  #: asked for at first where one is looked for, which is among the newest: each post shown has its price
PAGES = 32  #: X shows an account's newest 3,200 posts

#: X's specification renamed these with version 2.167; which of them a server takes, only asking tells
FIELDS = {"post.fields": "created_at,entities,attachments", "expansions": "referenced_posts"}
OLD_FIELDS = {"tweet.fields": "created_at,entities,attachments,referenced_tweets"}
COUNTS, OLD_COUNTS = {"post.fields": "public_metrics"}, {"tweet.fields": "public_metrics"}


async def asked(
    wire: Wire,
    operation: Operation,
    url: str,
    query: Mapping[str, str],
    fields: tuple[Mapping[str, str], Mapping[str, str]] = (FIELDS, OLD_FIELDS),
) -> dict[str, Any]:
    """What an answer says; asked in the newer words, and if those are refused in the older.

    Raises:
        Rejected: X does not say.
    """
    new, old = fields
    try:
        return accepted(await wire.request(operation, "GET", url, params={**query, **new}))
    except Rejected:
        return accepted(await wire.request(operation, "GET", url, params={**query, **old}))


def shown(post: Mapping[str, Any]) -> str:
    """The text as it was written: X shortens addresses, escapes ``&<>`` and appends a link to pictures."""
    text = html.unescape(str(post.get("text") or ""))  # addresses are not escaped: ?a=1&copy=2 is one
    for url in (post.get("entities") or {}).get("urls") or []:
        inner = url.get("media_key") is not None or _MEDIUM.search(str(url.get("expanded_url"))) is not None
        text = text.replace(str(url["url"]), "" if inner else str(url.get("expanded_url") or url["url"]))
    return text


def stamp(at: datetime) -> str:
    """A time as X takes it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def recent(wire: Wire, user: str, since: datetime) -> list[Shown]:
    """What the account published since then, oldest first; what it only passed on is left out.

    Raises:
        Rejected: X does not say.
    """
    query = {"start_time": stamp(since), "max_results": str(PAGE), "exclude": "retweets"}
    found = [_shown(post, since) async for post in listed(wire, RECENT, user, query)]
    return found[::-1]


async def listed(
    wire: Wire, operation: Operation, user: str, query: Mapping[str, str]
) -> AsyncIterator[dict[str, Any]]:
    """The posts that a query is about, newest first, page after page.

    Raises:
        Rejected: X does not say.
    """
    more: dict[str, str] = {}
    for _ in range(PAGES):
        body = await asked(wire, operation, f"{wire.base}/2/users/{user}/tweets", {**query, **more})
        for post in objects(body.get("data"), "id"):
            yield post
        following = (body.get("meta") or {}).get("next_token")
        if not isinstance(following, str) or following == more.get("pagination_token"):
            return  # each page has its price, and the same one tells nothing more
        more = {"pagination_token": following, "max_results": str(PAGE)}


async def metrics(wire: Wire, ids: Sequence[str]) -> list[Metrics | None]:
    """The figures of posts, in order; ``None`` for one that X does not show.

    Raises:
        Rejected: X does not say.
    """
    found: dict[str, Metrics] = {}
    for first in range(0, len(ids), PAGE):
        query = {"ids": ",".join(ids[first : first + PAGE])}
        body = await asked(wire, FIGURES, f"{wire.base}/2/tweets", query, (COUNTS, OLD_COUNTS))
        found |= {
            str(post["id"]): _metrics(post.get("public_metrics") or {}) for post in objects(body.get("data"), "id")
        }
    return [found.get(number) for number in ids]


def _shown(post: Mapping[str, Any], otherwise: datetime) -> Shown:
    return Shown({"id": str(post["id"])}, shown(post), written(post, otherwise))


def written(post: Mapping[str, Any], otherwise: datetime) -> datetime:
    """When it was published, by X's clock; ``otherwise``: X does not say."""
    try:
        at = datetime.fromisoformat(str(post.get("created_at")))
    except ValueError:
        return otherwise
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _metrics(counts: Mapping[str, Any]) -> Metrics:
    shares = total(counts, "repost_count" if "repost_count" in counts else "retweet_count", "quote_count")
    return Metrics(total(counts, "like_count"), total(counts, "reply_count"), shares, total(counts, "impression_count"))
