"""Identities: by what a row is known when its file is imported again, so that it is planned once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from connectors.post import Form, Part
from jobs.posting.rows import Row, divided
from jobs.posting.when import When, WhenError, parse_when


def identity(row: Row, account: str, when: When | None, parts: Sequence[Part], seen: Counter[str]) -> str:
    """By the files that a person named, not by copies of them, which another version might make otherwise.

    ``seen`` counts the rows of a file that are alike.
    """
    if row.id:
        what = ["id", row.id, account]
    else:
        # a time that is counted from the moment of reading is another one each time that the file is read
        at = (when.counted or when.at.isoformat()) if when else ""
        without = lacking(row, parts)  # without those of its files that can't be read, it would be another post
        what = ["row", account, at, list(map(_content, parts)), *([without] if without else [])]  # type: ignore[list-item]
    plain = json.dumps(what, ensure_ascii=False)
    seen[plain] += 1
    return hashlib.sha256(f"{plain}#{0 if row.id else seen[plain]}".encode()).hexdigest()


def elsewhere(  # noqa: PLR0913, PLR0917 - what an identity is made of, and the zones
    row: Row, account: str, now: datetime, parts: Sequence[Part], seen: Counter[str], zones: Iterable[str]
) -> Mapping[str, str]:
    """Zones by the identities that a row had there: its time need not name one, and config.toml may have changed.

    One that this machine no longer knows is passed over.
    """
    found: dict[str, str] = {}
    for zone in () if row.id else zones:
        with suppress(WhenError):
            found[identity(row, account, parse_when(row.at, now=now, zone=zone), parts, seen)] = zone
    return found


def lacking(row: Row, parts: Sequence[Part]) -> int:
    """How many of the files that it names can't be read."""
    return len(divided(row.image)) + bool(row.video) - sum(len(part.media) for part in parts)


def _content(part: Part) -> list[Any]:
    """What makes a part the same; only what is not usual is named, so that older identities stay as they were."""
    more: dict[str, Any] = {} if part.form is Form.POST else {"form": part.form}
    if part.collaborators:
        more["collaborators"] = part.collaborators
    if any(media.tags for media in part.media):
        more["tags"] = [[[tag.name, tag.x, tag.y] for tag in media.tags] for media in part.media]
    content: list[Any] = [part.text, [media.sha256 for media in part.media]]
    return [*content, more] if more else content
