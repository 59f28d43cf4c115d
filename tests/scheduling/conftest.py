"""A database, a clock that tests move, and a worker whose handler is a list."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from automator.db import Writer, connect
from automator.scheduling import due
from automator.scheduling.due import NewJob
from automator.scheduling.lease import Owner, Run, Verdict
from automator.scheduling.states import RunState
from automator.scheduling.worker import Worker
from automator.schema import create
from tests.clocks import START, StillClock
from tests.scheduling.desk import Desk, opened


class Bench:
    """One process's share of the database."""

    def __init__(self, folder: Path, clock: StillClock) -> None:
        self.clock = clock
        self.writer = Writer(folder / "automator.db")
        self.reader = connect(folder / "automator.db", readonly=True)
        self.owner = Owner(folder / "owners")
        self.did: list[Run] = []
        self.verdicts: list[Verdict | Exception] = []
        self.worker = Worker(self.writer, self.reader, clock, self.owner, {"note": self.handle})

    async def handle(self, run: Run) -> Verdict:
        self.did.append(run)
        verdict = self.verdicts.pop(0) if self.verdicts else Verdict(RunState.DONE)
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    async def add(self, name: str, at: datetime = START, **more: object) -> bool:
        job = NewJob(name, "note", {}, at, **more)  # type: ignore[arg-type]
        return await self.writer.run(lambda tx: due.add(tx, job, self.clock.now()))

    def states(self) -> list[str]:
        return [row[0] for row in self.reader.execute("SELECT state FROM run ORDER BY scheduled_for, id")]

    def close(self) -> None:
        self.writer.close()
        self.reader.close()
        self.owner.close()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    create(tmp_path / "automator.db")
    return tmp_path


@pytest.fixture
def bench(folder: Path, clock: StillClock) -> Iterator[Bench]:
    made = Bench(folder, clock)
    yield made
    made.close()


@pytest.fixture
def other(folder: Path, clock: StillClock) -> Iterator[Bench]:
    made = Bench(folder, clock)
    yield made
    made.close()


@pytest.fixture
async def desk(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    async with opened(tmp_path, request.param) as there:
        yield there


def notices(connection: sqlite3.Connection) -> list[str]:
    return [row[0] for row in connection.execute("SELECT kind FROM notice ORDER BY id")]
