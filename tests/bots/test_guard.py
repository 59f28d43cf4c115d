"""Guard: what is sold when, what rests at the exchange, and that no more is sold than is held."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.order import OrderState, OrderType, Side
from jobs.bots.parameters import BadParameters, read
from jobs.bots.strategies.guard import Guard, Held
from jobs.bots.strategy import Cancel, Event, Pair, Place, Stop
from jobs.bots.strategy import placed as orders_of
from tests.bots.seen import BTC, PAIRED, START, but, closed, ended, filled, placed, view, whole

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


def refused(wish: Place) -> Event:
    return ended(wish, OrderState.REJECTED, 0, "no stops here")


def limited() -> tuple[Held, Place]:
    """At an exchange that takes no stop that sells at the market."""
    state, (stop,) = STOPPED.decide(STOPPED.begin(), view(50_000), START)
    assert isinstance(stop, Place)
    state, (other,) = STOPPED.decide(state, view(49_000, refused(stop)), START)
    assert isinstance(other, Place)
    return state, other


def test_a_stop_that_must_name_a_limit_price_does() -> None:
    """A share below its own, as freqtrade names it."""
    _, stop = limited()
    assert (stop.type, stop.stop_price, stop.price) == (OrderType.STOP_LIMIT, 45_000, 44_550)


def test_a_stop_that_is_to_be_a_limit_order_is_one_from_the_beginning() -> None:
    """In a pair too; nothing has to be refused first."""
    bot = but(STOPPED, stop_loss_order_type="limit", take_profit="0.1", stoploss_on_exchange_limit_ratio="0.98")
    _, (pair,) = bot.decide(bot.begin(), view(50_000, markets=[PAIRED]), START)
    assert isinstance(pair, Pair)
    assert [(leg.type, leg.stop_price, leg.price) for leg in pair.legs] == [
        (OrderType.STOP_LIMIT, 45_000, 44_100),
        (OrderType.TAKE_PROFIT, 55_000, None),
    ]


def test_a_limit_price_that_is_jumped_over_is_not_waited_for() -> None:
    """While the price is between, the exchange sells; below it the rest is sold at the market."""
    state, stop = limited()
    state, wishes = STOPPED.decide(state, view(44_551, closed(44_551)), START)
    assert wishes == ()
    state, wishes = STOPPED.decide(state, view(44_000, filled(stop, "0.1", price=44_560), closed(44_000)), START)
    assert wishes == (Cancel(stop.tag),)
    state, (sell,) = STOPPED.decide(state, view(44_000, ended(stop, OrderState.CANCELLED, "0.1")), START)
    assert isinstance(sell, Place)
    assert (sell.type, sell.amount) == (OrderType.MARKET, Decimal("0.4"))


def test_a_stop_that_the_exchange_does_not_take_at_all_is_watched() -> None:
    """The position is not left alone."""
    state, stop = limited()
    state, wishes = STOPPED.decide(state, view(46_000, refused(stop)), START)
    assert wishes == ()
    assert STOPPED.told(state) == ["watched at each candle's close: stop-loss at 45000"]
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


BRACKET = but(STOPPED, take_profit="0.1")


def bracketed(guard: Guard = BRACKET) -> tuple[Held, Pair]:
    """A position whose stop-loss and take-profit rest as a pair."""
    state, (pair,) = guard.decide(guard.begin(), view(50_000, markets=[PAIRED]), START)
    assert isinstance(pair, Pair)
    return state, pair


def test_stop_loss_and_take_profit_rest_as_a_pair() -> None:
    """Placed once, for all of it; what is reached there is the exchange's to act on."""
    state, pair = bracketed()
    assert [(leg.type, leg.stop_price, leg.amount) for leg in pair.legs] == [
        (OrderType.STOP, 45_000, Decimal("0.5")),
        (OrderType.TAKE_PROFIT, 55_000, Decimal("0.5")),
    ]
    assert BRACKET.told(state) == [
        "rests at the exchange: stop-loss at 45000 and take-profit at 55000 (one cancels the other)"
    ]
    for price in (44_000, 50_000, 56_000):
        assert BRACKET.decide(state, view(price, closed(price), markets=[PAIRED]), START)[1] == ()


@pytest.mark.parametrize("filled_", [0, 1])
def test_either_of_the_pair_ends_it(filled_: int) -> None:
    """And it says which one it was."""
    state, pair = bracketed()
    events = (*whole(pair.legs[filled_]), ended(pair.legs[1 - filled_], OrderState.EXPIRED, 0))
    _, (done,) = BRACKET.decide(state, view(50_000, *events, markets=[PAIRED]), START)
    assert done == Stop(f"the {('stop-loss', 'take-profit')[filled_]} was filled")


def test_a_pair_that_the_exchange_refuses_leaves_the_stop_loss() -> None:
    """The position is not without one, and a person is told what is watched."""
    state, pair = bracketed()
    refused = [ended(leg, OrderState.REJECTED, 0, "no pairs today") for leg in pair.legs]
    state, (stop,) = BRACKET.decide(state, view(50_000, *refused, markets=[PAIRED]), START)
    assert isinstance(stop, Place)
    assert stop.type is OrderType.STOP
    assert BRACKET.told(state) == [
        "rests at the exchange: stop-loss at 45000",
        "watched at each candle's close: take-profit at 55000; the exchange holds one order for this balance",
    ]
    state, wishes = BRACKET.decide(state, view(55_000, closed(55_000), markets=[PAIRED]), START)
    assert wishes == (Cancel(stop.tag),)


def test_a_limit_take_profit_that_is_filled_in_part_makes_both_smaller() -> None:
    """Its stop-loss expired with the first fill; where the price still is at the take-profit, its limit order stays."""
    guard = but(BRACKET, take_profit_order_type="limit")
    state, pair = bracketed(guard)
    part = (filled(pair.second, "0.2"), ended(pair.first, OrderState.EXPIRED, 0))
    state, wishes = guard.decide(state, view(55_000, *part, closed(55_000), markets=[PAIRED]), START)
    assert wishes == ()
    state, wishes = guard.decide(state, view(54_000, closed(54_000), markets=[PAIRED]), START)
    assert wishes == (Cancel(pair.second.tag),)
    gone = ended(pair.second, OrderState.CANCELLED, "0.2")
    state, (smaller,) = guard.decide(state, view(54_000, gone, markets=[PAIRED]), START)
    assert isinstance(smaller, Pair)
    assert {leg.amount for leg in smaller.legs} == {Decimal("0.3")}


def test_a_time_limit_cancels_the_pair_before_it_sells() -> None:
    """By one cancel; the sale waits until both are gone."""
    guard = but(BRACKET, time_limit="60")
    state, pair = bracketed(guard)
    late = START + timedelta(seconds=60)
    state, wishes = guard.decide(state, view(50_000, closed(50_000), markets=[PAIRED]), late)
    assert wishes == (Cancel(pair.first.tag),)
    first, second = (ended(leg, OrderState.CANCELLED, 0) for leg in pair.legs)
    state, wishes = guard.decide(state, view(50_000, first, markets=[PAIRED]), late)
    assert wishes == (Cancel(pair.second.tag),)
    state, (sell,) = guard.decide(state, view(50_000, second, markets=[PAIRED]), late)
    assert isinstance(sell, Place)
    assert sell.amount == Decimal("0.5")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"stop_loss": None}, "name at least one of"),
        ({"stop_loss_order_type": "limit", "stoploss_on_exchange": "no"}, "needs a stop that rests at the exchange"),
        ({"stop_loss_order_type": "limit", "stop_loss": None, "time_limit": "9"}, "needs a stop that rests"),
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


@given(st.data(), st.sampled_from(["market", "limit"]))
def test_a_pair_never_sells_more_than_is_held(data: st.DataObject, how: str) -> None:
    """Whatever is filled in whatever parts: the first fill of one ends the other, a cancel of one cancels both."""
    guard = but(BRACKET, trailing_stop_delta="0.05", trailing_stop_activation="0.02", take_profit_order_type=how)
    state, wishes = guard.decide(guard.begin(), view(50_000, markets=[PAIRED]), START)
    resting: dict[str, tuple[Place, Decimal]] = {}
    mates: dict[str, str] = {}
    sold = Decimal(0)
    for _ in range(25):
        for wish in wishes:
            if isinstance(wish, Pair):
                mates |= {wish.first.tag: wish.second.tag, wish.second.tag: wish.first.tag}
        resting |= {one.tag: (one, one.amount or Decimal(0)) for wish in wishes for one in orders_of(wish)}
        live = {min(tag, mates.get(tag, tag)): left for tag, (_, left) in resting.items()}
        assert sold + sum(live.values()) <= guard.amount
        gone = {tag for wish in wishes if isinstance(wish, Cancel) for tag in (wish.tag, mates.get(wish.tag))}
        events: list[Event] = []
        for tag in sorted(resting):
            if tag not in resting:
                continue
            wish, left = resting[tag]
            part = min(left, data.draw(st.integers(0, 5_000)) * Decimal("0.0001"))
            if part:
                events.append(filled(wish, part, price=50_000))
                sold += part
                if (mate := resting.pop(mates.get(tag, ""), None)) is not None:
                    events.append(ended(mate[0], OrderState.EXPIRED, 0))
            resting[tag] = (wish, left - part)
            if left == part or tag in gone:
                events.append(ended(wish, OrderState.FILLED if left == part else OrderState.CANCELLED))
                del resting[tag]
        price = data.draw(st.integers(44_000, 58_000))
        state, wishes = guard.decide(state, view(price, *events, closed(price), markets=[PAIRED]), START)
        assert state.left == guard.amount - sold
    assert Held.model_validate_json(state.model_dump_json()) == state


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
