"""Once: whether a request may be sent at all, decided from the intention's state."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import httpx

from automator.egress.call import call_of
from automator.intentions import Intention, State, load
from automator.ledger.chain import canonical
from connectors.base import CallRefused, Effect, Kind, Outcome, Unresolved


@dataclass(frozen=True, slots=True)
class Send:
    """Nothing of this was sent, or a repeat is harmless."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """It is done: the stored result answers."""

    result: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Resolve:
    """It may have happened: the provider must be asked first."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """It must not be sent."""

    why: str


_WHY = {
    State.REFUSED: "the provider refused it; send it again as a new generation",
    State.ABSENT: "it did not arrive, and is not sent again",
    State.UNCONFIRMED: "whether it went out is not known; a person has to settle it",
}
Decision = Send | Reuse | Resolve | Refuse


def decide(effect: Effect, stored: Intention | None, plan: Mapping[str, Any], *, claimed: bool = True) -> Decision:
    """What to do with a write whose intention stands at ``stored`` (``None``: never planned).

    ``claimed``: it was planned under a claim before; else the recorder freezes the plan as it sends.
    """
    if effect is Effect.READ:
        return Send()
    if stored is None and not claimed:
        return Send()
    if stored is None:
        return Refuse("a write needs an intention that was planned before it is sent")
    if stored.state is State.SENT and effect is Effect.ONCE:
        return Resolve()  # before the plans are compared: what may be out there is settled first
    if not _same(stored.plan, plan):
        return Refuse("something else was planned under this key")
    match stored.state:
        case State.PLANNED | State.SENT:
            return Send()
        case State.DONE:
            return Reuse(stored.result)
        case State.REFUSED | State.ABSENT | State.UNCONFIRMED:
            return Refuse(_WHY[stored.state])
        case _:
            assert_never(stored.state)


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one == other or canonical(dict(one)) == canonical(dict(other))


class Once(httpx.AsyncBaseTransport):
    """Applies ``decide``; the recorder's compare-and-swap below it has the last word."""

    def __init__(self, inner: httpx.AsyncBaseTransport, reader: sqlite3.Connection) -> None:
        self._inner = inner
        self._reader = reader

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, answer from the record, or raise ``Unresolved`` or ``CallRefused``."""
        call = call_of(request)
        intent = call.intent
        stored = load(self._reader, intent.key) if intent else None
        if intent is None and call.operation.effect is Effect.REPEATABLE:
            # an upload, a sign-in: nothing that the world sees, and nothing to remember
            return await self._inner.handle_async_request(request)
        claimed = intent is None or intent.attempt > 0
        decision = decide(call.operation.effect, stored, intent.plan if intent else {}, claimed=claimed)
        match decision:
            case Send():
                return await self._inner.handle_async_request(request)
            case Reuse(result):
                outcome = Outcome(Kind.OK, "already done", result=result)
                return httpx.Response(200, json=dict(result), request=request, extensions={"outcome": outcome})
            case Resolve():
                raise Unresolved(intent.key if intent else "")
            case Refuse(why):
                raise CallRefused(f"{call.operation.name} for {call.account.name} was not sent: {why}")
            case _:
                assert_never(decision)

    async def aclose(self) -> None:
        await self._inner.aclose()
