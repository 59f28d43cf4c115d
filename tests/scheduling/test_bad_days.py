"""Bad days: the provider is down, the machine sleeps, the clock is set; posts go out once, late, or are told of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from automator import accounts, health, setback
from automator.clock import micros
from automator.db import connect
from automator.engine import Engine
from automator.home import Home
from automator.notices import unread
from automator.posting import posts
from automator.posting.posts import Listed, NewDelivery, listed
from automator.sandbox.faults import Fault
from automator.schema import create
from automator.vault.choose import own_file
from connectors.post import Part
from connectors.x import twin as x
from tests.clocks import START, StillClock
from tests.scheduling.days import CALLS
from tests.scheduling.provider import Provider

HOUR = timedelta(hours=1)


class Truth(StillClock):
    """The provider's clock, which nobody sets."""

    def __init__(self, machine: StillClock) -> None:
        super().__init__()
        self.machine = machine

    def now(self) -> datetime:
        self.at = self.machine.at - self.machine.wrong
        return self.at


class Day:
    """An engine with one account, and a clock that can be wrong."""

    def __init__(self, folder: Path, provider: str) -> None:
        self.clock, self.name = StillClock(), f"{provider}/brand"
        self.there = Provider(provider, Truth(self.clock))
        self.home = Home(folder / "home")
        self.home.prepare()
        self.store = own_file(self.home.path)

    async def connect(self, engine: Engine) -> None:
        self.engine = engine
        self.store.put(self.name, 1, self.there.module.add_account(self.there.app, "brand.test"))
        new = accounts.fresh(self.name, self.there.url)
        await engine.writer.run(lambda tx: accounts.add(tx, new, self.clock.now(), actor="test"))

    async def plan(self, text: str, after: timedelta = timedelta()) -> None:
        now = self.clock.now()
        wanted = NewDelivery(self.name, (Part(text),), now + after, "UTC", "", text)
        await self.engine.writer.run(lambda tx: posts.plan(tx, [wanted], now, source="test"))

    async def work(self, time: timedelta = timedelta()) -> list[Listed]:
        """Work for so long."""
        until = self.clock.now() + time
        await self.engine.worker.run_due(until)
        self.clock.at = max(self.clock.at, until)
        return listed(self.engine.reader)

    def seen(self) -> list[str]:
        return [post["text"] for post in self.there.world()]

    def told(self) -> list[str]:
        return [f"{item['kind']}: {item['text']}" for item in unread(self.engine.reader)]


@pytest.fixture
async def day(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Day]:
    monkeypatch.setattr(x, "SKEW", 1e12)  # OAuth 1.0a is signed with the machine's real time
    made = Day(tmp_path, request.param)
    await made.there.open()
    async with Engine(made.home, made.store, clock=made.clock) as engine:
        await made.connect(engine)
        yield made
    await made.there.close()


both = pytest.mark.parametrize("day", ["x", "bluesky"], indirect=True)
on_x = pytest.mark.parametrize("day", ["x"], indirect=True)


@both
async def test_a_provider_that_is_down_for_an_hour_gets_the_post_when_it_is_back(day: Day) -> None:
    """Nothing was sent while nobody listened, so the post goes out late, once, and nobody need be told."""
    await day.work()
    await day.there.go_down()
    await day.plan("One")
    (post,) = await day.work(timedelta(minutes=50))
    assert (post.state, day.seen()) == ("waiting", [])
    await day.there.come_back()
    (post,) = await day.work(timedelta(minutes=5))
    assert (post.state, day.seen(), day.told()) == ("done", ["One"], [])


@both
async def test_a_post_that_would_be_too_late_is_missed_with_a_notice(day: Day) -> None:
    """After more than an hour it is not news any more; a person hears how late it was and why."""
    await day.there.go_down()
    await day.plan("One")
    (post,) = await day.work(2 * HOUR)
    await day.there.come_back()
    await day.work(HOUR)
    (told,) = day.told()
    assert (post.state, day.seen()) == ("missed", [])
    assert told.startswith("missed: ")
    assert "was 6" in told
    assert "connection refused" in told


@both
@pytest.mark.parametrize(("asleep", "seen"), [(HOUR / 2, ["One"]), (3 * HOUR, [])])
async def test_a_machine_that_slept_publishes_what_is_not_too_late(
    day: Day, asleep: timedelta, seen: list[str]
) -> None:
    """The lid was closed when a post fell due: once open, it goes out, or is missed with a notice."""
    await day.plan("One", after=timedelta(minutes=5))
    await day.work()
    day.clock.at += asleep
    (post,) = await day.work()
    assert (post.state, day.seen()) == ("done" if seen else "missed", seen)
    assert len(day.told()) == (0 if seen else 1)


@on_x
async def test_a_clock_that_is_set_back_makes_nothing_wait_longer(day: Day) -> None:
    """What waits for a provider's window waits for its real end, not for the hour that came twice."""
    day.there.app[x.WORLD].posts_in_15_minutes = 1
    for text in ("One", "Two"):
        await day.plan(text, after=timedelta(minutes=-50))
    await day.work()
    day.clock.set(timedelta(minutes=-45))
    found = await day.work(timedelta(minutes=20))
    assert [post.state for post in found] == ["done", "done"]
    assert sorted(day.seen()) == ["One", "Two"]
    assert [told.partition(":")[0] for told in day.told()] == ["clock"]


@on_x
async def test_a_wrong_clock_is_blamed_not_the_key(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signatures of the wrong time are refused like wrong keys; the post waits until the clock is right."""
    day.clock.set(timedelta(minutes=10))
    monkeypatch.setattr(x, "SKEW", 300)
    await day.plan("One")
    (post,) = await day.work()
    assert (post.state, post.reason) == ("waiting", "this machine's clock is 10 minutes ahead of x's; set it right")
    assert health.clock_ahead(day.engine.reader, day.clock.now()) == pytest.approx(600, abs=2)
    day.clock.set(timedelta(minutes=-10))
    assert health.clock_ahead(day.engine.reader, day.clock.now()) is None, "it was set right since"
    monkeypatch.setattr(x, "SKEW", 1e12)
    (post,) = await day.work(timedelta(minutes=20))
    assert (post.state, day.seen()) == ("done", ["One"])
    assert health.clock_ahead(day.engine.reader, day.clock.now()) == pytest.approx(0, abs=2)


@both
async def test_a_lost_answer_is_settled_though_the_clock_was_set_back(day: Day) -> None:
    """How long to wait before asking is measured in time that passes, whatever the clock says."""
    method, path = CALLS[day.name.partition("/")[0]][0]
    day.there.faults.append(Fault(method=method, path=path, fault="drop-after"))
    await day.plan("One")
    await day.work()
    day.clock.set(-HOUR)
    (post,) = await day.work(timedelta(minutes=5))
    assert (post.state, day.seen()) == ("done", ["One"])


@both
async def test_a_clock_that_is_set_to_and_fro_doubles_nothing(day: Day) -> None:
    """Each post goes out once, at its time as the machine's clock shows it first."""
    for minutes in (0, 10, 20):
        await day.plan(f"At {minutes}", after=timedelta(minutes=minutes))
    for hours in (0.2, -0.2, 0.2, -24, 24):
        await day.work()
        day.clock.set(timedelta(hours=hours))
    found = await day.work(HOUR)
    assert {post.state for post in found} == {"done"}
    assert sorted(day.seen()) == ["At 0", "At 10", "At 20"]


def test_two_processes_move_what_waits_once(tmp_path: Path) -> None:
    """Whoever sees first that the clock was set puts it right; a calendar month ends when it ends."""
    create(tmp_path / "a.db")
    tx = connect(tmp_path / "a.db")
    later = micros(START) + 10
    tx.execute("INSERT INTO run VALUES (1, 'j', 0, ?, 'waiting', 1, NULL, NULL, 0, '')", (later,))
    tx.execute("INSERT INTO budget VALUES ('x/a', 'posts-15min', ?, ?)", (f"[[{later}, 2]]", later))
    tx.execute("INSERT INTO budget VALUES ('x', 'credit', ?, 0)", (f"[[{later}, 2]]",))
    sent = micros(START + timedelta(seconds=5))
    tx.execute(
        "INSERT INTO intention (key, account, operation, plan, state, attempt, sent_at) VALUES ('k', 'x/a', 'o', '{}', 'sent', 1, ?)",
        (sent,),
    )
    assert setback.notice(tx, START, 100.0) == 0
    assert setback.notice(tx, START + timedelta(seconds=5), 105.2) == 0
    hour = 3_600_000_000
    moved = [setback.notice(tx, START - HOUR, 100.0) for _ in range(2)]
    assert moved == [-hour, 0]
    assert tx.execute("SELECT sent_at FROM intention").fetchone() == (sent - hour,)
    assert tx.execute("SELECT ready_at FROM run").fetchone() == (later - hour,)
    counted = "SELECT charges, closed FROM budget ORDER BY subject"
    assert tx.execute(counted).fetchall() == [(f"[[{later}, 2]]", 0), (f"[[{later - hour}, 2]]", later - hour)]
    assert setback.notice(tx, START + HOUR, 200.0) == 2 * hour - 100_000_000
    ahead = later + hour - 100_000_000
    assert tx.execute(counted).fetchall() == [(f"[[{later}, 2]]", 0), (f"[[{ahead}, 2]]", ahead)]
    assert tx.execute("SELECT sent_at FROM intention").fetchone() == (sent + hour - 100_000_000,)
    assert tx.execute("SELECT ready_at FROM run").fetchone() == (later - hour,), "it may begin earlier"
    tx.close()
