"""Stocks over real sockets: placed once whatever becomes of the answer, and told as Alpaca has them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from automator.trading import orders
from automator.trading.submission import Refused
from connectors.alpaca_stocks.twin_world import Placed, fresh
from connectors.base import CallRefused, Intent
from connectors.network import Rejected
from connectors.order import Balance, OrderRequest, OrderState, OrderType, Side, TimeInForce
from jobs.orders.states import State
from tests.connectors.alpaca_stocks.place import ACCOUNT, STOCK, Place, opened, wish

D = Decimal
LOST = ("drop-before", "drop-after", "error-after", "unknown-after", "timeout-after", "html-after", "garbage-after")
LOW = {"price": D(50)}


@pytest.mark.parametrize("fault", ["none", *LOST])
@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.MARKET])
async def test_whatever_becomes_of_the_answer_the_order_is_there_once(
    place: Place, kind: OrderType, fault: str
) -> None:
    """A market order whose answer is lost has filled, and is not sent again; one that never arrived is not placed."""
    if fault != "none":
        place.strikes(fault)
    done = await place.submit(wish(kind, **(LOW if kind is OrderType.LIMIT else {})))
    stored = await place.ended(done.order)
    there = State.FILLED if kind is OrderType.MARKET else State.OPEN
    assert stored.state is (State.NOT_PLACED if fault == "drop-before" else there)
    await place.judge()


async def test_an_order_that_shows_late_is_not_taken_for_lost(place: Place) -> None:
    """Alpaca's own delay is waited for."""
    place.world.visible_after = timedelta(seconds=2)
    place.strikes("drop-after")
    done = await place.submit(wish())
    assert (await place.ended(done.order)).state is State.FILLED
    await place.judge()


@pytest.mark.parametrize("fault", ["none", "drop-before", "drop-after", "timeout-after"])
async def test_a_cancel_ends_as_alpaca_ended_it(place: Place, fault: str) -> None:
    """Whatever becomes of its answer."""
    done = await place.submit(wish(OrderType.LIMIT, **LOW))
    await place.ended(done.order)
    if fault != "none":
        place.strikes(fault, str(place.stands(done.order).exchange_id), "DELETE")
    await place.cancel(done.order)
    assert (await place.ended(done.order)).state is State.CANCELLED
    await place.judge()


@pytest.mark.parametrize("hours", [-1, 1])
async def test_fills_are_found_whatever_our_clock_says(place: Place, hours: int) -> None:
    """They are dated by Alpaca's, which is asked for its time."""
    place.world.ahead = timedelta(hours=hours)
    place.clock.at += timedelta(hours=2)  # what Alpaca said of its time is old
    done = await place.submit(wish())
    assert (await place.ended(done.order)).state is State.FILLED
    assert place.engine.reader.execute("SELECT amount FROM position").fetchone() == ("2",)


async def test_an_id_is_never_used_twice(place: Place) -> None:
    """Alpaca refuses a client order id for ever, so a second order of the same is looked up, and found to be the first."""
    session, exchange = place.opened
    done = await place.submit(wish(OrderType.LIMIT, **LOW))
    await place.ended(done.order)
    await place.cancel(done.order)
    await place.ended(done.order)
    plan = OrderRequest(done.order, STOCK, Side.BUY, OrderType.LIMIT, D(2), D(50)).plan()
    found = await exchange.find(session, plan)
    assert found is not None
    assert (found.state, found.amount, found.price) == (OrderState.CANCELLED, D(2), D(50))
    assert await exchange.find(session, plan | {"client_order_id": "f" * 32}) is None
    assert await exchange.look_up(session, plan, found.id) == found
    assert await exchange.look_up(session, plan, "00000000-0000-0000-0000-000000000000") is None
    assert exchange.custom.unique


async def test_fills_balances_and_positions_are_alpacas(place: Place) -> None:
    """What was bought is held, what rests is locked, and each trade is stored once."""
    session, exchange = place.opened
    bought = await place.submit(wish(tag="a"))
    part = await place.submit(wish(tag="b", amount=D("0.123456789")))
    worth = await place.submit(wish(tag="c", amount=None, quote_amount=D("50.25")))
    for one in (bought, part, worth):
        assert (await place.ended(one.order)).state is State.FILLED
    spent = place.stands(worth.order)
    assert D(50) < spent.cost <= D("50.25")
    resting = await place.submit(wish(OrderType.LIMIT, Side.SELL, "d", amount=D(1), price=D(900)))
    assert (await place.ended(resting.order)).state is State.OPEN
    held = await exchange.balances(session)
    total = D(2) + D("0.123456789") + spent.filled
    assert held["AAPL"] == Balance("AAPL", total - 1, D(1))
    assert held["USD"].free < D(100_000)
    assert place.engine.reader.execute("SELECT amount FROM position").fetchone() == (f"{total}",)
    fills = await exchange.fills(session, STOCK, place.clock.now() - timedelta(minutes=1))
    assert [fill.fee for fill in fills] == [D(0)] * 3
    assert [order.client_order_id for order in await exchange.open_orders(session, STOCK)] == [resting.order]
    await place.judge()


async def test_long_lists_are_read_to_their_end(place: Place) -> None:
    """More trades and more open orders than one answer holds."""
    session, exchange = place.opened
    member = place.world.members[0]
    for number in range(230):
        name = f"{number:032x}"
        kind, price = (OrderType.MARKET, None) if number % 2 else (OrderType.LIMIT, D(1))
        await _behind(place, OrderRequest(name, STOCK, Side.BUY, kind, D(1), price))
    assert len(member.paper.fills()) == 115
    assert len(await exchange.fills(session, STOCK, place.clock.now() - timedelta(minutes=1))) == 115
    assert await exchange.fills(session, STOCK, place.clock.now() + timedelta(seconds=1)) == []
    for number in range(230, 1200):
        await _behind(place, OrderRequest(f"{number:032x}", STOCK, Side.BUY, OrderType.LIMIT, D(1), D(1)))
    assert len(await exchange.open_orders(session)) == 115 + 970


async def _behind(place: Place, wanted: OrderRequest) -> None:
    """An order that somebody places elsewhere."""
    kind = wanted.type.value
    asked = {"type": kind, "side": wanted.side.value, "time_in_force": "gtc", "qty": str(wanted.amount)}
    place.world.add(Placed(fresh(), place.world.members[0], wanted, asked, place.clock.now()))


async def test_a_refusal_is_told_in_alpacas_words(place: Place) -> None:
    """Too little money, shares that are not held, and an account that is blocked."""
    dear = await place.submit(wish(tag="a", amount=D(1000)))
    short = await place.submit(wish(side=Side.SELL, tag="b"))
    stored = [await place.ended(one.order) for one in (dear, short)]
    assert [one.state for one in stored] == [State.REJECTED, State.REJECTED]
    assert "insufficient buying power" in stored[0].reason
    assert "insufficient qty available" in stored[1].reason
    place.world.blocked.add(1)
    session, exchange = place.opened
    warnings = (await exchange.test(session)).warnings
    assert "Alpaca has blocked this account from trading" in warnings
    assert "this key may not trade: orders with it will be refused" in warnings
    blocked = await place.submit(wish(tag="c"))
    assert "not allowed to trade" in (await place.ended(blocked.order)).reason
    await place.judge()


@pytest.mark.parametrize("kind", [OrderType.STOP, OrderType.STOP_LIMIT])
async def test_a_stop_rests_at_alpaca(place: Place, kind: OrderType) -> None:
    """It is held there, and acts when the price comes to it."""
    bought = await place.submit(wish(tag="a"))
    await place.ended(bought.order)
    price = {"price": D(80)} if kind is OrderType.STOP_LIMIT else {}
    stop = await place.submit(wish(kind, Side.SELL, "b", stop_price=D(90), **price))
    assert (await place.ended(stop.order)).state is State.OPEN
    place.world.trade("AAPL", D(89), D(1000))
    await place.engine.books.reconcile(ACCOUNT)
    assert place.stands(stop.order).state is State.FILLED
    await place.judge()


NIGHT = timedelta(hours=17, minutes=30)


async def test_a_market_order_while_the_market_is_closed(place: Place) -> None:
    """It would meet a price that nobody has seen: nothing is sent, and the reason says until when, and what to do."""
    place.world.close(place.clock.now() + NIGHT)
    place.clock.at += timedelta(hours=1)
    stored = await place.ended((await place.submit(wish())).order)
    assert stored.state is State.NOT_PLACED
    assert "closed until 2026-12-02 02:30 UTC, and a market order would meet a price that nobody has" in stored.reason
    assert place.world.placed == {}
    session, exchange = place.opened
    assert any("closed until 2026-12-02 02:30 UTC" in one for one in (await exchange.test(session)).warnings)


async def test_what_names_a_price_waits_for_the_opening(place: Place) -> None:
    """A limit order and a stop are taken at night, and are filled once the market opens."""
    bought = await place.submit(wish(tag="a"))
    await place.ended(bought.order)
    opens = place.clock.now() + NIGHT
    place.world.close(opens)
    place.clock.at += timedelta(hours=1)
    limit = await place.submit(wish(OrderType.LIMIT, tag="b", price=D(400)))
    at_once = await place.submit(wish(OrderType.LIMIT, tag="c", price=D(400), time_in_force=TimeInForce.IOC))
    low = await place.submit(wish(OrderType.LIMIT, tag="d", **LOW))
    states = [(await place.ended(one.order)).state for one in (limit, at_once, low)]
    assert states == [State.OPEN, State.NOT_PLACED, State.OPEN]
    await place.cancel(low.order)
    assert (await place.ended(low.order)).state is State.CANCELLED
    place.clock.at = opens + timedelta(minutes=1)
    await place.engine.books.reconcile(ACCOUNT)
    assert place.stands(limit.order).state is State.FILLED
    after = await place.submit(wish(tag="e"))
    assert (await place.ended(after.order)).state is State.FILLED
    await place.judge()


async def test_a_person_may_let_market_orders_wait(tmp_path: Path) -> None:
    """With ``outside_hours=queue`` Alpaca takes them at night, and fills them at the opening's price."""
    async with opened(tmp_path, outside_hours="queue") as place:
        opens = place.clock.now() + NIGHT
        place.world.close(opens)
        done = await place.submit(wish())
        assert (await place.ended(done.order)).state is State.OPEN
        place.clock.at = opens + timedelta(seconds=1)
        await place.engine.books.reconcile(ACCOUNT)
        assert place.stands(done.order).state is State.FILLED
        await place.judge()


async def test_parts_of_a_share(place: Place) -> None:
    """They are bought at the market; for an order that names a price the amount is cut to whole shares, never sent so."""
    cut = await place.submit(wish(OrderType.LIMIT, tag="a", amount=D("2.7"), **LOW))
    assert (await place.ended(cut.order)).amount == D(2)
    little = await place.submit(wish(OrderType.LIMIT, tag="b", amount=D("0.7"), **LOW))
    assert isinstance(little, Refused)
    assert little.reasons == ("0.7 AAPL is below the lot size 1",)


async def test_a_limit_of_200_a_minute(place: Place) -> None:
    """What Alpaca says of it counts, and a 429 waits until the minute is over."""
    session, exchange = place.opened
    place.strikes("throttle")
    done = await place.submit(wish(OrderType.LIMIT, **LOW))
    assert (await place.ended(done.order)).state is State.OPEN
    await exchange.balances(session)
    (budget,) = [one for one in exchange.budgets if one.name == "calls-1m"]
    assert (budget.limit, budget.seconds) == (200, 60)
    await place.judge()


async def test_prices_candles_and_the_book(place: Place) -> None:
    """As the data API tells them, exact to the cent; only candles that have closed."""
    session, exchange = place.opened
    ticker = await exchange.ticker(session, STOCK)
    assert ticker.bid < ticker.last < ticker.ask
    book = await exchange.book(session, STOCK, 5)
    assert [level.price for level in (*book.bids, *book.asks)] == [ticker.bid, ticker.ask]
    since = place.clock.now() - timedelta(minutes=10)
    minutes = await exchange.candles(session, STOCK, timedelta(minutes=1), since)
    assert len(minutes) == 10
    assert minutes[0].at == since
    assert minutes[-1].close == ticker.last
    fives = await exchange.candles(session, STOCK, timedelta(minutes=5), since)
    assert [one.high for one in fives] == [max(one.high for one in minutes[:5]), max(one.high for one in minutes[5:])]
    with pytest.raises(Rejected, match="no candles of 1:30:00"):
        await exchange.candles(session, STOCK, timedelta(minutes=90), since)
    with pytest.raises(Rejected, match=r"no stock 'AAPL'; write it like AAPL/USD"):
        await exchange.ticker(session, "AAPL")


async def test_no_candles_are_made_while_the_market_is_closed(place: Place) -> None:
    """The last one before ends at the closing, the next begins with the opening."""
    session, exchange = place.opened
    closes, minute = place.clock.now(), timedelta(minutes=1)
    opens = closes + NIGHT
    place.world.close(opens)
    place.clock.at = opens + 2 * minute
    found = await exchange.candles(session, STOCK, minute, closes - 2 * minute)
    assert [one.at for one in found] == [closes - 2 * minute, closes - minute, opens, opens + minute]
    since = await exchange.candles(session, STOCK, minute, opens - timedelta(hours=1))
    assert [one.at for one in since] == [opens, opens + minute]


async def test_what_alpaca_does_not_have_is_not_sent(place: Place) -> None:
    """A take-profit, a post-only order, too fine an amount of dollars: refused before it leaves, with the reason."""
    session, exchange = place.opened
    await exchange.markets(session)
    asked = [
        ({"type": OrderType.TAKE_PROFIT, "stop_price": D(300)}, "no take profit order"),
        ({"type": OrderType.LIMIT, "price": D(100), "time_in_force": TimeInForce.POST_ONLY}, "no post only order"),
        ({"type": OrderType.MARKET, "amount": None, "quote_amount": D("10.005")}, "whole cents"),
        ({"type": OrderType.MARKET, "amount": None, "quote_amount": D("0.5")}, "a dollar or more"),
        ({"type": OrderType.LIMIT, "amount": D("0.5"), "price": D(100)}, "whole shares"),
    ]
    for number, (more, words) in enumerate(asked):
        given = {"client_order_id": f"{number:032x}", "symbol": STOCK, "side": Side.BUY, "amount": D(1), **more}
        plan = OrderRequest(**given).plan()  # type: ignore[arg-type]
        with pytest.raises(CallRefused, match=words):
            await exchange.place(session, Intent(f"{number:032x}", plan))
    assert place.world.placed == {}
    assert orders.listed(place.engine.reader) == []
