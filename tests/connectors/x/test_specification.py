"""Every request that we build for X, against the specification that X publishes."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from PIL import Image

from automator.intentions import claim, load
from connectors.base import Intent, outcome_of
from connectors.network import Staged
from connectors.post import Media, Part
from connectors.x.connector import DELETE
from tests.connectors.mutants import CAUGHT, share, targets, values
from tests.connectors.recorded import requests
from tests.connectors.x.conftest import World

SPECS = os.environ.get("AUTOMATOR_SPECS")
pytestmark = pytest.mark.skipif(SPECS is None, reason="AUTOMATOR_SPECS names the folder of specifications")


@cache
def specification() -> dict[str, Any]:
    return dict(json.loads((Path(SPECS or "") / "x" / "openapi.json").read_text(encoding="utf-8")))


def place(path: str) -> str:
    """The path of the specification that a real path is one of."""
    paths = specification()["paths"]
    parts = path.split("/")
    for known in sorted(paths, key=lambda name: name.count("{")):
        pattern = known.split("/")
        if len(pattern) == len(parts) and all(a == b or a.startswith("{") for a, b in zip(pattern, parts, strict=True)):
            return str(known)
    raise LookupError(path)


def faults(method: str, target: str, body: bytes) -> list[str]:
    """What the specification has against a request."""
    url = urlsplit(target)
    operation = specification()["paths"][place(url.path)][method.lower()]
    components = specification()["components"]
    allowed: dict[str, dict[str, Any]] = {}
    for parameter in operation.get("parameters", []):
        found = components["parameters"][parameter["$ref"].rsplit("/", 1)[-1]] if "$ref" in parameter else parameter
        allowed[found["name"]] = found
    said, asked = list[str](), dict(parse_qsl(url.query))
    said += [f"unknown parameter {name}" for name in asked if name not in allowed]
    said += [
        f"missing parameter {name}"
        for name, found in allowed.items()
        if found["in"] == "query" and found.get("required") and name not in asked
    ]
    for name in asked.keys() & allowed.keys():
        schema = {**allowed[name]["schema"], "components": components}
        said += [error.message for error in judge(schema).iter_errors(_typed(asked[name], schema))]
    content = (operation.get("requestBody") or {}).get("content", {})
    if "application/json" in content and not body.startswith(b"--"):
        schema, value = {**content["application/json"]["schema"], "components": components}, json.loads(body)
        said += [error.message for error in judge(schema).iter_errors(value)] + unknown(value, schema)
        said += [f"missing field {name}" for name in WANTED.get(url.path, ()) if name not in value]
    elif "multipart/form-data" in content:
        said += multipart_faults(content["multipart/form-data"]["schema"], body)
    elif body and not content:
        said.append("a body where none is known")
    return said


#: what the documentation calls required, and the specification does not
WANTED = {"/2/media/upload/initialize": ("media_type", "total_bytes"), "/2/media/metadata": ("id", "metadata")}


def judge(schema: dict[str, Any]) -> OAS30Validator:
    return OAS30Validator(schema, format_checker=oas30_format_checker)


def unknown(value: Any, schema: dict[str, Any]) -> list[str]:
    """Names that no schema knows, at any depth: some are open in the specification, and X is not."""
    if "$ref" in schema:
        schema = specification()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    match value:
        case dict() if "properties" in schema:
            known = schema["properties"]
            said = [f"unknown field {name}" for name in value if name not in known]
            return said + [one for name, item in value.items() if name in known for one in unknown(item, known[name])]
        case list():
            return [one for item in value for one in unknown(item, schema.get("items", {}))]
        case _:
            return [] if isinstance(value, dict | list) or schema.get("type") != "object" else ["no object"]


def _typed(value: str, schema: dict[str, Any]) -> Any:
    """A query's value, of the type that the specification gives it."""
    match schema.get("type"):
        case "integer":
            return int(value) if value.isdigit() else value
        case "array":
            return value.split(",")
        case _:
            return value


def multipart_faults(schema: dict[str, Any], body: bytes) -> list[str]:
    """The fields of a form, by their names; numbers in a form are written out."""
    if "$ref" in schema:
        schema = specification()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    found = {name.decode(): value for name, value in re.findall(rb'; name="([^"]+)"[^\0]*?\r\n\r\n([^\r]*)', body)}
    said = [f"unknown field {name}" for name in found if name not in schema["properties"]]
    said += [
        f"{name} is no number"
        for name, value in found.items()
        if "integer" in json.dumps(schema["properties"].get(name)) and not value.isdigit()
    ]
    return said + [f"missing field {name}" for name in schema.get("required", []) if name not in found]


async def everything(world: World, tmp_path: Path) -> list[tuple[str, str, str, bytes]]:
    """Use every operation that has something to say; what was sent for it."""
    path = tmp_path / "p.png"
    Image.new("RGB", (9, 9)).save(path)
    content = path.read_bytes()
    media = Media(str(path), "image/png", len(content), hashlib.sha256(content).hexdigest(), 9, 9, "black")
    first = outcome_of(await world.publish("1", Part("With a picture", (media,)))).result
    await world.publish("2", Part("A reply"), [first])
    await world.publish("4", Part("Four", (media,) * 4))
    video = dataclasses.replace(media, type="video/mp4", seconds=9)
    with pytest.raises(Staged) as staged:
        await world.network.prepare(world.session, Part("A video", (video,)), [], {})
    with contextlib.suppress(Staged):
        await world.network.prepare(world.session, Part("A video", (video,)), [], staged.value.so_far)
    stored = load(world.engine.reader, "2")
    assert stored is not None
    await world.network.find(world.session, stored.plan)
    await world.network.find(
        dataclasses.replace(world.session, sent=datetime.now(UTC) - timedelta(days=2)), stored.plan
    )
    await world.network.recent(world.session, datetime.now(UTC) - timedelta(days=1))
    await world.network.metrics(world.session, [first])
    gone = {"published": dict(first)}
    held = await world.engine.writer.run(lambda tx: claim(tx, "3", "x/brand", DELETE.name, gone))
    await world.network.delete(world.session, Intent("3", gone, held.attempt))
    return list(requests(world.engine.reader))


async def test_every_request_is_one_that_x_describes(world: World, tmp_path: Path) -> None:
    """Posts, threads, pictures, look-ups and deletions: no unknown field, no wrong type, nothing missing."""
    seen = await everything(world, tmp_path)
    media_calls = {f"x.media.{name}" for name in ("initialize", "append", "finalize", "status", "metadata")}
    wanted = {"x.post.create", "x.user.posts", "x.post.delete", "x.user.recent", "x.post.figures"}
    assert {operation for operation, *_ in seen} >= wanted | media_calls
    found = [(operation, faults(method, target, body)) for operation, method, target, body in seen]
    assert [(operation, said) for operation, said in found if said] == []


#: what the documentation wants, as far as leaving it out is a mistake
NEEDED = frozenset({"in_reply_to_tweet_id", "id", "media_type", "total_bytes", "ids", "media_id"})
TYPED = frozenset(
    {"max_results", "start_time", "end_time", "exclude", "post.fields", "expansions", "media_id", "command", "ids"}
)


def mutants(method: str, target: str, body: bytes) -> Iterator[tuple[str, tuple[str, str, bytes]]]:
    """A request with one thing wrong."""
    for what, changed in targets(target, NEEDED, TYPED):
        yield f"{target}: {what}", (method, changed, body)
    if body.startswith(b"{"):
        for what, value in values(json.loads(body), NEEDED):
            yield f"{target}: {what}", (method, target, json.dumps(value).encode())
    for name in set(re.findall(rb'; name="([^"]+)"', body)):
        yield f"{target}: {name!r} misspelt", (method, target, body.replace(b'"%s"' % name, b'"%sx"' % name, 1))
    if b"segment_index" in body:
        yield f"{target}: an index of another type", (method, target, body.replace(b"\r\n0\r\n", b"\r\nnone\r\n", 1))


async def test_the_check_notices_what_is_wrong(world: World, tmp_path: Path) -> None:
    """Of all requests with one mistake each, at least 95 % are noticed."""
    sent = {(method, target, body) for _, method, target, body in await everything(world, tmp_path)}
    made = [mutant for one in sorted(sent) for mutant in mutants(*one)]
    caught, missed = share(made, lambda one: faults(*one))
    assert len(made) > 100
    assert caught >= CAUGHT, missed


@pytest.mark.parametrize(
    "body",
    [
        {"text": "a", "txet": "b"},
        {"text": 5},
        {"text": "a", "reply": {"in_reply_to": "1"}},
        {"text": "a", "reply": {}},
        {"media": {"media_ids": "1"}},
    ],
)
def test_a_wrong_request_is_found_out(body: dict[str, Any]) -> None:
    """An unknown field, a wrong type and a missing field are faults, so that passing means something."""
    assert faults("POST", "/2/tweets", json.dumps(body).encode())
    assert not faults("POST", "/2/tweets", b'{"text": "a"}')
