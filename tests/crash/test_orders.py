"""Killed at every boundary of an order's way, under every fault: placed once, and the books are the exchange's."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from automator import failpoints, halts
from jobs.orders.states import ENDED, State
from tests.children import Child, overtake
from tests.crash.desk import Binance, Desk, Small, Stocks, at

FAULTS = (
    "none",
    "lost-before",
    "filled-then-lost",
    "open-then-lost",
    "filled-late",
    "rejected",
    "partial",
    "partial-then-lost",
    "503-done",
    "503-not-done",
)
KINDS = ("limit", "market")
#: of every call, the first ones of a worker's life: tests of the key, looks at the account, and the order itself
CALLS = tuple(
    f"{point}:KILL:{times}"
    for point in (
        "before-record",
        "after-record",
        "before-first-byte",
        "after-last-byte",
        "before-store",
        "after-store",
    )
    for times in (1, 3)
)
FIRST = tuple(point for point in CALLS if point.endswith(":1"))  #: of a call that comes before the order
PLACING = (*CALLS, *failpoints.RUN)
#: killed there, it has not begun: whoever is next begins anew, from the same, and meets the fault then
UNBEGUN = (*FIRST, "before-claim", "after-claim", "before-record:KILL:3")
#: killed there, nothing has left, and since nobody sends it again no fault is met
UNSENT = ("after-record:KILL:3", "before-first-byte:KILL:3")
#: come by only then: else a run ends with its answer
AFTER_DOUBT = ("before-lost", "after-lost", "before-finish", "after-finish")
ANSWERED = frozenset({"none", "partial", "rejected"})
MEETS = {
    **dict.fromkeys(UNBEGUN, ("none", "filled-then-lost", "503-done")),
    **dict.fromkeys(UNSENT, ("none",)),
    **dict.fromkeys(AFTER_DOUBT, tuple(fault for fault in FAULTS if fault not in ANSWERED)),
    **dict.fromkeys(("before-shown", "after-shown"), ("filled-then-lost", "filled-late")),
    **dict.fromkeys(("before-absent", "after-absent"), ("lost-before", "503-not-done")),
    **dict.fromkeys(("before-refused", "after-refused"), ("rejected",)),
}  #: of points that not every fault leads to, or differs at: the faults
BOUNDARIES = tuple(dict.fromkeys([*PLACING, *MEETS]))
#: an order at the market is filled at once, so that these do not differ from others
RESTING = {"open-then-lost", "partial", "partial-then-lost"}


def met(fault: str, point: str) -> bool:
    return fault in MEETS.get(point, FAULTS)


WAYS = [
    (kind, fault, point)
    for kind, fault, point in product(KINDS, FAULTS, BOUNDARIES)
    if met(fault, point) and not (kind == "market" and fault in RESTING)
]
SAMPLE = {
    ("market", "filled-then-lost", "after-last-byte:KILL:3"),
    ("limit", "partial-then-lost", "before-store:KILL:3"),
    ("limit", "lost-before", "before-absent"),
    ("limit", "503-done", "after-lost"),
    ("market", "rejected", "before-refused"),
    ("market", "none", "after-record:KILL:3"),
}


def sampled(ways: Sequence[tuple[str | None, ...]], sample: set[tuple[str | None, ...]]) -> list[object]:
    assert sample <= set(ways)
    return [pytest.param(*way, marks=() if way in sample else pytest.mark.long) for way in ways]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    venue = Small()
    yield Desk(tmp_path, venue)
    venue.close()


def killed(worker: Child) -> None:
    """It must come by its point, or there is nothing to see."""
    if worker.wait(60) != -signal.SIGKILL:
        assert worker.poll() == 0
        pytest.skip("another look at the account was first")


@pytest.mark.parametrize(("kind", "fault", "point"), sampled(WAYS, SAMPLE))
def test_placing(desk: Desk, kind: str, fault: str, point: str) -> None:
    """Whatever becomes of the answer and of the worker, what the exchange has is what we say, once."""
    desk.venue.fails(*([fault] if fault != "none" else []))
    order = desk.submit(kind)
    killed(desk.worker(point))
    desk.work()
    desk.judge()
    if desk.stands(order).state in {State.OPEN, State.PARTIALLY_FILLED}:
        rest = "0.05" if fault.startswith("partial") else "0.1"
        desk.venue.fill(order, rest)
        desk.work()
        desk.judge()
        assert desk.stands(order).state is State.FILLED


TWIN = (None, "drop-before", "drop-after", "unknown-after", "timeout-after")
AT_TWIN = [
    (fault, point)
    for fault, point in product(TWIN, PLACING)
    if point not in FIRST and (fault or point not in AFTER_DOUBT)
]
AT_BINANCE = [(kind, *way) for kind, way in product(KINDS, AT_TWIN)]


@pytest.fixture
def binance(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    yield from at(Binance, tmp_path, request.param, monkeypatch)


@pytest.mark.parametrize(
    ("kind", "binance", "point"),
    sampled(
        AT_BINANCE,
        {("market", "drop-after", "before-store:KILL:3"), ("limit", "timeout-after", "after-claim")},
    ),
    indirect=["binance"],
)
def test_placing_at_binance(binance: Desk, kind: str, point: str) -> None:
    """The same, over ccxt's bridge: its calls of keys, times and markets are boundaries too."""
    binance.submit(kind)
    killed(binance.worker(point))
    binance.work()
    binance.judge()


@pytest.fixture
def stocks(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    yield from at(Stocks, tmp_path, request.param, monkeypatch)


#: of the order, what Alpaca is asked before that is the clock and the stocks
AT_ALPACA = [
    *product(
        KINDS,
        (None, "drop-before", "drop-after", "timeout-after"),
        [f"{point.rpartition(':')[0]}:3" for point in CALLS[::2]],
    )
]


@pytest.mark.parametrize(
    ("kind", "stocks", "point"),
    sampled(
        AT_ALPACA,
        {("market", "drop-after", "before-store:KILL:3"), ("limit", None, "after-last-byte:KILL:3")},
    ),
    indirect=["stocks"],
)
def test_placing_stocks(stocks: Desk, kind: str, point: str) -> None:
    """The same, at Alpaca."""
    limit = {"price": Decimal(50)} if kind == "limit" else {}
    order = stocks.submit(kind, symbol="AAPL/USD", amount=Decimal(2), **limit)
    killed(stocks.worker(point))
    stocks.work()
    stocks.judge()
    assert stocks.stands(order).state in {State.OPEN, State.FILLED, State.NOT_PLACED}


CANCELS = ("none", "lost-before", "open-then-lost", "filled-then-lost")
CANCELLING = (
    *(point for point in CALLS if point not in FIRST),
    *("before-cancel", "after-cancel", "before-shown", "after-shown", "before-finish", "after-finish"),
)


@pytest.mark.parametrize(
    ("fault", "point"),
    sampled([*product(CANCELS, CANCELLING)], {("filled-then-lost", "after-cancel"), ("none", "before-shown")}),
)
def test_cancelling_what_is_filled_in_part(desk: Desk, fault: str, point: str) -> None:
    """It ends as the exchange ended it, with all that was filled by then, and its owner is told once."""
    order = desk.submit()
    desk.work()
    desk.venue.fill(order, "0.04")
    desk.venue.fails(*([fault] if fault != "none" else []))
    desk.cancel(order)
    killed(desk.worker(point))
    desk.work()
    desk.judge()
    assert desk.stands(order).state is (State.FILLED if fault == "filled-then-lost" else State.CANCELLED)


BOOKS = (*CALLS, "before-record:KILL:4", "after-store:KILL:4", "before-books", "after-books")


@pytest.mark.parametrize(
    ("filled", "point"),
    sampled([*product(("0.04", "0.1"), BOOKS)], {("0.04", "before-books"), ("0.1", "after-books")}),
)
def test_reading_what_became_of_orders(desk: Desk, filled: str, point: str) -> None:
    """Each fill is stored and told once, however often it is read."""
    first, second = desk.submit(tag="a"), desk.submit(tag="b")
    desk.worker().wait(60)
    desk.venue.fill(first, filled)
    desk.venue.fill(second, "0.02")
    with desk.reader() as reader:
        assert reader.execute("SELECT count(*) FROM fill").fetchone() == (0,)
    forget_beats(desk)
    killed(desk.worker(point))
    desk.work()
    desk.work()
    desk.judge()


def forget_beats(desk: Desk) -> None:
    """As if the account had not been looked at for a while."""
    with sqlite3.connect(desk.home.database) as connection:
        connection.execute("DELETE FROM beat WHERE name LIKE 'books %'")
    connection.close()


@pytest.mark.parametrize(
    "fault", [pytest.param(name, marks=pytest.mark.long) for name in FAULTS[:-1]] + ["503-not-done"]
)
@pytest.mark.parametrize("kind", [pytest.param("limit", marks=pytest.mark.long), "market"])
def test_two_bots_and_two_workers_on_one_account(desk: Desk, kind: str, fault: str) -> None:
    """All orders of both are placed once each, whoever works on them, and killed in between."""
    desk.venue.fails(*([fault] * 3 if fault != "none" else []))
    for owner, number in product(("grid-1", "dca-1"), range(4)):
        desk.submit(kind, f"{number}", owner)
    first, second = desk.worker("after-last-byte:KILL:4"), desk.worker()
    assert first.wait(60) in {0, -signal.SIGKILL}
    assert second.wait(60) == 0
    desk.work()
    desk.judge()


WINDING = (*CALLS, "before-cancel", "after-cancel", "before-shown", "after-shown", "before-finish", "after-finish")


@pytest.mark.parametrize(
    "point", [pytest.param(one, marks=() if one == "after-cancel" else pytest.mark.long) for one in WINDING]
)
@pytest.mark.parametrize("fault", ["none", pytest.param("filled-then-lost", marks=pytest.mark.long)])
def test_a_halt_that_sells(desk: Desk, fault: str, point: str) -> None:
    """Killed in the midst of it: what rested is cancelled, what was bought is sold once, and all stays halted."""
    desk.submit("market", "a")
    desk.submit("limit", "b")
    desk.work()
    desk.venue.fails("none", *([fault] if fault != "none" else []))  # the cancel, then the sale
    killed(desk.command("halt", "--sell", failpoint=point))
    desk.work()
    desk.judge()
    with desk.reader() as reader:
        assert reader.execute("SELECT amount FROM position").fetchall() == [("0",)]
        assert halts.standing(reader)
    assert sorted(one.state for one in desk.venue.orders().values()) == ["cancelled", "filled", "filled"]


def test_two_services_place_every_order_once(desk: Desk) -> None:
    """They share the work, and one of them is killed in the midst of it."""
    serving = [desk.command("serve") for _ in range(2)]
    desk.venue.fails("filled-then-lost", "none", "503-done", "lost-before", "none", "open-then-lost")
    placed = [desk.submit("market", f"{number}", owner) for number in range(5) for owner in ("grid-1", "dca-1")]
    deadline = time.monotonic() + 40
    while desk.stands(placed[4]).state is State.INTENT:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    serving[0].kill()
    while any(desk.stands(order).state not in ENDED for order in placed):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    serving[1].send_signal(signal.SIGTERM)
    assert [one.wait(60) for one in serving] == [-signal.SIGKILL, 0]
    desk.work()
    desk.judge()


@pytest.mark.parametrize("point", ["before-first-byte", pytest.param("after-record", marks=pytest.mark.long)])
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
def test_a_stopped_worker_that_wakes_up_sends_nothing_late(desk: Desk, point: str, times: int) -> None:
    """Nobody acts in its place while it lives; on waking it sends only what is still to be sent."""
    desk.submit("market")
    assert overtake(desk.worker(f"{point}:STOP:{times}"), desk.worker)
    desk.work()
    desk.judge()


@pytest.mark.long
@pytest.mark.parametrize("number", range(20))
@pytest.mark.parametrize("fault", ["filled-then-lost", "partial"])
def test_killed_at_any_instant(desk: Desk, fault: str, number: int) -> None:
    """No instant is special: kills spread over the whole life of a worker."""
    desk.venue.fails(fault, "none", fault)
    for tag in "abc":
        desk.submit("market", tag)
    with desk.worker() as first:
        time.sleep(number * 0.05)
        first.kill()
    desk.work()
    desk.judge()


@pytest.mark.parametrize("kind", ["limit", "market"])
def test_a_backup_of_before_is_put_back(desk: Desk, tmp_path: Path, kind: str) -> None:
    """The copy holds an intent that has been sent since: the exchange is asked, and nothing is sent again."""
    order = desk.submit(kind)
    assert desk.command("backup", str(tmp_path / "copy.db")).wait(60) == 0
    desk.work()
    assert desk.command("restore", str(tmp_path / "copy.db")).wait(60) == 0
    desk.work()
    desk.judge()
    assert desk.venue.arrived() == [order]
