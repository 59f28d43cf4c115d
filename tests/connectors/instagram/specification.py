"""What Meta's specification, and its documentation where that says more, have against a request to Instagram."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

SPECS = os.environ.get("AUTOMATOR_SPECS")
PAGING = {"fields": "string", "limit": "unsigned int", "after": "string"}
PROVEN = {"appsecret_proof": "string"}
QUOTA = frozenset({"quota_usage", "config"})
NUMBER = re.compile(r"\d+")
#: Instagram Platform: access_token, refresh_access_token
GRANTS = {"refresh_access_token": "ig_refresh_token", "access_token": "ig_exchange_token"}
#: fields of POST oauth/access_token: Facebook Login (manual flow; long-lived tokens), Business Login for Instagram
APP = frozenset({"client_id", "client_secret"})
CODED = APP | {"redirect_uri", "code"}
LONGER = APP | {"grant_type", "fb_exchange_token"}
VALUE = re.compile(r"\{\{secret:\w+\}\}|https?://localhost:\d+/callback|fb_exchange_token|authorization_code")
IMAGE_ONLY, VIDEO_ONLY = ("alt_text",), ("share_to_feed", "thumb_offset", "cover_url", "audio_name")
KINDS = frozenset({"IMAGE", "VIDEO", "REELS", "STORIES", "CAROUSEL"})


@dataclass(frozen=True)
class Asked:
    """A request as it was recorded."""

    method: str
    target: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def params(self) -> list[tuple[str, str]]:
        return [*self.query, *self.form]

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> list[tuple[str, str]]:
        if "form-urlencoded" not in self.headers.get("content-type", ""):
            return []
        return parse_qsl(self.body.decode(), keep_blank_values=True)


def _load(*names: str) -> Any:
    return json.loads(Path(SPECS or "", "meta", *names).read_text(encoding="utf-8"))


@cache
def _edge(node: str, method: str, edge: str) -> dict[str, str]:
    """The parameters of an edge and their types: of version 26, or of 25 where that lacks the node."""
    nodes = _load("graph-v26", "endpoints.derived.json")["nodes"]
    for known in nodes.get(node, {}).get("endpoints", ()):
        if (known["method"], known["edge"].strip("/")) == (method, edge):
            return dict(known["params"])
    for known in _load("graph", f"{node}.json")["apis"]:
        if (known["method"], known.get("endpoint", "").strip("/")) == (method, edge):
            return {param["name"]: param["type"] for param in known["params"]}
    raise LookupError(f"{method} {edge} of {node}")


@cache
def _fields(node: str) -> frozenset[str]:
    return frozenset(field["name"] for field in _load("graph", f"{node}.json")["fields"])


@cache
def _metrics() -> frozenset[str]:
    (found,) = (
        item for item in _load("graph", "enum_types.json") if item["name"] == "shadowigmediainsights_metric_enum_param"
    )
    return frozenset(value.lower() for value in found["values"])


def faults(asked: Asked, *, own: bool) -> list[str]:
    """Everything that is wrong with a request; ``own``: with Instagram Login."""
    parts = asked.path.strip("/").split("/")
    if parts[0] == "ig-api-upload":
        return list(_upload(asked, parts))
    for path, grant in GRANTS.items():
        if parts == [path]:  # the keys are added below the recorder
            return list(_exactly(asked, {"grant_type": grant}))
    if parts[-2:] == ["oauth", "access_token"]:
        return list(_signing_in(asked, own=own and len(parts) == 2))
    if parts[1:] == ["debug_token"]:
        return [f"unknown parameter {name}" for name, _ in asked.params if name not in PROVEN]
    if not re.fullmatch(r"v\d+\.\d", parts[0]) or len(parts) not in {2, 3}:
        return [f"no such path: {asked.path}"]
    return list(_graph(asked, parts[1], parts[2] if len(parts) > 2 else "", own=own))


def _signing_in(asked: Asked, *, own: bool) -> Iterator[str]:
    given = dict(asked.params)
    wanted = CODED | {"grant_type"} if own else LONGER if "grant_type" in given else CODED
    if given.keys() != wanted:
        yield f"not the fields {sorted(wanted)}"
    if own and given.get("grant_type") != "authorization_code":
        yield "grant_type must be authorization_code"
    yield from (f"{name} is no value" for name, value in given.items() if not VALUE.fullmatch(value))
    if asked.method != "POST" or asked.query:
        yield "secrets belong in the body"


def _graph(asked: Asked, node: str, edge: str, *, own: bool) -> Iterator[str]:
    if node != "me" and not NUMBER.fullmatch(node):
        yield f"{node} is no number"
        return
    row = ROWS.get((asked.method, "me" if node == "me" else "*", edge))
    if row is None:
        yield f"no such edge: {asked.method} {edge or 'of a node'}"
        return
    kind, known, rule = row
    types = PAGING if asked.method == "GET" else {}
    if edge:
        types = {**types, **_edge(kind, asked.method, edge)}
    if "metric" in types:
        types["metric"] = "string"  # the pages write such a list with commas
    for name, value in asked.params:
        if name not in types and name not in PROVEN:
            yield f"unknown parameter {name}"
        elif name in types and (why := _wrong(types[name], value)):
            yield f"{name}: {why}"
    if asked.method == "POST" and asked.query:
        yield "parameters in the address of a write"
    given = dict(asked.params)
    if asked.method == "GET" and known is not None:
        yield from _asked_fields(given, known(own))
    yield from rule(given)


def _asked_fields(given: Mapping[str, str], known: frozenset[str]) -> Iterator[str]:
    if not given.get("fields"):
        yield "no fields are asked for"
    for name in re.sub(r"\{[^}]*\}", "", given.get("fields", "")).split(","):
        if name and name not in known:
            yield f"unknown field {name}"


def _wrong(kind: str, value: str) -> str:
    match kind:
        case "bool":
            return "" if value in {"true", "false"} else f"{value!r} is no truth value"
        case "unsigned int":
            return "" if NUMBER.fullmatch(value) else f"{value!r} is no number"
        case _ if kind.startswith("list"):
            return _wrong_list(kind, value)
        case _:
            return ""


def _wrong_list(kind: str, value: str) -> str:
    try:
        items = json.loads(value)
    except ValueError:
        return f"{value!r} is no list"
    of = dict if "map" in kind else str
    return (
        "" if isinstance(items, list) and items and all(isinstance(item, of) for item in items) else "not such a list"
    )


def _exactly(asked: Asked, wanted: Mapping[str, str]) -> Iterator[str]:
    given = dict(asked.params)
    yield from (f"{name} must be {value}" for name, value in wanted.items() if given.get(name) != value)
    yield from (f"unknown parameter {name}" for name in given.keys() - wanted.keys())
    if asked.method != "GET":
        yield f"{asked.method} where it is read"


def _upload(asked: Asked, parts: list[str]) -> Iterator[str]:
    """As the reel collection of Meta and its page on resumable uploads show it."""
    if (
        asked.method != "POST"
        or len(parts) != 3
        or not NUMBER.fullmatch(parts[2])
        or not re.fullmatch(r"v\d+\.\d", parts[1])
    ):
        yield "no such upload"
    for name in ("offset", "file_size"):
        if not NUMBER.fullmatch(asked.headers.get(name, "")):
            yield f"the header {name} is missing"
    if asked.query:
        yield "unknown parameters"


def _nothing(_: Mapping[str, str]) -> Iterator[str]:
    yield from ()


def _needs(*names: str) -> Callable[[Mapping[str, str]], Iterator[str]]:
    def rule(given: Mapping[str, str]) -> Iterator[str]:
        yield from (f"{name} is required" for name in names if not given.get(name))

    return rule


def _insights(given: Mapping[str, str]) -> Iterator[str]:
    metrics = given.get("metric", "")
    if not metrics:
        yield "metric is required"
    yield from (f"unknown metric {name}" for name in metrics.split(",") if name and name not in _metrics())


def _container(given: Mapping[str, str]) -> Iterator[str]:
    """What the page on content publishing requires, which the specification marks optional."""
    kind, item = given.get("media_type", "IMAGE"), given.get("is_carousel_item") == "true"
    sources = [name for name in ("image_url", "video_url", "upload_type", "children") if name in given]
    if kind not in KINDS:
        yield f"unknown media_type {kind}"
    if len(sources) != 1:
        yield "exactly one source is needed"
    if given.get("upload_type", "resumable") != "resumable":
        yield "unknown upload_type"
    video = "video_url" in given or "upload_type" in given
    if ("children" in given) != (kind == "CAROUSEL"):
        yield "a carousel has children, and nothing else has"
    if video and kind not in ({"VIDEO"} if item else {"REELS", "STORIES"}):
        yield f"a video can't be {kind}"
    if "image_url" in given and kind not in {"IMAGE", "STORIES"}:
        yield f"a picture can't be {kind}"
    for name in ("image_url", "video_url"):
        if name in given and not re.match(r"https?://[^/]+/.+", given[name]):
            yield f"{name} is no address"
    if (item or kind == "STORIES") and ("caption" in given or "collaborators" in given):
        yield "no caption there"
    yield from (f"{name} is for videos" for name in VIDEO_ONLY if name in given and kind != "REELS")
    yield from (
        f"{name} is for pictures"
        for name in IMAGE_ONLY
        if name in given and ("image_url" not in given or kind == "STORIES")
    )
    yield from _people(given, placed="image_url" in given)


def _people(given: Mapping[str, str], *, placed: bool) -> Iterator[str]:
    for tag in json.loads(given["user_tags"]) if not _wrong("list<map>", given.get("user_tags", "")) else ():
        wanted = {"username", "x", "y"} if placed else {"username"}
        if tag.keys() != wanted or not all(0 <= tag[name] <= 1 for name in wanted - {"username"}):
            yield "a person needs a name, and a place in a picture"
    children = given.get("children")
    if children is not None and not _wrong("list<string>", children) and not 2 <= len(json.loads(children)) <= 10:
        yield "2 to 10 children"


def _medium(*, own: bool) -> frozenset[str]:
    return _fields("IGMediaForIGOnlyAPI" if own else "IGMedia") | _fields("ShadowIGMediaBuilder")


Known = Callable[[bool], frozenset[str]] | None
Row = tuple[str, Known, Callable[[Mapping[str, str]], Iterator[str]]]
#: method, node, edge -> the node's name in the specification, the fields that may be asked for, what is required
ROWS: Mapping[tuple[str, str, str], Row] = {
    ("GET", "me", ""): ("Page", lambda own: _fields("IGUserForIGOnlyAPI" if own else "Page"), _nothing),
    ("GET", "me", "accounts"): ("User", lambda _: _fields("Page") | {"tasks"}, _nothing),
    ("GET", "*", ""): ("IGMedia", lambda own: _medium(own=own), _nothing),
    ("DELETE", "*", ""): ("IGMedia", None, _nothing),
    ("POST", "*", "media"): ("IGUser", None, _container),
    ("POST", "*", "media_publish"): ("IGUser", None, _needs("creation_id")),
    ("GET", "*", "content_publishing_limit"): ("IGUser", lambda _: QUOTA, _nothing),
    ("GET", "*", "media"): ("IGUser", lambda own: _medium(own=own), _nothing),
    ("GET", "*", "stories"): ("IGUser", lambda own: _medium(own=own), _nothing),
    ("POST", "*", "comments"): ("IGMedia", None, _needs("message")),
    ("GET", "*", "comments"): ("IGMedia", lambda _: _fields("IGComment"), _nothing),
    ("GET", "*", "insights"): ("IGMedia", None, _insights),
}
