"""What must be sold is tried until it is sold: no stop-loss stops trying by itself, but for what no retry changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from automator.trading import orders
from automator.trading.bots import State
from connectors.exchange.ways import BAD_KEY, GONE, LATER, NO, POOR, UNKNOWN, Verdict
from connectors.market import Market
from connectors.order import OrderState, OrderType, Side
from jobs.bots.desk import due
from jobs.bots.sale import LASTING, PAUSES, Failed, sale
from jobs.bots.strategies.deal_dca import DealDca
from jobs.bots.strategies.grid import Grid
from jobs.bots.strategies.guard import Guard
from jobs.bots.strategy import Cancel, Ended, Event, Place, Stop, Strategy, Tell, View, Wish
from tests.bots.market import FUNDS, MINUTE
from tests.bots.samples import candles
from tests.bots.seen import BTC, MARKET, START, but, closed, ended, filled, placed, view, whole
from tests.bots.test_twin import ACCOUNT, sandbox

LOW = 80
BUSY, POVERTY = "Binance: the matching engine is busy", "Binance: Account has insufficient balance (-2010)"


def seen(price: object, *events: Event) -> View:
    return view(price, *events, balances={"USDT": 100_000, "BTC": 1})


def guard() -> tuple[Strategy[Any], Any, Place]:
    """With its stop-loss, which it watches, reached."""
    bot = Guard(
        symbol=BTC,
        amount=Decimal(1),
        entry_price=Decimal(100),
        stop_loss=Decimal("0.1"),
        stoploss_on_exchange=False,
    )
    state, _ = bot.decide(bot.begin(), seen(100), START)
    state, wishes = bot.decide(state, seen(LOW, closed(LOW)), START)
    return bot, state, placed(wishes)[0]


def deal() -> tuple[Strategy[Any], Any, Place]:
    """With its stop-loss, which the exchange did not take, reached."""
    bot = DealDca(
        symbol=BTC,
        base_order_volume=Decimal(100),
        safety_order_volume=Decimal(1),
        max_safety_orders=0,
        take_profit=Decimal(5),
        stop_loss_percentage=Decimal(10),
    )
    state, (base,) = bot.decide(bot.begin(), seen(100), START)
    state, wishes = bot.decide(state, seen(100, *whole(base, amount=1, price=100)), START)
    for _ in range(2):  # a stop that sells at the market, and one with a limit price
        (stop,) = placed(wishes)
        state, wishes = bot.decide(state, seen(100, ended(stop, OrderState.REJECTED, 0, "no stops here")), START)
    (profit,) = placed(wishes)
    state, wishes = bot.decide(state, seen(LOW, closed(LOW)), START)
    assert wishes == [Cancel(profit.tag)]
    state, wishes = bot.decide(state, seen(LOW, ended(profit, OrderState.CANCELLED, 0)), START)
    return bot, state, placed(wishes)[0]


def grid() -> tuple[Strategy[Any], Any, Place]:
    """Below its stop-loss, all of whose orders are cancelled."""
    bot = Grid(
        symbol=BTC,
        lower_price=Decimal(90),
        upper_price=Decimal(100),
        grids_quantity=1,
        quantity_per_grid=Decimal(1),
        lower_stop_loss_enabled=True,
        lower_stop_loss_price=Decimal(85),
        lower_stop_loss_action="stop_bot_and_sell",
    )
    state, (buy,) = bot.decide(bot.begin(), seen(95), START)
    state, _ = bot.decide(state, seen(LOW, closed(LOW)), START)
    state, wishes = bot.decide(state, seen(LOW, ended(buy, OrderState.CANCELLED, 0)), START)
    return bot, state, placed(wishes)[0]


def position() -> tuple[Strategy[Any], Any, Place]:
    """The same of a grid that keeps what it had when it began, which was nothing."""
    bot = but(grid()[0], lower_stop_loss_action="stop_bot_and_close_position")
    state, (buy,) = bot.decide(bot.begin(), view(95), START)
    state, _ = bot.decide(state, seen(LOW, closed(LOW)), START)
    state, wishes = bot.decide(state, seen(LOW, ended(buy, OrderState.CANCELLED, 0)), START)
    return bot, state, placed(wishes)[0]


def step() -> tuple[Strategy[Any], Any, Place]:
    """The first take-profit step of a deal, which the exchange did not take, reached."""
    bot = but(deal()[0], take_profit=None, take_profit_steps="50:5,50:10", stop_loss_percentage=0)
    state, (base,) = bot.decide(bot.begin(), seen(100), START)
    state, wishes = bot.decide(state, seen(100, *whole(base, amount=2, price=100)), START)
    first, _ = placed(wishes)
    state, _ = bot.decide(state, seen(100, ended(first, OrderState.REJECTED, 0, "too far")), START)
    state, wishes = bot.decide(state, seen(106, closed(106)), START)
    return bot, state, placed(wishes)[0]


SELLING = pytest.mark.parametrize("begun", [guard, deal, step, grid, position])
Begun = Callable[[], tuple[Strategy[Any], Any, Place]]


def tried(
    bot: Strategy[Any], state: Any, sell: Place, why: Sequence[str], *, lasting: bool = False
) -> tuple[Any, list[Wish], list[timedelta]]:
    """Each sale fails, and closes are shown minute by minute; what was said beside the sales, and when those came."""
    now, said, came = START, list[Wish](), list[timedelta]()
    for reason in why:
        assert placed(bot.decide(state, seen(LOW, closed(LOW)), now)[1]) == [], "one sale at a time"
        event: Event = Ended(sell.tag, OrderState.REJECTED, Decimal(0), reason, lasting)
        state, wishes = bot.decide(state, seen(LOW, event), now)
        while not placed(wishes):
            said += wishes
            if any(isinstance(wish, Stop) for wish in wishes):
                return state, said, came
            now += MINUTE
            wishes = ()
            if due(bot.waits(state), (), now):
                state, wishes = bot.decide(state, seen(LOW, closed(LOW)), now)
        (sell,) = placed(wishes)
        assert (sell.side, sell.type, sell.amount) == (Side.SELL, OrderType.MARKET, 1)
        came.append(now - START)
    return state, said, came


@SELLING
def test_it_goes_on_while_that_may_help(begun: Begun) -> None:
    """At once, then after longer and longer pauses, for ever; a person is told once."""
    bot, state, sell = begun()
    _, said, came = tried(bot, state, sell, [BUSY] * 12)
    minutes = [0, 1, 3, 7, 15, 30, 45, 60, 75, 90, 105, 120]
    assert came == [number * MINUTE for number in minutes]
    (told,) = said
    assert isinstance(told, Tell)
    assert told.what == (
        f"1 BTC could not be sold 3 times: {BUSY}; it is tried again, in the end every 15 minutes; look whether you can "
        "put that right"
    )


@SELLING
def test_once_sold_it_ends_as_ever(begun: Begun) -> None:
    """With why it sold, and no word of the failures."""
    bot, state, sell = begun()
    state, _, _ = tried(bot, state, sell, [BUSY] * 4)
    sold = _last(bot, state)
    after = view(LOW, filled(sold, price=LOW), ended(sold), balances={"USDT": 100_080})
    state, wishes = bot.decide(state, after, START + timedelta(hours=1))
    assert BUSY not in str(wishes)
    assert placed(wishes) == []
    assert isinstance(bot, DealDca) or isinstance(wishes[0], Stop)


def _last(bot: Strategy[Any], state: Any) -> Place:
    """The sale that is on its way."""
    name = {Guard: lambda: state.selling, DealDca: lambda: state.sales[0], Grid: lambda: f"close-{state.tries - 1}"}
    return Place(name[type(bot)](), BTC, Side.SELL, OrderType.MARKET, amount=Decimal(1))


@SELLING
def test_it_ends_when_no_retry_can_help(begun: Begun) -> None:
    """After three such refusals, with what to do."""
    bot, state, sell = begun()
    _, said, came = tried(bot, state, sell, [POVERTY] * 12, lasting=True)
    assert len(came) == LASTING - 1
    (stop,) = said
    assert isinstance(stop, Stop)
    assert stop.why.endswith(
        f"1 BTC could not be sold: {POVERTY}; sell it by hand, or put that right and start the bot again"
    )


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("lasting", "ends"),
    [
        ("yyy", True),
        ("yy", False),
        ("yyny", False),
        ("nyyy", True),
        ("nnnnnnnnnnnnnnnnnnnnnnnnnnnn", False),
    ],
)
def test_refusals_that_last_come_in_a_row(lasting: str, ends: bool) -> None:
    """One among others may be of a balance that a cancelled order has just held."""
    failed = Failed()
    for one in lasting:
        failed = failed.after(Ended("a", OrderState.REJECTED, Decimal(0), "no", one == "y"), START)
    assert bool(failed.ends("1 BTC")) is ends


@pytest.mark.parametrize(("tries", "minutes"), [(1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (6, 15), (60, 15)])
def test_pauses(tries: int, minutes: int) -> None:
    """They begin when the failure is known."""
    failed = Failed(tries=tries - 1).after(Ended("a", OrderState.EXPIRED, Decimal(0)), START)
    assert (failed.again, failed.why) == (at(minutes), "expired")
    assert not failed.pauses(at(minutes))
    assert failed.pauses(at(minutes - 0.1)) or not minutes
    assert PAUSES[-1] == timedelta(minutes=15)


@pytest.mark.parametrize(
    ("amount", "price", "filters", "said"),
    [
        ("1.00009", 100, {}, "1"),
        ("1.5", 100, {"market_lot": Decimal(1)}, "1"),
        ("5", 100, {"market_max": Decimal("2.00005")}, "2"),
        ("5", 100, {"max_amount": Decimal(3)}, "3"),
        ("5", 100, {"max_notional": Decimal(200)}, "1.8"),
        ("0.5", 100, {"market_lot": Decimal(1)}, "amount is 0"),
        ("0.01", 100, {}, "0.01 BTC can't be sold: 1 USDT is below the least order of 5 USDT; sell it by hand"),
    ],
)
def test_what_one_order_may_sell(amount: str, price: int, filters: dict[str, Any], said: str) -> None:
    """As much as the exchange takes at once; less than it takes is not asked for."""
    market = replace(MARKET, filters=replace(MARKET.filters, lot=Decimal("0.0001"), **filters))
    wish = sale("a", market, Decimal(amount), Decimal(price))
    assert said in wish.why if isinstance(wish, Stop) else wish.amount == Decimal(said)
    closed_now = sale("a", replace(market, active=False), Decimal("0.01"), Decimal(price))
    assert isinstance(closed_now, Place), "a market that is closed opens again"


@pytest.mark.parametrize(
    ("verdict", "words", "lasts"),
    [
        (BAD_KEY, "", True),
        (POOR, "", True),
        (NO, "Account has insufficient balance for requested action.", True),
        (NO, "EOrder:Insufficient funds", True),
        (NO, "INSUFFICIENT_FUND", True),
        (NO, "Insufficient USDT balance in account", True),
        (NO, "insufficient qty available for order", True),
        (NO, "insufficient balance for BTC (requested: 1, available: 0)", True),
        (NO, "ab not enough for new order", True),
        (NO, "INSUFFICIENT_LIQUIDITY", False),
        (NO, "Market is closed.", False),
        (NO, "EService:Market in cancel_only mode", False),
        (NO, "", False),
        (GONE, "there is no such order", False),
        (LATER, "insufficient balance", False),
        (UNKNOWN, "insufficient balance", False),
    ],
)
def test_what_an_exchange_says_of_it(verdict: Verdict, words: str, lasts: bool) -> None:
    """A balance that is not there and a key that may not trade last; a market that is closed, or busy, does not."""
    assert verdict.lasts(words) is lasts


async def test_a_guard_of_what_is_not_there(tmp_path: Path) -> None:
    """At Binance it is refused three times, then a notice says what to do; the bot that goes on stops no more alone."""
    path = [replace(one, open=Decimal(80), high=Decimal(80), low=Decimal(80), close=Decimal(80)) for one in candles(6)]
    given = {"symbol": BTC, "amount": 2, "entry_price": 100, "stop_loss": "0.1", "stoploss_on_exchange": False}
    async with sandbox(tmp_path, path, FUNDS) as there:
        await there.add("guard", live=True, account=ACCOUNT, funds={"BTC": Decimal(2)}, **given)
        for candle in path:
            there.clock.at = candle.at + MINUTE
            await there.due()
        assert [item.state for item in orders.listed(there.engine.reader, owner="bot-1")] == ["rejected"] * LASTING
        assert there.bot().state is State.STOPPED
        (stopped,) = (text for text in there.notices() if "has stopped" in text)
    assert "bot-1 has stopped: 2 BTC could not be sold: Binance: Account has insufficient balance" in stopped
    assert stopped.endswith("start the bot again")


GUARDED = DealDca(
    symbol=BTC,
    base_order_volume=Decimal(200),
    safety_order_volume=Decimal(1),
    max_safety_orders=0,
    take_profit_steps="50:5,30:10,20:20",  # type: ignore[arg-type]  # as a person writes it
    stop_loss_percentage=Decimal(10),
)


def risen(market: Market = MARKET) -> tuple[Any, Place, list[Place]]:
    """The first step of a deal over 2 BTC is due: its sale, and the stop-losses of the others."""
    state, (base,) = GUARDED.decide(GUARDED.begin(), view(100, markets=[market]), START)
    state, wishes = GUARDED.decide(state, view(100, *whole(base, amount=2, price=100), markets=[market]), START)
    first, *others = placed(wishes)
    state, wishes = GUARDED.decide(state, view(106, closed(106), markets=[market]), START)
    assert wishes == [Cancel(first.tag)]
    gone = ended(first, OrderState.CANCELLED, 0)
    state, wishes = GUARDED.decide(state, view(106, gone, markets=[market]), START)
    return state, placed(wishes)[0], others


def test_of_a_step_that_was_filled_in_part_the_rest_is_sold() -> None:
    """Once, however often that fails, and whatever the price does; what the others sell is left to them."""
    state, sell, _ = risen()
    assert sell.amount == 1
    part = (filled(sell, "0.3", price=106), ended(sell, OrderState.EXPIRED, "0.3"))
    state, (sell,) = GUARDED.decide(state, view(103, *part), START)
    assert isinstance(sell, Place)
    assert sell.amount == Decimal("0.7")
    assert GUARDED.decide(state, view(103, closed(103)), START)[1] == []
    part = (filled(sell, "0.2", price=103), ended(sell, OrderState.CANCELLED, "0.2"))
    state, (sell,) = GUARDED.decide(state, view(103, *part), START)
    assert isinstance(sell, Place)
    assert sell.amount == Decimal("0.5")
    state, wishes = GUARDED.decide(state, view(103, *whole(sell, price=103)), START)
    assert (wishes, state.held) == ([], 1)
    assert [part.done for part in state.parts] == [True, False, False]


def test_a_step_that_is_too_large_for_one_order_is_sold_in_several() -> None:
    """It is done with the last of them."""
    market = replace(MARKET, filters=replace(MARKET.filters, market_max=Decimal("0.4")))
    state, sell, _ = risen(market)
    amounts = [sell.amount]
    for _ in range(2):
        assert not state.parts[0].done
        state, wishes = GUARDED.decide(state, view(106, *whole(sell, price=106), markets=[market]), START)
        (sell,) = placed(wishes)
        amounts.append(sell.amount)
    state, wishes = GUARDED.decide(state, view(106, *whole(sell, price=106), markets=[market]), START)
    assert amounts == [Decimal("0.4"), Decimal("0.4"), Decimal("0.2")]
    assert (placed(wishes), state.parts[0].done, state.held) == ([], True, 1)


def test_a_stop_loss_does_not_wait_for_the_next_try_of_a_step() -> None:
    """Its close is watched meanwhile; what rests is cancelled, and then all is sold at once."""
    state, sell, others = risen()
    for _ in range(4):
        lost = ended(sell, OrderState.REJECTED, 0, BUSY)
        state, wishes = GUARDED.decide(state, view(106, lost), START)
        later = START + timedelta(hours=1)
        if not placed(wishes):
            waits = GUARDED.waits(state)
            assert (waits.candles, waits.until) == (True, state.failed.again)
            state, wishes = GUARDED.decide(state, view(106, closed(106)), later)
        (sell,) = placed(wishes)
    state, wishes = GUARDED.decide(state, view(106, ended(sell, OrderState.REJECTED, 0, BUSY)), START)
    assert placed(wishes) == []
    assert GUARDED.told(state)[0] == f"not sold yet, after 5 tries: {BUSY}"
    state, wishes = GUARDED.decide(state, view(LOW, closed(LOW)), START)
    assert wishes == [Cancel(stop.tag) for stop in others]
    gone = [ended(stop, OrderState.CANCELLED, 0) for stop in others]
    state, wishes = GUARDED.decide(state, view(LOW, *gone), START)
    assert [one.amount for one in placed(wishes)] == [2]


def test_a_deal_that_closes_waits_for_the_step_that_is_being_sold() -> None:
    """And sells what that leaves: nothing is sold twice."""
    state, sell, others = risen()
    state, wishes = GUARDED.decide(state, view(LOW, closed(LOW)), START)
    assert wishes == [Cancel(stop.tag) for stop in others]
    gone = [ended(stop, OrderState.CANCELLED, 0) for stop in others]
    state, wishes = GUARDED.decide(state, view(LOW, *gone), START)
    assert wishes == []
    part = (filled(sell, "0.4", price=LOW), ended(sell, OrderState.EXPIRED, "0.4"))
    state, wishes = GUARDED.decide(state, view(LOW, *part), START)
    assert [one.amount for one in placed(wishes)] == [Decimal("1.6")]


def test_steps_that_are_sold_together_fail_once() -> None:
    """Three refusals that last are three tries, however many orders each had."""
    state, first, others = risen()
    state, wishes = GUARDED.decide(state, view(111, closed(111)), START)
    assert wishes == [Cancel(others[0].tag)]
    state, wishes = GUARDED.decide(state, view(111, ended(others[0], OrderState.CANCELLED, 0)), START)
    sells, rounds, now = [first, *placed(wishes)], 0, START
    while not any(isinstance(wish, Stop) for wish in wishes):
        assert [sell.amount for sell in sells] == [1, Decimal("0.6")]
        rounds, now = rounds + 1, now + timedelta(hours=1)
        lost: list[Event] = [Ended(one.tag, OrderState.REJECTED, Decimal(0), POVERTY, lasting=True) for one in sells]
        state, wishes = GUARDED.decide(state, view(111, *lost), now)
        if not (sells := placed(wishes)):
            now += timedelta(hours=1)
            state, wishes = GUARDED.decide(state, view(111, closed(111)), now)
            sells = placed(wishes)
    assert rounds == LASTING
    assert wishes[0] == Stop(
        f"1.6 BTC could not be sold: {POVERTY}; sell it by hand, or put that right and start the bot again"
    )


def test_a_position_that_is_bought_back_is_tried_three_times() -> None:
    """As with all that buys; what was filled in part is not bought again."""
    bot = position()[0]
    state, _ = bot.decide(bot.begin(), seen(95), START)
    state, _ = bot.decide(state, seen(LOW, closed(LOW)), START)
    have, bought = ["0.5", "0.7", "0.7"], list[Decimal | None]()
    event: Event = Ended("buy-0-0", OrderState.CANCELLED, Decimal(0))
    for much in have:
        state, (wish,) = bot.decide(state, view(LOW, event, balances={"BTC": much}), START)
        assert isinstance(wish, Place)
        assert wish.side is Side.BUY
        bought.append(wish.amount)
        event = Ended(wish.tag, OrderState.EXPIRED, Decimal(0), BUSY)
    assert bought == [Decimal("0.5"), Decimal("0.3"), Decimal("0.3")]
    _, (stop,) = bot.decide(state, view(LOW, event, balances={"BTC": "0.7"}), START)
    assert stop == Stop(f"80 is below lower_stop_loss_price; its position could not be closed: {BUSY}")
