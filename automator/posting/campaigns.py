"""Importing a campaign: rows judged, good ones planned, each once however often the file is imported."""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from automator import accounts, failpoints
from automator.budgets import store
from automator.clock import instant, micros
from automator.db import Writer
from automator.outfile import replaced
from automator.posting.credit import purses
from automator.posting.posts import Listed, NewDelivery, plan
from automator.scheduling.due import LATE
from automator.settings import Posting, Settings
from connectors.base import Budget, Scope
from connectors.network import Network, Rationed
from connectors.post import Form
from jobs.posting.campaign import Rules, Verdict, compared, drafted
from jobs.posting.deliver import parse
from jobs.posting.files import tagged
from jobs.posting.parts import RULE
from jobs.posting.planned import Earlier
from jobs.posting.rows import BAR, COLUMNS, Row, alt_cell, joined

RECENT = timedelta(days=30)
TOGETHER = 200  #: rows that are planned side by side


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to."""

    added: int  #: deliveries that were not planned before
    known: int  #: deliveries that an earlier import had planned already


def rules(  # noqa: PLR0913 - what rows are judged against
    connection: sqlite3.Connection,
    base: Path,
    now: datetime,
    zone: str,
    *,
    settings: Settings,
    copies: Path,
) -> Rules:
    """What rows are judged against: the connected accounts, and what they posted or will post.

    ``settings``: this installation's; ``copies`` is where smaller copies of pictures are kept.
    """
    connected = accounts.everything(connection)
    networks = {who.name: accounts.network(who, settings.providers) for who in connected if not who.trades}
    mute = frozenset(who.name for who in connected if Scope.WRITE not in who.scopes)
    earlier = _earlier(connection, "d.at >= ?", micros(now - RECENT))
    exchanges = frozenset(who.name for who in connected if who.trades)
    hosts, late = settings.media.kind != "none", timedelta(minutes=settings.posting.late_minutes)
    rations, credit = dict(_rations(connection, networks)), tuple(purses(connection, networks, now))
    others = [known for known in _zones(connection) if known != zone]
    return Rules(base, now, zone, networks, mute, earlier, late, copies, exchanges, hosts, rations, credit, others)


def _rations(
    connection: sqlite3.Connection, networks: Mapping[str, Network]
) -> Iterator[tuple[tuple[str, Form], Budget]]:
    """What an account may post in a while, by the limits in force."""
    for account, network in networks.items():
        for form in Form if isinstance(network, Rationed) else ():
            if isinstance(network, Rationed) and (budget := network.ration(form)) is not None:
                yield (account, form), store.load(connection, account, budget)[1]


def _zones(connection: sqlite3.Connection) -> list[str]:
    """In which posts were planned, and the one that is not chosen."""
    found = connection.execute("SELECT DISTINCT j.zone FROM delivery AS d JOIN job AS j ON j.id = d.id ORDER BY 1")
    return list(dict.fromkeys([Posting().zone, *(zone for (zone,) in found)]))


def judged(connection: sqlite3.Connection, rows: Sequence[Row], against: Rules) -> list[Verdict]:
    """Say of every row what would be planned, also beside what of the same campaign went out long ago."""
    by_id = _earlier(connection, "d.id IN (SELECT value FROM json_each(?))", json.dumps([row.id for row in rows]))
    against = _beside(against, by_id)
    drafts = drafted(rows, against)
    planned = [(item, draft.when) for draft in drafts for item in draft.deliveries]
    identities = json.dumps([known for item, _ in planned for known in (item.identity, *item.elsewhere)])
    then = json.dumps([[item.account, micros(when.at)] for item, when in planned if when is not None])
    same = _earlier(connection, "d.identity IN (SELECT value FROM json_each(?))", identities)
    near = _earlier(connection, _THEN, then)
    return compared(drafts, _beside(against, [*same, *near]))


_PLANNED = """
SELECT d.id, d.account, d.identity, d.at, d.parts, r.state FROM delivery AS d JOIN run AS r ON r.job = d.id
"""
_THEN = "(d.account, d.at) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))"


def _beside(against: Rules, more: Sequence[Earlier]) -> Rules:
    known = {item.id for item in against.earlier}
    new = {item.id: item for item in more if item.id not in known}
    return replace(against, earlier=[*against.earlier, *new.values()]) if new else against


def _earlier(connection: sqlite3.Connection, which: str, value: int | str) -> list[Earlier]:
    found = connection.execute(f"{_PLANNED} WHERE {which}", (value,))
    return [Earlier(row[0], row[1], row[2], instant(row[3]), parse(row[4]), row[5]) for row in found]


def deliveries(verdict: Verdict) -> list[NewDelivery]:
    """What a good row plans, one delivery for each account; nothing for a bad one."""
    if not verdict.ok or verdict.when is None:
        return []
    when = verdict.when
    return [
        NewDelivery(item.account, item.parts, when.at, when.zone, when.wall, item.identity)
        for item in verdict.deliveries
    ]


async def bring_in(
    verdicts: Sequence[Verdict], writer: Writer, now: datetime, *, source: str, late: timedelta = LATE
) -> Imported:
    """Plan the good rows of a campaign, each wholly or not at all; bad ones are left out.

    Rows are handed to the writer side by side, so that many share one commit.
    """
    wanted = [(verdict.row.number, deliveries(verdict)) for verdict in verdicts]

    async def plan_row(number: int, row: list[NewDelivery]) -> int:
        def put(tx: sqlite3.Connection) -> int:
            planned = len(plan(tx, row, now, source=f"{source}, row {number}", late=late))
            failpoints.reach("in-import-row")
            return planned

        failpoints.reach("before-import-row")
        planned = await writer.run(put)
        failpoints.reach("after-import-row")
        return planned

    good = [(number, row) for number, row in wanted if row]
    added = 0
    for batch in (good[at : at + TOGETHER] for at in range(0, len(good), TOGETHER)):
        added += sum(await asyncio.gather(*(plan_row(number, row) for number, row in batch)))
    return Imported(added, sum(len(row) for _, row in wanted) - added)


def save(path: Path, posts: Sequence[Listed]) -> int:
    """Write posts as a campaign file, CSV or (by its name) JSON; returns how many rows.

    Raises:
        OSError: the file can't be written; what was there is as it was.
    """
    rows = [_row(item) for item in posts]
    with replaced(path) as out:
        if path.suffix.lower() == ".json":
            json.dump(rows, out, ensure_ascii=False, indent=2)
        else:
            writer = csv.DictWriter(out, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    return len(rows)


def _row(item: Listed) -> dict[str, str]:
    first = item.parts[0]
    written = [part.text for part in item.parts if part.form is not Form.COMMENT]
    pictures = [media for media in first.media if not media.video]
    videos = [media for media in first.media if media.video]
    media = [*pictures, *videos]
    return {
        "id": item.id,
        "to": item.account,
        "at": item.at.isoformat(),
        "text": RULE.join(written),
        "image": joined([one.path for one in pictures]),
        "alt": alt_cell([one.alt for one in media], len(media)),
        "thread": "yes" if len(written) > 1 else "",
        "video": videos[0].path if videos else "",
        "form": "" if first.form is Form.POST else first.form,
        "comment": next((part.text for part in item.parts if part.form is Form.COMMENT), ""),
        "collaborators": " ".join(first.collaborators),
        "tags": joined(tagged(pictures)).rstrip(BAR),
        "fit": "",
    }
