"""Importing a campaign: rows judged, good ones planned, each once however often the file is imported."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from automator import accounts
from automator.db import Writer
from automator.posts import NewDelivery, listed, plan
from automator.scheduling.due import LATE
from connectors.registry import build
from jobs.posting.campaign import Rules, Verdict, judge, read

RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to."""

    verdicts: tuple[Verdict, ...]
    added: int  #: deliveries that were not planned before
    known: int  #: deliveries that an earlier import had planned already


def rules(connection: sqlite3.Connection, base: Path, now: datetime, zone: str) -> Rules:
    """What rows are judged against: the connected accounts, and what they posted or will post."""
    networks = {who.name: build(who.provider, who.base_url) for who in accounts.everything(connection)}
    recent = {(item.account, item.texts[0]) for item in listed(connection, since=now - RECENT)}
    return Rules(base, now, zone, networks, recent)


async def bring_in(  # noqa: PLR0913 - where from, where to, when
    path: Path, writer: Writer, reader: sqlite3.Connection, now: datetime, zone: str, *, late: timedelta = LATE
) -> Imported:
    """Import the good rows of a campaign file; bad ones are left out.

    Raises:
        jobs.posting.campaign.CampaignError: the file can't be read.
    """
    verdicts = judge(read(path), rules(reader, path.parent, now, zone))
    added, wanted = 0, 0
    for verdict in verdicts:
        if not verdict.ok or verdict.when is None:
            continue
        when = verdict.when
        deliveries = [
            NewDelivery(item.account, item.parts, when.at, when.zone, when.wall, item.identity)
            for item in verdict.deliveries
        ]
        source = f"{path.name}, row {verdict.row.number}"
        wanted += len(deliveries)
        added += len(await writer.run(lambda tx, d=deliveries, s=source: plan(tx, d, now, source=s, late=late)))  # type: ignore[misc]
    return Imported(tuple(verdicts), added, wanted - added)
