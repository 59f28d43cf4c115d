"""What X's twin answers to readers: posts as X writes them, in pages, and their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

PAGE = 100  #: posts in one answer, at most


def as_json(post: dict[str, Any]) -> dict[str, Any]:
    """A post as X shows it."""
    found = {name: post[name] for name in ("id", "text", "author_id", "created_at")}
    if post["urls"]:
        found["entities"] = {"urls": post["urls"]}
    if post.get("media_keys"):
        found["attachments"] = {"media_keys": post["media_keys"]}
    if post["reply_to"]:
        found["referenced_tweets"] = [{"type": "replied_to", "id": post["reply_to"]}]
    return found


def page(posts: Sequence[dict[str, Any]], size: int, span: tuple[str, str], token: str) -> dict[str, Any]:
    """One page of posts, newest first, between two instants; here its token is the last id before it."""
    since, until = (at[:19] for at in span)
    seen = [post for post in posts if since <= post["created_at"][:19] <= (until or "a")]
    wanted = [post for post in seen if post["id"] < (token or "a")]
    found = [as_json(post) for post in wanted[:size]]
    more = {"next_token": found[-1]["id"]} if len(wanted) > size else {}
    return ({"data": found} if found else {}) | {"meta": {"result_count": len(found)} | more}


def figures(posts: Mapping[str, dict[str, Any]], wanted: Sequence[str], repost: str) -> dict[str, Any]:
    """What was done with posts; those that are gone are errors. ``repost`` is what X calls that at the time."""
    names = (repost, "reply", "like", "quote", "bookmark", "impression")
    data = [
        {
            "id": post["id"],
            "text": post["text"],
            "public_metrics": {f"{name}_count": post["figures"].get(name, 0) for name in names},
        }
        for number in wanted
        if (post := posts.get(number)) is not None
    ]
    gone = [_gone(number) for number in wanted if number not in posts]
    return ({"data": data} if data else {}) | ({"errors": gone} if gone else {})


def _gone(number: str) -> dict[str, str]:
    return {
        "value": number,
        "detail": f"Could not find tweet with ids: [{number}].",
        "title": "Not Found Error",
        "resource_type": "tweet",
        "parameter": "ids",
        "resource_id": number,
        "type": "https://api.twitter.com/2/problems/resource-not-found",
    }
