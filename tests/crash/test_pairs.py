"""Killed at every boundary of a pair's way, under every fault: both orders are there once, or neither is."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from connectors.order import OrderType, Side
from jobs.bots.strategy import Place as Wish
from jobs.orders.states import State
from tests.crash.desk import Binance, Desk, Small, at
from tests.crash.test_orders import AT_TWIN, BOUNDARIES, CALLS, FIRST, killed, met, sampled

D = Decimal
STOP = Wish("stop", "BTC/USDT", Side.SELL, OrderType.STOP, D("0.1"), stop_price=D(27_000))
PROFIT = Wish("profit", "BTC/USDT", Side.SELL, OrderType.TAKE_PROFIT, D("0.1"), stop_price=D(90_000))
#: what differs for a pair; the others are those of any order
THEIRS = ("none", "lost-before", "filled-then-lost", "open-then-lost", "rejected", "503-done")
WAYS = [way for way in product(THEIRS, BOUNDARIES) if way[1] not in FIRST and met(*way)]
SAMPLE = {
    ("open-then-lost", "after-last-byte:KILL:3"),
    ("filled-then-lost", "before-shown"),
    ("lost-before", "before-absent"),
    ("rejected", "before-refused"),
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    venue = Small()
    yield Desk(tmp_path, venue)
    venue.close()


@pytest.mark.parametrize(("fault", "point"), sampled(WAYS, SAMPLE))
def test_placing(desk: Desk, fault: str, point: str) -> None:
    """What the exchange has of both is what we say; what is left of them is then filled by one of them alone."""
    desk.venue.fails(*([fault] if fault != "none" else []))
    pair = desk.submit_pair(STOP, PROFIT)
    killed(desk.worker(point))
    desk.work()
    desk.judge()
    states = [desk.stands(order).state for order in pair]
    if states == [State.OPEN, State.OPEN]:
        desk.venue.fill(pair[1], "0.1")
        desk.work()
        desk.judge()
        assert [desk.stands(order).state for order in pair] == [State.EXPIRED, State.FILLED]


CANCELS = ("none", "lost-before", "filled-then-lost")
CANCELLING = (
    *(point for point in CALLS if point not in FIRST),
    "before-cancel",
    "after-cancel",
    "before-shown",
    "after-shown",
    "before-finish",
    "after-finish",
)


@pytest.mark.parametrize(
    ("fault", "point"),
    sampled([*product(CANCELS, CANCELLING)], {("filled-then-lost", "after-cancel"), ("none", "after-shown")}),
)
def test_cancelling(desk: Desk, fault: str, point: str) -> None:
    """One cancel ends both, unless one of them was filled by then; their owner is told once of each."""
    pair = desk.submit_pair(STOP, PROFIT)
    desk.work()
    desk.venue.fails(*([fault] if fault != "none" else []))
    desk.cancel(pair[0])
    killed(desk.worker(point))
    desk.work()
    desk.judge()
    ended = [State.FILLED, State.EXPIRED] if fault == "filled-then-lost" else [State.CANCELLED, State.CANCELLED]
    assert [desk.stands(order).state for order in pair] == ended


class Lists(Binance):
    """It goes wrong with its order lists."""

    path = "/orderList/oco"


@pytest.fixture
def binance(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    yield from at(Lists, tmp_path, request.param, monkeypatch)


@pytest.mark.parametrize(
    ("binance", "point"),
    sampled(
        AT_TWIN,
        {("drop-after", "before-store:KILL:3"), ("unknown-after", "after-claim")},
    ),
    indirect=["binance"],
)
def test_placing_at_binance(binance: Desk, point: str) -> None:
    """The same, by its order lists."""
    binance.submit_pair(STOP, PROFIT)
    killed(binance.worker(point))
    binance.work()
    binance.judge()
