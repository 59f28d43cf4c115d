"""Pictures and videos to Facebook, where nobody sees them until something is published that has them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from connectors.answer import accepted, json_object
from connectors.base import Kind, outcome_of
from connectors.facebook import operations as ops
from connectors.network import Rejected, Staged, Wire
from connectors.picture import Stream, content_of, unchanged
from connectors.post import Media

PATIENCE = timedelta(seconds=20)  #: between two looks whether a video is ready
OFFSET = 1363037  #: subcode: the piece is another than Facebook wants, and its error says which
ASTRAY = 5  #: times that it may say so, for one video
LARGEST = 16 * 1024 * 1024  #: bytes of a piece, whatever Facebook asks for


@dataclass(frozen=True, slots=True)
class Places:
    """Where an account's calls go.

    Attributes:
        api: Host and version.
        videos: As ``api``, for the pieces of videos.
        files: The host that takes whole files, with its path.
        page: The page's id.
    """

    api: str
    videos: str
    files: str
    page: str


async def picture(wire: Wire, at: Places, media: Media) -> str:
    """The id of a picture that nobody sees yet.

    Raises:
        Rejected: Facebook does not take it, or the file has changed.
    """
    parts = {"source": (Path(media.path).name, await content_of(media), media.type)}
    data = {"published": "false"} | ({"alt_text_custom": media.alt} if media.alt else {})
    answer = await wire.request(ops.PHOTO, "POST", f"{at.api}/{at.page}/photos", data=data, files=parts)
    return str(accepted(answer)["id"])


async def pictures(wire: Wire, at: Places, media: Sequence[Media]) -> list[dict[str, str]]:
    """Pictures as a post names them.

    Raises:
        Rejected: Facebook does not take one, or a file has changed.
    """
    return [{"media_fbid": await picture(wire, at, one)} for one in media]


async def video(wire: Wire, at: Places, media: Media, text: str, so_far: Mapping[str, Any]) -> str:
    """The id of a video that nobody sees yet, and that Facebook is done with.

    Raises:
        Staged: Facebook still works on it.
        Rejected: Facebook does not take it, or the file has changed.
    """
    known = so_far.get("sha256") == media.sha256 and so_far.get("video")
    number = str(known) if known else await _sent(wire, at, media, text)
    await _ready(wire, at, media, number)
    return number


async def whole(wire: Wire, at: Places, media: Media, edge: str) -> str:
    """The id of a video that was sent in one piece to be a reel (``video_reels``) or a story (``video_stories``).

    Raises:
        Rejected: Facebook does not take it, or the file has changed.
    """
    await unchanged(media)
    begun = await wire.request(ops.SESSION, "POST", f"{at.api}/{at.page}/{edge}", json={"upload_phase": "start"})
    number = str(accepted(begun)["video_id"])
    size = str(media.size)
    headers = {"offset": "0", "file_size": size, "content-length": size, "content-type": "application/octet-stream"}
    accepted(await wire.request(ops.UPLOAD, "POST", f"{at.files}/{number}", content=Stream(media), headers=headers))
    return number


async def status(wire: Wire, at: Places, number: str) -> dict[str, Any]:
    """What Facebook says of a video's stages; empty if it does not."""
    answer = await wire.request(ops.NODE, "GET", f"{at.api}/{number}", params={"fields": "id,status"})
    said = accepted(answer).get("status")
    return said if isinstance(said, dict) else {}


async def _sent(wire: Wire, at: Places, media: Media, text: str) -> str:
    """Send a video in pieces; Facebook says which one it wants next."""
    await unchanged(media)
    url = f"{at.videos}/{at.page}/videos"
    begun = accepted(
        await wire.request(ops.START, "POST", url, json={"upload_phase": "start", "file_size": media.size})
    )
    session, said = str(begun["upload_session_id"]), begun
    astray = ASTRAY
    while (place := _span(said, media.size)) is not None:
        answer = await _piece(wire, url, session, media, place)
        wanted = _wanted(answer) if astray else None
        astray -= wanted is not None
        said = wanted or accepted(answer)
    last: dict[str, Any] = {"upload_phase": "finish", "upload_session_id": session, "published": False}
    accepted(await wire.request(ops.FINISH, "POST", url, json=last | ({"description": text} if text else {})))
    return str(begun["video_id"])


async def _piece(wire: Wire, url: str, session: str, media: Media, place: tuple[int, int]) -> httpx.Response:
    start, end = place
    data = {"upload_phase": "transfer", "upload_session_id": session, "start_offset": str(start)}
    content = await asyncio.to_thread(_read, media, start, end)
    files = {"video_file_chunk": ("chunk", content, "application/octet-stream")}
    return await wire.request(ops.PIECE, "POST", url, data=data, files=files)


def _wanted(answer: httpx.Response) -> dict[str, Any] | None:
    """Which piece Facebook wants in place of one that it has already, because the answer to that was lost."""
    error = (json_object(answer) or {}).get("error")
    if outcome_of(answer).kind is Kind.OK or not isinstance(error, dict) or error.get("error_subcode") != OFFSET:
        return None
    found = error.get("error_data")
    return found if isinstance(found, dict) and {"start_offset", "end_offset"} <= found.keys() else None


def _span(said: Mapping[str, Any], size: int) -> tuple[int, int] | None:
    """The bytes that Facebook wants next; ``None``: it has them all."""
    try:
        start, end = int(said["start_offset"]), int(said["end_offset"])
    except (ValueError, TypeError):
        raise Rejected("Facebook does not say which part of the video it wants") from None
    if start == end:
        return None
    if not 0 <= start < end <= size:
        raise Rejected(f"Facebook wants the bytes {start} to {end} of a video that has {size}")
    return start, min(end, start + LARGEST)


def _read(media: Media, start: int, end: int) -> bytes:
    try:
        with Path(media.path).open("rb") as file:
            file.seek(start)
            return file.read(end - start)
    except OSError as error:
        raise Rejected(f"{media.path} can't be read any more ({error.strerror})") from None


async def _ready(wire: Wire, at: Places, media: Media, number: str) -> None:
    said = await status(wire, at, number)
    match said.get("video_status"):
        case "ready":
            return
        case "error" | "expired" as wrong:
            raise Rejected(f"Facebook could not use {media.path}: {_why(said) or wrong}")
        case _:
            so_far = {"video": number, "sha256": media.sha256}
            raise Staged(so_far, wire.now() + PATIENCE, "Facebook is working on the video")


def _why(said: Mapping[str, Any]) -> str:
    """The first error of any stage."""
    for stage in said.values():
        found = stage.get("errors") if isinstance(stage, dict) else None
        if isinstance(found, list) and found and isinstance(found[0], dict):
            return str(found[0].get("message") or "")
    return ""
