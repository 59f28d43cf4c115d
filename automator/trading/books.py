"""Books: what an exchange shows of an account's orders, fills and balances, brought into ours. Nothing is sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from automator import failpoints
from automator.clock import Clock, micros
from automator.db import Writer
from automator.egress.session import Session
from automator.ledger import chain
from automator.notices import Notice
from automator.notices import tell as notify
from automator.scheduling import beats
from automator.trading import fills, marks, news, orders
from automator.trading.orders import Stored
from connectors.base import CallRefused, NotNow
from connectors.network import Rejected
from connectors.order import Balance, Fill, Order, orders_of
from connectors.venue import Exchange
from jobs.orders.risk import plain
from jobs.orders.states import ENDED, LIVE, State

CAUSE = {"duty": "books"}
TAKEN = "books "  #: how the beats begin that say when someone last took a look at an account upon himself
OFTEN = timedelta(seconds=10)  #: between two looks at an account with open orders
RARELY = timedelta(minutes=5)  #: at another one
SLACK = timedelta(minutes=5)  #: fills are read from so much earlier: clocks differ, and lists lag
FINDS = 10  #: orders that are asked for one by one in one look; the others wait for the next
NEWEST = 1000  #: of the news, among which an order's end is looked for
ROUNDS = 20  #: answers that one reading of fills may take
PATIENCE = timedelta(minutes=10)  #: after which a person is told of an order, or of fills, that the exchange lacks
TROUBLE = (Rejected, NotNow, CallRefused)  #: the exchange can't be asked now

Opened = Callable[[str, Mapping[str, str], str], tuple[Session, Exchange]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at an account has shown.

    Attributes:
        foreign: Open orders that are not ours; nobody touches them.
        missing: Orders of ours that should be open, and that the exchange does not show.
        doubtful: Orders of ours that it does not show, and of which nobody can be sure.
        fills: How many were new.
    """

    foreign: tuple[Order, ...]
    missing: tuple[Stored, ...]
    doubtful: tuple[Stored, ...]
    fills: int
    balances: Mapping[str, Balance]

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "foreign": [_told(item) for item in self.foreign],
            "missing": [item.as_json() for item in self.missing],
            "unconfirmed": [item.as_json() for item in self.doubtful],
            "new_fills": self.fills,
            "balances": {
                asset: {"free": plain(item.free), "locked": plain(item.locked)} for asset, item in self.balances.items()
            },
        }


def _told(order: Order) -> dict[str, Any]:
    told = {name: getattr(order, name) for name in ("id", "client_order_id", "symbol", "side", "type", "state")}
    numbers = {"amount": order.amount, "price": order.price, "filled": order.filled}
    return told | {name: None if number is None else plain(number) for name, number in numbers.items()}


class Books:
    """Keeps the books of this installation's exchange accounts. Any number of looks, in any order, change nothing."""

    def __init__(self, opened: Opened, writer: Writer, reader: sqlite3.Connection, clock: Clock) -> None:
        self._opened = opened
        self._writer = writer
        self._reader = reader
        self._clock = clock

    async def look(self, session: Session, exchange: Exchange, order: str) -> Order | None:
        """Ask for one order and its fills, and store what is shown; ``None``: the exchange does not show it.

        Raises:
            connectors.network.Rejected: the exchange could not be asked.
        """
        stored = orders.load(self._reader, order)
        if stored is None:
            return await exchange.find(session, self.plan(order))
        found = await self.find(session, exchange, stored)
        if found is None:
            return None
        traded = await self._traded(session, exchange, stored.symbol, (stored,)) if found.filled else []

        def store(tx: sqlite3.Connection) -> None:
            now = self._clock.now()
            fills.add(tx, stored.account, traded)
            adopt(tx, stored, found, now)
            news.tell(tx, order, now)

        failpoints.reach("before-shown")
        await self._writer.brief(store)
        failpoints.reach("after-shown")
        return found

    async def find(self, session: Session, exchange: Exchange, stored: Stored) -> Order | None:
        """Ask for one order; ``None``: the exchange does not show it, or another one under its number.

        Raises:
            connectors.network.Rejected: the exchange could not be asked.
        """
        found = await exchange.find(session, self.plan(stored.id))
        return None if found is not None and not self._same(stored, found) else found

    def _same(self, stored: Stored, seen: Order) -> bool:
        """Whether what bears an order's number is that order.

        One whose id of ours was changed, by an amendment in the exchange's app, is. An exchange that has begun its
        numbers anew, as test environments do when they are wiped, has given them to others.
        """
        if seen.client_order_id == stored.id:
            return True
        late = seen.at is not None and abs(seen.at - stored.created_at) > SLACK
        other = orders.load(self._reader, seen.client_order_id)
        return (seen.symbol, seen.side) == (stored.symbol, stored.side) and other is None and not late

    def plan(self, order: str) -> Mapping[str, Any]:
        """What was frozen of an order, of a pair of this one; and the exchange's ``id`` of it, where that is known."""
        stored = orders.load(self._reader, order)
        asked = orders_of(orders.plan(self._reader, stored.key if stored else order))
        frozen = next(one.plan() for one in asked if one.client_order_id == order)
        return frozen | {"id": stored.exchange_id} if stored and orders.numbered(stored) else frozen

    async def reconcile(self, account: str, actor: str = "service") -> Seen:
        """Look at everything that may have changed, and store it.

        Raises:
            automator.accounts.NoAccount: there is none of this name.
            connectors.network.Rejected: the exchange could not be asked; so too ``NotNow`` and ``CallRefused``.
        """
        began = self._clock.now()
        session, exchange = self._opened(account, CAUSE, actor)
        await exchange.markets(session)
        symbols = {item.symbol for item in waited_for(self._reader, account)}
        resting = await _open(session, exchange, symbols)
        shown = {item.client_order_id or f"{item.symbol} {item.id}": item for item in resting}
        waiting = waited_for(self._reader, account)
        found, missing = await self._found(session, exchange, waiting, shown)
        traded: list[Fill] = []
        for symbol in sorted({item.symbol for item in waiting}):
            mine = [item for item in waiting if item.symbol == symbol]
            with suppress(Rejected):  # as below; where nothing can be had, the balances can't
                traded += await self._traded(session, exchange, symbol, mine)
        balances, prices = await exchange.balances(session), await self._prices(session, exchange)

        def store(tx: sqlite3.Connection) -> int:
            beats.beat(tx, _look_at(account), began)
            return self._store(tx, account, found, traded, balances, missing, prices)

        failpoints.reach("before-books")
        fresh = await self._writer.brief(store)
        failpoints.reach("after-books")
        foreign = tuple(item for item in shown.values() if not _ours(self._reader, account, item))
        doubtful = tuple(orders.listed(self._reader, account=account, state=State.UNCONFIRMED))
        return Seen(foreign, tuple(missing), doubtful, fresh, balances)

    async def _prices(self, session: Session, exchange: Exchange) -> Mapping[str, Decimal]:
        """What a limit of a day's loss needs to know, as far as it is told."""
        known = dict[str, Decimal]()
        for symbol in marks.wanted(self._reader, session.account.name):
            with suppress(*TROUBLE):  # one that is no longer traded keeps nothing else from being looked at
                known[symbol] = (await exchange.ticker(session, symbol)).last
        return known

    async def _found(
        self, session: Session, exchange: Exchange, waiting: Sequence[Stored], shown: Mapping[str, Order]
    ) -> tuple[dict[str, Order], list[Stored]]:
        found, missing, asked = dict[str, Order](), list[Stored](), 0
        by_number = {(item.symbol, item.id): item for item in shown.values()}
        for stored in sorted(waiting, key=lambda item: item.looked_at or item.created_at):
            listed = shown.get(stored.id) or by_number.get((stored.symbol, stored.exchange_id or ""))
            if listed is not None and self._same(stored, listed):
                found[stored.id] = listed
            elif stored.state in LIVE | {State.UNKNOWN, State.UNCONFIRMED} and asked < FINDS:
                asked += 1  # it has ended, or the list was made before it was placed: it says so itself
                direct = None
                with suppress(Rejected):  # of a market that is gone, say; that keeps no other from being looked at
                    direct = await self.find(session, exchange, stored)
                if direct is not None:
                    found[stored.id] = direct
                else:
                    missing.append(stored)
        for order in shown.keys() - found.keys():
            late = orders.load(self._reader, order)  # one that was taken for not placed
            if late is not None and late.account == session.account.name:
                found[order] = shown[order]
        return found, [item for item in missing if item.state in LIVE]

    async def _traded(
        self, session: Session, exchange: Exchange, symbol: str, waiting: Collection[Stored]
    ) -> list[Fill]:
        """The fills of a symbol since the last that is stored, and since the first that may be lacking."""
        newest = fills.newest(self._reader, session.account.name, symbol)
        lacking = [item.created_at for item in waiting if item.filled > fills.amount(self._reader, item)]
        first = min([newest or min(item.created_at for item in waiting), *lacking]) - SLACK
        found: dict[tuple[str, str], Fill] = {}
        for _ in range(ROUNDS):
            answer = await exchange.fills(session, symbol, first)
            fresh = [item for item in answer if item.key not in found]
            found |= {item.key: item for item in fresh}
            if not fresh:
                break
            first = max(item.at for item in fresh)
        return sorted(found.values(), key=lambda item: item.at)

    def _store(  # noqa: PLR0913, PLR0917 - all that was seen, in one transaction
        self,
        tx: sqlite3.Connection,
        account: str,
        found: Mapping[str, Order],
        traded: Sequence[Fill],
        balances: Mapping[str, Balance],
        missing: Sequence[Stored],
        prices: Mapping[str, Decimal],
    ) -> int:
        now = self._clock.now()
        for symbol, price in prices.items():
            marks.note(tx, account, symbol, price, now)
        fresh = fills.add(tx, account, traded)
        for order, seen in found.items():
            stored = orders.load(tx, order)
            if stored is not None:
                adopt(tx, stored, seen, now)
                tx.execute("UPDATE ordered SET looked_at = ? WHERE id = ?", (micros(now), order))
        for number, symbol in {(item.order_id, item.symbol) for item in fresh}:
            _comes_late(tx, account, symbol, number, now)
        for stored in waited_for(tx, account):
            if not news.tell(tx, stored.id, now) and stored.state in ENDED:
                _lacks_fills(tx, stored, now)
        for stored in missing:
            _is_missing(tx, stored, now)
        _hold(tx, account, balances, now)
        return len(fresh)


async def _open(session: Session, exchange: Exchange, symbols: Collection[str]) -> Sequence[Order]:
    """The open orders; at an exchange that shows those of one symbol at a time alone, of the symbols that matter.

    Raises:
        connectors.network.Rejected: they can't be had.
    """
    try:
        return await exchange.open_orders(session)
    except Rejected:
        if not symbols:
            raise
    return [item for symbol in sorted(symbols) for item in await exchange.open_orders(session, symbol)]


def _look_at(account: str) -> str:
    return f"looked {account}"


def looked(connection: sqlite3.Connection, account: str, now: datetime) -> timedelta:
    """How long ago the last look at an account began whose findings are in the books; ``timedelta.max``: never."""
    return beats.since(connection, _look_at(account), now)


def claim(tx: sqlite3.Connection, account: str, now: datetime) -> bool:
    """Whether an account is to be looked at now; whoever asks first, in any process, is the one who does it."""
    looked = beats.since(tx, f"{TAKEN}{account}", now)
    if looked < OFTEN or (looked < RARELY and not waited_for(tx, account) and not _ended(tx, account, now - looked)):
        return False
    take(tx, account, now)
    return True


def take(tx: sqlite3.Connection, account: str, now: datetime) -> None:
    """An account is looked at from now on, so that nobody else does."""
    beats.beat(tx, f"{TAKEN}{account}", now)


def anew(tx: sqlite3.Connection) -> None:
    """A service begins: each account is looked at now, whoever looked last."""
    beats.forget(tx, TAKEN, ())


def _ended(connection: sqlite3.Connection, account: str, since: datetime) -> bool:
    """Whether an order has ended since, so that the balances are others; told by the newest news."""
    row = connection.execute(
        "SELECT 1 FROM order_news WHERE id > (SELECT max(id) FROM order_news) - ? "
        "AND account = ? AND fill = 0 AND at >= ?",
        (NEWEST, account, micros(since)),
    ).fetchone()
    return row is not None


def waited_for(connection: sqlite3.Connection, account: str) -> list[Stored]:
    """Orders of which something may still come: not ended, or ended without their owner having been told so."""
    rows = connection.execute(
        "SELECT id FROM ordered WHERE account = ? AND told = 0 AND state <> 'intent'", (account,)
    ).fetchall()
    return [found for (order,) in rows if (found := orders.load(connection, order)) is not None]


def adopt(tx: sqlite3.Connection, stored: Stored, seen: Order, now: datetime) -> None:
    """The exchange shows an order of ours; where that was in doubt, it is an event."""
    state = orders.shown(tx, stored.id, seen, now)
    if state is None or stored.state in LIVE:
        return
    at = micros(now)
    said = {"what": "resolved", "order": stored.id, "was": stored.state, "state": state, "exchange_id": seen.id}
    chain.append(tx, "event", at, said, account=stored.account)
    if stored.state is State.UNCONFIRMED:
        tx.execute("UPDATE run SET state = 'done' WHERE job = ? AND state = 'unconfirmed'", (stored.key,))
        if stored.cancel_at is not None and seen.filled:
            what = f"{stored.says()} at {stored.account} was to be cancelled while nobody knew of it"
            text = f"{what}, and {plain(seen.filled)} of it was filled; no sale of a halt's has counted that"
            notify(tx, Notice("order", stored.id, text, stored.account), at)
    if stored.state in ENDED:
        # that it has ended was told, and stays so; its end is still to come, and told again
        tx.execute("UPDATE order_news SET fill = -id WHERE ordered = ? AND fill = 0", (stored.id,))
        tx.execute("UPDATE ordered SET told = 0 WHERE id = ?", (stored.id,))
        text = f"{stored.says()} was taken for {stored.state}, and is at {stored.account} as {seen.id}: {seen.state}"
        notify(tx, Notice("order", stored.id, text, stored.account), at)


def _ours(reader: sqlite3.Connection, account: str, seen: Order) -> bool:
    row = reader.execute(
        "SELECT 1 FROM ordered WHERE id = ? OR (account = ? AND symbol = ? AND exchange_id = ?)",
        (seen.client_order_id, account, seen.symbol, seen.id),
    ).fetchone()
    return row is not None


def _is_missing(tx: sqlite3.Connection, stored: Stored, now: datetime) -> None:
    if now - stored.created_at > PATIENCE:
        text = (
            f"{stored.account} does not show {stored.says()} ({stored.exchange_id}), which it had accepted; "
            f"look there, and if it has ended, say `automator orders resolve {stored.id[:8]} --gone`"
        )
        notify(tx, Notice("order", f"{stored.id}/missing", text, stored.account), micros(now))


def _lacks_fills(tx: sqlite3.Connection, stored: Stored, now: datetime) -> None:
    """It has ended, and its fills are not all shown: after a while its owner need not wait for them."""
    if stored.ended_at is None or now - stored.ended_at < PATIENCE:
        return
    text = (
        f"{stored.account} says that {plain(stored.filled)} of {stored.says()} is filled, and does not show the fills"
    )
    notify(tx, Notice("order", f"{stored.id}/fills", text, stored.account), micros(now))
    news.tell(tx, stored.id, now, whole=False)


def _comes_late(tx: sqlite3.Connection, account: str, symbol: str, number: str, now: datetime) -> None:
    """Trades of an order whose owner was told that it has ended: they are in the books all the same, and told."""
    row = tx.execute(
        "SELECT id FROM ordered WHERE account = ? AND symbol = ? AND exchange_id = ? AND told = 1",
        (account, symbol, number),
    ).fetchone()
    stored = orders.load(tx, row[0]) if row else None
    if stored is None:
        return
    traded = [fill for _, fill in fills.of_order(tx, stored)]
    filled, cost = (
        sum(many, Decimal(0)) for many in zip(*((f.amount, f.amount * f.price) for f in traded), strict=True)
    )
    if filled > stored.filled:
        tx.execute("UPDATE ordered SET filled = ?, cost = ? WHERE id = ?", (str(filled), str(cost), stored.id))
        text = (
            f"{stored.account} said that {stored.says()} had ended with {plain(stored.filled)} of it filled, and shows "
            f"trades of {plain(filled)} now; {stored.owner} holds that too"
        )
        notify(tx, Notice("order", f"{stored.id}/late", text, stored.account), micros(now))
    news.tell(tx, stored.id, now)


def _hold(tx: sqlite3.Connection, account: str, balances: Mapping[str, Balance], now: datetime) -> None:
    tx.execute("DELETE FROM holding WHERE account = ?", (account,))
    rows = [(account, item.asset, plain(item.free), plain(item.locked), micros(now)) for item in balances.values()]
    tx.executemany("INSERT INTO holding (account, asset, free, locked, at) VALUES (?,?,?,?,?)", rows)
