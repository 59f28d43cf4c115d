"""Limit: all budgets of a call are reserved together, or the call waits. The provider's own word corrects the count."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

import httpx

from automator.budgets import store, window
from automator.budgets.store import Claim
from automator.clock import EPOCH, Clock, instant, micros
from automator.db import Writer
from automator.egress.call import HOLD, Call, call_of
from automator.egress.wire import Unsent
from connectors.answer import clock_ahead
from connectors.base import CallRefused, Kind, NotNow, Outcome, Reading, Window, outcome_of


class Limit(httpx.AsyncBaseTransport):
    """Keeps calls within the provider's limits, over processes and restarts."""

    def __init__(self, inner: httpx.AsyncBaseTransport, writer: Writer, clock: Clock) -> None:
        self._inner = inner
        self._writer = writer
        self._clock = clock
        self._in_flight: dict[tuple[str, str], float] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on when the call fits.

        Raises:
            NotNow: it fits only after a longer wait; nothing was sent.
        """
        call = call_of(request)
        provider = call.account.provider
        costs = provider.costs(call.operation, request)
        claims = store.claims_of(call.account.name, provider.name, provider.budgets, costs)
        if not claims:
            return await self._inner.handle_async_request(request)
        await self._reserve(claims)
        self._count(claims, 1)
        try:
            response = await self._inner.handle_async_request(request)
        except (Unsent, CallRefused):
            await self._writer.brief(lambda tx: _give_back(tx, claims, micros(self._clock.now())))
            raise
        finally:
            self._count(claims, -1)
        await self._observe(call, claims, response)
        return response

    async def _reserve(self, claims: list[Claim]) -> None:
        while True:
            start = await self._writer.brief(lambda tx: store.reserve(tx, claims, micros(self._clock.now())))
            if not start:
                return
            until = instant(start)
            wait = until - self._clock.now()
            if wait > HOLD:
                raise NotNow(until)
            await self._clock.sleep(max(0.001, wait.total_seconds()))

    def _count(self, claims: list[Claim], sign: int) -> None:
        for claim in claims:
            key = claim.subject, claim.budget.name
            self._in_flight[key] = self._in_flight.get(key, 0) + sign * claim.units

    async def _observe(self, call: Call, claims: list[Claim], response: httpx.Response) -> None:
        readings = call.account.provider.observe(call.operation, response)
        outcome = outcome_of(response)
        throttled = outcome.kind is Kind.LATER and not outcome.renew
        if not readings and not throttled:
            return
        now = self._clock.now()
        skew = clock_ahead(response.headers, now)

        def store_them(tx: sqlite3.Connection) -> None:
            for reading in readings:
                self._correct(tx, call, reading, now, skew)
            if throttled and outcome.until is not None:
                _close(tx, claims, readings, outcome, skew)

        await self._writer.brief(store_them)

    def _correct(self, tx: sqlite3.Connection, call: Call, reading: Reading, now: datetime, skew: timedelta) -> None:
        provider = call.account.provider
        budget = next((item for item in provider.budgets if item.name == reading.budget), None)
        if budget is None:
            return
        subject = provider.name if budget.shared else call.account.name
        usage, budget = store.load(tx, subject, budget)
        size = reading.limit or budget.limit
        if size is None:
            return
        in_flight = self._in_flight.get((subject, budget.name), 0)
        taken = size - reading.remaining + in_flight
        reset = micros(reading.reset - skew) if reading.reset else None
        store.save(tx, subject, budget, window.stated(budget, usage, micros(now), taken, reset))

    async def aclose(self) -> None:
        await self._inner.aclose()


def _close(
    tx: sqlite3.Connection, claims: list[Claim], readings: tuple[Reading, ...], outcome: Outcome, skew: timedelta
) -> None:
    """Close what the provider throttles: the budgets it names as empty, else all that the call draws on."""
    empty = {reading.budget for reading in readings if reading.remaining <= 0}
    for claim in claims:
        if claim.budget.window is Window.MONTH or (empty and claim.budget.name not in empty):
            continue
        usage, _ = store.load(tx, claim.subject, claim.budget)
        until = micros((outcome.until or EPOCH) - skew)
        store.save(tx, claim.subject, claim.budget, window.close(usage, until))


def _give_back(tx: sqlite3.Connection, claims: list[Claim], now: int) -> None:
    for claim in claims:
        usage, budget = store.load(tx, claim.subject, claim.budget)
        store.save(tx, claim.subject, budget, window.charge(budget, usage, now, -claim.units))
