"""Winding down: what a halt asks for beside stopping, that orders are cancelled and what is held is sold."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from automator import halts
from automator.clock import Clock, micros
from automator.db import Writer
from automator.notices import Notice, tell
from automator.scheduling import due, lease
from automator.scheduling.due import NewJob
from automator.scheduling.lease import Run, Verdict
from automator.scheduling.states import RunState
from automator.trading import bots, orders, submission
from automator.trading.books import TROUBLE, Opened
from automator.trading.orders import EVER, USER
from connectors.market import Market
from connectors.order import OrderType, Side
from jobs.bots import kinds
from jobs.bots.strategy import Place
from jobs.orders.states import ENDED, State

KIND = "sale"  #: the job that sells what an owner holds of a symbol
PAUSE = timedelta(seconds=1)
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

    What an order buys until it is cancelled is sold too.
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
        owner, account, symbol = (run.payload[name] for name in ("owner", "account", "symbol"))
        waits = Verdict(RunState.WAITING, "its orders have not all ended yet", self._clock.now() + PAUSE)
        if self._resting(self._reader, owner, account, symbol):
            return waits
        try:
            session, exchange = self._opened(account, {"job": run.job, "owner": owner}, owner)
            market = (await exchange.markets(session))[symbol]
            price = (await exchange.ticker(session, symbol)).bid
            balance = (await exchange.balances(session)).get(market.base)
        except TROUBLE as trouble:
            return Verdict(RunState.WAITING, f"the exchange can't be asked now ({trouble})", self._clock.now() + PAUSE)
        free = balance.free if balance is not None else Decimal(0)
        done = await self._writer.brief(partial(self._put, run, market, price, free))
        return Verdict(RunState.DONE) if done else waits

    def _resting(self, connection: sqlite3.Connection, owner: str, account: str, symbol: str) -> bool:
        """Whether what is held may still change: by an order, or by fills of one that are not shown yet."""
        # one that nobody can be sure of is a person's matter, and keeps nothing from being sold
        row = connection.execute(
            "SELECT 1 FROM ordered WHERE account = ? AND told = 0 AND owner = ? AND symbol = ? AND state <> ? "
            "AND (ended_at IS NULL OR ended_at > ?) LIMIT 1",
            (account, owner, symbol, State.UNCONFIRMED, micros(self._clock.now() - SHOWN)),
        ).fetchone()
        return row is not None

    def _put(self, run: Run, market: Market, price: Decimal, free: Decimal, tx: sqlite3.Connection) -> bool:
        lease.check(tx, run)
        owner, account, now = run.payload["owner"], run.payload["account"], self._clock.now()
        if self._resting(tx, owner, account, market.symbol):
            return False  # another sale of the same was put in meanwhile: twice would sell what is not meant
        row = tx.execute(
            "SELECT amount FROM position WHERE owner = ? AND account = ? AND symbol = ?",
            (owner, account, market.symbol),
        ).fetchone()
        if row is None or Decimal(row[0]) <= 0:  # its orders were cancelled before they had bought anything
            lease.finish(tx, run, Verdict(RunState.DONE), now)
            return True
        amount = min(Decimal(row[0]), free)  # fees in the base asset, or a withdrawal, may have left less
        wish = Place(run.job, market.symbol, Side.SELL, OrderType.MARKET, amount)
        done = submission.submit(tx, account, owner, run.job, wish, now, market=market, price=price, closing=True)
        if isinstance(done, submission.Refused):
            text = f"what {owner} holds of {market.symbol} at {account} was not sold: {'; '.join(done.reasons)}"
            tell(tx, Notice("sale", run.job, text, account), micros(now))
        lease.finish(tx, run, Verdict(RunState.DONE), now)
        return True
