"""Markets, orders and candles for tests."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.exchange.paper import Paper, Rules
from connectors.market import Candle, Filters, Market
from connectors.order import OrderRequest, OrderType, Side, TimeInForce

D = Decimal

BTC = Market(
    "BTC/USDT",
    "BTCUSDT",
    "BTC",
    "USDT",
    Filters(
        tick=D("0.01"),
        lot=D("0.0001"),
        min_amount=D("0.0001"),
        max_amount=D(100),
        min_notional=D(5),
        max_notional=D(1_000_000),
        lowest=D("0.2"),
        highest=D(5),
    ),
    maker=D("0.001"),
    taker=D("0.002"),
)
T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def order(name: str, side: str, kind: str, **numbers: Any) -> OrderRequest:
    """An order for BTC; numbers as they are written."""
    lasts = TimeInForce(numbers.pop("tif", "gtc"))
    given = {key: D(str(value)) for key, value in numbers.items()}
    return OrderRequest(name, "BTC/USDT", Side(side), OrderType(kind), **given, time_in_force=lasts)


def candle(prices: str, *, minute: int = 0, volume: str = "1000") -> Candle:
    """``open high low close``."""
    first, high, low, close = (D(price) for price in prices.split())
    return Candle(T0 + minute * MINUTE, first, high, low, close, D(volume))


def account(price: str = "100", *, market: Market = BTC, rules: Rules | None = None, **balances: str) -> Paper:
    """An account with 10 BTC and 1,000 USDT, or with ``balances``, on a market that is at ``price``."""
    held = balances or {"BTC": "10", "USDT": "1000"}
    paper = Paper({market.symbol: market}, {asset: D(amount) for asset, amount in held.items()}, rules)
    paper.feed(market.symbol, candle(" ".join([price] * 4)))
    return paper
