"""Answers as providers document them, with made-up values, for training: twins say only what connectors need.

The fields are those of X's post, user and media objects (docs.x.com, data dictionary), of Bluesky's views
(app.bsky.feed.defs, app.bsky.actor.defs), and of posts and media in Meta's Graph API.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

Pick = random.Random
Text = Callable[[int], str]  #: so many words

X_COUNTS = ("retweet_count", "reply_count", "like_count", "quote_count", "bookmark_count", "impression_count")
X_USER_COUNTS = ("followers_count", "following_count", "tweet_count", "listed_count", "like_count", "media_count")


def answers(pick: Pick, text: Text, count: int) -> Iterator[bytes]:
    """So many of each sort."""
    for _ in range(count):
        for made in (_x_posts, _x_user, _bluesky_feed, _graph):
            yield json.dumps(made(pick, text), ensure_ascii=False, separators=pick.choice([(",", ":"), None])).encode()


def _id(pick: Pick) -> str:
    return str(pick.randrange(10**18, 2 * 10**18))


def _at(pick: Pick, ending: str = ".000Z") -> str:
    at = datetime(2024, 1, 1) + timedelta(seconds=pick.randrange(200_000_000))  # noqa: DTZ001 - only its digits count
    return f"{at.isoformat()}{ending}"


def _counts(pick: Pick, names: tuple[str, ...]) -> dict[str, int]:
    return {name: pick.choice((0, pick.randrange(50), pick.randrange(90_000))) for name in names}


def _x_post(pick: Pick, text: Text) -> dict[str, Any]:
    number = _id(pick)
    return {
        "attachments": {"media_keys": [f"3_{_id(pick)}"]},
        "author_id": _id(pick),
        "context_annotations": [],
        "conversation_id": number,
        "created_at": _at(pick),
        "edit_controls": {"edits_remaining": 5, "is_edit_eligible": True, "editable_until": _at(pick)},
        "edit_history_tweet_ids": [number],
        "entities": {"urls": [{"start": 1, "end": 24, "url": "https://t.co/" + text(1), "expanded_url": "https://"}]},
        "id": number,
        "in_reply_to_user_id": _id(pick),
        "lang": pick.choice(("en", "de", "fr")),
        "possibly_sensitive": False,
        "public_metrics": _counts(pick, X_COUNTS),
        "referenced_tweets": [{"type": "replied_to", "id": _id(pick)}],
        "reply_settings": "everyone",
        "text": text(18),
    }


def _some(pick: Pick, fields: dict[str, Any]) -> dict[str, Any]:
    """What was asked for: never all there is."""
    return {name: value for name, value in fields.items() if pick.random() < 0.7}  # noqa: PLR2004 - more than half


def _x_user_of(pick: Pick, text: Text) -> dict[str, Any]:
    return {
        "created_at": _at(pick),
        "description": text(8),
        "id": _id(pick),
        "location": text(1),
        "name": text(2),
        "profile_image_url": f"https://pbs.twimg.com/profile_images/{_id(pick)}/{text(1)}_normal.jpg",
        "protected": False,
        "public_metrics": _counts(pick, X_USER_COUNTS),
        "username": text(1),
        "verified": False,
        "verified_type": "none",
    }


def _x_posts(pick: Pick, text: Text) -> dict[str, Any]:
    post = _some(pick, _x_post(pick, text))
    users = {"users": [_some(pick, _x_user_of(pick, text))]}
    data = pick.choice((post, [post]))
    return {
        "data": data,
        "includes": users,
        "meta": {"result_count": 1, "newest_id": _id(pick), "oldest_id": _id(pick)},
    }


def _x_user(pick: Pick, text: Text) -> dict[str, Any]:
    return {"data": _some(pick, _x_user_of(pick, text))}


def _bluesky_feed(pick: Pick, text: Text) -> dict[str, Any]:
    who = f"did:plc:{text(1)}{text(1)}"
    view = {
        "uri": f"at://{who}/app.bsky.feed.post/3{text(1)}",
        "cid": f"bafyrei{text(1)}{text(1)}{text(1)}",
        "author": {"did": who, "handle": f"{text(1)}.bsky.social", "displayName": text(2), "labels": []},
        "record": {"$type": "app.bsky.feed.post", "createdAt": _at(pick), "langs": ["en"], "text": text(18)},
        "bookmarkCount": 0,
        "replyCount": pick.randrange(9),
        "repostCount": pick.randrange(9),
        "likeCount": pick.randrange(99),
        "quoteCount": 0,
        "indexedAt": _at(pick),
        "labels": [],
    }
    return {"posts": [view], "cursor": text(1)}


def _graph(pick: Pick, text: Text) -> dict[str, Any]:
    number = f"{pick.randrange(10**15)}_{pick.randrange(10**15)}"
    post = {
        "id": number,
        "message": text(18),
        "created_time": _at(pick, "+0000"),
        "permalink_url": f"https://www.facebook.com/{number}",
        "is_published": True,
        "application": {"id": _id(pick), "name": text(2), "link": "https://www.facebook.com/games/?app_id="},
        "media_type": pick.choice(("IMAGE", "VIDEO", "CAROUSEL_ALBUM")),
        "caption": text(12),
        "timestamp": _at(pick, "+0000"),
        "permalink": f"https://www.instagram.com/p/{text(1)}/",
        "like_count": pick.randrange(999),
        "comments_count": pick.randrange(99),
    }
    cursors = {"before": text(1), "after": text(1)}
    return {"data": [_some(pick, post)], "paging": {"cursors": cursors, "next": "https://graph.facebook.com/v26.0/"}}
