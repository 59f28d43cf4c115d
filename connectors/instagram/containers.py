"""Containers: what is to be published, handed to Instagram, which works on it before it can be.

developers.facebook.com, Instagram Platform: content publishing, resumable uploads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from connectors.answer import accepted
from connectors.base import Kind, NotNow, outcome_of
from connectors.instagram import limits
from connectors.instagram.operations import CONTAINER, STATUS, UPLOAD
from connectors.instagram.outcomes import failure
from connectors.network import Rejected, Staged, Wire
from connectors.picture import Stream, unchanged
from connectors.post import Form, Media, Part

PATIENCE = timedelta(hours=1)  #: for one container; Instagram says minutes
OFTEN, RARELY = timedelta(seconds=30), timedelta(minutes=1)  #: between two looks at it
FRESH = timedelta(minutes=1)  #: while a container is looked at often


class Code(StrEnum):
    """What Instagram says of a container."""

    WORKING = "IN_PROGRESS"
    FINISHED = "FINISHED"  #: it can be published
    PUBLISHED = "PUBLISHED"
    ERROR = "ERROR"
    EXPIRED = "EXPIRED"  #: it was not published within 24 hours


@dataclass(frozen=True, slots=True)
class Way:
    """How one account's containers are made.

    Attributes:
        node: The address of the account's node: ``https://graph.facebook.com/v26.0/178``.
        version: ``v26.0``.
        uploads: Where videos may be uploaded; empty: Instagram fetches them too.
    """

    node: str
    version: str
    uploads: str


@dataclass(slots=True)
class Stage:
    """How far it has come.

    Attributes:
        begun: When the first container was made.
        children: Those of a carousel's items, as far as they are made.
        container: What is published in the end.
    """

    begun: datetime
    children: list[str] = field(default_factory=list)
    container: str = ""

    def kept(self) -> dict[str, Any]:
        """For the next call."""
        return {"begun": self.begun.isoformat(), "children": list(self.children), "container": self.container}


def resumed(so_far: Mapping[str, Any], now: datetime) -> Stage:
    """The stage that was kept; a new one, if its containers are about to expire. Pure."""
    if so_far:
        begun = datetime.fromisoformat(str(so_far["begun"]))
        if now < begun + limits.LIFE:
            return Stage(begun, list(so_far["children"]), str(so_far["container"]))
    return Stage(now)


async def ready(wire: Wire, way: Way, part: Part, so_far: Mapping[str, Any]) -> Stage:
    """Make what is missing, and return once it can be published.

    Raises:
        Staged: Instagram works on it, or takes no more for now.
        Rejected: it can't be published.
    """
    stage = resumed(so_far, wire.now())
    try:
        if len(part.media) > 1:
            for media in part.media[len(stage.children) :]:
                stage.children.append(await _made(wire, way, media, of_item(media)))
            await _finished(wire, way, stage, stage.children)
        if not stage.container:
            lone = part.media[0] if len(part.media) == 1 else None
            stage.container = await _made(wire, way, lone, of_part(part, stage.children))
        await _finished(wire, way, stage, [stage.container])
    except Staged:
        raise
    except NotNow as later:
        if not stage.children and not stage.container:
            raise
        until = later.until or wire.now() + RARELY
        raise Staged(stage.kept(), until, later.why, working=False) from later
    except _Lost:
        if not so_far:
            raise Rejected("Instagram does not know the media that it has just been given") from None
        return await ready(wire, way, part, {})
    return stage


class _Lost(Exception):
    """A container is no longer there."""


def of_item(media: Media) -> dict[str, str]:
    """What is said of one item of a carousel, but for where the file is. Pure."""
    kind = {"media_type": "VIDEO"} if media.video else {}
    return {"is_carousel_item": "true"} | kind | _of_file(media)


def of_part(part: Part, children: list[str]) -> dict[str, str]:
    """What is said of what is published, but for where the file is. Pure."""
    first, said = part.media[0], {}
    if part.form is Form.STORY:
        return {"media_type": "STORIES"} | _tagged(first)
    if children:
        said = {"media_type": "CAROUSEL", "children": json.dumps(children)}
    elif first.video:
        # a video in the feed is a reel that is shown there too
        said = {"media_type": "REELS"} | ({"share_to_feed": "true"} if part.form is Form.POST else {}) | _of_file(first)
    else:
        said = _of_file(first)
    if part.text:
        said["caption"] = part.text
    if part.collaborators:
        said["collaborators"] = json.dumps([name.removeprefix("@") for name in part.collaborators])
    return said


def _of_file(media: Media) -> dict[str, str]:
    alt = {"alt_text": media.alt} if media.alt and not media.video else {}
    return alt | _tagged(media)


def _tagged(media: Media) -> dict[str, str]:
    if not media.tags:
        return {}
    # people in a video have no place
    tags = [
        {"username": tag.name.removeprefix("@")} | ({} if media.video else {"x": tag.x, "y": tag.y})
        for tag in media.tags
    ]
    return {"user_tags": json.dumps(tags)}


async def _made(wire: Wire, way: Way, media: Media | None, said: dict[str, str]) -> str:
    """A container's id. Whoever dies here leaves one behind that nobody sees, and that expires."""
    upload = media is not None and media.video and bool(way.uploads)
    if upload:
        said = said | {"upload_type": "resumable"}
    elif media is not None:
        said = said | {"video_url" if media.video else "image_url": await wire.host(media)}
    made = accepted(await wire.request(CONTAINER, "POST", f"{way.node}/media", data=said))
    number = str(made["id"])
    if upload and media is not None:
        await unchanged(media)
        headers = {"offset": "0", "file_size": str(media.size), "content-length": str(media.size)}
        url = f"{way.uploads}/ig-api-upload/{way.version}/{number}"
        accepted(await wire.request(UPLOAD, "POST", url, headers=headers, content=Stream(media)))
    return number


async def _finished(wire: Wire, way: Way, stage: Stage, containers: list[str]) -> None:
    for number in containers:
        code, status = await look(wire, way, number)
        match code:
            case "" | Code.EXPIRED:
                raise _Lost
            case Code.ERROR:
                raise Rejected(failure(status))
            case Code.WORKING:
                age = wire.now() - stage.begun
                if age > PATIENCE * max(1, len(stage.children)):
                    raise Rejected("Instagram has worked on the media for an hour without an end; publish it again")
                until = wire.now() + (OFTEN if age < FRESH else RARELY)
                raise Staged(stage.kept(), until, "Instagram is working on the media")


async def look(wire: Wire, way: Way, container: str) -> tuple[str, str]:
    """A container's status, and what Instagram says of it; nothing if it does not know the container.

    Raises:
        NotNow: Instagram is in trouble.
    """
    url = f"{way.node.rpartition('/')[0]}/{container}"
    answer = await wire.request(STATUS, "GET", url, params={"fields": "status_code,status"})
    if outcome_of(answer).kind is Kind.REJECTED:
        return "", outcome_of(answer).reason
    said = accepted(answer)
    return str(said["status_code"]), str(said.get("status") or "")
