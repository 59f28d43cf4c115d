"""A campaign with more posts than a network takes in a day: who plans it hears of it before one is missed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.base import Budget, Window
from connectors.network import Rationed
from connectors.post import Form, Part
from connectors.registry import build
from jobs.posting.campaign import Rules, judge
from jobs.posting.crowd import Wanted, crowded
from jobs.posting.planned import Earlier
from jobs.posting.rows import Row

DAY = Budget("posts-day", 3, Window.SLIDING, 86_400)
AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
RATIONS = {("x/brand", Form.POST): DAY}


def wanted(*hours: float, before: tuple[float, ...] = ()) -> list[Wanted]:
    return [Wanted("x/brand", Form.POST, AT + hour * HOUR, row) for row, hour in enumerate(hours)] + [
        Wanted("x/brand", Form.POST, AT + hour * HOUR, None) for hour in before
    ]


@pytest.mark.parametrize(
    ("hours", "before", "rows"),
    [
        ((0, 0, 0), (), []),
        ((0, 0, 0, 0), (), [3]),
        ((0, 0, 0, 23), (), []),  # it waits an hour, as long as it may
        ((0, 0, 0, 22.9), (), [3]),
        ((0, 0, 0, 24, 24, 24, 25), (), [6]),
        ((5,), (0, 1, 2), [0]),
        ((0, 1, 2), (5,), [2]),  # one that was planned before would be missed for the last of these
        ((0, 30), (1, 2, 3), [0]),
        ((), (0, 0, 0, 0), []),
    ],
)
def test_who_would_be_missed_is_told_of(hours: tuple[float, ...], before: tuple[float, ...], rows: list[int]) -> None:
    """Three may go out in a day, and a post waits for an hour at most."""
    assert sorted(crowded(wanted(*hours, before=before), RATIONS, HOUR)) == rows


def test_a_row_says_which_limit_it_is(tmp_path: Path) -> None:
    """A warning, since a limit may be higher by then; what was planned before counts, and what came to nothing not."""
    rules = Rules(tmp_path, AT - HOUR, "UTC", {"x/brand": build("x")}, rations=RATIONS)
    rows = [Row(number, to=("x/brand",), text=f"Post {number}", at=f"2026-12-01 09:0{number}") for number in range(4)]
    *good, last = judge(rows, rules)
    assert not [problem for verdict in good for problem in verdict.problems]
    assert last.ok
    assert [problem.what for problem in last.problems] == [
        "x/brand: more than the 3 that may go out in 24 hours, so one would be missed; give it another time"
    ]
    done = Earlier("a", "x/brand", "other", AT - timedelta(minutes=5), (Part("Before"),), "done")
    assert judge(rows[:3], replace(rules, earlier=[done]))[2].problems
    assert not judge(rows[:3], replace(rules, earlier=[replace(done, state="missed")]))[2].problems


def test_the_networks_say_what_they_take_in_a_while() -> None:
    """Instagram's posts of a day, Facebook's reels, X's of a quarter of an hour."""
    said = {name: build(name) for name in ("instagram", "facebook", "x")}
    found = {
        (name, form): (budget.limit, budget.seconds)
        for name, network in said.items()
        if isinstance(network, Rationed)
        for form in (Form.POST, Form.REEL, Form.COMMENT)
        if (budget := network.ration(form)) is not None
    }
    assert found == {
        ("instagram", Form.POST): (100, 86_400),
        ("instagram", Form.REEL): (100, 86_400),
        ("facebook", Form.REEL): (30, 86_400),
        **dict.fromkeys([("x", form) for form in (Form.POST, Form.REEL, Form.COMMENT)], (100, 900)),
    }
