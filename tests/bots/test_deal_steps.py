"""Deal DCA that sells in steps, and whose stop-loss follows the price, stands at break-even, or must last."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.market import Filters, Market
from connectors.order import OrderState, OrderType, Side
from jobs.bots.deal import Deal
from jobs.bots.desk import Desk
from jobs.bots.parameters import BadParameters, read
from jobs.bots.strategies.deal_dca import DealDca
from jobs.bots.strategy import Cancel, Filled, Pair, Place, Wish
from jobs.bots.strategy import placed as orders_of
from tests.bots import walks
from tests.bots.seen import BTC, MARKET, PAIRED, START, but, closed, ended, filled, placed, view, whole

BOT = DealDca(
    symbol=BTC,
    base_order_volume=Decimal(500),
    safety_order_volume=Decimal(500),
    max_safety_orders=1,
    safety_order_step_percentage=Decimal(4),
    take_profit_steps="50:2,30:4,20:8",  # type: ignore[arg-type]  # as a person writes it
)
GUARDED = but(BOT, stop_loss_percentage="10", sl_to_breakeven_enabled=True)


def opened(bot: DealDca, market: Market = MARKET, price: int = 50_000) -> tuple[Deal, list[Wish]]:
    """A deal whose base order bought 0.01 BTC at 50,000."""
    state, (base,) = bot.decide(bot.begin(), view(price, markets=[market]), START)
    done = (filled(base, "0.01", price=price), ended(base, OrderState.FILLED, "0.01"))
    state, wishes = bot.decide(state, view(price, *done, markets=[market]), START)
    return state, list(wishes)


def sells(wishes: list[Wish]) -> list[tuple[Decimal | None, Decimal | None]]:
    return [(wish.price, wish.amount) for wish in placed(wishes, Side.SELL)]


def test_each_step_rests_with_its_share() -> None:
    """Half of it 2 % above what was paid, and so on; together all of it."""
    _, wishes = opened(BOT)
    assert sells(wishes) == [
        (Decimal(51_000), Decimal("0.005")),
        (Decimal(52_000), Decimal("0.003")),
        (Decimal(54_000), Decimal("0.002")),
    ]


def test_each_step_rests_with_a_stop_loss_of_its_own_where_pairs_are_held() -> None:
    """All stop-losses stand at one price, for all that is held."""
    state, wishes = opened(GUARDED, PAIRED)
    pairs = [wish for wish in wishes if isinstance(wish, Pair)]
    assert [(pair.first.stop_price, pair.second.price, pair.first.amount) for pair in pairs] == [
        (45_000, 51_000, Decimal("0.005")),
        (45_000, 52_000, Decimal("0.003")),
        (45_000, 54_000, Decimal("0.002")),
    ]
    assert not GUARDED.waits(state).candles
    assert GUARDED.told(state)[0] == (
        "50 %: rests at the exchange: stop-loss at 45000 and take-profit at 51000 (one cancels the other)"
    )


def test_a_safety_order_makes_all_steps_larger() -> None:
    """Each is cancelled before it is placed anew, above the new average."""
    state, wishes = opened(BOT)
    safety, *steps = placed(wishes)
    state, wishes2 = BOT.decide(state, view(48_000, *whole(safety)), START)
    assert list(wishes2) == [Cancel(step.tag) for step in steps]
    gone = [ended(step, OrderState.CANCELLED, 0) for step in steps]
    state, wishes2 = BOT.decide(state, view(48_000, *gone), START)
    average = (Decimal(500) + Decimal("0.0104") * 48_000) / Decimal("0.0204")
    assert sells(list(wishes2))[0] == (round(average * Decimal("1.02"), 2), Decimal("0.0102"))
    assert sum(amount or 0 for _, amount in sells(list(wishes2))) == Decimal("0.0204")


def test_a_step_that_is_filled_in_part_keeps_the_others() -> None:
    """What rests of it is enough already."""
    state, wishes = opened(BOT)
    _, first, *_ = placed(wishes)
    state, wishes2 = BOT.decide(state, view(51_000, filled(first, "0.002")), START)
    assert wishes2 == []
    assert state.held == Decimal("0.008")


def test_of_a_pair_that_is_filled_in_part_the_rest_is_paired_anew() -> None:
    """Its stop-loss has expired with the first fill; the other steps' stay."""
    state, wishes = opened(GUARDED, PAIRED)
    pair = next(wish for wish in wishes if isinstance(wish, Pair))
    part = (filled(pair.second, "0.002"), ended(pair.first, OrderState.EXPIRED, 0))
    state, (cancel,) = GUARDED.decide(state, view(50_900, *part, markets=[PAIRED]), START)
    assert cancel == Cancel(pair.second.tag)
    gone = ended(pair.second, OrderState.CANCELLED, "0.002")
    state, (smaller,) = GUARDED.decide(state, view(50_900, gone, markets=[PAIRED]), START)
    assert isinstance(smaller, Pair)
    assert {leg.amount for leg in smaller.legs} == {Decimal("0.003")}
    assert not any(part.done for part in state.parts)


def test_after_the_first_step_nothing_is_bought_and_the_stop_loss_breaks_even() -> None:
    """The safety order and the old stop-losses are cancelled; the new ones stand at what was paid."""
    state, wishes = opened(GUARDED, PAIRED)
    (safety,), pairs = placed(wishes), [wish for wish in wishes if isinstance(wish, Pair)]
    sold = (*whole(pairs[0].second), ended(pairs[0].first, OrderState.EXPIRED, 0))
    state, cancels = GUARDED.decide(state, view(51_000, *sold, markets=[PAIRED]), START)
    assert list(cancels) == [Cancel(safety.tag), *(Cancel(pair.first.tag) for pair in pairs[1:])]
    gone = [ended(leg, OrderState.CANCELLED, 0) for pair in pairs[1:] for leg in pair.legs]
    gone.append(ended(safety, OrderState.CANCELLED, 0))
    state, again = GUARDED.decide(state, view(51_000, *gone, markets=[PAIRED]), START)
    assert [(leg.stop_price, leg.price, leg.amount) for wish in again for leg in orders_of(wish)] == [
        (50_000, None, Decimal("0.003")),
        (None, 52_000, Decimal("0.003")),
        (50_000, None, Decimal("0.002")),
        (None, 54_000, Decimal("0.002")),
    ]


def test_a_safety_order_that_was_filled_while_it_was_cancelled_is_counted() -> None:
    """The steps that are left sell it too."""
    state, wishes = opened(BOT)
    safety, first, second, third = placed(wishes)
    state, cancels = BOT.decide(state, view(51_000, *whole(first)), START)
    assert list(cancels) == [Cancel(safety.tag)]
    state, cancels = BOT.decide(state, view(50_000, *whole(safety)), START)
    assert list(cancels) == [Cancel(second.tag), Cancel(third.tag)]
    gone = [ended(step, OrderState.CANCELLED, 0) for step in (second, third)]
    state, again = BOT.decide(state, view(50_000, *gone), START)
    assert sum(amount or 0 for _, amount in sells(list(again))) == state.held == Decimal("0.0154")


def test_a_stop_loss_that_sells_ends_the_whole_deal() -> None:
    """What another step had still to be sold is sold at the market, once nothing rests for it."""
    state, wishes = opened(GUARDED, PAIRED)
    (safety,), pairs = placed(wishes), [wish for wish in wishes if isinstance(wish, Pair)]
    hit = (*whole(pairs[0].first, price=45_000), ended(pairs[0].second, OrderState.EXPIRED, 0))
    state, cancels = GUARDED.decide(state, view(44_900, *hit, markets=[PAIRED]), START)
    rest = [safety, *pairs[1].legs, *pairs[2].legs]
    assert list(cancels) == [Cancel(order.tag) for order in rest]
    sold = (*whole(pairs[1].first, price=44_900), ended(pairs[1].second, OrderState.EXPIRED, 0))
    gone = [ended(order, OrderState.CANCELLED, 0) for order in (safety, *pairs[2].legs)]
    state, (last,) = GUARDED.decide(state, view(44_900, *sold, *gone, markets=[PAIRED]), START)
    assert isinstance(last, Place)
    assert (last.type, last.amount) == (OrderType.MARKET, Decimal("0.002"))


def test_where_the_stop_loss_rests_alone_a_step_is_watched_and_sold_at_the_market() -> None:
    """Its stop-loss gives way, the others' stay; a refused sale is tried again."""
    state, wishes = opened(GUARDED)
    _, first, second, third = placed(wishes)
    assert {order.type for order in (first, second, third)} == {OrderType.STOP}
    state, (cancel,) = GUARDED.decide(state, view(51_000, closed(51_000)), START)
    assert cancel == Cancel(first.tag)
    state, (sale,) = GUARDED.decide(state, view(50_900, ended(first, OrderState.CANCELLED, 0)), START)
    assert isinstance(sale, Place)
    assert (sale.side, sale.type, sale.amount) == (Side.SELL, OrderType.MARKET, Decimal("0.005"))
    state, (sale,) = GUARDED.decide(state, view(50_900, ended(sale, OrderState.REJECTED, 0)), START)
    assert isinstance(sale, Place)
    state, more = GUARDED.decide(state, view(50_900, *whole(sale, price=50_900)), START)
    assert list(more) == [Cancel(placed(wishes)[0].tag), Cancel(second.tag), Cancel(third.tag)]
    assert state.parts[0].done


def test_only_the_last_step_trails() -> None:
    """It is sold when the price falls from its height, the others where they rest."""
    bot = but(BOT, trailing_enabled=True, trailing_deviation="1")
    state, wishes = opened(bot)
    safety, first, second = placed(wishes)
    assert [order.price for order in (first, second)] == [51_000, 52_000]
    state, _ = bot.decide(state, view(54_000, *whole(first), *whole(second), closed(54_000)), START)
    state, _ = bot.decide(state, view(55_000, ended(safety, OrderState.CANCELLED, 0), closed(55_000)), START)
    assert bot.decide(state, view(54_500, closed(54_500)), START)[1] == []
    _, (sale,) = bot.decide(state, view(54_450, closed(54_450)), START)
    assert isinstance(sale, Place)
    assert (sale.type, sale.amount) == (OrderType.MARKET, Decimal("0.002"))


@pytest.mark.parametrize(
    ("filters", "amounts"),
    [
        ({"min_notional": Decimal(100)}, ["0.005", "0.003", "0.002"]),
        ({"min_notional": Decimal(101)}, ["0.005", "0.005"]),
        ({"min_notional": Decimal(151)}, ["0.005", "0.005"]),
        ({"min_notional": Decimal(300)}, ["0.01"]),
        ({"min_amount": Decimal("0.004")}, ["0.005", "0.005"]),
        ({"lot": Decimal("0.004")}, ["0.004", "0.004"]),
    ],
)
def test_a_step_that_is_too_small_is_sold_with_another(filters: dict[str, Decimal], amounts: list[str]) -> None:
    """So none is refused, and nothing is left behind that could be sold."""
    market = replace(MARKET, filters=replace(Filters(tick=Decimal("0.01"), lot=Decimal("0.0001")), **filters))
    _, wishes = opened(BOT, market)
    assert [amount for _, amount in sells(wishes)] == [Decimal(amount) for amount in amounts]


def test_a_trailing_stop_loss_follows_the_highest_close() -> None:
    """As far below it as the stop-loss is below the base order; it never falls, and is moved only for a real rise."""
    bot = but(BOT, take_profit_steps="", take_profit="50", stop_loss_percentage="10", tsl_enabled=True)
    state, (_, pair) = opened(bot, PAIRED)
    assert isinstance(pair, Pair)
    assert bot.waits(state).candles
    state, wishes = bot.decide(state, view(50_050, closed(50_050), markets=[PAIRED]), START)
    assert wishes == []
    state, (cancel,) = bot.decide(state, view(60_000, closed(60_000), markets=[PAIRED]), START)
    assert cancel == Cancel(pair.first.tag)
    gone = [ended(leg, OrderState.CANCELLED, 0) for leg in pair.legs]
    state, (moved,) = bot.decide(state, view(58_000, *gone, closed(58_000), markets=[PAIRED]), START)
    assert isinstance(moved, Pair)
    assert moved.first.stop_price == 54_000


@pytest.mark.parametrize(
    ("closes", "sells_at"),
    [([45_000, 44_000, 44_500], 2), ([45_000, 45_001, 45_000, 44_000], None), ([50_000, 46_000], None)],
)
def test_a_stop_loss_that_must_last_is_watched(closes: list[int], sells_at: int | None) -> None:
    """It sells after two minutes at it or below; a close above it begins them anew."""
    bot = but(BOT, stop_loss_percentage="10", stop_loss_timeout_in_seconds=120)
    state, wishes = opened(bot, PAIRED)
    assert {order.type for order in placed(wishes)} == {OrderType.LIMIT}
    assert "stop-loss at 45000, once it has lasted 120 seconds" in bot.told(state)[-1]
    for minute, close in enumerate(closes):
        assert bot.waits(state).candles
        now = START + timedelta(minutes=minute)
        state, done = bot.decide(state, view(close, closed(close), markets=[PAIRED]), now)
        assert (state.phase == "closing") == bool(done) == (minute == sells_at)


def test_volumes_in_percent_are_of_what_is_free_as_the_deal_begins() -> None:
    """Safety orders too, however much is free by then; the next deal counts anew."""
    bot = but(BOT, base_order_volume_type="percent", base_order_volume="10", safety_order_volume="20")
    state, (base,) = bot.decide(bot.begin(), view(50_000, balances={"USDT": 5_000}), START)
    assert isinstance(base, Place)
    assert base.quote_amount == 500
    done = (filled(base, "0.01", price=50_000), ended(base, OrderState.FILLED, "0.01"))
    _, wishes = bot.decide(state, view(50_000, *done, balances={"USDT": 4_500}), START)
    assert (placed(wishes)[0].price, placed(wishes)[0].amount) == (48_000, Decimal("0.0208"))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"take_profit_steps": "50:2,40:4"}, "take_profit_steps shares out 90 %"),
        ({"take_profit_steps": "50:4,50:2"}, "from the nearest to the farthest"),
        ({"take_profit_steps": "50:2,50:2"}, "from the nearest to the farthest"),
        ({"take_profit_steps": "20:1,20:2,20:3,20:4,20:5"}, "names 5 steps, more than 4"),
        ({"take_profit_steps": "100"}, "names no distance for 100"),
        ({"take_profit_steps": "50:2,,50:4"}, "names no distance for a share"),
        ({"take_profit_steps": "50:2,50:NaN"}, "take_profit_steps.1.profit_percentage"),
        ({"take_profit_steps": ""}, "either take_profit or take_profit_steps"),
        ({"take_profit": "3"}, "either take_profit or take_profit_steps"),
        ({"take_profit_steps": "100:2", "sl_to_breakeven_enabled": True}, "needs two take_profit_steps"),
        ({"tsl_enabled": True}, "tsl_enabled needs a stop_loss_percentage"),
        ({"stop_loss_timeout_in_seconds": "60"}, "stop_loss_timeout_in_seconds needs a stop_loss_percentage"),
        ({"base_order_volume_type": "percent", "base_order_volume": "60"}, "would take 560 percent"),
    ],
)
def test_nonsense(changed: dict[str, object], words: str) -> None:
    """Refused in one sentence that says what to do."""
    with pytest.raises(BadParameters, match=words) as refused:
        read("deal_dca", DealDca, BOT.model_dump() | changed)
    assert "\n" not in str(refused.value)


@given(
    st.sampled_from(["100:2", "50:2,50:4", "10:1,20:2,30:3,40:5", "1:1,1:2,98:3"]),
    st.fixed_dictionaries(
        {
            "stop_loss_percentage": st.sampled_from(["0", "9"]),
            "trailing_enabled": st.booleans(),
            "max_safety_orders": st.integers(0, 3),
            "active_safety_orders_count": st.integers(1, 3),
            "safety_order_step_percentage": st.just("2.5"),
            "start_order_type": st.sampled_from(["market", "limit"]),
        }
    ),
    st.sets(st.sampled_from(["tsl_enabled", "sl_to_breakeven_enabled", "stop_loss_timeout_in_seconds"])),
    walks.CANDLES,
    st.sampled_from(walks.MARKETS),
    st.sampled_from([None, Decimal("0.1")]),
    st.lists(st.booleans(), max_size=8),
)
def test_whatever_happens_all_of_a_deal_is_accounted_for(  # noqa: PLR0913, PLR0917 - what may happen
    steps: str,
    given_: dict[str, object],
    more: set[str],
    turns: list[tuple[int, int, int]],
    market: Market,
    share: Decimal | None,
    lost: list[bool],
) -> None:
    """It holds what it believes to hold, offers no more than that, and begins no deal with something left, whatever is refused."""
    allowed = {name for name in more if given_["stop_loss_percentage"] != "0" or name == "sl_to_breakeven_enabled"}
    allowed -= {"sl_to_breakeven_enabled"} if steps == "100:2" else set()
    changed = {name: 60 if name.endswith("seconds") else True for name in allowed}
    bot = but(BOT, take_profit_steps=steps, **given_, **changed)

    def look(state: Deal, desk: Desk, _: object) -> None:
        waiting = sum(one.fill.amount for one in desk.news if isinstance(one, Filled))
        if not waiting:  # what happened as it was placed is told with the next decision
            assert state.phase == "idle" or state.held == walks.total(desk, "BTC") - left[0]
        if state.phase == "idle":
            left[0] = walks.total(desk, "BTC")
            assert left[0] < Decimal("0.0001") * (state.number + 1)
        assert walks.offered(desk) <= walks.total(desk, "BTC")
        assert len(desk.open) <= 2 * len(bot.steps) + bot.active_safety_orders_count

    left = [Decimal(0)]
    candles = walks.path(turns, Decimal("0.001"), Decimal("0.05"))
    walks.walk(bot, market, {"USDT": Decimal(10_000)}, candles, look, share=share, lost=lost)
