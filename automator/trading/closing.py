"""Winding down: what a halt asks for beside stopping, that orders are cancelled and what is held is sold."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from automator import failpoints, halts
from automator.clock import Clock, micros
from automator.db import Writer
from automator.notices import Notice, tell
from automator.scheduling import due, lease
from automator.scheduling.due import NewJob
from automator.scheduling.lease import Run, Verdict
from automator.scheduling.states import RunState
from automator.trading import bots, fills, orders, submission
from automator.trading.books import TROUBLE, Opened
from automator.trading.orders import EVER, USER
from connectors.exchange.filters import faults
from connectors.market import Market
from connectors.order import OrderType, Side
from jobs.bots import kinds
from jobs.bots.strategy import Place
from jobs.orders.positions import ZERO, flow
from jobs.orders.risk import plain
from jobs.orders.states import ENDED, State

KIND = "sale"  #: the job that sells what an owner holds of a symbol
PAUSE = timedelta(seconds=1)
DOUBTED = timedelta(minutes=1)  #: between two looks whether a person has settled the sale before
SHOWN = timedelta(minutes=1)  #: after its end the fills of an order that are not shown yet are not waited for
SOLD = "it was halted with --sell: its orders are cancelled, and what it bought is sold; start it to begin anew"
#: of a bot that has bought nothing
GUARDED = (
    "it was halted with --sell: its orders are cancelled, and what it guards is not sold, since it did not buy that; "
    "start it to guard it again"
)


def of(name: str) -> dict[str, str]:
    """Whose orders and positions a halt's name means, as columns and values: all, an account's, or a bot's."""
    if name == halts.EVERYTHING:
        return {}
    return {"account": name} if "/" in name else {"owner": name}


def known(connection: sqlite3.Connection, name: str) -> bool:
    """Whether this is a bot, or an owner of this name has placed an order, or has a limit."""
    row = connection.execute(
        "SELECT 1 FROM bot WHERE name = ? UNION ALL SELECT 1 FROM ordered WHERE owner = ? "
        "UNION ALL SELECT 1 FROM risk WHERE subject = ? LIMIT 1",
        (name, name, name),
    ).fetchone()
    return row is not None and name != USER


def cancel_all(tx: sqlite3.Connection, name: str, now: datetime, *, actor: str) -> list[str]:
    """Ask for all orders of a halt's name to be cancelled; returns those that may be at the exchange."""
    stands = orders.standing(tx, **of(name))
    after = [(item.id, orders.cancel(tx, item.id, now, actor=actor)) for item in stands]
    return [order for order, state in after if state is not None and state not in ENDED]  # None: it went with its pair


def ending(asked: Iterable[str]) -> list[str]:
    """The jobs that bring orders to an end which were asked to be cancelled: of each its own, and its cancel's."""
    return [job for order in asked for job in (order, orders.cancelling(order))]


def stop_all(tx: sqlite3.Connection, name: str, now: datetime, *, actor: str) -> dict[str, str]:
    """Stop the live bots of a halt's name, which would go on as if nothing were sold; returns why, by their names."""
    running = [bot for bot in _meant(tx, name) if bot.live and bot.state is bots.State.RUNNING]
    why = {bot.name: SOLD if kinds.of(bot.kind).bought else GUARDED for bot in running}
    for bot, because in why.items():
        bots.stop(tx, bot, bots.OnStop.KEEP, now, actor=actor, why=because)
    return why


def sold(connection: sqlite3.Connection, name: str) -> list[str]:
    """The bots of a halt's name that ``stop_all`` has stopped, and nobody has started since."""
    return [
        bot.name for bot in _meant(connection, name) if bot.state is bots.State.STOPPED and bot.why in {SOLD, GUARDED}
    ]


def _meant(connection: sqlite3.Connection, name: str) -> list[bots.Bot]:
    return [bot for bot in bots.listed(connection) if name in {halts.EVERYTHING, bot.account, bot.name}]


def sell_all(tx: sqlite3.Connection, name: str, now: datetime) -> list[str]:
    """Have all that was bought under a halt's name sold at the market, once its orders are cancelled; the jobs' ids.

    What an order buys until it is cancelled is sold too; what orders buy that are placed later is not.
    """
    where = of(name)
    clauses = " AND ".join(f"{column} = ?" for column in where) or "1"
    held = "owner, account, symbol FROM position WHERE amount <> '0' AND substr(amount, 1, 1) <> '-'"
    rows = tx.execute(
        f"SELECT {held} AND {clauses} UNION "  # noqa: S608 - constants, and columns' names
        f"SELECT owner, account, symbol FROM ordered WHERE side = 'buy' AND told = 0 AND {clauses}",
        (*where.values(), *where.values()),
    ).fetchall()
    jobs = []
    for owner, account, symbol in rows:
        job = f"sale/{secrets.token_hex(8)}"
        payload = {"owner": owner, "account": account, "symbol": symbol}
        due.add(tx, NewJob(job, KIND, payload, now, account, late=EVER), now)
        jobs.append(job)
    return jobs


def unsold(connection: sqlite3.Connection, name: str) -> list[str]:
    """What was to be sold under a halt's name and still waits to be, each in words."""
    rows = connection.execute(
        "SELECT j.account, j.payload, r.reason FROM job AS j JOIN run AS r ON r.job = j.id "
        "WHERE j.kind = ? AND r.state IN ('scheduled', 'running', 'waiting') ORDER BY r.id",
        (KIND,),
    ).fetchall()
    waiting = ((account, json.loads(said), why) for account, said, why in rows)
    meant = [(said, why) for account, said, why in waiting if name in {halts.EVERYTHING, account, said["owner"]}]
    return [
        f"what {said['owner']} held of {said['symbol']} by then is still to be sold{f' ({why})' if why else ''}"
        for said, why in meant
    ]


def doubt_all(tx: sqlite3.Connection, now: datetime) -> None:
    """A backup was put back: what was to be sold when it was made may have been sold since, which no book here shows.

    A person looks, and says so again.
    """
    rows = tx.execute(
        "SELECT r.id, j.id, j.payload FROM job AS j JOIN run AS r ON r.job = j.id "
        "WHERE j.kind = ? AND r.state IN ('scheduled', 'running', 'waiting')",
        (KIND,),
    ).fetchall()
    for number, job, payload in rows:
        said = json.loads(payload)
        tx.execute("UPDATE run SET state = 'cancelled', reason = 'a backup was put back' WHERE id = ?", (number,))
        text = (
            f"what {said['owner']} held of {said['symbol']} at {said['account']} was to be sold when the backup was "
            "made, and may have been sold since; look there, and if it was not, sell it there or halt with --sell again"
        )
        tell(tx, Notice("sale", job, text, said["account"]), micros(now))


class Closing:
    """The handler of a sale's run."""

    def __init__(self, opened: Opened, writer: Writer, reader: sqlite3.Connection, clock: Clock) -> None:
        self._opened = opened
        self._writer = writer
        self._reader = reader
        self._clock = clock

    async def sell(self, run: Run) -> Verdict:
        """Put in one market order for what an owner holds of a symbol, once nothing of it rests any more.

        Raises:
            automator.intentions.Fenced: another worker has this run.
        """
        account, owner, symbol = _whose(run)
        waits = Verdict(RunState.WAITING, "its orders have not all ended yet", self._clock.now() + PAUSE)
        if doubt := _doubt(self._reader, run):
            return Verdict(RunState.WAITING, doubt, self._clock.now() + DOUBTED)
        if self._resting(self._reader, run):
            return waits
        try:
            session, exchange = self._opened(account, {"job": run.job, "owner": owner}, owner)
            market = (await exchange.markets(session, symbol)).get(symbol)
            if market is None:
                await self._writer.brief(partial(self._given_up, run, f"{account} does not trade it any more"))
                return Verdict(RunState.DONE)
            price = (await exchange.ticker(session, symbol)).bid
            balance = (await exchange.balances(session)).get(market.base)
        except TROUBLE as trouble:
            return Verdict(RunState.WAITING, f"the exchange can't be asked now ({trouble})", self._clock.now() + PAUSE)
        free = balance.free if balance is not None else ZERO
        failpoints.reach("before-sale")
        done = await self._writer.brief(partial(self._put, run, market, price, free))
        failpoints.reach("after-sale")
        return Verdict(RunState.DONE) if done else waits

    def _resting(self, connection: sqlite3.Connection, run: Run) -> bool:
        """Whether what is held may still change: by an order of before the halt, or by fills that are not shown yet."""
        # one that nobody can be sure of is a person's matter, and keeps nothing from being sold, if it is no sale
        row = connection.execute(
            "SELECT 1 FROM ordered WHERE account = ? AND told = 0 AND owner = ? AND symbol = ? AND state <> ? "
            "AND (ended_at IS NULL OR ended_at > ?) AND (created_at <= ? OR closing = 1) LIMIT 1",
            (*_whose(run), State.UNCONFIRMED, micros(self._clock.now() - SHOWN), micros(run.scheduled_for)),
        ).fetchone()
        return row is not None

    def _given_up(self, run: Run, why: str, tx: sqlite3.Connection) -> None:
        lease.check(tx, run)
        account, owner, symbol = _whose(run)
        text = f"what {owner} holds of {symbol} at {account} was not sold: {why}"
        tell(tx, Notice("sale", run.job, text, account), micros(self._clock.now()))
        lease.finish(tx, run, Verdict(RunState.DONE), self._clock.now())

    def _put(self, run: Run, market: Market, price: Decimal, free: Decimal, tx: sqlite3.Connection) -> bool:
        lease.check(tx, run)
        (account, owner, _), now = _whose(run), self._clock.now()
        if self._resting(tx, run) or _doubt(tx, run):
            return False  # another sale of the same was put in meanwhile: twice would sell what is not meant
        held = _held(tx, run)
        if held <= 0:  # its orders were cancelled before they had bought anything
            lease.finish(tx, run, Verdict(RunState.DONE), now)
            return True
        amount = min(held, free)  # fees in the base asset, or a withdrawal, may have left less
        wish = Place(run.job, market.symbol, Side.SELL, OrderType.MARKET, amount)
        done = submission.submit(tx, account, owner, run.job, wish, now, market=market, price=price, closing=True)
        if isinstance(done, submission.Refused):
            text = f"what {owner} holds of {market.symbol} at {account} was not sold: {'; '.join(done.reasons)}"
            tell(tx, Notice("sale", run.job, text, account), micros(now))
        elif not faults(submission.fitted(replace(wish, amount=held - amount), market), market, price):
            text = (
                f"of {plain(held)} {market.base} that {owner} holds at {account} only {plain(amount)} was free to be "
                "sold: orders of others hold the rest, or it is no longer there; look, and halt with --sell again"
            )
            tell(tx, Notice("sale", run.job, text, account), micros(now))
        lease.finish(tx, run, Verdict(RunState.DONE), now)
        return True


def _whose(run: Run) -> tuple[str, str, str]:
    """Account, owner and symbol of a sale."""
    return run.payload["account"], run.payload["owner"], run.payload["symbol"]


def _doubt(connection: sqlite3.Connection, run: Run) -> str:
    """Why what is held is not known until a person has looked; empty: it is."""
    row = connection.execute(
        "SELECT id FROM ordered WHERE account = ? AND told = 0 AND owner = ? AND symbol = ? AND closing = 1 "
        "AND state = ? LIMIT 1",
        (*_whose(run), State.UNCONFIRMED),
    ).fetchone()
    settle = "`automator orders resolve {} --there ORDER` or `--not-placed` settles that"
    return f"it is not known what the sale before has sold: {settle.format(row[0][:8])}" if row else ""


def _unshown(tx: sqlite3.Connection, run: Run) -> Decimal:
    """What was sold by orders that say so, whose trades are not shown: only by the books it is still held."""
    rows = tx.execute(
        "SELECT id FROM ordered WHERE account = ? AND owner = ? AND symbol = ? AND side = 'sell' "
        "AND (closing = 1 OR told = 0)",
        _whose(run),
    ).fetchall()
    sales = [found for (order,) in rows if (found := orders.load(tx, order)) is not None]
    return sum((max(ZERO, one.filled - fills.amount(tx, one)) for one in sales), ZERO)


def _held(tx: sqlite3.Connection, run: Run) -> Decimal:
    """What is held of what was bought before the halt: a sale may have to wait, and who has resumed buys again."""
    row = tx.execute(
        "SELECT amount FROM position WHERE account = ? AND owner = ? AND symbol = ?", _whose(run)
    ).fetchone()
    later = tx.execute(
        "SELECT n.fill FROM ordered AS o JOIN order_news AS n ON n.ordered = o.id AND n.realised IS NOT NULL "
        "WHERE o.account = ? AND o.owner = ? AND o.symbol = ? AND o.side = 'buy' AND o.created_at > ?",
        (*_whose(run), micros(run.scheduled_for)),
    )
    by_the_books = (Decimal(row[0]) if row else ZERO) - _unshown(tx, run)
    return by_the_books - sum((flow(fills.one(tx, fill)).base for (fill,) in later), ZERO)
