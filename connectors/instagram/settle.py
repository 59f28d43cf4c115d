"""What became of something whose answer was lost: the container says whether, the newest posts say which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connectors import lookup
from connectors.answer import accepted
from connectors.base import Kind, NotNow, outcome_of
from connectors.graph.lists import newest
from connectors.instagram import text
from connectors.instagram.containers import RARELY, Code, Way, look
from connectors.instagram.operations import COMMENTS, MEDIA, MEDIUM
from connectors.network import Rejected, Wire

AGAIN = timedelta(seconds=5)  #: until a list that lags is looked at again; later, when it has lagged for long
QUARTER = 4  #: of the time for which it has lagged, so that few calls are made and it is not waited for much longer
LAGS = timedelta(hours=1)  #: after which it is not waited for any more by a post that is out
UNSHOWN = timedelta(days=2)  #: nor by what belongs under that post, which was begun up to a day before it went out
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
    for found in same(said["data"], plan, lookup.earliest(wire, since(plan))):
        if not wire.known(found):
            return found
    if code != Code.PUBLISHED:
        raise Rejected(why)
    if (lagged := wire.now() - datetime.fromisoformat(str(plan["begun"]))) < LAGS:
        raise NotNow(wire.now() + _wait(lagged), "it is published, but Instagram does not show it in its list yet")
    # that it is there is certain; which one it is, is not, and may be seen later, but for a story
    seen_by = {} if plan["story"] else {"caption": plan["caption"], "begun": plan["begun"]}
    return {"id": "", "container": str(plan["creation_id"]), **seen_by}


def _wait(lagged: timedelta) -> timedelta:
    return max(AGAIN, lagged / QUARTER)


def unshown(result: Mapping[str, Any], now: datetime) -> NotNow | Rejected:
    """What is to be raised by what belongs under a post that Instagram does not show. Pure."""
    lagged = now - datetime.fromisoformat(str(result["begun"])) if "begun" in result else UNSHOWN
    if lagged < UNSHOWN:
        return NotNow(
            now + _wait(lagged), "Instagram does not show the post in its list yet; the comment waits for that"
        )
    where = "comment in Instagram's app, or have `automator posts retry` look once more"
    return Rejected(f"Instagram published the post, but does not show it, so it can't be commented on; {where}")


def since(begun: Mapping[str, Any]) -> datetime:
    """Before which Instagram does not show what was ``begun`` then to be published."""
    return datetime.fromisoformat(str(begun["begun"])) - lookup.SLACK


def same(listed: Iterable[Any], plan: Mapping[str, Any], earliest: datetime) -> list[dict[str, Any]]:
    """The results of those posts that may be the one of a plan, the oldest first. Pure."""
    found = [
        (at, {"id": str(item["id"])})
        for item in listed
        if isinstance(item, dict) and (at := when(item)) is not None and at >= earliest
        if text.plain(str(item.get("caption") or "")) == text.plain(str(plan["caption"]))
    ]
    return [result for _, result in sorted(found, key=lambda item: item[0])]


async def comment(wire: Wire, base: str, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """A comment of ours with the very text, under the very post; others may write the same there.

    Raises:
        NotNow: Instagram is in trouble.
        Rejected: it does not show the comments.
    """
    asked = {"fields": "id,text,timestamp,username", "limit": NEWEST}
    ask = partial(newest, wire, COMMENTS, f"{base}/{plan['media']}/comments", asked)
    listed, earliest = await lookup.listed(wire, since(plan), ask)
    alike = [
        (at, item)
        for item in reversed(listed)
        if (at := when(item)) is not None and at >= earliest
        if text.plain(str(item.get("text") or "")) == text.plain(plan["message"])
    ]
    ours = await _owner(wire, f"{base}/{plan['media']}") if any(_name(item) for _, item in alike) else ""
    for item in lookup.likeliest(wire, alike):
        result = {"id": str(item["id"])}
        if not (ours and _name(item) not in {ours, ""}) and not wire.known(result):
            return result | {"kind": "comment"}
    return None


async def _owner(wire: Wire, post: str) -> str:
    """Whose post it is, which is ours; empty: Instagram does not say."""
    answer = await wire.request(MEDIUM, "GET", post, params={"fields": "id,username"})
    return "" if outcome_of(answer).kind is Kind.REJECTED else _name(accepted(answer))


def _name(item: Mapping[str, Any]) -> str:
    """Who published something; empty: it does not say."""
    return str(item.get("username") or "").casefold()


def when(item: Mapping[str, Any]) -> datetime | None:
    """When something was published, in Graph's words (``2026-11-25T06:30:00+0000``); ``None``: it does not say."""
    try:
        at = datetime.fromisoformat(str(item.get("timestamp")))
    except ValueError:
        return None
    return at if at.tzinfo is not None and "id" in item else None
