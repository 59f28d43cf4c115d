"""Recurring buy: on time, never twice, and what was missed as the catch-up policy says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.order import OrderState, OrderType, Side
from jobs.bots.strategies.recurring_buy import Bought, RecurringBuy
from jobs.bots.strategy import Cancel, Closed, Place
from tests.bots.seen import BTC, START, but, closed, ended, placed, view

HOUR = timedelta(hours=1)
HOURLY = RecurringBuy(symbol=BTC, amount_to_buy_in_reference_market=Decimal(100), minutes_before_next_buy=60)


def test_it_spends_the_sum_at_once_and_then_waits() -> None:
    """The first buy comes with the first decision, the next one period later, and none between."""
    state, wishes = HOURLY.decide(HOURLY.begin(), view(50_000), START)
    assert wishes == (Place("buy-1", BTC, Side.BUY, OrderType.MARKET, quote_amount=Decimal(100)),)
    assert HOURLY.waits(state).until == START + HOUR
    state, wishes = HOURLY.decide(state, view(50_000), START + HOUR - timedelta(seconds=1))
    assert wishes == ()
    state, wishes = HOURLY.decide(state, view(50_000), START + HOUR)
    assert [wish.tag for wish in placed(wishes)] == ["buy-2"]


@pytest.mark.parametrize(
    ("policy", "late", "buys"),
    [
        ("once", timedelta(minutes=5), 1),
        ("once", 5 * HOUR + timedelta(minutes=30), 1),
        ("skip", timedelta(minutes=5), 1),
        ("skip", timedelta(minutes=30), 0),
        ("skip", 5 * HOUR + timedelta(minutes=30), 0),
        ("skip", 5 * HOUR + timedelta(minutes=3), 1),
    ],
)
def test_catching_up(policy: str, late: timedelta, buys: int) -> None:
    """However much was missed, at most one buy follows, and the rhythm stays as it was."""
    bot = but(HOURLY, catch_up=policy)
    state, wishes = bot.decide(Bought(next_at=START, count=3), view(50_000), START + late)
    assert len(placed(wishes)) == buys
    assert state.next_at == START + late // HOUR * HOUR + HOUR


@pytest.mark.parametrize(("late", "buys"), [(30, 1), (60, 0), (90, 0)])
def test_a_buy_that_fell_due_within_the_candle_is_not_missed(late: int, buys: int) -> None:
    """One that looks once an hour notices at ten what fell due at half past nine: it left out every such buy."""
    every = timedelta(minutes=59)
    daily = but(HOURLY, catch_up="skip", minutes_before_next_buy=1440)
    now = START + timedelta(minutes=late)
    assert daily.waits(Bought(next_at=START)).candles
    shown = Closed(BTC, replace(closed(50_000).candle, at=now - every))
    _, wishes = daily.decide(Bought(next_at=START, count=3), view(50_000, shown), now)
    assert len(placed(wishes)) == buys


def test_a_limit_order_keeps_to_tick_and_lot_and_makes_room_for_the_next() -> None:
    """Below the price, rounded down; what was not filled is cancelled at the next buy."""
    bot = but(HOURLY, use_market_entry_orders=False, entry_limit_orders_price_percent=Decimal("1.5"))
    state, (first,) = bot.decide(bot.begin(), view("50000.33"), START)
    assert first == Place("buy-1", BTC, Side.BUY, OrderType.LIMIT, amount=Decimal("0.0020"), price=Decimal("49250.32"))
    state, wishes = bot.decide(state, view(50_000), START + HOUR)
    assert wishes[0] == Cancel("buy-1")
    state, wishes = bot.decide(state, view(50_000, ended(first, OrderState.CANCELLED)), START + 2 * HOUR)
    assert [wish for wish in wishes if isinstance(wish, Cancel)] == [Cancel("buy-2")]


def test_it_stops_buying_when_it_holds_enough() -> None:
    """The share of the asset is bounded, and the rhythm goes on."""
    bot = but(HOURLY, max_asset_holding_percent=Decimal(50))
    state, wishes = bot.decide(bot.begin(), view(50_000, balances={"USDT": 1000, "BTC": "0.02"}), START)
    assert wishes == ()
    assert state.next_at == START + HOUR
    assert placed(bot.decide(state, view(50_000, balances={"USDT": 1001, "BTC": "0.02"}), START + HOUR)[1])


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=50), st.sampled_from(["once", "skip"]))
def test_never_more_than_one_buy_for_a_period(pauses: list[int], policy: str) -> None:
    """Whenever it is asked, no period is bought for twice."""
    bot = but(HOURLY, catch_up=policy)
    state, now, bought = bot.begin(), START, list[int]()
    for minutes in pauses:
        state, wishes = bot.decide(state, view(50_000), now)
        bought += [(now - START) // HOUR for _ in placed(wishes)]
        assert state.next_at is not None
        assert state.next_at > now
        now += timedelta(minutes=minutes)
    assert len(set(bought)) == len(bought)
    assert Bought.model_validate_json(state.model_dump_json()) == state
