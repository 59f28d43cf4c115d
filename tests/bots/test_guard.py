"""Guard: what is sold when, what rests at the exchange, and that no more is sold than is held."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.order import OrderState, OrderType, Side
from jobs.bots.guard import Guard, Held
from jobs.bots.parameters import BadParameters, read
from jobs.bots.strategy import Cancel, Event, Place, Stop
from tests.bots.seen import BTC, START, but, closed, ended, filled, placed, view, whole

STOPPED = Guard(symbol=BTC, amount=Decimal("0.5"), entry_price=Decimal(50_000), stop_loss=Decimal("0.1"))
WATCHED = but(STOPPED, stoploss_on_exchange=False)


def test_the_stop_rests_at_the_exchange() -> None:
    """It is placed at once, on the tick, and is not moved while nothing changes."""
    state, wishes = STOPPED.decide(STOPPED.begin(), view(50_000), START)
    assert wishes == (
        Place("stop-1", BTC, Side.SELL, OrderType.STOP, amount=Decimal("0.5"), stop_price=Decimal(45_000)),
    )
    assert STOPPED.decide(state, view(44_000, closed(44_000)), START)[1] == ()
    _, (done,) = STOPPED.decide(state, view(44_900, *whole(wishes[0], price=44_990)), START)
    assert done == Stop("the stop-loss was filled")


def test_a_stop_that_the_exchange_does_not_take_is_watched() -> None:
    """The position is not left alone."""
    state, (stop,) = STOPPED.decide(STOPPED.begin(), view(50_000), START)
    state, wishes = STOPPED.decide(state, view(46_000, ended(stop, OrderState.REJECTED, 0, "no stops here")), START)
    assert wishes == ()
    _, (sell,) = STOPPED.decide(state, view(45_000, closed(45_000)), START)
    assert isinstance(sell, Place)
    assert (sell.type, sell.amount) == (OrderType.MARKET, Decimal("0.5"))


@pytest.mark.parametrize(
    ("changed", "close", "after", "sells"),
    [
        ({}, 45_000, 0, "stop-loss"),
        ({}, 45_001, 0, ""),
        ({"take_profit": "0.1"}, 55_000, 0, "take-profit"),
        ({"take_profit": "0.1"}, 54_999, 0, ""),
        ({"time_limit": 3600}, 50_000, 3600, "time limit"),
        ({"time_limit": 3600}, 50_000, 3599, ""),
        ({"trailing_stop_delta": "0.05"}, 47_500, 0, "trailing stop"),
        ({"trailing_stop_delta": "0.05"}, 47_501, 0, ""),
        ({"trailing_stop_delta": "0.05", "trailing_stop_activation": "0.01"}, 47_500, 0, ""),
    ],
)
def test_barriers(changed: dict[str, str], close: int, after: int, sells: str) -> None:
    """Each is reached at its price and not before."""
    guard = but(WATCHED, **changed)
    state, _ = guard.decide(guard.begin(), view(50_000), START)
    state, wishes = guard.decide(state, view(close, closed(close)), START + timedelta(seconds=after))
    assert [(wish.side, wish.amount) for wish in placed(wishes)] == ([(Side.SELL, Decimal("0.5"))] if sells else [])
    assert sells in state.why


def test_a_trailing_stop_follows_the_height_and_never_falls() -> None:
    """From 60,000 on, 5 % below the highest close."""
    guard = but(WATCHED, trailing_stop_delta="0.05", trailing_stop_activation="0.2")
    state, _ = guard.decide(guard.begin(), view(50_000), START)
    for close, sold in (
        (59_000, False),
        (56_000, False),
        (60_000, False),
        (80_000, False),
        (76_001, False),
        (76_000, True),
    ):
        state, wishes = guard.decide(state, view(close, closed(close)), START)
        assert bool(wishes) == sold, close


def test_a_stop_that_moves_is_cancelled_before_it_is_placed_anew() -> None:
    """The balance is locked by one order at a time; a rise of less than a step moves nothing."""
    guard = but(STOPPED, trailing_stop_delta="0.05")
    state, (first,) = guard.decide(guard.begin(), view(50_000), START)
    assert isinstance(first, Place)
    assert first.stop_price == 47_500
    assert guard.decide(state, view(50_050, closed(50_050)), START)[1] == ()
    state, wishes = guard.decide(state, view(60_000, closed(60_000)), START)
    assert wishes == (Cancel(first.tag),)
    state, (second,) = guard.decide(state, view(60_000, ended(first, OrderState.CANCELLED, 0)), START)
    assert isinstance(second, Place)
    assert (second.stop_price, second.amount) == (57_000, Decimal("0.5"))


def test_what_the_stop_sold_in_part_is_not_sold_again() -> None:
    """A take-profit after a partly filled stop sells the rest."""
    guard = but(STOPPED, take_profit="0.1")
    state, (stop,) = guard.decide(guard.begin(), view(50_000), START)
    state, wishes = guard.decide(state, view(55_000, filled(stop, "0.2"), closed(55_000)), START)
    assert wishes == (Cancel("stop-1"),)
    state, (sell,) = guard.decide(state, view(55_000, ended(stop, OrderState.CANCELLED, "0.2")), START)
    assert isinstance(sell, Place)
    assert sell.amount == Decimal("0.3")
    state, (done,) = guard.decide(state, view(55_000, *whole(sell, price=55_000)), START)
    assert isinstance(done, Stop)
    assert "take-profit" in done.why


def test_a_sale_that_always_fails_ends_it_with_the_reason() -> None:
    """Three times, then a person must look."""
    state, _ = WATCHED.decide(WATCHED.begin(), view(50_000), START)
    state, wishes = WATCHED.decide(state, view(40_000, closed(40_000)), START)
    for _ in range(3):
        (wish,) = wishes
        state, wishes = WATCHED.decide(state, view(40_000, ended(wish, OrderState.REJECTED, 0, "halted")), START)
    assert wishes == (Stop("0.5 BTC could not be sold: halted"),)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"stop_loss": None}, "name at least one of"),
        ({"stop_loss": "0"}, "stop_loss"),
        ({"stop_loss": "1"}, "stop_loss"),
        ({"stop_loss": "NaN"}, "stop_loss"),
        ({"take_profit": "-0.1"}, "take_profit"),
        ({"time_limit": "0"}, "time_limit"),
        ({"amount": "0"}, "amount"),
        ({"entry_price": "1e400"}, "entry_price"),
    ],
)
def test_nonsense(changed: dict[str, str | None], words: str) -> None:
    """Refused in one sentence."""
    with pytest.raises(BadParameters, match=words):
        read("guard", Guard, STOPPED.model_dump() | changed)


@given(st.data())
def test_never_more_is_sold_than_is_held(data: st.DataObject) -> None:
    """Whatever is filled and cancelled in whatever parts, and however the price moves."""
    guard = but(STOPPED, take_profit="0.2", trailing_stop_delta="0.05", trailing_stop_activation="0.05")
    state, wishes = guard.decide(guard.begin(), view(50_000), START)
    resting = {wish.tag: (wish, wish.amount or Decimal(0)) for wish in placed(wishes)}
    sold = Decimal(0)
    for _ in range(25):
        price = data.draw(st.integers(44_000, 64_000))
        events: list[Event] = []
        for tag, (wish, left) in list(resting.items()):
            part = min(left, data.draw(st.integers(0, 5_000)) * Decimal("0.0001"))
            if part:
                events.append(filled(wish, part, price=price))
                sold += part
            resting[tag] = (wish, left - part)
            cancelled = Cancel(tag) in wishes
            if left == part or cancelled:
                state_ = OrderState.FILLED if left == part else OrderState.CANCELLED
                events.append(ended(wish, state_))
                del resting[tag]
        state, wishes = guard.decide(state, view(price, *events, closed(price)), START)
        resting |= {wish.tag: (wish, wish.amount or Decimal(0)) for wish in placed(wishes)}
        assert sold + sum(left for _, left in resting.values()) <= guard.amount
    assert Held.model_validate_json(state.model_dump_json()) == state
