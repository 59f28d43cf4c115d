"""The record on the disk: what a call takes, how fast it is found, how fast the chain is checked."""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx

from automator.clock import SystemClock
from automator.db import Writer, connect
from automator.egress.call import Call
from automator.egress.stack import client
from automator.ledger import chain
from automator.ledger.query import Filter, newest
from automator.schema import create
from benchmarks.figure import Figure, percentile
from connectors.base import Intent
from tests.toy.provider import CREATE_ONCE, account

CALLS = 3_000
MANY = 1_000_000
BATCH = 50_000
NEWEST = 50
RAW = 1_000
OUTCOMES = ("ok", "ok", "ok", "ok", "rejected", "later", "unknown")
WORDS = Path(__file__).read_text(encoding="utf-8").split()


class Canned(httpx.AsyncBaseTransport):
    """Answers as a provider does: a dozen headers, and a body of its own of a thousand bytes and more."""

    def __init__(self) -> None:
        self._numbers = count()
        self._random = random.Random(7)

    async def handle_async_request(self, _: httpx.Request) -> httpx.Response:
        pick = self._random
        number = next(self._numbers)
        post = {
            "id": str(1_900_000_000_000_000_000 + pick.randrange(10**15)),
            "text": " ".join(pick.choices(WORDS, k=150)),
            "created_at": f"2026-12-01T09:{number % 60:02}:00.000Z",
            "author_id": str(pick.randrange(10**18)),
            "conversation_id": str(pick.randrange(10**18)),
            "metrics": {name: pick.randrange(5000) for name in ("likes", "replies", "quotes", "views")},
        }
        body = json.dumps({"id": post["id"], "data": post, "includes": {"users": [post["author_id"]] * 2}})
        assert len(body) >= RAW
        headers = {
            "content-type": "application/json; charset=utf-8",
            "date": f"Tue, 01 Dec 2026 09:{number % 60:02}:00 GMT",
            "x-rate-limit-limit": "100",
            "x-rate-limit-remaining": str(100 - number % 100),
            "x-rate-limit-reset": "1796116500",
            "x-transaction-id": f"{pick.randrange(16**16):016x}",
            "x-response-time": str(pick.randrange(300)),
            "cache-control": "no-cache, no-store, max-age=0",
            "strict-transport-security": "max-age=631138519",
            "server": "tsa_b",
            "api-version": "2.167",
        }
        return httpx.Response(201, headers=headers, content=body.encode())


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        yield Figure("ledger_bytes_per_call", asyncio.run(_bytes(Path(folder) / "small.db")), "bytes", "<= 1000")
        path = Path(folder) / "large.db"
        _fill(path)
        reader = connect(path, readonly=True)
        waits = list(_waits(reader))
        yield Figure("ledger_query_ms", percentile(waits, 95), "ms", "<= 50", len(waits))
        begin = time.perf_counter()
        entries = chain.verify(reader)
        assert entries == MANY * 2
        yield Figure("ledger_verify_rows_s", MANY * 2 / (time.perf_counter() - begin), "rows/s", ">= 100000")
        reader.close()


async def _bytes(path: Path) -> float:
    create(path)
    reader, who = connect(path, readonly=True), account("https://toy.example")
    with Writer(path) as writer:
        async with client(Canned(), writer, reader, SystemClock()) as audited:
            for number in range(CALLS):
                plan = {"text": f"{' '.join(random.Random(number).choices(WORDS, k=25))} {number}"}
                call = Call(CREATE_ONCE, who, Intent(f"d{number}/0/0", plan))
                await audited.request("POST", "https://toy.example/2/posts", json=plan, extensions={"automator": call})
    reader.close()
    pages = connect(path)
    pages.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (size,) = pages.execute(
        "SELECT sum(d.pgsize) FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name WHERE s.tbl_name IN (?, ?)",
        ("entry", "body"),
    ).fetchone()
    pages.close()
    return float(size) / CALLS


def _fill(path: Path) -> None:
    create(path)
    tx = connect(path)
    tx.execute("PRAGMA synchronous=OFF")
    pick, link, rows = random.Random(1), chain.GENESIS, []
    request = chain.canonical({"method": "POST", "url": "https://api.x.com/2/tweets", "actor": "scheduler"})
    answer = chain.canonical({"status": 201, "reason": ""})
    for number in range(1, MANY * 2, 2):
        who, at = f"x/brand{pick.randrange(20)}", 1_700_000_000_000_000 + number
        call = (number, "call", at, None, who, "x.post.create", None, request)
        back = (number + 1, "answer", at + 1, number, who, "x.post.create", pick.choice(OUTCOMES), answer)
        for row in (call, back):
            link = chain.link(link, row)
            rows.append((*row, link))
        if len(rows) >= BATCH or number + 2 > MANY * 2:
            tx.execute("BEGIN")
            tx.executemany(f"INSERT INTO entry ({chain.COLUMNS}, link) VALUES (?,?,?,?,?,?,?,?,?)", rows)  # noqa: S608 - a constant
            tx.execute("COMMIT")
            rows.clear()
    tx.close()


def _waits(reader: sqlite3.Connection) -> Iterator[float]:
    pick = random.Random(2)
    for _ in range(200):
        wanted = Filter(f"x/brand{pick.randrange(20)}", pick.choice(OUTCOMES))
        begin = time.perf_counter()
        found = newest(reader, wanted, NEWEST)
        yield (time.perf_counter() - begin) * 1e3
        assert len(found) == NEWEST
