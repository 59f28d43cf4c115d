"""What keeps an exchange from taking an order is said before it is sent."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.exchange.filters import faults, rounded
from connectors.market import Filters
from connectors.order import OrderRequest
from tests.connectors.exchange.made import BTC, D, order

WRONG = [
    (order("a", "buy", "limit", amount="0.10005", price=100), "0.10005 BTC is not a multiple of the lot size 0.0001"),
    (order("a", "buy", "limit", amount="100.0001", price=100), "100.0001 BTC is above the greatest amount 100"),
    (
        order("a", "buy", "limit", amount=1, price="100.005"),
        "the price 100.005 USDT is not a multiple of the tick 0.01",
    ),
    (
        order("a", "sell", "stop", amount=1, stop_price="99.999"),
        "the stop price 99.999 USDT is not a multiple of the tick 0.01",
    ),
    (order("a", "buy", "limit", amount="0.04", price=100), "4 USDT is below the least order of 5 USDT"),
    (order("a", "buy", "market", quote_amount="4.99"), "4.99 USDT is below the least order of 5 USDT"),
    (order("a", "sell", "market", amount="0.0499"), "4.99 USDT is below the least order of 5 USDT"),
    (
        order("a", "buy", "market", quote_amount=2_000_000),
        "2000000 USDT is above the greatest order of 1000000 USDT",
    ),
    (order("a", "buy", "limit", amount=1, price=19), "the price 19 USDT is below 20, 0.2 of the market's"),
    (order("a", "sell", "limit", amount=1, price=501), "the price 501 USDT is above 500, 5 times the market's"),
    (order("a", "buy", "limit", amount=0, price=100), "amount is 0; give a number above 0"),
    (order("a", "buy", "limit", amount="NaN", price=100), "amount is NaN; give a number above 0"),
    (order("a", "buy", "limit", amount=1, price="1e400"), "price is 1E+400; give a number above 0"),
    (order("a", "buy", "limit", amount="-Infinity", price=100), "amount is -Infinity; give a number above 0"),
    (order("a", "buy", "limit", amount=1), "a limit order names a price"),
    (order("a", "buy", "market", amount=1, price=100), "a market order names no price"),
    (order("a", "sell", "stop_limit", amount=1, price=100), "a stop_limit order names a stop_price"),
    (order("a", "sell", "limit", amount=1, price=100, stop_price=99), "a limit order names no stop_price"),
    (order("a", "buy", "market"), "the order names no amount"),
    (
        order("a", "buy", "market", amount=1, quote_amount=100),
        "the order names an amount and a quote_amount; give one of them",
    ),
    (
        order("a", "buy", "limit", price=100, quote_amount=100),
        "a limit order names an amount, not a quote_amount",
    ),
    (
        order("a", "buy", "market", amount=1, tif="ioc"),
        "a market order can't be ioc; that is for orders that name a price",
    ),
    (
        order("a", "sell", "stop_limit", amount=1, price=90, stop_price=95, tif="post_only"),
        "a stop_limit order can't be post_only; that is for limit orders",
    ),
]


@pytest.mark.parametrize(("request_", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_each_number_that_does_not_fit_is_named_in_a_sentence(request_: OrderRequest, sentence: str) -> None:
    """A person reads what is wrong, with the figure that would do."""
    assert faults(request_, BTC, D(100)) == [sentence]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    """A person mends an order in one go."""
    assert faults(order("a", "buy", "limit", amount="0.00009", price="99.999"), BTC, D(100)) == [
        "0.00009 BTC is below the lot size 0.0001",
        "the price 99.999 USDT is not a multiple of the tick 0.01",
        "0.00899991 USDT is below the least order of 5 USDT",
    ]


@pytest.mark.parametrize(
    "request_",
    [
        order("a", "buy", "limit", amount="0.05", price=100),
        order("a", "buy", "limit", amount=1, price=20),
        order("a", "sell", "limit", amount=1, price=500),
        order("a", "buy", "market", quote_amount="5.000001"),
        order("a", "sell", "stop", amount=100, stop_price=99),
        order("a", "sell", "stop_limit", amount=1, stop_price=99, price=98, tif="fok"),
    ],
    ids=str,
)
def test_an_order_on_the_boundary_is_fine(request_: OrderRequest) -> None:
    """What an exchange takes is not refused here."""
    assert faults(request_, BTC, D(100)) == []


def test_what_is_measured_by_an_unknown_price_is_left_out() -> None:
    """Without a price an order can still be checked for everything else."""
    assert faults(order("a", "sell", "limit", amount=1, price="501.005"), BTC, None) == [
        "the price 501.005 USDT is not a multiple of the tick 0.01"
    ]
    assert faults(order("a", "sell", "market", amount="0.0001"), BTC, None) == []


def test_a_market_order_has_its_own_lot_and_maximum() -> None:
    """Binance's MARKET_LOT_SIZE stands in place of LOT_SIZE."""
    market = replace(BTC, filters=replace(BTC.filters, market_lot=D("0.01"), market_max=D(2)))
    assert faults(order("a", "buy", "market", amount="1.001"), market, D(100)) == [
        "1.001 BTC is not a multiple of the lot size 0.01"
    ]
    assert faults(order("a", "buy", "market", amount=3), market, D(100)) == ["3 BTC is above the greatest amount 2"]
    assert faults(order("a", "buy", "limit", amount="3.001", price=100), market, D(100)) == []


def test_what_is_spent_is_in_whole_cents() -> None:
    """A third of the money has digits without end; what the exchange does not take of them stays here."""
    market = replace(BTC, filters=replace(BTC.filters, cent=D("0.01")))
    third = order("a", "buy", "market", quote_amount=D(100) / 3)
    assert faults(third, market, D(100)) == [
        "quote_amount is 33.333333333333333333333...; give a number with fewer digits"
    ]
    finer = order("a", "buy", "market", quote_amount="33.333")
    assert faults(finer, market, D(100)) == ["33.333 USDT is not a multiple of 0.01 USDT"]
    assert rounded(third, market).quote_amount == D("33.33")
    assert rounded(third, BTC).quote_amount == D(100) / 3
    assert faults(rounded(third, market), market, D(100)) == []


def test_a_market_that_is_halted_or_another_one_is_named() -> None:
    """An order never reaches a market that does not take it."""
    assert faults(order("a", "buy", "market", amount=1), replace(BTC, active=False), D(100)) == [
        "BTC/USDT is not traded now"
    ]
    assert faults(order("a", "buy", "market", amount=1), replace(BTC, symbol="ETH/USDT"), D(100)) == [
        "the order is for BTC/USDT, the market is ETH/USDT"
    ]


def test_an_exchange_that_says_nothing_refuses_nothing() -> None:
    """Missing filters are no filters."""
    market = replace(BTC, filters=Filters())
    assert faults(order("a", "buy", "limit", amount="0.000000001", price="1.23456789"), market, D(100)) == []


numbers = st.decimals(min_value=D("0.00000001"), max_value=D(10_000), places=8)


@given(numbers, numbers, st.sampled_from(["buy", "sell"]))
def test_rounding_never_asks_for_more(amount: D, price: D, side: str) -> None:
    """Amounts go down, a buy's price never up, a sell's never down; each by less than one step."""
    asked = order("a", side, "limit", amount=amount, price=price)
    fits = rounded(asked, BTC)
    assert fits.amount is not None
    assert fits.price is not None
    assert 0 <= amount - fits.amount < D("0.0001")
    worse = price - fits.price if side == "buy" else fits.price - price
    assert 0 <= worse < D("0.01")
    assert fits.amount % D("0.0001") == 0
    assert fits.price % D("0.01") == 0
    assert rounded(fits, BTC) == fits


@given(st.decimals(), st.decimals())
def test_no_number_breaks_it(amount: D, price: D) -> None:
    """Whatever is given as a number, the answer is sentences."""
    wild = order("a", "buy", "limit", amount=str(amount), price=str(price))
    assert all(isinstance(line, str) for line in faults(rounded(wild, BTC), BTC, D(100)))
