"""A desk at the matching engine: every wish is answered, in order, and a restart changes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.exchange.paper import Paper, Rules
from connectors.market import Candle
from connectors.order import OrderState, OrderType, Side
from jobs.bots.desk import Desk
from jobs.bots.strategy import Cancel, Ended, Filled, Place, Stop
from tests.bots.seen import BTC, MARKET, START

D = Decimal
BUY = Place("a", BTC, Side.BUY, OrderType.LIMIT, amount=D("0.1"), price=D(90))


def desk(cash: int = 1000) -> Desk:
    numbers = count(1)
    made = Desk(Paper({BTC: MARKET}, {"USDT": D(cash)}), lambda: f"n{next(numbers)}")
    made.feed(BTC, candle(100))
    return made


def candle(*path: object, minute: int = 0) -> Candle:
    prices = [D(str(price)) for price in path]
    at = START + timedelta(minutes=minute)
    return Candle(at, prices[0], max(prices), min(prices), prices[-1], D(1))


def told(made: Desk) -> list[tuple[str, str]]:
    return [(one.tag, one.state if isinstance(one, Ended) else "fill") for one in made.news]  # type: ignore[union-attr]


def test_an_order_is_followed_to_its_end() -> None:
    """What is filled is told before the end; afterwards the tag is free for nobody's cancel."""
    made = desk()
    assert made.do([BUY], START) is None
    assert made.open == ("a",)
    made.feed(BTC, candle(100, 89))
    assert told(made) == [("a", "fill"), ("a", OrderState.FILLED)]
    assert made.open == ()
    made.do([Cancel("a"), Cancel("never")], START)
    assert len(made.news) == 2


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (replace(BUY, amount=D(1000)), "USDT is free"),
        (replace(BUY, symbol="XX/YY"), "there is no market XX/YY"),
        (replace(BUY, amount=D("0.00001")), "below the lot size"),
        (replace(BUY, amount=D("0.0002")), "below the least order"),
        (replace(BUY, tag="first"), "an open order is called first"),
    ],
)
def test_what_can_not_be_placed_has_ended_with_the_reason(wish: Place, why: str) -> None:
    """A strategy waits for nothing that will never come."""
    made = desk()
    made.do([replace(BUY, tag="first"), wish], START)
    (ended,) = made.news
    assert isinstance(ended, Ended)
    assert (ended.tag, ended.state) == (wish.tag, OrderState.REJECTED)
    assert why in ended.why


def test_what_follows_a_stop_is_not_done() -> None:
    """The stop is handed back."""
    made = desk()
    assert made.do([Stop("enough"), BUY], START) == Stop("enough")
    assert made.open == ()


@given(st.lists(st.tuples(st.integers(60, 140), st.integers(60, 140), st.integers(0, 3)), min_size=1, max_size=25))
def test_a_restart_at_any_time_changes_nothing(steps: list[tuple[int, int, int]]) -> None:
    """News, open orders and balances are those of a desk that was never put away."""
    one, two = desk(), desk()
    for number, (first, last, what) in enumerate(steps):
        two = Desk.restore({BTC: MARKET}, two.snapshot(), two._name, Rules())
        for made in (one, two):
            tags = made.open
            wish = replace(BUY, tag=f"b{number}", price=D(first), amount=D("0.5"))
            sell = Place(f"s{number}", BTC, Side.SELL, OrderType.MARKET, amount=D("0.2"))
            made.do([[wish], [sell], [Cancel(tag) for tag in tags[:1]], []][what], START)
            made.feed(BTC, candle(first, last, minute=number))
        assert one.news == two.news
        assert one.open == two.open
        assert one.paper.balances() == two.paper.balances()
    assert all(isinstance(event, Filled | Ended) for event in one.news)
