"""Every request that we build for X, against the specification that X publishes."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from openapi_schema_validator import OAS30Validator
from PIL import Image

from automator.intentions import claim, load
from connectors.base import Intent, outcome_of
from connectors.network import Staged
from connectors.post import Media, Part
from connectors.x.connector import DELETE
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
    allowed = set()
    for parameter in operation.get("parameters", []):
        found = components["parameters"][parameter["$ref"].rsplit("/", 1)[-1]] if "$ref" in parameter else parameter
        allowed.add(found["name"])
    said = [f"unknown parameter {name}" for name, _ in parse_qsl(url.query) if name not in allowed]
    content = (operation.get("requestBody") or {}).get("content", {})
    if "application/json" in content and body.startswith(b"{"):
        schema = {**content["application/json"]["schema"], "components": components}
        said += [error.message for error in OAS30Validator(schema).iter_errors(json.loads(body))]
    elif "multipart/form-data" in content:
        said += multipart_faults(content["multipart/form-data"]["schema"], body)
    elif body and not content:
        said.append("a body where none is known")
    return said


def multipart_faults(schema: dict[str, Any], body: bytes) -> list[str]:
    """The fields of a form, by their names; numbers in a form are written out."""
    if "$ref" in schema:
        schema = specification()["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    found = [name.decode() for name in re.findall(rb'; name="([^"]+)"', body)]
    said = [f"unknown field {name}" for name in found if name not in schema["properties"]]
    return said + [f"missing field {name}" for name in schema.get("required", []) if name not in found]


async def test_every_request_is_one_that_x_describes(world: World, tmp_path: Path) -> None:
    """Posts, threads, pictures, look-ups and deletions: no unknown field, no wrong type, nothing missing."""
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
    await world.network.recent(world.session, datetime.now(UTC) - timedelta(days=1))
    await world.network.metrics(world.session, [first])
    gone = {"published": dict(first)}
    held = await world.engine.writer.run(lambda tx: claim(tx, "3", "x/brand", DELETE.name, gone))
    await world.network.delete(world.session, Intent("3", gone, held.attempt))
    seen = list(requests(world.engine.reader))
    media_calls = {f"x.media.{name}" for name in ("initialize", "append", "finalize", "status", "metadata")}
    wanted = {"x.post.create", "x.user.posts", "x.post.delete", "x.user.recent", "x.post.figures"}
    assert {operation for operation, *_ in seen} >= wanted | media_calls
    found = {operation: faults(method, target, body) for operation, method, target, body in seen}
    assert {operation: said for operation, said in found.items() if said} == {}


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
