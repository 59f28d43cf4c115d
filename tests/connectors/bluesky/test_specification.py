"""Every request that we build for Bluesky, against the lexicons that it publishes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from PIL import Image

from automator.intentions import claim, load
from connectors.base import Intent
from connectors.bluesky.connector import DELETE
from connectors.bluesky.text import graphemes
from connectors.post import Media, Part
from tests.connectors.bluesky.conftest import HANDLE, World
from tests.connectors.mutants import CAUGHT, share, targets, values
from tests.connectors.recorded import requests

SPECS = os.environ.get("AUTOMATOR_SPECS")
pytestmark = pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")

BLOB = ("$type", "ref", "mimeType", "size")
FILES = {"bluesky.blob.upload"}


@cache
def lexicon(name: str) -> dict[str, Any]:
    path = Path(SPECS or "") / "bluesky" / "lexicons" / Path(*name.split("."))
    return dict(json.loads(path.with_name(f"{path.name}.json").read_text(encoding="utf-8")))


def definition(reference: str, inside: str) -> tuple[dict[str, Any], str]:
    name, _, part = reference.partition("#")
    name = name or inside
    return lexicon(name)["defs"][part or "main"], name


def faults(value: Any, schema: dict[str, Any], inside: str, at: str = "") -> list[str]:
    """What a lexicon has against a value; unlike the protocol, unknown fields are faults."""
    match schema["type"]:
        case "ref":
            found, name = definition(schema["ref"], inside)
            return faults(value, found, name, at)
        case "union":
            kind = value.get("$type", "") if isinstance(value, dict) else ""
            names = [ref if not ref.startswith("#") else inside + ref for ref in schema["refs"]]
            if kind not in names:
                return [f"{at}: {kind} is none of {names}"]
            found, name = definition(kind, inside)
            return faults({key: item for key, item in value.items() if key != "$type"}, found, name, at)
        case "object" | "params":
            return _object(value, schema, inside, at)
        case "array":
            if not isinstance(value, list) or len(value) > schema.get("maxLength", len(value)):
                return [f"{at}: no list, or too long"]
            return [said for item in value for said in faults(item, schema["items"], inside, f"{at}[]")]
        case "string":
            too_long = isinstance(value, str) and (
                len(value.encode()) > schema.get("maxLength", 10**9)
                or graphemes(value) > schema.get("maxGraphemes", 10**9)
            )
            return [f"{at}: no text, or too long"] if not isinstance(value, str) or too_long else []
        case "integer":
            return [] if isinstance(value, int) and value >= schema.get("minimum", value) else [f"{at}: no integer"]
        case "blob":
            return [] if _blob(value) else [f"{at}: no blob"]
        case _:
            return []


def _blob(value: Any) -> bool:
    match value:
        case {"$type": "blob", "ref": {"$link": str()}, "mimeType": str(), "size": int()} if len(value) == len(BLOB):
            return len(value["ref"]) == 1
        case _:
            return False


def _object(value: Any, schema: dict[str, Any], inside: str, at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at}: no object"]
    known, nullable = schema.get("properties", {}), schema.get("nullable", [])
    said = [f"{at}.{name}: unknown" for name in value if name not in known]
    said += [f"{at}.{name}: missing" for name in schema.get("required", []) if name not in value]
    for name, item in value.items():
        if name in known and not (item is None and name in nullable):
            said += faults(item, known[name], inside, f"{at}.{name}")
    return said


def query(written: str, known: dict[str, Any]) -> dict[str, Any]:
    """A query's values, of the types that the lexicon gives them."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(written):
        match known.get(name, {}).get("type"):
            case "array":
                found.setdefault(name, []).append(value)
            case "integer":
                found[name] = int(value) if value.isdigit() else value
            case _:
                found[name] = value
    return found


def checked(target: str, body: bytes) -> list[str]:
    """What the lexicons have against a request."""
    url = urlsplit(target)
    name = url.path.removeprefix("/xrpc/")
    main = lexicon(name)["defs"]["main"]
    parameters = main.get("parameters", {"properties": {}})
    said = _object(query(url.query, parameters["properties"]), parameters, name, "query")
    given = main.get("input", {}).get("schema")
    if given is None or not body:
        return said + ([f"{name}: a body is missing"] if given else [])
    value = json.loads(body)
    said += faults(value, given, name, name)
    if isinstance(value, dict) and "record" in value:
        record, kind = value["record"], value.get("collection")
        if not isinstance(record, dict) or record.get("$type") != kind:
            return [*said, f"{name}: no record of {kind}"]
        record = {key: item for key, item in record.items() if key != "$type"}
        said += faults(record, lexicon(kind)["defs"]["main"]["record"], kind, "record")
    return said


async def everything(world: World, tmp_path: Path) -> list[tuple[str, str, bytes]]:
    """Use every operation that has something to say; what was sent for it, but for the bytes of files."""
    path = tmp_path / "p.png"
    Image.new("RGB", (9, 9)).save(path)
    content = path.read_bytes()
    media = Media(str(path), "image/png", len(content), hashlib.sha256(content).hexdigest(), 9, 9, "black")
    first = await world.publish("1", Part(f"A picture for @{HANDLE} #art", (media,)))
    await world.publish("2", Part("A card: https://example.com/x"), [first])
    video = dataclasses.replace(media, type="video/mp4", path=str(tmp_path / "v.mp4"))
    Path(video.path).write_bytes(b"\0\0\0\x18ftypisom")
    video = dataclasses.replace(video, size=12, sha256=hashlib.sha256(Path(video.path).read_bytes()).hexdigest())
    await world.publish("4", Part("A video", (video,)))
    await world.publish("5", Part("Four", (media,) * 4))
    world.clock[0] += timedelta(hours=3)
    stored = load(world.engine.reader, "1")
    assert stored is not None
    await world.network.find(world.session, stored.plan)
    assert len(await world.network.recent(world.session, world.session.now() - timedelta(days=1))) == 4
    await world.network.metrics(world.session, [first] * 26)
    gone = {"published": dict(first)}
    held = await world.engine.writer.run(lambda tx: claim(tx, "3", "bluesky/brand", DELETE.name, gone))
    await world.network.delete(world.session, Intent("3", gone, held.attempt))
    return [(operation, target, body) for operation, _, target, body in requests(world.engine.reader)]


async def test_every_request_is_one_that_bluesky_describes(world: World, tmp_path: Path) -> None:
    """Sign-in, renewal, posts with facets, pictures and cards, threads, look-ups and deletions."""
    seen = await everything(world, tmp_path)
    assert {operation for operation, *_ in seen} >= {
        "bluesky.session.refresh",
        "bluesky.blob.upload",
        "bluesky.post.get",
        "bluesky.post.list",
        "bluesky.post.figures",
    }
    found = [(operation, checked(target, body)) for operation, target, body in seen if operation not in FILES]
    assert [(operation, said) for operation, said in found if said] == []


#: what the lexicons want, as far as we say it
NEEDED = frozenset(
    {"repo", "collection", "rkey", "record", "identifier", "password", "handle", "uris", "text", "createdAt", "$type"}
    | {"images", "image", "alt", "video", "external", "uri", "title", "description", "features", "index", "byteStart"}
    | {"byteEnd", "did", "tag", "root", "parent", "cid", "ref", "mimeType", "size", "width", "height"}
)
OPTIONAL = ("embed.alt left out",)  #: of a video; and a card's address is known from its record


def mutants(target: str, body: bytes) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """A request with one thing wrong."""
    for what, changed in targets(target, NEEDED, {"limit"}):
        yield f"{target}: {what}", (changed, body)
    for what, value in values(json.loads(body), NEEDED) if body else ():
        if not what.endswith(OPTIONAL):
            yield f"{target}: {what}", (target, json.dumps(value).encode())


async def test_the_check_notices_what_is_wrong(world: World, tmp_path: Path) -> None:
    """Of all requests with one mistake each, at least 95 % are noticed."""
    sent = {(target, body) for operation, target, body in await everything(world, tmp_path) if operation not in FILES}
    made = [mutant for one in sorted(sent) for mutant in mutants(*one)]
    caught, missed = share(made, lambda one: checked(*one))
    assert len(made) > 100
    assert caught >= CAUGHT, missed


@pytest.mark.parametrize("target", ["app.bsky.feed.getPosts?uris=a" + "&uris=a" * 25, "app.bsky.feed.getPosts?uri=a"])
def test_a_wrong_question_is_found_out(target: str) -> None:
    """Too many at once, or an unknown name."""
    assert checked(f"/xrpc/{target}", b"")
    assert not checked("/xrpc/app.bsky.feed.getPosts?uris=a&uris=b", b"")


@pytest.mark.parametrize(
    "change",
    [
        {"txt": "a"},
        {"text": 5},
        {"langs": ["a"] * 4},
        {"reply": {"root": {}}},
        {"embed": {"$type": "none"}},
        {"text": "x" * 301},
    ],
)
def test_a_wrong_record_is_found_out(change: dict[str, Any]) -> None:
    """An unknown field, a wrong type, a missing or too long one are faults, so that passing means something."""
    record = {"$type": "app.bsky.feed.post", "text": "a", "createdAt": "2026-12-01T09:00:00.000Z"}
    body = {"repo": "did:plc:x", "collection": "app.bsky.feed.post", "rkey": "3k", "swapRecord": None}
    target = "/xrpc/com.atproto.repo.putRecord"
    assert not checked(target, json.dumps({**body, "record": record}).encode())
    assert checked(target, json.dumps({**body, "record": {**record, **change}}).encode())
