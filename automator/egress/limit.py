"""Limit: all budgets of a call are taken together, or the call waits. The provider's own word corrects the count.

They are taken in the transaction that records the call, and corrected in the one that records its answer, so that
counting them costs no commit of its own, and a call that was not recorded has taken nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from types import MappingProxyType

import httpx

from automator import setback
from automator.budgets import line, store, window
from automator.budgets.line import Line, Turn
from automator.budgets.store import Claim
from automator.clock import EPOCH, Clock, instant, micros
from automator.egress.call import HOLD, Call, call_of, costs_of
from connectors.answer import clock_ahead
from connectors.base import Kind, NotNow, Outcome, Reading, Window

LONGEST = timedelta(days=3)  #: no longer wait is believed: so long are Binance's bans, the longest known
RESERVATION = "reservation"  #: the extension that hands a ``Reservation`` to the recorder


class Full(Exception):
    """A budget has no room; nothing was recorded or sent. ``start`` (microseconds UTC): when there may be."""

    def __init__(self, start: int) -> None:
        self.start = start
        super().__init__("a budget is used up")


@dataclass(eq=False)
class Reservation:
    """What one call takes of its budgets; the recorder takes it and settles it.

    Attributes:
        flying: All of this process that are taken and not yet answered; the provider's word may not know of them.
        taken: Called when the transaction that took it is on the disk.
        beside: Those that were flying when this one's answer came: the answer may not have counted them.
    """

    call: Call
    claims: Sequence[Claim]
    watch: setback.Watch = field(repr=False)
    flying: set[Reservation] = field(repr=False)
    taken: Callable[[], None] = field(repr=False)
    beside: frozenset[Reservation] = field(default=frozenset(), repr=False)

    def take(self, tx: sqlite3.Connection) -> Full | None:
        """Take all or nothing."""
        start = store.reserve(tx, self.claims, micros(self.watch.look(tx)))
        if start:
            self.flying.discard(self)
            return Full(start)
        self.flying.add(self)
        return None

    def land(self) -> None:
        """The answer is here: what is answered later knows of this call."""
        self.flying.discard(self)
        self.beside = frozenset(self.flying)

    def end(self) -> None:
        """It is settled, or was never taken."""
        self.flying.discard(self)
        self.beside = frozenset()

    def settle(
        self,
        tx: sqlite3.Connection,
        outcome: Outcome,
        response: httpx.Response | None,
        took: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Give back what never left, or was not taken after all, and believe what the provider says."""
        now = self.watch.look(tx)
        if outcome.kind is Kind.UNSENT:
            store.give_back(tx, self.claims, micros(now))
        elif took:
            more = [replace(one, units=one.units - took.get(one.budget.name, one.units)) for one in self.claims]
            store.give_back(tx, [one for one in more if one.units], micros(now))
        if response is None:
            return
        readings = self.call.account.provider.observe(self.call.operation, response)
        later = outcome.kind is Kind.LATER and not outcome.renew and outcome.until is not None
        if not readings and not later:
            return
        skew = clock_ahead(response.headers, now)
        self._correct(tx, readings, now, skew)
        if later:
            _close(tx, self.claims, readings, _ours(outcome.until or EPOCH, skew, now))

    def _correct(self, tx: sqlite3.Connection, readings: Sequence[Reading], now: datetime, skew: timedelta) -> None:
        provider = self.call.account.provider
        known = {budget.name: budget for budget in provider.budgets}
        told = [(one, known[one.budget]) for one in readings if one.budget in known]
        asked = [(provider.name if budget.shared else self.call.account.name, budget) for _, budget in told]
        if not asked:
            return
        stands = dict(zip(((who, budget.name) for who, budget in asked), store.load_all(tx, asked), strict=True))
        before = dict(stands)
        for (reading, _), (subject, named) in zip(told, asked, strict=True):
            usage, budget = stands[subject, named.name]
            size = reading.limit or budget.limit
            if size is None:
                continue
            # a window that were longer than ours would show by a 429, but a wrong date is never put right
            longest = timedelta(seconds=2 * budget.seconds)
            reset = _ours(reading.reset, skew, now, longest) if reading.reset else None
            units = size - reading.remaining + self._in_flight(subject, budget.name)
            stands[subject, named.name] = window.stated(budget, usage, micros(now), units, reset), budget
        changed = [(who[0], budget, usage) for who, (usage, budget) in stands.items() if before[who][0] != usage]
        if changed:
            store.save_all(tx, changed)

    def _in_flight(self, subject: str, name: str) -> float:
        """What the provider may not know of yet."""
        claims = (claim for other in self.beside | self.flying for claim in other.claims)
        return sum(claim.units for claim in claims if (claim.subject, claim.budget.name) == (subject, name))


class Limit(httpx.AsyncBaseTransport):
    """Keeps calls within the provider's limits, over processes and restarts."""

    def __init__(self, inner: httpx.AsyncBaseTransport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._watch = setback.Watch(clock)
        self._flying: set[Reservation] = set()
        self._line = Line()
        self._numbers = count()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on when the call fits.

        Raises:
            NotNow: it fits only after a longer wait; nothing was sent.
        """
        call = call_of(request)
        provider = call.account.provider
        scope = call.operation.scope
        claims = store.claims_of(call.account.name, provider.name, provider.budgets, costs_of(request), scope)
        if not claims:
            return await self._inner.handle_async_request(request)
        shares = [claim.share for claim in claims]
        mine = line.turn(scope, self._clock.boottime(), next(self._numbers), shares)
        reservation = Reservation(call, claims, self._watch, self._flying, lambda: self._line.fitted(mine))
        request.extensions[RESERVATION] = reservation
        try:
            return await self._in_turn(request, mine)
        finally:
            reservation.end()
            self._line.leave(mine)

    async def _in_turn(self, request: httpx.Request, mine: Turn) -> httpx.Response:
        while True:
            await self._line.reach(mine)
            try:
                return await self._inner.handle_async_request(request)
            except Full as full:
                until = instant(full.start)
            wait = until - self._clock.now()
            if wait > HOLD:
                name = call_of(request).account.name
                raise NotNow(until, f"a limit is used up; `automator limits {name}` shows which")
            self._line.join(mine)
            await self._clock.sleep(max(0.001, wait.total_seconds()))

    async def aclose(self) -> None:
        await self._inner.aclose()


def _close(tx: sqlite3.Connection, claims: Sequence[Claim], readings: Sequence[Reading], until: int) -> None:
    """Close what the provider throttles: the budgets it names as empty, else all that the call draws on."""
    empty = {reading.budget for reading in readings if reading.remaining <= 0}
    for claim in claims:
        if claim.budget.window is Window.MONTH or (empty and claim.budget.name not in empty):
            continue
        usage, _ = store.load(tx, claim.subject, claim.budget)
        store.save(tx, claim.subject, claim.budget, window.close(usage, until))


def believed(outcome: Outcome, now: datetime) -> Outcome:
    """An outcome that has nobody wait for years, which no answer would ever put right."""
    too_long = outcome.until is not None and outcome.until > now + LONGEST
    return replace(outcome, until=now + LONGEST) if too_long else outcome


def _ours(at: datetime, skew: timedelta, now: datetime, longest: timedelta = LONGEST) -> int:
    """An instant by the provider's clock, by ours; as it stands if the clocks are millennia apart."""
    with suppress(OverflowError):
        at -= skew
    return micros(min(at, now + longest))
