"""The risk gate: each limit on both sides of its edge, and the sentences that say why."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.order import OrderRequest, OrderType, Side
from jobs.orders.risk import BadLimit, Limit, Limits, Usage, limits_of, notional, parse, plain, readable, refusals

D = Decimal
BUY = OrderRequest("a" * 32, "BTC/USDT", Side.BUY, OrderType.LIMIT, D("0.1"), D(30_000))  # worth 3,000
PRICE = D(30_000)


def limits(**rows: str) -> Limits:
    """As they are stored: ``order_USDT="100"``."""
    named = {name.replace("_", "-") if name in {"open_orders", "per_minute"} else name: v for name, v in rows.items()}
    return limits_of("binance/main", {(n.partition("_")[0], n.partition("_")[2]): v for n, v in named.items()})


@pytest.mark.parametrize(
    ("rows", "usage", "allowed"),
    [
        ({"order_USDT": "3000"}, Usage(), True),
        ({"order_USDT": "2999.99"}, Usage(), False),
        ({"day_USDT": "5000"}, Usage(day=D(2000)), True),
        ({"day_USDT": "5000"}, Usage(day=D("2000.01")), False),
        ({"position_USDT": "9000"}, Usage(held=D("0.1"), buying=D(3000)), True),
        ({"position_USDT": "9000"}, Usage(held=D("0.1"), buying=D(3001)), False),
        ({"loss_USDT": "50"}, Usage(result=D("-49.99")), True),
        ({"loss_USDT": "50"}, Usage(result=D(-50)), False),
        ({"loss_USDT": "0"}, Usage(result=D(1)), True),
        ({"open_orders": "2"}, Usage(open_orders=1), True),
        ({"open_orders": "2"}, Usage(open_orders=2), False),
        ({"per_minute": "3"}, Usage(minute=2), True),
        ({"per_minute": "3"}, Usage(minute=3), False),
        ({"distance": "0.02"}, Usage(), True),
        ({"symbols": "BTC/USDT,ETH/USDT"}, Usage(), True),
        ({"symbols": "ETH/USDT"}, Usage(), False),
        ({"order_EUR": "1000000"}, Usage(), False),
        ({"order_EUR": "1", "order_USDT": "3000"}, Usage(), True),
        ({}, Usage(day=D(10**12), open_orders=10_000), True),
    ],
)
def test_an_order_keeps_to_a_limit(rows: dict[str, str], usage: Usage, allowed: bool) -> None:
    """Up to the limit, and not a cent beyond; an asset without its own limit is not let through."""
    assert (refusals(limits(**rows), usage, BUY, PRICE) == ()) is allowed


@pytest.mark.parametrize(
    ("named", "price", "allowed"), [(30_600, 30_000, True), (30_601, 30_000, False), (29_399, 30_000, False)]
)
def test_a_price_keeps_to_the_market(named: int, price: int, allowed: bool) -> None:
    """On both sides; a market order names none, and a stop order its stop price."""
    near = limits(distance="0.02")
    assert (refusals(near, Usage(), replace(BUY, price=D(named)), D(price)) == ()) is allowed
    market = replace(BUY, type=OrderType.MARKET, price=None)
    assert refusals(near, Usage(), market, D(price)) == ()
    stop = replace(BUY, type=OrderType.STOP, price=None, stop_price=D(named))
    assert (refusals(near, Usage(), stop, D(price)) == ()) is allowed


def test_a_sale_needs_no_room_for_a_position() -> None:
    """What makes the position smaller is not kept from doing so."""
    sell = replace(BUY, side=Side.SELL)
    full = Usage(held=D(100))
    assert refusals(limits(position_USDT="1"), full, sell, PRICE) == ()
    assert refusals(limits(position_USDT="1"), full, BUY, PRICE) != ()


def test_all_reasons_are_said_with_their_numbers() -> None:
    """At once, each a sentence that names whose limit it is."""
    many = limits(order_USDT="100", open_orders="1", symbols="ETH/USDT")
    assert refusals(many, Usage(open_orders=1), BUY, PRICE) == (
        "BTC/USDT is not among the symbols of binance/main: ETH/USDT",
        "1 order is open, and binance/main may have 1",
        "the order is worth 3000 USDT, and binance/main may have 100",
    )


def test_an_order_is_worth_what_it_may_cost() -> None:
    """Its own price, its stop price, the market's, or what it spends."""
    market = replace(BUY, type=OrderType.MARKET, price=None)
    assert notional(BUY, D(1)) == 3000
    assert notional(market, D(20_000)) == 2000
    assert notional(replace(market, amount=None, quote_amount=D(55)), D(1)) == 55
    assert notional(replace(BUY, type=OrderType.STOP, price=None, stop_price=D(40_000)), D(1)) == 4000


@pytest.mark.parametrize(
    ("limit", "value", "asset", "kept"),
    [
        (Limit.ORDER, "100.50", "USDT", "100.5"),
        (Limit.DISTANCE, "2%", "", "0.02"),
        (Limit.DISTANCE, "0.02", "", "0.02"),
        (Limit.OPEN, "5", "", "5"),
        (Limit.SYMBOLS, "eth/usdt, BTC/USDT", "", "BTC/USDT,ETH/USDT"),
    ],
)
def test_a_limit_is_kept_as_it_is_meant(limit: Limit, value: str, asset: str, kept: str) -> None:
    """However a person writes it."""
    assert parse(limit, value, asset) == kept


@pytest.mark.parametrize(
    ("limit", "value", "asset"),
    [
        (Limit.ORDER, "100", ""),
        (Limit.OPEN, "5", "USDT"),
        (Limit.ORDER, "-1", "USDT"),
        (Limit.ORDER, "NaN", "USDT"),
        (Limit.ORDER, "1e400", "USDT"),
        (Limit.ORDER, "much", "USDT"),
        (Limit.ORDER, "1_0", "USDT"),
        (Limit.OPEN, "2.5", ""),
        (Limit.DISTANCE, "2", ""),
        (Limit.SYMBOLS, "BTCUSDT", ""),
        (Limit.SYMBOLS, ",", ""),
    ],
)
def test_a_limit_that_makes_no_sense_is_not_kept(limit: Limit, value: str, asset: str) -> None:
    """The sentence says what is wrong with it."""
    with pytest.raises(BadLimit, match=r"\w"):
        parse(limit, value, asset)


@given(st.decimals(min_value=0, max_value=10**12, places=8))
def test_a_number_is_written_plainly_and_read_back(number: Decimal) -> None:
    """No exponent, no useless zeros, no digit lost."""
    written = plain(number)
    assert "E" not in written
    assert Decimal(written) == number
    assert not ("." in written and written.endswith(("0", ".")))


@pytest.mark.parametrize(
    ("exact", "shown"),
    [
        ("1234567.891234567891234567", "1234567.89"),
        ("-12.345678901234567890", "-12.34568"),
        ("0.123456789123456789", "0.1234568"),
        ("-0.000012345678", "-0.00001235"),
        ("-0.000000004", "0"),
        ("0E-18", "0"),
        ("100.000000000000000000", "100"),
        ("1E+3", "1000"),
    ],
)
def test_money_is_shown_with_as_many_digits_as_a_person_reads(exact: str, shown: str) -> None:
    """Never a tail of eighteen, nor an exponent, nor a zero with a sign."""
    assert readable(D(exact)) == shown
