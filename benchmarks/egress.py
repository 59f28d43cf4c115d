"""What the record costs: the full stack beside unaudited clients, in the same run. ``make bench``.

Every audited call is a write with visible effect: its plan frozen and recorded on the disk, sent, its answer committed.
Rounds are interleaved; each figure is the median over rounds of the figure of one round.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from pathlib import Path

import httpx

from automator import memory
from automator.clock import SystemClock
from automator.db import Writer, connect
from automator.egress.call import Call
from automator.egress.stack import client
from automator.egress.wire import base_transport
from automator.schema import create
from benchmarks.figure import Figure
from benchmarks.served import server
from connectors.base import Intent
from tests.toy.provider import CREATE_ONCE, account

ROUNDS = 5
ALONE, TOGETHER, WIDTH = 200, 1_500, 64

Post = Callable[[], Awaitable[None]]


async def rate(post: Post, calls: int, width: int) -> float:
    """Calls per second with ``width`` at once."""
    left = iter(range(calls))

    async def work() -> None:
        for _ in left:
            await post()

    begin = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(width)))
    return calls / (time.perf_counter() - begin)


async def measure(url: str, folder: Path) -> dict[str, list[float]]:
    path = folder / "bench.db"
    create(path)
    reader, clock, who, keys = connect(path, readonly=True), SystemClock(), account(url), count()
    rates: dict[str, list[float]] = {}
    base = httpx.AsyncClient(transport=base_transport(), trust_env=False)
    plain = httpx.AsyncClient(trust_env=False)
    with Writer(path) as writer:
        async with client(base_transport(), writer, reader, clock) as audited, base, plain:

            async def post_audited() -> None:
                key = f"bench-{next(keys)}"
                plan = {"text": f"hello {key}"}
                call = Call(CREATE_ONCE, who, Intent(key, plan))
                await audited.request("POST", f"{url}/posts", json=plan, extensions={"automator": call})

            async def post_base() -> None:
                await base.post(f"{url}/posts", json={"text": f"hello {next(keys)}"})

            async def post_plain() -> None:
                await plain.post(f"{url}/posts", json={"text": f"hello {next(keys)}"})

            for number in range(ROUNDS + 1):
                for name, post in (("audited", post_audited), ("base", post_base), ("httpx", post_plain)):
                    for calls, width in ((ALONE, 1), (TOGETHER, WIDTH)):
                        value = await rate(post, calls, width)
                        if number:  # the first round warms up
                            rates.setdefault(f"{name}_c{width}", []).append(value)
    reader.close()
    return rates


def measured() -> Iterator[Figure]:
    memory.settle()  # as the service does; the other clients gain from it too
    with tempfile.TemporaryDirectory() as folder, server() as served:
        rates = asyncio.run(measure(served.url, Path(folder)))

    def ratio(over: str, under: str) -> float:
        return statistics.median(a / b for a, b in zip(rates[over], rates[under], strict=True))

    added = statistics.median(1e3 / a - 1e3 / b for a, b in zip(rates["audited_c1"], rates["base_c1"], strict=True))
    yield Figure("audited_over_httpx_c64", ratio("audited_c64", "httpx_c64"), "ratio", ">= 2.0", ROUNDS)
    yield Figure("audited_over_httpx_c1", ratio("audited_c1", "httpx_c1"), "ratio", ">= 1.0", ROUNDS)
    yield Figure("audited_over_base_c64", ratio("audited_c64", "base_c64"), "ratio", ">= 0.5", ROUNDS)
    yield Figure("added_ms_c1", added, "ms", "<= 1.0", ROUNDS)
    for name, values in rates.items():
        yield Figure(f"{name}_calls_s", statistics.median(values), "calls/s", "", ROUNDS)
