"""Positions and profit: the books balance to the last unit, by both methods, whatever was traded."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator.trading.profits import Traded
from connectors.order import Fill, Side
from jobs.orders.positions import EXACT, Method, average, fifo, flow, profit
from tests.clocks import START

D = Decimal
METHODS = pytest.mark.parametrize("method", [average, fifo])


def fill(side: Side, amount: str, price: str, fee: str = "0", asset: str = "USDT", hours: int = 0) -> Fill:  # noqa: PLR0913, PLR0917 - a fill has so many
    """One trade of BTC/USDT."""
    at = START + timedelta(hours=hours)
    return Fill(f"{hours}", "1", "BTC/USDT", side, D(price), D(amount), D(fee), asset, maker=True, at=at)


fills = st.lists(
    st.builds(
        fill,
        st.sampled_from(Side),
        st.decimals(min_value="0.00001", max_value=1000, places=5).map(str),
        st.decimals(min_value="0.01", max_value=100_000, places=2).map(str),
        st.decimals(min_value="-0.01", max_value="0.02", places=8).map(str),
        st.sampled_from(["USDT", "BTC", "BNB"]),
        st.integers(0, 100),
    ),
    max_size=30,
)


@METHODS
@given(made=fills, price=st.decimals(min_value=0, max_value=100_000, places=2))
def test_the_books_balance(method: Method, made: list[Fill], price: Decimal) -> None:
    """Earned, and held at any price, is what came in less what went out; no unit of the base asset is lost."""
    came = profit(made, method)
    with localcontext(EXACT):
        moved = [flow(item) for item in made]
        assert came.amount == sum((item.base for item in moved), D(0))
        assert came.realised + came.unrealised(price) == sum((item.quote for item in moved), D(0)) + came.amount * price
        assert sum(came.days.values(), D(0)) == came.realised
        assert sum(came.fees.values(), D(0)) == sum((item.fee for item in moved), D(0))


@given(made=fills)
def test_the_methods_agree_on_what_is_held(made: list[Fill]) -> None:
    """They differ in when a profit is earned, never in the position; and in nothing, once all is sold."""
    one, other = profit(made, average), profit(made, fifo)
    assert one.amount == other.amount
    if not one.amount:
        assert one.realised == other.realised


coins = st.lists(
    st.builds(
        fill,
        st.sampled_from(Side),
        st.integers(1, 6).map(str),
        st.integers(1, 1000).map(str),
        st.integers(0, 5).map(str),
    ),
    max_size=12,
)


def coin_by_coin(made: list[Fill], method: Method) -> Fraction:
    """What was earned, if each coin is bought and sold by itself, for its part of its trade's price and fee."""
    held, short, earned = list[Fraction](), False, Fraction(0)
    for item in made:
        sells = item.side is Side.SELL
        for _ in range(int(item.amount)):
            worth = Fraction(item.price) + (-1 if sells else 1) * Fraction(item.fee) / Fraction(item.amount)
            if not held or short is sells:
                short = sells
                held.append(worth)
                continue
            before = held[0] if method is fifo else sum(held) / len(held)
            held = held[1:] if method is fifo else [before] * (len(held) - 1)
            earned += worth - before if sells else before - worth
    return earned


@METHODS
@given(made=coins)
def test_what_was_earned_counted_coin_by_coin(method: Method, made: list[Fill]) -> None:
    """Another way of counting, in fractions, comes to the same, but for what is rounded at the eighteenth place."""
    earned = Fraction(profit(made, method).realised)
    assert abs(earned - coin_by_coin(made, method)) < Fraction(1, 10**15)


TWO = [fill(Side.BUY, "1", "100"), fill(Side.BUY, "1", "200", hours=1), fill(Side.SELL, "1", "300", hours=2)]


@pytest.mark.parametrize(("method", "realised", "cost"), [(average, 150, 150), (fifo, 200, 200)])
def test_what_is_sold_first(method: Method, realised: int, cost: int) -> None:
    """At average cost a half of both; first in, first out: the one for 100."""
    came = profit(TWO, method)
    assert (came.realised, came.cost, came.amount, came.price) == (realised, cost, 1, cost)
    assert came.unrealised(D(250)) == 250 - cost


@METHODS
def test_fees_are_taken_where_they_are_paid(method: Method) -> None:
    """In the base asset from the position, in the quote asset from the profit, in another apart."""
    base = profit([fill(Side.BUY, "1", "100", "0.001", "BTC")], method)
    assert (base.amount, base.cost, base.realised) == (D("0.999"), 100, 0)
    quote = profit([fill(Side.BUY, "1", "100", "0.1"), fill(Side.SELL, "1", "100", "0.1", hours=1)], method)
    assert (quote.amount, quote.cost, quote.realised) == (0, 0, D("-0.2"))
    third = profit([fill(Side.BUY, "1", "100", "0.002", "BNB")], method)
    assert (third.amount, third.cost, dict(third.fees)) == (1, 100, {"BNB": D("0.002")})


@METHODS
def test_what_was_sold_before_it_was_bought(method: Method) -> None:
    """A position may be negative, and turns around in one fill."""
    came = profit([fill(Side.SELL, "1", "100"), fill(Side.BUY, "3", "90", hours=1)], method)
    assert (came.amount, came.realised, came.cost) == (2, 10, 180)


def test_what_was_sold_from_elsewhere_loses_nothing_when_it_costs_more() -> None:
    """A guard has sold coins that it did not buy: it owes nobody any."""
    made = profit([fill(Side.SELL, "2", "90")], average)
    shown = Traded("guard-1", "binance/main", "BTC/USDT", made, made, D(90), {}).position(D(120))
    assert (shown["amount"], shown["unrealised"]) == ("-2", "0")


@METHODS
def test_profit_belongs_to_the_day_of_its_fill(method: Method) -> None:
    """By UTC."""
    made = [fill(Side.BUY, "2", "100"), fill(Side.SELL, "1", "110"), fill(Side.SELL, "1", "95", hours=15)]
    assert profit(made, method).days == {date(2026, 12, 1): D(10), date(2026, 12, 2): D(-5)}
