"""Reading what Bluesky shows: the records of an account, and the figures that its view of the network has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.answer import accepted, objects, total
from connectors.base import Effect, Operation, Scope
from connectors.bluesky.lexicon import POST
from connectors.bluesky.tid import earliest
from connectors.network import Metrics, Shown, Wire

LIST = Operation("bluesky.post.list", Effect.READ, Scope.READ)
FIGURES = Operation("bluesky.post.figures", Effect.READ, Scope.READ)
PAGE, PAGES = 100, 1000
AT_ONCE = 25  #: posts that app.bsky.feed.getPosts takes
MARGIN = timedelta(days=1)  #: by which a record may claim to be younger than its key


async def recent(wire: Wire, repo: str, since: datetime) -> list[Shown]:
    """What the account published since then, by its own word of when, oldest first.

    Raises:
        connectors.network.Rejected: the server does not say.
    """
    url, oldest = f"{wire.base}/xrpc/com.atproto.repo.listRecords", earliest(since - MARGIN)
    query = {"repo": repo, "collection": POST, "limit": str(PAGE)}
    found: list[Shown] = []
    for _ in range(PAGES):
        body = accepted(await wire.request(LIST, "GET", url, params=query))
        found += _shown(body["records"], since)
        cursor = body.get("cursor")
        if not body["records"] or not isinstance(cursor, str) or cursor < oldest or cursor == query.get("cursor"):
            break
        query["cursor"] = cursor
    return sorted(found, key=lambda item: item.at)


def _shown(records: object, since: datetime) -> Iterator[Shown]:
    for record in objects(records, "uri", "cid", "value"):
        value = record["value"] if isinstance(record["value"], dict) else {}
        try:
            at = datetime.fromisoformat(str(value.get("createdAt")))
        except ValueError:
            at = since  # whenever it was, it is there
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        if at >= since:
            yield Shown({"uri": str(record["uri"]), "cid": str(record["cid"])}, str(value.get("text") or ""), at)


async def metrics(wire: Wire, uris: Sequence[str]) -> list[Metrics | None]:
    """The figures of one account's posts, in order; ``None`` for one that is not shown.

    The account's server passes the question on to the network's view (atproto.com/specs/xrpc, service proxying).

    Raises:
        connectors.network.Rejected: the server does not say, or knows no such view.
    """
    url, found = f"{wire.base}/xrpc/app.bsky.feed.getPosts", dict[str, Metrics]()
    for first in range(0, len(uris), AT_ONCE):
        query = {"uris": list(uris[first : first + AT_ONCE])}
        body = accepted(await wire.request(FIGURES, "GET", url, params=query))
        found |= {_key(str(post["uri"])): _metrics(post) for post in objects(body["posts"], "uri")}
    return [found.get(_key(uri)) for uri in uris]


def _key(uri: str) -> str:
    """The record's key; a person may have told the account by its handle, and the view says its id."""
    return uri.rsplit("/", 1)[-1]


def _metrics(post: Mapping[str, Any]) -> Metrics:
    return Metrics(total(post, "likeCount"), total(post, "replyCount"), total(post, "repostCount", "quoteCount"))
