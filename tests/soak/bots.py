"""The twenty bots of a soak: all kinds, on three accounts, each with what it may use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from automator.trading.bots import Bot, OnStop
from tests.soak.market import BTC, ETH, price

EVERY = timedelta(seconds=1)  #: half an hour of the market's
STRATEGY = '''
"""Buys a little at the market, offers it a little above, and takes the offer back after a while."""


class Swing:
    symbols = ["SYMBOL"]

    def decide(self, state, view, now):
        state = state or {"count": 0, "open": [], "age": 0}
        ended = {event["tag"] for event in view["events"] if event["event"] == "ended"}
        state["open"] = [tag for tag in state["open"] if tag not in ended]
        state["age"] += 1
        if state["open"]:
            return (state, [{"cancel": tag} for tag in state["open"]]) if state["age"] % 7 == 0 else (state, [])
        state["count"] += 1
        tag, price = "swing-%d" % state["count"], float(view["prices"]["SYMBOL"])
        state["open"].append(tag)
        wish = {"tag": tag, "symbol": "SYMBOL", "amount": "AMOUNT"}
        if state["count"] % 2:
            wish.update(side="buy", type="market")
        else:
            wish.update(side="sell", type="limit", price="%.PLACESf" % (price * 1.002))
        return state, [{"place": wish}]
'''
PLAYED = {BTC: ("0.002", "2"), ETH: ("0.1", "5")}


@dataclass(frozen=True)
class Few:
    """How much a bot trades in a market at a time."""

    symbol: str
    base: str
    quote: str


AMOUNTS = {BTC: Few(BTC, "0.01", "500"), ETH: Few(ETH, "0.5", "0.05")}


def twenty(folder: Path, seed: int) -> list[Bot]:
    """All of them; files of strategies are written to ``folder``."""
    prices = {symbol: price(symbol, seed) for symbol in (BTC, ETH)}
    own = {symbol: _file(folder, symbol) for symbol in (BTC, ETH)}
    found = list[Bot]()
    for number, account in enumerate(("one", "two", "three")):
        symbol, other = (BTC, ETH) if number % 2 == 0 else (ETH, BTC)
        for kind, given in _kinds(symbol, other, prices, own):
            if len(found) == 20:
                break
            found.append(_bot(f"{account}-{kind.replace('_', '-')}", kind, account, given, len(found)))
    return found


def _kinds(
    symbol: str, other: str, prices: Mapping[str, Decimal], own: Mapping[str, Path]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "grid", _grid(symbol, prices[symbol])
    yield "deal_dca", _deal(other)
    yield (
        "recurring_buy",
        {
            "symbol": symbol,
            "amount_to_buy_in_reference_market": AMOUNTS[symbol].quote,
            "minutes_before_next_buy": 1,
            "use_market_entry_orders": symbol == BTC,
            "entry_limit_orders_price_percent": "0.2",
        },
    )
    yield "signal", {"symbol": symbol, "amount": AMOUNTS[symbol].quote}
    yield (
        "guard",
        {
            "symbol": other,
            "amount": AMOUNTS[other].base,
            "entry_price": prices[other],
            "stop_loss": "0.01",
            "take_profit": "0.02",
            "trailing_stop_delta": "0.01",
        },
    )
    yield (
        "rebalance",
        {
            "reference_market": symbol.partition("/")[2],
            "indexed_coins": f"{symbol.partition('/')[0]}:50",
            "refresh_interval": 0,
            "rebalance_trigger_min_percent": "0.2",
            "min_order_size": "10" if symbol == BTC else "0.001",
        },
    )
    yield "own", {"file": str(own[symbol])}


MOVED = {"order_currency_type": "quote", "trailing_up_enabled": True, "trailing_down_enabled": True}


def _grid(symbol: str, at: Decimal) -> Mapping[str, Any]:
    few = AMOUNTS[symbol]
    return {
        "symbol": symbol,
        "lower_price": at * Decimal("0.9" if symbol == ETH else "0.99"),
        "upper_price": at * Decimal("1.1" if symbol == ETH else "1.01"),
        "grids_quantity": 30,
        "grid_type": "geometric" if symbol == ETH else "arithmetic",
        "quantity_per_grid": few.base if symbol == ETH else few.quote,
        **({} if symbol == ETH else MOVED),
        "max_active_buy_lines": 6,
        "max_active_sell_lines": 6,
    }


IN_STEPS = {"take_profit_steps": "40:0.3,60:0.8", "sl_to_breakeven_enabled": True, "stop_loss_percentage": "4"}


def _deal(symbol: str) -> Mapping[str, Any]:
    return {
        "symbol": symbol,
        "base_order_volume": AMOUNTS[symbol].quote,
        "start_order_type": "limit" if symbol == ETH else "market",
        "safety_order_volume": AMOUNTS[symbol].quote,
        "max_safety_orders": 4,
        "active_safety_orders_count": 2,
        "safety_order_step_percentage": "0.4",
        **({"take_profit": "0.5"} if symbol == ETH else IN_STEPS),
        "trailing_enabled": symbol == ETH,
        "trailing_deviation": "0.1",
    }


def _bot(name: str, kind: str, account: str, given: Mapping[str, Any], number: int) -> Bot:
    parameters = {key: str(value) for key, value in given.items()}
    funds = {"USDT": Decimal(50_000), "BTC": Decimal(2), "ETH": Decimal(20)}
    policy = OnStop.CANCEL if number % 2 else OnStop.KEEP
    return Bot(name, kind, f"binance/{account}", True, parameters, funds, EVERY, policy)


def _file(folder: Path, symbol: str) -> Path:
    amount, places = PLAYED[symbol]
    text = STRATEGY.replace("SYMBOL", symbol).replace("AMOUNT", amount).replace("PLACES", places)
    path = folder / f"swing-{symbol.replace('/', '-').lower()}.py"
    path.write_text(text)
    return path
