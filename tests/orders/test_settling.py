"""A person's word on an unconfirmed order: the exchange is asked first, and what it shows counts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from automator.trading.settling import Unsettled, another
from connectors.order import Order, OrderRequest, OrderState, OrderType, Side
from jobs.orders.states import State
from tests.trade.place import ACCOUNT, AT_MARKET, LIMIT, Trading, trading

D = Decimal
ASKED = OrderRequest("a" * 32, "BTC/USDT", Side.BUY, OrderType.LIMIT, D("0.1"), D(30_000))
FOUND = Order("1", "a" * 32, "BTC/USDT", Side.BUY, OrderType.LIMIT, OrderState.OPEN, D("0.10"), D(0), D(0))
PAID = replace(ASKED, type=OrderType.MARKET, amount=None, price=None, quote_amount=D(100))


@pytest.mark.parametrize(
    ("asked", "found", "named", "why"),
    [
        (ASKED, FOUND, True, ""),
        (ASKED, replace(FOUND, client_order_id=""), True, ""),  # an exchange that does not repeat it
        (ASKED, replace(FOUND, symbol="ETH/USDT"), True, "it is buy 0.1 ETH/USDT, not buy 0.1 BTC/USDT"),
        (ASKED, replace(FOUND, side=Side.SELL), True, "it is sell 0.1 BTC/USDT, not buy 0.1 BTC/USDT"),
        (ASKED, replace(FOUND, amount=D("0.2")), True, "it is buy 0.2 BTC/USDT, not buy 0.1 BTC/USDT"),
        (ASKED, replace(FOUND, client_order_id="b"), True, f"it bears the client order id b, not {'a' * 32}"),
        (ASKED, replace(FOUND, client_order_id="b"), False, ""),  # one that gives names of its own
        (PAID, replace(FOUND, amount=D("0.003")), True, ""),  # how much it bought is the exchange's to say
        (PAID, replace(FOUND, amount=None, filled=D("0.003")), True, ""),
        (PAID, replace(FOUND, symbol="ETH/USDT"), True, "it is buy 0.1 ETH/USDT, not buy 0 BTC/USDT"),
    ],
)
def test_another_order_is_known_as_such(asked: OrderRequest, found: Order, named: bool, why: str) -> None:
    """By its symbol, its side, its amount, and the name that we gave it."""
    assert another(asked, found, named=named) == why


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Trading]:
    async with trading(tmp_path, settles="2") as made:
        made.world.hidden_for = timedelta(days=1)
        yield made


async def doubted(place: Trading, tag: str = "a") -> str:
    """The id of an order that is at the exchange, and not shown there by ours."""
    place.world.faults.append("hidden")
    done = await place.submit(replace(AT_MARKET, tag=tag))
    assert (await place.ended(done.order)).state is State.UNCONFIRMED
    return done.order


async def test_the_number_of_another_order_of_ours_is_refused_unchecked_too(place: Trading) -> None:
    """Else what that one has traded would be in the books twice."""
    order, known = await doubted(place), await place.submit(replace(LIMIT, tag="b"))
    await place.ended(known.order)
    number = place.stands(known.order).exchange_id or ""
    with pytest.raises(Unsettled, match="another one"):
        await place.engine.settling.there(place.stands(order), number, unchecked=True, actor="user")
    assert place.stands(order).state is State.UNCONFIRMED


async def test_what_the_exchange_says_of_a_number_is_stored(place: Trading) -> None:
    """At once, with its fills: what it has become, and what it bought."""
    order = await doubted(place)
    await place.engine.settling.there(place.stands(order), "1", unchecked=False, actor="anna")
    stored = place.stands(order)
    assert (stored.state, stored.filled, stored.exchange_id) == (State.FILLED, D("0.1"), "1")
    assert place.told() == ["Filled", "Ended"]
    (said,) = [
        json.loads(row[0])
        for row in place.engine.reader.execute("SELECT said(data) FROM entry WHERE kind = 'event'")
        if json.loads(row[0])["what"] == "settled"
    ]
    assert (said["verdict"], said["actor"]) == ("it is there: 1", "anna")


async def test_a_wrong_number_changes_nothing(place: Trading) -> None:
    """One that is not there, one of another symbol's or size, one that is another order of ours."""
    known = await place.submit(replace(LIMIT, tag="known"))
    await place.ended(known.order)
    order = await doubted(place)
    foreign = {"client_order_id": "x", "side": "buy", "type": "limit", "amount": "1", "price": "9"}
    place.world.place({**foreign, "symbol": "ETH/USDT"})
    place.world.place({**foreign, "symbol": "BTC/USDT"})
    before = place.stands(order)
    for number, why in (
        ("99", "tiny/main has no order 99 of BTC/USDT; nothing was changed"),
        ("1", f"order 1 at tiny/main is {known.order[:8]}, another one; nothing was changed"),
        ("3", "order 3 at tiny/main is another one: it is buy 1 ETH/USDT, not buy 0.1 BTC/USDT; nothing was changed"),
        ("4", "order 4 at tiny/main is another one: it is buy 1 BTC/USDT, not buy 0.1 BTC/USDT; nothing was changed"),
    ):
        with pytest.raises(Unsettled) as no:
            await place.engine.settling.there(place.stands(order), number, unchecked=False, actor="anna")
        assert str(no.value) == why
    assert place.stands(order) == before


async def test_one_that_is_shown_is_not_taken_for_not_placed(place: Trading) -> None:
    """The exchange has come to show it by now: that counts, whatever was seen before."""
    order = await doubted(place)
    place.world.hidden_for = timedelta()
    shown = await place.engine.settling.not_placed(place.stands(order), unchecked=False, actor="anna")
    assert shown is not None
    assert (shown.id, place.stands(order).state, place.told()) == ("1", State.FILLED, ["Filled", "Ended"])


async def test_an_exchange_that_can_t_be_asked_leaves_it_open(place: Trading) -> None:
    """Unless a person says that their word is enough; and then its owner is told once."""
    one, two = await doubted(place, "a"), await doubted(place, "b")
    place.world.down = True
    settle = place.engine.settling
    with pytest.raises(Unsettled, match=r"can't be asked about order 1 .* --unchecked takes your word for it"):
        await settle.there(place.stands(one), "1", unchecked=False, actor="anna")
    with pytest.raises(Unsettled, match=r"can't be asked whether it is there .* --unchecked takes your word for it"):
        await settle.not_placed(place.stands(two), unchecked=False, actor="anna")
    await settle.there(place.stands(one), "1", unchecked=True, actor="anna")
    await settle.not_placed(place.stands(two), unchecked=True, actor="anna")
    assert [place.stands(order).state for order in (one, two)] == [State.OPEN, State.NOT_PLACED]
    assert place.told() == ["Ended"]
    with pytest.raises(Unsettled, match="is not placed; there is nothing to settle"):
        await settle.not_placed(place.stands(two), unchecked=True, actor="anna")


async def test_what_is_still_to_be_asked_about_is_known_at_a_look(place: Trading) -> None:
    """Its answer was lost, and it has filled: nobody need wait for its own time to be asked about."""
    place.world.faults.append("filled-then-lost")
    done = await place.submit(AT_MARKET)
    await place.engine.worker.work_off(done.order)
    assert place.stands(done.order).state is State.UNKNOWN
    await place.engine.books.reconcile(ACCOUNT)
    assert (place.stands(done.order).state, place.told()) == (State.FILLED, ["Filled", "Ended"])
    await place.ended(done.order)
    assert place.world.arrived == [done.order]


async def test_a_look_at_the_account_tells_of_what_is_in_doubt(place: Trading) -> None:
    """With what may be said of it; and settles by itself what has come to be shown."""
    order = await doubted(place)
    seen = await place.engine.books.reconcile(ACCOUNT)
    assert [item.id for item in seen.doubtful] == [order]
    place.world.hidden_for = timedelta()
    assert not (await place.engine.books.reconcile(ACCOUNT)).doubtful
    assert place.stands(order).state is State.FILLED


async def test_an_order_that_is_there_no_longer_ends_with_what_was_filled(place: Trading) -> None:
    """Some exchanges show one that was cancelled for a few hours only; a person's word ends it, unless it is shown."""
    place.world.hidden_for = timedelta()
    done = await place.submit(LIMIT)
    await place.ended(done.order)
    settle = place.engine.settling
    shown = await settle.gone(place.stands(done.order), unchecked=False, actor="anna")
    assert shown is not None
    assert place.stands(done.order).state is State.OPEN
    place.world.fill(place.world.orders[0], D("0.04"))
    place.world.orders.clear()
    assert await settle.gone(place.stands(done.order), unchecked=False, actor="anna") is None
    stored = place.stands(done.order)
    assert (stored.state, stored.filled, place.told()) == (State.CANCELLED, D("0.04"), ["Filled", "Ended"])
    assert place.engine.reader.execute("SELECT amount FROM position").fetchone() == ("0.04",)
    with pytest.raises(Unsettled, match="is cancelled; there is nothing to settle"):
        await settle.gone(stored, unchecked=False, actor="anna")
