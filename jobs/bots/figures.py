"""What a backtest came to: curves and figures, beside having bought everything at the start."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any

from connectors.market import Market
from connectors.order import Side
from jobs.bots.backtest import Played, end
from jobs.orders.positions import Lot, Lots, average, flow
from jobs.orders.risk import plain

YEAR = timedelta(days=365.25)
DAYS = 365  #: in which a market of coins is open
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Curves:
    """One value for each candle's close, in the quote asset: what the bot was worth, and what holding was."""

    at: Sequence[datetime]
    equity: Sequence[float]
    hold: Sequence[float]
    exposed: Sequence[float]  #: the share of the worth that was in base assets


@dataclass(frozen=True, slots=True)
class Figures:
    """Money is in the quote asset; ratios are per year, from daily returns; ``None``: too short to say.

    Attributes:
        fees: All of them, those in a base asset at the price of their trade.
        open_orders: At the end; what is held then is worth its last close.
        hold_percent: Of all that there was, bought at the first close with the taker's fee; so all that begin ``hold``.
        max_drawdown_percent: The deepest fall from a height, by candles' closes.
        cagr_percent: Compound growth a year, by the time from the first candle's beginning to the last one's end.
        sharpe: Mean of the daily returns by their sample deviation, times the root of 365; no interest is taken off.
        sortino: The same mean by the root of the mean square of the losses (gains are 0 in it).
        win_rate_percent: Of the sales, those that brought more than they cost on average, fees included.
        exposure_percent: On average so much of the worth was in base assets.
        stopped: Why the strategy stopped; empty: it went on to the end.
    """

    start: datetime
    end: datetime
    candles: int
    trades: int
    buys: int
    sells: int
    open_orders: int
    worth_start: Decimal
    worth_end: Decimal
    fees: Decimal
    profit_percent: float
    hold_percent: float
    max_drawdown_percent: float
    hold_max_drawdown_percent: float
    cagr_percent: float | None
    hold_cagr_percent: float | None
    sharpe: float | None
    hold_sharpe: float | None
    sortino: float | None
    hold_sortino: float | None
    win_rate_percent: float | None
    exposure_percent: float
    stopped: str

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {name: _json(value) for name, value in asdict(self).items()}


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, float):
        return round(value, 6)
    return value.isoformat() if isinstance(value, datetime) else value


def curves(played: Played, markets: Mapping[str, Market]) -> Curves:
    """The worth at each close, from when all symbols have a price."""
    at, equity, hold, exposed = list[datetime](), list[float](), list[float](), list[float]()
    prices: dict[str, float] = {}
    bases = {symbol: market.base for symbol, market in markets.items()}
    quote = next(iter(markets.values())).quote
    kept: dict[str, float] = {}
    for held, symbol, price, when in _closes(played):
        prices[symbol] = price
        if len(prices) < len(bases):
            continue
        coins = sum(held.get(base, 0.0) * prices[of] for of, base in bases.items())
        worth = held.get(quote, 0.0) + coins
        if not kept:
            begun = _begun(played, bases, quote, prices)
            kept = {of: begun * (1 - float(markets[of].taker)) / len(bases) / prices[of] for of in bases}
        at.append(when)
        equity.append(worth)
        hold.append(sum(amount * prices[of] for of, amount in kept.items()))
        exposed.append(coins / worth if worth else 0.0)
    return Curves(at, equity, hold, exposed)


def _closes(played: Played) -> Iterator[tuple[Mapping[str, float], str, float, datetime]]:
    """Each close, with what was held after it."""
    changes = [(one.number, {asset: float(much) for asset, much in one.held.items()}) for one in played.moments]
    following, held = 1, changes[0][1]
    for number, (symbol, candle) in enumerate(played.candles):
        while following < len(changes) and changes[following][0] <= number:
            held, following = changes[following][1], following + 1
        yield held, symbol, float(candle.close), candle.at + played.every


def _begun(played: Played, bases: Mapping[str, str], quote: str, prices: Mapping[str, float]) -> float:
    first = played.moments[0].held
    return float(first.get(quote, ZERO)) + sum(float(first.get(base, ZERO)) * prices[of] for of, base in bases.items())


def figures(played: Played, markets: Mapping[str, Market], curve: Curves) -> Figures:
    """All figures of a backtest that has at least one candle of each symbol."""
    quote = next(iter(markets.values())).quote
    first = {symbol: candle.open for symbol, candle in reversed(played.candles)}
    last = {symbol: candle.close for symbol, candle in played.candles}
    begun, ended = (
        one.held.get(quote, ZERO) + sum(one.held.get(markets[of].base, ZERO) * price for of, price in prices.items())
        for one, prices in ((played.moments[0], first), (played.moments[-1], last))
    )
    fills = [filled.fill for filled in played.fills]
    returns, held = _returns(curve.at, curve.equity), _returns(curve.at, curve.hold)
    lasted = end(played) - played.candles[0][1].at
    return Figures(
        start=played.candles[0][1].at,
        end=end(played),
        candles=len(played.candles),
        trades=len(fills),
        buys=sum(fill.side is Side.BUY for fill in fills),
        sells=sum(fill.side is Side.SELL for fill in fills),
        open_orders=len(played.open),
        worth_start=begun,
        worth_end=ended,
        fees=sum((fill.fee * (1 if fill.fee_asset == quote else fill.price) for fill in fills), ZERO),
        profit_percent=float(ended / begun - 1) * 100 if begun else 0.0,
        hold_percent=(curve.hold[-1] / float(begun) - 1) * 100 if begun else 0.0,
        max_drawdown_percent=100 * max(0.0, -min(drawdown(curve.equity))),
        hold_max_drawdown_percent=100 * max(0.0, -min(drawdown(curve.hold))),
        cagr_percent=_yearly(float(ended / begun) if begun else 0.0, lasted),
        hold_cagr_percent=_yearly(curve.hold[-1] / float(begun) if begun else 0.0, lasted),
        sharpe=_sharpe(returns),
        hold_sharpe=_sharpe(held),
        sortino=_sortino(returns),
        hold_sortino=_sortino(held),
        win_rate_percent=_wins(played, markets, first),
        exposure_percent=100 * fmean(curve.exposed),
        stopped=played.why,
    )


def drawdown(worths: Sequence[float]) -> list[float]:
    """How far below its height so far each value is, as a share: 0 or less."""
    found, height = list[float](), 0.0
    for worth in worths:
        height = max(height, worth)
        found.append(worth / height - 1 if height else 0.0)
    return found


def _returns(at: Sequence[datetime], worths: Sequence[float]) -> list[float]:
    """Of each day (UTC), from the last worth of the day before; of the first one from its first."""
    last = {
        (when - timedelta(microseconds=1)).astimezone(UTC).date(): worth for when, worth in zip(at, worths, strict=True)
    }
    return [after / before - 1 for before, after in pairwise([worths[0], *last.values()]) if before > 0]


def _sharpe(returns: Sequence[float]) -> float | None:
    return _ratio(returns, stdev(returns)) if len(returns) > 1 else None


def _sortino(returns: Sequence[float]) -> float | None:
    return _ratio(returns, math.sqrt(fmean(min(one, 0.0) ** 2 for one in returns))) if len(returns) > 1 else None


def _ratio(returns: Sequence[float], deviation: float) -> float | None:
    return fmean(returns) / deviation * math.sqrt(DAYS) if deviation else None


def _yearly(growth: float, lasted: timedelta) -> float | None:
    if growth <= 0 or lasted < timedelta(days=1):
        return None
    try:
        return (math.pow(growth, YEAR / lasted) - 1) * 100
    except OverflowError:
        return None


def _wins(played: Played, markets: Mapping[str, Market], first: Mapping[str, Decimal]) -> float | None:
    lots: dict[str, Lots] = {}
    for symbol, price in first.items():
        held = played.moments[0].held.get(markets[symbol].base, ZERO)
        lots[symbol] = (Lot(held, held * price),) if held else ()
    earned = list[Decimal]()
    for filled in played.fills:
        fill = filled.fill
        lots[fill.symbol], gain = average(lots[fill.symbol], flow(fill))
        if fill.side is Side.SELL:
            earned.append(gain)
    return 100 * sum(gain > 0 for gain in earned) / len(earned) if earned else None
