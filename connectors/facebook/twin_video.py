"""The part of Facebook's stand-in that takes videos: in pieces, or whole for reels and stories."""

from __future__ import annotations

import hashlib
from typing import Any

from aiohttp import web

from connectors.facebook.twin_world import WORLD, World, add_story, flag, given, listed, page_of
from connectors.graph.twin import TOKEN, VERSION, GraphError

PIECE = 1024 * 1024  #: bytes that are asked for at once
VIDEOS = frozenset({"upload_phase", "file_size", "upload_session_id", "start_offset", "video_file_chunk"})
ABOUT = frozenset({"title", "description", "published", "source"})
SHORT = frozenset({"upload_phase", "video_id", "video_state", "description", "title"})


def add_routes(app: web.Application) -> None:
    """Put the edges of videos, reels and stories where they belong."""
    node = VERSION + "/{id:\\d+}"
    app.router.add_post(f"{node}/videos", _videos)
    app.router.add_post(f"{node}/video_reels", _reels)
    app.router.add_get(f"{node}/video_reels", _listed)
    app.router.add_post(f"{node}/video_stories", _stories)
    app.router.add_post("/video-upload" + node, _whole)


def status(world: World, video: dict[str, Any]) -> dict[str, Any]:
    """How far a video has come."""
    done = video["done"] is not None and video["done"] + world.video_time <= world.now()
    all_there = "complete" if video["done"] is not None else "in_progress"
    state = "ready" if done else "processing" if video["done"] is not None else "uploading"
    out = {"status": "complete", "publish_status": "published"} if video["published"] else {"status": "not_started"}
    worked: dict[str, Any] = {"status": "complete" if done else "not_started"}
    found: dict[str, Any] = {"video_status": state, "uploading_phase": {"status": all_there, "bytes": video["got"]}}
    if video["bad"]:
        found["video_status"], worked = "error", {"status": "error", "errors": [{"code": 1, "message": video["bad"]}]}
    return found | {"processing_phase": worked, "publishing_phase": out}


def _made(request: web.Request, page: str, kind: str, size: int) -> dict[str, Any]:
    world = request.app[WORLD]
    number = world.number()
    world.videos[number] = {
        "id": number, "page": page, "kind": kind, "size": size, "got": 0, "digest": hashlib.sha256(), "done": None,
        "published": False, "description": "", "app": request[TOKEN].app, "bad": "", "session": world.number(),
    }  # fmt: skip
    return world.videos[number]


async def _videos(request: web.Request) -> web.Response:
    world, page = page_of(request)
    said = given(request, VIDEOS | ABOUT)
    phase = said.get("upload_phase")
    if phase is None:
        return _at_once(request, page, said)
    if phase == "start":
        video = _made(request, page, "video", int(said.get("file_size") or 0))
        return web.json_response({"video_id": video["id"], "upload_session_id": video["session"], **_wanted(video)})
    session = said.get("upload_session_id")
    found = next((video for video in world.videos.values() if video["session"] == session), None)
    if found is None:
        raise GraphError(100, "(#100) Invalid upload session", 1363041)
    if phase == "transfer":
        piece = said.get("video_file_chunk")
        if not isinstance(piece, web.FileField) or int(said.get("start_offset") or -1) != found["got"]:
            words = "There was a problem uploading your video file. Please try again."
            raise GraphError(6001, words, 1363037, error_data=_wanted(found))
        _more(found, piece.file.read())
        return web.json_response(_wanted(found))
    if phase != "finish" or found["got"] != found["size"]:
        raise GraphError(6000, "There was a problem uploading your video file. Please try again.", 1363030)
    _finished(world, found, said)
    return web.json_response({"success": True})


def _at_once(request: web.Request, page: str, said: dict[str, Any]) -> web.Response:
    file = said.get("source")
    if not isinstance(file, web.FileField):
        raise GraphError(389, "(#389) Unable to fetch video file from URL.")
    content = file.file.read()
    video = _made(request, page, "video", len(content))
    _more(video, content)
    _finished(request.app[WORLD], video, said)
    return web.json_response({"id": video["id"]})


def _wanted(video: dict[str, Any]) -> dict[str, str]:
    end = min(video["size"], video["got"] + PIECE)
    return {"start_offset": str(video["got"]), "end_offset": str(end)}


def _more(video: dict[str, Any], content: bytes) -> None:
    video["got"] += len(content)
    video["digest"].update(content)


def _finished(world: World, video: dict[str, Any], said: dict[str, Any]) -> None:
    video["done"], video["description"] = world.now(), str(said.get("description") or "")
    if flag(said.get("published"), default=True):
        video["published"] = True
        world.show("videos", video["id"])


def _short(request: web.Request, kind: str) -> tuple[World, str, dict[str, Any], dict[str, Any] | None]:
    """What is said, and the video that is begun (``None``: it was only now)."""
    world, page = page_of(request)
    said = given(request, SHORT)
    phase = str(said.get("upload_phase") or "").lower()
    if phase == "start":
        return world, page, _made(request, page, kind, 0), None
    video = world.videos.get(str(said.get("video_id")))
    if phase != "finish" or video is None or video["kind"] != kind or video["done"] is None:
        raise GraphError(6000, "There was a problem uploading your video file. Please try again.", 1363130)
    return world, page, said, video


def _begun(request: web.Request, video: dict[str, Any]) -> web.Response:
    version = request.match_info["version"]
    url = f"{request.scheme}://{request.host}/video-upload/{version}/{video['id']}"
    return web.json_response({"video_id": video["id"], "upload_url": url})


async def _reels(request: web.Request) -> web.Response:
    world, _, said, video = _short(request, "reel")
    if video is None:
        return _begun(request, said)
    if said.get("video_state") != "PUBLISHED":
        raise GraphError(100, "(#100) Param video_state must be one of PUBLISHED")
    if not video["published"]:
        video |= {"published": True, "description": str(said.get("description") or "")}
        world.show("videos", video["id"])
    return web.json_response({"success": True})


async def _stories(request: web.Request) -> web.Response:
    world, page, said, video = _short(request, "film")
    if video is None:
        return _begun(request, said)
    if video["published"]:
        raise GraphError(6000, "There was a problem uploading your video file. Please try again.", 1363130)
    video["published"] = True
    return web.json_response({"success": True, "post_id": add_story(world, page, video["id"], "video")})


async def _listed(request: web.Request) -> web.Response:
    world, page = page_of(request, "pages_read_engagement")
    rows = [
        video
        for video in world.videos.values()
        if video["page"] == page and video["kind"] == "reel" and video["published"]
    ]
    return listed(request, rows, frozenset({"description", "created_time", "permalink_url"}))


async def _whole(request: web.Request) -> web.Response:
    """The upload host: the bytes of a file, with its size and where they begin in headers."""
    video = request.app[WORLD].videos.get(request.match_info["id"])
    if video is None or video["page"] != request[TOKEN].page:
        raise GraphError(100, "Unsupported request. The upload does not exist", 33)
    size, begin = int(request.headers.get("file_size", "0")), int(request.headers.get("offset", "-1"))
    if begin != 0 or not size:
        raise GraphError(100, "(#100) The headers offset and file_size are needed")
    video["got"], video["size"], video["digest"] = 0, size, hashlib.sha256()
    async for piece in request.content.iter_chunked(256 * 1024):
        _more(video, piece)
    if video["got"] != size:
        raise GraphError(6000, "There was a problem uploading your video file. Please try again.", 1363030)
    video["done"] = request.app[WORLD].now()
    return web.json_response({"success": True})
