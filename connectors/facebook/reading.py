"""Reading back what a page shows: whether something of ours is there, what it is called, and its figures."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import regex

from connectors import lookup
from connectors.answer import accepted, json_object
from connectors.base import Kind, outcome_of
from connectors.facebook import operations as ops
from connectors.facebook.upload import Places, status
from connectors.graph import insights
from connectors.graph.errors import GONE
from connectors.graph.lists import newest
from connectors.network import Metrics, Rejected, Shown, Wire

SITE = "https://www.facebook.com"
PAGE = 100  #: rows asked for at once
POST = "id,message,created_time,attachments{media_type,target{id},subattachments{target{id}}}"
COUNTS = "id,likes.limit(0).summary(true),comments.limit(0).summary(true)"
#: names of how often something was seen (Page insights, 2025-11: views in place of impressions; Video insights)
VIEWS = ("post_media_view", "blue_reels_play_count", "fb_reels_total_plays", "total_video_views")
UNSHARED = frozenset({"video", "reel", "story", "comment"})  #: kinds that have no count of shares
UNSEEN = frozenset({"story", "comment"})  #: kinds of which nobody tells how often they were seen
REFUSED = 2  #: refusals in a row after which it is not asked any more
PUBLISHED = frozenset({"complete", "in_progress"})
_HOST = r"https?://(?:[\w-]+\.)?facebook\.com/"
_ID = r"(?:pfbid\w+|\d+(?:_\d+)?)"
_LINKS = (
    (regex.compile(rf"{_ID}"), ""),
    (
        regex.compile(rf"{_HOST}(?:[\w.-]+/)?(?:posts|permalink)/(?:[\w-]+/)?({_ID})/?.*"),
        "",
    ),
    (regex.compile(rf"{_HOST}(\d+_\d+)/?"), ""),
    (regex.compile(rf"{_HOST}reel/(\d+)/?.*"), "reel"),
    (
        regex.compile(rf"{_HOST}(?:[\w.-]+/videos/(?:[\w.-]+/)?|watch/?\?v=)(\d+)/?.*"),
        "video",
    ),
)
_STORY = regex.compile(rf"{_HOST}(?:permalink|story)\.php\?story_fbid=({_ID})&id=(\d+).*")


async def me(wire: Wire, api: str) -> dict[str, Any]:
    """The page that the token acts as."""
    answer = await wire.request(ops.ME, "GET", f"{api}/me", params={"fields": "id,name,can_post"})
    return accepted(answer)


async def found(wire: Wire, at: Places, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """The result of a plan, if the page shows it; for what each kind is found by, see the functions."""
    known = dict(plan.get("result") or {})
    match plan["how"]:
        case "publish":
            shown = await node(wire, at.api, str(plan["path"]), "id,is_published")
            return known if shown and shown.get("is_published") is True else None
        case "video":
            shown = await node(wire, at.api, str(plan["path"]), "id,published")
            return known if shown and shown.get("published") is True else None
        case "reel":
            stage = (await status(wire, at, str(known["id"]))).get("publishing_phase")
            return known if isinstance(stage, dict) and _out(stage) else None
        case "story" | "film":
            media = str(plan["body"].get("photo_id") or plan["body"].get("video_id"))
            asked = {"fields": "post_id,media_id,status", "limit": str(PAGE)}
            rows = await _rows(wire, ops.STORIES, f"{at.api}/{at.page}/stories", asked)
            ids = [str(row["post_id"]) for row in rows if str(row.get("media_id")) == media and row.get("post_id")]
            return known | {"id": ids[0]} if ids else None
        case "comment":
            return await _comment(wire, at, plan)
        case _:
            return await _post(wire, at, plan)


async def node(wire: Wire, api: str, number: str, fields: str) -> dict[str, Any] | None:
    """One thing with these fields; ``None``: it is gone."""
    answer = await wire.request(ops.NODE, "GET", f"{api}/{number}", params={"fields": fields})
    outcome = outcome_of(answer)
    return None if outcome.kind is Kind.REJECTED and outcome.reason == GONE else accepted(answer)


async def _post(wire: Wire, at: Places, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """By its pictures, which are ours alone, else by its text."""
    body = plan["body"]
    pictures = {str(item["media_fbid"]) for item in body.get("attached_media") or ()}
    asked, url = {"fields": POST, "limit": str(PAGE)}, f"{at.api}/{at.page}/published_posts"
    begun = datetime.fromisoformat(str(plan["since"]))
    rows, since = await lookup.listed(wire, begun, partial(newest, wire, ops.POSTS, url, asked))
    alike = [
        (made, {"id": str(row["id"])})
        for row in reversed(rows)
        if (made := created(row)) is not None and made >= since
        if _plain(row.get("message")) == _plain(body.get("message")) and (not pictures or pictures & _targets(row))
    ]
    return next((one for one in lookup.likeliest(wire, alike) if not wire.known(one)), None)


async def _comment(wire: Wire, at: Places, plan: Mapping[str, Any]) -> dict[str, Any] | None:
    begun, url = datetime.fromisoformat(str(plan["since"])), f"{at.api}/{plan['path']}"
    asked = {
        "fields": "id,message,from,created_time",
        "filter": "stream",
        "order": "reverse_chronological",
        "limit": str(PAGE),
    }
    rows, since = await lookup.listed(wire, begun, partial(newest, wire, ops.COMMENTS, url, asked))
    alike = [
        (made, {"id": str(row["id"])})
        for row in reversed(rows)
        if isinstance(who := row.get("from"), dict) and str(who.get("id")) == at.page
        if (made := created(row)) is not None and made >= since
        if _plain(row.get("message")) == _plain(plan["body"].get("message"))
    ]
    unknown = (one for one in lookup.likeliest(wire, alike) if not wire.known(one))
    return next((one | {"kind": "comment"} for one in unknown), None)


async def address(wire: Wire, api: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """Where the world finds it; nothing, while Facebook does not say."""
    shown = await node(wire, api, str(result["id"]), "id,permalink_url")
    given = str((shown or {}).get("permalink_url") or "")
    whole = f"{SITE}{given}" if given.startswith("/") else given
    return {"permalink_url": whole} if whole else {}


async def recent(wire: Wire, at: Places, since: datetime) -> list[Shown]:
    """Posts, videos and reels, oldest first; Facebook lists reels apart from posts."""
    of_posts = {"fields": POST, "limit": str(PAGE)}
    posts = await newest(wire, ops.POSTS, f"{at.api}/{at.page}/published_posts", of_posts, since)
    asked = {"fields": "id,description,created_time", "since": str(int(since.timestamp())), "limit": str(PAGE)}
    reels = await newest(wire, ops.REELS, f"{at.api}/{at.page}/video_reels", asked, since)
    shown = [
        Shown(_named(row), str(row.get("message") or ""), made)
        for row in posts
        if (made := created(row)) is not None and made >= since
    ]
    shown += [
        Shown({"id": str(row["id"]), "kind": "reel"}, str(row.get("description") or ""), made)
        for row in reels
        if (made := created(row)) is not None and made >= since
    ]
    return sorted(shown, key=lambda item: item.at)


async def metrics(wire: Wire, api: str, results: Sequence[Mapping[str, Any]]) -> list[Metrics | None]:
    """Likes, comments, shares, and how often each was seen; ``None`` for what is gone, or refused by itself.

    Facebook tells the last only with a right of its own, and of pages with 100 likes: what it does not tell is left
    out, and it is not asked on and on.

    Raises:
        Rejected: Facebook tells nothing of any post, though it may of stories and comments.
    """
    found: list[Metrics | None] = []
    posts = sum(result.get("kind") not in UNSEEN for result in results)
    refused, untold, told_of = 0, 0, False
    for result in results:
        post = result.get("kind") not in UNSEEN
        try:
            counted = await _counted(wire, api, result)
            told_of = told_of or post
        except Rejected:
            untold += post
            if post and not told_of and untold == min(REFUSED, posts):
                raise
            counted = None
        if counted is not None and post and refused < REFUSED:
            told = await _views(wire, api, result)
            refused = refused + 1 if told is None else 0
            seen = (told[name] for name in VIEWS if told and name in told)
            counted = replace(counted, impressions=next(seen, None))
        found.append(counted)
    return found


async def _counted(wire: Wire, api: str, result: Mapping[str, Any]) -> Metrics | None:
    number, shares = str(result["id"]), "" if result.get("kind") in UNSHARED else ",shares"
    try:
        shown = await node(wire, api, number, COUNTS + shares)
    except Rejected:
        if not shares:
            raise
        # a comment that a person named is not known to be one
        shares, shown = "", await node(wire, api, number, COUNTS)
    if shown is None:
        return None
    shared = shown.get("shares")
    count = shared.get("count") if isinstance(shared, dict) else None
    return Metrics(_total(shown.get("likes")), _total(shown.get("comments")), count if shares else None)


async def _views(wire: Wire, api: str, result: Mapping[str, Any]) -> dict[str, int] | None:
    """What Facebook tells of how often it was seen, by its own names; ``None``: it does not want to."""
    url = f"{api}/{result['id']}"
    if result.get("kind") in {"video", "reel"}:
        answer = await wire.request(ops.FILM_INSIGHTS, "GET", f"{url}/video_insights", params={"period": "lifetime"})
    else:
        # one name that is no longer valid makes Facebook refuse the whole call
        asked = {"metric": VIEWS[0], "period": "lifetime"}
        answer = await wire.request(ops.INSIGHTS, "GET", f"{url}/insights", params=asked)
    if outcome_of(answer).kind is not Kind.OK:
        return None
    return insights.figures(json_object(answer) or {})


def created(row: Mapping[str, Any]) -> datetime | None:
    """When it was made; ``None``: Facebook does not say."""
    try:
        return datetime.strptime(str(row.get("created_time")), "%Y-%m-%dT%H:%M:%S%z").astimezone(UTC)
    except ValueError:
        return None


def link(result: Mapping[str, Any]) -> str:
    """The public address of what was published."""
    if result.get("permalink_url"):
        return str(result["permalink_url"])
    match result.get("kind"):
        case "reel":
            return f"{SITE}/reel/{result['id']}"
        case "video":
            return f"{SITE}/watch/?v={result['id']}"
        case _:
            return f"{SITE}/{result['id']}"


def read_link(written: str) -> dict[str, Any] | None:
    """What an address stands for; ``None``: it is no post of Facebook's."""
    given = written.strip()
    if story := _STORY.fullmatch(given):
        number = story[1] if story[1].startswith("pfbid") else f"{story[2]}_{story[1]}"
        return {"id": number, "permalink_url": given}
    for pattern, kind in _LINKS:
        if hit := pattern.fullmatch(given):
            result = {"id": hit[1] if pattern.groups else hit[0]}
            shown = {"permalink_url": given} if pattern.groups else {}
            return result | shown | ({"kind": kind} if kind else {})
    return None


async def _rows(wire: Wire, operation: Any, url: str, asked: Mapping[str, str]) -> Sequence[dict[str, Any]]:
    rows = accepted(await wire.request(operation, "GET", url, params=asked)).get("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _out(stage: Mapping[str, Any]) -> bool:
    return stage.get("status") in PUBLISHED or stage.get("publish_status") == "published"


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    """A listed post's result: a video is known by its own id, not by that of the post that shows it."""
    for item in ((row.get("attachments") or {}).get("data")) or []:
        number = (item.get("target") or {}).get("id")
        if item.get("media_type") == "video" and number:
            return {"id": str(number), "kind": "video"}
    return {"id": str(row["id"])}


def _targets(row: Mapping[str, Any]) -> set[str]:
    """The pictures that a post shows."""
    ids: set[str] = set()
    for item in ((row.get("attachments") or {}).get("data")) or []:
        inner = (item.get("subattachments") or {}).get("data") or []
        ids |= {str((one.get("target") or {}).get("id")) for one in [item, *inner]}
    return ids


def _plain(written: Any) -> str:
    """A text as far as Facebook keeps it: composed, its lines ending alike, no white space at its ends."""
    return unicodedata.normalize("NFC", str(written or "")).replace("\r\n", "\n").strip()


def _total(said: Any) -> int | None:
    summary = said.get("summary") if isinstance(said, dict) else None
    count = summary.get("total_count") if isinstance(summary, dict) else None
    return count if isinstance(count, int) else None
