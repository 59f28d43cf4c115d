"""What an order costs: from the call to its first byte at the exchange, and there and back, beside plain ccxt."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from automator.engine import Engine
from automator.trading import submission
from benchmarks.figure import Figure, percentile
from benchmarks.traded import ACCOUNT, SYMBOL, Exchange, ccxt, engine, exchange, installation
from connectors.base import NotNow
from connectors.market import Market
from connectors.order import OrderType, Side
from jobs.bots.strategy import Place

ROUNDS = 9
ORDERS = 10  #: in a round, of each
PLENTY = 10_000_000
RESTING = [1000, 5]  #: orders that may rest: those of all rounds do, about as many as in an account that is in full use
ANSWER_MS = 20
AMOUNT, PRICE = Decimal("0.0002"), Decimal(40_000)

WINDOW, WEIGHT = 10, 1000  #: seconds, and what fits in them: as Binance has it, in shorter windows
BOTS, PROCESSES = 10, 2
SINGLES = 400  #: orders beside the bots
APART = 0.11  #: seconds, less often than an account may place orders
WINDOWS = 4  #: measured, after the first

Placed = Callable[[], Awaitable[str]]  #: places one order; returns our id of it


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, exchange() as served:
        served.put(orders=[PLENTY, PLENTY], weight=PLENTY, resting=RESTING)
        yield from asyncio.run(_beside_ccxt(Path(folder), served))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, exchange() as served:
        served.put(window=WINDOW, weight=WEIGHT, resting=RESTING)
        waits = asyncio.run(_beside_bots(Path(folder), served))
        yield Figure("order_p99_ms", percentile(waits, 99), "ms", "<= 50", len(waits))
        yield Figure("order_beside_bots_ms", statistics.median(waits), "ms", "", len(waits))
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, exchange() as served:
        served.put(window=WINDOW, weight=WEIGHT, resting=RESTING)
        share, refused = _used(Path(folder), served)
        yield Figure("exchange_limiter_use", share, "share", ">= 0.95", WINDOWS)
        yield Figure("exchange_429", refused, "answers", "0", WINDOWS)


async def _beside_ccxt(folder: Path, served: Exchange) -> list[Figure]:
    added, ratios, firsts = [], [], {"order_first_byte_ms": [], "ccxt_first_byte_ms": []}
    async with installation(folder / "home", served) as opened, ccxt(served) as client:
        session, there = opened.trading(ACCOUNT, {})
        market = (await there.markets(session))[SYMBOL]
        both = (_ours(opened, market), _theirs(client))
        for number in range(ROUNDS + 1):
            served.ask("answer 0")
            (first, _), (plain, _) = await _round(served, both)
            served.ask(f"answer {ANSWER_MS}")
            (_, whole), (_, usual) = await _round(served, both)
            if number:  # the first round warms up
                added.append(first - plain)
                ratios.append(whole / usual)
                firsts["order_first_byte_ms"].append(first)
                firsts["ccxt_first_byte_ms"].append(plain)
    figures = [
        Figure("order_added_ms", statistics.median(added), "ms", "<= 2.0", ROUNDS),
        Figure("order_over_ccxt", statistics.median(ratios), "ratio", "<= 1.15", ROUNDS),
    ]
    return figures + [Figure(name, statistics.median(values), "ms", "", ROUNDS) for name, values in firsts.items()]


async def _round(served: Exchange, both: tuple[Placed, ...]) -> list[tuple[float, float]]:
    """Of each, by turns: the median milliseconds to the first byte, and there and back."""
    served.orders()
    began: list[dict[str, tuple[int, int]]] = [{} for _ in both]
    for _ in range(ORDERS):
        for place, mine in zip(both, began, strict=True):
            start = time.monotonic_ns()
            order = await place()
            mine[order] = (start, time.monotonic_ns())
    seen = served.orders()
    return [
        (
            statistics.median(seen[order] - start for order, (start, _) in mine.items()) / 1e6,
            statistics.median(end - start for start, end in mine.values()) / 1e6,
        )
        for mine in began
    ]


def _ours(opened: Engine, market: Market) -> Placed:
    """Through everything: judged, kept, sent within limits, its answer kept."""
    numbers = count()

    async def place() -> str:
        wish = Place(f"order {next(numbers)}", SYMBOL, Side.BUY, OrderType.LIMIT, AMOUNT, PRICE)

        def put(tx: sqlite3.Connection) -> tuple[str, list[str]]:
            done = submission.submit(
                tx, ACCOUNT, "bench", wish.tag, wish, opened.clock.now(), market=market, price=PRICE
            )
            assert isinstance(done, submission.Approved), done
            return done.order, [done.order]

        order, (task,) = await opened.worker.begin(put)
        await task
        return order

    return place


def _theirs(client: Any) -> Placed:
    amount, price = float(AMOUNT), float(PRICE)

    async def place() -> str:
        name = uuid.uuid4().hex
        await client.create_order(SYMBOL, "limit", "buy", amount, price, {"clientOrderId": name})
        return name

    return place


async def _reads(opened: Engine, stop: Callable[[], bool]) -> None:
    """A bot that wants to know the price as often as the budget allows."""
    session, there = opened.trading(ACCOUNT, {"bot": "reader"})
    while not stop():
        try:
            await there.ticker(session, SYMBOL)
        except NotNow as later:
            wait = (later.until or opened.clock.now()) - opened.clock.now()
            await asyncio.sleep(max(0.005, wait.total_seconds()))


async def _beside_bots(folder: Path, served: Exchange) -> list[float]:
    """Milliseconds to the first byte of orders, one now and then, while bots of the same process use up the budget."""
    async with installation(folder / "home", served) as opened:
        session, there = opened.trading(ACCOUNT, {})
        place, ended = _ours(opened, (await there.markets(session))[SYMBOL]), asyncio.Event()
        bots = [asyncio.create_task(_reads(opened, ended.is_set)) for _ in range(BOTS)]
        began: dict[str, int] = {}

        async def order() -> None:
            start = time.monotonic_ns()
            began[await place()] = start

        placed = []
        for _ in range(SINGLES):
            await asyncio.sleep(APART)
            placed.append(asyncio.create_task(order()))
        await asyncio.gather(*placed)
        ended.set()
        for bot in bots:
            bot.cancel()
        await asyncio.gather(*bots, return_exceptions=True)
    seen = served.orders()
    return [(seen[order] - start) / 1e6 for order, start in began.items()]


def _used(folder: Path, served: Exchange) -> tuple[float, float]:
    """The share of the weight that two processes used, and how many answers refused them."""
    asyncio.run(_installed(folder / "home", served))
    arguments = [sys.executable, "-m", "benchmarks.orders", str(folder / "home")]
    readers = [subprocess.Popen(arguments) for _ in range(PROCESSES)]
    codes = [reader.wait(WINDOW * (WINDOWS + 5)) for reader in readers]
    assert codes == [0, 0], codes
    said = served.ask("windows")
    # while it was installed, the window in which they began, those that are measured, and the one in which they ended
    used = [said["used"][ends] for ends in sorted(said["used"], key=float)]
    assert len(used) >= WINDOWS + 2, said
    whole = used[-WINDOWS - 1 : -1]
    return statistics.mean(min(1.0, one / WEIGHT) for one in whole), float(said["refused"])


async def _installed(folder: Path, served: Exchange) -> None:
    async with installation(folder, served):
        pass


async def _read_for(folder: Path) -> None:
    """What each of the processes does."""
    ends = time.monotonic() + WINDOW * (WINDOWS + 2.2)
    async with engine(folder) as opened:
        await asyncio.gather(*(_reads(opened, lambda: time.monotonic() > ends) for _ in range(BOTS // PROCESSES)))


if __name__ == "__main__":
    asyncio.run(_read_for(Path(sys.argv[1])))
