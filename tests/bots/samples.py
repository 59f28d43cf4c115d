"""Bots as a person starts them, and a market for them."""

from __future__ import annotations

from decimal import Decimal

from connectors.market import Candle
from tests.bots.market import MINUTE
from tests.clocks import START

GRID = {
    "symbol": "BTC/USDT",
    "lower_price": 100,
    "upper_price": 170,
    "grids_quantity": 7,
    "quantity_per_grid": 1,
}
MOVED = {
    "symbol": "BTC/USDT",
    "lower_price": 125,
    "upper_price": 145,
    "grids_quantity": 4,
    "quantity_per_grid": 200,
    "order_currency_type": "quote",
    "trailing_up_enabled": True,
    "trailing_down_enabled": True,
}
WIDER = {name: value for name, value in MOVED.items() if not name.startswith("trailing")} | {
    "profit_currency_type": "base",
    "expansion_up_enabled": True,
    "expansion_up_stop_price": 160,
    "expansion_down_enabled": True,
    "expansion_down_stop_price": 110,
    "max_active_buy_lines": 3,
}
BUY = {"symbol": "BTC/USDT", "amount_to_buy_in_reference_market": 100, "minutes_before_next_buy": 5}
DCA = {
    "symbol": "BTC/USDT",
    "base_order_volume": 200,
    "safety_order_volume": 300,
    "max_safety_orders": 3,
    "active_safety_orders_count": 2,
    "take_profit": 3,
    "stop_loss_percentage": 20,
}
GUARD = {
    "symbol": "BTC/USDT",
    "amount": 2,
    "entry_price": 110,
    "stop_loss": "0.1",
    "trailing_stop_delta": "0.05",
    "trailing_stop_activation": "0.05",
}
BRACKET = {"symbol": "BTC/USDT", "amount": 2, "entry_price": 135, "stop_loss": "0.25", "take_profit": "0.2"}
TRAILED = {**BRACKET, "trailing_stop_delta": "0.25", "take_profit_order_type": "limit"}
SHARES = {"indexed_coins": "BTC:50", "refresh_interval": 0, "rebalance_trigger_min_percent": 2}
STOPPED = {**DCA, "stop_loss_percentage": 12, "max_safety_orders": 2}
STEPS = {name: value for name, value in DCA.items() if name != "take_profit"} | {
    "take_profit_steps": "40:3,35:9,25:15",
    "sl_to_breakeven_enabled": True,
    "tsl_enabled": True,
}


def candles(count: int = 40) -> list[Candle]:
    """Up and down, with wicks."""
    found, price = [], Decimal(135)
    for number in range(count):
        close = Decimal(135 + (number * 37) % 61 - 30)
        low, high = min(price, close) - number % 3, max(price, close) + number % 5
        found.append(Candle(START + number * MINUTE, price, high, low, close, Decimal(100)))
        price = close
    return found
