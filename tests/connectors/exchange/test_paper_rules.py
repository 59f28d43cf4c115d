"""What always holds of the matching engine, whatever is placed and whatever the market does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.exchange import saved
from connectors.exchange.filters import EXACT
from connectors.exchange.paper import Paper, Rules
from connectors.exchange.refusal import Refused
from connectors.market import Candle
from connectors.order import LIVE, Fill, OrderRequest, OrderState, OrderType, Side, TimeInForce
from tests.connectors.exchange.made import BTC, MINUTE, T0, D
from tests.connectors.exchange.naive import Naive

MARKET = replace(BTC, filters=replace(BTC.filters, min_notional=None))
prices = st.integers(900, 1100).map(lambda cents: D(cents) / 10)
amounts = st.integers(1, 60_000).map(lambda lots: lots * D("0.0001"))


@dataclass(frozen=True)
class Pair:
    """Two orders of which one cancels the other."""

    first: OrderRequest
    second: OrderRequest


@st.composite
def requests(draw: st.DrawFn, name: str, *, quoted: bool = True) -> OrderRequest:
    """Any order that is written as it should be; ``quoted``: also by an amount of the quote asset."""
    kind = draw(st.sampled_from(list(OrderType)))
    if kind is OrderType.MARKET and quoted and draw(st.booleans()):
        worth = D(draw(st.integers(1, 300_000))) / 100
        return OrderRequest(name, "BTC/USDT", draw(st.sampled_from(list(Side))), kind, quote_amount=worth)
    limited = kind in {OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
    lasting = [TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK]
    lasting += [TimeInForce.POST_ONLY] if kind == OrderType.LIMIT else []
    return OrderRequest(
        name,
        "BTC/USDT",
        draw(st.sampled_from(list(Side))),
        kind,
        amount=draw(amounts),
        price=draw(prices) if limited else None,
        stop_price=draw(prices) if kind not in {OrderType.MARKET, OrderType.LIMIT} else None,
        time_in_force=draw(st.sampled_from(lasting)) if limited else TimeInForce.GTC,
    )


@st.composite
def pairs(draw: st.DrawFn, name: str) -> Pair:
    """A stop below and a limit above, or the other way round."""
    side, amount = draw(st.sampled_from(list(Side))), draw(amounts)
    limit, stop = sorted((draw(prices), draw(prices)), reverse=side == Side.SELL)
    first = OrderRequest(f"{name}a", "BTC/USDT", side, OrderType.LIMIT, amount, price=limit)
    return Pair(first, OrderRequest(f"{name}b", "BTC/USDT", side, OrderType.STOP, amount, stop_price=stop))


@st.composite
def candles(draw: st.DrawFn, minute: int) -> Candle:
    """Any candle."""
    few = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    ends = draw(st.permutations(few[1:3]))
    volume = D(draw(st.integers(0, 60_000)))
    return Candle(T0 + minute * MINUTE, ends[0], few[3], few[0], ends[1], volume)


@st.composite
def days(draw: st.DrawFn, *, paired: bool = True) -> list[OrderRequest | Pair | Candle | str]:
    """Orders, candles and cancels (by client order id), in any order; a candle comes first."""
    endings = ["", "a", "b"] if paired else [""]
    steps: list[OrderRequest | Pair | Candle | str] = [draw(candles(0))]
    for number in range(1, draw(st.integers(2, 16))):
        kinds = ["order", "order", "candle", "candle", "cancel", *(["pair"] if paired else [])]
        match draw(st.sampled_from(kinds)):
            case "order":
                steps.append(draw(requests(f"o{number}", quoted=paired)))
            case "pair":
                steps.append(draw(pairs(f"o{number}")))
            case "candle":
                steps.append(draw(candles(number)))
            case _:
                steps.append(f"o{draw(st.integers(1, number))}{draw(st.sampled_from(endings))}")
    return steps


rules = st.builds(Rules, share=st.sampled_from([None, D("0.0001")]), quote_fees=st.booleans())
wealth = st.builds(lambda btc, usdt: {"BTC": D(btc), "USDT": D(usdt)}, st.integers(0, 30), st.integers(0, 3000))


def play(paper: Paper, steps: Sequence[OrderRequest | Pair | Candle | str]) -> list[tuple[Candle | None, Fill]]:
    """Do it all; returns the fills, each with the candle in which it came."""
    found: list[tuple[Candle | None, Fill]] = []
    for step in steps:
        if isinstance(step, Candle):
            news = paper.feed("BTC/USDT", step)
            found += [(step, one) for one in news if isinstance(one, Fill)]
            continue
        try:
            if isinstance(step, Pair):
                paper.place_pair(step.first, step.second, T0)
            elif isinstance(step, OrderRequest):
                found += [(None, one) for one in paper.fills_of(paper.place(step, T0).id)]
            else:
                paper.cancel(step, T0)
        except Refused:
            continue
        finally:
            sound(paper)
        sound(paper)
    return found


def sound(paper: Paper) -> None:
    """What must hold between any two steps."""
    with localcontext(EXACT):
        assert all(held >= 0 for held in paper.wallet.free.values())
        assert all(held >= 0 for held in paper.wallet.locked.values())
        for asset, buys in (("USDT", True), ("BTC", False)):
            held = sum((one.locked for one in paper.open.values() if one.buys == buys), D(0))
            assert paper.wallet.locked.get(asset, D(0)) == held


@given(days(), rules, wealth)
def test_money_is_neither_made_nor_lost(
    steps: list[OrderRequest | Pair | Candle | str], how: Rules, held: dict[str, D]
) -> None:
    """What was there, plus what fills brought, less what they took and cost, is what is there: to the last digit."""
    paper = Paper({"BTC/USDT": MARKET}, held, how)
    fills = [fill for _, fill in play(paper, steps)]
    with localcontext(EXACT):
        books = dict(held)
        for fill in fills:
            sign = 1 if fill.side == Side.BUY else -1
            books["BTC"] += sign * fill.amount
            books["USDT"] -= sign * fill.amount * fill.price
            books[fill.fee_asset] -= fill.fee
        shown = paper.balances()
        there = {name: shown[name].free + shown[name].locked if name in shown else D(0) for name in books}
    assert there == books
    assert paper.fills() == fills


@given(days(), rules, wealth)
def test_no_fill_is_outside_its_candle_or_its_order(
    steps: list[OrderRequest | Pair | Candle | str], how: Rules, held: dict[str, D]
) -> None:
    """Prices that were not traded fill nothing; an order gets no more than it asked for, at its price or better."""
    paper = Paper({"BTC/USDT": MARKET}, held, how)
    fills = play(paper, steps)
    taken: dict[Candle, D] = {}
    for candle, fill in fills:
        if candle is not None:
            assert candle.low <= fill.price <= candle.high
            taken[candle] = taken.get(candle, D(0)) + fill.amount
    if how.share is not None:
        assert all(amount <= candle.volume * how.share for candle, amount in taken.items())
    for order in (one for few in (paper.ended, paper.open) for one in few.values()):
        shown = order.order()
        assert sum(fill.amount for fill in order.fills) == shown.filled <= order.amount
        assert (shown.state in LIVE) == (order.number in paper.open)
        assert (shown.filled == order.amount) == (shown.state == OrderState.FILLED)
        if shown.price is not None:
            better = (fill.price <= shown.price if order.buys else fill.price >= shown.price for fill in order.fills)
            assert all(better)


@given(days(), rules, wealth, st.integers(0, 16))
def test_the_same_day_goes_the_same_way(
    steps: list[OrderRequest | Pair | Candle | str], how: Rules, held: dict[str, D], cut: int
) -> None:
    """Also when the account is written down in the middle and read again."""
    whole, first = Paper({"BTC/USDT": MARKET}, held, how), Paper({"BTC/USDT": MARKET}, held, how)
    play(whole, steps)
    play(first, steps[:cut])
    again = saved.read({"BTC/USDT": MARKET}, saved.write(first), how)
    play(again, steps[cut:])
    assert saved.write(again) == saved.write(whole)


@settings(max_examples=200)
@given(days(paired=False), st.sampled_from([None, D("0.0001")]))
def test_the_quick_way_fills_as_the_plain_one_does(
    steps: list[OrderRequest | Pair | Candle | str], share: D | None
) -> None:
    """Looking at every order at every step comes to the same fills in the same order."""
    paper = Paper({"BTC/USDT": MARKET}, {"BTC": D(10_000), "USDT": D(1_000_000)}, Rules(share))
    plain = Naive(share)
    for step in steps:
        if isinstance(step, Candle):
            paper.feed("BTC/USDT", step)
            plain.feed(step)
            continue
        try:
            if isinstance(step, OrderRequest):
                paper.place(step, T0)
                plain.place(step)
            elif isinstance(step, str):
                paper.cancel(step, T0)
                plain.cancel(step)
        except Refused:
            continue
    assert [(int(one.order_id), one.price, one.amount, one.maker) for one in paper.fills()] == plain.fills
    states = {one.number: one.order().state for few in (paper.open, paper.ended) for one in few.values()}
    for kept in plain.orders:
        live = states[kept.number] in LIVE
        assert (kept.state == "open") == live
        assert live or states[kept.number] == kept.state


def test_a_candle_that_touches_nothing_costs_nothing() -> None:
    """A backtest looks only at candles that reach an order: no order is even asked for its price."""
    paper = Paper({"BTC/USDT": MARKET}, {"BTC": D(10), "USDT": D(10_000)})
    flat = Candle(T0, D(100), D(101), D(99), D(100), D(1))
    paper.feed("BTC/USDT", flat)
    for number in range(50):
        price, side = (D(98) - number, Side.BUY) if number % 2 else (D(102) + number, Side.SELL)
        paper.place(OrderRequest(f"o{number}", "BTC/USDT", side, OrderType.LIMIT, D("0.1"), price), T0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(paper), "_travel", lambda *_: pytest.fail("it went through the candle"))
        assert [paper.feed("BTC/USDT", flat) for _ in range(100)] == [()] * 100
