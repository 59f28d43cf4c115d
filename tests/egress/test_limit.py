"""Calls wait for their budgets, share them over processes, and believe the provider."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from automator import halts, setback
from automator.budgets import store
from automator.clock import micros
from automator.db import Writer, connect
from automator.egress.call import Call
from automator.egress.limit import Limit
from automator.egress.record import Record
from automator.egress.wire import Unsent
from automator.schema import create
from connectors.base import Budget, CallRefused, Kind, NotNow, Operation, Outcome, Reading, Scope, Window
from tests.clocks import START, StillClock
from tests.toy.provider import LIST, Toy, account

UNTIL = START + timedelta(hours=2)
BUDGETS = (Budget("app", 5, Window.FIXED, 60, shared=True), Budget("user", 3, Window.FIXED, 4))


@dataclass(frozen=True)
class Limited(Toy):
    """The toy provider with two budgets."""

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return BUDGETS

    def costs(self, operation: Operation, request: httpx.Request) -> Mapping[str, int]:
        return {"app": 1, "user": 1}

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        if response.status_code == 429:
            said = response.headers.get("x-until")
            return Outcome(Kind.LATER, "slow", until=datetime.fromisoformat(said) if said else UNTIL)
        return Outcome(Kind.OK)

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
        answer = self.queue.pop(0) if self.queue else httpx.Response(200)
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
        self.limit = Limit(Record(self.answers, self.writer, clock), clock)

    async def call(self, name: str = "toy/brand", scope: Scope = Scope.READ) -> httpx.Response:
        who = replace(account("http://127.0.0.1:1"), name=name, provider=Limited("http://127.0.0.1:1"))
        request = httpx.Request(
            "GET", "http://127.0.0.1:1/posts", extensions={"automator": Call(replace(LIST, scope=scope), who)}
        )
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
    assert parked.value.why == "a limit is used up; `automator limits toy/brand` shows which"
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


@pytest.mark.parametrize(
    "failure", [Unsent("refused", request=httpx.Request("GET", "http://127.0.0.1:1/")), CallRefused("no such key")]
)
async def test_what_never_left_is_given_back(desk: Desk, failure: Exception) -> None:
    """A refused connection costs nothing, nor does a call that could not be signed; both end on the record."""
    desk.answers.queue = [failure]
    with pytest.raises(type(failure)):
        await desk.call()
    assert desk.used("app", "toy") == 0
    assert desk.reader.execute("SELECT outcome FROM entry WHERE kind = 'answer'").fetchall() == [("unsent",)]


async def test_a_call_that_does_not_fit_is_not_on_the_record(desk: Desk) -> None:
    """What has no room was not recorded, so it has taken nothing either."""
    for _ in range(5):
        await desk.call()
    with pytest.raises(NotNow):
        await desk.call()
    assert desk.reader.execute("SELECT count(*) FROM entry WHERE kind = 'call'").fetchone() == (5,)


async def test_a_call_that_a_halt_stops_takes_nothing(desk: Desk) -> None:
    """The recorder's refusal undoes the reservation with everything else."""
    await desk.writer.run(lambda tx: halts.halt(tx, "toy/brand", 0, reason="", actor="user"))
    with pytest.raises(halts.Halted):
        await desk.call(scope=Scope.WRITE)
    assert desk.used("app", "toy") == desk.used("user", "toy/brand") == 0


async def test_an_order_passes_a_waiting_read(path: Path) -> None:
    """Of calls that wait for the same budget the dearest goes first, in whatever order they came."""
    desk, sent = Desk(path, StillClock()), []

    async def call(scope: Scope) -> None:
        await desk.call(scope=scope)
        sent.append(scope)

    for _ in range(3):
        await desk.call()
    await asyncio.gather(call(Scope.READ), call(Scope.TRADE))
    assert sent == [Scope.TRADE, Scope.READ]
    desk.writer.close()
    desk.reader.close()


async def test_an_order_finds_room_where_reads_have_taken_all_they_may(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the window is kept for orders; they do not stand behind reads that wait for the rest, however long."""
    monkeypatch.setattr(Limited, "budgets", (Budget("app", 10, Window.FIXED, 20, kept=0.5),))
    monkeypatch.setattr(Limited, "costs", lambda *_: {"app": 1})
    for _ in range(5):
        await desk.call()
    monkeypatch.setattr(desk.clock, "sleep", lambda _: asyncio.Event().wait())
    waiting = [asyncio.create_task(desk.call()) for _ in range(3)]
    await asyncio.sleep(0.01)
    desk.clock.at += timedelta(seconds=7)  # later than a read stands back
    await asyncio.wait_for(asyncio.gather(*(desk.call(scope=Scope.TRADE) for _ in range(3))), 5)
    assert desk.answers.count == 8
    assert not any(task.done() for task in waiting)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_absurd_headers_do_not_cost_the_answer(desk: Desk) -> None:
    """A provider's clock that is off by millennia is no reason to lose what the provider said."""
    headers = {"x-left": "0", "date": "Mon, 01 Jan 0001 00:00:00 GMT"}
    desk.answers.queue = [httpx.Response(200, headers=headers)]
    assert (await desk.call()).status_code == 200
    assert desk.reader.execute("SELECT outcome FROM entry WHERE kind = 'answer'").fetchall() == [("ok",)]


@pytest.mark.parametrize(
    ("answer", "longest"),
    [
        (httpx.Response(429, headers={"x-until": "9998-01-01T00:00:00+00:00"}), timedelta(days=3)),
        (httpx.Response(200, headers={"x-left": "0", "date": "Mon, 01 Jan 0001 00:00:00 GMT"}), timedelta(minutes=2)),
        (httpx.Response(200, headers={"x-left": "0", "date": "Tue, 01 Dec 1970 09:00:00 GMT"}), timedelta(minutes=2)),
    ],
)
async def test_nobody_waits_for_years_because_of_a_wrong_header(
    desk: Desk, answer: httpx.Response, longest: timedelta
) -> None:
    """No later answer could put it right, and there is no command that does."""
    desk.answers.queue = [answer]
    await desk.call()
    await desk.clock.sleep(longest.total_seconds() + 1)
    assert (await desk.call()).status_code == 200


async def test_a_429_closes_the_budget_over_a_restart(desk: Desk, path: Path) -> None:
    """A new process obeys what the old one was told."""
    desk.answers.queue = [httpx.Response(429)]
    await desk.call()
    fresh = Desk(path, desk.clock)
    with pytest.raises(NotNow) as parked:
        await fresh.call()
    assert parked.value.until == UNTIL
    assert fresh.answers.count == 0
    fresh.writer.close()
    fresh.reader.close()


async def test_the_provider_s_word_counts_calls_of_others(desk: Desk) -> None:
    """Remaining 0 stops us although we made a single call, until the reset it named."""
    answer = httpx.Response(200, headers={"x-left": "0"})
    desk.answers.queue = [answer]
    await desk.call()
    with pytest.raises(NotNow) as parked:
        await desk.call()
    assert parked.value.until is not None
    assert timedelta(seconds=30) <= parked.value.until - START < timedelta(seconds=31)


async def test_a_provider_clock_that_is_ahead_is_allowed_for(desk: Desk) -> None:
    """A reset stated by a clock five seconds ahead of ours comes five seconds earlier for us."""
    headers = {"x-left": "0", "date": "Tue, 01 Dec 2026 09:00:05 GMT"}
    desk.answers.queue = [httpx.Response(200, headers=headers)]
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


async def test_what_is_answered_later_knows_of_what_was_answered_before(desk: Desk) -> None:
    """Three calls at once, each told what is left after it, count as three: those that were answered are not added."""
    desk.answers.queue = [httpx.Response(200, headers={"x-left": left}) for left in "432"]
    await asyncio.gather(*(desk.call(f"toy/{name}") for name in "abc"))
    assert desk.used("app", "toy") == 3


class Counting(httpx.AsyncBaseTransport):
    """An exchange that counts calls in windows by a clock that nobody sets, each from its first call on."""

    def __init__(self, clock: StillClock) -> None:
        self.clock, self.ends, self.used, self.most = clock, 0.0, 0, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        now = self.clock.boottime()
        if now >= self.ends:
            self.ends, self.used = now + BUDGETS[0].seconds, 0
        self.used += 1
        self.most = max(self.most, self.used)
        return httpx.Response(200)


SETS = ((30, 5), (90, -5), (3600, 59), (-3600, 61), (7, 0), (-7, 90), (1.5, 20), (-59, 200), (61, 1))


@pytest.mark.parametrize("first", range(len(SETS)))
async def test_a_clock_that_is_set_overruns_no_window(desk: Desk, first: int) -> None:
    """By seconds or an hour, forward or back, in the middle of a window; afterwards calls leave again."""
    there = Counting(desk.clock)
    desk.limit = Limit(Record(there, desk.writer, desk.clock), desk.clock)
    for by, after in SETS[first:] + SETS[:first]:
        desk.clock.at += timedelta(seconds=max(0, after))
        for number in range(12):
            if number == 3:
                desk.clock.set(timedelta(seconds=by))
            try:
                await desk.call(f"toy/{number}")
            except NotNow:
                break
    assert there.most == 5
    desk.clock.at += timedelta(seconds=61)
    await desk.call("toy/last")
    assert there.used == 1


async def test_what_is_told_after_the_clock_was_set_back_is_not_set_back_too(desk: Desk) -> None:
    """An answer may be the first to meet the new time; whoever looks at the clock next moves nothing twice."""
    await desk.writer.run(lambda tx: setback.Watch(desk.clock).look(tx))
    desk.clock.set(timedelta(seconds=-10))
    headers = {"x-left": "0", "date": "Tue, 01 Dec 2026 09:00:00 GMT"}  # the window ends at 09:00:30 there
    desk.answers.queue = [httpx.Response(200, headers=headers)]
    await desk.call("toy/b")
    await desk.writer.run(lambda tx: setback.Watch(desk.clock).look(tx))
    with pytest.raises(NotNow) as parked:
        await desk.call("toy/c")
    assert parked.value.until is not None
    assert parked.value.until - START >= timedelta(seconds=20)
