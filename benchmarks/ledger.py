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
from typing import Any

import httpx

from automator.clock import SystemClock
from automator.db import Writer, connect
from automator.egress.call import Account, Call
from automator.egress.stack import client
from automator.ledger import chain
from automator.ledger.pack import Kind
from automator.ledger.query import Filter, newest
from automator.schema import create
from benchmarks.figure import Figure, percentile
from connectors.base import Intent, Scope
from connectors.registry import build
from connectors.x.connector import CREATE

CALLS = 3_000
MANY = 1_000_000
BATCH = 50_000
NEWEST = 50
RAW = 1_000
OUTCOMES = ("ok", "ok", "ok", "ok", "rejected", "later", "unknown")
WORDS = Path(__file__).read_text(encoding="utf-8").split()
PROSE = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8").replace("`", "").split()


class Canned(httpx.AsyncBaseTransport):
    """Answers as a provider does: a dozen headers, and a body of its own of a thousand bytes and more.

    The dictionaries have not seen the body's layout or texts, nor the values of headers that are a provider's own: they
    were trained with the twins' traffic, with fields that providers document, and with words of Python's own help.
    """

    def __init__(self) -> None:
        self._numbers = count()
        self._random = random.Random(7)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        pick = self._random
        number = next(self._numbers)
        body = json.dumps(self.body(await request.aread(), number))
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
            "strict-transport-security": "max-age=15724800",
            "server": "tsa_b",
            "api-version": "5.31.4",
        }
        return httpx.Response(201, headers=headers, content=body.encode())

    def body(self, _: bytes, number: int, /) -> dict[str, Any]:
        pick = self._random
        post = {
            "id": str(1_900_000_000_000_000_000 + pick.randrange(10**15)),
            "text": " ".join(pick.choices(WORDS, k=150)),
            "created_at": f"2026-12-01T09:{number % 60:02}:00.000Z",
            "author_id": str(pick.randrange(10**18)),
            "conversation_id": str(pick.randrange(10**18)),
            "metrics": {name: pick.randrange(5000) for name in ("likes", "replies", "quotes", "views")},
        }
        return {"id": post["id"], "data": post, "includes": {"users": [post["author_id"]] * 2}}


class Known(Canned):
    """The same, with a body of the fields that X documents for a post and its author, which the dictionaries know.

    So are answers laid out whose bodies are this long: those of look-ups. Texts, names and numbers are unseen.
    """

    def body(self, request: bytes, _: int, /) -> dict[str, Any]:
        pick = self._random
        post_id, author = str(19 * 10**17 + pick.randrange(10**15)), str(pick.randrange(10**18))
        at = f"2026-{pick.randrange(1, 13):02}-{pick.randrange(1, 29):02}T09:{pick.randrange(60):02}:07.000Z"
        counts = ("retweet_count", "reply_count", "like_count", "quote_count", "bookmark_count", "impression_count")
        post = {
            "author_id": author,
            "conversation_id": post_id,
            "created_at": at,
            "edit_controls": {"edits_remaining": 5, "is_edit_eligible": True, "editable_until": at},
            "edit_history_tweet_ids": [post_id],
            "id": post_id,
            "lang": "en",
            "possibly_sensitive": False,
            "public_metrics": {name: pick.randrange(5000) for name in counts},
            "reply_settings": "everyone",
            "text": json.loads(request)["text"],
        }
        user = {
            "created_at": at,
            "description": "",
            "id": author,
            "name": pick.choice(PROSE),
            "public_metrics": {name: pick.randrange(90_000) for name in ("followers_count", "following_count")},
            "username": f"{pick.choice(PROSE)[:9]}{pick.randrange(100)}",
            "verified": False,
        }
        made = {"data": post, "includes": {"users": [user]}}
        while len(json.dumps(made)) < RAW:
            user["description"] = f"{user['description']} {pick.choice(PROSE)}"
        return made


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        known = asyncio.run(_bytes(Path(folder) / "known.db", Known(), PROSE, 30))
        yield Figure("ledger_bytes_per_call", known, "bytes", "<= 1000")
        unseen = asyncio.run(_bytes(Path(folder) / "unseen.db", Canned(), WORDS, 25))
        yield Figure("ledger_bytes_unseen_layout", unseen, "bytes")  # no goal: 1,740 bytes of random words
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


async def _bytes(path: Path, answers: Canned, words: list[str], length: int) -> float:
    create(path)
    reader, network = connect(path, readonly=True), build("x")
    who = Account("x/brand", network, frozenset({Scope.WRITE}), lambda: {"oauth2_access_token": "bench-token"})
    with Writer(path) as writer:
        await writer.run(_unlimited)
        async with client(answers, writer, reader, SystemClock()) as audited:
            for number in range(CALLS):
                plan = {"text": f"{' '.join(random.Random(number).choices(words, k=length))} {number}"}
                call = Call(
                    CREATE,
                    who,
                    Intent(f"{number:016x}/0/0", plan),
                    {"delivery": f"{number:016x}", "run": str(number)},
                    "scheduler",
                )
                await audited.request("POST", "https://api.x.com/2/tweets", json=plan, extensions={"automator": call})
    reader.close()
    pages = connect(path)
    pages.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (size,) = pages.execute(
        "SELECT sum(d.pgsize) FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name WHERE s.tbl_name IN (?, ?)",
        ("entry", "body"),
    ).fetchone()
    pages.close()
    return float(size) / CALLS


def _unlimited(tx: sqlite3.Connection) -> None:
    for subject, name in (("x/brand", "posts-15min"), ("x", "posts-day")):
        tx.execute("INSERT INTO limit_setting (subject, name, value) VALUES (?,?,?)", (subject, name, 10**9))


def _fill(path: Path) -> None:
    create(path)
    tx = connect(path)
    tx.execute("PRAGMA synchronous=OFF")
    pick, link, rows = random.Random(1), chain.GENESIS, []
    asked = {"method": "POST", "url": "https://api.x.com/2/tweets", "actor": "scheduler"}
    request = chain.say(chain.canonical(asked), Kind.CALL)
    answer = chain.say(chain.canonical({"status": 201, "reason": ""}), Kind.ANSWER)
    for number in range(1, MANY * 2, 2):
        who, at = f"x/brand{pick.randrange(20)}", 1_700_000_000_000_000 + number
        call = (number, "call", at, None, who, "x.post.create", None, request.text)
        back = (number + 1, "answer", at + 1, number, who, None, pick.choice(OUTCOMES), answer.text)
        for row, said in ((call, request), (back, answer)):
            link = chain.link(link, row)
            rows.append((*row[:-1], said.packed, link))
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
