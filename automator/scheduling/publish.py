"""Publishing one part: its intention taken from nothing to a verdict. What may be known decides; nothing is guessed."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from automator import failpoints
from automator.clock import Clock, instant, micros
from automator.db import Writer
from automator.egress.resolve import note, resolve
from automator.egress.session import Session
from automator.halts import Halted
from automator.intentions import Intention, State, claim, doubts, load, overrule, replan, taken
from automator.notices import Notice, settled, tell
from automator.scheduling import lease
from automator.scheduling.lease import Run, Verdict
from automator.scheduling.states import RunState
from connectors.base import CallRefused, Effect, Intent, Kind, NotNow, Unresolved, outcome_of
from connectors.network import Network, Rejected, Staged
from connectors.post import Part

SETTLE = timedelta(seconds=45)  #: a lost answer's effect shows at the provider by then; twice for lists that lag
STAGED = "staged"  #: in place of a plan: how far preparing has come
PATIENCE = timedelta(minutes=1)  #: before the next try, when the provider names no instant
WAITS = ("held", "halted", "stuck")  #: kinds of notices of a post that waits
UPLOAD = timedelta(hours=3)  #: that files may take on a slow line, and be no sign that the machine slept
HELD = timedelta(hours=1)  #: a thread that is half out and waits longer is told of


class Stop(Exception):
    """The run ends or is parked here."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(verdict.reason)


def failed(reason: str) -> Stop:
    """It was not published, and will not be."""
    return Stop(Verdict(RunState.FAILED, reason))


def parked(until: datetime, reason: str, *, begun: bool = True) -> Stop:
    """Not now."""
    return Stop(Verdict(RunState.WAITING, reason, until, begun))


def telling_apart(session: Session, reader: sqlite3.Connection, key: str) -> Session:
    """A session that knows which posts are others of ours than the one of this key."""
    return replace(session, taken=partial(taken, reader, session.account.name, key))


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes the parts of one run."""

    run: Run
    parts: int  #: with the last of them the run ends
    network: Network
    session: Session
    writer: Writer
    reader: sqlite3.Connection
    clock: Clock
    settle: timedelta = SETTLE
    send_again: bool = False  #: the account opted in to sending again what lists do not show

    async def part(self, key: str, part: Part, thread: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Publish one part, or learn that it is published; returns its result.

        Raises:
            Stop: the run ends or is parked here.
            automator.intentions.Fenced: another worker has this run.
        """
        try:
            return await self._doubted(key, part, thread)
        except Rejected as rejected:
            raise failed(rejected.reason) from rejected
        except Staged as staged:
            await self._keep(key, staged.so_far)
            # it was begun in time; that the provider takes its own does not make it late
            begun = staged.working or bool(thread) or self._begun(key)
            raise parked(staged.until or self.clock.now() + PATIENCE, staged.why, begun=begun) from staged
        except NotNow as later:
            until = later.until or self.clock.now() + PATIENCE
            if thread and until - self.clock.now() > HELD:
                await self._tell("held", f"is out to its part {len(thread)} of {self.parts} and waits: {later}")
            raise parked(until, str(later), begun=bool(thread) or self._begun(key)) from later
        except Halted as halted:
            await self._tell("halted", f"waits: {halted}")
            begun = bool(thread) or self._begun(key)
            raise parked(self.clock.now() + PATIENCE, str(halted), begun=begun) from halted
        except CallRefused as refused:
            raise failed(str(refused)) from refused

    async def _tell(self, kind: str, what: str) -> None:
        notice = Notice(kind, self.run.job, f"{self.run.job} {what}", self.run.account)
        await self.writer.brief(lambda tx: tell(tx, notice, micros(self.clock.now())))

    async def _doubted(self, key: str, part: Part, thread: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Publish a part of which something may be out: that is looked for before it is sent, and if it is refused."""
        stored, before = load(self.reader, key), doubts(self.reader, key)
        if stored is None and (found := await self._seen(before)) is not None:
            await self._overruled(key, before[0], State.DONE, found)
            return found
        try:
            return await self._part(key, part, thread, stored)
        except Rejected as rejected:
            if stored is not None and stored.sent_at is not None and self.send_again:
                before.append(stored)
            if not rejected.twice or not before:
                raise
            refused = rejected
        if (found := await self._seen(before)) is not None:
            await self._overruled(key, before[0], State.DONE, found)
            return found
        await self._overruled(key, before[0], State.UNCONFIRMED)
        look = f"what may have gone out before is not shown: look, and say `automator posts resolve {self.run.job[:8]}"
        raise Stop(Verdict(RunState.UNCONFIRMED, f"{refused.reason}; {look} --there ADDRESS`")) from refused

    async def _seen(self, before: Sequence[Intention]) -> Mapping[str, Any] | None:
        """The result of the first of these that the provider shows; a person has said of each that it does not."""
        for one in before:
            if not one.plan or STAGED in one.plan:
                continue  # of what a restored backup held, or was never finished, nothing is known to look for
            session = self._looking_for(one)
            try:
                found = await self.network.find(session, one.plan)
            except Rejected:
                continue  # that the provider won't say does not overrule the person
            if found is not None and not session.known(found):
                return found
        return None

    def _telling_apart(self, key: str) -> Session:
        return telling_apart(self.session, self.reader, key)

    def _looking_for(self, one: Intention) -> Session:
        return replace(self._telling_apart(one.key), sent=instant(one.sent_at) if one.sent_at is not None else None)

    async def _overruled(
        self, key: str, before: Intention, state: State, found: Mapping[str, Any] | None = None
    ) -> None:
        operation = self.network.publishing(before.plan).name

        def put(tx: sqlite3.Connection) -> None:
            lease.check(tx, self.run)
            overrule(tx, key, self.session.account.name, operation, before, state, found)
            note(tx, key, state, found, self.clock.now())

        await self.writer.run(put)

    async def _part(
        self, key: str, part: Part, thread: Sequence[Mapping[str, Any]], stored: Intention | None
    ) -> Mapping[str, Any]:
        if stored is not None and stored.state is State.DONE:
            return stored.result
        if stored is None:
            plan = await self.network.prepare(self._telling_apart(key), part, thread, {})
            failpoints.reach("before-intent")
            return await self._send(Intent(key, plan), part, thread)
        held = await self._claim(key, stored.plan)
        if held.state is State.SENT and self.network.publishing(held.plan).effect is Effect.ONCE:
            held = await self._settled(held)
        if held.state is State.PLANNED and (STAGED in held.plan or self._expired(held.plan)):
            held = await self._planned(held, await self._prepared(held, part, thread))
        match held.state:
            case State.DONE:
                return held.result
            case State.REFUSED:
                reason = str(held.result.get("reason") or "the provider refused it")
                raise Rejected(reason, twice=bool(held.result.get("twice")))
            case State.UNCONFIRMED:
                raise Stop(Verdict(RunState.UNCONFIRMED, "whether it went out is not known"))
            case _:
                return await self._send(Intent(held.key, held.plan, held.attempt), part, thread)

    async def _prepared(self, held: Intention, part: Part, thread: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Go on from what was staged; what came to nothing is forgotten, or a retry would be refused for ever."""
        so_far = held.plan.get(STAGED, {})
        try:
            return await self.network.prepare(self._telling_apart(held.key), part, thread, so_far)
        except Rejected:
            if so_far:
                await self._keep(held.key, {})
            raise

    async def _planned(self, held: Intention, plan: Mapping[str, Any]) -> Intention:
        operation = self.network.publishing(plan).name

        def put(tx: sqlite3.Connection) -> Intention:
            lease.check(tx, self.run)
            replan(tx, held.key, held.attempt, operation, plan)
            return claim(tx, held.key, self.session.account.name, operation, plan)

        failpoints.reach("before-intent")
        return await self.writer.loosely(put)

    async def _keep(self, key: str, so_far: Mapping[str, Any]) -> None:
        """Remember how far preparing has come, in place of a plan: nothing can be sent by it."""
        plan = {STAGED: dict(so_far)}
        operation = self.network.publishing({}).name

        def put(tx: sqlite3.Connection) -> None:
            lease.check(tx, self.run)
            held = claim(tx, key, self.session.account.name, operation, plan)
            replan(tx, key, held.attempt, operation, plan)

        failpoints.reach("before-staged")
        await self.writer.brief(put)
        failpoints.reach("after-staged")

    async def _send(self, intent: Intent, part: Part, thread: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        may = max(self.run.late, UPLOAD) if part.media else self.run.late
        if not thread and self.clock.now() - self.run.ready_at > may and not self._begun(intent.key):
            raise parked(self.clock.now(), "this machine slept while it was being prepared", begun=False)
        last = len(thread) + 1 == self.parts
        session = replace(self.session, done=self._finish) if last else self.session
        try:
            answer = await self.network.publish(session, intent)
        except Unresolved as lost:
            ask = max(lost.until or self.clock.now(), self.clock.now() + self.settle)
            raise parked(ask, lost.why or "the answer was lost; the provider will be asked") from lost
        outcome = outcome_of(answer)
        if outcome.kind is Kind.OK:
            return outcome.result
        raise Rejected(outcome.reason, twice=outcome.twice)

    def _finish(self, tx: sqlite3.Connection) -> None:
        now = self.clock.now()
        lease.finish(tx, self.run, Verdict(RunState.DONE), now)
        for kind in WAITS if self.run.attempt > 1 else ():
            settled(tx, kind, self.run.job, micros(now))

    async def _settled(self, held: Intention) -> Intention:
        """Ask the provider, once an answer to the last attempt can no longer arrive."""
        settled_at = instant(held.sent_at or 0) + self.settle
        if self.clock.now() < settled_at:
            raise parked(settled_at, "the answer was lost; the provider will be asked")
        session = self._looking_for(held)
        try:
            found = await self.network.find(session, held.plan)
        except Rejected as error:
            raise NotNow(None) from error
        if found is not None and session.known(found):
            found = None  # it is another post of ours with the same text, which has its own intention
        if found is None and self.clock.now() < settled_at + self.settle:
            raise parked(settled_at + self.settle, "the provider does not show it yet; it will be asked once more")

        async def same(_: Mapping[str, Any]) -> Mapping[str, Any] | None:
            return found

        absence = self.network.publishing(held.plan).absence
        await resolve(held, absence, same, self.writer, self.clock, send_again_opted_in=self.send_again)
        return await self._claim(held.key, held.plan)

    async def _claim(self, key: str, plan: Mapping[str, Any]) -> Intention:
        def take(tx: sqlite3.Connection) -> Intention:
            lease.check(tx, self.run)
            return claim(tx, key, self.session.account.name, self.network.publishing(plan).name, plan)

        return await self.writer.loosely(take)

    def _begun(self, key: str) -> bool:
        stored = load(self.reader, key)
        return stored is not None and stored.state is not State.PLANNED

    def _expired(self, plan: Mapping[str, Any]) -> bool:
        expires = plan.get("expires")
        return expires is not None and datetime.fromisoformat(str(expires)) <= self.clock.now()
