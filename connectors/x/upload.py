"""Files to X: by chunks (docs.x.com, media, upload), and for what X works on, a look whether it is ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.answer import accepted
from connectors.base import Absence, Effect, Kind, Operation, Scope, outcome_of
from connectors.network import Rejected, Staged, Wire
from connectors.picture import pieces
from connectors.post import Media
from connectors.takes import GIF

CHUNK = 1024 * 1024  #: X takes up to 1,000 chunks of at most 5 MB
PATIENCE = 5  #: seconds, where X does not say when to look again
LIFE = timedelta(hours=20)  #: X says 24 hours

INITIALIZE = Operation("x.media.initialize", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
APPEND = Operation("x.media.append", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
FINALIZE = Operation("x.media.finalize", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
METADATA = Operation("x.media.metadata", Effect.REPEATABLE, Scope.WRITE, Absence.PROOF)
STATUS = Operation("x.media.status", Effect.READ, Scope.WRITE)


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file at X: what a post names, and what X's posts show of it (empty: X did not say)."""

    id: str
    key: str


async def uploaded(wire: Wire, media: Sequence[Media], so_far: Mapping[str, Any]) -> list[Uploaded]:
    """Files at X, in order. What is lost in the middle is begun anew: X drops what no post names.

    Raises:
        Staged: X works on one of them.
        Rejected: X does not take one, or a file has changed.
    """
    return [await _one(wire, one, so_far) for one in media]


def expires(wire: Wire, so_far: Mapping[str, Any]) -> datetime:
    """Until when what was uploaded may be named in a post."""
    kept = datetime.fromisoformat(str(so_far["until"])) if so_far else wire.now()
    return kept if kept > wire.now() else wire.now() + LIFE


async def _one(wire: Wire, media: Media, so_far: Mapping[str, Any]) -> Uploaded:
    file = _staged(wire, media, so_far)
    said = await _status(wire, file.id) if file else None
    if file is None or said is None:
        file = await _sent(wire, media)
        said = accepted(await wire.request(FINALIZE, "POST", f"{wire.base}/2/media/upload/{file.id}/finalize"))
    _ready(wire, media, file, said.get("data"))
    await _described(wire, media, file.id)
    return file


def _staged(wire: Wire, media: Media, so_far: Mapping[str, Any]) -> Uploaded | None:
    """What X was given before, while it keeps it."""
    if so_far.get("sha256") != media.sha256 or datetime.fromisoformat(str(so_far["until"])) <= wire.now():
        return None
    return Uploaded(str(so_far["id"]), str(so_far["key"]))


async def _status(wire: Wire, number: str) -> dict[str, Any] | None:
    """What X says of an upload; ``None``: it no longer knows it."""
    asked = {"command": "STATUS", "media_id": number}
    answer = await wire.request(STATUS, "GET", f"{wire.base}/2/media/upload", params=asked)
    return None if outcome_of(answer).kind is Kind.REJECTED else accepted(answer)


async def _sent(wire: Wire, media: Media) -> Uploaded:
    base = f"{wire.base}/2/media/upload"
    category = "tweet_video" if media.video else "tweet_gif" if media.type == GIF else "tweet_image"
    begin = {"media_type": media.type, "total_bytes": media.size, "media_category": category}
    started = accepted(await wire.request(INITIALIZE, "POST", f"{base}/initialize", json=begin))
    number, key, index = str(started["data"]["id"]), str(started["data"].get("media_key") or ""), 0
    async for chunk in pieces(media, CHUNK):
        files = {"media": ("blob", chunk, "application/octet-stream")}
        data = {"segment_index": str(index)}
        accepted(await wire.request(APPEND, "POST", f"{base}/{number}/append", data=data, files=files))
        index += 1
    return Uploaded(number, key)


def _ready(wire: Wire, media: Media, file: Uploaded, said: Any) -> None:
    told = said.get("processing_info") if isinstance(said, dict) else None
    info = told if isinstance(told, dict) else {}
    match info.get("state", "succeeded"):
        case "succeeded":
            return
        case "failed":
            error = info.get("error")
            why = error.get("message") or error.get("name") if isinstance(error, dict) else None
            raise Rejected(f"X could not use {media.path}: {why or 'it does not say why'}")
        case _:
            seconds = info.get("check_after_secs")
            wait = timedelta(seconds=seconds if isinstance(seconds, int) and 0 < seconds < LIFE.seconds else PATIENCE)
            so_far = {"id": file.id, "key": file.key, "sha256": media.sha256}
            so_far["until"] = (wire.now() + LIFE).isoformat()
            raise Staged(so_far, wire.now() + wait, "X is working on the file")


async def _described(wire: Wire, media: Media, number: str) -> None:
    if not media.alt:
        return
    alt = {"id": number, "metadata": {"alt_text": {"text": media.alt}}}
    answer = await wire.request(METADATA, "POST", f"{wire.base}/2/media/metadata", json=alt)
    if not (media.video and outcome_of(answer).kind is Kind.REJECTED):
        accepted(answer)  # whether X takes the text for a video its pages do not say; a post does not wait for that
