"""The gate in the database: the quick sum is never below the exact one, and the exact one decides."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator.clock import micros
from automator.db import connect
from automator.schema import create
from automator.trading import risks
from automator.trading.marks import date as day
from connectors.order import OrderRequest, OrderType, Side
from jobs.orders import tally
from jobs.orders.risk import Limit, Limits, Proposal
from jobs.orders.states import COUNTED, ENDED
from tests.clocks import START

D = Decimal
MAIN, BOT = "binance/main", "grid-1"
BUY = OrderRequest("mine", "BTC/USDT", Side.BUY, OrderType.LIMIT, D("0.1"), D(1))
NOW = START.replace(hour=0, minute=0, second=30)  #: the last minute began yesterday
money = st.decimals(0, 10**6, places=8)
rows = st.lists(
    st.tuples(
        st.sampled_from([MAIN, "kraken/main"]),
        st.sampled_from([BOT, "dca-1"]),
        st.sampled_from(["BTC/USDT", "ETH/USDT", "BTC/EUR"]),
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(sorted(COUNTED | ENDED)),
        money,
        money,
        st.sampled_from([-90_000, -45, -30, -29, 0]),  # seconds
    ),
    max_size=12,
)
fills = st.lists(
    st.tuples(
        st.sampled_from([MAIN, "kraken/main"]),
        st.decimals(-1000, 1000, places=8),
        st.decimals(1, 1000, places=2),
        st.decimals(0, 1, places=8),
        st.sampled_from(["BTC", "USDT", "BNB"]),
    ),
    max_size=6,
)
changes = st.lists(st.tuples(st.integers(0, 11), st.sampled_from(sorted(COUNTED | ENDED)), money), max_size=12)
STILL = (D(1), D(1), NOW)  #: prices that have not moved today
marks = st.tuples(*[st.decimals(1, 1000, places=2)] * 2, st.sampled_from([NOW, NOW - timedelta(days=1)]))


def fill(tx: sqlite3.Connection, made: Any, earned: Any, marked: Any = STILL) -> None:
    for number, (account, owner, symbol, side, state, notional, cost, at) in enumerate(made):
        tx.execute(
            "INSERT INTO ordered (id, account, owner, tag, symbol, side, type, quote, notional, mark, state, reason, "
            "filled, cost, closing, created_at, told, ended_at) "
            "VALUES (?,?,?,?,?,?,'limit',?,?,'1',?,'','0',?,0,?,?,?)",
            (
                str(number),
                account,
                owner,
                str(number),
                symbol,
                side,
                symbol.partition("/")[2],
                str(notional),
                state,
                str(min(cost, notional)),
                micros(NOW + timedelta(seconds=at)),
                int(state in ENDED),
                micros(NOW) if state in ENDED else None,
            ),
        )
    for number, (account, much, price, fee, asset) in enumerate(earned):
        tx.execute(
            "INSERT INTO fill (id, account, symbol, fill, order_id, side, price, amount, fee, fee_asset, maker, at) "
            "VALUES (?,?,'BTC/USDT',?,'',?,?,?,?,?,0,?)",
            (
                number + 1,
                account,
                str(number),
                "sell" if much < 0 else "buy",
                *map(str, (price, abs(much), fee)),
                asset,
                micros(NOW),
            ),
        )
        tx.execute("INSERT INTO position VALUES (?,?,'BTC/USDT',?,'0')", (f"bot-{number}", account, str(much)))
        tx.execute(
            "INSERT INTO order_news (owner, account, ordered, fill, at, quote, realised) VALUES (?,?,?,?,?,'USDT',?)",
            (BOT, account, str(number), number + 1, micros(NOW), str(much)),
        )
    for account in (MAIN, "kraken/main"):
        opened, price, at = marked
        tx.execute(
            "INSERT INTO mark VALUES (?,'BTC/USDT',?,?,?,?)", (account, day(at), str(opened), str(price), micros(at))
        )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    path = tmp_path_factory.mktemp("gate") / "automator.db"
    create(path)
    connection = connect(path)
    yield connection
    connection.close()


def change(tx: sqlite3.Connection, changed: Any) -> None:
    for number, state, cost in changed:
        ended = state in ENDED
        tx.execute(
            "UPDATE ordered SET state = ?, told = ?, ended_at = ? WHERE id = ?",
            (state, int(ended), micros(NOW) if ended else None, str(number)),
        )
        tx.execute(
            "UPDATE ordered SET cost = ? WHERE id = ? AND ? <= CAST(notional AS REAL)",
            (str(cost), str(number), float(cost)),
        )


@given(made=rows, changed=changes, earned=fills, marked=marks, ahead=st.sampled_from([-200, -50, 0, 0, 50, 90_000]))
def test_the_quick_sum_is_never_below_the_exact_one(  # noqa: PLR0913, PLR0917 - the world
    database: sqlite3.Connection, made: Any, changed: Any, earned: Any, marked: Any, ahead: int
) -> None:
    """Of an account, a bot, and everything; and above it by little, so that few need the exact one."""
    tx, judged, now = database, Proposal(MAIN, BOT, BUY, D(1)), NOW + timedelta(seconds=ahead)
    tx.execute("BEGIN")
    try:
        fill(tx, made, earned, marked)
        change(tx, changed)
        money = {(Limit.DAY, "USDT"): D(1), (Limit.LOSS, "USDT"): D(1)}
        limits = [Limits(subject, money) for subject in (MAIN, BOT, risks.EVERYTHING)]
        for limited, quick in zip(limits, risks.at_most(tx, limits, judged, now), strict=True):
            exact = risks.usage(tx, limited, judged, now)
            assert quick.open_orders == exact.open_orders
            assert exact.minute <= quick.minute <= len(made)
            sums = [(getattr(exact, name), getattr(quick, name)) for name in ("day", "buying", "held")]
            assert all(little <= much <= little + D("0.1") for little, much in sums), sums
            # what had come from elsewhere is not told apart
            apart = sum((abs(much) for _, much, *_ in earned), D(0)) * abs(marked[0] - marked[1])
            assert -exact.result <= -quick.result <= -exact.result + apart * 2 + D("0.1")
    finally:
        tx.execute("ROLLBACK")


@given(made=rows, changed=changes)
def test_orders_from_before_there_was_a_tally_are_in_it(database: sqlite3.Connection, made: Any, changed: Any) -> None:
    """A database that is brought up has the tally that it would have had."""
    tx = database
    tx.execute("BEGIN")
    try:
        fill(tx, sorted(made, key=lambda order: order[-1]), [])
        change(tx, changed)
        columns = "account, owner, symbol, quote, open_orders, round(buying, 3), day, round(worth, 3), minute"
        kept = tx.execute(f"SELECT {columns} FROM tally ORDER BY 1, 2, 3").fetchall()
        tx.execute("DELETE FROM tally")
        tx.execute(tally.COUNT)
        assert tx.execute(f"SELECT {columns} FROM tally ORDER BY 1, 2, 3").fetchall() == kept
    finally:
        tx.execute("ROLLBACK")


def test_what_is_just_allowed_is_not_refused_for_a_float(database: sqlite3.Connection) -> None:
    """Three times 0.1 is 0.3, and a limit of 0.3 has room for it; a little less has not."""
    tx, judged = database, Proposal(MAIN, BOT, BUY, D(1))
    tx.execute("BEGIN")
    fill(tx, [(MAIN, BOT, "BTC/USDT", "buy", "open", D("0.1"), D(0), 0)] * 2, [])
    risks.change(tx, MAIN, Limit.DAY, "0.3", "USDT", NOW, actor="test")
    assert risks.gate(tx, judged, NOW) == ()
    risks.change(tx, MAIN, Limit.DAY, "0.29999999", "USDT", NOW, actor="test")
    (refused,) = risks.gate(tx, judged, NOW)
    assert "0.3 USDT" in refused
    tx.execute("ROLLBACK")


def test_an_order_before_midnight_is_of_the_last_minute(database: sqlite3.Connection) -> None:
    """The day has begun anew, and the minute has not."""
    tx, judged = database, Proposal(MAIN, BOT, BUY, D(1))
    tx.execute("BEGIN")
    fill(tx, [(MAIN, BOT, "BTC/USDT", "buy", "filled", D(1), D(1), -45)], [])
    for name, value, asset in ((Limit.DAY, "1", "USDT"), (Limit.RATE, "1", "")):
        risks.change(tx, MAIN, name, value, asset, NOW, actor="test")
    (refused,) = risks.gate(tx, judged, NOW)
    assert "of the last minute" in refused
    tx.execute("ROLLBACK")
