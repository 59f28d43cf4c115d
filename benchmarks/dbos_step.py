"""Beside a general tool: the same call as a step of DBOS on SQLite (the extra `bench`)."""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
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
CALLS = 100


def measured() -> Iterator[Figure]:
    if find_spec("dbos") is None:
        print("audited_over_dbos_c1         not measured: dbos is not installed (the extra `bench`)")
        return
    memory.settle()  # as the service does; both gain from it
    with tempfile.TemporaryDirectory() as folder, server() as served:
        ratios = asyncio.run(_ratios(served.url, Path(folder)))
    yield Figure("audited_over_dbos_c1", statistics.median(ratios), "ratio", ">= 10", ROUNDS)


async def _ratios(url: str, folder: Path) -> list[float]:
    from dbos import DBOS  # noqa: PLC0415 - an extra

    logging.getLogger("dbos").setLevel(logging.ERROR)
    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{folder / 'dbos.db'}", "log_level": "ERROR"})
    plain = httpx.AsyncClient(trust_env=False)

    @DBOS.step()
    async def send(text: str) -> str:
        answer = await plain.post(f"{url}/posts", json={"text": text})
        return answer.text

    @DBOS.workflow()
    async def post(text: str) -> str:
        return str(await send(text))

    DBOS.launch()
    path = folder / "bench.db"
    create(path)
    reader, who, keys = connect(path, readonly=True), account(url), count()
    ratios: list[float] = []
    with Writer(path) as writer:
        async with client(base_transport(), writer, reader, SystemClock()) as audited:
            for number in range(ROUNDS + 1):
                begin = time.perf_counter()
                for _ in range(CALLS):
                    await post(f"hello {next(keys)}")
                middle = time.perf_counter()
                for _ in range(CALLS):
                    key = f"bench-{next(keys)}"
                    call = Call(CREATE_ONCE, who, Intent(key, {"text": key}))
                    await audited.request("POST", f"{url}/posts", json={"text": key}, extensions={"automator": call})
                if number:  # the first round warms up
                    ratios.append((middle - begin) / (time.perf_counter() - middle))
    reader.close()
    await plain.aclose()
    DBOS.destroy()
    return ratios
