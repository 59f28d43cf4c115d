"""Record: the call is in the ledger, and the intention marked sent, before a byte leaves."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx

from automator import failpoints, halts
from automator.clock import Clock, micros
from automator.db import DatabaseError, Write, Writer
from automator.egress import scrub
from automator.egress.allow import note
from automator.egress.call import KEY, Call, Forbidden, Superseded, call_of, costs_of, took_of
from automator.egress.limit import RESERVATION, Full, Reservation, believed
from automator.egress.passing import Counted, held, patience, received
from automator.egress.wire import Unknown, Unsent
from automator.intentions import State, begin, mark_sent, settle
from automator.ledger import chain
from automator.ledger.pack import Kind as PackKind
from automator.ledger.usage import Spent
from connectors.base import CallRefused, Effect, Kind, Outcome

T = TypeVar("T")

SEND_WITHIN = 2.0  #: seconds from the commit to the first byte; a process that slept longer sends nothing

_AFTER = {
    Kind.OK: State.DONE,
    Kind.REJECTED: State.REFUSED,
    Kind.LATER: State.PLANNED,
    Kind.UNSENT: State.PLANNED,
}


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is about to be stored, without any key; made before the transaction, which it would only hold up."""

    data: chain.Said
    body: chain.Packed
    spent: Spent
    result: Mapping[str, Any] = field(default_factory=dict)


def _asked(request: httpx.Request, content: bytes | Counted, call: Call, secrets: Collection[str]) -> _Entry:
    if isinstance(content, Counted):
        body = chain.Packed({"streamed": True})  # what passed is said with the answer
    else:
        body = chain.pack_body(scrub.scrub(content, secrets))
    cost = dict(costs_of(request))
    spent = Spent.of(call.account.name, call.account.version() or 0, call.operation.name, cost)
    data = {
        "method": request.method,
        "url": str(request.url),
        "headers": scrub.headers(request.headers.multi_items()),
        "body": body.says,
        "effect": call.operation.effect,
        "intention": call.intent.key if call.intent else None,
        "attempt": call.intent.attempt or 1 if call.intent else None,
        "cause": dict(call.cause),
        "actor": call.actor,
        "key": call.account.version(),
        "cost": cost,
    }
    return _Entry(chain.say(scrub.written(data, secrets), PackKind.CALL), body, spent)


def _answered(
    outcome: Outcome, response: httpx.Response | None, passed: _Passed, spent: Spent, secrets: Collection[str]
) -> _Entry:
    body = chain.pack_body(scrub.scrub(response.content, secrets) if response else b"")
    if passed.received is not None:
        body = chain.Packed(passed.received)
    data = {
        "status": response.status_code if response else None,
        "headers": scrub.headers(response.headers.multi_items()) if response else [],
        "body": body.says,
        "reason": outcome.reason,
        "request_id": outcome.request_id,
    }
    if passed.sent is not None:
        data["sent"] = passed.sent
    said = chain.say(scrub.written(data, secrets), PackKind.ANSWER)
    return _Entry(said, body, spent, scrub.clean(_kept(outcome), secrets))


def _kept(outcome: Outcome) -> dict[str, Any]:
    """What an intention keeps of its end."""
    if outcome.kind is not Kind.REJECTED:
        return dict(outcome.result)
    more = {name: True for name in ("lasting", "twice") if getattr(outcome, name)}
    return {"reason": outcome.reason} | more


def _with_known(call: Call, outcome: Outcome) -> Outcome:
    """An accepted write's outcome, with what its plan says of the result."""
    known = call.intent.plan.get("result") if call.intent else None
    return replace(outcome, result={**known, **outcome.result}) if known and outcome.kind is Kind.OK else outcome


def _hidden_now(call: Call, before: tuple[str, ...]) -> tuple[str, ...]:
    """What must not be stored once the answer is here: it may have brought new keys."""
    return before + call.account.hidden(call.account.secrets()) if call.operation.brings_keys else before


def _told(
    call: Call, response: httpx.Response, outcome: Outcome, secrets: Collection[str]
) -> tuple[httpx.Response, Outcome]:
    """A refusal for whoever shows it to a person: a provider may repeat the key in it, whole, where words are cut."""
    clean = scrub.answer(response, secrets)
    if clean is response:
        return response, outcome
    again = call.account.provider.judge(call.operation, clean)
    return clean, replace(outcome, reason=again.reason, result=again.result, request_id=again.request_id)


@dataclass(slots=True)
class _Passed:
    """What is said of bodies that were not held."""

    sent: dict[str, Any] | None = None
    received: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Begun:
    """A call that is on the record. ``first``: nothing of its intention had left before."""

    seq: int
    at: int  #: microseconds UTC
    first: bool
    reservation: Reservation | None

    def land(self) -> None:
        """Its answer is here."""
        if self.reservation is not None:
            self.reservation.land()


class Record(httpx.AsyncBaseTransport):
    """One recorded attempt is one request on the wire."""

    def __init__(self, inner: httpx.AsyncBaseTransport, writer: Writer, clock: Clock) -> None:
        self._inner = inner
        self._writer = writer
        self._clock = clock
        self._open = 0  # calls that are on their way through here

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Record, send, record the answer.

        Raises:
            automator.egress.limit.Full: a budget has no room for it; nothing was recorded.
            automator.halts.Halted: a person stopped this account's writes; nothing was sent.
            automator.intentions.Fenced: someone else has this; nothing was sent.
            DatabaseError: it could not be recorded. Nothing was sent, or the intention stays open.
        """
        self._open += 1
        try:
            return await self._recorded(request)
        finally:
            self._open -= 1
            request.extensions.pop(KEY, None)  # whoever gets the answer gets its request, but not the key

    def _before_it_leaves(self, write: Write[T]) -> Awaitable[T]:
        return self._writer.at_once(write) if self._open == 1 else self._writer.brief(write)

    def _once_it_is_here(self, write: Write[T]) -> Awaitable[T]:
        # if the power fails before the disk has it, the intention is open, as if the answer had come no sooner
        return self._writer.loosely_at_once(write) if self._open == 1 else self._writer.loosely(write)

    async def _recorded(self, request: httpx.Request) -> httpx.Response:
        call = call_of(request)
        content, passed = await held(request), _Passed()
        try:
            secrets, entry, begun = await self._written(request, call, content)
        except Superseded:  # while it was being written down; so once more, by the new key
            secrets, entry, begun = await self._written(request, call, content)
        failpoints.reach("after-record")
        send_by = self._clock.boottime() + SEND_WITHIN
        request.extensions["send_by"] = lambda: self._on_time(send_by)
        response: httpx.Response | None = None
        error: Exception | None = None
        try:
            async with asyncio.timeout(patience(request, content)):
                response = await self._inner.handle_async_request(request)
                begun.land()
                failpoints.reach("after-answer")
                response, passed.received = await received(request, response)
            outcome = _with_known(call, call.account.provider.judge(call.operation, response))
            secrets = _hidden_now(call, secrets)
            if outcome.kind is not Kind.OK:
                response, outcome = _told(call, response, outcome, secrets)
                outcome = believed(outcome, self._clock.now())
        except CallRefused as refused:
            outcome, error = Outcome(Kind.UNSENT, str(refused)), refused
        except Unsent as unsent:
            why = scrub.text(str(unsent), secrets)
            outcome, error = Outcome(Kind.UNSENT, why), Unsent(why, request=request)
        except (Unknown, httpx.DecodingError, TimeoutError) as unknown:
            why = scrub.text(str(unknown), secrets) or "the answer did not come to its end"
            outcome, error = Outcome(Kind.UNKNOWN, why), Unknown(why, request=request)
            if response is not None:
                await response.aclose()
        failpoints.reach("before-store")
        if isinstance(content, Counted):
            passed.sent = content.says()
        answer = None if error else response
        told = _answered(outcome, answer, passed, entry.spent, secrets)
        await self._once_it_is_here(lambda tx: self._after(tx, call, begun, outcome, answer, told))
        failpoints.reach("after-store")
        if error is not None or response is None:
            raise error or DatabaseError("an attempt ended without an answer")
        response.extensions.update(outcome=outcome, key=entry.spent.key or None)
        return response

    async def _written(
        self, request: httpx.Request, call: Call, content: bytes | Counted
    ) -> tuple[tuple[str, ...], _Entry, _Begun]:
        """Put a call on the record; returns what is secret of it too."""
        # the version that is recorded is this one's, and it signs, whatever is renewed while this call is on its way
        key = request.extensions[KEY] = call.account.secrets()
        secrets = call.account.hidden(key)
        entry = _asked(request, content, call, secrets)
        failpoints.reach("before-record")
        try:
            return secrets, entry, await self._begin(request, call, entry)
        except Forbidden as no:
            why, at = str(no), micros(self._clock.now())
            await self._writer.run(lambda tx: note(tx, call, why, at))
            raise

    def _on_time(self, send_by: float) -> bool:
        failpoints.reach("before-first-byte")
        return self._clock.boottime() <= send_by

    async def _begin(self, request: httpx.Request, call: Call, entry: _Entry) -> _Begun:
        reservation: Reservation | None = request.extensions.get(RESERVATION)
        again = request.extensions.get("begun", False)
        begun = await self._before_it_leaves(lambda tx: self._before(tx, call, entry, reservation, begun=again))
        if isinstance(begun, Full):
            raise begun
        request.extensions["begun"] = True
        if reservation is not None:
            reservation.taken()
        return begun

    def _before(
        self, tx: sqlite3.Connection, call: Call, entry: _Entry, reservation: Reservation | None, *, begun: bool
    ) -> _Begun | Full:
        intent, now, first = call.intent, self._clock.now(), True
        if call.operation.scope in halts.STOPPED and not call.closing:
            halts.check(tx, call.account.name)
        if entry.spent.key:  # else it is being tried, and in no vault yet
            call.account.stands(tx, call.operation.scope, entry.spent.key)
        if call.guard is not None:
            call.guard(tx)
        if reservation is not None and (full := reservation.take(tx)):
            return full  # nothing else is done in this transaction
        at, account, operation = micros(now), call.account.name, call.operation.name
        seq = chain.append(tx, "call", at, entry.data, account=account, operation=operation, body=entry.body)
        if intent is not None and intent.attempt == 0 and not begun:
            begin(tx, intent.key, account, operation, intent.plan, at=at, call=seq)
        elif intent is not None:
            again = call.operation.effect is Effect.REPEATABLE
            first = mark_sent(tx, intent.key, intent.attempt or 1, at, again=again, call=seq)
        entry.spent.called(tx, at)
        return _Begun(seq, at, first, reservation)

    def _after(  # noqa: PLR0913, PLR0917 - each is one thing the verdict depends on
        self,
        tx: sqlite3.Connection,
        call: Call,
        begun: _Begun,
        outcome: Outcome,
        answer: httpx.Response | None,
        entry: _Entry,
    ) -> None:
        took = took_of(call, answer)
        entry.spent.answered(tx, begun.at, outcome.kind, took)
        now = self._clock.now()
        if begun.reservation is not None:
            begun.reservation.settle(tx, outcome, answer, took)
        chain.append(
            tx,
            "answer",
            micros(now),
            entry.data,
            call=begun.seq,
            account=call.account.name,
            outcome=outcome.kind,
            body=entry.body,
        )
        state = _AFTER.get(outcome.kind)
        if call.intent is None or state is None:
            return
        if state is State.PLANNED and not begun.first:
            return  # an earlier attempt may have arrived: it stays open, and may be sent again all the same
        # what the provider said of a finished attempt is true whoever holds the intention now; that nothing
        # happened is true only of this attempt, so it may not reopen one that another worker has taken over
        ours = call.intent.attempt or 1 if state is State.PLANNED else None
        changed = settle(tx, call.intent.key, state, entry.result, attempt=ours)
        if changed and state is State.DONE and call.done is not None:
            call.done(tx)

    async def aclose(self) -> None:
        await self._inner.aclose()
