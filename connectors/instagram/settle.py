"""What became of something whose answer was lost: the container says whether, the newest posts say which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from connectors.answer import accepted
from connectors.base import NotNow
from connectors.instagram import text
from connectors.instagram.containers import RARELY, Code, Way, look
from connectors.instagram.operations import COMMENTS, MEDIA
from connectors.network import Rejected, Wire

SLACK = timedelta(minutes=2)  #: by which the clocks of both sides may differ
AGAIN = timedelta(seconds=5)  #: until a list that lags is looked at again
LAGS = timedelta(hours=1)  #: after which a list is not waited for any more
NEWEST = "50"


async def post(wire: Wire, way: Way, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """The post that a container became; ``None``: it has become none.

    Raises:
        NotNow: it is published, but not in the list yet; or Instagram is in trouble.
        Rejected: Instagram does not know the container any more.
    """
    code, why = await look(wire, way, str(plan["creation_id"]))
    match code:
        case Code.FINISHED | Code.EXPIRED | Code.ERROR:
            return None
        case Code.WORKING:
            raise NotNow(wire.now() + RARELY, "Instagram is working on the media")
    edge = "stories" if plan["story"] else "media"
    asked = {"fields": "id,caption,timestamp", "limit": NEWEST}
    said = accepted(await wire.request(MEDIA, "GET", f"{way.node}/{edge}", params=asked))
    for found in same(said["data"], plan):
        if not wire.known(found):
            return found
    if code != Code.PUBLISHED:
        raise Rejected(why)
    begun = datetime.fromisoformat(str(plan["begun"]))
    if wire.now() < begun + LAGS:
        raise NotNow(wire.now() + AGAIN, "it is published, but Instagram does not show it in its list yet")
    return {"id": "", "container": str(plan["creation_id"])}  # that it is there is certain; which one it is, is not


def same(listed: Iterable[Any], plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of those posts that may be the one of a plan, the oldest first. Pure."""
    since = datetime.fromisoformat(str(plan["begun"])) - SLACK
    found = [
        (at, {"id": str(item["id"])})
        for item in listed
        if isinstance(item, dict) and (at := when(item)) is not None and at >= since
        if text.plain(str(item.get("caption") or "")) == text.plain(str(plan["caption"]))
    ]
    return [result for _, result in sorted(found, key=lambda item: item[0])]


async def comment(wire: Wire, base: str, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """A comment of ours with the very text, under the very post."""
    since = datetime.fromisoformat(str(plan["begun"])) - SLACK
    asked = {"fields": "id,text,timestamp,username", "limit": NEWEST}
    said = accepted(await wire.request(COMMENTS, "GET", f"{base}/{plan['media']}/comments", params=asked))
    for item in said["data"]:
        at = when(item) if isinstance(item, dict) else None
        if at is None or at < since or text.plain(str(item.get("text") or "")) != text.plain(plan["message"]):
            continue
        if not wire.known(result := {"id": str(item["id"])}):
            return result | {"kind": "comment"}
    return None


def when(item: Mapping[str, Any]) -> datetime | None:
    """When something was published, in Graph's words (``2026-11-25T06:30:00+0000``); ``None``: it does not say."""
    try:
        at = datetime.fromisoformat(str(item.get("timestamp")))
    except ValueError:
        return None
    return at if at.tzinfo is not None and "id" in item else None
