"""A budget is used nearly in full and never overrun, whatever the order of calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automator.budgets import store, window
from automator.budgets.window import Usage
from automator.db import connect
from automator.schema import create
from connectors.base import Budget, Window

SECOND = 1_000_000
LIMIT, SECONDS = 20, 10
KINDS = {kind: Budget(kind, LIMIT, kind, SECONDS) for kind in (Window.FIXED, Window.SLIDING, Window.BUCKET)}


def pour(budget: Budget, waits: list[int]) -> list[int]:
    """Call one after another, each as soon as it fits, after the given pauses; the instants of the calls."""
    now, usage, sent = 1_800_000_000 * SECOND, Usage(), []
    for wait in waits:
        now = window.fits(budget, usage, now + wait, 1)
        usage = window.charge(budget, usage, now, 1)
        sent.append(now)
    return sent


@given(st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=120))
def test_no_stretch_of_a_sliding_window_holds_more_than_the_limit(waits: list[int]) -> None:
    """Wherever a window is laid over the calls, it holds no more than the limit."""
    sent = pour(KINDS[Window.SLIDING], waits)
    for first in sent:
        assert sum(first <= at < first + SECONDS * SECOND for at in sent) <= LIMIT


@given(st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=120))
def test_a_bucket_never_runs_over(waits: list[int]) -> None:
    """A token bucket that the provider keeps beside ours never finds itself empty."""
    sent = pour(KINDS[Window.BUCKET], waits)
    level, last = 0.0, sent[0]
    for at in sent:
        level = max(0.0, level - (at - last) * LIMIT / (SECONDS * SECOND)) + 1
        last = at
        assert level <= LIMIT + 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_is_used_nearly_in_full(kind: Window) -> None:
    """Under steady pressure at least 97 of 100 allowed calls are made."""
    sent = pour(KINDS[kind], [0] * 1000)
    start, end = sent[0] + SECONDS * SECOND, sent[-1]
    made = sum(start <= at < end for at in sent)
    assert made / ((end - start) / SECOND * LIMIT / SECONDS) >= 0.97


def test_the_provider_s_count_replaces_a_smaller_one() -> None:
    """When someone else used the same key, their calls count too."""
    budget = KINDS[Window.FIXED]
    usage = window.charge(budget, Usage(), 0, 1)
    usage = window.stated(budget, usage, 1, 15, 5 * SECOND)
    assert window.used(budget, usage, 2) == 15
    assert window.fits(budget, usage, 2, 6) == 5 * SECOND + window.MARGIN


def test_the_provider_s_smaller_count_lowers_nothing() -> None:
    """A stale answer that arrives late gives no room back."""
    budget = KINDS[Window.FIXED]
    usage = window.charge(budget, Usage(), 0, 15)
    usage = window.stated(budget, usage, 1, 3, 5 * SECOND)
    assert window.used(budget, usage, 2) == 15


def test_a_closed_budget_opens_at_its_instant() -> None:
    """After a 429 nothing fits until the instant that the provider named."""
    budget = KINDS[Window.SLIDING]
    usage = window.close(Usage(), 7 * SECOND)
    assert window.fits(budget, usage, SECOND, 1) == 7 * SECOND
    assert window.fits(budget, usage, 8 * SECOND, 1) == 8 * SECOND


def test_a_monthly_budget_opens_on_the_first() -> None:
    """Credit that is used up comes back with the next calendar month, also over the turn of the year."""
    budget = Budget("credit", 100, Window.MONTH)
    december = 1_797_206_400 * SECOND
    usage = window.charge(budget, Usage(), december, 100)
    assert window.fits(budget, usage, december, 1) == 1_798_761_600 * SECOND


def test_a_budget_without_a_limit_always_fits() -> None:
    """Credit is only counted until a person sets a limit."""
    budget = replace(KINDS[Window.FIXED], limit=None)
    usage = window.charge(budget, Usage(), 0, 10_000)
    assert window.fits(budget, usage, 1, 5) == 1


def test_a_post_that_costs_more_than_the_month_may_is_never_sent() -> None:
    """A limit on money holds for the first call too."""
    budget = Budget("credit", 100, Window.MONTH)
    assert window.fits(budget, Usage(), 0, 200) == window.month_end(0)


def test_a_bucket_drains_at_the_rate_of_a_limit_of_one_s_own(tmp_path: Path) -> None:
    """A person who allows half of what the provider does gets half of it per hour too."""
    create(tmp_path / "a.db")
    tx, budget = connect(tmp_path / "a.db"), KINDS[Window.BUCKET]
    store.set_limit(tx, "toy", budget, LIMIT // 2, 0, actor="test")
    now, sent = 1_800_000_000 * SECOND, list[int]()
    for _ in range(10 * LIMIT):
        while start := store.reserve(tx, [store.Claim("toy", budget, 1)], now):
            now = start
        sent.append(now)
    tx.close()
    first, last = sent[LIMIT // 2], sent[-1]
    rate = (len(sent) - LIMIT // 2 - 1) / ((last - first) / SECOND)
    assert 0.97 <= rate / (LIMIT / 2 / SECONDS) <= 1.0


def test_reads_leave_room_for_orders_and_use_up_what_none_has_taken() -> None:
    """An order finds room whenever it comes; and at the end of each window all of it was used."""
    budget, usage, now = Budget("weight", 1000, Window.FIXED, SECONDS), Usage(), 0
    used, orders = Counter[int](), 0
    while now < 3 * SECONDS * SECOND:
        if now // (SECOND // 5) > orders:  # five a second
            assert window.fits(budget, usage, now, 1) == now
            usage, orders = window.charge(budget, usage, now, 1), orders + 1
            used[now // (SECONDS * SECOND)] += 1
        start = window.fits(budget, usage, now, 2, 0.1)
        if start == now:
            usage = window.charge(budget, usage, now, 2)
            used[now // (SECONDS * SECOND)] += 2
        now = min(start, now + SECOND // 5) if start > now else now + 1000
    assert all(used[number] >= 997 for number in range(3)), used


@pytest.mark.parametrize(
    ("taken", "at", "start"),
    [
        (0, 0, 0),  # of an empty window as much as there is
        (89, 0, 0),
        (90, 0, 1),  # a tenth is left at first
        (90, 1, 1),
        (95, 0, 6),  # half of that after half the time
        (99, 0, 10),
        (100, 0, 10),
    ],
)
def test_less_and_less_is_left_to_orders(taken: int, at: int, start: int) -> None:
    """So that reads, too, come to the last unit, in seconds of a window of ten."""
    budget = Budget("weight", 100, Window.FIXED, SECONDS)
    usage = window.charge(budget, Usage(), 0, taken) if taken else Usage()
    assert window.fits(budget, usage, at * SECOND, 1, 0.1) == start * SECOND


@pytest.mark.parametrize("kind", Window)
def test_nothing_fits_a_limit_of_nothing(kind: Window) -> None:
    """Whoever sets a limit to 0 wants no such call at all, however empty the window is."""
    budget = Budget("posts", 0, kind, SECONDS)
    assert window.fits(budget, Usage(), 7, 1) > 7
    assert window.fits(budget, window.charge(budget, Usage(), 0, 1), 70 * SECOND, 1) > 70 * SECOND


def test_a_window_that_has_ended_for_the_provider_is_over() -> None:
    """Our clock is a little behind: what is told of the next window does not hold the last one's calls against it."""
    budget = Budget("weight", 100, Window.FIXED, SECONDS)
    usage = window.stated(budget, Usage(), 0, 99, 5 * SECOND)
    usage = window.stated(budget, usage, 5 * SECOND, 3, 15 * SECOND)
    assert window.used(budget, usage, 5 * SECOND) == 3
    assert window.used(budget, window.stated(budget, usage, 6 * SECOND, 1, 15 * SECOND), 6 * SECOND) == 3
