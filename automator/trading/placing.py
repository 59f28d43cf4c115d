"""Placing: an order's run, from its intent to a verdict. What may be known decides; nothing is sent a second time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from automator import failpoints
from automator.accounts import NoAccount
from automator.clock import Clock, instant, micros
from automator.db import Writer
from automator.egress.resolve import verdict
from automator.egress.session import Session
from automator.intentions import Intention, claim, load, settle
from automator.intentions import State as Journal
from automator.ledger import chain
from automator.notices import Notice
from automator.notices import tell as notify
from automator.scheduling import lease
from automator.scheduling.lease import Run, Verdict
from automator.scheduling.states import RunState
from automator.trading import leaving, news, orders
from automator.trading.books import TROUBLE, Books, Opened, adopt
from automator.trading.doubts import in_doubt, unexplained
from automator.trading.leaving import LATE, STALE
from automator.trading.orders import CHANGED, Stored
from automator.trading.submission import about
from connectors.base import CallRefused, Intent, Kind, NotNow, Unresolved, outcome_of
from connectors.exchange.filters import faults
from connectors.network import Rejected
from connectors.order import Order, OrderState, OrderType, Side, TimeInForce, orders_of
from connectors.venue import Exchange
from jobs.orders.states import LIVE, MAYBE, State, Step

AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
PAUSE = timedelta(seconds=2)  #: between two tries to ask, or to cancel
CLOCKS = timedelta(minutes=1)  #: by which an exchange's clock may differ
LONGEST = timedelta(minutes=1)
DOUBTED = timedelta(hours=1)  #: after which an order that can't be asked about is shown to a person
MINGLED = timedelta(minutes=5)  #: so long trades that nobody explains may be those of another order in doubt
STUBBORN = 10  #: a cancel that so many times changed nothing is told of

T = TypeVar("T")

ASKED = "the answer was lost; the exchange will be asked"
OTHERS = "there are trades of an order that is not known yet; others of which that is so are asked about first"
ONCE_MORE = "the exchange does not show it yet; it will be asked once more"


class Placing:
    """The handlers of an order's runs: placing it, and cancelling it."""

    def __init__(self, opened: Opened, books: Books, writer: Writer, reader: sqlite3.Connection, clock: Clock) -> None:
        self._opened = opened
        self._books = books
        self._writer = writer
        self._reader = reader
        self._clock = clock

    async def place(self, run: Run) -> Verdict:
        """Take an order to where it is placed, surely not placed, or a person has to look.

        Raises:
            automator.intentions.Fenced: another worker has this run.
        """
        stored = next(iter(orders.legs(self._reader, run.job)), None)  # of a pair the first one stands for both
        if stored is None:
            return Verdict(RunState.FAILED, "its order is no longer in the database")
        if stored.state not in MAYBE | {State.INTENT}:
            return Verdict(RunState.DONE)
        held = await self._claim(run, stored)
        match held.state:
            case Journal.PLANNED:
                return await self._send(run, stored, held)
            case Journal.SENT:
                return await self._resolve(run, stored, held)
            case Journal.REFUSED:
                reason = str(held.result.get("reason") or "the exchange refused it")
                return await self._refused(run, stored, held, reason, lasting=bool(held.result.get("lasting")))
            case Journal.UNCONFIRMED:
                return Verdict(RunState.UNCONFIRMED, _look(stored))
            case _:
                return Verdict(RunState.DONE)

    async def _claim(self, run: Run, stored: Stored) -> Intention:
        held = load(self._reader, stored.key)
        if held is not None and run.attempt == 1:
            return held  # nobody else had it; that the run is still ours is looked at as it is sent

        def take(tx: sqlite3.Connection) -> Intention:
            lease.check(tx, run)
            return claim(tx, stored.key, stored.account, orders.OPERATION, {})  # its plan is frozen since it was put in

        return await self._writer.loosely(take)

    async def _send(self, run: Run, stored: Stored, held: Intention) -> Verdict:
        if leaving.is_late(stored, self._clock.now()):
            return await self._dropped(run, stored, LATE)
        try:
            session, exchange = self._opened(stored.account, {"order": stored.id, "owner": stored.owner}, stored.owner)
            await exchange.markets(session)
            guarded = replace(
                session, guard=partial(self._guard, run), done=partial(self._accepted, run), closing=stored.closing
            )
            answer = await exchange.place(guarded, Intent(stored.key, held.plan, held.attempt))
        except Unresolved as lost:
            return await self._lost(stored, lost.until)
        except NotNow as later:
            return await self._put_off(run, stored, later)
        except (Rejected, CallRefused, LookupError) as refused:
            return await self._dropped(run, stored, str(refused))
        outcome = outcome_of(answer)
        if outcome.kind is not Kind.OK:
            return await self._refused(run, stored, held, outcome.reason, lasting=outcome.lasting)
        if any(one.type is OrderType.MARKET or one.time_in_force in AT_ONCE for one in orders_of(held.plan)):
            await self._look(session, exchange, stored)
        return Verdict(RunState.DONE)

    def _guard(self, run: Run, tx: sqlite3.Connection) -> None:
        lease.check(tx, run)
        leaving.leave(tx, run.job, self._clock.now())

    def _accepted(self, run: Run, tx: sqlite3.Connection) -> None:
        orders.accepted(tx, run.job, self._clock.now())
        lease.finish(tx, run, Verdict(RunState.DONE), self._clock.now())

    async def _look(self, session: Session, exchange: Exchange, stored: Stored) -> None:
        """Learn at once what became of it; if that fails, the next look at the account tells."""
        try:
            await self._books.look(session, exchange, stored.id)
        except TROUBLE:
            return

    async def _put_off(self, run: Run, stored: Stored, later: NotNow) -> Verdict:
        until = later.until or self._clock.now() + PAUSE
        if until - stored.created_at > STALE:
            return await self._dropped(run, stored, f"{LATE}: {later}")
        return Verdict(RunState.WAITING, str(later), until)

    async def _lost(self, stored: Stored, until: datetime | None) -> Verdict:
        now = self._clock.now()
        settles = self._opened(stored.account, {}, stored.owner)[1].custom.settles
        await self._store("lost", lambda tx: orders.move_all(tx, stored.key, Step.LOST, self._clock.now()))
        return Verdict(RunState.WAITING, ASKED, max(until or now, now + settles))

    async def _dropped(self, run: Run, stored: Stored, reason: str) -> Verdict:
        def give_up(tx: sqlite3.Connection) -> bool:
            lease.check(tx, run)
            dropped = orders.drop(tx, stored.key, reason, self._clock.now())
            if dropped:
                _unsold(tx, stored, reason, self._clock.now())
            return dropped

        if not await self._store("dropped", give_up):
            return await self._lost(stored, None)  # something of it may have left after all
        return Verdict(RunState.DONE)

    async def _refused(self, run: Run, stored: Stored, held: Intention, why: str, *, lasting: bool) -> Verdict:
        reason = why if lasting else await self._explained(stored, held, why)

        def note(tx: sqlite3.Connection) -> None:
            now = self._clock.now()
            orders.move_all(tx, stored.key, Step.REFUSED, now, reason)
            for leg in orders.legs(tx, stored.key):
                news.tell(tx, leg.id, now)
            _unsold(tx, stored, reason, now)
            if not stored.closing:
                text = f"{stored.owner}: {stored.account} refused {stored.says()}: {reason}"
                notify(tx, Notice("rejected", about(stored.owner, reason), text, stored.account), micros(now))
            lease.finish(tx, run, Verdict(RunState.DONE), now)

        await self._store("refused", note)
        return Verdict(RunState.DONE)

    async def _explained(self, stored: Stored, held: Intention, why: str) -> str:
        """Why an order was refused; said too if it does not keep to its market's rules as they are now."""
        try:
            session, exchange = self._opened(stored.account, {"order": stored.id, "owner": stored.owner}, stored.owner)
            market = (await exchange.markets(session)).get(stored.symbol)
        except (*TROUBLE, LookupError):
            return why
        asked = orders_of(held.plan)
        gone = [f"{stored.symbol} is not traded any more"] if market is None else []
        wrong = [fault for one in asked for fault in faults(one, market, stored.mark)] if market else gone
        return f"{why}: {'; '.join(dict.fromkeys(wrong))}, {CHANGED}" if wrong else why

    async def _resolve(self, run: Run, stored: Stored, held: Intention) -> Verdict:
        sent = instant(held.sent_at or micros(stored.created_at))
        session, exchange = self._opened(stored.account, {"order": stored.id, "owner": stored.owner}, stored.owner)
        settles, now = exchange.custom.settles, self._clock.now()
        if stored.state is not State.UNKNOWN:
            await self._store("lost", lambda tx: orders.move_all(tx, stored.key, Step.LOST, now))
        if now < sent + settles:
            return Verdict(RunState.WAITING, ASKED, sent + settles)
        try:
            found = await self._found(session, exchange, stored, again=stored.looked_at is not None)
            if found:
                return await self._there(run, session, exchange, found)
            # the first look is at ``sent + settles`` at the soonest, and only ``sent`` moves when our clock is set
            if stored.looked_at is None or now < max(stored.looked_at, sent + settles) + settles:
                await self._store("absent", partial(_looked, stored, now))
                return Verdict(RunState.WAITING, ONCE_MORE, now + settles)
            await exchange.ahead(session, anew=True)  # our clock may have been set since it was measured
            traded = await exchange.fills(session, stored.symbol, sent - CLOCKS)
        except TROUBLE as trouble:
            if now - sent > DOUBTED:
                return await self._settled(run, stored, Journal.UNCONFIRMED)
            until = trouble.until if isinstance(trouble, NotNow) else None
            wait = min(PAUSE * 2 ** min(run.attempt, 5), LONGEST)
            return Verdict(RunState.WAITING, f"the exchange can't be asked now ({trouble})", until or now + wait)
        absence = exchange.placing(held.plan).absence
        state = verdict(absence, None, send_again_opted_in=False)
        strange = unexplained(self._reader, stored, traded)
        if strange and now - sent < MINGLED and in_doubt(self._reader, stored):
            return Verdict(RunState.WAITING, OTHERS, now + settles)
        if state is Journal.PLANNED or strange:
            state = Journal.UNCONFIRMED  # whatever a connector says of absence, an order is not sent again
        return await self._settled(run, stored, state)

    async def _found(
        self, session: Session, exchange: Exchange, stored: Stored, *, again: bool
    ) -> list[tuple[Stored, Order]]:
        """What the exchange shows of an intention's orders; of a pair one is enough, the two are placed as one."""
        await exchange.markets(session)
        found = list[tuple[Stored, Order]]()
        for leg in orders.legs(self._reader, stored.key):
            shown = await self._books.find(session, exchange, leg)
            if shown is None and again:
                resting = await exchange.open_orders(session, leg.symbol)
                shown = next((item for item in resting if item.client_order_id == leg.id), None)
            found += [(leg, shown)] if shown is not None else []
        return found

    async def _there(
        self, run: Run, session: Session, exchange: Exchange, found: Sequence[tuple[Stored, Order]]
    ) -> Verdict:
        def store(tx: sqlite3.Connection) -> None:
            now = self._clock.now()
            for stored, shown in found:
                adopt(tx, stored, shown, now)
                news.tell(tx, stored.id, now)
            lease.finish(tx, run, Verdict(RunState.DONE), now)

        await self._store("shown", store)
        for stored, shown in found:
            if shown.filled:
                await self._look(session, exchange, stored)
        return Verdict(RunState.DONE)

    async def _settled(self, run: Run, stored: Stored, state: Journal) -> Verdict:
        absent = state is Journal.ABSENT
        step = Step.ABSENT if absent else Step.DOUBT
        reason = "it did not reach the exchange" if absent else _look(stored)

        def store(tx: sqlite3.Connection) -> None:
            lease.check(tx, run)
            now = self._clock.now()
            if not settle(tx, stored.key, state):
                return  # its answer has come, or it was shown, in the meantime
            orders.move_all(tx, stored.key, step, now, reason)
            for leg in orders.legs(tx, stored.key):
                news.tell(tx, leg.id, now)
            if absent:
                _unsold(tx, stored, reason, now)
            said = {"what": "resolved", "order": stored.id, "was": stored.state, "state": step}
            chain.append(tx, "event", micros(now), said, account=stored.account)

        await self._store("absent", store)
        ended = orders.load(self._reader, stored.id)
        if ended is not None and ended.state is State.UNCONFIRMED:
            return Verdict(RunState.UNCONFIRMED, reason)
        return Verdict(RunState.DONE)

    async def cancel(self, run: Run) -> Verdict:
        """Cancel an order, and learn what became of it: what was filled before stays filled."""
        stored = orders.load(self._reader, run.payload["order"])
        if stored is None or stored.state not in LIVE:
            return Verdict(RunState.DONE)
        until, why = None, "the exchange has not cancelled it yet"
        try:
            session, exchange = self._opened(stored.account, {"order": stored.id, "owner": stored.owner}, stored.owner)
        except NoAccount as gone:
            return Verdict(RunState.FAILED, str(gone))
        try:
            await exchange.markets(session)
            failpoints.reach("before-cancel")
            held = load(self._reader, stored.key)
            shown = _as_shown(stored, instant(held.sent_at) if held is not None and held.sent_at else None)
            answer = await exchange.cancel(replace(session, closing=True), shown)
            failpoints.reach("after-cancel")
            if outcome_of(answer).kind is Kind.REJECTED:
                why = outcome_of(answer).reason
            for leg in orders.legs(self._reader, stored.key):  # the other one of a pair is cancelled with it
                await self._books.look(session, exchange, leg.id)
        except (*TROUBLE, Unresolved) as trouble:
            until, why = getattr(trouble, "until", None), str(trouble)
        now, stands = self._clock.now(), orders.load(self._reader, stored.id)
        if stands is None or stands.state not in LIVE:
            return Verdict(RunState.DONE)
        if run.attempt >= STUBBORN:
            text = f"{stored.says()} at {stored.account} could not be cancelled {run.attempt} times: {why}"
            notice = Notice("order", run.job, text, stored.account)
            await self._writer.brief(lambda tx: notify(tx, notice, micros(now)))
        return Verdict(RunState.WAITING, why, until or now + min(PAUSE * 2 ** min(run.attempt - 1, 5), LONGEST))

    async def _store(self, name: str, write: Callable[[sqlite3.Connection], T]) -> T:
        failpoints.reach(f"before-{name}")
        value = await self._writer.brief(write)
        failpoints.reach(f"after-{name}")
        return value


def _look(stored: Stored) -> str:
    return (
        f"{stored.account} does not say whether {stored.says()} was placed; look there, then say "
        f"`automator orders resolve {stored.id[:8]} --there ORDER` or `--not-placed`"
    )


def _unsold(tx: sqlite3.Connection, stored: Stored, reason: str, now: datetime) -> None:
    """A person's word was that it is to be sold, and it was not: nobody else decides anew."""
    if stored.closing:
        text = f"{stored.owner}: {stored.says()} at {stored.account} was not placed: {reason}; halt with --sell again"
        notify(tx, Notice("sale", stored.id, text, stored.account), micros(now))


def _looked(stored: Stored, now: datetime, tx: sqlite3.Connection) -> None:
    tx.execute("UPDATE ordered SET looked_at = ? WHERE id = ?", (micros(now), stored.id))


def _as_shown(stored: Stored, sent: datetime | None) -> Order:
    """An order of ours in the exchange's words, as far as a cancel needs it; ``sent``: when it left."""
    return Order(
        id=orders.numbered(stored) or "",
        client_order_id=stored.id,
        symbol=stored.symbol,
        side=Side(stored.side),
        type=OrderType(stored.type),
        state=OrderState(stored.state.value),
        amount=stored.amount,
        filled=stored.filled,
        cost=stored.cost,
        price=stored.price,
        at=sent,
    )
