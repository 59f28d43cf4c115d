"""What posts cost in a calendar month beside what may be spent in it: told before they are planned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter

from connectors.base import MONEY, Budget

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEAR = 3  #: days before a post on which the key is tested
OFTEN = 6  #: times in five days, since a test is made when the last one is twenty hours old


@dataclass(frozen=True, slots=True)
class Expense:
    """What is to go out costs so much. ``row``: of the campaign that is looked at; ``None``: it was planned before."""

    account: str
    at: datetime
    units: int
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Purse:
    """What may be spent in a calendar month (UTC).

    Attributes:
        subject: Whose it is: an account's, or a provider's for all its accounts.
        accounts: Those that are paid from it.
        budget: With the limit in force.
        used: Units of the present month that are spent.
        planned: What was planned before and is still to go out, from an instant on, and before another: asked of
            months in which something is to be planned only.
        test: What it takes to test a key, which is done while a post of its account is near.
    """

    subject: str
    accounts: tuple[str, ...]
    budget: Budget
    used: int
    planned: Callable[[datetime, datetime], Sequence[Expense]] = lambda _, __: ()
    test: int = 0


def overspent(wanted: Iterable[Expense], purses: Sequence[Purse], now: datetime) -> dict[int, list[str]]:
    """By row, a sentence for each month in which more would be spent than may be.

    It is told of the first row that there is nothing left for; if that post was planned before, of the one before it.
    """
    rows: dict[str, list[Expense]] = defaultdict(list)
    for one in wanted:
        rows[one.account].append(one)
    found: dict[int, list[str]] = defaultdict(list)
    for purse in purses:
        months: dict[datetime, list[Expense]] = defaultdict(list)
        for one in (one for account in purse.accounts for one in rows[account]):
            months[_month(max(one.at, now))].append(one)  # what was due before goes out now, if it does
        for month, mine in months.items():
            present = month == _month(now)
            earlier = purse.planned(EPOCH if present else month, _after(month))
            expenses = sorted((*earlier, *mine), key=attrgetter("at"))
            tests = purse.test * _tests(expenses, max(month, now))
            if said := _dry(purse, month, (purse.used if present else 0, tests), expenses):
                row, sentence = said
                found[row].append(sentence)
    return found


def _month(at: datetime) -> datetime:
    """The beginning of the calendar month in which something is paid."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _after(month: datetime) -> datetime:
    return _month(month + timedelta(days=31))


def spare(purse: Purse, now: datetime) -> int:
    """What of a month may still be spent on anything else than its posts, and the tests of keys for them."""
    expenses = purse.planned(EPOCH, _after(_month(now)))
    posts = sum(one.units for one in expenses)
    return (purse.budget.limit or 0) - purse.used - posts - purse.test * _tests(expenses, now)


def _tests(expenses: Sequence[Expense], since: datetime) -> int:
    """How often keys are tested for them in their month, at most."""
    days = {
        (one.account, day)
        for one in expenses
        for ahead in range(NEAR + 1)
        if (day := (max(one.at, since).astimezone(UTC) - timedelta(days=ahead)).date()) >= since.astimezone(UTC).date()
    }
    return -(-len(days) * OFTEN // 5)


def _dry(purse: Purse, month: datetime, beside: tuple[int, int], expenses: Sequence[Expense]) -> tuple[int, str] | None:
    """``beside``: what is spent, and what tests take."""
    limit, spent, dry = purse.budget.limit, sum(beside), None
    for place, one in enumerate(expenses):
        spent += one.units
        if dry is None and limit is not None and spent > limit:
            dry = place
    if dry is None:
        return None
    after = [one for one in expenses[dry:] if one.row is not None]
    before = [one for one in expenses[:dry] if one.row is not None]
    told = (after or before[::-1])[0]
    tests = beside[1]
    earlier = spent - tests - sum(one.units for one in (*before, *after))
    return told.row or 0, _sentence(purse, month, (spent, earlier, tests), told.account, expenses[dry].at)


def _sentence(purse: Purse, month: datetime, costs: tuple[int, int, int], account: str, dry: datetime) -> str:
    """``costs``: all of the month, what of it was spent or planned before, and what tests take."""
    name, unit, limit = purse.budget.name, purse.budget.unit, purse.budget.limit or 0
    of = f" of all accounts of {purse.subject}" if len(purse.accounts) > 1 else ""
    spent, earlier, tests = costs
    parts = [f"{_amount(earlier, unit)} of it spent or planned before"] if earlier else []
    parts += [f"{_amount(tests, unit)} for tests of the key"] if tests else []
    part = f" ({', '.join(parts)})" if parts else ""
    comes = f"{account}: {month:%B %Y} (UTC) comes to {_amount(spent, unit)}{part}"
    over = f"more than the {name} of {_amount(limit, unit)}{of}, which is used up on {dry.astimezone(UTC):%Y-%m-%d}"
    allow = f"`automator limits set {account} {name} {spent}` allows it"
    return f"{comes}, {over}; {allow}, else what comes after is missed"


def _amount(units: int, unit: str) -> str:
    if unit != MONEY:
        return f"{units} {unit}"
    return f"${Decimal(units) / 1000:.3f}".removesuffix("0")
