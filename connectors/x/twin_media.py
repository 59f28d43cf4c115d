"""The stand-in's uploads: chunks, and files that X has to work on before a post may name them."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Any

from aiohttp import web

from connectors.x.twin_world import WORLD, Refusal, World, read_json

MB = 1024 * 1024
CHUNK = 5 * MB
LARGEST = {"tweet_image": 5 * MB, "tweet_gif": 15 * MB, "tweet_video": 512 * MB, "amplify_video": 512 * MB}
KEYS = {"tweet_image": 3, "tweet_gif": 16, "tweet_video": 7, "amplify_video": 13}  #: what a media key begins with
WORKED_ON = frozenset(LARGEST) - {"tweet_image"}
LIFE = timedelta(hours=24)
SEGMENTS = range(1000)
TOGETHER = 4  #: pictures in one post


def routes(app: web.Application) -> None:
    """Everything under /2/media."""
    app.router.add_post("/2/media/upload/initialize", _initialize)
    app.router.add_post("/2/media/upload/{id}/append", _append)
    app.router.add_post("/2/media/upload/{id}/finalize", _finalize)
    app.router.add_get("/2/media/upload", _status)
    app.router.add_post("/2/media/metadata", _metadata)


def check_named(world: World, numbers: list[str]) -> None:
    """Refuse a post whose media are unknown, not ready, gone, or do not go together."""
    media = [world.media.get(number) for number in numbers]
    for medium in media:
        if medium is None or _state(world, medium) != "succeeded" or medium["made_at"] + LIFE <= world.now():
            raise Refusal(400, "Your media IDs are invalid.", "Invalid Request")
    alone = [medium for medium in media if medium and medium["category"] in WORKED_ON]
    if len(media) > TOGETHER or (alone and len(media) > 1):
        raise Refusal(400, "You can only upload 4 photos, 1 animated GIF or 1 video in a Tweet.", "Invalid Request")


def _state(world: World, medium: dict[str, Any]) -> str:
    if medium["ready_at"] is None:
        return "uploading"
    if medium["ready_at"] > world.now():
        half = medium["ready_at"] - world.processing / 2
        return "pending" if world.now() < half else "in_progress"
    if medium["category"] in WORKED_ON and world.processing_fails:
        medium["failed"] = world.processing_fails  # for good: what comes of a file is said of it ever after
    return "failed" if medium.get("failed") else "succeeded"


def _told(world: World, number: str) -> dict[str, Any]:
    medium = world.media[number]
    told: dict[str, Any] = {"id": number, "media_key": medium["key"], "size": medium["size"]}
    if medium["category"] not in WORKED_ON:
        return told
    info: dict[str, Any] = {"state": _state(world, medium)}
    match info["state"]:
        case "pending" | "in_progress":
            info["check_after_secs"] = max(1, round(world.processing.total_seconds() / 2))
            info["progress_percent"] = 0 if info["state"] == "pending" else 50
        case "failed":
            info["error"] = {"code": 3, "name": "InvalidMedia", "message": medium["failed"]}
        case _:
            info["progress_percent"] = 100
    return told | {"processing_info": info}


async def _initialize(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    allowed = {"media_type", "total_bytes", "media_category", "additional_owners", "shared"}
    body = await read_json(request, frozenset(allowed))
    category, size = body.get("media_category"), body.get("total_bytes")
    if category not in LARGEST or not isinstance(size, int):
        raise Refusal(400, "media_category and total_bytes are needed", "Invalid Request")
    if not 0 < size <= LARGEST[category]:
        raise Refusal(400, f"File size exceeds {LARGEST[category]} bytes.", "Invalid Request")
    world.last += 1
    key = f"{KEYS[category]}_{world.last}"
    medium = {"size": size, "category": category, "type": body.get("media_type"), "parts": {}, "alt": "", "key": key}
    world.media[str(world.last)] = medium | {"ready_at": None, "made_at": world.now()}
    data = {"id": str(world.last), "media_key": key, "expires_after_secs": 86_400}
    return web.json_response({"data": data})


def _medium(request: web.Request, number: str) -> dict[str, Any]:
    world = request.app[WORLD]
    found = world.media.get(number)
    if found is None or found["made_at"] + LIFE <= world.now():
        raise Refusal(404, "Could not find media", "Not Found Error")
    return found


async def _append(request: web.Request) -> web.Response:
    medium, form = _medium(request, request.match_info["id"]), await request.post()
    media, index = form["media"], int(str(form["segment_index"]))
    content = media.file.read() if isinstance(media, web.FileField) else str(media).encode()
    if index not in SEGMENTS or len(content) > CHUNK:
        raise Refusal(400, "Segment index or size is out of range.", "Invalid Request")
    medium["parts"][index] = (len(content), hashlib.sha256(content).hexdigest())
    return web.json_response({"data": {"expires_at": 0}})


async def _finalize(request: web.Request) -> web.Response:
    world, number = request.app[WORLD], request.match_info["id"]
    medium = _medium(request, number)
    if sum(size for size, _ in medium["parts"].values()) != medium["size"]:
        raise Refusal(400, "Segments do not add up to provided total file size.", "Invalid Request")
    worked_on = medium["category"] in WORKED_ON
    medium["ready_at"] = medium["ready_at"] or world.now() + (world.processing if worked_on else timedelta())
    return web.json_response({"data": _told(world, number)})


async def _status(request: web.Request) -> web.Response:
    number = request.query.get("media_id", "")
    if request.query.get("command") != "STATUS":
        raise Refusal(400, "command must be STATUS", "Invalid Request")
    _medium(request, number)
    return web.json_response({"data": _told(request.app[WORLD], number)})


async def _metadata(request: web.Request) -> web.Response:
    body = await read_json(request, frozenset({"id", "metadata"}))
    if request.app[WORLD].refuses_texts:
        raise Refusal(400, "This media takes no text.", "Invalid Request")
    _medium(request, str(body["id"]))["alt"] = body["metadata"]["alt_text"]["text"]
    return web.json_response({"data": {"id": body["id"]}})
