"""Bots as a user sees them: added, started, stopped, removed, spoken to. Functions of an open transaction."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from automator.clock import floor, instant, micros
from automator.ledger import chain
from automator.ledger.chain import canonical
from automator.notices import Notice, tell
from automator.scheduling import due
from automator.scheduling.due import NewJob
from automator.trading import orders
from connectors.order import Fill, Side
from connectors.words import counted
from jobs.bots.strategies.signal import Taken
from jobs.bots.strategy import Filled, Signal
from jobs.orders.risk import plain

KIND = "bot"  #: the job that a bot is while it runs
EVER = timedelta(days=36_500)  #: how late it may decide: what it missed it sees then
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
RESERVED = frozenset({orders.USER, "service", "scheduler"})
EVERY = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14_400, "1d": 86_400}  #: candles, in seconds


class BotError(ValueError):
    """What can't be done with a bot; one sentence."""


class State(StrEnum):
    """How far a bot has come."""

    NEW = "new"
    RUNNING = "running"
    STOPPED = "stopped"


class OnStop(StrEnum):
    """What a bot's open orders become when it stops."""

    KEEP = "keep"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot as it stands.

    Attributes:
        funds: What it may use, by asset; on paper what it begins with.
        every: A candle's length; it decides when one has closed.
        job: Of the present start; what it calls its orders begins with it.
        kept: Its strategy's state, and what it holds, or its desk on paper.
        seen: The last close at which it decided, or it was started.
        news: What became of its orders is dealt with up to this number.
    """

    name: str
    kind: str
    account: str
    live: bool
    parameters: Mapping[str, Any]
    funds: Mapping[str, Decimal]
    every: timedelta
    on_stop: OnStop
    state: State = State.NEW
    why: str = ""
    job: str = ""
    kept: Mapping[str, Any] | None = None
    seen: datetime | None = None
    news: int = 0
    version: int = 0

    def tag(self, tag: str) -> str:
        """What an order of this start is called among all that it ever placed."""
        return f"{self.job.rpartition('/')[2]}/{tag}"

    def own_tag(self, tag: str) -> str | None:
        """What the strategy calls an order; ``None``: it is of another start, or a person's."""
        start, slash, own = tag.partition("/")
        return own if slash and start == self.job.rpartition("/")[2] else None

    def as_json(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "name": self.name,
            "kind": self.kind,
            "account": self.account,
            "live": self.live,
            "state": self.state.value,
            "why": self.why,
            "parameters": dict(self.parameters),
            "funds": {asset: plain(much) for asset, much in self.funds.items()},
            "every_seconds": self.every // timedelta(seconds=1),
            "on_stop": self.on_stop.value,
            "seen": self.seen.isoformat() if self.seen else None,
        }


_NAMES = "name kind account live parameters funds every on_stop state why job kept seen news version created_at"
_COLUMNS = _NAMES.replace(" ", ", ")


def _bot(row: tuple[Any, ...]) -> Bot:
    name, kind, account, live, parameters, funds, every, on_stop, state, why, job, kept, seen, news, version, _ = row
    return Bot(
        name,
        kind,
        account,
        bool(live),
        json.loads(parameters),
        {asset: Decimal(much) for asset, much in json.loads(funds).items()},
        timedelta(seconds=every),
        OnStop(on_stop),
        State(state),
        why,
        job,
        json.loads(kept),
        instant(seen) if seen else None,
        news,
        version,
    )


def load(connection: sqlite3.Connection, name: str) -> Bot | None:
    """One bot; ``None``: there is none of this name."""
    row = connection.execute(f"SELECT {_COLUMNS} FROM bot WHERE name = ?", (name,)).fetchone()  # noqa: S608 - a constant
    return _bot(row) if row else None


def one(connection: sqlite3.Connection, name: str) -> Bot:
    """One bot.

    Raises:
        BotError: there is none of this name.
    """
    found = load(connection, name)
    if found is None:
        raise BotError(f"there is no bot {name!r}; `automator bots list` shows them")
    return found


def listed(connection: sqlite3.Connection) -> list[Bot]:
    """All bots by their name."""
    return [_bot(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM bot ORDER BY name")]  # noqa: S608 - as above


def waits(connection: sqlite3.Connection, bot: Bot) -> str:
    """Why a bot that runs does nothing now; empty: it waits for the next candle."""
    return due.why(connection, bot.job) if bot.state is State.RUNNING else ""


def add(tx: sqlite3.Connection, bot: Bot, now: datetime, *, actor: str) -> None:
    """Add a bot, which does nothing until it is started; an event.

    Raises:
        BotError: its name can't be one, is taken, or is that of one that has traded.
    """
    if not NAME.fullmatch(bot.name) or bot.name in RESERVED:
        raise BotError(f"{bot.name[:40]!r} can't be a bot's name; take up to 32 of a-z, 0-9 and -")
    if load(tx, bot.name) is not None:
        raise BotError(f"there is a bot {bot.name} already")
    if tx.execute("SELECT 1 FROM order_news WHERE owner = ? AND fill > 0 LIMIT 1", (bot.name,)).fetchone():
        raise BotError(
            f"a bot {bot.name} that was removed has traded, and what it bought would count as this one's, which a halt "
            "with --sell sells; take another name"
        )
    newest = tx.execute("SELECT coalesce(max(id), 0) FROM order_news WHERE owner = ?", (bot.name,)).fetchone()
    values = (
        bot.name,
        bot.kind,
        bot.account,
        int(bot.live),
        canonical(dict(bot.parameters)),
        canonical({asset: str(much) for asset, much in bot.funds.items()}),
        bot.every // timedelta(seconds=1),
        bot.on_stop,
        State.NEW,
        "",
        "",
        "{}",
        0,
        newest[0],
        0,
        micros(now),
    )
    tx.execute(f"INSERT INTO bot ({_COLUMNS}) VALUES ({','.join('?' * len(values))})", values)  # noqa: S608 - a constant
    said = {"kind": bot.kind, "live": bot.live, "parameters": dict(bot.parameters)}
    _noted(tx, "bot added", bot, now, actor, **said)


def start(tx: sqlite3.Connection, name: str, now: datetime, *, actor: str) -> Bot:
    """Let a bot run from now on, from its beginning; an event.

    Raises:
        BotError: there is none, it runs, or orders of before stand, beside which it would place others.
    """
    bot = one(tx, name)
    if bot.state is State.RUNNING:
        raise BotError(f"{name} runs already")
    if stands := orders.standing(tx, account=bot.account, owner=name):
        raise BotError(
            f"{counted(len(stands), 'order')} of {name} may still be filled, and it begins anew without them; "
            f"cancel them with `automator bots stop {name} --cancel-orders`, and start it once they have ended"
        )
    if bot.state is State.STOPPED and not bot.live and (bot.kept or {}).get("desk"):
        tx.execute("DELETE FROM paper_fill WHERE bot = ?", (name,))  # on paper it begins with its funds again
    job = f"{KIND}/{name}/{micros(now)}"
    held = {asset: str(much) for asset, much in bot.funds.items()} if bot.state is State.NEW else _holds(bot)
    tx.execute(
        "UPDATE bot SET state = ?, why = '', job = ?, kept = ?, seen = ?, version = version + 1 WHERE name = ?",
        (State.RUNNING, job, canonical({"held": held}), micros(floor(now, bot.every)), name),
    )
    due.add(tx, NewJob(job, KIND, {"bot": name}, now, bot.account, late=EVER), now)
    _noted(tx, "bot started", bot, now, actor, live=bot.live)
    return one(tx, name)


def _holds(bot: Bot) -> Mapping[str, str]:
    return (bot.kept or {}).get("held") or {asset: str(much) for asset, much in bot.funds.items()}


def held(bot: Bot) -> Mapping[str, Decimal]:
    """What a bot held when it last decided, by asset."""
    return {asset: Decimal(much) for asset, much in (bot.kept or {}).get("held", {}).items()}


def stop(  # noqa: PLR0913 - what is stopped, and who says so
    tx: sqlite3.Connection, name: str, on_stop: OnStop, now: datetime, *, actor: str, why: str = ""
) -> int:
    """Stop a bot, as an event, or cancel what one that has stopped left; returns how many orders are being cancelled.

    Raises:
        BotError: there is none, or it does not run, and has left nothing.
    """
    bot = one(tx, name)
    cancels = on_stop is OnStop.CANCEL and bot.live
    if bot.state is not State.RUNNING:
        if cancels and (left := _cancel(tx, bot, now, actor)):
            return left
        raise BotError(f"{name} does not run")
    tx.execute(
        "UPDATE bot SET state = ?, why = ?, version = version + 1 WHERE name = ?",
        (State.STOPPED, why or f"stopped by {actor}", name),
    )
    tx.execute(
        "UPDATE run SET state = 'cancelled', reason = 'stopped' WHERE job = ? AND state IN ('scheduled', 'waiting')",
        (bot.job,),
    )
    _noted(tx, "bot stopped", bot, now, actor, why=why, orders=on_stop.value)
    if why:
        tell(tx, Notice("bot", bot.job, f"{name} has stopped: {why}", bot.account), micros(now))
    return _cancel(tx, bot, now, actor) if cancels else 0


def _cancel(tx: sqlite3.Connection, bot: Bot, now: datetime, actor: str) -> int:
    stands = orders.standing(tx, account=bot.account, owner=bot.name)
    for item in stands:
        orders.cancel(tx, item.id, now, actor=actor)
    return len(stands)


def hold_all(tx: sqlite3.Connection, why: str, now: datetime, *, actor: str) -> int:
    """Stop every live bot that runs; its orders stay. Returns how many."""
    running = [bot for bot in listed(tx) if bot.live and bot.state is State.RUNNING]
    for bot in running:
        stop(tx, bot.name, OnStop.KEEP, now, actor=actor, why=why)
    return len(running)


def remove(tx: sqlite3.Connection, name: str, now: datetime, *, actor: str) -> None:
    """Forget a bot; its orders and the ledger stay. An event.

    Raises:
        BotError: there is none, it runs, or orders of it may still be filled.
    """
    bot = one(tx, name)
    if bot.state is State.RUNNING:
        raise BotError(f"{name} runs; stop it first: `automator bots stop {name} --cancel-orders`")
    if orders.standing(tx, account=bot.account, owner=name):
        raise BotError(
            f"orders of {name} are open; `automator orders list --bot {name}` shows them, and "
            f"`automator bots stop {name} --cancel-orders` cancels them"
        )
    for table in ("paper_fill", "signal"):
        tx.execute(f"DELETE FROM {table} WHERE bot = ?", (name,))  # noqa: S608 - constants
    tx.execute("DELETE FROM bot WHERE name = ?", (name,))
    _noted(tx, "bot removed", bot, now, actor)


def _noted(tx: sqlite3.Connection, what: str, bot: Bot, now: datetime, actor: str, **more: Any) -> None:
    said = {"what": what, "bot": bot.name, **more, "actor": actor}
    chain.append(tx, "event", micros(now), said, account=bot.account)


def receive(tx: sqlite3.Connection, bot: Bot, taken: Taken, now: datetime, *, actor: str) -> bool:
    """Keep a message for a bot, which is woken; ``False``: it came before. An event."""
    fresh = tx.execute(
        "INSERT INTO signal (bot, id, said, at, received_at) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
        (bot.name, taken.id, canonical(dict(taken.said)), micros(taken.at), micros(now)),
    ).rowcount
    if fresh:
        tx.execute("UPDATE run SET ready_at = ? WHERE job = ? AND state = 'waiting'", (micros(now), bot.job))
        _noted(tx, "signal", bot, now, actor, id=taken.id, said=dict(taken.said))
    return bool(fresh)


def signals(connection: sqlite3.Connection, name: str) -> list[Signal]:
    """The messages that a bot was not shown yet, oldest first."""
    rows = connection.execute(
        "SELECT id, said, at FROM signal WHERE bot = ? AND told_at IS NULL ORDER BY received_at, id", (name,)
    )
    return [Signal(number, json.loads(said), instant(at)) for number, said, at in rows]


def told(tx: sqlite3.Connection, name: str, shown: list[str], now: datetime) -> None:
    """These messages were shown to their bot."""
    tx.executemany(
        "UPDATE signal SET told_at = ? WHERE bot = ? AND id = ?", [(micros(now), name, number) for number in shown]
    )


def keep(tx: sqlite3.Connection, bot: Bot, kept: Mapping[str, Any], seen: datetime, news: int) -> bool:
    """Store how far a bot has come; ``False``: it was changed since it was read."""
    changed = tx.execute(
        "UPDATE bot SET kept = ?, seen = ?, news = ?, version = version + 1 "
        "WHERE name = ? AND version = ? AND state = 'running'",
        (canonical(dict(kept)), micros(seen), news, bot.name, bot.version),
    ).rowcount
    return bool(changed)


def add_paper(tx: sqlite3.Connection, name: str, filled: list[Filled]) -> None:
    """Store trades on paper."""
    tx.executemany(
        "INSERT INTO paper_fill (bot, tag, symbol, side, price, amount, fee, fee_asset, at) VALUES (?,?,?,?,?,?,?,?,?)",
        [
            (
                name,
                one_.tag,
                one_.fill.symbol,
                one_.fill.side,
                plain(one_.fill.price),
                plain(one_.fill.amount),
                plain(one_.fill.fee),
                one_.fill.fee_asset,
                micros(one_.fill.at),
            )
            for one_ in filled
        ],
    )


def paper(connection: sqlite3.Connection, name: str) -> list[Filled]:
    """A bot's trades on paper, oldest first."""
    rows = connection.execute(
        "SELECT id, tag, symbol, side, price, amount, fee, fee_asset, at FROM paper_fill WHERE bot = ? ORDER BY id",
        (name,),
    )
    return [
        Filled(
            tag,
            Fill(
                str(number),
                "",
                symbol,
                Side(side),
                Decimal(price),
                Decimal(amount),
                Decimal(fee),
                asset,
                maker=False,
                at=instant(at),
            ),
        )
        for number, tag, symbol, side, price, amount, fee, asset, at in rows
    ]
