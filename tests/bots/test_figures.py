"""The figures of a backtest, computed a second time from its trades alone, by the formulas of the textbooks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from connectors.market import Candle
from connectors.order import Side
from jobs.bots.backtest import Played, play
from jobs.bots.figures import curves, figures
from jobs.bots.report import lines
from jobs.bots.strategies.deal_dca import DealDca
from jobs.bots.strategies.grid import Grid
from jobs.bots.strategy import Strategy
from tests.bots.seen import BTC, MARKET, START

HOUR = timedelta(hours=1)
HUNDRED = Decimal(100)
BEGAN = 10_000.0
GRID = Grid.model_validate(
    {"symbol": BTC, "lower_price": 80, "upper_price": 140, "grids_quantity": 12, "quantity_per_grid": 5}
)
DEALS = DealDca.model_validate(
    {
        "symbol": BTC,
        "base_order_volume": 1000,
        "safety_order_volume": 1500,
        "max_safety_orders": 2,
        "take_profit": 2,
        "stop_loss_percentage": 9,
    }
)


def walk(hours: int = 24 * 40) -> list[Candle]:
    """Up and down around 110, with wicks, for forty days."""
    found, price = [], Decimal(110)
    for number in range(hours):
        close = round(Decimal(110 + 22 * math.sin(number / 37) + (number * 29 % 13) - 6), 2)
        high, low = max(price, close) + number % 3, min(price, close) - number % 2
        found.append(Candle(START + number * HOUR, price, high, low, close, Decimal(50)))
        price = close
    return found


def worths(played: Played, path: Sequence[Candle]) -> tuple[list[float], list[float]]:
    """What cash and coins are worth at each close, and the share in coins: the trades are gone through one by one."""
    cash, coins, left = BEGAN, 0.0, [one.fill for one in played.fills]
    worth, share = [], []
    for candle in path:
        # those at a close are dated with it, those within a candle with its beginning
        while left and left[0].at <= candle.at + HOUR and (left[0].at < candle.at + HOUR or _at_close(left[0], candle)):
            fill = left.pop(0)
            sign = 1 if fill.side is Side.BUY else -1
            coins += sign * float(fill.amount)
            cash -= sign * float(fill.amount * fill.price)
            if fill.fee_asset == "BTC":
                coins -= float(fill.fee)
            else:
                cash -= float(fill.fee)
        worth.append(cash + coins * float(candle.close))
        share.append(coins * float(candle.close) / worth[-1])
    assert not left
    return worth, share


def _at_close(fill: object, candle: Candle) -> bool:
    return getattr(fill, "price", None) == candle.close and not getattr(fill, "maker", True)


def daily(worth: Sequence[float]) -> list[float]:
    """Returns of days, each by its last worth; the first by the first worth of all."""
    ends = [worth[0], *worth[23::24]]
    return [after / before - 1 for before, after in pairwise(ends)]


def sharpe(returns: Sequence[float]) -> float:
    mean = sum(returns) / len(returns)
    variance = sum((one - mean) ** 2 for one in returns) / (len(returns) - 1)
    return mean / math.sqrt(variance) * math.sqrt(365)


def sortino(returns: Sequence[float]) -> float:
    below = sum(one * one for one in returns if one < 0) / len(returns)
    return sum(returns) / len(returns) / math.sqrt(below) * math.sqrt(365)


def deepest(worth: Sequence[float]) -> float:
    return max(1 - low / max(worth[: number + 1]) for number, low in enumerate(worth)) * 100


@pytest.mark.parametrize("strategy", [GRID, DEALS], ids=["grid", "deal_dca"])
def test_figures_computed_twice(strategy: Strategy[object]) -> None:
    """The worth of what is held at the end included, and of buying and holding alike."""
    path = walk()
    played = play(strategy, {BTC: MARKET}, {"USDT": Decimal(10_000)}, {BTC: path}, HOUR)  # type: ignore[type-var]
    found = figures(played, {BTC: MARKET}, curves(played, {BTC: MARKET}))
    worth, share = worths(played, path)
    assert len(played.fills) > 40
    assert played.open or share[-1] > 0
    assert float(found.worth_end) == pytest.approx(worth[-1], rel=1e-9)
    assert found.profit_percent == pytest.approx(worth[-1] / BEGAN * 100 - 100)
    assert found.max_drawdown_percent == pytest.approx(deepest(worth))
    returns = daily(worth)
    assert (found.sharpe, found.sortino) == pytest.approx((sharpe(returns), sortino(returns)))
    assert found.cagr_percent == pytest.approx(100 * ((worth[-1] / BEGAN) ** (365.25 / 40) - 1))
    assert found.exposure_percent == pytest.approx(100 * sum(share) / len(share))
    coins = BEGAN / float(path[0].close) * 0.999  # bought at the first close, for the taker's fee
    hold = [coins * float(candle.close) for candle in path]
    returns = daily(hold)
    assert found.hold_percent == pytest.approx(hold[-1] / BEGAN * 100 - 100)
    assert found.hold_max_drawdown_percent == pytest.approx(deepest(hold))
    assert (found.hold_sharpe, found.hold_sortino) == pytest.approx((sharpe(returns), sortino(returns)))
    assert found.hold_cagr_percent == pytest.approx(100 * ((hold[-1] / BEGAN) ** (365.25 / 40) - 1))
    paid = sum(fill.fee * (fill.price if fill.fee_asset == "BTC" else 1) for one in played.fills for fill in [one.fill])
    assert found.fees == paid


def test_where_nothing_moves_nothing_is_below_zero() -> None:
    """A price that stands still, and a grid beyond it: no figure is shown as minus nothing."""
    still = [replace(candle, open=HUNDRED, high=HUNDRED, low=HUNDRED, close=HUNDRED) for candle in walk()]
    played = play(GRID, {BTC: MARKET}, {"USDT": Decimal(10_000)}, {BTC: still}, HOUR)
    found = figures(played, {BTC: MARKET}, curves(played, {BTC: MARKET}))
    told = [cell for line in lines(replace(found, profit_percent=-1e-7), "USDT") for cell in line]
    assert "0.00 %" in told
    assert not [cell for cell in told if cell.startswith("-0.00")]


@pytest.mark.parametrize("strategy", [GRID, DEALS], ids=["grid", "deal_dca"])
def test_the_win_rate_computed_twice(strategy: Strategy[object]) -> None:
    """A sale wins that brings more, after its fee, than its share of the average cost, fees included."""
    path = walk()
    played = play(strategy, {BTC: MARKET}, {"USDT": Decimal(10_000)}, {BTC: path}, HOUR)  # type: ignore[type-var]
    held, cost, won = 0.0, 0.0, []
    for fill in (one.fill for one in played.fills):
        amount, paid = float(fill.amount), float(fill.amount * fill.price)
        if fill.side is Side.BUY:
            held, cost = held + amount - float(fill.fee), cost + paid
        else:
            part = cost * amount / held
            won.append(paid - float(fill.fee) > part)
            held, cost = held - amount, cost - part
    found = figures(played, {BTC: MARKET}, curves(played, {BTC: MARKET}))
    assert found.win_rate_percent == pytest.approx(100 * sum(won) / len(won))
    assert 0 < sum(won) < len(won)
