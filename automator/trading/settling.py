"""Settling an order that the exchange does not tell of: by a person's word, after it was asked, where it can be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from functools import partial

from automator.accounts import NoAccount
from automator.clock import Clock, micros
from automator.db import Writer
from automator.egress.session import Session
from automator.intentions import State as Journal
from automator.intentions import settle
from automator.ledger import chain
from automator.trading import fills, news, orders
from automator.trading.books import TROUBLE, Books, Opened, adopt
from automator.trading.orders import Stored, ended, move
from connectors.order import Order, OrderRequest, OrderState
from connectors.venue import Exchange
from jobs.orders.risk import plain
from jobs.orders.states import LIVE, State, Step

#: stores a person's word on an order; ``False``: it does not apply
Said = Callable[[sqlite3.Connection, str, datetime], bool]

UNCHECKED = "nothing was changed; --unchecked takes your word for it"


class Unsettled(Exception):
    """It stays unconfirmed; one sentence says why."""


class Settling:
    """Takes a person's word on orders of this installation."""

    def __init__(self, opened: Opened, books: Books, writer: Writer, reader: sqlite3.Connection, clock: Clock) -> None:
        self._opened = opened
        self._books = books
        self._writer = writer
        self._reader = reader
        self._clock = clock

    async def there(self, stored: Stored, number: str, *, unchecked: bool, actor: str) -> None:
        """It is at the exchange, as its order ``number``; what the exchange says of that one is stored.

        Raises:
            Unsettled: there is no such order, it is another one, or the exchange can't be asked.
        """
        self._unlike_others(stored, number)
        found = None if unchecked else await self._looked_up(stored, number)

        def store(tx: sqlite3.Connection) -> None:
            now = self._clock.now()
            if not there(tx, stored.id, number, now, actor=actor):
                raise Unsettled(_nothing(tx, stored))
            if found is not None:
                orders.shown(tx, stored.id, found, now)
                news.tell(tx, stored.id, now)

        await self._writer.run(store)
        await self._look(stored, actor)

    async def not_placed(self, stored: Stored, *, unchecked: bool, actor: str) -> Order | None:
        """It is not at the exchange; if that shows it all the same, it is taken for what is shown, and returned.

        Raises:
            Unsettled: the exchange can't be asked.
        """
        found = None if unchecked else await self._found(stored)
        await self._writer.run(partial(self._as_said, stored, found, partial(not_placed, actor=actor)))
        if found is not None:
            await self._look(stored, actor)
        return found

    async def gone(self, stored: Stored, *, unchecked: bool, actor: str) -> Order | None:
        """It was at the exchange, and is there no longer: it has ended with what was filled.

        If the exchange shows it all the same, it is taken for what is shown, and returned.

        Raises:
            Unsettled: the exchange can't be asked, or never accepted it.
        """
        found = None if unchecked else await self._found(stored)
        await self._look(stored, actor)  # what it filled before counts
        await self._writer.run(partial(self._as_said, stored, found, partial(gone, actor=actor)))
        return found

    def _as_said(self, stored: Stored, found: Order | None, said: Said, tx: sqlite3.Connection) -> None:
        """Take an order for what is shown; if nothing is, for what a person says."""
        now = self._clock.now()
        if found is not None:
            adopt(tx, stored, found, now)
            news.tell(tx, stored.id, now)
        elif not said(tx, stored.id, now):
            raise Unsettled(_nothing(tx, stored))

    def _unlike_others(self, stored: Stored, number: str) -> None:
        """Refuse the number of an order that is known: what that one trades would count twice."""
        known = self._reader.execute(
            "SELECT id FROM ordered WHERE account = ? AND symbol = ? AND exchange_id = ? AND id <> ?",
            (stored.account, stored.symbol, number, stored.id),
        ).fetchone()
        if known is not None:
            raise Unsettled(f"order {number} at {stored.account} is {known[0][:8]}, another one; nothing was changed")

    async def _looked_up(self, stored: Stored, number: str) -> Order:
        plan = self._books.plan(stored.id)
        try:
            session, exchange = await self._exchange(stored)
            found = await exchange.look_up(session, plan, number)
        except (*TROUBLE, NoAccount) as trouble:
            raise Unsettled(f"{stored.account} can't be asked about order {number} ({trouble}); {UNCHECKED}") from None
        if found is None:
            raise Unsettled(f"{stored.account} has no order {number} of {stored.symbol}; nothing was changed")
        if why := another(OrderRequest.of(plan), found, named=exchange.custom.tested):
            raise Unsettled(f"order {number} at {stored.account} is another one: {why}; nothing was changed")
        return found

    async def _found(self, stored: Stored) -> Order | None:
        try:
            session, exchange = await self._exchange(stored)
            return await self._books.find(session, exchange, stored)
        except (*TROUBLE, NoAccount) as trouble:
            raise Unsettled(f"{stored.account} can't be asked whether it is there ({trouble}); {UNCHECKED}") from None

    async def _exchange(self, stored: Stored) -> tuple[Session, Exchange]:
        session, exchange = self._opened(stored.account, {"order": stored.id, "command": "orders resolve"}, "user")
        await exchange.markets(session)
        return session, exchange

    async def _look(self, stored: Stored, actor: str) -> None:
        """Learn its fills now; if that fails, the next look at the account tells."""
        with suppress(*TROUBLE, NoAccount):
            await self._books.reconcile(stored.account, actor)


def another(asked: OrderRequest, found: Order, *, named: bool) -> str:
    """Why an order that an exchange shows can't be the one that was asked for; empty: it may be. Pure.

    ``named``: orders there bear the client order ids that we gave them.
    """
    ours = (asked.symbol, asked.side, asked.amount)
    if (found.symbol, found.side) != ours[:2] or (None not in {asked.amount, found.amount} and found.amount != ours[2]):
        theirs = f"{found.side} {plain(found.amount or found.filled)} {found.symbol}"
        return f"it is {theirs}, not {asked.side} {plain(asked.amount or found.filled)} {asked.symbol}"
    if named and found.client_order_id and found.client_order_id != asked.client_order_id:
        return f"it bears the client order id {found.client_order_id}, not {asked.client_order_id}"
    return ""


def there(tx: sqlite3.Connection, order: str, number: str, now: datetime, *, actor: str) -> bool:
    """An unconfirmed order is at the exchange, under this id of the exchange's; ``False``: it is not unconfirmed.

    Of a pair the other one is there too.
    """
    stored = orders.load(tx, order)
    if stored is None or move(tx, order, Step.THERE, now) is None:
        return False
    orders.move_all(tx, stored.key, Step.THERE, now)
    tx.execute("UPDATE ordered SET exchange_id = ? WHERE id = ?", (number, order))
    settle(tx, stored.key, Journal.DONE, {"id": number})
    return _settled(tx, stored, f"it is there: {number}", now, actor)


def not_placed(tx: sqlite3.Connection, order: str, now: datetime, *, actor: str) -> bool:
    """The exchange does not have an unconfirmed order; ``False``: it is not unconfirmed. Of a pair it has neither."""
    stored = orders.load(tx, order)
    if stored is None or stored.state is not State.UNCONFIRMED:
        return False
    for leg in orders.legs(tx, stored.key):
        if move(tx, leg.id, Step.NOT_THERE, now, reason="not placed, as a person saw") is not None:
            ended(tx, leg.id, micros(now))
    return _settled(tx, stored, "not placed", now, actor)


def gone(tx: sqlite3.Connection, order: str, now: datetime, *, actor: str) -> bool:
    """The exchange no longer has an order that it had accepted; ``False``: by our records it is not open there.

    Some show one that was cancelled for a few hours only.
    """
    stored = orders.load(tx, order)
    if stored is None or stored.state not in LIVE:
        return False
    traded = [fill for _, fill in fills.of_order(tx, stored)]
    filled = max(stored.filled, sum((fill.amount for fill in traded), Decimal(0)))
    cost = max(stored.cost, sum((fill.amount * fill.price for fill in traded), Decimal(0)))
    tx.execute("UPDATE ordered SET filled = ?, cost = ? WHERE id = ?", (str(filled), str(cost), order))
    whole = stored.amount is not None and filled >= stored.amount
    move(tx, order, OrderState.FILLED if whole else OrderState.CANCELLED, now, reason="gone, as a person saw")
    news.tell(tx, order, now)
    return _settled(tx, stored, "it is there no longer", now, actor)


def _settled(tx: sqlite3.Connection, stored: Stored, verdict: str, now: datetime, actor: str) -> bool:
    tx.execute("UPDATE run SET state = 'done' WHERE job = ? AND state = 'unconfirmed'", (stored.key,))
    said = {"what": "settled", "order": stored.id, "verdict": verdict, "actor": actor}
    chain.append(tx, "event", micros(now), said, account=stored.account)
    return True


def doubt_all(tx: sqlite3.Connection, now: datetime) -> None:
    """A backup was put back: what had not left when it was made may have left since, so the exchange is asked first."""
    rows = tx.execute(
        "SELECT id, coalesce(pair, id), created_at FROM ordered WHERE state IN (?, ?)", (State.INTENT, State.SENT)
    ).fetchall()
    for order, key, at in rows:
        tx.execute(
            "UPDATE intention SET state = ?, sent_at = ?, attempt = attempt + 1 WHERE key = ? AND state = ?",
            (Journal.SENT, at, key, Journal.PLANNED),
        )
        move(tx, order, Step.LOST, now)


def _nothing(tx: sqlite3.Connection, stored: Stored) -> str:
    now = orders.load(tx, stored.id) or stored
    return f"{stored.id[:8]} is {now.state.replace('_', ' ')}; there is nothing to settle"
