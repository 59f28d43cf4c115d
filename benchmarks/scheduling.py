"""On time: how late a post leaves with a million planned, and how fast ten thousand leave that are due at once.

Both by `automator serve` itself, which is started before the posts are planned.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from automator.clock import micros
from automator.db import connect
from automator.egress.wire import base_transport
from automator.home import Home
from benchmarks.figure import Figure, percentile
from benchmarks.filled import fill, installation
from benchmarks.served import Served, server

PENDING = 1_000_000
SINGLES = 400
APART = timedelta(milliseconds=50)
BURST = 10_000
PLANNED = timedelta(seconds=15)  #: before they are due, ten thousand posts are planned
WIDTH = 64
ROUNDS = 3


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, server() as served:
        home = installation(Path(folder) / "home", served.url)
        later = datetime.now(UTC) + timedelta(days=400)
        fill(home, [later + timedelta(seconds=number) for number in range(PENDING)], "far")
        waits = _lateness(home, served)
        yield Figure("lateness_p99_ms", percentile(waits, 99), "ms", "<= 20")
        yield Figure("lateness_median_ms", statistics.median(waits), "ms")
        yield Figure("lateness_least_ms", min(waits), "ms", ">= 0")
    with tempfile.TemporaryDirectory() as folder, server() as served:
        home = installation(Path(folder) / "home", served.url)
        ratios = [_burst(home, served, f"b{number}-") for number in range(ROUNDS)]
        yield Figure("due_10k_over_transport", statistics.median(ratios), "ratio", "<= 2.5", ROUNDS)


@contextmanager
def _serving(home: Home) -> Iterator[None]:
    """The service at work."""
    with (
        subprocess.Popen(
            [sys.executable, "-m", "automator", "serve", "--home", str(home.path)], stdout=subprocess.DEVNULL
        ) as process,
        closing(connect(home.database, readonly=True)) as reader,
    ):
        deadline = time.monotonic() + 120
        began = micros(datetime.now(UTC))
        while reader.execute("SELECT count(*) FROM beat WHERE at >= ?", (began,)).fetchone() == (0,):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield
        process.terminate()
        assert process.wait(60) == 0


def _seen(served: Served, wanted: int) -> list[tuple[float, str]]:
    """What the server saw, once it is so many posts."""
    while served.count() < wanted:
        time.sleep(0.25)
    return served.seen()


def _lateness(home: Home, served: Served) -> list[float]:
    with _serving(home):
        start = datetime.now(UTC) + timedelta(seconds=3)
        due = [start + number * APART for number in range(SINGLES)]
        fill(home, due, "now")
        seen = _seen(served, SINGLES)
    at = {json.loads(body)["text"]: when for when, body in seen}
    return [(at[f"now{number:07}"] - when.timestamp()) * 1e3 for number, when in enumerate(due)]


async def _bare(url: str) -> float:
    """Seconds that the transport needs for as many."""
    begin = time.perf_counter()
    async with httpx.AsyncClient(transport=base_transport(), trust_env=False) as bare:
        numbers = iter(range(BURST))

        async def send() -> None:
            for number in numbers:
                await bare.post(f"{url}/2/tweets", json={"text": f"bare{number}"})

        await asyncio.gather(*(send() for _ in range(WIDTH)))
    return time.perf_counter() - begin


def _burst(home: Home, served: Served, prefix: str) -> float:
    alone = asyncio.run(_bare(served.url))
    served.seen()
    with _serving(home):
        due = datetime.now(UTC) + PLANNED
        fill(home, [due] * BURST, prefix)
        seen = _seen(served, BURST)
    assert len({body for _, body in seen}) == len(seen) == BURST, "sent twice, or not at all"
    return (max(at for at, _ in seen) - due.timestamp()) / alone
