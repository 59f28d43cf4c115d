"""Delivering a post to one account: its parts in order, each once, going on at the part that is missing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from connectors.post import Form, Media, Part, Tag
from jobs.context import Publishing

KIND = "deliver"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A post on one account."""

    id: str
    account: str
    parts: tuple[Part, ...]
    generation: int

    def key(self, number: int) -> str:
        """The intention's key of the part ``number`` (from 0)."""
        return f"{self.id}/{number}/{self.generation}"


def dump(parts: Sequence[Part]) -> str:
    """Parts as stored."""
    return json.dumps([asdict(part) for part in parts], sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def parse(stored: str) -> tuple[Part, ...]:
    """Parts as they were before ``dump``."""
    return tuple(map(_part, orjson.loads(stored)))


def _part(item: dict[str, Any]) -> Part:
    # what was planned by an older version lacks what has been added since
    form, collaborators = Form(item.get("form", Form.POST)), tuple(item.get("collaborators", ()))
    return Part(item["text"], tuple(map(_media, item["media"])), form, collaborators)


def _media(item: dict[str, Any]) -> Media:
    given = item | {"codecs": tuple(item.get("codecs", ())), "tags": tuple(Tag(**tag) for tag in item.get("tags", ()))}
    return Media(**given)


def load(connection: sqlite3.Connection, delivery: str) -> Delivery | None:
    """Read one delivery."""
    row = connection.execute("SELECT account, parts, generation FROM delivery WHERE id = ?", (delivery,)).fetchone()
    return Delivery(delivery, row[0], parse(row[1]), row[2]) if row else None


async def deliver(publishing: Publishing, delivery: Delivery) -> list[Mapping[str, Any]]:
    """Publish every part that is not published yet; returns the results, in order."""
    results: list[Mapping[str, Any]] = []
    for number, part in enumerate(delivery.parts):
        results.append(await publishing.part(delivery.key(number), part, results))
    return results
