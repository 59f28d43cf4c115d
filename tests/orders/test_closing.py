"""Winding down: what was bought is sold once, whoever asks, how often, and however late it shows."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from automator.backup import restored
from automator.trading import closing
from connectors.network import Rejected
from connectors.order import Side
from tests.trade.exchange import Connector
from tests.trade.place import ACCOUNT, AT_MARKET, BOT, LIMIT, Trading, trading

D = Decimal


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(tmp_path, settles="2") as made:
        yield made


async def wind_down(place: Trading, times: int = 1) -> None:
    def put(tx: sqlite3.Connection) -> None:
        now = place.clock.now()
        closing.cancel_all(tx, ACCOUNT, now, actor="user")
        for _ in range(times):
            closing.sell_all(tx, ACCOUNT, now)

    await place.engine.writer.run(put)
    await place.engine.worker.run_due(place.clock.now() + timedelta(seconds=30))


def sold(place: Trading) -> list[str]:
    return [item["amount"] for item in place.world.orders if item["side"] == Side.SELL]


async def test_two_who_ask_at_once_sell_once(place: Trading) -> None:
    """The account has more of it, which was not bought here, and is not theirs to sell."""
    done = await place.submit(AT_MARKET)
    await place.ended(done.order)
    await wind_down(place, times=3)
    assert sold(place) == ["0.1"]
    assert place.notices() == []


async def test_after_a_backup_nothing_is_sold_that_may_have_been_sold_since(place: Trading) -> None:
    """The copy was made while a sale waited: made again, it would sell what else the account has."""
    done = await place.submit(AT_MARKET)
    await place.ended(done.order)

    def put_back(tx: sqlite3.Connection) -> None:
        now = place.clock.now()
        closing.sell_all(tx, ACCOUNT, now)
        restored(tx, {}, None, now, actor="user")

    await place.engine.writer.run(put_back)
    await place.engine.worker.run_due(place.clock.now() + timedelta(seconds=30))
    assert sold(place) == []
    ((told,),) = place.engine.reader.execute("SELECT text FROM notice")
    assert "was to be sold when the backup was made, and may have been sold since; look there" in told


async def test_what_fills_before_it_is_cancelled_is_sold(place: Trading) -> None:
    """Nothing was held when it was asked for; and where nothing is bought, nothing is sold."""
    done = await place.submit(LIMIT)
    await place.ended(done.order)
    await place.ended((await place.submit(replace(LIMIT, tag="b"), "other")).order)
    place.world.faults.append("filled-then-lost")  # of the first cancel
    await wind_down(place)
    assert sold(place) == ["0.1"]


async def test_fills_that_show_late_are_waited_for_and_not_for_ever(place: Trading) -> None:
    """What is known by then is sold, a minute after the order has ended."""
    first = await place.submit(AT_MARKET)
    await place.ended(first.order)
    second = await place.submit(replace(LIMIT, tag="b"))
    await place.ended(second.order)
    place.world.fill(place.world.orders[1], D("0.1"))
    hidden = place.world.fills.pop()
    await place.engine.books.reconcile(ACCOUNT)
    await wind_down(place)
    assert sold(place) == []
    place.clock.at += timedelta(minutes=2)
    await place.engine.worker.run_due()
    assert sold(place) == ["0.1"]
    place.world.fills.append(hidden)


async def bought(place: Trading, tag: str, amount: str) -> None:
    done = await place.submit(replace(AT_MARKET, tag=tag, amount=D(amount)))
    await place.ended(done.order)


def told(place: Trading) -> list[str]:
    return [row[0] for row in place.engine.reader.execute("SELECT text FROM notice ORDER BY id")]


@pytest.mark.parametrize("times", [1, 2])
async def test_what_is_bought_after_a_resume_is_not_sold(place: Trading, times: int) -> None:
    """The exchange could not be asked for hours, and the sale is made only when its owner trades again."""
    await bought(place, "a", "0.1")
    place.world.down = True
    await wind_down(place, times)
    place.clock.at += timedelta(hours=6)
    assert closing.unsold(place.engine.reader, BOT)[0].startswith("what grid-1 held of BTC/USDT by then")
    assert closing.unsold(place.engine.reader, "other") == []
    place.world.down = False
    await bought(place, "b", "0.5")
    await place.submit(replace(LIMIT, tag="c"))  # a new order that rests keeps nothing from being sold
    await place.engine.worker.run_due(place.clock.now() + timedelta(minutes=3))
    assert sold(place) == ["0.1"]
    assert closing.unsold(place.engine.reader, "*") == []


async def test_what_is_not_free_to_be_sold_is_told_of(place: Trading) -> None:
    """Orders of another bot hold a part of it; it would rest in the account as if it were sold."""
    await bought(place, "a", "2")
    await wind_down(place)
    assert sold(place) == ["1.5"]
    (text,) = told(place)
    assert text.startswith("of 2 BTC that grid-1 holds at tiny/main only 1.5 was free to be sold")


async def test_a_market_that_is_gone_is_told_of(place: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was taken off the exchange: nothing can be sold there, and it is tried no more."""
    await bought(place, "a", "0.1")

    async def none(self: Connector, wire: Any, *wanted: str) -> Any:
        return {}

    monkeypatch.setattr(Connector, "markets", none)
    await wind_down(place)
    assert told(place) == [
        "what grid-1 holds of BTC/USDT at tiny/main was not sold: tiny/main does not trade it any more"
    ]
    assert closing.unsold(place.engine.reader, "*") == []


async def test_a_sale_that_the_exchange_refuses_is_told_of(place: Trading) -> None:
    """Beside other refusals of the same bot's that nobody has read."""
    await bought(place, "a", "0.1")
    place.world.faults.append("rejected")
    await bought(place, "b", "0.1")
    place.world.faults.append("rejected")
    await wind_down(place)
    refused, unsold = told(place)
    assert refused.startswith("grid-1: tiny/main refused buy")
    assert unsold.endswith("balance too low; halt with --sell again")


async def test_a_sale_that_ends_half_done_is_told_of(place: Trading, monkeypatch: pytest.MonkeyPatch) -> None:
    """The book was empty before all of it was sold."""
    await bought(place, "a", "0.1")
    fill = place.world.fill

    def half(order: Any, amount: Decimal) -> None:
        fill(order, amount / 2)
        order["state"] = "expired"

    monkeypatch.setattr(place.world, "fill", half)
    await wind_down(place)
    (text,) = told(place)
    assert "only 0.05 was sold (expired); halt with --sell again" in text


async def test_what_an_order_bought_that_nobody_could_be_sure_of_is_told_of(place: Trading) -> None:
    """Nothing waits for it, so it is not sold; once the exchange shows it, a person learns that it was filled."""
    place.world.hidden_for = timedelta(days=1)
    place.world.faults.append("hidden")
    done = await place.submit(AT_MARKET)
    await place.ended(done.order)
    await wind_down(place)
    place.world.hidden_for = timedelta()
    place.clock.at += timedelta(minutes=1)
    for _ in range(2):
        await place.engine.books.reconcile(ACCOUNT)
    assert (place.stands(done.order).filled, sold(place)) == (D("0.1"), [])
    assert "was to be cancelled while nobody knew of it, and 0.1 of it was filled" in told(place)[-1]
    assert len(told(place)) == 2


async def test_what_a_sale_in_doubt_may_have_sold_is_not_sold_again(
    place: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Halted with --sell once more, it waits for the person who settles the first sale; then the rest is sold."""
    await bought(place, "a", "0.1")

    async def nobody(self: Connector, wire: Any, plan: Any) -> Any:
        raise Rejected("busy")

    with monkeypatch.context() as patch:
        patch.setattr(Connector, "find", nobody)
        place.world.faults.append("filled-then-lost")
        await wind_down(place)
        place.clock.at += timedelta(hours=2)
        await place.engine.worker.run_due()
        assert place.notices() == ["unconfirmed"]
        await wind_down(place)
        assert sold(place) == ["0.1"]
        (why,) = closing.unsold(place.engine.reader, "*")
        assert "automator orders resolve" in why
    await place.engine.books.reconcile(ACCOUNT)
    await place.engine.worker.run_due(place.clock.now() + timedelta(minutes=5))
    assert sold(place) == ["0.1"]
    assert closing.unsold(place.engine.reader, "*") == []


async def test_what_a_sale_has_sold_is_not_held_though_its_fills_do_not_show(
    place: Trading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the order says it is filled is enough: the account has more of it, which is not to be sold."""
    await bought(place, "a", "0.1")

    async def none(self: Connector, wire: Any, symbol: str, since: Any) -> Any:
        return ()

    monkeypatch.setattr(Connector, "fills", none)
    await wind_down(place)
    place.clock.at += timedelta(minutes=2)
    await wind_down(place)
    place.clock.at += timedelta(minutes=2)
    await place.engine.worker.run_due()
    assert sold(place) == ["0.1"]
