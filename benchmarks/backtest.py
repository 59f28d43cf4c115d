"""A grid over a month of minutes: candles a second, trades included; and beside backtesting.py (the extra `bench`)."""

from __future__ import annotations

import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from connectors.exchange.candles import read
from connectors.market import Candle, Filters, Market
from jobs.bots.backtest import Played, play
from jobs.bots.strategies.grid import Grid

ROUNDS = 5
FEE = Decimal("0.001")
MARKET = Market("BTC/USD", "BTCUSD", "BTC", "USD", Filters(Decimal("0.01"), Decimal("0.00001")), maker=FEE, taker=FEE)
LOW, HIGH, SPACES = 33_000, 48_000, 30
UNIT = Decimal("0.01")  #: what is bought at a line; the peer trades whole units only, so its prices are for so much
CASH = Decimal(100_000)
GRID = Grid(
    symbol=MARKET.symbol,
    lower_price=Decimal(LOW),
    upper_price=Decimal(HIGH),
    grids_quantity=SPACES,
    quantity_per_grid=UNIT,
)


def measured() -> Iterator[Figure]:
    data = os.environ.get("AUTOMATOR_DATA")
    if data is None:
        print("backtest_candles_s           not measured: AUTOMATOR_DATA names no folder with candles")
        return
    candles = read(Path(data) / "market" / "BTC-USD-1m-2022-01.csv").candles
    ours = [_timed(lambda: _played(candles)) for _ in range(ROUNDS)]
    yield Figure("backtest_candles_s", len(candles) / statistics.median(ours), "1/s", ">= 50000", ROUNDS)
    if find_spec("backtesting") is None:
        print("backtest_over_peer           not measured: backtesting is not installed (the extra `bench`)")
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the peer's own
        peer, fills = _peer(candles)
        theirs = [_timed(peer) for _ in range(ROUNDS)]
    assert fills() == len(_played(candles).fills)  # else the two would not have done the same
    yield Figure("backtest_over_peer", statistics.median(theirs) / statistics.median(ours), "ratio", ">= 1", ROUNDS)


def _timed(do: Callable[[], Any]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def _played(candles: Sequence[Candle]) -> Played:
    minute = timedelta(minutes=1)
    return play(GRID, {MARKET.symbol: MARKET}, {MARKET.quote: CASH}, {MARKET.symbol: candles}, minute)


def _peer(candles: Sequence[Candle]) -> tuple[Callable[[], Any], Callable[[], int]]:
    """The same grid there, ready to run; and how many fills its last run had."""
    import pandas as pd  # noqa: PLC0415 - the peer's
    from backtesting import Backtest  # noqa: PLC0415 - an extra

    unit = float(UNIT)
    names = ("Open", "High", "Low", "Close")
    numbers = {name: [float(getattr(one, name.lower())) * unit for one in candles] for name in names}
    frame = pd.DataFrame(numbers, index=pd.DatetimeIndex([one.at for one in candles]))
    lines = [(LOW + number * (HIGH - LOW) / SPACES) * unit for number in range(SPACES + 1)]
    strategy = _strategy(lines, filled := [0])
    ready = Backtest(frame, strategy, cash=float(CASH), commission=float(FEE), finalize_trades=False)
    return ready.run, lambda: filled[0]


def _strategy(lines: Sequence[float], filled: list[int]) -> type:
    """The peer's strategy, which counts what was filled."""
    from backtesting import Strategy  # noqa: PLC0415 - an extra

    class Peer(Strategy):  # type: ignore[misc]
        """What the sells need first, then the lines; then counterparts one line away, as ours."""

        def init(self) -> None:
            self.cells: dict[int, tuple[Any, bool]] = {}
            self.sides: list[bool] = []
            filled[0] = 0

        def next(self) -> None:
            if not self.sides:
                price = float(self.data.Close[-1])
                self.sides = [low < price for low in lines[:-1]]
                filled[0] += 1
                self.buy(size=self.sides.count(False))
            elif not self.cells:
                for number, buys in enumerate(self.sides):
                    self.rest(number, buys=buys)
            else:
                resting = set(map(id, self.orders))
                for number, (order, buys) in list(self.cells.items()):
                    if id(order) not in resting:
                        filled[0] += 1
                        self.rest(number, buys=not buys)

        def rest(self, number: int, *, buys: bool) -> None:
            place, line = (self.buy, lines[number]) if buys else (self.sell, lines[number + 1])
            self.cells[number] = (place(size=1, limit=line), buys)

    return Peer
