"""Make dictionaries for ``pack`` from the twins' traffic: ``python -m automator.ledger.train``.

Nothing but synthetic posts of generated accounts goes into them. New ones get new numbers, which ``pack.Kind`` then has
to name; old ones stay, since rows on disks everywhere were packed with them.
"""

from __future__ import annotations

import asyncio
import json
import pydoc_data.topics
import random
import re
import secrets
import sqlite3
import string
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, TypeAlias

import zstandard
from PIL import Image

from automator import accounts
from automator.db import connect
from automator.engine import Engine
from automator.home import Home
from automator.ledger import chain, pack
from automator.ledger.documented import answers
from automator.ledger.pack import Kind
from automator.posting import posts
from automator.posting.posts import NewDelivery
from automator.sandbox.server import Sandbox
from automator.vault.choose import own_file
from connectors.post import Part
from connectors.registry import build
from jobs.posting.media import inspect

Sample: TypeAlias = "bytes | bytearray | memoryview[int]"

POSTS = 400  #: for each account, within what providers allow in a day
SIZE = {Kind.CALL: 16_384, Kind.ANSWER: 16_384, Kind.BODY: 65_536}
#: sentences are made of the words of Python's own help, as often as they stand there
WORDS = re.findall(r"[A-Za-z']{1,14}[.,:;]?(?=\s)", " ".join(pydoc_data.topics.topics.values()))
#: what answers carry beside what twins say: RFC 9110, RFC 9111, RFC 6797, and the headers that content networks add
USUAL = {
    "api-version": "2.167",
    "cache-control": "no-cache, no-store, must-revalidate, pre-check=0, post-check=0, max-age=0",
    "connection": "keep-alive",
    "content-encoding": "gzip",
    "content-type": "application/json; charset=utf-8",
    "expires": "Tue, 31 Mar 1981 05:00:00 GMT",
    "pragma": "no-cache",
    "server": "cloudflare",
    "strict-transport-security": "max-age=631138519; includeSubDomains",
    "transfer-encoding": "chunked",
    "vary": "Origin, Accept-Encoding",
    "x-access-level": "read-write",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "x-xss-protection": "0",
}


def main() -> None:
    """Write one dictionary for each kind, under the next free numbers."""
    samples = asyncio.run(_traffic())
    number = max(int(path.name) for path in pack.FOLDER.iterdir() if path.name.isdigit())
    for kind in Kind:
        number += 1
        made = zstandard.train_dictionary(SIZE[kind], samples[kind], level=pack.LEVEL[kind])
        (pack.FOLDER / str(number)).write_bytes(made.as_bytes())
        print(f"{kind.name}: dictionary {number}, {len(samples[kind])} samples")  # noqa: T201 - a tool for developers


async def _traffic() -> dict[Kind, list[Sample]]:
    with tempfile.TemporaryDirectory() as folder:
        box, home = Sandbox(Path(folder) / "sandbox"), Home(Path(folder) / "home")
        given = await box.start()
        home.prepare()
        home.config.write_text('[vault]\nkind = "file"\n', encoding="utf-8")
        store = own_file(home.path)
        async with Engine(home, store) as engine:
            for name, account in given.items():
                await engine.connect(accounts.fresh(name, account["base_url"]), account["secrets"])
                await _published(engine, name)
        await box.stop()
        real = {account["base_url"]: build(name.partition("/")[0]).origins[0] for name, account in given.items()}
        reader = connect(home.database, readonly=True)
        return _samples(reader, real)


async def _published(engine: Engine, name: str) -> None:
    pick, now = random.Random(name), datetime.now(UTC)  # noqa: S311 - sentences, no secrets
    subject, budget = name, "posts-15min"
    await engine.writer.run(lambda tx: tx.execute("INSERT INTO limit_setting VALUES (?,?,?)", (subject, budget, 10**6)))
    for number in range(POSTS):
        path = engine.home.path / "picture.jpg"
        Image.new("RGB", (800, 800), (number % 256, 90, 40)).save(path)
        media = (inspect(path, _sentence(pick, 6)),) if number % 4 == 0 or name.startswith("instagram/") else ()
        endings = ("", f" https://example.com/{_sentence(pick, 1)}", f" #{_word(pick)}")
        texts = [_sentence(pick, pick.randrange(3, 30)) + pick.choice(endings) for _ in range(1 + (number % 7 == 0))]
        parts = tuple(Part(text, media if place == 0 else ()) for place, text in enumerate(texts))
        wanted = NewDelivery(name, parts, now, "UTC", "", secrets.token_hex(8))
        await engine.writer.run(lambda tx, wanted=wanted: posts.plan(tx, [wanted], now, source="train"))  # type: ignore[misc]
        await engine.worker.run_due()


def _word(pick: random.Random) -> str:
    return pick.choice(WORDS).strip(".,:;'").lower() or "x"


def _sentence(pick: random.Random, words: int) -> str:
    return " ".join(pick.choices(WORDS, k=words)) if words > 1 else _word(pick)


def _samples(reader: sqlite3.Connection, real: dict[str, str]) -> dict[Kind, list[Sample]]:
    found: defaultdict[Kind, list[Sample]] = defaultdict(list)
    pick = random.Random(1)  # noqa: S311 - as above
    for kind, text in reader.execute("SELECT kind, said(data) FROM entry ORDER BY seq"):
        for twin, origin in real.items():
            text = text.replace(twin, origin).replace(twin.partition("//")[2], origin.partition("//")[2])  # noqa: PLW2901 - what is sampled
        found[Kind.ANSWER if kind == "answer" else Kind.CALL].append(_dressed(text, kind, pick).encode())
    for (packed,) in reader.execute("SELECT packed FROM body UNION ALL SELECT body FROM entry WHERE body IS NOT NULL"):
        found[Kind.BODY].append(pack.unpack(packed))
    found[Kind.BODY] += answers(pick, lambda words: _sentence(pick, words), POSTS)
    return found


def _dressed(text: str, kind: str, pick: random.Random) -> str:
    """An answer with the headers that a real one has."""
    if kind != "answer":
        return text
    answer: dict[str, Any] = json.loads(text)
    held = {name for name, _ in answer["headers"]}
    answer["headers"] += [[name, value] for name, value in _usual(pick) if name not in held]
    return chain.canonical(answer)


def _usual(pick: random.Random) -> Iterator[tuple[str, str]]:
    at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=pick.randrange(10**9))
    yield "date", format_datetime(at, usegmt=True)
    yield from pick.sample(sorted(USUAL.items()), k=8)
    yield "x-response-time", str(pick.randrange(400))
    yield "x-request-id", "".join(pick.choices(string.hexdigits.lower(), k=32))


if __name__ == "__main__":
    main()
