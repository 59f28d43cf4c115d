"""A bot on the sandbox's Binance, through the real connector: the orders of the backtest, one by one."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from automator import accounts
from automator.engine import Engine
from automator.home import Home
from automator.vault.choose import own_file
from connectors.base import Scope
from connectors.exchange import twin as binance
from connectors.exchange.candles import Series, read, ticked
from connectors.exchange.twin_world import Replay
from connectors.market import Candle
from jobs.bots.backtest import play
from jobs.bots.kinds import made
from tests.bots.market import FUNDS, MINUTE, Floor
from tests.bots.samples import BRACKET, BUY, DCA, GRID, MOVED, SHARES, STEPS, STOPPED, TRAILED, WIDER, candles
from tests.bots.watch import ordered, watched
from tests.clocks import START, StillClock

DATA = os.environ.get("AUTOMATOR_DATA")
ACCOUNT = "binance/main"
YEARS = timedelta(days=1800)


@asynccontextmanager
async def sandbox(folder: Path, path: Sequence[Candle], funds: Mapping[str, Decimal]) -> AsyncIterator[Floor]:
    """An installation with an account at the twin, whose market has come to the beginning of ``path``.

    The candles are of another year, as a file's are: the twin dates them by its clock.
    """
    clock = StillClock()
    clock.at = path[0].at
    before = replace(path[0], at=path[0].at - MINUTE, high=path[0].open, low=path[0].open, close=path[0].open)
    older = [replace(one, at=one.at - YEARS) for one in (before, *path)]
    app = binance.twin(clock.now, (Replay(binance.USUAL, Series(older, MINUTE)),), known=1)
    secrets = binance.add_account(app, "one", funds)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    home = Home(folder / "home")
    home.prepare()
    try:
        async with Engine(home, own_file(home.path), clock=clock) as engine:
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            await engine.connect(accounts.fresh(ACCOUNT, url, (Scope.READ, Scope.TRADE)), secrets)
            yield Floor(engine, app[binance.WORLD], clock)  # type: ignore[arg-type]
    finally:
        await runner.cleanup()


def funds_of(kind: str) -> Mapping[str, Decimal]:
    """A guard guards what is there."""
    return {"BTC": Decimal(2), **FUNDS} if kind == "guard" else FUNDS


async def traded(folder: Path, kind: str, given: dict[str, Any], path: Sequence[Candle], *, live: bool) -> None:
    funds = funds_of(kind)
    async with sandbox(folder, path, funds) as there:
        await there.add(kind, live=live, account=ACCOUNT, funds=funds, **given)
        for candle in path:
            there.clock.at = candle.at + MINUTE
            await there.due()


async def same(
    folder: Path, patch: pytest.MonkeyPatch, kind: str, given: dict[str, Any], path: Sequence[Candle]
) -> int:
    """How many orders a backtest placed, if the bot placed the same, live and on paper."""
    symbol = binance.USUAL.symbol
    with watched(patch) as tested:
        play(made(kind, given), {symbol: binance.USUAL}, funds_of(kind), {symbol: path}, MINUTE)
    for live in (True, False):
        with watched(patch) as arrived:
            await traded(folder / str(live), kind, given, path, live=live)
        assert ordered(arrived) == ordered(tested)
    return sum(map(len, tested.values()))


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("grid", GRID),
        ("grid", MOVED),
        ("grid", WIDER),
        ("recurring_buy", BUY),
        ("deal_dca", DCA),
        ("deal_dca", STOPPED),
        ("deal_dca", STEPS),
        ("guard", BRACKET),
        ("guard", TRAILED),
        ("rebalance", SHARES),
    ],
)
async def test_the_twin_gets_the_orders_of_the_backtest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, given: dict[str, Any]
) -> None:
    """What, how much, at which price, in which minute."""
    assert await same(tmp_path, monkeypatch, kind, given, candles(15)) >= 2


@pytest.mark.skipif(DATA is None, reason="AUTOMATOR_DATA names the folder of real candles")
async def test_on_real_candles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of January 2022, when bitcoin fell."""
    found = read(Path(DATA or "") / "market" / "BTC-USD-1m-2022-01.csv").candles[7_200:7_260]
    first = found[0].at
    path = ticked([replace(one, at=START + (one.at - first)) for one in found], Decimal("0.01"))
    low, high = (int(pick(one.close for one in path)) for pick in (min, max))
    grid = {
        "symbol": "BTC/USDT",
        "lower_price": low,
        "upper_price": high + 1,
        "grids_quantity": 8,
        "quantity_per_grid": "0.005",
    }
    assert await same(tmp_path, monkeypatch, "grid", grid, path) > 20
