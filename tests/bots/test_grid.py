"""Grid: where orders rest, what follows a fill, and how it ends."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.order import OrderState, OrderType, Side
from jobs.bots.strategies.grid import Grid, Lines
from jobs.bots.strategy import Cancel, Event, Place, Stop, Wish
from tests.bots.seen import BTC, START, but, closed, ended, filled, placed, view, whole

FIVE = Grid(
    symbol=BTC,
    lower_price=Decimal(40_000),
    upper_price=Decimal(50_000),
    grids_quantity=5,
    quantity_per_grid=Decimal("0.01"),
)


def running(grid: Grid, price: object = 45_000) -> tuple[Lines, list[Place]]:
    """A grid whose orders rest."""
    state, wishes = grid.decide(grid.begin(), view(price), START)
    if [wish.tag for wish in placed(wishes)] == ["start"]:
        state, wishes = grid.decide(state, view(price, *whole(wishes[0], price=price)), START)
    return state, placed(wishes)


def test_it_buys_what_the_sells_need_and_leaves_the_nearest_line_free() -> None:
    """Lines at 40, 42, 44, 46, 48 and 50 thousand with the price at 45: buys below, sells from the second above."""
    state, (first,) = FIVE.decide(FIVE.begin(), view(45_000), START)
    assert first == Place("start", BTC, Side.BUY, OrderType.MARKET, amount=Decimal("0.0201"))
    state, wishes = FIVE.decide(state, view(45_000, *whole(first, price=45_000)), START)
    assert [(wish.side.value, wish.price, wish.amount) for wish in placed(wishes)] == [
        ("buy", 40_000, Decimal("0.01")),
        ("buy", 42_000, Decimal("0.01")),
        ("buy", 44_000, Decimal("0.01")),
        ("sell", 48_000, Decimal("0.01")),
        ("sell", 50_000, Decimal("0.01")),
    ]
    assert not FIVE.waits(state).candles


@pytest.mark.parametrize(
    ("lasting", "tags"), [((False, False), ["start", "start-1", "start-2"]), ((False, True), ["start", "start-1"])]
)
def test_what_the_sells_need_is_bought_anew(lasting: tuple[bool, ...], tags: list[str]) -> None:
    """A lost order does not end it, what was filled of it is not bought again, and a balance that is not there ends it."""
    state, (buy,) = FIVE.decide(FIVE.begin(), view(45_000), START)
    seen = [buy]
    for one in (*lasting, False):
        have = {"USDT": 5000, "BTC": "0.01" if len(seen) > 1 else 0}
        gone = replace(ended(seen[-1], OrderState.REJECTED, 0, "it did not reach the exchange"), lasting=one)
        state, wishes = FIVE.decide(state, view(45_000, gone, balances=have), START)
        if isinstance(wishes[0], Stop):
            break
        seen += placed(wishes)
    assert [wish.tag for wish in placed(seen)] == tags
    assert [wish.amount for wish in placed(seen)] == [Decimal("0.0201"), Decimal("0.0201"), Decimal("0.0101")][
        : len(tags)
    ]
    assert wishes == (Stop("what the sells need was not bought: it did not reach the exchange"),)


STOPPED = but(
    FIVE,
    lower_stop_loss_enabled=True,
    lower_stop_loss_price=Decimal(39_000),
    lower_stop_loss_action="stop_bot_and_sell",
)


def test_what_a_line_has_bought_meanwhile_is_not_taken_for_what_the_sells_need() -> None:
    """It has to be sold at its own line, once that is filled wholly."""
    state, (first,) = STOPPED.decide(STOPPED.begin(), view(45_000), START)
    state, wishes = STOPPED.decide(state, view(44_500, closed(44_500)), START)
    buy = placed(wishes)[-1]
    events = filled(buy, "0.005"), ended(first, OrderState.REJECTED, 0, "it did not reach the exchange")
    state, wishes = STOPPED.decide(state, view(44_000, *events, balances={"BTC": "0.005"}), START)
    assert [(wish.tag, wish.amount) for wish in placed(wishes)] == [("start-1", Decimal("0.0201"))]


def test_a_grid_that_ends_does_not_begin_with_what_it_bought_last() -> None:
    """What the sells would have needed is sold with the rest."""
    state, (first,) = STOPPED.decide(STOPPED.begin(), view(45_000), START)
    state, wishes = STOPPED.decide(state, view(44_500, closed(44_500)), START)
    buys = placed(wishes)
    state, wishes = STOPPED.decide(state, view(38_000, closed(38_000)), START)
    assert wishes == [Cancel(buy.tag) for buy in buys]
    state, wishes = STOPPED.decide(state, view(38_000, *whole(first, price=38_000)), START)
    assert wishes == [Cancel(buy.tag) for buy in buys]
    gone = [ended(buy, OrderState.CANCELLED, 0) for buy in buys]
    _, wishes = STOPPED.decide(state, view(38_000, *gone, balances={"BTC": "0.0201"}), START)
    assert [(wish.tag, wish.amount) for wish in placed(wishes)] == [("close-0", Decimal("0.0201"))]


def test_what_it_holds_need_not_be_bought() -> None:
    """A bot that has the base asset begins at once."""
    _, wishes = FIVE.decide(FIVE.begin(), view(45_000, balances={"BTC": "0.02", "USDT": 5000}), START)
    assert len(placed(wishes)) == 5


def test_a_geometric_grid_has_equal_ratios() -> None:
    """Each line is the same percentage above the one below, on the tick."""
    grid = but(FIVE, grid_type="geometric", grids_quantity=2, lower_price=Decimal(32_000))
    _, wishes = running(grid, 49_999)
    assert [wish.price for wish in wishes] == [32_000, 40_000]


def test_a_fill_is_answered_one_line_away() -> None:
    """Bought at 44: sold at 46. Sold there: bought at 44 again; nothing else moves."""
    state, orders = running(FIVE)
    state, (sell,) = FIVE.decide(state, view(44_000, *whole(orders[2])), START)
    assert isinstance(sell, Place)
    assert (sell.side, sell.price, sell.amount) == (Side.SELL, 46_000, Decimal("0.01"))
    _, (buy,) = FIVE.decide(state, view(46_000, *whole(sell)), START)
    assert isinstance(buy, Place)
    assert (buy.side, buy.price, buy.amount) == (Side.BUY, 44_000, Decimal("0.01"))
    assert len({orders[2].tag, sell.tag, buy.tag}) == 3


def test_parts_are_waited_for_and_fees_in_the_asset_are_not_sold() -> None:
    """A sell never names more than there is; what is left of a lot is kept for the next round."""
    state, orders = running(FIVE)
    state, wishes = FIVE.decide(state, view(44_000, filled(orders[2], "0.004", fee="0.000004")), START)
    assert wishes == []
    state, (sell,) = FIVE.decide(
        state, view(44_000, filled(orders[2], "0.006", fee="0.000006"), ended(orders[2])), START
    )
    assert isinstance(sell, Place)
    assert sell.amount == Decimal("0.0099")
    assert state.cells[2].got == Decimal("0.00009")


def test_only_the_nearest_lines_rest_if_so_many_are_allowed() -> None:
    """When one is filled, the next one takes its place, and one that is too many is cancelled."""
    grid = but(FIVE, max_active_buy_lines=1, max_active_sell_lines=1)
    state, orders = running(grid)
    assert [wish.price for wish in orders] == [44_000, 48_000]
    state, wishes = grid.decide(state, view(44_000, *whole(orders[0])), START)
    assert [(wish.side.value, wish.price) for wish in placed(wishes)] == [("buy", 42_000), ("sell", 46_000)]
    assert [wish for wish in wishes if isinstance(wish, Cancel)] == [Cancel(orders[1].tag)]


def test_a_price_that_goes_to_and_fro_does_not_end_it() -> None:
    """What it cancels itself, for lines that are nearer, is no failure, however often."""
    grid = but(FIVE, max_active_buy_lines=1, max_active_sell_lines=1)
    state, orders = running(grid)
    resting = {wish.price: wish for wish in orders}
    for turn in range(10):
        price = 44_000 if turn % 2 == 0 else 46_000
        state, wishes = grid.decide(state, view(price, *whole(resting.pop(Decimal(price)))), START)
        resting |= {wish.price: wish for wish in placed(wishes)}
        gone = [wish.tag for wish in wishes if isinstance(wish, Cancel)]
        ends = [ended(wish, OrderState.CANCELLED, 0) for wish in resting.values() if wish.tag in gone]
        assert len(ends) == 1
        resting = {price: wish for price, wish in resting.items() if wish.tag not in gone}
        state, wishes = grid.decide(state, view(price, *ends), START)
        assert not wishes
        assert sorted(resting) == ([42_000, 46_000] if turn % 2 == 0 else [44_000, 48_000])


def test_an_order_that_ends_unfilled_is_placed_anew_three_times() -> None:
    """One lost order does not end a bot; one that is always refused does, with the reason."""
    state, orders = running(FIVE)
    wish = orders[0]
    for _ in range(2):
        state, (again,) = FIVE.decide(state, view(45_000, ended(wish, OrderState.CANCELLED, 0)), START)
        assert isinstance(again, Place)
        assert (again.price, again.amount) == (wish.price, wish.amount)
        wish = again
    event = ended(wish, OrderState.REJECTED, 0, "not enough USDT")
    _, (stop,) = FIVE.decide(state, view(45_000, event), START)
    assert isinstance(stop, Stop)
    assert "not enough USDT" in stop.why


@pytest.mark.parametrize(("close", "ends"), [(39_000, True), (39_001, False), (45_000, False), (51_001, True)])
def test_a_stop_price_ends_it_at_a_close_beyond(close: int, ends: bool) -> None:
    """At the price itself nothing happens."""
    grid = but(
        FIVE,
        upper_stop_loss_enabled=True,
        upper_stop_loss_price=Decimal(51_000),
        lower_stop_loss_enabled=True,
        lower_stop_loss_price=Decimal(39_001),
    )
    state, _ = running(grid)
    assert grid.waits(state).candles
    _, wishes = grid.decide(state, view(close, closed(close)), START)
    assert bool(wishes) == ends
    assert all(isinstance(wish, Stop) for wish in wishes)


def test_stop_and_sell_cancels_first_and_sells_what_is_free_then() -> None:
    """All orders are cancelled, what is held is sold at once, and only then the bot is done."""
    grid = STOPPED
    state, orders = running(grid)
    state, wishes = grid.decide(state, view(38_000, closed(38_000)), START)
    assert wishes == [Cancel(order.tag) for order in orders]
    events: list[Event] = [ended(order, OrderState.CANCELLED, 0) for order in orders]
    state, (sell,) = grid.decide(state, view(38_000, *events, balances={"BTC": "0.02015"}), START)
    assert isinstance(sell, Place)
    assert (sell.side, sell.type, sell.amount) == (Side.SELL, OrderType.MARKET, Decimal("0.0201"))
    assert grid.decide(state, view(38_000, closed(37_000)), START)[1] == ()
    _, (stop,) = grid.decide(state, view(38_000, *whole(sell, price=38_000)), START)
    assert isinstance(stop, Stop)
    assert "below lower_stop_loss_price" in stop.why


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"upper_price": Decimal("40000.02")}, "tick size"), ({"quantity_per_grid": Decimal("0.00009")}, "lot size")],
)
def test_what_the_market_does_not_allow_ends_it_at_once(changed: dict[str, Decimal], words: str) -> None:
    """Nothing is placed that could only be refused."""
    grid = but(FIVE, **changed)
    _, (stop,) = grid.decide(grid.begin(), view(45_000), START)
    assert isinstance(stop, Stop)
    assert words in stop.why


def met(price: object, *, part: object = None) -> tuple[Lines, list[Wish], list[Place]]:
    """Between two looks 44 was bought and 48 sold, so both now want 46; with ``part``, so much of the first is done."""
    state, orders = running(FIVE)
    state, wishes = FIVE.decide(state, view(price, *whole(orders[2]), *whole(orders[3])), START)
    if part is not None:
        state, wishes = FIVE.decide(state, view(price, filled(placed(wishes)[0], part)), START)
    return state, list(wishes), orders


@pytest.mark.parametrize(("price", "first"), [(45_000, Side.BUY), (46_000, Side.SELL), (47_000, Side.SELL)])
def test_two_orders_at_one_line_would_trade_with_each_other_so_one_waits(price: int, first: Side) -> None:
    """What the price lets be filled at once goes first; the other one follows when it has ended."""
    state, wishes, _ = met(price)
    (wish,) = placed(wishes)
    assert (wish.side, wish.price) == (first, 46_000)
    assert FIVE.waits(state).candles
    state, wishes = FIVE.decide(state, view(price, *whole(wish, price=price)), START)
    after = {(one.side, one.price) for one in placed(wishes)}
    assert after == (
        {(Side.SELL, 46_000), (Side.SELL, 48_000)} if first is Side.BUY else {(Side.BUY, 44_000), (Side.BUY, 46_000)}
    )
    assert not FIVE.waits(state).candles


def test_behind_what_is_left_of_one_the_other_waits_until_the_price_is_a_line_away() -> None:
    """Then others' orders lie between the two; nothing is cancelled for that."""
    state, _, _ = met(45_000, part="0.004")
    for price in (45_500, 46_500, 47_999):
        state, wishes = FIVE.decide(state, view(price, closed(price)), START)
        assert wishes == []
    state, (sell,) = FIVE.decide(state, view(48_000, closed(48_000)), START)
    assert isinstance(sell, Place)
    assert (sell.side, sell.price, sell.amount) == (Side.SELL, 46_000, Decimal("0.01"))


@given(st.data(), st.integers(2, 8))
def test_near_the_price_no_order_can_trade_with_another_one(data: st.DataObject, spaces: int) -> None:
    """However the price goes between two looks, in parts or wholly; and all that is held is for sale in the end."""
    grid = but(FIVE, grids_quantity=spaces)
    step, price = 10_000 / spaces, data.draw(st.integers(39_000, 51_000))
    state, orders = running(grid, price)
    resting = {order.tag: (order, order.amount or Decimal(0)) for order in orders}
    for _ in range(20):
        events: list[Event] = []
        for price in data.draw(st.lists(st.integers(39_000, 51_000), min_size=1, max_size=3)):
            for tag, (order, left) in sorted(resting.items()):
                at = order.price or Decimal(0)
                if price > at if order.side is Side.BUY else price < at:
                    continue
                much = data.draw(st.sampled_from([left, left / 4])) if price == at else left
                events.append(filled(order, much))
                resting[tag] = (order, left - much)
                if much == left:
                    events.append(ended(order))
                    del resting[tag]
        state, wishes = grid.decide(state, view(price, closed(price), *events), START)
        assert all(isinstance(wish, Place) for wish in wishes)
        resting |= {wish.tag: (wish, wish.amount or Decimal(0)) for wish in placed(wishes)}
        near = [order for order, _ in resting.values() if abs((order.price or 0) - price) < int(step)]
        buys = [order.price or 0 for order in near if order.side is Side.BUY]
        sells = [order.price or 0 for order in near if order.side is Side.SELL]
        assert not buys or not sells or max(buys) < min(sells)
    for price in (39_000, 51_000):  # a line away, whatever waited is placed
        events = [event for order, left in resting.values() for event in (filled(order, left), ended(order))]
        state, wishes = grid.decide(state, view(price, closed(price), *events), START)
        resting = {wish.tag: (wish, wish.amount or Decimal(0)) for wish in placed(wishes)}
    assert all(cell.resting for cell in state.cells)


@given(st.data(), st.integers(1, 12), st.sampled_from(["arithmetic", "geometric"]))
def test_whatever_is_filled_no_line_is_held_twice(data: st.DataObject, spaces: int, kind: str) -> None:
    """At most one order rests for each space, tags never come again, buys lie below sells."""
    grid = but(FIVE, grids_quantity=spaces, grid_type=kind)
    state, orders = running(grid, data.draw(st.integers(39_000, 51_000)))
    resting, tags = {order.tag: order for order in orders}, {order.tag for order in orders}
    for _ in range(30):
        buys = sorted((order for order in resting.values() if order.side is Side.BUY), key=lambda one: one.price or 0)
        sells = sorted((order for order in resting.values() if order.side is Side.SELL), key=lambda one: one.price or 0)
        assert len(resting) == spaces
        assert not buys or not sells or (buys[-1].price or 0) < (sells[0].price or 0)
        best = [*buys[-1:], *sells[:1]]
        hit = data.draw(st.sampled_from(best))
        state, wishes = grid.decide(state, view(45_000, *whole(hit)), START)
        del resting[hit.tag]
        for wish in placed(wishes):
            assert wish.tag not in tags
            tags.add(wish.tag)
            resting[wish.tag] = wish
    assert Lines.model_validate_json(state.model_dump_json()) == state
