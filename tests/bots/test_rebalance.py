"""Rebalance: within the threshold nothing happens; beyond it shares are as they should be afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.order import Balance, OrderType, Side
from jobs.bots.parameters import BadParameters, read
from jobs.bots.strategies.rebalance import Rebalance, Weighed
from jobs.bots.strategy import Event, Place, View
from tests.bots.seen import MARKET, START, ended, placed

ETHER = replace(MARKET, symbol="ETH/USDT", id="ETHUSDT", base="ETH")
MARKETS = {"BTC/USDT": MARKET, "ETH/USDT": ETHER}
PRICES = {"BTC/USDT": Decimal(50_000), "ETH/USDT": Decimal(2_500)}
BOT = read("rebalance", Rebalance, {"indexed_coins": "BTC:50, ETH:30"})


def seen(balances: dict[str, object], *events: Event) -> View:
    held = {asset: Balance(asset, Decimal(str(free))) for asset, free in balances.items()}
    return View(MARKETS, PRICES, held, events)


def test_it_sells_what_is_too_much_and_then_buys_what_lacks() -> None:
    """Of 10,000 dollars all in bitcoin: 5,000 are sold, then ether is bought for 3,000, and 2,000 stay."""
    state, (sell,) = BOT.decide(BOT.begin(), seen({"BTC": "0.2"}), START)
    assert sell == Place("sell-1", "BTC/USDT", Side.SELL, OrderType.MARKET, amount=Decimal("0.1"))
    assert BOT.decide(state, seen({"BTC": "0.2"}), START)[1] == ()
    state, (buy,) = BOT.decide(state, seen({"BTC": "0.1", "USDT": 5000}, ended(sell)), START)
    assert buy == Place("buy-2", "ETH/USDT", Side.BUY, OrderType.MARKET, quote_amount=Decimal(3000))
    state, wishes = BOT.decide(state, seen({"BTC": "0.1", "ETH": "1.2", "USDT": 2000}, ended(buy)), START)
    assert wishes == ()
    assert BOT.waits(state).until == START + timedelta(days=1)


@pytest.mark.parametrize(("bitcoin", "trades"), [("0.1", False), ("0.119", False), ("0.125", True)])
def test_the_threshold(bitcoin: str, trades: bool) -> None:
    """Less than five points off is left alone, and looked at again a day later."""
    state, wishes = BOT.decide(BOT.begin(), seen({"BTC": bitcoin, "ETH": "1.2", "USDT": 2000}), START)
    assert bool(wishes) == trades
    assert state.next_at == START + timedelta(days=1)


@pytest.mark.parametrize(("least", "trades"), [(None, True), ("4", True), ("25", False)])
def test_the_smallest_order(least: str | None, trades: bool) -> None:
    """The exchange's own (here 5 dollars), or a larger one of the bot's, whatever the threshold says."""
    given_ = {"indexed_coins": "BTC:50", "rebalance_trigger_min_percent": "1"}
    bot = read("rebalance", Rebalance, given_ if least is None else given_ | {"min_order_size": least})
    _, wishes = bot.decide(bot.begin(), seen({"BTC": "0.0006", "USDT": 70}), START)
    assert bool(wishes) == trades


def test_what_the_exchange_would_refuse_is_left_out() -> None:
    """Two dollars lack, and it takes no order below five."""
    bot = read("rebalance", Rebalance, {"indexed_coins": "BTC:50", "rebalance_trigger_min_percent": "1"})
    state, wishes = bot.decide(bot.begin(), seen({"BTC": "0.00008", "USDT": 8}), START)
    assert wishes == []
    assert state.phase == "resting"


def test_without_prices_of_all_coins_it_waits() -> None:
    """A share can't be known without."""
    assert BOT.decide(BOT.begin(), View(MARKETS, {"BTC/USDT": Decimal(1)}, {}, ()), START) == (BOT.begin(), ())


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"indexed_coins": "BTC:80,ETH:30"}, "make 110 %"),
        ({"indexed_coins": "BTC:50,BTC:30"}, "names a coin twice"),
        ({"indexed_coins": "USDT:50"}, "names USDT"),
        ({"indexed_coins": "BTC:-5"}, "indexed_coins"),
        ({"indexed_coins": "BTC"}, "names no share for BTC; write BTC:50,ETH:30"),
        ({"indexed_coins": "BTC=50"}, "names no share for BTC=50"),
        ({"indexed_coins": ""}, "indexed_coins"),
        ({"indexed_coins": "BTC:NaN"}, "indexed_coins"),
        ({"indexed_coins": "BTC:50", "refresh_interval": "-1"}, "refresh_interval"),
        ({"indexed_coins": "BTC:50", "rebalance_trigger_min_percent": "0"}, "rebalance_trigger_min_percent"),
    ],
)
def test_nonsense(given_: dict[str, str], words: str) -> None:
    """Refused in one sentence."""
    with pytest.raises(BadParameters, match=words):
        read("rebalance", Rebalance, given_)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**9))
def test_shares_are_right_afterwards(bitcoin: int, ether: int, cents: int) -> None:
    """Whatever was held; to the size of the smallest order, and no balance is overdrawn."""
    held = {
        "BTC": bitcoin * Decimal("0.0001"),
        "ETH": ether * Decimal("0.0001"),
        "USDT": cents * Decimal("0.01"),
    }
    bot = BOT.model_copy(update={"rebalance_trigger_min_percent": Decimal("0.0001")})
    state, wishes = bot.decide(bot.begin(), seen(dict(held)), START)
    for _ in range(2):
        for wish in placed(wishes):
            price, coin = PRICES[wish.symbol], wish.symbol[:3]
            amount = wish.amount if wish.amount is not None else (wish.quote_amount or Decimal(0)) / price
            sign = 1 if wish.side is Side.BUY else -1
            held[coin] += sign * amount
            held["USDT"] -= sign * amount * price
        assert all(amount >= 0 for amount in held.values())
        state, wishes = bot.decide(state, seen(dict(held), *map(ended, wishes)), START)
    total = held["USDT"] + sum(held[coin] * PRICES[f"{coin}/USDT"] for coin in ("BTC", "ETH"))
    for coin, weight in (("BTC", 50), ("ETH", 30)):
        assert abs(held[coin] * PRICES[f"{coin}/USDT"] - total * weight / 100) <= 30
    assert Weighed.model_validate_json(state.model_dump_json()) == state


def test_a_part_of_the_whole_is_shared_out_in_proportion() -> None:
    """With 60 % to trade, 2 to 1 is 40 and 20; the rest stays."""
    given_ = {"indexed_coins": "BTC:2,ETH:1", "reference_market_ratio": "60"}
    bot = read("rebalance", Rebalance, given_)
    _, wishes = bot.decide(bot.begin(), seen({"USDT": 10_000}), START)
    assert [(wish.symbol, wish.quote_amount) for wish in placed(wishes)] == [("BTC/USDT", 4000), ("ETH/USDT", 2000)]


@pytest.mark.parametrize(("ether", "sold"), [("0.1", "0.1"), ("0.001", None), ("0", None)])
def test_what_is_in_the_index_no_more_is_sold(ether: str, sold: str | None) -> None:
    """However little it is of the whole, if the exchange takes an order for it; then what lacks is bought."""
    bot = read("rebalance", Rebalance, {"indexed_coins": "BTC:50", "sell_unindexed_traded_coins": "ETH"})
    assert bot.symbols == ("BTC/USDT", "ETH/USDT")
    state, wishes = bot.decide(bot.begin(), seen({"BTC": "0.1", "ETH": ether, "USDT": 5_000}), START)
    assert [wish.amount for wish in placed(wishes)] == ([Decimal(sold)] if sold else [])
    if sold:
        state, wishes = bot.decide(state, seen({"BTC": "0.1", "USDT": 5_250}, ended(placed(wishes)[0])), START)
        assert [(wish.symbol, wish.quote_amount) for wish in placed(wishes)] == [("BTC/USDT", 125)]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"reference_market_ratio": "101"}, "reference_market_ratio should be less than or equal to 100"),
        ({"reference_market_ratio": "0"}, "reference_market_ratio should be greater than 0"),
        ({"sell_unindexed_traded_coins": "BTC"}, "sell_unindexed_traded_coins names BTC, which is kept"),
        ({"sell_unindexed_traded_coins": "SOL,USDT"}, "names USDT, which is kept"),
        ({"sell_unindexed_traded_coins": "sol"}, "sell_unindexed_traded_coins.0"),
    ],
)
def test_nonsense_of_the_whole(changed: dict[str, str], words: str) -> None:
    """Refused in one sentence."""
    with pytest.raises(BadParameters, match=words):
        read("rebalance", Rebalance, {"indexed_coins": "BTC:50,ETH:30"} | changed)
