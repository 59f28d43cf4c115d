"""The worker: what is due is claimed, worked off side by side, and its verdict stored."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from automator import failpoints, setback
from automator.accounts import NoAccount
from automator.clock import Clock, micros
from automator.db import DatabaseError, Writer
from automator.intentions import Fenced, begun
from automator.notices import Notice, tell
from automator.scheduling import beats, due, lease
from automator.scheduling.lease import Owner, Run, Verdict
from automator.scheduling.publish import Stop
from automator.scheduling.states import RunState
from automator.vault.store import VaultError

T = TypeVar("T")
Handler = Callable[[Run], Awaitable[Verdict]]
Put = Callable[[sqlite3.Connection], tuple[T, Sequence[str]]]  #: puts jobs in; returns something, and their ids

TICK = 1.0  #: seconds; the wall clock is read at least as often, because a machine may have slept
AT_ONCE = 64  #: runs that are worked on
AHEAD = 64  #: runs that are claimed beyond those, so that a claim is for many when much is due
SOON = 0.1  #: seconds between two looks at what a command waits for
STUCK = 5  #: a run that failed for a reason nobody foresaw so many times is told of
BACKOFF = timedelta(seconds=30)
OFTEN, RARELY = 3, 7  #: how often that is doubled at most: for what a person may put right, and for what is a mistake

log = logging.getLogger(__name__)


class Worker:
    """Works off due runs. Any number of them, in any number of processes, share one database."""

    def __init__(  # noqa: PLR0913 - each is one thing it needs
        self,
        writer: Writer,
        reader: sqlite3.Connection,
        clock: Clock,
        owner: Owner,
        handlers: Mapping[str, Handler],
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._watch = setback.Watch(clock)
        self._owner = owner
        self._handlers = handlers
        self._at_once = at_once
        self._active: dict[int, asyncio.Task[None]] = {}
        self._taken: set[int] = set()  # claimed, and about to be worked on
        self._slots = asyncio.Semaphore(at_once)
        self._changed = asyncio.Event()

    async def tick(self) -> int:
        """Start whatever is due, as far as there is room; returns how many runs were started."""
        if not self._has_room():
            return 0
        room = self._at_once + AHEAD - len(self._active)

        def take(tx: sqlite3.Connection) -> list[Run]:
            now = self._watch.look(tx)
            due.spawn(tx, now)
            return lease.claim(tx, self._owner.id, now, limit=room, gone=self._owner.gone, held=self._held())

        failpoints.reach("before-claim")
        runs = await self._writer.loosely(take)
        if runs:
            failpoints.reach("after-claim")
        for run in runs:
            self.start(run)
        return len(runs)

    async def work_off(self, job: str) -> bool:
        """Take up the run of one job here and now, and finish it or park it; ``False``: it isn't ready, or taken."""
        run = await self._writer.loosely(partial(self.take, job=job))
        if run is None:
            return False
        await asyncio.wait({self.start(run)})
        return True

    async def begin(self, put: Put[T]) -> tuple[T, list[asyncio.Task[None]]]:
        """Put jobs in and take them up in one transaction: they need not wait for the next look at what is due.

        Returns:
            What ``put`` returned beside the jobs' ids, and those of them that are worked on here.
        """

        def both(tx: sqlite3.Connection) -> tuple[T, list[Run]]:
            value, jobs = put(tx)
            return value, [run for job in jobs if (run := self.take(tx, job)) is not None]

        value, runs = await self._writer.loosely(both)
        return value, [self.start(run) for run in runs]

    def take(self, tx: sqlite3.Connection, job: str) -> Run | None:
        """Claim the run of one job that is ready, in the caller's transaction; ``start`` it when that is committed."""
        run = lease.claim_job(tx, self._owner.id, job, self._clock.now(), gone=self._owner.gone)
        if run is not None:
            self._taken.add(run.id)  # before a tick can take it for one that was dropped
        return run

    async def see_through(self, jobs: Iterable[str], seconds: float) -> list[str]:
        """Work on these jobs alone until they have ended, for so long at most; returns those that have not."""
        deadline, left = self._clock.now() + timedelta(seconds=seconds), list(jobs)
        while left and self._clock.now() < deadline:
            for job in left:
                await self.work_off(job)
            left = [job for job in left if due.is_open(self._reader, job)]
            if left:
                await self._clock.sleep(SOON)
        return left

    def wake(self) -> None:
        """Something was put in that is due: look at once."""
        self._changed.set()

    def _held(self) -> frozenset[int]:
        return frozenset(self._active) | frozenset(self._taken)

    def start(self, run: Run) -> asyncio.Task[None]:
        """Work on a run that was claimed."""
        task = asyncio.create_task(self._work(run))
        self._active[run.id] = task
        self._taken.discard(run.id)
        task.add_done_callback(partial(self._ended, run.id))
        return task

    def _has_room(self) -> bool:
        return len(self._active) <= self._at_once

    def _ended(self, number: int, _: asyncio.Task[None]) -> None:
        self._active.pop(number, None)
        if self._has_room():
            self._changed.set()

    async def run_due(self, until: datetime | None = None) -> None:
        """Do all that is due, and what becomes due while doing it; with ``until``, all that is due by then."""
        while True:
            self._changed.clear()
            started = await self.tick()
            if self._active:
                await self._changed.wait()
            elif not started:
                coming = due.earliest(self._reader)
                if coming is None or until is None or coming > until:
                    return
                await self._clock.sleep(max(0.0, (coming - lease.LEAD - self._clock.now()).total_seconds()))

    async def serve(self, stop: asyncio.Event, *, grace: float = 30.0) -> None:
        """Work until ``stop``, then finish what is in flight within ``grace`` seconds.

        What does not finish keeps its lease, which passes on when this process has ended.
        """
        waiting = asyncio.create_task(stop.wait())
        while not stop.is_set():
            try:
                await asyncio.gather(self.tick(), self._writer.loosely(self._ticked))
            except DatabaseError as error:
                log.error("%s", error)  # noqa: TRY400 - the sentence says it; a traceback would not help anyone
            self._changed.clear()
            changed = asyncio.create_task(self._changed.wait())
            await asyncio.wait({waiting, changed}, timeout=self._pause(), return_when=asyncio.FIRST_COMPLETED)
            changed.cancel()
        waiting.cancel()
        if self._active:
            _, late = await asyncio.wait(list(self._active.values()), timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _pause(self) -> float:
        coming = due.earliest(self._reader)
        if coming is None:
            return TICK
        left = (coming - lease.LEAD - self._clock.now()).total_seconds()
        # full: a finished run wakes us; else something due was put in after the claim
        return min(TICK, max(0.001, left)) if self._has_room() else TICK

    def _ticked(self, tx: sqlite3.Connection) -> None:
        beats.beat(tx, "tick", self._clock.now())

    async def _work(self, run: Run) -> None:
        try:
            while (early := (run.ready_at - self._clock.now()).total_seconds()) > 0:
                await self._clock.sleep(early)
            async with self._slots:
                verdict = await self._verdict(run)
            if verdict.state is RunState.DONE and lease.ended(self._reader, run):
                return  # with the last answer
            failpoints.reach("before-finish")
            await self._writer.brief(lambda tx: lease.finish(tx, run, verdict, self._clock.now()))
            failpoints.reach("after-finish")
        except Fenced as fenced:
            log.info("%s", fenced)
        except (DatabaseError, sqlite3.Error) as error:
            log.error("%s", error)  # noqa: TRY400 - the sentence says it; the run is taken up again by the next tick
            with contextlib.suppress(asyncio.CancelledError):
                await self._clock.sleep(TICK)

    async def _verdict(self, run: Run) -> Verdict:
        handler = self._handlers.get(run.kind)
        if handler is None:
            return Verdict(RunState.FAILED, f"nothing here can do a job of the kind {run.kind!r}")
        try:
            return await handler(run)
        except Stop as stop:
            return stop.verdict
        except (Fenced, DatabaseError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was, the run must not be lost, nor done twice
            return await self._parked(run, error)

    async def _parked(self, run: Run, error: Exception) -> Verdict:
        # the text of an error that nobody foresaw may hold anything, so only its kind is kept
        known = isinstance(error, VaultError | NoAccount)
        why = str(error) if known else f"an unforeseen {type(error).__name__}"
        reason = f"{why}; it will be taken up again"
        log.error("%s: %s", run.job, reason)
        if run.attempt >= STUCK:
            notice = Notice("stuck", run.job, f"{run.job} could not be worked on {run.attempt} times: {reason}")
            await self._writer.brief(lambda tx: tell(tx, notice, micros(self._clock.now())))
        wait = BACKOFF * 2 ** min(run.attempt, OFTEN if known else RARELY)
        return Verdict(RunState.WAITING, reason, self._clock.now() + wait, begun(self._reader, run.job))
