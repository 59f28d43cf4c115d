"""On time: how late a post leaves with a million planned, and how fast ten thousand leave that are due at once."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from automator.egress.wire import base_transport
from automator.home import Home
from benchmarks.figure import Figure, percentile
from benchmarks.filled import engine, fill, installation
from benchmarks.served import Served, server

PENDING = 1_000_000
SINGLES = 400
APART = timedelta(milliseconds=50)
BURST = 10_000
WIDTH = 64
ROUNDS = 3


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder, server() as served:
        home = installation(Path(folder) / "home", served.url)
        later = datetime.now(UTC) + timedelta(days=400)
        fill(home, [later + timedelta(seconds=number) for number in range(PENDING)], "far")
        waits = asyncio.run(_lateness(home, served))
        yield Figure("lateness_p99_ms", percentile(waits, 99), "ms", "<= 20")
        yield Figure("lateness_median_ms", statistics.median(waits), "ms")
        yield Figure("lateness_least_ms", min(waits), "ms", ">= 0")
    with tempfile.TemporaryDirectory() as folder, server() as served:
        home = installation(Path(folder) / "home", served.url)
        ratios = [asyncio.run(_burst(home, served, f"b{number}-")) for number in range(ROUNDS)]
        yield Figure("due_10k_over_transport", statistics.median(ratios), "ratio", "<= 2.5", ROUNDS)


async def _work(home: Home, served: Served, wanted: int) -> list[tuple[float, str]]:
    """Serve until the server has seen so many posts."""
    async with engine(home) as opened:
        stop = asyncio.Event()
        serving = asyncio.create_task(opened.worker.serve(stop))
        while await asyncio.to_thread(served.count) < wanted:
            await asyncio.sleep(0.25)
        stop.set()
        await serving
    return served.seen()


async def _lateness(home: Home, served: Served) -> list[float]:
    start = datetime.now(UTC) + timedelta(seconds=3)
    due = [start + number * APART for number in range(SINGLES)]
    fill(home, due, "now")
    seen = await _work(home, served, SINGLES)
    at = {json.loads(body)["text"]: when for when, body in seen}
    return [(at[f"now{number:07}"] - when.timestamp()) * 1e3 for number, when in enumerate(due)]


async def _burst(home: Home, served: Served, prefix: str) -> float:
    begin = time.perf_counter()
    async with httpx.AsyncClient(transport=base_transport(), trust_env=False) as bare:
        numbers = iter(range(BURST))

        async def send() -> None:
            for number in numbers:
                await bare.post(f"{served.url}/2/tweets", json={"text": f"bare{number}"})

        await asyncio.gather(*(send() for _ in range(WIDTH)))
    alone = time.perf_counter() - begin
    served.seen()
    due = datetime.now(UTC) + timedelta(seconds=4)
    fill(home, [due] * BURST, prefix)
    seen = await _work(home, served, BURST)
    assert len({body for _, body in seen}) == len(seen) == BURST, "sent twice, or not at all"
    return (max(at for at, _ in seen) - due.timestamp()) / alone
