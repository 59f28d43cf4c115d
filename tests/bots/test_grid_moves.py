"""A grid that follows the price, keeps its profit in the base asset, or closes its position."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.market import Market
from connectors.order import OrderState, OrderType, Side
from jobs.bots.cells import Lines
from jobs.bots.desk import Desk
from jobs.bots.parameters import BadParameters, read
from jobs.bots.strategies.grid import Grid
from jobs.bots.strategy import Cancel, Event, Filled, Place, Stop, Wish
from tests.bots import walks
from tests.bots.seen import BTC, START, but, closed, ended, filled, placed, view, whole

#: lines at 40, 42, 44, 46, 48 and 50 thousand
FIVE = Grid(
    symbol=BTC,
    lower_price=Decimal(40_000),
    upper_price=Decimal(50_000),
    grids_quantity=5,
    quantity_per_grid=Decimal(500),
    order_currency_type="quote",
)
UP, DOWN = but(FIVE, trailing_up_enabled=True), but(FIVE, trailing_down_enabled=True)


def begun(grid: Grid, price: int, **balances: object) -> tuple[Lines, dict[Decimal, Place]]:
    """A grid whose orders rest, by their price."""
    state, wishes = grid.decide(grid.begin(), view(price, balances=balances or None), START)
    if [wish.tag for wish in placed(wishes)] == ["start"]:
        state, wishes = grid.decide(state, view(price, *whole(wishes[0], price=price)), START)
    return state, {wish.price or Decimal(0): wish for wish in placed(wishes)}


def step(grid: Grid, state: Lines, price: object, *events: Event, **balances: object) -> tuple[Lines, Sequence[Wish]]:
    """A candle closes at a price, after these events."""
    return grid.decide(state, view(price, *events, closed(price), balances=balances or None), START)


def prices(wishes: Sequence[Wish]) -> list[tuple[str, Decimal | None]]:
    return [(wish.side.value, wish.price) for wish in placed(wishes)]


def test_a_line_above_it_the_lowest_buy_is_given_up_for_one_on_top() -> None:
    """First that is cancelled, so that there is money for the new one; at a tick less nothing moves."""
    state, orders = begun(UP, 51_000)
    assert sorted(orders) == [40_000, 42_000, 44_000, 46_000, 48_000]
    assert UP.waits(state).candles
    assert step(UP, state, "51999.99")[1] == []
    state, wishes = step(UP, state, 52_000)
    assert wishes == [Cancel(orders[Decimal(40_000)].tag)]
    gone = ended(orders[Decimal(40_000)], OrderState.CANCELLED, 0)
    state, wishes = step(UP, state, 52_000, gone)
    assert prices(wishes) == [("buy", 50_000)]
    assert placed(wishes)[0].amount == Decimal("0.01")
    assert (state.bottom, state.top, len(state.cells)) == (1, 6, 5)
    assert UP.told(state) == [
        "5 grids from 42000 to 52000",
        "the lowest line is 1 line above and the highest 1 line above where they began",
    ]


def test_a_jump_moves_it_by_all_its_lines() -> None:
    """As many as there are in one go, the rest at the next close."""
    state, orders = begun(UP, 51_000)
    state, wishes = step(UP, state, 66_000)
    assert len(wishes) == 5
    gone = [ended(order, OrderState.CANCELLED, 0) for order in orders.values()]
    state, wishes = step(UP, state, 66_000, *gone)
    assert prices(wishes) == [("buy", Decimal(price)) for price in (50_000, 52_000, 54_000, 56_000, 58_000)]
    state, wishes = step(UP, state, 66_000)
    assert [type(wish) for wish in wishes] == [Cancel, Cancel, Cancel]


def test_a_price_that_comes_back_meanwhile_ends_the_move() -> None:
    """The old line is taken again."""
    state, orders = begun(UP, 51_000)
    state, _ = step(UP, state, 52_000)
    gone = ended(orders[Decimal(40_000)], OrderState.CANCELLED, 0)
    state, wishes = step(UP, state, 49_999, gone)
    assert prices(wishes) == [("buy", 40_000)]
    assert (state.bottom, state.shift) == (0, 0)


def test_a_buy_that_was_filled_while_it_was_given_up_is_sold() -> None:
    """The line stays, and what was bought there is sold one above."""
    state, orders = begun(UP, 51_000)
    state, _ = step(UP, state, 52_000)
    state, wishes = step(UP, state, 52_000, *whole(orders[Decimal(40_000)]))
    assert prices(wishes) == [("sell", 42_000)]
    assert placed(wishes)[0].amount == Decimal("0.0125")


@pytest.mark.parametrize(
    ("part", "side", "price", "amount"),
    [("0.004", "buy", 50_000, "0.006"), ("0.01", "sell", 52_000, "0.01"), ("0.0124", "sell", 42_000, "0.0124")],
)
def test_a_buy_that_was_filled_in_part_while_it_was_given_up_moves_with_that(
    part: str, side: str, price: int, amount: str
) -> None:
    """The new line buys so much less, or sells it; what is almost all of it is sold one line above where it was."""
    state, orders = begun(UP, 51_000)
    state, _ = step(UP, state, 52_000)
    order = orders[Decimal(40_000)]
    events = filled(order, part), ended(order, OrderState.CANCELLED, part)
    state, (wish,) = step(UP, state, 52_000, *events)
    assert isinstance(wish, Place)
    assert (wish.side.value, wish.price, wish.amount) == (side, price, Decimal(amount))
    if side == "buy":
        _, (sell,) = step(UP, state, 51_000, *whole(wish))
        assert isinstance(sell, Place)
        assert sell.amount == Decimal("0.01")


def test_of_buys_that_do_not_rest_none_is_cancelled() -> None:
    """If only the nearest rest, the lowest are given up at once."""
    grid = but(UP, max_active_buy_lines=2)
    state, orders = begun(grid, 51_000)
    state, wishes = step(grid, state, 54_000)
    assert prices(wishes) == [("buy", 50_000), ("buy", 52_000)]
    assert [wish for wish in wishes if isinstance(wish, Cancel)] == [Cancel(order.tag) for order in orders.values()]
    assert (state.bottom, state.shift) == (2, 0)


def test_downwards_the_highest_sell_is_given_up_for_one_below() -> None:
    """It sells what that would have sold; its next buy spends no more than this brings."""
    state, orders = begun(DOWN, 39_000)
    assert sorted(orders) == [42_000, 44_000, 46_000, 48_000, 50_000]
    assert step(DOWN, state, "38000.01")[1] == []
    state, wishes = step(DOWN, state, 38_000)
    highest = orders[Decimal(50_000)]
    assert wishes == [Cancel(highest.tag)]
    state, wishes = step(DOWN, state, 38_000, ended(highest, OrderState.CANCELLED, 0))
    (sell,) = placed(wishes)
    assert (sell.side, sell.price, sell.amount) == (Side.SELL, 40_000, highest.amount)
    state, wishes = step(DOWN, state, 40_000, *whole(sell))
    (buy,) = placed(wishes)
    assert (buy.side, buy.price) == (Side.BUY, 38_000)
    assert (buy.amount or 0) * 38_000 <= (sell.amount or 0) * 40_000 * Decimal("0.999")


def test_it_does_not_move_below_nothing() -> None:
    """There is no line at or below 0, nor two on one tick."""
    grid = but(DOWN, lower_price="0.03", upper_price="0.08", quantity_per_grid="100")
    state, orders = begun(grid, 1)
    full = [event for order in orders.values() for event in whole(order)]
    state, wishes = step(grid, state, "0.01", *full)
    assert prices(wishes) == [("sell", Decimal(price) / 100) for price in (2, 3, 4, 5, 6)]
    assert step(grid, state, "0.01")[1] == []


@pytest.mark.parametrize("grid_type", ["arithmetic", "geometric"])
def test_the_stop_loss_behind_it_moves_along(grid_type: str) -> None:
    """So far below the lowest line as it was; the one ahead stays."""
    stops = {"lower_stop_loss_enabled": True, "lower_stop_loss_price": "39000", "upper_stop_loss_enabled": True}
    grid = but(UP, grid_type=grid_type, **stops, upper_stop_loss_price="90000")
    state, orders = begun(grid, 51_000)
    ladder = grid.ladder(view(1).markets[BTC])
    state, _ = step(grid, state, ladder.line(6))
    state, _ = step(grid, state, ladder.line(6), ended(orders[Decimal(40_000)], OrderState.CANCELLED, 0))
    up = 41_000 if grid_type == "arithmetic" else 39_000 * (Decimal("1.25") ** (Decimal(1) / 5))
    assert step(grid, state, up + Decimal("0.01"))[1] == []
    _, (stop,) = step(grid, state, round(up - Decimal("0.01"), 2))
    assert isinstance(stop, Stop)
    assert "below lower_stop_loss_price" in stop.why


def test_it_expands_upwards_as_far_as_its_price_and_its_money_go() -> None:
    """Nothing is given up; what is not free buys nothing."""
    grid = but(FIVE, expansion_up_enabled=True, expansion_up_stop_price="56000")
    state, _ = begun(grid, 51_000)
    assert step(grid, state, 51_999, USDT=10_000)[1] == []
    assert step(grid, state, 70_000, USDT=500)[1] == []
    state, wishes = step(grid, state, 70_000, USDT=1_001)
    assert prices(wishes) == [("buy", 50_000), ("buy", 52_000)]
    state, wishes = step(grid, state, 70_000, USDT=10_000)
    assert prices(wishes) == [("buy", 54_000)]
    assert step(grid, state, 70_000, USDT=10_000)[1] == []


def test_it_expands_downwards_once_a_candle_closes_below_it() -> None:
    """A buy a line below, which is sold one line above as all others."""
    grid = but(FIVE, expansion_down_enabled=True, expansion_down_stop_price="35000")
    state, _ = begun(grid, 41_000)
    assert step(grid, state, 40_000, USDT=10_000)[1] == []
    state, wishes = step(grid, state, 39_999, USDT=10_000)
    assert prices(wishes) == [("buy", 38_000)]
    assert placed(wishes)[0].tag == "buy--1-0"
    state, wishes = step(grid, state, 30_000, *whole(placed(wishes)[0]), USDT=10_000)
    assert prices(wishes) == [("buy", 36_000), ("sell", 40_000)]
    assert step(grid, state, 30_000, USDT=10_000)[1] == []


def test_profit_in_the_base_asset_is_what_is_not_sold() -> None:
    """What is sold brings back what was paid, the seller's fee included."""
    grid = but(FIVE, order_currency_type="base", quantity_per_grid="0.1", profit_currency_type="base")
    state, orders = begun(grid, 45_000)
    buy, sell = orders[Decimal(44_000)], orders[Decimal(48_000)]
    assert buy.amount == Decimal("0.1")
    assert sell.amount == Decimal("0.0960")
    state, (back,) = step(grid, state, 44_000, filled(buy, fee="0.0001"), ended(buy))
    assert isinstance(back, Place)
    assert (back.price, back.amount) == (46_000, Decimal("0.0958"))
    assert back.amount * 46_000 * Decimal("0.999") >= Decimal("0.1") * 44_000
    _, (again,) = step(grid, state, 46_000, *whole(back))
    assert isinstance(again, Place)
    assert (again.side, again.price, again.amount) == (Side.BUY, 44_000, Decimal("0.1"))


@pytest.mark.parametrize(
    ("action", "held", "traded"),
    [
        ("stop_bot_and_sell", "1.05", ("sell", "1.05")),
        ("stop_bot_and_close_position", "1.05", ("sell", "0.05")),
        ("stop_bot_and_close_position", "0.97", ("buy", "0.03")),
        ("stop_bot_and_close_position", "1.00009", None),
    ],
)
def test_to_close_the_position_is_to_trade_back_to_the_beginning(
    action: str, held: str, traded: tuple[str, str] | None
) -> None:
    """A bot that was given 1 BTC has it again; to sell is to sell all."""
    grid = but(FIVE, lower_stop_loss_enabled=True, lower_stop_loss_price="39000", lower_stop_loss_action=action)
    state, orders = begun(grid, 45_000, BTC=1, USDT=5_000)
    state, wishes = step(grid, state, 38_000)
    assert list(wishes) == [Cancel(order.tag) for order in orders.values()]
    gone = [ended(order, OrderState.CANCELLED, 0) for order in orders.values()]
    state, (wish,) = step(grid, state, 38_000, *gone, BTC=held, USDT=5_000)
    if traded is None:
        assert isinstance(wish, Stop)
        return
    assert isinstance(wish, Place)
    assert (wish.side.value, wish.type, wish.amount) == (traded[0], OrderType.MARKET, Decimal(traded[1]))
    _, (stop,) = step(grid, state, 38_000, *whole(wish, price=38_000))
    assert stop == Stop("38000 is below lower_stop_loss_price")


def test_what_is_left_of_a_part_and_too_little_for_an_order_does_not_end_it() -> None:
    """It is added to what follows, and not asked for again and again."""
    state, orders = begun(FIVE, 45_000)
    buy = orders[Decimal(44_000)]
    events = filled(buy, "0.0112"), ended(buy, OrderState.CANCELLED, "0.0112")
    state, (sell,) = step(FIVE, state, 44_500, *events)
    assert isinstance(sell, Place)
    assert (sell.side, sell.amount) == (Side.SELL, Decimal("0.0112"))
    events = filled(sell, "0.0111"), ended(sell, OrderState.CANCELLED, "0.0111")
    state, (again,) = step(FIVE, state, 45_500, *events)
    assert isinstance(again, Place)
    assert (again.side, again.price) == (Side.BUY, 44_000)
    _, (more,) = step(FIVE, state, 44_000, *whole(again))
    assert isinstance(more, Place)
    assert more.amount == (again.amount or 0) + Decimal("0.0001")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"trailing_up_enabled": True, "order_currency_type": "base"}, "trailing_up_enabled needs order_currency_type"),
        ({"trailing_down_enabled": True, "profit_currency_type": "base"}, "trailing_down_enabled needs"),
        (
            {"trailing_up_enabled": True, "expansion_up_enabled": True, "expansion_up_stop_price": "60000"},
            "name either trailing_up_enabled or expansion_up_enabled",
        ),
        ({"expansion_up_enabled": True}, "expansion_up_stop_price must be above upper_price"),
        ({"expansion_up_enabled": True, "expansion_up_stop_price": "50000"}, "must be above upper_price"),
        ({"expansion_down_enabled": True}, "expansion_down_stop_price must be below lower_price"),
        (
            {
                "expansion_down_enabled": True,
                "expansion_down_stop_price": "30000",
                "lower_stop_loss_enabled": True,
                "lower_stop_loss_price": "35000",
            },
            "lower_stop_loss_price must be below expansion_down_stop_price",
        ),
        ({"upper_stop_loss_action": "stop_bot_and_buy"}, "upper_stop_loss_action should be 'stop_bot'"),
    ],
)
def test_nonsense(changed: dict[str, object], words: str) -> None:
    """Refused in one sentence that names what is wrong."""
    with pytest.raises(BadParameters, match=words) as refused:
        read("grid", Grid, FIVE.model_dump() | changed)
    assert "\n" not in str(refused.value)


WAYS = st.sampled_from(["", "trailing", "expansion"])


@given(
    WAYS,
    WAYS,
    st.sampled_from(["arithmetic", "geometric"]),
    st.sampled_from(["base", "quote"]),
    st.sampled_from([None, 1, 2]),
    walks.CANDLES,
    st.sampled_from(walks.MARKETS),
    st.sampled_from([None, Decimal("0.1")]),
)
def test_however_it_moves_no_line_is_held_twice_and_nothing_is_lost(  # noqa: PLR0913, PLR0917 - what may happen
    up: str,
    down: str,
    kind: str,
    profit: str,
    most: int | None,
    turns: list[tuple[int, int, int]],
    market: Market,
    share: Decimal | None,
) -> None:
    """It rests no more orders than it has cells, no buy above a sell, and its cells hold what it has bought."""
    trails = "trailing" in {up, down}
    grid = but(
        FIVE,
        grid_type=kind,
        profit_currency_type="quote" if trails else profit,
        **{f"{way}_{name}_enabled": True for name, way in (("up", up), ("down", down)) if way},
        expansion_up_stop_price="60000",
        expansion_down_stop_price="30000",
        max_active_buy_lines=most,
    )
    spare = list[Decimal]()

    def look(state: Lines, desk: Desk, _: object) -> None:
        resting = {cell.tag for cell in state.cells if cell.resting}
        told = {event.tag for event in desk.news}  # with the next decision
        assert set(desk.open) | told >= resting
        assert set(desk.open) <= resting
        assert [cell.number for cell in state.cells] == list(range(state.bottom, state.top))
        assert len(state.cells) == 5 or "expansion" in {up, down}
        rest = [cell for cell in state.cells if cell.tag in desk.open]
        sides = {side: [grid.ladder(market).line(cell.line) for cell in rest if cell.side is side] for side in Side}
        if share is None and all(sides.values()):  # else the price may pass what is filled in part
            assert max(sides[Side.BUY]) <= min(sides[Side.SELL])
        assert walks.offered(desk) <= walks.total(desk, "BTC")
        if state.phase == "running" and not any(isinstance(event, Filled) for event in desk.news):
            cells = sum((cell.got + (cell.amount if cell.side is Side.SELL else 0) for cell in state.cells), Decimal(0))
            spare.append(walks.total(desk, "BTC") - cells)
            kept = spare[-2:]
            assert kept[0] == kept[-1] or (grid.profit_currency_type == "base" and kept[0] <= kept[-1])

    candles = walks.path(turns, Decimal("0.001"), Decimal("0.05"), begin=45_000)
    walks.walk(grid, market, {"USDT": Decimal(2_600), "BTC": Decimal("0.06")}, candles, look, share=share)
    assert all(one >= 0 for one in spare)
