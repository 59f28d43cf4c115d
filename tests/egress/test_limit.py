"""Calls wait for their budgets, share them over processes, and believe the provider."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from automator.budgets import store
from automator.clock import micros
from automator.db import Writer, connect
from automator.egress.call import Call
from automator.egress.limit import Limit
from automator.egress.wire import Unsent
from automator.schema import create
from connectors.base import Budget, Kind, NotNow, Operation, Outcome, Reading, Window
from tests.clocks import START, StillClock
from tests.toy.provider import LIST, Toy, account

BUDGETS = (Budget("app", 5, Window.FIXED, 60, shared=True), Budget("user", 3, Window.FIXED, 4))


@dataclass(frozen=True)
class Limited(Toy):
    """The toy provider with two budgets."""

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return BUDGETS

    def costs(self, operation: Operation, request: httpx.Request) -> Mapping[str, int]:
        return {"app": 1, "user": 1}

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        left = response.headers.get("x-left")
        return (Reading("app", 5, int(left), START + timedelta(seconds=30)),) if left else ()


class Answers(httpx.AsyncBaseTransport):
    """Answers from a list, then with plain successes."""

    def __init__(self) -> None:
        self.queue: list[httpx.Response | Exception] = []
        self.count = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        answer = self.queue.pop(0) if self.queue else httpx.Response(200, extensions={"outcome": Outcome(Kind.OK)})
        if isinstance(answer, Exception):
            raise answer
        return answer


class Desk:
    """One process with its limiter."""

    def __init__(self, path: Path, clock: StillClock) -> None:
        self.clock = clock
        self.answers = Answers()
        self.writer = Writer(path)
        self.reader = connect(path, readonly=True)
        self.limit = Limit(self.answers, self.writer, clock)

    async def call(self, name: str = "toy/brand") -> httpx.Response:
        who = replace(account("http://127.0.0.1:1"), name=name, provider=Limited("http://127.0.0.1:1"))
        request = httpx.Request("GET", "http://127.0.0.1:1/posts", extensions={"automator": Call(LIST, who)})
        return await self.limit.handle_async_request(request)

    def used(self, name: str, subject: str) -> float:
        budget = next(item for item in BUDGETS if item.name == name)
        usage, budget = store.load(self.reader, subject, budget)
        return store.window.used(budget, usage, micros(self.clock.now()))


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create(tmp_path / "automator.db")
    return tmp_path / "automator.db"


@pytest.fixture
def desk(path: Path, clock: StillClock) -> Iterator[Desk]:
    made = Desk(path, clock)
    yield made
    made.writer.close()
    made.reader.close()


async def test_a_short_wait_is_held_and_a_long_one_is_handed_back(desk: Desk) -> None:
    """Three calls fit the user's window, the fourth waits for the next; the sixth would wait a minute and is parked."""
    for _ in range(5):
        await desk.call()
    assert desk.clock.now() - START >= timedelta(seconds=4)
    with pytest.raises(NotNow) as parked:
        await desk.call()
    assert parked.value.until == START + timedelta(seconds=60)
    assert desk.answers.count == 5


async def test_all_budgets_are_taken_together_or_none(desk: Desk) -> None:
    """A call that one budget keeps back takes nothing from the others."""
    for name in ("toy/a", "toy/a", "toy/b", "toy/b", "toy/b"):
        await desk.call(name)
    with pytest.raises(NotNow):
        await desk.call("toy/a")
    assert desk.used("user", "toy/a") == 2


async def test_two_processes_share_one_budget(desk: Desk, path: Path) -> None:
    """However many processes call, the limit is the account's."""
    second = Desk(path, desk.clock)
    for who in (desk, second, desk, second, desk):
        await who.call("toy/a" if who is desk else "toy/b")
    with pytest.raises(NotNow):
        await second.call("toy/c")
    second.writer.close()
    second.reader.close()


async def test_what_never_left_is_given_back(desk: Desk) -> None:
    """A refused connection costs nothing."""
    desk.answers.queue = [Unsent("refused", request=httpx.Request("GET", "http://127.0.0.1:1/"))]
    with pytest.raises(Unsent):
        await desk.call()
    assert desk.used("app", "toy") == 0


async def test_a_429_closes_the_budget_over_a_restart(desk: Desk, path: Path) -> None:
    """A new process obeys what the old one was told."""
    until = START + timedelta(hours=2)
    desk.answers.queue = [httpx.Response(429, extensions={"outcome": Outcome(Kind.LATER, "slow", until=until)})]
    await desk.call()
    fresh = Desk(path, desk.clock)
    with pytest.raises(NotNow) as parked:
        await fresh.call()
    assert parked.value.until == until
    assert fresh.answers.count == 0
    fresh.writer.close()
    fresh.reader.close()


async def test_the_provider_s_word_counts_calls_of_others(desk: Desk) -> None:
    """Remaining 0 stops us although we made a single call, until the reset it named."""
    answer = httpx.Response(200, headers={"x-left": "0"}, extensions={"outcome": Outcome(Kind.OK)})
    desk.answers.queue = [answer]
    await desk.call()
    with pytest.raises(NotNow) as parked:
        await desk.call()
    assert parked.value.until is not None
    assert timedelta(seconds=30) <= parked.value.until - START < timedelta(seconds=31)


async def test_a_provider_clock_that_is_ahead_is_allowed_for(desk: Desk) -> None:
    """A reset stated by a clock five seconds ahead of ours comes five seconds earlier for us."""
    headers = {"x-left": "0", "date": "Tue, 01 Dec 2026 09:00:05 GMT"}
    desk.answers.queue = [httpx.Response(200, headers=headers, extensions={"outcome": Outcome(Kind.OK)})]
    await desk.call()
    with pytest.raises(NotNow) as parked:
        await desk.call()
    assert parked.value.until is not None
    assert timedelta(seconds=25) <= parked.value.until - START < timedelta(seconds=26)


async def test_a_limit_of_one_s_own_is_obeyed_and_on_the_record(desk: Desk) -> None:
    """A person may set a lower limit; that they did is in the ledger."""
    await desk.writer.run(lambda tx: store.set_limit(tx, "toy", BUDGETS[0], 1, 0, actor="user"))
    await desk.call()
    with pytest.raises(NotNow):
        await desk.call()
    (event,) = desk.reader.execute("SELECT said(data) FROM entry WHERE kind = 'event'").fetchone()
    assert '"what":"limit"' in event
