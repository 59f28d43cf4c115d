"""Metrics: how often something was done with a post, and when it is read again: ever more rarely with its age."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from automator.clock import instant, micros
from connectors.network import Metrics
from jobs.posting.deliver import parse

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEPS = (HOUR / 4, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY)  #: ages at which a post is read
OVER = 7 * DAY  #: after the last; what nobody read by then is left alone
EARLIER = 30 * DAY  #: by which a post may have gone out after it was planned to, for us to find it

NAMES = ("likes", "comments", "shares", "impressions")


def due(published: datetime, last: datetime | None, now: datetime) -> bool:
    """Whether a post is to be read now: it has come to an age at which it has not been read. Pure.

    Several that were missed are made up for by one.
    """
    reached = [published + age for age in STEPS if published + age <= now]
    return bool(reached) and now <= published + STEPS[-1] + OVER and (last is None or last < reached[-1])


@dataclass(frozen=True, slots=True)
class Readable:
    """One published part."""

    delivery: str
    part: int
    result: Mapping[str, Any]


_PUBLISHED = """
SELECT d.id, cast(substr(i.key, length(d.id) + 2) AS INTEGER) AS part, i.result, i.sent_at,
  (SELECT max(m.at) FROM metric AS m WHERE m.delivery = d.id
    AND m.part = cast(substr(i.key, length(d.id) + 2) AS INTEGER))
FROM delivery AS d
JOIN intention AS i ON i.key >= d.id || '/' AND i.key < d.id || '0' AND i.key GLOB '*/' || d.generation
WHERE d.account = ? AND d.at >= ? AND i.state = 'done' AND i.sent_at BETWEEN ? AND ? ORDER BY i.sent_at DESC
"""


def readable(connection: sqlite3.Connection, account: str, now: datetime) -> list[Readable]:
    """What of an account is to be read now, the newest first."""
    oldest = now - STEPS[-1] - OVER
    window = (micros(oldest - EARLIER), micros(oldest), micros(now - STEPS[0]))
    return [
        Readable(delivery, part, json.loads(result or "{}"))
        for delivery, part, result, sent, last in connection.execute(_PUBLISHED, (account, *window))
        if due(instant(sent), instant(last) if last is not None else None, now)
    ]


def keep(tx: sqlite3.Connection, parts: Sequence[Readable], found: Sequence[Metrics | None], at: int) -> None:
    """Store one reading of each part."""
    rows = [
        (part.delivery, part.part, at, *((got.likes, got.comments, got.shares, got.impressions) if got else [None] * 4))
        for part, got in zip(parts, found, strict=True)
    ]
    tx.executemany("INSERT INTO metric VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", rows)


Figures = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Stats:
    """The newest figures of one part.

    Attributes:
        part: From 0.
        at: When they were read.
        newest: By name (``NAMES``); all ``None`` if the provider no longer showed it.
        more: By how much they are more than at the reading before, or than none.
    """

    delivery: str
    part: int
    account: str
    text: str
    due: datetime
    at: datetime
    newest: Figures
    more: Figures

    @property
    def gone(self) -> bool:
        """Whether the provider no longer showed it."""
        return all(value is None for value in self.newest.values())

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        named = {"delivery": self.delivery, "part": self.part + 1, "account": self.account, "text": self.text}
        when = {"due": self.due.isoformat(), "read_at": self.at.isoformat(), "gone": self.gone}
        return named | when | {"figures": dict(self.newest), "more": dict(self.more)}


_READINGS = """
SELECT d.id, m.part, d.account, d.parts, d.at, m.at, m.likes, m.comments, m.shares, m.impressions
FROM delivery AS d JOIN metric AS m ON m.delivery = d.id
WHERE (? IS NULL OR d.account = ?) AND d.at >= ? ORDER BY d.at, d.id, m.part, m.at DESC
"""


def stats(connection: sqlite3.Connection, account: str | None = None, since: datetime | None = None) -> list[Stats]:
    """The newest figures of every part that was read, by the time of its post."""
    rows = connection.execute(_READINGS, (account, account, micros(since) if since else 0))
    return [_stats(list(readings)) for _, readings in groupby(rows, key=lambda row: row[:2])]


def _stats(readings: Sequence[tuple[Any, ...]]) -> Stats:
    delivery, part, account, parts, at, read_at, *newest = readings[0]
    earlier = next((row[6:] for row in readings[1:] if any(value is not None for value in row[6:])), (0,) * 4)
    more = [None if new is None else new - (old or 0) for new, old in zip(newest, earlier, strict=True)]
    named = dict(zip(NAMES, newest, strict=True)), dict(zip(NAMES, more, strict=True))
    return Stats(delivery, part, account, parse(parts)[part].text, instant(at), instant(read_at), *named)


@dataclass(frozen=True, slots=True)
class Total:
    """What the parts of one account come to."""

    account: str
    parts: int
    figures: Figures
    more: Figures

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"account": self.account, "parts": self.parts, "figures": dict(self.figures), "more": dict(self.more)}


def totals(found: Sequence[Stats]) -> Iterator[Total]:
    """The sums by account; ``None`` for what its provider does not say."""
    for account, items in groupby(sorted(found, key=lambda item: item.account), key=lambda item: item.account):
        mine = list(items)
        yield Total(account, len(mine), _sum([item.newest for item in mine]), _sum([item.more for item in mine]))


def _sum(figures: Sequence[Figures]) -> Figures:
    given = {name: [item[name] for item in figures] for name in NAMES}
    known = {name: [value for value in values if value is not None] for name, values in given.items()}
    return {name: sum(values) if values else None for name, values in known.items()}
