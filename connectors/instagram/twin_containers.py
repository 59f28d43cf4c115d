"""Containers at Instagram's twin: made, worked on, published. It fetches what they are made of, as Instagram does."""

from __future__ import annotations

import hashlib
import io
import secrets
from typing import Any

from aiohttp import web

from connectors.graph.twin import PARAMS, GraphError
from connectors.instagram.fetch import Unfetched, fetched
from connectors.instagram.text import HASHTAGS, MENTIONS, hashtags, length, mentions
from connectors.instagram.twin_world import DAY, WORLD, World, acting, listed, of, stamp, used

CAPTION, ALT, ITEMS, COLLABORATORS, TAGS = 2200, 1000, (2, 10), 3, 20
RATIO, BYTES = (0.8, 1.91), 8 * 1024 * 1024
GONE = 2207006


async def contain(request: web.Request) -> web.Response:
    number, world = acting(request, "instagram_content_publish"), request.app[WORLD]
    given = request[PARAMS]
    if sum(one["made"] > world.now() - DAY for one in of(world, number)) >= 400:  # noqa: PLR2004 - as documented
        raise GraphError(9, "The maximum number of containers is reached", 2207042, status=403)
    _text(given)
    made: dict[str, Any] = {
        "account": number, "made": world.now(), "published": None, "error": world.breaks, "given": given,
        "item": str(given.get("is_carousel_item")).lower() == "true", "type": given.get("media_type") or "IMAGE",
        "files": [], "waits": False, "children": [],
    }  # fmt: skip
    if made["type"] == "CAROUSEL":
        made["children"] = _children(world, number, given)
        made["files"] = [file for child in made["children"] for file in world.containers[child]["files"]]
    elif made["type"] not in {"IMAGE", "VIDEO", "REELS", "STORIES"}:
        raise GraphError(100, "Only photo or video can be accepted as media type", 2207023)
    elif given.get("upload_type") == "resumable":
        made["waits"] = True
    else:
        made["files"] = [await _fetched(given, made)]
    key = str(17_900_000_000_000_000 + len(world.containers) * 7 + secrets.randbelow(7))
    world.containers[key] = made
    answer = {"id": key}
    if made["waits"]:
        answer["uri"] = f"{request.url.origin()}/ig-api-upload/{request.match_info['version']}/{key}"
    return web.json_response(answer)


def _text(given: dict[str, Any]) -> None:
    caption = str(given.get("caption") or "")
    if length(caption) > CAPTION or len(hashtags(caption)) > HASHTAGS or len(mentions(caption)) > MENTIONS:
        raise GraphError(36004, "The caption was too long", 2207010)
    if len(str(given.get("alt_text") or "")) > ALT:
        raise GraphError(100, "Alt text is too long")
    if len(listed(given, "collaborators")) > COLLABORATORS:
        raise GraphError(100, "Too many collaborators")
    tags = listed(given, "user_tags")
    if len(tags) > TAGS:
        raise GraphError(100, "Cannot tag more than 20 users", 2207040)
    pictures = "image_url" in given and given.get("media_type") != "STORIES"
    if pictures and any("x" not in tag or "y" not in tag for tag in tags):
        raise GraphError(100, "Tags need a position", 2207036)


def _children(world: World, number: str, given: dict[str, Any]) -> list[str]:
    written = str(given.get("children") or "")
    children = [str(item) for item in listed(given, "children")] if written.startswith("[") else written.split(",")
    if not ITEMS[0] <= len(children) <= ITEMS[1]:
        raise GraphError(100, "The carousel needs 2 to 10 items", 2207028)
    for child in children:
        held = world.containers.get(child)
        if held is None or held["account"] != number or not held["item"]:
            raise GraphError(24, "The requested resource does not exist", 2207006)
        if code(world, held) != "FINISHED":
            raise GraphError(9007, "The media is not ready for publishing", 2207027)
    return children


async def _fetched(given: dict[str, Any], made: dict[str, Any]) -> str:
    """The digest of what lies at the address."""
    url = str(given.get("image_url") or given.get("video_url") or "")
    if not url:
        raise GraphError(100, "The parameter image_url is required")
    try:
        kind, content = await fetched(url)
    except Unfetched as error:
        raise GraphError(9004, f"Only photo or video can be accepted as media type. ({error})", 2207052) from None
    if given.get("video_url"):
        if not kind.startswith("video/"):
            made["error"] = "Error: Media upload has failed with error code 2207026"
        return hashlib.sha256(content).hexdigest()
    if not kind.startswith("image/"):
        raise GraphError(9004, "Only photo or video can be accepted as media type.", 2207052)
    _picture(content, ratio=made["type"] == "IMAGE")
    return hashlib.sha256(content).hexdigest()


def _picture(content: bytes, *, ratio: bool) -> None:
    from PIL import Image  # noqa: PLC0415 - slow to load

    if len(content) > BYTES:
        raise GraphError(36000, "The image is too large to download", 2207004)
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            width, height, kind = picture.width, picture.height, picture.format
    except (OSError, SyntaxError, Image.DecompressionBombError):
        raise GraphError(36001, "The image format is not supported", 2207005) from None
    if kind != "JPEG":
        raise GraphError(36001, "The image format is not supported", 2207005)
    if ratio and not RATIO[0] - 0.005 <= width / height <= RATIO[1] + 0.005:
        raise GraphError(36003, "The aspect ratio is not supported", 2207009)


async def upload(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    held = world.containers.get(request.match_info["id"])
    if held is None or not held["waits"] or request.headers.get("authorization", "").split(" ")[0] != "OAuth":
        return web.json_response(
            {"debug_info": {"retriable": False, "type": "NotAuthorizedError", "message": "no"}}, status=400
        )
    content = await request.read()
    if request.headers.get("offset") != "0" or len(content) != int(request.headers.get("file_size", "-1")):
        return web.json_response(
            {"debug_info": {"retriable": False, "type": "ProcessingFailedError", "message": "size"}}, status=400
        )
    held["waits"], held["files"] = False, [hashlib.sha256(content).hexdigest()]
    return web.json_response({"success": True, "message": "Upload successful."})


def code(world: World, held: dict[str, Any]) -> str:
    age = world.now() - held["made"]
    if held["published"] is not None:
        return "PUBLISHED"
    if age >= DAY:
        return "EXPIRED"
    if held["waits"] or age < world.working:
        return "IN_PROGRESS"
    return "ERROR" if held["error"] else "FINISHED"


async def publish(request: web.Request) -> web.Response:
    number, world = acting(request, "instagram_content_publish"), request.app[WORLD]
    key = str(request[PARAMS].get("creation_id") or "")
    held = world.containers.get(key)
    if held is None or held["account"] != number or held["item"]:
        raise GraphError(24, "The requested resource does not exist", GONE)
    match code(world, held):
        case "PUBLISHED":
            # what the real one answers is not documented; that it makes no second post is what everybody relies on
            raise GraphError(24, "The requested resource does not exist", GONE)
        case "EXPIRED":
            raise GraphError(24, "The media has expired", GONE)
        case "IN_PROGRESS" | "ERROR":
            raise GraphError(9007, "The media is not ready for publishing, please wait for a moment", 2207027)
    if used(world, number) >= world.quota:
        raise GraphError(9, "The user has reached the maximum number of posts", 2207042, status=403)
    held["published"] = world.now()
    media = _published(world, number, key, held)
    if world.blocks > 0:
        world.blocks -= 1
        raise GraphError(4, "Application request limit reached: action is blocked", 2207051, status=403)
    return web.json_response({"id": media})


def _published(world: World, number: str, container: str, held: dict[str, Any]) -> str:
    media, given = str(18_000_000_000_000_000 + len(world.containers) * 11 + len(world.media)), held["given"]
    code = hashlib.sha256(media.encode()).hexdigest()[:11]
    alts = [str(world.containers[child]["given"].get("alt_text") or "") for child in held["children"]]
    story = held["type"] == "STORIES"
    kind = {"CAROUSEL": "CAROUSEL_ALBUM", "REELS": "VIDEO", "VIDEO": "VIDEO"}.get(held["type"], "IMAGE")
    world.media[media] = {
        "id": media, "account": number, "container": container, "at": world.now(), "story": story,
        "caption": "" if story else str(given.get("caption") or ""), "timestamp": stamp(world.now()),
        "media_type": kind, "permalink": f"https://www.instagram.com/p/{code}/", "shortcode": code,
        "media_product_type": "STORY" if story else "REELS" if held["type"] == "REELS" else "FEED",
        "username": world.accounts[number], "like_count": 0, "files": held["files"],
        "alts": alts or [str(given.get("alt_text") or "")], "visible_at": world.now() + world.visible_after,
    }  # fmt: skip
    return media
