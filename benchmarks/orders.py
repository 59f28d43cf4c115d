"""What an order costs: from the call to its first byte at the exchange, and there and back, beside plain ccxt."""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from automator.engine import Engine
from automator.trading import orders
from benchmarks.figure import Figure
from benchmarks.traded import ACCOUNT, SYMBOL, Exchange, ccxt, exchange, installation
from connectors.market import Market
from connectors.order import OrderType, Side
from jobs.bots.strategy import Place

ROUNDS = 7
ORDERS = 25  #: in a round, of each
PLENTY = 10_000_000
ANSWER_MS = 20
AMOUNT, PRICE = Decimal("0.0002"), Decimal(40_000)

Placed = Callable[[], Awaitable[str]]  #: places one order; returns our id of it


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder, exchange() as served:
        served.put(orders=[PLENTY, PLENTY], weight=PLENTY)
        yield from asyncio.run(_beside_ccxt(Path(folder), served))


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
            done = orders.submit(tx, ACCOUNT, "bench", wish.tag, wish, opened.clock.now(), market=market, price=PRICE)
            assert isinstance(done, orders.Approved), done
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
