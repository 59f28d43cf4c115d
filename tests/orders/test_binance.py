"""The same on the twin of Binance, over ccxt's bridge: what it calls its bad days ends as it has it, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from automator.sandbox.faults import Fault, middleware
from automator.trading import news, orders, submission
from automator.trading.submission import Approved, Refused
from connectors.exchange import twin as binance
from connectors.exchange import twin_asked
from connectors.exchange.twin_walk import walk
from connectors.exchange.twin_world import Replay
from connectors.network import Rejected
from connectors.order import OrderType, Side
from jobs.bots.strategy import Place as Wish
from jobs.orders.states import State
from tests.clocks import START, StillClock
from tests.trade.installed import AtTwin, installed
from tests.trade.judge import of_binance

D = Decimal
ACCOUNT, BOT = "binance/main", "grid-1"
LOST = ("drop-before", "drop-after", "error-after", "unknown-after", "timeout-after", "html-after", "garbage-after")


class Place(AtTwin):
    """An engine on the twin of Binance."""

    account, path, named = ACCOUNT, "/order", "clientOrderId"
    posts, read = staticmethod(binance.posts), staticmethod(of_binance)

    async def submit(self, kind: OrderType, side: Side = Side.BUY, tag: str = "a", share: str = "0.99") -> str:
        """An order for 0.01 BTC; a limited one at so much of the market's price."""
        session, exchange = self.engine.trading(ACCOUNT, {"test": "yes"})
        market = (await exchange.markets(session))["BTC/USDT"]
        price = (await exchange.ticker(session, "BTC/USDT")).last
        limit = price * D(share) if kind is OrderType.LIMIT else None
        wish = Wish(tag, "BTC/USDT", side, kind, D("0.01"), limit)
        now = self.clock.now()
        done = await self.engine.writer.run(
            lambda tx: submission.submit(tx, ACCOUNT, BOT, tag, wish, now, market=market, price=price)
        )
        assert isinstance(done, Approved), done
        return done.order


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Place]:
    clock, faults = StillClock(), list[Fault]()
    series = walk(D(50_000), 3_000, START - timedelta(minutes=1_000))
    app = binance.twin(clock.now, (Replay(binance.USUAL, series),), known=1_000)
    app.middlewares.insert(0, middleware(faults, "binance", binance.FAULTS))
    secrets = binance.add_account(app, "brand")
    async with installed(folder, app, clock, ACCOUNT, secrets) as engine:
        yield Place(engine, app, clock, faults)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with opened(tmp_path) as made:
        yield made


@pytest.mark.parametrize("fault", ["none", *LOST])
@pytest.mark.parametrize("kind", [OrderType.LIMIT, OrderType.MARKET])
async def test_whatever_becomes_of_the_answer_the_order_is_there_once(
    place: Place, kind: OrderType, fault: str
) -> None:
    """A market order whose answer is lost has filled, and is not sent again; one that never arrived is not placed."""
    if fault != "none":
        place.strikes(fault)
    stored = await place.ended(await place.submit(kind))
    there = State.FILLED if kind is OrderType.MARKET else State.OPEN
    assert stored.state is (State.NOT_PLACED if fault == "drop-before" else there)
    await place.judge()


async def test_an_order_is_looked_up_by_its_number(place: Place) -> None:
    """It is ours; a number that is not there, or no number at all, is none of ours."""
    stored = await place.ended(await place.submit(OrderType.LIMIT, share="0.5"))
    session, exchange = place.engine.trading(ACCOUNT, {"test": "yes"})
    plan = place.engine.books.plan(stored.id)
    found = await exchange.look_up(session, plan, stored.exchange_id or "")
    assert found is not None
    assert (found.client_order_id, found.id) == (stored.id, stored.exchange_id)
    assert await exchange.look_up(session, plan, "999") is None
    with pytest.raises(Rejected):
        await exchange.look_up(session, plan, "it")


async def test_an_order_that_shows_late_is_not_taken_for_lost(place: Place) -> None:
    """Binance's own delay is waited for."""
    place.app[binance.WORLD].visible_after = timedelta(seconds=2)
    place.strikes("drop-after")
    assert (await place.ended(await place.submit(OrderType.MARKET))).state is State.FILLED
    await place.judge()


async def test_the_fill_of_another_order_in_doubt_is_no_reason_to_ask_a_person(place: Place) -> None:
    """One order was lost on the way; while it is asked about, another one fills, and its answer is lost."""
    place.strikes("drop-before")
    first = await place.submit(OrderType.MARKET)
    await place.ended(first, 15)
    place.clock.at += timedelta(seconds=5)
    place.strikes("drop-after")
    second = await place.submit(OrderType.MARKET, tag="b")
    assert (await place.ended(second)).state is State.FILLED
    assert (await place.ended(first)).state is State.NOT_PLACED
    await place.judge()


@pytest.mark.parametrize("fault", ["none", "drop-before", "drop-after", "timeout-after"])
async def test_a_cancel_ends_as_the_exchange_ended_it(place: Place, fault: str) -> None:
    """Whatever becomes of its answer."""
    order = await place.submit(OrderType.LIMIT, share="0.5")
    await place.ended(order)
    if fault != "none":
        place.strikes(fault, method="DELETE")
    now = place.clock.now()
    await place.engine.writer.run(lambda tx: orders.cancel(tx, order, now, actor="test"))
    assert (await place.ended(order)).state is State.CANCELLED
    await place.judge()


async def test_a_refusal_is_told_in_the_exchange_s_words(place: Place) -> None:
    """More than there is: the exchange says so, and its owner hears it."""
    session, exchange = place.engine.trading(ACCOUNT, {"test": "yes"})
    market = (await exchange.markets(session))["BTC/USDT"]
    wish = Wish("b", "BTC/USDT", Side.BUY, OrderType.MARKET, D(100))
    now = place.clock.now()
    done = await place.engine.writer.run(
        lambda tx: submission.submit(tx, ACCOUNT, BOT, "b", wish, now, market=market, price=D(50_000))
    )
    stored = await place.ended(done.order)
    assert (stored.state, "insufficient balance" in stored.reason) == (State.REJECTED, True)
    assert [type(item.event).__name__ for item in news.since(place.engine.reader, BOT, 0)] == ["Ended"]
    await place.judge()


async def test_a_market_that_is_halted_takes_no_order(place: Place) -> None:
    """Known of, nothing is sent; halted since its markets were asked for, the exchange's refusal is told."""
    session, exchange = place.engine.trading(ACCOUNT, {"test": "yes"})
    await exchange.markets(session)
    place.app[binance.WORLD].halt("BTCUSDT", active=False)
    stored = await place.ended(await place.submit(OrderType.MARKET))
    assert (stored.state, "Market is closed" in stored.reason) == (State.REJECTED, True)
    place.clock.at += timedelta(hours=2)
    market = (await exchange.markets(session))["BTC/USDT"]
    wish, now = Wish("b", "BTC/USDT", Side.BUY, OrderType.MARKET, D("0.01")), place.clock.now()
    done = await place.engine.writer.run(
        lambda tx: submission.submit(tx, ACCOUNT, BOT, "b", wish, now, market=market, price=D(50_000))
    )
    assert isinstance(done, Refused)
    assert done.reasons == ("BTC/USDT is not traded now",)
    assert binance.posts(place.app) == []


async def test_fills_fees_and_positions_are_the_exchange_s(place: Place) -> None:
    """The fee of a purchase is taken from what was bought, that of a sale from what it brought."""
    await place.ended(await place.submit(OrderType.MARKET))
    held = place.engine.reader.execute("SELECT amount FROM position").fetchone()
    assert held == ("0.00999",)
    resting = await place.submit(OrderType.LIMIT, Side.SELL, "b", share="1.0005")
    await place.ended(resting)
    place.clock.at += timedelta(minutes=600)
    await place.engine.books.reconcile(ACCOUNT)
    stored = orders.load(place.engine.reader, resting)
    assert stored is not None
    assert stored.state is State.FILLED
    await place.judge()
    assert place.engine.reader.execute("SELECT amount FROM position").fetchone() == ("-0.00001",)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_fills_are_found_whatever_our_clock_says(place: Place, hours: int) -> None:
    """They are dated by the exchange's, and asked for by it."""
    place.app[binance.WORLD].ahead = timedelta(hours=hours)
    stored = await place.ended(await place.submit(OrderType.MARKET))
    assert stored.state is State.FILLED
    assert place.engine.reader.execute("SELECT amount FROM position").fetchone() == ("0.00999",)
    await place.judge()


@pytest.mark.parametrize("hours", [-1, 0, 1])
async def test_a_fill_that_may_be_of_a_lost_order_is_doubt_whatever_our_clock_says(place: Place, hours: int) -> None:
    """The exchange does not show the order; it shows a trade that nobody explains, at a time of its own."""
    world = place.app[binance.WORLD]
    world.ahead, world.visible_after = timedelta(hours=hours), timedelta(days=1)
    place.strikes("drop-after")
    stored = await place.ended(await place.submit(OrderType.MARKET), 400)
    assert stored.state is State.UNCONFIRMED


async def test_a_clock_that_is_set_forward_does_not_make_the_second_look_an_early_one(place: Place) -> None:
    """An order that shows late is waited for in time that passes, whatever the clock says."""
    world = place.app[binance.WORLD]
    _, exchange = place.engine.trading(ACCOUNT, {"test": "yes"})
    settles = exchange.custom.settles
    world.visible_after = 1.8 * settles
    place.strikes("drop-after")
    order = await place.submit(OrderType.LIMIT, share="0.5")
    looked = await place.ended(order, 1.2 * settles.total_seconds())
    assert looked.looked_at is not None
    place.clock.set(timedelta(hours=1))
    world.ahead = -timedelta(hours=1)
    assert (await place.ended(order)).state is State.OPEN


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("minutes", [-120, -5, 5, 120])
async def test_a_lost_order_is_found_or_doubted_though_our_clock_was_set_since(
    place: Place, monkeypatch: pytest.MonkeyPatch, minutes: int, shown: bool
) -> None:
    """Even where the exchange does not look at our time, as some do not, and so never objects to it."""
    monkeypatch.setattr(twin_asked, "check_time", lambda _: None)
    world, by = place.app[binance.WORLD], timedelta(minutes=minutes)
    world.visible_after = timedelta() if shown else timedelta(days=1)
    place.strikes("drop-after")
    order = await place.submit(OrderType.MARKET)
    await place.ended(order, 1)
    place.clock.set(by)
    world.ahead = -by
    stored = await place.ended(order, 400)
    assert stored.state is (State.FILLED if shown else State.UNCONFIRMED)
