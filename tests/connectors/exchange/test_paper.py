"""How each type of order is filled, by the rule that paper.py documents."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.exchange import saved
from connectors.exchange.filters import text
from connectors.exchange.paper import Paper, Rules
from connectors.exchange.refusal import Refused, Why
from connectors.order import Balance, Fill, Order, OrderState
from tests.connectors.exchange.made import BTC, MINUTE, T0, D, account, candle, order

SHARE = Rules(share=D("0.001"))  #: a candle of 1000 leaves 1 to be taken
STEPS = [
    # (order, candles, fills as "amount@price maker|taker", state)
    ("a market buy is filled at once at the last price", order("a", "buy", "market", amount=2), [], "2@100 taker", "filled"),
    ("and so is a sell", order("a", "sell", "market", amount=2), [], "2@100 taker", "filled"),
    ("a quote amount buys down to the lot", order("a", "buy", "market", quote_amount="33.337"), [], "0.3333@100 taker", "filled"),
    ("and sells", order("a", "sell", "market", quote_amount="33.337"), [], "0.3333@100 taker", "filled"),
    ("a limit that the price satisfies takes", order("a", "buy", "limit", amount=1, price=101), [], "1@100 taker", "filled"),
    ("a limit at the price takes", order("a", "sell", "limit", amount=1, price=100), [], "1@100 taker", "filled"),
    ("a limit rests", order("a", "buy", "limit", amount=1, price=99), ["100 105 99.01 101"], "", "open"),
    ("it is filled when touched", order("a", "buy", "limit", amount=1, price=99), ["100 105 99 101"], "1@99 maker", "filled"),
    ("not at a better price that comes after", order("a", "buy", "limit", amount=1, price=99), ["100 105 90 101"], "1@99 maker", "filled"),
    ("a gap fills it at the open", order("a", "buy", "limit", amount=1, price=99), ["98 105 90 101"], "1@98 maker", "filled"),
    ("a gap fills a sell at the open", order("a", "sell", "limit", amount=1, price=102), ["103 105 90 101"], "1@103 maker", "filled"),
    ("a post_only rests", order("a", "sell", "limit", amount=1, price=102, tif="post_only"), ["100 102 90 101"], "1@102 maker", "filled"),
    ("an IOC that crosses is filled", order("a", "buy", "limit", amount=1, price=100, tif="ioc"), [], "1@100 taker", "filled"),
    ("an IOC that does not expires", order("a", "buy", "limit", amount=1, price=99, tif="ioc"), ["90 90 90 90"], "", "expired"),
    ("a FOK that does not expires", order("a", "sell", "limit", amount=1, price=101, tif="fok"), ["110 110 110 110"], "", "expired"),
    ("a stop waits", order("a", "sell", "stop", amount=1, stop_price=95), ["100 105 95.01 101"], "", "open"),
    ("and sells at its price", order("a", "sell", "stop", amount=1, stop_price=95), ["100 105 90 101"], "1@95 taker", "filled"),
    ("or worse after a gap", order("a", "sell", "stop", amount=1, stop_price=95), ["93 105 90 101"], "1@93 taker", "filled"),
    ("a stop buys on the way up", order("a", "buy", "stop", amount=1, stop_price=105), ["100 106 90 101"], "1@105 taker", "filled"),
    ("a take-profit sells on the way up", order("a", "sell", "take_profit", amount=1, stop_price=105), ["100 106 90 101"], "1@105 taker", "filled"),
    ("and better after a gap", order("a", "sell", "take_profit", amount=1, stop_price=105), ["107 108 90 101"], "1@107 taker", "filled"),
    ("a take-profit buys on the way down", order("a", "buy", "take_profit", amount=1, stop_price=95), ["100 106 90 101"], "1@95 taker", "filled"),
    ("a stop-limit takes where it is triggered", order("a", "sell", "stop_limit", amount=1, stop_price=95, price=94), ["100 100 94.5 95"], "1@95 taker", "filled"),
    ("after a gap past its limit it rests", order("a", "sell", "stop_limit", amount=1, stop_price=95, price=94), ["93 93.5 90 91"], "", "open"),
    ("and is filled when the price is back", order("a", "sell", "stop_limit", amount=1, stop_price=95, price=94), ["93 93.5 90 91", "91 94 91 92"], "1@94 maker", "filled"),
    ("even in the same candle, on its way", order("a", "sell", "stop_limit", amount=1, stop_price=95, price=97), ["100 101 95 98"], "1@97 maker", "filled"),
    ("but not on the way that was gone before", order("a", "sell", "stop_limit", amount=1, stop_price=95, price=97), ["100 101 95 96"], "", "open"),
    ("a triggered IOC that does not cross expires", order("a", "sell", "stop_limit", amount=1, stop_price=95, price=94, tif="ioc"), ["93 96 93 95"], "", "expired"),
    ("a take-profit-limit", order("a", "sell", "take_profit_limit", amount=1, stop_price=105, price=106), ["100 107 99 101"], "1@106 maker", "filled"),
    ("a stop-limit buy", order("a", "buy", "stop_limit", amount=1, stop_price=105, price=104), ["100 106 99 99"], "1@104 maker", "filled"),
]  # fmt: skip


def told(fills: tuple[Fill, ...]) -> str:
    """``amount@price maker``, joined."""
    return ", ".join(f"{text(one.amount)}@{one.price} {'maker' if one.maker else 'taker'}" for one in fills)


@pytest.mark.parametrize(("name", "request_", "candles", "fills", "state"), STEPS, ids=[step[0] for step in STEPS])
def test_an_order_is_filled_by_the_rule(name, request_, candles, fills, state) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """Paper, backtest and twin fill alike, and a person can foresee how."""
    paper = account()
    placed = paper.place(request_, T0)
    for minute, prices in enumerate(candles, 1):
        paper.feed("BTC/USDT", candle(prices, minute=minute))
    assert told(paper.fills_of(placed.id)) == fills
    shown = paper.order("a")
    assert shown is not None
    assert shown.state == state


def test_a_candle_goes_first_to_the_extreme_that_its_close_is_farther_from() -> None:
    """A rising candle falls first: a buy below and the sell above it that are both reached come in this order."""
    for prices, order_of_sides in (("100 110 90 105", ["buy", "sell"]), ("100 110 90 95", ["sell", "buy"])):
        paper = account()
        paper.place(order("sell", "sell", "limit", amount=1, price=108), T0)
        paper.place(order("buy", "buy", "limit", amount=1, price=92), T0)
        news = paper.feed("BTC/USDT", candle(prices))
        assert [str(one.side) for one in news if isinstance(one, Fill)] == order_of_sides


def test_an_order_placed_after_a_candle_sees_nothing_of_it() -> None:
    """No look-ahead, and no look-back either."""
    paper = account()
    paper.feed("BTC/USDT", candle("100 120 80 100"))
    paper.place(order("a", "buy", "limit", amount=1, price=85), T0)
    assert paper.feed("BTC/USDT", candle("100 120 86 100", minute=1)) == ()


def test_at_one_price_the_one_placed_first_is_filled_first() -> None:
    """Time decides between equals, price between others."""
    paper = account(rules=SHARE)
    for name, price in (("late", 95), ("first", 96), ("second", 96)):
        paper.place(order(name, "buy", "limit", amount="0.6", price=price), T0)
    news = paper.feed("BTC/USDT", candle("100 100 90 95"))
    names = {paper.order(name).id: name for name in ("late", "first", "second")}  # type: ignore[union-attr]
    fills = [(names[one.order_id], one.amount) for one in news if isinstance(one, Fill)]
    assert fills == [("first", D("0.6")), ("second", D("0.4"))]


def test_fees_are_taken_from_what_is_received() -> None:
    """As Binance does without BNB: a buy pays in base, a sell in quote."""
    paper = account()
    paper.place(order("a", "buy", "market", amount=1), T0)
    assert paper.balances() == {"BTC": Balance("BTC", D("10.998")), "USDT": Balance("USDT", D(900))}
    paper.place(order("b", "sell", "limit", amount=1, price=110), T0)
    paper.feed("BTC/USDT", candle("100 110 100 110"))
    assert paper.balances() == {"BTC": Balance("BTC", D("9.998")), "USDT": Balance("USDT", D("1009.89"))}
    fees = [(fill.fee, fill.fee_asset) for fill in paper.fills()]
    assert fees == [(D("0.002"), "BTC"), (D("0.110"), "USDT")]


def test_fees_are_cut_to_eight_decimals() -> None:
    """As exchanges book them: what a trade shows is what the account paid, to the last digit."""
    paper = account(USDT="1000", BTC="1")
    fee = replace(BTC, maker=D("0.00075"), taker=D("0.00075"))
    paper.shelves["BTC/USDT"].market = fee
    (fill,) = paper.fills_of(paper.place(order("a", "buy", "market", amount="0.0707"), T0).id)
    assert fill.fee == D("0.00005302")
    assert paper.balances()["BTC"].free == D("1.07064698")


def test_fees_can_always_be_in_quote() -> None:
    """Then a buy needs its fee on top, and it is held with the rest."""
    paper = account(rules=Rules(quote_fees=True))
    paper.place(order("a", "buy", "limit", amount=1, price=90), T0)
    assert paper.balances()["USDT"] == Balance("USDT", D("909.82"), D("90.18"))
    paper.feed("BTC/USDT", candle("100 100 90 95"))
    assert paper.balances() == {"BTC": Balance("BTC", D(11)), "USDT": Balance("USDT", D("909.91"))}
    with pytest.raises(Refused, match=r"needs 911\.8211022 USDT, and 909\.91 USDT is free"):
        paper.place(order("b", "buy", "limit", amount="10.11", price="90.01"), T0)


def test_what_an_open_order_may_take_is_locked_until_it_ends() -> None:
    """Nothing is promised twice."""
    paper = account()
    paper.place(order("a", "buy", "limit", amount=9, price=99), T0)
    paper.place(order("b", "sell", "stop", amount=4, stop_price=95), T0)
    assert paper.balances() == {"BTC": Balance("BTC", D(6), D(4)), "USDT": Balance("USDT", D(109), D(891))}
    with pytest.raises(Refused, match="the order needs 198 USDT, and 109 USDT is free") as refused:
        paper.place(order("c", "buy", "limit", amount=2, price=99), T0)
    assert refused.value.kind == Why.BALANCE
    assert paper.cancel("a", T0).state == OrderState.CANCELLED
    paper.cancel("b", T0)
    assert paper.balances() == {"BTC": Balance("BTC", D(10)), "USDT": Balance("USDT", D(1000))}


def test_a_better_price_gives_the_difference_back() -> None:
    """What was held at 99 and cost 98 is free again."""
    paper = account()
    paper.place(order("a", "buy", "limit", amount=1, price=99), T0)
    paper.feed("BTC/USDT", candle("98 99 97 98"))
    assert paper.balances()["USDT"] == Balance("USDT", D(902))


@pytest.mark.parametrize(
    ("request_", "kind", "sentence"),
    [
        (order("a", "buy", "limit", amount=1, price=100, tif="post_only"), Why.WOULD_TAKE, "would be filled at once"),
        (order("a", "sell", "stop", amount=1, stop_price=100), Why.WOULD_TRIGGER, "the stop price 100 would trigger"),
        (order("a", "buy", "stop", amount=1, stop_price=99), Why.WOULD_TRIGGER, "the stop price 99 would trigger"),
        (order("a", "sell", "take_profit", amount=1, stop_price=99), Why.WOULD_TRIGGER, "would trigger at once"),
        (order("a", "buy", "market", amount=11), Why.BALANCE, "needs 1100 USDT, and 1000 USDT is free"),
        (order("a", "sell", "market", amount=11), Why.BALANCE, "needs 11 BTC, and 10 BTC is free"),
        (order("a", "sell", "limit", amount="0.00001", price=100), Why.FILTER, "below the lot size 0.0001"),
        (order("open", "sell", "limit", amount=1, price=120), Why.DUPLICATE, "an open order has the client order id"),
    ],
)
def test_what_can_not_be_placed_is_refused_and_changes_nothing(request_, kind, sentence) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """A refusal says why, in one sentence, and no order is there afterwards."""
    paper = account()
    paper.place(order("open", "sell", "limit", amount="0.0500", price=130), T0)
    paper.wallet.take("BTC", D("0.05"))
    before = saved.write(paper)
    with pytest.raises(Refused, match=sentence) as refused:
        paper.place(request_, T0)
    assert refused.value.kind == kind
    assert saved.write(paper) == before


def test_without_a_price_only_what_rests_can_be_placed() -> None:
    """Before the first candle nobody knows what a market order would cost."""
    paper = Paper({"BTC/USDT": BTC}, {"USDT": D(1000)})
    with pytest.raises(Refused, match="BTC/USDT has no price yet"):
        paper.place(order("a", "buy", "market", amount=1), T0)
    with pytest.raises(Refused, match="there is no market ETH/USDT"):
        paper.place(replace(order("a", "buy", "market", amount=1), symbol="ETH/USDT"), T0)
    paper.place(order("b", "buy", "limit", amount=1, price=90), T0)
    assert (
        told(tuple(one for one in paper.feed("BTC/USDT", candle("85 90 80 90")) if isinstance(one, Fill)))
        == "1@85 maker"
    )


def test_a_quote_amount_that_buys_less_than_a_lot_is_refused() -> None:
    """The exchange would have nothing to fill."""
    paper = account("90000")
    with pytest.raises(Refused, match=r"8\.5 USDT is less than the lot size 0\.0001 BTC costs"):
        paper.place(order("a", "buy", "market", quote_amount="8.5"), T0)


def test_a_candle_holds_only_so_much() -> None:
    """With a share of the volume, fills are partial, and go on in later candles."""
    paper = account(rules=SHARE)
    paper.place(order("a", "buy", "limit", amount="2.5", price=99), T0)
    first = paper.feed("BTC/USDT", candle("100 100 99 99", minute=1, volume="1234.56"))
    assert told(tuple(one for one in first if isinstance(one, Fill))) == "1.2345@99 maker"
    shown = paper.order("a")
    assert shown is not None
    assert (shown.state, shown.filled, shown.cost) == (OrderState.PARTIALLY_FILLED, D("1.2345"), D("122.2155"))
    paper.feed("BTC/USDT", candle("99.5 100 99.5 99.5", minute=2))
    news = paper.feed("BTC/USDT", candle("98 100 97 98", minute=3, volume="5000"))
    assert told(tuple(one for one in news if isinstance(one, Fill))) == "1.2655@98 maker"
    assert isinstance(news[-1], Order)
    assert news[-1].state == OrderState.FILLED


def test_a_market_order_expires_with_what_the_candle_does_not_hold() -> None:
    """As on an exchange whose book is empty after it; a FOK is not filled at all."""
    paper = account(rules=SHARE)
    fok = paper.place(order("fok", "buy", "limit", amount=2, price=100, tif="fok"), T0)
    assert (fok.state, fok.filled) == (OrderState.EXPIRED, D(0))
    ioc = paper.place(order("ioc", "buy", "limit", amount="0.75", price=100, tif="ioc"), T0)
    assert (ioc.state, ioc.filled) == (OrderState.FILLED, D("0.75"))
    market = paper.place(order("market", "buy", "market", amount=2), T0)
    assert (market.state, market.filled) == (OrderState.EXPIRED, D("0.25"))
    assert paper.balances()["USDT"] == Balance("USDT", D(900))


def test_a_stop_that_found_too_little_goes_on_at_the_next_open() -> None:
    """A loss that must be stopped is not left half open."""
    paper = account(rules=SHARE)
    paper.place(order("a", "sell", "stop", amount=3, stop_price=95), T0)
    fills = [
        one
        for minute, prices in enumerate(("100 100 94 96", "97 99 96 98", "98 98 98 98"), 1)
        for one in paper.feed("BTC/USDT", candle(prices, minute=minute))
        if isinstance(one, Fill)
    ]
    assert told(tuple(fills)) == "1@95 taker, 1@97 taker, 1@98 taker"


def test_a_stop_that_buys_above_what_is_there_takes_what_it_can_pay() -> None:
    """After a gap the price may be beyond what was held; the account never goes below zero."""
    paper = account(USDT="1000")
    paper.place(order("a", "buy", "stop", amount="9.5", stop_price=105), T0)
    news = paper.feed("BTC/USDT", candle("120 120 120 120"))
    assert told(tuple(one for one in news if isinstance(one, Fill))) == "8.3333@120 taker"
    assert paper.order("a").state == OrderState.EXPIRED  # type: ignore[union-attr]
    assert paper.balances()["USDT"] == Balance("USDT", D("0.004"))


PAIR = (order("up", "sell", "limit", amount=4, price=110), order("down", "sell", "stop", amount=4, stop_price=90))


def test_of_a_pair_one_cancels_the_other() -> None:
    """And its amount is locked once."""
    for prices, filled, expired in (("100 111 99 110", "up", "down"), ("100 100 89 90", "down", "up")):
        paper = account(BTC="4")
        paper.place_pair(*PAIR, T0)
        assert paper.balances() == {"BTC": Balance("BTC", D(0), D(4))}
        paper.feed("BTC/USDT", candle(prices))
        assert paper.order(filled).state == OrderState.FILLED  # type: ignore[union-attr]
        assert paper.order(expired).state == OrderState.EXPIRED  # type: ignore[union-attr]
        assert paper.orders() == []
        assert paper.balances()["USDT"].locked == 0


def test_a_pair_is_cancelled_together() -> None:
    """Whichever of them is named."""
    for name in ("up", "down"):
        paper = account(BTC="4")
        paper.place_pair(*PAIR, T0)
        paper.cancel(name, T0)
        assert paper.balances() == {"BTC": Balance("BTC", D(4))}
        with pytest.raises(Refused, match="no open order has the client order id up"):
            paper.cancel("up", T0)


def test_a_pair_that_buys_holds_what_the_dearer_needs() -> None:
    """Either can be paid, whichever comes."""
    paper = account(USDT="480")
    pair = (
        order("down", "buy", "limit", amount=4, price=90),
        order("up", "buy", "stop_limit", amount=4, stop_price=110, price=120),
    )
    paper.place_pair(*pair, T0)
    assert paper.balances() == {"USDT": Balance("USDT", D(0), D(480))}
    paper.feed("BTC/USDT", candle("100 110 95 96"))
    assert paper.balances() == {"BTC": Balance("BTC", D("3.992")), "USDT": Balance("USDT", D(40))}


def test_a_part_of_one_ends_the_other_of_a_pair() -> None:
    """Both can never add up to more than was meant."""
    paper = account(BTC="4", rules=SHARE)
    paper.place_pair(*PAIR, T0)
    paper.feed("BTC/USDT", candle("100 110 85 86"))
    assert paper.order("down").state == OrderState.EXPIRED  # type: ignore[union-attr]
    assert [one.filled for one in paper.orders()] == [D(1)]
    assert paper.balances()["BTC"] == Balance("BTC", D(0), D(3))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (PAIR[0], order("down", "sell", "stop", amount=3, stop_price=90)),
        (PAIR[0], order("up", "sell", "stop", amount=4, stop_price=90)),
        (PAIR[0], order("down", "sell", "take_profit", amount=4, stop_price=120)),
        (PAIR[0], order("down", "sell", "limit", amount=4, price=120)),
        (order("up", "sell", "limit", amount=4, price=99), PAIR[1]),
        (order("up", "sell", "market", amount=4), PAIR[1]),
        (order("up", "sell", "limit", amount=4, price=110, tif="ioc"), PAIR[1]),
        (order("up", "buy", "limit", amount=4, price=110), PAIR[1]),
    ],
)
def test_what_is_no_pair_is_refused(first, second) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """And nothing of it is placed."""
    paper = account()
    with pytest.raises(Refused) as refused:
        paper.place_pair(first, second, T0)
    assert refused.value.kind == Why.PAIR
    assert paper.orders() == []


def test_an_account_survives_a_restart() -> None:
    """As JSON, with all that rests, waits or was filled; it goes on as if nothing had been."""

    def begin() -> Paper:
        paper = account(rules=SHARE)
        paper.place_pair(*PAIR, T0)
        paper.place(order("stop", "sell", "stop", amount=3, stop_price=95), T0)
        paper.place(order("limit", "buy", "limit", amount=2, price=96), T0)
        paper.place(order("market", "buy", "market", quote_amount=50), T0)
        paper.feed("BTC/USDT", candle("100 100 95 95", minute=1))
        return paper

    whole, kept = begin(), json.loads(json.dumps(saved.write(begin())))
    again = saved.read({"BTC/USDT": BTC}, kept, SHARE)
    assert saved.write(again) == saved.write(whole)
    for minute, prices in enumerate(("95 96 85 90", "90 115 90 112", "80 80 80 80"), 2):
        assert again.feed("BTC/USDT", candle(prices, minute=minute)) == whole.feed(
            "BTC/USDT", candle(prices, minute=minute)
        )
    assert saved.write(again) == saved.write(whole)
    assert again.fills(T0 + 3 * MINUTE) == [fill for fill in whole.fills() if fill.at >= T0 + 3 * MINUTE]


def test_only_so_many_ended_orders_are_remembered() -> None:
    """A bot that runs for years does not grow."""
    paper = account(rules=Rules(keep=2))
    for number in range(5):
        paper.place(order(f"o{number}", "buy", "market", amount="0.1"), T0)
    assert [paper.order(f"o{number}") is not None for number in range(5)] == [False, False, False, True, True]
    assert len(paper.fills()) == 2
    assert paper.last_fill == 5


def test_a_fill_is_never_dated_before_its_order() -> None:
    """Who asks for fills since an instant misses none."""
    paper = account()
    later = T0 + timedelta(seconds=90)
    paper.place(order("a", "buy", "limit", amount=1, price=99), later)
    paper.feed("BTC/USDT", candle("100 100 90 95", minute=1))
    paper.place(order("b", "buy", "limit", amount=1, price=94), later)
    paper.feed("BTC/USDT", candle("95 95 90 95", minute=1), at=later + MINUTE)
    assert [fill.at for fill in paper.fills()] == [later, later + MINUTE]
