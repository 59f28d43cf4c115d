"""An installation with many posts planned, made without going through every command."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from datetime import datetime
from pathlib import Path

from automator import accounts, memory
from automator.clock import SystemClock, micros
from automator.db import connect
from automator.engine import Engine
from automator.home import Home
from automator.vault.choose import own_file
from connectors.network import Identity
from connectors.post import Part
from jobs.posting.deliver import KIND, dump

ACCOUNT = "x/brand"
PLENTY = 10_000_000
KEYS = {"oauth2_access_token": "bench-token"}


def installation(folder: Path, url: str = "https://api.x.com") -> Home:
    """One account on X, with limits that do not bind."""
    home = Home(folder)
    home.prepare()
    (home.path / "config.toml").write_text('[vault]\nkind = "file"\n')
    asyncio.run(_account(home, url))
    return home


def engine(home: Home) -> Engine:
    """What `automator serve` works with, as it does."""
    memory.settle()
    return Engine(home, own_file(home.path))


async def _account(home: Home, url: str) -> None:
    async with engine(home) as opened:
        now = SystemClock().now()
        opened.store.put(ACCOUNT, 1, KEYS)

        def add(tx: sqlite3.Connection) -> None:
            accounts.add(tx, accounts.fresh(ACCOUNT, url), now, actor="bench")
            accounts.tested(tx, ACCOUNT, Identity("7", "@brand"), now)
            for subject, name in ((ACCOUNT, "posts-15min"), ("x", "posts-day")):
                tx.execute("INSERT INTO limit_setting (subject, name, value) VALUES (?,?,?)", (subject, name, PLENTY))

        await opened.writer.run(add)


def fill(home: Home, times: list[datetime], prefix: str) -> None:
    """Plan one post for each of ``times``; their texts are the prefix and a number."""
    tx = connect(home.database)
    now = micros(SystemClock().now())
    late = 3_600_000_000
    tx.execute("PRAGMA synchronous=OFF")
    tx.execute("BEGIN")
    for number, when in enumerate(times):
        name, at = f"{prefix}{number:07}", micros(when)
        parts = dump((Part(name),))
        tx.execute("INSERT INTO delivery VALUES (?,?,?,?,?,?,0)", (name, name, ACCOUNT, name, at, parts))
        tx.execute(
            "INSERT INTO job (id, kind, account, payload, zone, wall, late, created_at) "
            "VALUES (?,?,?,'{}','UTC','',?,?)",
            (name, KIND, ACCOUNT, late, now),
        )
        tx.execute(
            "INSERT INTO run (job, scheduled_for, ready_at, state, attempt, reason) VALUES (?,?,?,'scheduled',0,'')",
            (name, at, at),
        )
    tx.execute("COMMIT")
    tx.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    tx.close()
    with home.database.open("rb") as file:
        os.fsync(file.fileno())  # what is measured does not wait for what was filled in
