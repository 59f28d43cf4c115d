"""What many notices of one kind come to, as after an outage: one sentence in place of hundreds."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from automator.clock import instant

FEW = 5  #: so many of one account are told one by one
ASKED = 500  #: variables of one query
#: by kind, as what becomes of posts; the state that it is a notice of has the same name
_BECAME = {"missed": "were missed", "failed": "failed", "unconfirmed": "may have gone out, or not"}


@dataclass(frozen=True, slots=True)
class Told:
    """One message: the numbers of the notices that it tells of, and what it says."""

    numbers: tuple[int, ...]
    kind: str
    about: str  #: of several: what the first is about
    account: str | None
    text: str
    at: int  #: of the first, microseconds UTC

    @property
    def name(self) -> str:
        """The same for the same notices, however often they are sent."""
        first, last = self.numbers[0], self.numbers[-1]
        return f"notice-{first}-{self.at}" if first == last else f"notice-{first}-{last}-{self.at}"


def digest(reader: sqlite3.Connection, notices: Sequence[Mapping[str, object]]) -> list[Told]:
    """Notices as messages, oldest first; the notices themselves stay as they are.

    More than ``FEW`` posts of one account that came to the same, for the same reason, are told of in one.
    """
    groups: dict[object, list[Mapping[str, object]]] = {}
    for item in notices:
        groups.setdefault(_alike(item), []).append(item)
    due = _due(reader, [str(item["about"]) for group in groups.values() if len(group) > FEW for item in group])
    told = list[Told]()
    for group in groups.values():
        posts = [item for item in group if str(item["about"]) in due]
        many = len(posts) > FEW
        told += [_one(item) for item in group if not many or str(item["about"]) not in due]
        told += [_many(posts, min(due[str(item["about"])] for item in posts))] if many else []
    return sorted(told, key=lambda one: one.numbers[0])


def _alike(item: Mapping[str, object]) -> object:
    if item["kind"] not in _BECAME:
        return item["id"]
    return item["kind"], item["account"], _why(item)


def _why(item: Mapping[str, object]) -> str:
    return str(item["text"]).partition(": ")[2]


def _one(item: Mapping[str, object]) -> Told:
    number, at = int(str(item["id"])), int(str(item["at"]))
    account = None if item["account"] is None else str(item["account"])
    return Told((number,), str(item["kind"]), str(item["about"]), account, str(item["text"]), at)


def _many(posts: Sequence[Mapping[str, object]], since: int) -> Told:
    first = _one(posts[0])
    why = _why(posts[0]) or "nothing began them in time"
    what = f"{len(posts)} posts of {first.account} {_BECAME[first.kind]}, the first due"
    way = f"`automator posts list --state {first.kind}` lists them"
    text = f"{what} {instant(since):%Y-%m-%d %H:%M}Z: {why}; {way}"
    numbers = tuple(int(str(item["id"])) for item in posts)
    return Told(numbers, first.kind, first.about, first.account, text, first.at)


def _due(reader: sqlite3.Connection, ids: Sequence[str]) -> dict[str, int]:
    """When each was due, of those that are posts."""
    found = dict[str, int]()
    for begin in range(0, len(ids), ASKED):
        some = ids[begin : begin + ASKED]
        query = f"SELECT id, at FROM delivery WHERE id IN ({', '.join('?' * len(some))})"  # noqa: S608 - marks
        found |= dict(reader.execute(query, some).fetchall())
    return found
