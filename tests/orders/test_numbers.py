"""The exchange's numbers: of trades and orders, that come twice, begin anew, or lead to another order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from automator.trading import orders
from automator.trading.fills import traded
from automator.trading.profits import traded as profits
from connectors.order import Side
from jobs.orders.states import State
from tests.trade.exchange import Connector
from tests.trade.place import ACCOUNT, LIMIT, Trading, trading

D = Decimal
FOREIGN = {
    "client_order_id": "app",
    "symbol": "BTC/USDT",
    "side": "buy",
    "type": "limit",
    "amount": "0.4",
    "price": "9",
}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(tmp_path, settles="2") as made:
        yield made


async def placed(place: Trading, owner: str, **more: Any) -> str:
    done = await place.submit(replace(LIMIT, **more), owner)
    await place.ended(done.order)
    return done.order


def held(place: Trading) -> dict[str, Decimal]:
    """By the fills, which must be what the books say too."""
    books = dict(place.engine.reader.execute("SELECT owner, amount FROM position WHERE amount <> '0'"))
    found = {one.owner: one.average.amount for one in profits(place.engine.reader) if one.average.amount}
    assert {owner: much for owner, much in found.items() if owner != "elsewhere"} == {o: D(n) for o, n in books.items()}
    return found


async def wiped(place: Trading) -> None:
    """The exchange has forgotten everything, and some time passes."""
    place.world.orders.clear()
    place.world.fills.clear()
    place.clock.at += timedelta(hours=3)


async def test_two_bots_that_trade_with_each_other_have_both_sides_of_the_trade(place: Trading) -> None:
    """It has one number, and is shown for each of the two orders."""
    await placed(place, "buyer")
    await placed(place, "seller", side=Side.SELL)
    for order in place.world.orders:
        place.world.fill(order, D("0.1"))
    for fill in place.world.fills:
        fill["id"] = "t1"
    for _ in range(2):
        await place.engine.books.reconcile(ACCOUNT)
    assert held(place) == {"buyer": D("0.1"), "seller": D("-0.1")}
    assert len(list(traded(place.engine.reader))) == 2


async def test_an_exchange_that_begins_its_numbers_anew_mixes_nothing_up(place: Trading) -> None:
    """Test environments are wiped: an order and a trade have the numbers of others that are in the books."""
    first = await placed(place, "before")
    place.world.fill(place.world.orders[0], D("0.1"))
    await place.engine.books.reconcile(ACCOUNT)
    await wiped(place)
    second = await placed(place, "after", amount=D("0.2"))
    place.world.fill(place.world.orders[0], D("0.2"))
    for _ in range(2):
        await place.engine.books.reconcile(ACCOUNT)
    assert place.stands(second).exchange_id == "1"
    assert held(place) == {"before": D("0.1"), "after": D("0.2")}
    assert {one.order: one.fill.amount for one in traded(place.engine.reader)} == {first: D("0.1"), second: D("0.2")}
    assert place.told("after") == ["Filled", "Ended"]


async def test_an_order_that_was_wiped_is_not_taken_for_the_one_that_has_its_number(place: Trading) -> None:
    """It is missing, and a person is told; what the other one trades is the other one's."""
    lost = await placed(place, "before")
    await wiped(place)
    await placed(place, "after", amount=D("0.2"))
    await place.engine.books.reconcile(ACCOUNT)
    place.world.fill(place.world.orders[0], D("0.2"))
    seen = await place.engine.books.reconcile(ACCOUNT)
    assert [item.id for item in seen.missing] == [lost]
    assert (held(place), place.told("before")) == ({"after": D("0.2")}, [])


@pytest.mark.parametrize("shown", ["resting", "filled"])
async def test_nor_for_one_that_somebody_else_placed_since(
    place: Trading, monkeypatch: pytest.MonkeyPatch, shown: str
) -> None:
    """It rests, or has ended and is found by its number."""
    lost = await placed(place, "before")
    await wiped(place)
    other = place.world.place(dict(FOREIGN))
    find = Connector.find

    async def by_number(self: Connector, wire: Any, plan: Any) -> Any:
        return await find(self, wire, plan) or await self.look_up(wire, plan, plan.get("id", ""))

    monkeypatch.setattr(Connector, "find", by_number)
    if shown == "filled":
        place.world.fill(other, D("0.4"))
    seen = await place.engine.books.reconcile(ACCOUNT)
    assert [item.id for item in seen.missing] == [lost]
    assert place.stands(lost).filled == 0


async def test_an_order_of_another_symbol_may_have_its_number(place: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    """Binance counts the orders of each symbol by themselves."""
    mine = await placed(place, "bot")
    whole = Connector.open_orders

    async def beside(self: Connector, wire: Any, symbol: str | None = None) -> Any:
        (rests,) = await whole(self, wire, symbol)
        return [replace(rests, client_order_id="app", symbol="ETH/USDT", filled=D("0.07"))]

    monkeypatch.setattr(Connector, "open_orders", beside)
    seen = await place.engine.books.reconcile(ACCOUNT)
    assert (len(seen.foreign), place.stands(mine).filled) == (1, 0)


async def test_an_order_that_a_person_amended_in_the_exchange_s_app_is_still_ours(place: Trading) -> None:
    """An amendment gives it another id in place of ours; its number stays."""
    mine = await placed(place, "bot")
    place.world.orders[0] |= {"client_order_id": "app", "amount": "0.04", "price": "29000"}
    place.world.fill(place.world.orders[0], D("0.03"))
    seen = await place.engine.books.reconcile(ACCOUNT)
    assert (seen.foreign, seen.missing, place.stands(mine).state) == ((), (), State.PARTIALLY_FILLED)
    assert held(place) == {"bot": D("0.03")}


async def test_trades_that_show_after_the_end_was_told_are_in_the_books(place: Trading) -> None:
    """A cancel met a fill, and the exchange said at first that nothing was filled; a person is told."""
    mine = await placed(place, "bot")
    await place.engine.writer.run(lambda tx: orders.cancel(tx, mine, place.clock.now(), actor="user"))
    assert (await place.ended(mine)).state is State.CANCELLED
    await placed(place, "bot", tag="b")  # else nothing is looked for there
    order = place.world.orders[0]
    order["state"] = "open"
    place.world.fill(order, D("0.03"))
    order["state"] = "cancelled"
    for _ in range(2):
        await place.engine.books.reconcile(ACCOUNT)
    assert (held(place), place.stands(mine).filled) == ({"bot": D("0.03")}, D("0.03"))
    assert (place.told("bot"), place.notices()) == (["Ended", "Filled"], ["order"])
