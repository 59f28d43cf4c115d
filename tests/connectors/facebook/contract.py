"""What Meta publishes of the Graph API, and what it has against a request.

The specifications (Graph v25 from Meta's code generator, v26 derived from its SDK) name parameters and types, but call
hardly anything required. What the documentation requires, and they do not, stands in the tables here with its page.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.facebook import operations as ops
from connectors.graph.twin import names

SPECS = os.environ.get("AUTOMATOR_SPECS")

#: operation -> (node, edge) of the specification
PLACES: dict[str, tuple[str, str]] = {
    ops.CREATE.name: ("Page", "feed"),
    ops.STAGE.name: ("Page", "feed"),
    ops.PUBLISH.name: ("PagePost", ""),
    ops.PROBE.name: ("PagePost", ""),
    ops.PROBED.name: ("PagePost", ""),
    ops.DELETE.name: ("PagePost", ""),
    ops.DISCARD.name: ("PagePost", ""),
    ops.VIDEO.name: ("AdVideo", ""),
    ops.PHOTO.name: ("Page", "photos"),
    ops.START.name: ("Page", "videos"),
    ops.PIECE.name: ("Page", "videos"),
    ops.FINISH.name: ("Page", "videos"),
    ops.REEL.name: ("Page", "video_reels"),
    ops.STORY.name: ("Page", "photo_stories"),
    ops.FILM.name: ("Page", "video_stories"),
    ops.COMMENT.name: ("PagePost", "comments"),
    ops.ME.name: ("Page", ""),
    ops.POSTS.name: ("Page", "published_posts"),
    ops.REELS.name: ("Page", "video_reels"),
    ops.STORIES.name: ("Page", "stories"),
    ops.COMMENTS.name: ("PagePost", "comments"),
    ops.PAGES.name: ("User", "accounts"),
    ops.INSIGHTS.name: ("PagePost", "insights"),
    ops.FILM_INSIGHTS.name: ("AdVideo", "video_insights"),
}
#: the node whose fields an edge lists
LISTED = {
    "published_posts": "PagePost",
    "video_reels": "AdVideo",
    "comments": "Comment",
    "accounts": "Page",
    "stories": "Stories",
}
#: parameters of every read (Graph API: field expansion, paginated results)
EVERYWHERE = {"fields": "fields", "limit": "unsigned int", "after": "string"}
#: (edge, parameter) -> type, in the documentation only (Page photos reference)
MORE = {("photos", "source"): "file"}
#: fields that the documentation has and the specification lacks (Page accounts; Page stories; edges read as fields)
MORE_FIELDS = {
    "Page": {"tasks"},
    "Stories": {"post_id", "media_id", "status", "creation_time"},
    "PagePost": {"attachments", "likes", "comments"},
    "AdVideo": {"likes", "comments"},
}
#: operation -> what the documentation requires for it, or what makes the answer mean what is read from it
REQUIRED: dict[str, frozenset[str]] = {
    ops.STAGE.name: frozenset({"published"}),  # Pages API, posts: unpublished
    ops.PUBLISH.name: frozenset({"is_published"}),  # Page post reference, updating
    ops.VIDEO.name: frozenset({"published"}),  # Video reference, updating
    ops.PROBE.name: frozenset({"message"}),  # Pages API, posts: update
    ops.PHOTO.name: frozenset({"source", "published", "alt_text_custom"}),  # Page photos reference
    ops.START.name: frozenset({"upload_phase", "file_size"}),  # Video API, resumable upload
    ops.PIECE.name: frozenset({"upload_phase", "upload_session_id", "start_offset", "video_file_chunk"}),  # as above
    ops.FINISH.name: frozenset({"upload_phase", "upload_session_id", "published", "description"}),  # as above
    ops.REEL.name: frozenset({"upload_phase", "video_id", "video_state", "description"}),  # Reels publishing
    ops.STORY.name: frozenset({"photo_id"}),  # Page stories API
    ops.FILM.name: frozenset({"upload_phase", "video_id"}),  # Page stories API
    ops.SESSION.name: frozenset({"upload_phase"}),  # Reels publishing; Page stories API
    ops.ME.name: frozenset({"fields"}),  # Graph API: only id and name without it
    ops.NODE.name: frozenset({"fields"}),  # as above
    ops.POSTS.name: frozenset({"fields", "limit"}),  # as above; 25 rows without a limit
    ops.REELS.name: frozenset({"fields", "limit", "since"}),  # as above
    ops.STORIES.name: frozenset({"fields", "limit"}),  # as above
    ops.COMMENTS.name: frozenset({"fields", "limit", "filter", "order"}),  # as above; only the top ones without filter
    ops.PAGES.name: frozenset({"fields", "limit"}),  # as above; no tasks without it
    ops.EDIT.name: frozenset(),
    ops.INSIGHTS.name: frozenset({"metric", "period"}),  # Page insights: nothing without a metric
    ops.FILM_INSIGHTS.name: frozenset({"period"}),  # Video insights: by day without it
}
#: one of these at least (Page feed reference; comments reference; Pages API, posts)
ONE_OF: dict[str, frozenset[str]] = {
    ops.CREATE.name: frozenset({"message", "link", "attached_media"}),
    ops.STAGE.name: frozenset({"message", "link", "attached_media"}),
    ops.COMMENT.name: frozenset({"message", "attachment_id"}),
    ops.EDIT.name: frozenset({"message", "description"}),
}
#: Page insights, 2026-03; the specification knows no names
METRICS = frozenset({"post_media_view", "post_total_media_view_unique", "post_reactions_like_total"})
IDS = frozenset({"video_id", "photo_id", "upload_session_id", "attachment_id", "media_fbid"})  #: digits, in every guide
#: grant -> the fields of GET or POST /oauth/access_token (Facebook Login, manual flow; long-lived tokens)
TOKENS = {
    "": frozenset({"client_id", "client_secret", "redirect_uri", "code"}),
    "fb_exchange_token": frozenset({"client_id", "client_secret", "grant_type", "fb_exchange_token"}),
}
ADDRESS = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Asked:
    """One request, taken apart."""

    operation: str
    method: str
    path: str
    params: Mapping[str, Any] = field(hash=False)
    json: bool  #: values have JSON's types; else all are text
    files: frozenset[str] = frozenset()


def taken_apart(operation: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Asked:
    """A recorded request."""
    url, kind = urlsplit(target), headers.get("content-type", "")
    params: dict[str, Any] = dict(parse_qsl(url.query, keep_blank_values=True))
    files: set[str] = set()
    if kind.startswith("application/json"):
        return Asked(operation, method, url.path, params | json.loads(body), json=True)
    if kind.startswith("multipart/"):
        whole = message_from_bytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + body)
        for part in whole.walk():
            if name := part.get_param("name", header="content-disposition"):
                content = part.get_payload(decode=True)
                params[str(name)] = content if part.get_filename() else bytes(content).decode()  # type: ignore[arg-type]
                files |= {str(name)} if part.get_filename() else set()
    elif kind.startswith("application/x-www-form-urlencoded"):
        params |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    return Asked(operation, method, url.path, params, json=False, files=frozenset(files))


@cache
def _node(name: str) -> dict[str, Any]:
    path = Path(SPECS or "") / "meta" / "graph" / f"{name}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {"apis": [], "fields": []}


@cache
def _newer() -> dict[str, Any]:
    path = Path(SPECS or "") / "meta" / "graph-v26" / "endpoints.derived.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))["nodes"])


@cache
def _enums() -> dict[str, set[str]]:
    path = Path(SPECS or "") / "meta" / "graph" / "enum_types.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    return {item["name"].lower(): {str(value).lower() for value in item["values"]} for item in found}


@cache
def parameters(node: str, edge: str, method: str) -> dict[str, str] | None:
    """What a place takes, by both specifications: a name must be in the newer one, a type stands in the older one."""
    older = next(
        (api for api in _node(node)["apis"] if (api.get("endpoint") or "", api["method"]) == (edge, method)), None
    )
    named = _newer().get(node, {"endpoints": []})["endpoints"]
    newer = next((api for api in named if (api["edge"].strip("/"), api["method"]) == (edge, method)), None)
    if older is None and newer is None:
        return None
    types = {item["name"]: item["type"] for item in (older or {"params": []})["params"]}
    known = set((newer or {"params": types})["params"])
    return {name: types.get(name, "any") for name in known}


@cache
def fields_of(node: str) -> frozenset[str]:
    """What a node shows."""
    shown = {item["name"] for item in _node(node)["fields"]} | set(_newer().get(node, {"fields": []})["fields"])
    return frozenset(shown | MORE_FIELDS.get(node, set()) | {"id"})


def faults(asked: Asked) -> list[str]:
    """What Meta has against a request."""
    if asked.path.endswith("/oauth/access_token"):
        wanted = TOKENS.get(str(asked.params.get("grant_type", "")), frozenset())
        odd = [
            f"{name} is no value"
            for name, value in asked.params.items()
            if not re.fullmatch(r"\{\{secret:\w+\}\}|http://localhost:\d+/callback|fb_exchange_token", str(value))
        ]
        return [f"not the fields {sorted(wanted)}"] if set(asked.params) != wanted else odd
    if asked.path.endswith("/debug_token"):
        return [f"unknown parameter {name}" for name in asked.params]  # the token is added below the recorder
    node, edge = _place(asked)
    known = parameters(node, edge, asked.method)
    if known is None:
        return [f"{asked.method} {node}/{edge} is not known"]
    more = {name: kind for (place, name), kind in MORE.items() if place == edge}
    known = known | more | (EVERYWHERE if asked.method == "GET" else {})
    return [*_missing(asked), *_wrong(asked, known, LISTED.get(edge, node))]


def _place(asked: Asked) -> tuple[str, str]:
    if asked.operation == ops.SESSION.name:
        return "Page", asked.path.rpartition("/")[2]
    if asked.operation in {ops.EDIT.name, ops.NODE.name}:
        return ("PagePost" if "_" in asked.path.rpartition("/")[2] else "AdVideo"), ""
    return PLACES[asked.operation]


def _missing(asked: Asked) -> Iterator[str]:
    given = set(asked.params)
    for name in sorted(REQUIRED.get(asked.operation, frozenset()) - given):
        yield f"{name} is missing"
    one_of = ONE_OF.get(asked.operation)
    if one_of and not one_of & given:
        yield f"one of {sorted(one_of)} is missing"
    message = asked.params.get("message")
    is_post = asked.operation in {ops.CREATE.name, ops.STAGE.name} and "attached_media" not in given
    if is_post and isinstance(message, str) and ADDRESS.search(message) and "link" not in given:
        yield "a post with an address gets its card by link"  # Pages API, posts


def _wrong(asked: Asked, known: Mapping[str, str], shown: str) -> Iterator[str]:
    for name, value in asked.params.items():
        if name not in known:
            yield f"unknown parameter {name}"
        elif not _fits(value, known[name], name, asked, shown):
            yield f"{name} is no {known[name]}: {str(value)[:40]!r}"


def _fits(value: Any, kind: str, name: str, asked: Asked, shown: str) -> bool:
    if name in asked.files:
        return kind in {"file", "string"} and isinstance(value, bytes)
    if name == "metric":
        return set(str(value).split(",")) <= METRICS  # the pages write such a list with commas
    if name in IDS and not (isinstance(value, str) and value.isdigit()):
        return False
    match kind:
        case "fields":
            return bool(names(str(value))) and set(names(str(value))) <= fields_of(shown)
        case "bool":
            return isinstance(value, bool) if asked.json else value in {"true", "false"}
        case "unsigned int":
            return (isinstance(value, int) and not isinstance(value, bool)) if asked.json else str(value).isdigit()
        case "list<Object>":
            return isinstance(value, list) and bool(value) and all(map(_attached, value))
        case "datetime":
            return re.fullmatch(r"\d{9,11}|\d{4}-\d\d-\d\dT.*", str(value)) is not None
        case _ if "enum" in kind or kind.lower() in _enums():
            return str(value).lower() in _enums().get(kind.lower(), set())
        case "string" if name == "link":
            return isinstance(value, str) and ADDRESS.fullmatch(value) is not None
        case "file":
            return False
        case _:
            return isinstance(value, str)


def _attached(item: Any) -> bool:
    """``attached_media`` names pictures by their ids, and nothing else (Page feed reference)."""
    return (
        isinstance(item, dict)
        and set(item) == {"media_fbid"}
        and str(item["media_fbid"]).isdigit()
        and isinstance(item["media_fbid"], str)
    )
