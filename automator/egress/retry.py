"""Retry: short waits are held here, long ones are handed back so that the work can be parked."""

from __future__ import annotations

import random

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from automator.clock import Clock
from automator.egress.call import HOLD, Call, call_of
from automator.egress.wire import Unknown, Unsent
from connectors.answer import clock_ahead
from connectors.base import Effect, Kind, NotNow, Outcome, RenewNeeded, Unresolved, outcome_of

ATTEMPTS = 4


class _Again(Exception):
    """This attempt may be repeated."""

    def __init__(self, outcome: Outcome, response: httpx.Response | None) -> None:
        self.outcome = outcome
        self.response = response


class Retry(httpx.AsyncBaseTransport):
    """Repeats what may be repeated: anything unsent or put off, and the unknown unless a repeat would be seen."""

    def __init__(self, inner: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._transient = wait_random_exponential(multiplier=0.2, max=HOLD.total_seconds())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return a final answer.

        Raises:
            RenewNeeded: the access token has expired; nothing happened.
            NotNow: the provider wants a longer wait, or the attempts are used up without anything having been sent.
            Unresolved: the outcome of a write is open.
        """
        try:
            return await self._attempt(request)
        except _Again as first:
            return await self._again(request, first)

    async def _again(self, request: httpx.Request, first: _Again) -> httpx.Response:
        pending: list[_Again] = [first]

        async def attempt() -> httpx.Response:
            if pending:
                raise pending.pop()
            return await self._attempt(request)

        retrying = AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS),
            retry=retry_if_exception_type(_Again),
            wait=self._wait,
            sleep=self._clock.sleep,
            reraise=True,
        )
        try:
            return await retrying(attempt)
        except _Again as last:
            if last.outcome.kind is not Kind.UNKNOWN:
                until = last.outcome.until
                ahead = until is not None and until > self._clock.now()  # what has passed says nothing of when
                raise NotNow(until if ahead else None, last.outcome.reason) from last
            if (intent := call_of(request).intent) is not None:
                raise Unresolved(intent.key) from last
            if last.response is not None:
                return last.response
            raise NotNow(None) from last

    async def _attempt(self, request: httpx.Request) -> httpx.Response:
        call = call_of(request)
        response: httpx.Response | None = None
        try:
            response = await self._inner.handle_async_request(request)
            outcome = outcome_of(response)
        except Unsent as error:
            outcome = Outcome(Kind.UNSENT, str(error))
        except Unknown as error:
            outcome = Outcome(Kind.UNKNOWN, str(error))
        match outcome.kind:
            case Kind.LATER if outcome.renew:
                said, key = (response.headers, response.extensions.get("key")) if response is not None else ({}, None)
                raise RenewNeeded(clock_ahead(said, self._clock.now()), outcome.reason, key)
            case Kind.LATER:
                if outcome.until is None or outcome.until - self._clock.now() > HOLD:
                    raise NotNow(outcome.until, outcome.reason)
                raise _Again(outcome, response)
            case Kind.UNSENT:
                raise _Again(outcome, response)
            case Kind.UNKNOWN:
                return self._doubted(call, outcome, response)
            case _:
                if response is None:
                    raise TypeError("an outcome without an answer must be unsent or unknown")
                return response

    def _doubted(self, call: Call, outcome: Outcome, response: httpx.Response | None) -> httpx.Response:
        """What becomes of a call of which nothing is known: asked again soon, or whoever asked puts it off."""
        long = outcome.until is not None and outcome.until - self._clock.now() > HOLD
        if call.intent is not None and (call.operation.effect is Effect.ONCE or long):
            raise Unresolved(call.intent.key, outcome.until, outcome.reason)
        if response is not None and long:
            return response
        raise _Again(outcome, response)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, _Again) and error.outcome.until is not None:
            # full jitter can fall to nothing, which is wrong for a limit with a known end
            wait = (error.outcome.until - self._clock.now()).total_seconds()
            return max(0.0, wait) + random.uniform(0.01, 0.25)  # noqa: S311 - spreads load, guards nothing
        return float(self._transient(state))

    async def aclose(self) -> None:
        await self._inner.aclose()
