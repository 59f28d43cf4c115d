"""An order is submitted with its owner's state in one transaction, and judged by halts, limits and filters there."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from automator import halts
from automator.clock import micros
from automator.db import connect
from automator.intentions import load as intention
from automator.schema import create
from automator.trading import news, orders, risks, submission
from automator.trading.submission import Approved, Refused
from connectors.market import Filters, Market
from connectors.order import OrderRequest, OrderType, Side
from jobs.bots.strategy import Ended, Place
from jobs.orders.risk import Limit
from jobs.orders.states import State, Step
from tests.clocks import START

D = Decimal
MARKET = Market("BTC/USDT", "BTCUSDT", "BTC", "USDT", Filters(tick=D("0.01"), lot=D("0.0001")))
WISH = Place("buy-1", "BTC/USDT", Side.BUY, OrderType.LIMIT, D("0.1"), D(30_000))
MAIN, BOT = "binance/main", "grid-1"


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    create(tmp_path / "automator.db")
    connection = connect(tmp_path / "automator.db")
    yield connection
    connection.close()


def submit(tx: sqlite3.Connection, wish: Place = WISH, owner: str = BOT, **more: object) -> Approved | Refused:
    given = {"market": MARKET, "price": D(30_000), "now": START, **more}
    now = given.pop("now")
    return submission.submit(tx, MAIN, owner, wish.tag, wish, now, **given)  # type: ignore[arg-type]


def limit(tx: sqlite3.Connection, subject: str, name: Limit, value: str, asset: str = "") -> None:
    risks.change(tx, subject, name, value, asset, START, actor="test")


def test_what_is_approved_is_frozen_before_anything_is_sent(tx: sqlite3.Connection) -> None:
    """Its row, its plan with a random client order id, and the run that will send it are there together."""
    done = submit(tx)
    assert isinstance(done, Approved)
    assert re.fullmatch("[a-z0-9]{32}", done.order)
    stored, kept = orders.load(tx, done.order), intention(tx, done.order)
    assert stored is not None
    assert kept is not None
    assert (stored.state, stored.notional, stored.tag) == (State.INTENT, 3000, "buy-1")
    assert OrderRequest.of(kept.plan) == OrderRequest(
        done.order, "BTC/USDT", Side.BUY, OrderType.LIMIT, D("0.1000"), D("30000.00")
    )
    assert tx.execute("SELECT state FROM run WHERE job = ?", (done.order,)).fetchall() == [("scheduled",)]


def test_what_is_rolled_back_leaves_nothing(tx: sqlite3.Connection) -> None:
    """If the owner's state is not kept, neither is its order."""
    before = list(tx.iterdump())
    tx.execute("BEGIN")
    submit(tx)
    tx.execute("ROLLBACK")
    assert list(tx.iterdump()) == before


def test_numbers_are_rounded_down_to_what_the_market_takes(tx: sqlite3.Connection) -> None:
    """Never a buy for more, or a sale for less."""
    buy = submit(tx, replace(WISH, amount=D("0.12349"), price=D("29999.999")))
    sell = submit(tx, replace(WISH, tag="sell-1", side=Side.SELL, price=D("30000.001")))
    told = [(item.amount, item.price) for item in (orders.load(tx, done.order) for done in (buy, sell)) if item]
    assert told == [(D("0.1234"), D("29999.99")), (D("0.1"), D("30000.01"))]


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        (replace(WISH, amount=D("0.00009")), "0.00009 BTC is below the lot size 0.0001"),
        (replace(WISH, amount=D("NaN")), "amount is NaN"),
        (replace(WISH, amount=D("-1")), "amount is -1"),
        (replace(WISH, price=D("1e400")), "price is 1E+400"),
        (replace(WISH, price=None), "names a price"),
        (replace(WISH, symbol="ETH/USDT"), "the market is BTC/USDT"),
    ],
)
def test_what_the_market_would_not_take_is_not_sent(tx: sqlite3.Connection, wish: Place, why: str) -> None:
    """The reason is said, kept with the order, and told to its owner; no intention and no run is made."""
    done = submit(tx, wish)
    assert isinstance(done, Refused)
    assert why in done.reasons[0]
    assert tx.execute("SELECT count(*) FROM intention").fetchone() == (0,)
    assert tx.execute("SELECT count(*) FROM run").fetchone() == (0,)
    (told,) = news.since(tx, BOT, 0)
    assert isinstance(told.event, Ended)
    assert (told.order, told.event.tag, why in told.event.why) == (done.order, "buy-1", True)


@pytest.mark.parametrize("subject", ["*", MAIN, BOT])
def test_limits_of_account_bot_and_everything_count(tx: sqlite3.Connection, subject: str) -> None:
    """What is in the database is counted: the second order of 3,000 is one too many for 5,000 a day."""
    limit(tx, subject, Limit.DAY, "5000", "USDT")
    first, second = submit(tx), submit(tx, replace(WISH, tag="buy-2"))
    assert isinstance(first, Approved)
    assert isinstance(second, Refused)
    assert "worth 6000 USDT" in second.reasons[0]
    assert isinstance(submit(tx, replace(WISH, tag="buy-3"), now=START + timedelta(days=1)), Approved)


def test_another_bot_s_orders_count_for_the_account_alone(tx: sqlite3.Connection) -> None:
    """Each has its own limits, and a share in those of the account."""
    limit(tx, BOT, Limit.OPEN, "1")
    limit(tx, MAIN, Limit.OPEN, "2")
    asked = [(BOT, "a"), (BOT, "b"), ("dca-1", "a"), ("dca-1", "b")]
    done = [isinstance(submit(tx, replace(WISH, tag=tag), owner), Approved) for owner, tag in asked]
    assert done == [True, False, True, False]


def test_orders_in_a_minute_are_counted(tx: sqlite3.Connection) -> None:
    """Those that were refused are none."""
    limit(tx, MAIN, Limit.RATE, "1")
    at = [START, START + timedelta(seconds=59), START + timedelta(seconds=61)]
    done = [isinstance(submit(tx, replace(WISH, tag=str(now)), now=now), Approved) for now in at]
    assert done == [True, False, True]


@pytest.mark.parametrize("name", ["*", MAIN, BOT])
def test_nothing_is_approved_while_it_is_halted(tx: sqlite3.Connection, name: str) -> None:
    """Everything, the account, or the bot; what makes the risk smaller, by a person's word, still is."""
    halts.halt(tx, name, micros(START), reason="enough", actor="test")
    done = submit(tx)
    assert isinstance(done, Refused)
    assert "is halted (enough)" in done.reasons[0]
    assert isinstance(submit(tx, replace(WISH, tag="sale"), closing=True), Approved)


def test_a_tag_is_used_once(tx: sqlite3.Connection) -> None:
    """A bot that asks twice under one name gets the first order named, and no second one."""
    first, second = submit(tx), submit(tx)
    assert isinstance(second, Refused)
    assert second.order == first.order
    assert tx.execute("SELECT count(*) FROM ordered").fetchone() == (1,)


def test_each_change_of_a_limit_is_on_the_record(tx: sqlite3.Connection) -> None:
    """Who, what, and what it was before."""
    limit(tx, MAIN, Limit.ORDER, "100", "USDT")
    limit(tx, MAIN, Limit.ORDER, "200", "USDT")
    assert risks.listed(tx) == [{"subject": MAIN, "name": "order", "asset": "USDT", "value": "200"}]
    assert risks.remove(tx, MAIN, Limit.ORDER, "USDT", START, actor="test")
    assert not risks.remove(tx, MAIN, Limit.ORDER, "USDT", START, actor="test")
    said = [json.loads(row[0]) for row in tx.execute("SELECT said(data) FROM entry ORDER BY seq")]
    assert [(item["value"], item["before"]) for item in said] == [("100", None), ("200", "100"), (None, "200")]


def test_an_order_that_has_not_left_is_cancelled_at_once(tx: sqlite3.Connection) -> None:
    """It is not placed, its owner is told, and cancelling it again changes nothing."""
    done = submit(tx)
    assert orders.cancel(tx, done.order, START, actor="test") is State.NOT_PLACED
    assert orders.cancel(tx, done.order, START, actor="test") is None
    assert [type(item.event) for item in news.since(tx, BOT, 0)] == [Ended]


def test_those_that_stand_are_the_ones_that_have_not_ended(tx: sqlite3.Connection) -> None:
    """Of one owner, oldest first, however many of its others have ended."""
    tags = ("c", "a", "b", "d")
    mine = {tag: submit(tx, replace(WISH, tag=tag), now=START + timedelta(seconds=n)) for n, tag in enumerate(tags)}
    submit(tx, owner="other")
    submit(tx, replace(WISH, tag="none", amount=D("0.00001")))  # refused
    assert orders.cancel(tx, mine["a"].order, START, actor="test") is State.NOT_PLACED
    orders.move(tx, mine["b"].order, Step.SEND, START)
    orders.move(tx, mine["d"].order, Step.LOST, START)
    stands = [(item.id, item.state) for item in orders.standing(tx, account=MAIN, owner=BOT)]
    expected = {"c": State.INTENT, "b": State.SENT, "d": State.UNKNOWN}
    assert stands == [(mine[tag].order, state) for tag, state in expected.items()]
    assert orders.standing(tx, account="binance/other", owner=BOT) == []


def test_each_reason_of_a_refusal_is_told_once(tx: sqlite3.Connection) -> None:
    """Another reason is told beside one that nobody has read; the same one is not, whatever its numbers are."""
    limit(tx, BOT, Limit.ORDER, "100", "USDT")
    submit(tx)
    submit(tx, replace(WISH, tag="b", amount=D("0.2")))
    limit(tx, BOT, Limit.SYMBOLS, "ETH/USDT")
    submit(tx, replace(WISH, tag="c"))
    first, second = tx.execute("SELECT text FROM notice WHERE kind = 'refused' ORDER BY id").fetchall()
    assert first[0].endswith("the order is worth 3000 USDT, and grid-1 may have 100")
    assert "not among the symbols of grid-1: ETH/USDT; the order is worth 3000 USDT" in second[0]
