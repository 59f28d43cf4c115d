"""What a day came to: realised and unrealised, each loss on the day on which it came about, exact to the last digit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator import setback
from automator.db import connect
from automator.ledger.chain import Connection
from automator.schema import create
from automator.trading import fills, marks, news, orders, risks, submission
from automator.trading.leaving import OverLimit, leave
from automator.trading.submission import Approved, Refused
from connectors.market import Filters, Market
from connectors.order import Fill, Order, OrderState, OrderType, Side
from jobs.bots.strategy import Place
from jobs.orders.day import Mark, result
from jobs.orders.positions import EXACT, Flow, average, flow, profit
from jobs.orders.risk import Limit
from tests.clocks import START

D = Decimal
MAIN, BOT = "binance/main", "grid-1"
BOUGHT, SOLD = Flow(D(1), D(-100)), Flow(D(-1), D(90))  # 1 BTC for 100, and for 90


@pytest.mark.parametrize(
    ("held", "moved", "mark", "came"),
    [
        ("0", [], (100, 50), "0"),  # nothing held, nothing lost
        ("1", [], (100, 100), "0"),  # held, and the price stands
        ("1", [], (100, 80), "-20"),  # held since before today: what it lost today
        ("1", [], (80, 100), "20"),
        ("1", [BOUGHT], (100, 80), "-20"),  # bought today
        ("1", [BOUGHT], (120, 80), "-20"),  # what the market did before that is not its loss
        ("2", [BOUGHT], (120, 80), "-60"),  # one held since before, one bought today
        ("0", [BOUGHT, SOLD], (100, 80), "-10"),  # sold again: what the price does then is no matter
        ("0", [SOLD], (100, 80), "-10"),  # held since before: lost since the day began
        ("0", [SOLD], (80, 80), "10"),  # its loss of before yesterday counted then
        ("0.5", [BOUGHT, Flow(D("-0.5"), D(45))], (100, 80), "-15"),  # 5 realised, 10 not
        ("0.999", [Flow(D("0.999"), D(-100))], (100, 100), "-0.1"),  # a fee in the base asset
        ("1", [Flow(D(1), D("-100.1"))], (100, 100), "-0.1"),  # and in the quote asset
        ("-1", [SOLD], (90, 100), "0"),  # sold what was not bought here: what it costs since is no matter
        ("-1", [SOLD], (100, 120), "-10"),  # it had lost so much before
        ("-1", [], (100, 120), "0"),  # sold before today
        ("0", [SOLD, BOUGHT], (100, 80), "-30"),  # and bought again: what was there fell from 100 to 80
        ("1", [SOLD, BOUGHT, BOUGHT], (100, 80), "-50"),
    ],
)
def test_what_a_day_came_to(held: str, moved: Sequence[Flow], mark: tuple[int, int], came: str) -> None:
    """What was realised, and by how much what is held has changed its worth since the day began."""
    assert result(D(held), moved, Mark(D(mark[0]), D(mark[1]))) == D(came)


numbers = st.decimals(min_value="0.0001", max_value=10**6, places=8)
made = st.builds(
    Fill,
    st.just("t"),
    st.just("o"),
    st.just("BTC/USDT"),
    st.sampled_from(Side),
    numbers,
    numbers,
    st.decimals(min_value=0, max_value=1, places=8),
    st.sampled_from(["BTC", "USDT", "BNB"]),
    st.just(False),
    st.just(datetime(2026, 12, 1, tzinfo=UTC)),
)


@given(st.lists(made, max_size=6), st.lists(made, max_size=6), numbers, numbers)
def test_it_is_the_profit_realised_and_the_change_of_the_unrealised(
    before: list[Fill], day: list[Fill], opened: Decimal, price: Decimal
) -> None:
    """To the last digit, however it was traded."""
    then, now = profit(before, average), profit([*before, *day], average)
    with localcontext(EXACT):
        came = now.realised - then.realised + now.unrealised(price) - then.unrealised(opened)
        lowest = min(profit([*before, *day[:number]], average).amount for number in range(len(day) + 1))
        came += max(D(0), -lowest) * (price - opened)  # it was there from elsewhere
    assert result(now.amount, map(flow, day), Mark(opened, price)) == came


MARKET = Market("BTC/USDT", "BTCUSDT", "BTC", "USDT", Filters(tick=D("0.01"), lot=D("0.0001")))


@pytest.fixture
def tx(tmp_path: Path) -> Iterator[Connection]:
    create(tmp_path / "automator.db")
    connection = connect(tmp_path / "automator.db")
    risks.change(connection, MAIN, Limit.LOSS, "50", "USDT", START, actor="test")
    yield connection
    connection.close()


def submit(  # noqa: PLR0913, PLR0917 - what is asked for
    tx: sqlite3.Connection, tag: str, side: Side, price: int, now: datetime = START, symbol: str = "BTC/USDT"
) -> Approved | Refused:
    base = symbol.partition("/")[0]
    market = Market(symbol, symbol.replace("/", ""), base, "USDT", MARKET.filters)
    wish = Place(tag, symbol, side, OrderType.MARKET, D(1))
    return submission.submit(tx, MAIN, BOT, tag, wish, now, market=market, price=D(price))


def trade(  # noqa: PLR0913, PLR0917 - what was traded
    tx: sqlite3.Connection, tag: str, side: Side, price: int, now: datetime = START, symbol: str = "BTC/USDT"
) -> None:
    """An order of 1, filled at this price."""
    done = submit(tx, tag, side, price, now, symbol)
    assert isinstance(done, Approved), done
    leave(tx, done.order, now)
    shown = Order(tag, done.order, symbol, side, OrderType.MARKET, OrderState.FILLED, D(1), D(1), D(price), at=now)
    orders.shown(tx, done.order, shown, now)
    fills.add(tx, MAIN, [Fill(tag, tag, symbol, side, D(price), D(1), D(0), "USDT", maker=False, at=now)])
    news.tell(tx, done.order, now)


@pytest.mark.parametrize(("price", "allowed"), [(51, True), (50, False), (49, False), (150, True)])
def test_what_is_held_counts_though_nothing_was_sold(tx: sqlite3.Connection, price: int, allowed: bool) -> None:
    """Bought for 100, and the price falls: at a loss of 50 nothing more is bought, and what is held may be sold."""
    trade(tx, "a", Side.BUY, 100)
    done = submit(tx, "b", Side.BUY, price)
    assert isinstance(done, Approved) is allowed
    if isinstance(done, Refused):
        lost = f"the day has lost {100 - price} USDT, what is held at its last known price included"
        assert done.reasons == (f"{lost}, and binance/main may lose 50",)
    assert isinstance(submit(tx, "c", Side.SELL, price), Approved)


def test_a_loss_counts_on_the_day_on_which_it_comes_about(tx: sqlite3.Connection) -> None:
    """The next day begins with the last price of the one before; what was lost then does not stop it."""
    trade(tx, "a", Side.BUY, 100)
    assert isinstance(submit(tx, "b", Side.BUY, 40), Refused)
    tomorrow = START + timedelta(days=1)
    assert isinstance(submit(tx, "c", Side.BUY, 30, tomorrow), Approved)  # 10 lost since
    trade(tx, "d", Side.SELL, 30, tomorrow)  # for 70 less than it cost: 10 of it today
    assert isinstance(submit(tx, "e", Side.BUY, 30, tomorrow), Approved)


def test_other_symbols_are_marked_at_their_last_known_price(tx: sqlite3.Connection) -> None:
    """A look at the account, or a bot's candle, has shown it; older news change nothing."""
    trade(tx, "a", Side.BUY, 100, symbol="ETH/USDT")
    assert isinstance(submit(tx, "b", Side.BUY, 100), Approved)
    later = START + timedelta(minutes=5)
    marks.note(tx, MAIN, "ETH/USDT", D(50), later)
    marks.note(tx, MAIN, "ETH/USDT", D(100), START)
    assert isinstance(submit(tx, "c", Side.BUY, 100, later), Refused)
    risks.change(tx, MAIN, Limit.LOSS, "50.01", "USDT", START, actor="test")
    assert isinstance(submit(tx, "d", Side.BUY, 100, later), Approved)


def test_a_price_that_was_seen_while_the_clock_was_ahead_is_not_the_last_for_ever(tx: sqlite3.Connection) -> None:
    """A day's loss went on by it until that time had come: for a day nothing that was lost was seen."""
    trade(tx, "a", Side.BUY, 100)
    tomorrow = START + timedelta(days=1)
    setback.notice(tx, tomorrow, 100.0)
    marks.note(tx, MAIN, "BTC/USDT", D(100), tomorrow)
    setback.notice(tx, START, 101.0)
    marks.note(tx, MAIN, "BTC/USDT", D(50), START + timedelta(minutes=1))
    assert isinstance(submit(tx, "b", Side.BUY, 50, START + timedelta(minutes=2)), Refused)


def test_what_was_sold_from_elsewhere_is_no_debt(tx: sqlite3.Connection) -> None:
    """Coins that came by a transfer are sold, by a guard say; that they cost more the day after keeps nobody from buying."""
    trade(tx, "a", Side.SELL, 100)
    tomorrow = START + timedelta(days=1)
    marks.note(tx, MAIN, "BTC/USDT", D(100), tomorrow)
    assert isinstance(submit(tx, "b", Side.BUY, 200, tomorrow), Approved)


def test_an_order_is_judged_again_as_it_is_sent(tx: sqlite3.Connection) -> None:
    """The price has fallen between: it does not leave."""
    trade(tx, "a", Side.BUY, 100)
    done = submit(tx, "b", Side.BUY, 100)
    marks.note(tx, MAIN, "BTC/USDT", D(50), START)
    with pytest.raises(OverLimit, match="the day has lost 50 USDT"):
        leave(tx, done.order, START)


def test_only_what_a_limit_needs_is_asked_for(tx: sqlite3.Connection) -> None:
    """The prices of what is held, while there is a limit of a day's loss."""
    trade(tx, "a", Side.BUY, 100)
    trade(tx, "b", Side.BUY, 100, symbol="ETH/USDT")
    trade(tx, "c", Side.SELL, 100, symbol="ETH/USDT")
    assert marks.wanted(tx, MAIN) == ["BTC/USDT"]
    assert marks.wanted(tx, "kraken/other") == []
    risks.remove(tx, MAIN, Limit.LOSS, "USDT", START, actor="test")
    assert marks.wanted(tx, MAIN) == []


@pytest.mark.parametrize(
    ("change", "wait", "times"),
    [
        (lambda _: None, 0, 0),
        (lambda _: None, 1, 1),
        (lambda tx: marks.note(tx, MAIN, "BTC/USDT", D(100), START), 0, 0),
        (lambda tx: marks.note(tx, MAIN, "BTC/USDT", D(99), START), 0, 1),
        (lambda tx: risks.change(tx, MAIN, Limit.LOSS, "40", "USDT", START, actor="test"), 0, 1),
        (lambda tx: trade(tx, "c", Side.SELL, 100), 0, 1),
        (lambda tx: tx.memo.clear(), 0, 1),
    ],
    ids=["nothing", "a second", "the same price", "another price", "a limit", "a fill", "another process"],
)
def test_what_was_let_in_is_judged_again_if_anything_has_changed(
    tx: Connection, monkeypatch: pytest.MonkeyPatch, change: Callable[[Connection], object], wait: int, times: int
) -> None:
    """A moment later and all as it was, an order leaves as it was let in; else the gate looks at it once more."""
    tx.memo = {}
    trade(tx, "a", Side.BUY, 100)
    done = submit(tx, "b", Side.BUY, 100)
    change(tx)
    looks: list[object] = []
    monkeypatch.setattr(risks, "gate", lambda *asked: looks.append(asked) or ())
    leave(tx, done.order, START + timedelta(seconds=wait))
    assert len(looks) == times
