"""Posts too close together, and more than a network takes in a while: told before they are planned."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from connectors.base import Budget
from connectors.post import Form
from connectors.words import counted
from jobs.posting.planned import Earlier, Planned

GAP = timedelta(minutes=1)
GONE = frozenset({"missed", "failed", "cancelled"})  #: states of posts that take nothing of what may be posted
Rations = Mapping[tuple[str, Form], Budget]  #: by account and form, of what each part takes one; the limits in force
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Wanted:
    """A part that is to go out. ``row``: of the campaign that is looked at; ``None``: it was planned before."""

    account: str
    form: Form
    at: datetime
    row: int | None


def crowded(wanted: Iterable[Wanted], rations: Rations, late: timedelta) -> dict[int, list[str]]:
    """By row, a sentence for each account on which something would have to wait longer than ``late``. Pure.

    Each waits for the whole window of the one before which it is one too many, as at a network whose window slides.
    """
    groups: dict[tuple[str, str], list[Wanted]] = defaultdict(list)
    budgets: dict[tuple[str, str], Budget] = {}
    for one in wanted:
        if (budget := rations.get((one.account, one.form))) is not None and budget.limit is not None:
            key = (one.account, budget.name)
            groups[key].append(one)
            budgets[key] = budget
    found: dict[int, list[str]] = defaultdict(list)
    for key, group in groups.items():
        for row in _rows(sorted(group, key=attrgetter("at")), budgets[key], late):
            found[row].append(f"{key[0]}: {_sentence(budgets[key])}")
    return found


def _rows(wanted: Sequence[Wanted], budget: Budget, late: timedelta) -> list[int]:
    """The rows with which there is one too many; the last one before it, if that one was planned before."""
    window, most = timedelta(seconds=budget.seconds), budget.limit or 0
    leaving: deque[datetime] = deque()
    found: dict[int, None] = {}
    last: Wanted | None = None
    for one in wanted:
        last = one if one.row is not None else last
        while leaving and leaving[0] <= one.at - window:
            leaving.popleft()
        if len(leaving) < most:
            leaving.append(one.at)
        elif leaving and leaving[0] + window - one.at <= late:
            leaving.append(leaving.popleft() + window)
        elif last is not None and last.row is not None and last.at > one.at - window:
            found[last.row] = None
    return list(found)


def _sentence(budget: Budget) -> str:
    many = counted(budget.seconds // _HOUR, "hour") if budget.seconds >= _HOUR else f"{budget.seconds // 60} minutes"
    return f"more than the {budget.limit} that may go out in {many}, so one would be missed; give it another time"


class Neighbours:
    """What posts near an instant on an account; asked for each row, so it looks at no other than those near."""

    def __init__(self, earlier: Sequence[Earlier]) -> None:
        self._near: dict[tuple[str, int], list[tuple[datetime, str, str]]] = {}
        for item in earlier:
            self.add(item.account, item.at, item.id[:8], item.identity)

    def near(self, planned: Planned, at: datetime) -> str | None:
        """The first post within ``GAP``, as a person finds it; one that was planned before is not near to itself."""
        slot = self._slot(at)
        posts = [post for place in (slot - 1, slot, slot + 1) for post in self._near.get((planned.account, place), ())]
        close = (name for other, name, identity in posts if abs(other - at) < GAP and identity != planned.identity)
        return next(close, None)

    def add(self, account: str, at: datetime, name: str, identity: str) -> None:
        """Remember a post by the ``name`` that a person finds it by."""
        self._near.setdefault((account, self._slot(at)), []).append((at, name, identity))

    @staticmethod
    def _slot(at: datetime) -> int:
        return int(at.timestamp() // GAP.total_seconds())
