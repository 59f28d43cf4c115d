"""Whoever waits for another process too long says so, and acts in nobody's place."""

from __future__ import annotations

import asyncio
import fcntl
import os
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path

import pytest

from automator import turns
from automator.notices import unread
from automator.turns import LONG, PATIENCE, Doing, Holder, Stuck, Turns
from tests.clocks import StillClock
from tests.scheduling.conftest import Bench

ACCOUNT = "x/brand"
LOCK = "renew-x-brand"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked again without a wait."""
    monkeypatch.setattr(turns, "POLL", 0)


def of(bench: Bench) -> Turns:
    """A process's."""
    return Turns(bench.owner.folder, bench.writer, bench.reader, bench.clock)


@pytest.fixture
def mine(bench: Bench) -> Turns:
    return of(bench)


@pytest.fixture
def others(other: Bench) -> Turns:
    return of(other)


async def tried(turn: AbstractAsyncContextManager[None], clock: StillClock, after: timedelta) -> str:
    """What comes of waiting for so long."""

    async def have() -> str:
        try:
            async with turn:
                return "had"
        except Stuck as stuck:
            return stuck.why

    waiting = asyncio.create_task(have())
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    clock.at += after
    for _ in range(500):
        await asyncio.sleep(0)
        if waiting.done():
            return waiting.result()
    waiting.cancel()
    return "waits"


def told(bench: Bench) -> list[str]:
    return [str(item["text"]) for item in unread(bench.reader) if item["kind"] == "stuck"]


async def test_who_waits_for_a_key_is_put_off_and_named_who_has_it(
    mine: Turns, others: Turns, clock: StillClock, bench: Bench
) -> None:
    """After a minute, and from then on at once; a renewal in trouble takes as long, so nobody is told yet."""
    async with others.renewal(ACCOUNT):
        assert await tried(mine.renewal(ACCOUNT), clock, PATIENCE - timedelta(seconds=1)) == "waits"
        said = await tried(mine.renewal(ACCOUNT), clock, timedelta(seconds=1))
        assert said == (
            f"process {os.getpid()} has been renewing the key of x/brand for 1 minute, and what needs that waits; "
            f"if it was stopped, let it go on with `kill -CONT {os.getpid()}`, or end it with `kill -9 {os.getpid()}`, "
            "after which the account may have to be connected anew"
        )
        with pytest.raises(Stuck):
            async with mine.renewal(ACCOUNT):
                pass
        assert (told(bench), list(mine.held())) == ([], [])
    async with mine.renewal(ACCOUNT):
        pass


async def test_a_person_is_told_once_until_it_is_over(
    mine: Turns, others: Turns, clock: StillClock, bench: Bench
) -> None:
    """However many wait, and nothing is left to be read once the key is free and somebody has had it."""
    async with others.renewal(ACCOUNT):
        clock.at += LONG
        for _ in range(3):
            with pytest.raises(Stuck):
                async with mine.renewal(ACCOUNT):
                    pass
        (sentence,) = told(bench)
        assert f"process {os.getpid()} has been renewing the key of x/brand for 5 minutes" in sentence
        assert list(mine.held()) == [Holder(Doing.RENEWING, ACCOUNT, os.getpid(), LONG.total_seconds())]
    assert list(mine.held()) == []
    assert told(bench) == [sentence]
    async with mine.renewal(ACCOUNT):
        assert told(bench) == []


@pytest.mark.parametrize("left", ["", "{", "[]", '{"account": "x/brand", "pid": %d, "since": 0}'])
async def test_one_that_does_not_say_who_it_is_is_not_taken_for_another(
    mine: Turns, clock: StillClock, bench: Bench, left: str
) -> None:
    """Stopped before it could, after one that has died, or of an older version: nobody is told to end a wrong one."""
    path = bench.owner.folder / LOCK
    path.write_text(left.replace("%d", str(_ended())))
    clock.at += LONG
    with _held(path):
        said = await tried(mine.renewal(ACCOUNT), clock, PATIENCE)
        assert said.startswith("another process has been renewing the key of x/brand for 1 minute")
        assert "`kill -CONT PID`" in said
        assert list(mine.held()) == []
    async with mine.renewal(ACCOUNT):
        pass


def _ended() -> int:
    """The number of a process that is no more."""
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    return child


class _held:  # noqa: N801 - reads like a function
    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


async def test_a_call_in_its_turn_waits_on_and_the_doctor_names_who_has_it(
    mine: Turns, others: Turns, clock: StillClock
) -> None:
    """It ends by its own time-out; orders are never put off by this."""
    async with others.call("kraken/main"):
        assert await tried(mine.call("kraken/main"), clock, LONG) == "waits"
        (holder,) = mine.held()
        assert f"process {os.getpid()} has been at a call of kraken/main for 5 minutes" in str(holder)
    async with mine.call("kraken/main"):
        pass


async def test_one_account_s_turn_is_nothing_to_another(mine: Turns, others: Turns, clock: StillClock) -> None:
    """Nor is one that is over, however it ended."""
    async with others.renewal(ACCOUNT), mine.renewal("x/other"):
        pass

    async def fail() -> None:
        async with others.renewal(ACCOUNT):
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    clock.at += LONG
    assert list(mine.held()) == []
    async with mine.renewal(ACCOUNT):
        pass
