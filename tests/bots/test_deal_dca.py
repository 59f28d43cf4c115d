"""Deal DCA: base order, safety orders, take-profit, stop-loss, trailing, and the next deal."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.order import OrderState, OrderType, Side, TimeInForce
from jobs.bots.deal import Deal
from jobs.bots.parameters import BadParameters, read
from jobs.bots.strategies.deal_dca import DealDca
from jobs.bots.strategy import Cancel, Event, Pair, Place, Stop, Tell
from tests.bots.seen import BTC, PAIRED, START, but, closed, ended, filled, placed, view, whole

BOT = DealDca(
    symbol=BTC,
    base_order_volume=Decimal(100),
    safety_order_volume=Decimal(200),
    max_safety_orders=3,
    active_safety_orders_count=2,
    safety_order_step_percentage=Decimal(2),
    martingale_volume_coefficient=Decimal(2),
    martingale_step_coefficient=Decimal("1.5"),
    take_profit=Decimal(1),
    cooldown=60,
)


def opened(bot: DealDca) -> tuple[Deal, list[Place]]:
    """A deal whose base order bought 0.002 BTC at 50,000."""
    state, (base,) = bot.decide(bot.begin(), view(50_000), START)
    assert base == Place("deal-1-base-1", BTC, Side.BUY, OrderType.MARKET, quote_amount=Decimal(100))
    done = (filled(base, "0.002", price=50_000), ended(base, OrderState.FILLED, "0.002"))
    state, wishes = bot.decide(state, view(50_000, *done), START)
    return state, placed(wishes)


def test_safety_orders_and_the_take_profit_rest_after_the_base_order() -> None:
    """Steps and volumes grow by their coefficients; only so many rest as are active."""
    _, orders = opened(BOT)
    assert [(order.side.value, order.price, order.amount) for order in orders] == [
        ("buy", 49_000, Decimal("0.0040")),
        ("buy", 47_500, Decimal("0.0084")),
        ("sell", 50_500, Decimal("0.002")),
    ]


@pytest.mark.parametrize(("fee", "asset"), [("0.000002", "BTC"), ("0.1", "USDT")])
def test_safety_orders_are_measured_from_the_price_and_the_profit_from_what_it_cost(fee: str, asset: str) -> None:
    """A fee of 0.1 % moves the take-profit by as much, and no safety order, whatever it was paid in."""
    state, (base,) = BOT.decide(BOT.begin(), view(50_000), START)
    parts = [filled(base, "0.001", price=price, fee=Decimal(fee) / 2, asset=asset) for price in (49_900, 50_100)]
    _, orders = BOT.decide(state, view(50_000, *parts, ended(base, OrderState.FILLED, "0.002")), START)
    first, second, profit = placed(orders)
    assert (first.price, second.price) == (49_000, 47_500)
    assert profit.price == pytest.approx(Decimal(50_050) * Decimal("1.01"), abs=Decimal("0.1"))


def test_a_safety_order_makes_the_take_profit_larger_and_nearer() -> None:
    """It is cancelled first, then placed for all that is held, above the average of all that was paid."""
    state, orders = opened(BOT)
    state, wishes = BOT.decide(state, view(49_000, *whole(orders[0])), START)
    assert [(wish.side.value, wish.price) for wish in placed(wishes)] == [("buy", Decimal(45_250))]
    assert [wish for wish in wishes if isinstance(wish, Cancel)] == [Cancel(orders[2].tag)]
    state, (profit,) = BOT.decide(state, view(49_000, ended(orders[2], OrderState.CANCELLED, 0)), START)
    assert isinstance(profit, Place)
    assert (profit.amount, profit.price) == (Decimal("0.006"), Decimal("49826.66"))


def test_after_the_profit_the_rest_is_cancelled_and_the_next_deal_waits() -> None:
    """The cooldown is kept to the second."""
    state, orders = opened(BOT)
    state, wishes = BOT.decide(state, view(50_500, *whole(orders[2])), START)
    assert wishes == [Cancel(orders[0].tag), Cancel(orders[1].tag)]
    gone = (ended(order, OrderState.CANCELLED, 0) for order in orders[:2])
    state, wishes = BOT.decide(state, view(50_500, *gone), START)
    assert wishes == ()
    assert BOT.waits(state).until == START + timedelta(seconds=60)
    assert BOT.decide(state, view(50_500), START + timedelta(seconds=59))[1] == ()
    state, (base,) = BOT.decide(state, view(50_500), START + timedelta(seconds=60))
    assert isinstance(base, Place)
    assert base.tag.startswith("deal-2-base")


def test_a_safety_order_that_is_filled_while_the_deal_closes_is_sold() -> None:
    """Nothing bought is left behind."""
    state, orders = opened(BOT)
    state, _ = BOT.decide(state, view(50_500, *whole(orders[2])), START)
    events = (*whole(orders[0]), ended(orders[1], OrderState.CANCELLED, 0))
    state, (sell,) = BOT.decide(state, view(49_000, *events), START)
    assert isinstance(sell, Place)
    assert (sell.side, sell.type, sell.amount) == (Side.SELL, OrderType.MARKET, Decimal("0.004"))


@pytest.mark.parametrize(
    ("changed", "closes", "sells"),
    [
        ({"stop_loss_percentage": "10"}, [50_500], True),
        ({"stop_loss_percentage": "10"}, [50_499, 44_000], False),
        ({"trailing_enabled": True}, [50_499, 49_000], False),
        ({"trailing_enabled": True}, [50_500, 51_000, 50_491], False),
        ({"trailing_enabled": True}, [50_500, 51_000, 50_490], True),
    ],
)
def test_prices_that_end_a_deal(changed: dict[str, object], closes: list[int], sells: bool) -> None:
    """What can't rest beside a stop-loss, and a trailing take-profit; everything is cancelled before it is sold."""
    bot = but(BOT, **changed)
    state, orders = opened(bot)
    for close in closes:
        assert bot.waits(state).candles
        state, wishes = bot.decide(state, view(close, closed(close)), START)
    assert wishes == ([Cancel(order.tag) for order in orders] if sells else [])
    gone = [ended(order, OrderState.CANCELLED, 0) for order in orders] if sells else []
    state, wishes = bot.decide(state, view(closes[-1], *gone), START)
    assert [(wish.type, wish.amount) for wish in placed(wishes)] == (
        [(OrderType.MARKET, Decimal("0.002"))] if sells else []
    )


STOPPED = but(BOT, stop_loss_percentage=Decimal(10), max_safety_orders=1)


def paired_deal() -> tuple[Deal, Place, Pair]:
    """The same where the exchange holds pairs: one safety order, and what ends the deal."""
    state, (base,) = STOPPED.decide(STOPPED.begin(), view(50_000, markets=[PAIRED]), START)
    done = (filled(base, "0.002", price=50_000), ended(base, OrderState.FILLED, "0.002"))
    state, (safety, pair) = STOPPED.decide(state, view(50_000, *done, markets=[PAIRED]), START)
    assert isinstance(safety, Place)
    assert isinstance(pair, Pair)
    return state, safety, pair


def test_stop_loss_and_take_profit_rest_as_a_pair() -> None:
    """Both for all that is held; nothing is watched then."""
    state, _, pair = paired_deal()
    assert [(leg.type.value, leg.amount, leg.price, leg.stop_price) for leg in pair.legs] == [
        ("stop", Decimal("0.002"), None, 45_000),
        ("limit", Decimal("0.002"), 50_500, None),
    ]
    assert pair.second.time_in_force is TimeInForce.POST_ONLY
    assert not STOPPED.waits(state).candles
    assert STOPPED.told(state) == [
        "rests at the exchange: stop-loss at 45000 and take-profit at 50500 (one cancels the other)"
    ]


def test_a_safety_order_makes_both_of_the_pair_larger() -> None:
    """They are cancelled by one cancel, then placed for all that is held."""
    state, safety, pair = paired_deal()
    state, (cancel,) = STOPPED.decide(state, view(49_000, *whole(safety), markets=[PAIRED]), START)
    assert cancel == Cancel(pair.first.tag)
    gone = [ended(leg, OrderState.CANCELLED, 0) for leg in pair.legs]
    state, (larger,) = STOPPED.decide(state, view(49_000, *gone, markets=[PAIRED]), START)
    assert isinstance(larger, Pair)
    assert {leg.amount for leg in larger.legs} == {Decimal("0.006")}
    assert not {leg.tag for leg in larger.legs} & {leg.tag for leg in pair.legs}


def test_a_take_profit_that_is_filled_in_part_makes_both_smaller() -> None:
    """Its stop-loss has expired with the first fill, so the rest is cancelled and both are placed anew."""
    state, _, pair = paired_deal()
    part = (filled(pair.second, "0.0005"), ended(pair.first, OrderState.EXPIRED, 0))
    state, (cancel,) = STOPPED.decide(state, view(50_400, *part, markets=[PAIRED]), START)
    assert cancel == Cancel(pair.second.tag)
    gone = ended(pair.second, OrderState.CANCELLED, "0.0005")
    state, (smaller,) = STOPPED.decide(state, view(50_400, gone, markets=[PAIRED]), START)
    assert isinstance(smaller, Pair)
    assert {leg.amount for leg in smaller.legs} == {Decimal("0.0015")}
    assert state.tries == 0


def test_safety_orders_that_are_refused_end_no_deal() -> None:
    """What is held is still sold where it should be; a person is told that nothing more is bought."""
    state, (first, second, profit) = opened(BOT)
    refused = [replace(ended(order, OrderState.REJECTED, 0), why="no balance") for order in (first, second)]
    state, (third, *none) = BOT.decide(state, view(50_000, *refused), START)
    assert (third.side, none) == (Side.BUY, [])
    last = replace(ended(third, OrderState.REJECTED, 0), why="no balance")
    state, (said,) = BOT.decide(state, view(50_000, last), START)
    assert said == Tell(
        "deal 1 goes on, and buys no more: safety orders were not filled 3 times in a row, no balance", "buys of deal 1"
    )
    assert any("buys no more" in line for line in BOT.told(state))
    assert BOT.decide(state, view(49_000), START) == (state, [])
    state, wishes = BOT.decide(state, view(50_600, *whole(profit)), START)
    assert not any(isinstance(wish, Stop) for wish in wishes)
    assert state.phase == "idle"


def test_after_the_stop_loss_the_safety_orders_are_cancelled() -> None:
    """The exchange has sold; the deal closes, and nothing more is bought."""
    state, safety, pair = paired_deal()
    sold = (*whole(pair.first, price=44_990), ended(pair.second, OrderState.EXPIRED, 0))
    state, wishes = STOPPED.decide(state, view(44_900, *sold, markets=[PAIRED]), START)
    assert wishes == [Cancel(safety.tag)]
    state, _ = STOPPED.decide(state, view(44_900, ended(safety, OrderState.CANCELLED, 0), markets=[PAIRED]), START)
    assert state.phase == "idle"


def test_where_one_order_locks_a_balance_the_stop_loss_rests() -> None:
    """The take-profit is watched, and a person is told so."""
    state, orders = opened(STOPPED)
    assert [order.type.value for order in orders if order.side is Side.SELL] == ["stop"]
    assert STOPPED.told(state) == [
        "rests at the exchange: stop-loss at 45000",
        "watched at each candle's close: take-profit at 50500; the exchange holds one order for this balance",
    ]


def test_it_is_done_after_its_deals() -> None:
    """The number of deals is kept."""
    bot = but(BOT, disable_after_deals_count=1, max_safety_orders=0)
    state, (profit,) = opened(bot)
    _, wishes = bot.decide(state, view(50_500, *whole(profit)), START)
    assert wishes == (Stop("1 deals are done"),)


def test_a_base_order_that_is_always_refused_ends_it() -> None:
    """With the exchange's reason."""
    state, wishes = BOT.decide(BOT.begin(), view(50_000), START)
    for _ in range(3):
        (base,) = wishes
        state, wishes = BOT.decide(state, view(50_000, ended(base, OrderState.REJECTED, 0, "not enough USDT")), START)
    assert wishes == (Stop("orders were not filled 3 times: not enough USDT"),)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"max_safety_orders": "60"}, "would rest .* % below the base order"),
        ({"stop_loss_percentage": "5"}, "above the last safety order's distance"),
        ({"max_safety_orders": "201"}, "max_safety_orders"),
        ({"martingale_volume_coefficient": "11"}, "martingale_volume_coefficient"),
        ({"take_profit": "0"}, "take_profit"),
        ({"take_profit": "Infinity"}, "take_profit"),
        ({"base_order_volume": "-5"}, "base_order_volume"),
    ],
)
def test_nonsense(changed: dict[str, str], words: str) -> None:
    """Refused in one sentence."""
    with pytest.raises(BadParameters, match=words):
        read("deal_dca", DealDca, BOT.model_dump() | changed)


IN_STEPS = {"take_profit": None, "take_profit_steps": "30:1,50:2,20:5", "sl_to_breakeven_enabled": True}


@given(st.data(), st.booleans(), st.sampled_from([{}, IN_STEPS, IN_STEPS | {"tsl_enabled": True}]))
def test_it_never_sells_what_it_does_not_hold(data: st.DataObject, trailing: bool, more: dict[str, object]) -> None:
    """Whatever is filled in whatever parts: what rests to be sold is covered, and money in is accounted for."""
    bot = but(BOT, trailing_enabled=trailing, stop_loss_percentage=Decimal(20), cooldown=0, **more)
    state, wishes = bot.decide(bot.begin(), view(50_000), START)
    resting: dict[str, tuple[Place, Decimal]] = {}
    held = Decimal(0)
    for _ in range(40):
        price = data.draw(st.integers(38_000, 56_000))
        for wish in placed(wishes):
            assert wish.tag not in resting
            resting[wish.tag] = (wish, wish.amount or Decimal("0.002"))
        assert sum(left for wish, left in resting.values() if wish.side is Side.SELL) <= held
        events: list[Event] = []
        for tag, (wish, left) in list(resting.items()):
            part = min(left, data.draw(st.integers(0, 200)) * Decimal("0.0001"))
            if part:
                events.append(filled(wish, part, price=price))
                held += part if wish.side is Side.BUY else -part
            resting[tag] = (wish, left - part)
            if left == part or Cancel(tag) in wishes:
                events.append(ended(wish, OrderState.FILLED if left == part else OrderState.CANCELLED))
                del resting[tag]
        state, wishes = bot.decide(state, view(price, *events, closed(price)), START)
        assert state.phase == "idle" or state.held == held
    assert Deal.model_validate_json(state.model_dump_json()) == state
