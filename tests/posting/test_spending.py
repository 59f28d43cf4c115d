"""A campaign that costs more in a month than a person lets be spent: who plans it hears of it before it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from automator import limits, upkeep
from automator.engine import Engine
from automator.posting import campaigns, posts
from automator.posting.posts import NewDelivery
from connectors.base import MONEY, Budget, Window
from connectors.network import Paid
from connectors.post import Form, Media, Part
from connectors.registry import build, providers
from jobs.posting.campaign import Rules, judge
from jobs.posting.rows import Row
from jobs.posting.spending import Expense, Purse, overspent
from tests.clocks import StillClock
from tests.scheduling.opened import opened

CREDIT = Budget("credit", 100, Window.MONTH, shared=True, unit=MONEY)
PURSE = Purse("x", ("x/brand",), CREDIT, 0)
NOW = datetime(2026, 12, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def day(number: float) -> datetime:
    """Of December."""
    return datetime(2026, 12, 1, tzinfo=UTC) + timedelta(days=number - 1)


def spent(*days: float, before: tuple[float, ...] = (), used: int = 0) -> dict[int, list[str]]:
    """What is said of a campaign whose posts cost 30 each."""
    earlier = [Expense("x/brand", day(number), 30) for number in before]

    def planned(since: datetime, until: datetime) -> list[Expense]:
        return [one for one in earlier if since <= one.at < until]

    rows = [Expense("x/brand", day(number), 30, row) for row, number in enumerate(days)]
    return overspent(rows, [replace(PURSE, used=used, planned=planned)], NOW)


@pytest.mark.parametrize(
    ("days", "before", "used", "rows"),
    [
        ((11, 12, 13), (), 0, []),
        ((11, 12, 13), (), 10, []),
        ((11, 12, 13), (), 11, [2]),
        ((14, 11, 12, 13), (), 0, [0]),  # by their times, not by their lines
        ((11, 12, 13, 14, 15), (), 0, [3]),  # once for a month
        ((30, 31, 32, 33, 34), (), 0, []),  # two are of January
        ((11, 12), (20, 21), 0, [1]),  # one that was planned before would find nothing left
        ((25,), (20, 21, 22, 23), 0, [0]),
        ((40,), (20, 21, 22, 23), 0, []),  # in a month for which nothing is planned now nobody asks
        ((40, 41, 42), (), 90, []),  # what is spent is of this month
        ((40, 41, 42, 43), (), 0, [3]),
        ((9, 9, 9, 9), (), 0, [3]),  # a little late: it goes out now
    ],
)
def test_the_post_that_nothing_is_left_for_is_told_of(
    days: tuple[float, ...], before: tuple[float, ...], used: int, rows: list[int]
) -> None:
    """What is spent, what was planned, and what is to be planned, month by month."""
    assert sorted(spent(*days, before=before, used=used)) == rows


def test_what_was_due_last_month_is_paid_in_this_one() -> None:
    """A post that waits, or is a little late, goes out now if it does."""
    rows = [Expense("x/brand", day(-1), 60, 0), Expense("x/brand", day(20), 60, 1)]
    assert sorted(overspent(rows, [PURSE], NOW)) == [1]


def test_one_sentence_says_what_it_comes_to_and_what_to_do() -> None:
    """The account, the month, the cost, what is allowed, the day on which it is used up, and the command."""
    ((said,),) = spent(11, 12, 20, 21, used=15).values()
    assert said == (
        "x/brand: December 2026 (UTC) comes to $0.135 ($0.015 of it spent or planned before), "
        "more than the credit of $0.10, which is used up on 2026-12-20; `automator limits set x/brand credit 135` allows it, else what comes after is missed"
    )


@pytest.mark.parametrize(
    ("days", "tests"),
    [
        ((11,), 3),  # it is the tenth: today and tomorrow, one of which may see two
        ((20,), 5),  # on the day and the three before it
        ((20, 20.5, 21), 6),
        ((32.5,), 2),  # in January, on the first and the second; the others are December's
    ],
)
def test_a_key_is_tested_while_a_post_is_near(days: tuple[float, ...], tests: int) -> None:
    """That costs too, and so it is counted in its month."""
    rows = [Expense("x/brand", day(number), 100, row) for row, number in enumerate(days)]
    ((said,),) = overspent(rows, [replace(PURSE, budget=replace(CREDIT, limit=99), test=10)], NOW).values()
    assert f"${tests / 100:.2f} for tests of the key" in said
    assert f"credit {100 * len(days) + 10 * tests}`" in said


def test_accounts_that_share_a_purse_are_counted_together() -> None:
    """What another account of the provider posts is paid from the same."""
    rows = [Expense("x/one", day(11), 60, 0), Expense("x/two", day(12), 60, 1)]
    both = replace(PURSE, accounts=("x/one", "x/two"))
    ((row, (said,)),) = overspent(rows, [both], NOW).items()
    assert row == 1
    assert said.startswith("x/two: ")
    assert "the credit of $0.10 of all accounts of x," in said
    apart = [Purse(name, (name,), CREDIT, 0) for name in ("x/one", "x/two")]
    assert not overspent(rows, apart, NOW)


def test_what_is_no_money_is_counted_as_it_is() -> None:
    """Another provider's budget may be of points."""
    points = replace(PURSE, budget=replace(CREDIT, name="points-month", unit="points"))
    ((said,),) = overspent([Expense("x/brand", day(11), 101, 0)], [points], NOW).values()
    assert "comes to 101 points, more than the points-month of 100 points" in said


def test_x_says_what_posts_cost() -> None:
    """Every part has its price, one with an address a higher one, and so has a text for who can't see a picture."""
    found = {name: network for name in providers() if isinstance(network := build(name), Paid)}
    assert list(found) == ["x"]
    paid = found["x"]
    assert (paid.purse.name, paid.purse.unit) == ("credit", MONEY)
    picture = Media("/a.png", "image/png", 9, "0" * 64, 9, 9, alt="A dog")
    parts = [Part("Hello"), Part("https://example.com"), Part("", (picture,)), Part("More", form=Form.COMMENT)]
    assert list(map(paid.spends, parts)) == [15, 200, 20, 15]
    assert [1000 * build("x").price(part) for part in parts] == [15, 200, 20, 15]


def test_a_row_counts_with_all_its_parts(tmp_path: Path) -> None:
    """A thread and its comment; a row that is refused, or was planned before, costs nothing more."""
    rules = Rules(tmp_path, NOW, "UTC", {"x/brand": build("x")}, purses=[PURSE])
    thread = Row(1, ("x/brand",), "2026-12-11 09:00", "1\n---\n2\n---\n3", thread="yes", comment="4")
    plain, bad = Row(2, ("x/brand",), "2026-12-12 09:00", "5"), Row(3, ("x/brand",), "2026-12-12 08:00", "x" * 300)
    many = [replace(plain, number=number, at=f"2026-12-12 {number}:00", text=f"{number}") for number in (10, 11, 12)]

    def told(*rows: Row) -> list[list[str]]:
        return [[item.field for item in verdict.problems if item.warning] for verdict in judge(rows, rules)]

    assert told(thread, plain, many[0], bad) == [[], [], [], []]  # 6 times 15
    assert told(thread, plain, many[0], many[1]) == [[], [], [], ["cost"]]
    assert all(verdict.ok for verdict in judge([thread, plain, *many], rules))


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    """For an account on X."""
    async with opened("x", tmp_path, StillClock(), monkeypatch) as (engine, _):
        yield engine


def to_pay(engine: Engine) -> list[Expense]:
    (purse,) = purses(engine)
    return list(purse.planned(datetime(1970, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)))


def purses(engine: Engine) -> list[Purse]:
    settings, now = engine.settings, engine.clock.now()
    against = campaigns.rules(engine.reader, Path(), now, "UTC", settings=settings, copies=engine.home.copies)
    return list(against.purses)


async def allow(engine: Engine, units: int) -> None:
    now = engine.clock.now()
    await engine.writer.run(lambda tx: limits.change(tx, "x/brand", "credit", units, now, actor="user"))


async def planned(engine: Engine, *hours: float, parts: int = 1) -> None:
    """Posts so many hours from now."""
    now = engine.clock.now()
    wanted = [
        NewDelivery("x/brand", tuple(Part(f"{at} {part}") for part in range(parts)), at, "UTC", "", f"{at} {parts}")
        for at in (now + hour * HOUR for hour in hours)
    ]
    await engine.writer.run(lambda tx: [posts.plan(tx, [one], now, source="test") for one in wanted])


async def test_without_a_limit_of_ones_own_nothing_is_looked_for(engine: Engine) -> None:
    """An import takes no longer for it."""
    await planned(engine, 5, 6)
    asked: list[str] = []
    engine.reader.set_trace_callback(asked.append)
    assert purses(engine) == []
    engine.reader.set_trace_callback(None)
    assert asked
    assert not [query for query in asked if "r.ready_at <" in query]


async def test_what_is_planned_and_what_is_spent_count(engine: Engine) -> None:
    """Each once: of a thread that is half out, what is still to go out is left to be paid."""
    await allow(engine, 1000)
    (before,) = purses(engine)
    assert (before.subject, before.accounts, before.budget.limit) == ("x", ("x/brand",), 1000)
    await planned(engine, 5, parts=3)
    now = engine.clock.now()
    assert to_pay(engine) == [Expense("x/brand", now + 5 * HOUR, 45)]
    await planned(engine, 0)
    await engine.worker.run_due(now)
    (after,) = purses(engine)
    assert after.used - before.used == 15
    assert [one.units for one in to_pay(engine)] == [45]
    await allow(engine, before.used + 15 + 30)  # for two of its three parts
    assert isinstance(engine.clock, StillClock)
    engine.clock.at += 5 * HOUR
    await engine.worker.run_due(engine.clock.at)
    (half,) = purses(engine)
    assert half.used - after.used == 30
    assert to_pay(engine) == [Expense("x/brand", datetime(2027, 1, 1, tzinfo=UTC), 15)], "when there is money again"


async def test_what_is_told_is_what_happens(engine: Engine) -> None:
    """Of three posts two are paid, and the row that was warned of is the post that is missed."""
    await allow(engine, 1000)
    await allow(engine, used := purses(engine)[0].used + 30 + 20)
    settings, now = engine.settings, engine.clock.now()
    rows = [Row(number, ("x/brand",), f"in {number} hours", f"Post {number}") for number in (3, 1, 2)]
    against = campaigns.rules(engine.reader, Path(), now, "UTC", settings=settings, copies=engine.home.copies)
    verdicts = campaigns.judged(engine.reader, rows, against)
    (warning,) = [(verdict.row.number, problem.what) for verdict in verdicts for problem in verdict.problems]
    assert warning[0] == 3
    assert f"`automator limits set x/brand credit {used + 15}`" in warning[1]
    await campaigns.bring_in(verdicts, engine.writer, now, source="test")
    assert isinstance(engine.clock, StillClock)
    for _ in range(2):
        await engine.test("x/brand")  # as often as a key is tested within a day
    for _ in range(5):
        engine.clock.at += HOUR
        await engine.worker.run_due(engine.clock.at)
    became = {item.texts[0]: item.state for item in posts.listed(engine.reader)}
    assert became == {"Post 1": "done", "Post 2": "done", "Post 3": "missed"}


async def test_the_limit_that_is_named_suffices(engine: Engine) -> None:
    """Also for the tests of the key; figures are read only of what posts leave, so that every post goes out."""
    await allow(engine, 1000)
    await allow(engine, purses(engine)[0].used + 10)
    settings, now = engine.settings, engine.clock.now()
    rows = [Row(number, ("x/brand",), f"in {4 * number} hours", f"Post {number}") for number in range(1, 41)]
    against = campaigns.rules(engine.reader, Path(), now, "UTC", settings=settings, copies=engine.home.copies)
    verdicts = campaigns.judged(engine.reader, rows, against)
    (said,) = [problem.what for verdict in verdicts for problem in verdict.problems if problem.field == "cost"]
    await allow(engine, int(said.partition("credit ")[2].partition("x/brand credit ")[2].partition("`")[0]))
    await campaigns.bring_in(verdicts, engine.writer, now, source="test")
    assert isinstance(engine.clock, StillClock)
    for _ in range(41 * 2):
        await upkeep.once(engine)
        await engine.worker.run_due(engine.clock.at)
        engine.clock.at += 2 * HOUR
    assert {item.state for item in posts.listed(engine.reader)} == {"done"}
