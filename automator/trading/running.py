"""A bot's run: at each candle's close it is shown what happened, and what it decides is kept and done in one step."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from automator import failpoints, halts
from automator.accounts import NoAccount
from automator.clock import Clock, floor, instant, micros
from automator.db import Writer
from automator.egress.session import Session
from automator.intentions import Fenced
from automator.notices import Notice, tell
from automator.scheduling import lease
from automator.scheduling.lease import Run, Verdict
from automator.scheduling.states import RunState
from automator.trading import bots, marks, news, orders, pairs, share, submission
from automator.trading.books import TROUBLE, Books, Opened
from automator.trading.bots import Bot, State
from automator.trading.glance import Glance, Idle, Shortly, Untraded, Unusable, glance
from automator.trading.looks import Looks
from automator.trading.share import Share
from automator.trading.times import Close, Times
from connectors.exchange.paper import Paper, Rules
from connectors.market import Candle, Market
from connectors.order import Balance
from connectors.registry import UnknownProvider
from connectors.venue import Exchange
from jobs.bots import kinds
from jobs.bots.backtest import seen as paper_view
from jobs.bots.desk import Desk, asked, due, request
from jobs.bots.own import Own
from jobs.bots.parameters import BadParameters, restored
from jobs.bots.strategy import (
    Cancel,
    Event,
    Filled,
    Pair,
    Place,
    Stop,
    Strategy,
    Tell,
    View,
    Wish,
    placed,
)
from jobs.orders.states import LIVE

AFTER = timedelta(seconds=1)  #: a candle's close: exchanges show it a little later
SOON = timedelta(seconds=2)  #: between two looks for a candle that is not shown yet
PATIENCE = timedelta(minutes=1)  #: while it is halted
NEWEST = 5_000  #: closed candles that a strategy is shown at once
RULES = Rules(keep=20)

ZERO = Decimal(0)

#: puts in what a bot has decided, and begins with it at once: ``Worker.begin``
Begin = Callable[[Callable[[sqlite3.Connection], tuple[None, Sequence[str]]]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is kept, and done, in one transaction."""

    kept: Mapping[str, Any]
    news: int
    wishes: Sequence[Wish]
    stop: str
    filled: Sequence[Filled] = ()


class Running:
    """Works off the runs of bots."""

    def __init__(  # noqa: PLR0913, PLR0917 - each is one thing it needs
        self, opened: Opened, books: Books, writer: Writer, reader: sqlite3.Connection, clock: Clock, begin: Begin
    ) -> None:
        self._begin = begin
        self._opened = opened
        self._looks = Looks(books, writer, reader, clock)
        self._times = Times(clock)
        self._writer = writer
        self._reader = reader
        self._clock = clock

    async def turn(self, run: Run) -> Verdict:
        """Let a bot decide, if there is something to decide, and wait for the next candle.

        Raises:
            automator.intentions.Fenced: another worker has this run, or the bot was stopped meanwhile.
        """
        bot = bots.load(self._reader, run.payload["bot"])
        if bot is None or bot.state is not State.RUNNING or bot.job != run.job:
            return Verdict(RunState.DONE)
        beat = Close(floor(self._clock.now(), bot.every))
        try:
            self._go(self._reader, bot)
            session, exchange = self._opened(bot.account, {"bot": bot.name, "run": str(run.id)}, bot.name)
            beat = await self._times.newest(session, exchange, bot.every)
            done = await self._decided(run, bot, session, exchange, beat)
        except halts.Halted as halted:
            return Verdict(RunState.WAITING, str(halted), self._clock.now() + PATIENCE)
        except Shortly:
            return Verdict(RunState.WAITING, "", self._clock.now() + SOON)
        except (Idle, *TROUBLE) as trouble:
            if isinstance(trouble, Untraded):
                await self._writer.brief(partial(self._tell_once, run, bot, str(trouble)))
            return self._again(bot, beat, str(trouble))
        except (Unusable, BadParameters, NoAccount, UnknownProvider) as broken:
            why = str(broken)
            await self._writer.brief(lambda tx: self._stop(tx, run, bot, why))
            return Verdict(RunState.DONE)
        return Verdict(RunState.DONE) if done else self._again(bot, beat)

    @staticmethod
    def _again(bot: Bot, beat: Close, why: str = "") -> Verdict:
        """It waits for the next close."""
        return Verdict(RunState.WAITING, why, beat.here + bot.every + AFTER)

    @staticmethod
    def _go(connection: sqlite3.Connection, bot: Bot) -> None:
        halts.check(connection, bot.account)
        halts.check(connection, bot.name)

    def _tell_once(self, run: Run, bot: Bot, why: str, tx: sqlite3.Connection) -> None:
        """A person must know why it waits, once as long as it does."""
        (before,) = tx.execute("SELECT reason FROM run WHERE id = ?", (run.id,)).fetchone()
        if before != why:
            text = f"{bot.name} waits: {why}"
            tell(tx, Notice("bot", f"{bot.job}/waits", text, bot.account), micros(self._clock.now()))

    def _stop(self, tx: sqlite3.Connection, run: Run, bot: Bot, why: str) -> None:
        lease.check(tx, run)
        bots.stop(tx, bot.name, bot.on_stop, self._clock.now(), actor=bot.name, why=why)

    async def _decided(self, run: Run, bot: Bot, session: Session, exchange: Exchange, beat: Close) -> bool:
        """Whether it has stopped."""
        with ExitStack() as stack:
            enter = partial(stack.enter_context, kinds.opened(bot.kind, bot.parameters))
            strategy = await asyncio.to_thread(enter) if bot.kind == kinds.OWN else enter()
            decide = self._live if bot.live else self._paper
            found = await decide(bot, strategy, session, exchange, beat)
        if found is None:
            return False
        look, decision = found
        failpoints.reach("before-decided")
        await self._begin(partial(self._store, run, bot, look, decision))
        failpoints.reach("after-decided")
        return bool(decision.stop)

    def _store(
        self, run: Run, bot: Bot, look: Glance, decision: Decision, tx: sqlite3.Connection
    ) -> tuple[None, Sequence[str]]:
        """The bot's state and what it wants, both or neither; returns the jobs that do it."""
        lease.check(tx, run)
        self._go(tx, bot)
        if not bots.keep(tx, bot, decision.kept, look.beat.at, decision.news):
            raise Fenced(f"{bot.name} was changed while it decided; nothing of that was kept")
        for symbol, price in look.prices.items():
            marks.note(tx, bot.account, symbol, price, look.here)
        bots.told(tx, bot.name, [signal.id for signal in look.signals], look.here)
        bots.add_paper(tx, bot.name, list(decision.filled))
        for wish in decision.wishes:
            if isinstance(wish, Tell):
                about = f"{bot.job}/{wish.about}"
                tell(tx, Notice("sale", about, f"{bot.name}: {wish.what}", bot.account), micros(look.here))
        jobs = self._submitted(tx, bot, look, decision) if bot.live else []
        if decision.stop:
            bots.stop(tx, bot.name, bot.on_stop, look.here, actor=bot.name, why=decision.stop)
        return None, [job for job in jobs if job]

    def _submitted(self, tx: sqlite3.Connection, bot: Bot, look: Glance, decision: Decision) -> list[str | None]:
        """The jobs that do what a live bot wants."""
        if not any(isinstance(wish, Place | Pair | Cancel) for wish in decision.wishes):
            return []
        has = share.of(tx, bot, {asset: Decimal(much) for asset, much in decision.kept["held"].items()}, decision.news)
        return [self._submit(tx, bot, wish, look, has) for wish in decision.wishes]

    def _submit(self, tx: sqlite3.Connection, bot: Bot, wish: Wish, look: Glance, has: Share) -> str | None:
        """The job that does it; ``None``: there is nothing to do."""
        now, who = self._clock.now(), (tx, bot.account, bot.name)
        match wish:
            case Place(symbol=symbol):
                market, price = look.markets[symbol], look.prices[symbol]
                tag, short = self._fresh(tx, bot, wish), has.lacks(request(wish, "", market), price=price)
                return submission.submit(*who, tag, wish, now, market=market, price=price, against=short).order
            case Pair(first=first, second=second):
                market, price = look.markets[first.symbol], look.prices[first.symbol]
                tags = self._fresh(tx, bot, first), self._fresh(tx, bot, second)
                short = has.lacks(*(request(leg, "", market) for leg in wish.legs), price=price)
                return pairs.submit(*who, tags, wish, now, market=market, price=price, against=short).order
            case Cancel(tag=tag):
                known = orders.by_tag(tx, bot.name, bot.tag(tag))
                if known is not None and orders.cancel(tx, known.id, now, actor=bot.name) in LIVE:
                    return orders.cancelling(known.id)
        return None

    @staticmethod
    def _fresh(tx: sqlite3.Connection, bot: Bot, wish: Place) -> str:
        """What an order is called among all of its account's."""
        if orders.by_tag(tx, bot.name, bot.tag(wish.tag)) is not None:
            raise Unusable(f"its strategy called two orders {wish.tag!r}")
        return bot.tag(wish.tag)

    async def _live(
        self, bot: Bot, strategy: Strategy[Any], session: Session, exchange: Exchange, beat: Close
    ) -> tuple[Glance, Decision] | None:
        if orders.standing(self._reader, account=bot.account, owner=bot.name):
            await self._looks.after(beat.here, bot.account, bot.name)  # what became of them in the candle that closed
        told = news.since(self._reader, bot.name, bot.news)
        happened = [item.event for item in news.in_order(told)]
        own = [replace(event, tag=tag) for event in happened if (tag := bot.own_tag(event.tag)) is not None]
        messages = bots.signals(self._reader, bot.name)
        state, waits = _state(bot, strategy)
        fresh = bot.seen != beat.at  # what it decided while a clock was ahead says nothing of now
        if not messages and not (fresh and due(waits, own, beat.at)):
            return None
        before = dict.fromkeys(strategy.symbols, beat.at - bot.every)  # for the price alone
        since = _since(bot, strategy, beat.at) if waits.candles else before
        look = await glance(self._clock, bot, session, exchange, beat, since, messages)
        if len(look.prices) < len(strategy.symbols):
            return None
        held = news.held(bots.held(bot), told)
        shown = look.candles[-NEWEST:] if waits.candles else ()
        events: list[Event] = [*own, *messages, *shown]
        view = View(look.markets, look.prices, self._free(bot, held), events)
        state, wishes, why = await _asked(strategy, state, view, look.now, look.markets)
        seen = look.ends if waits.candles else dict.fromkeys(strategy.symbols, beat.at)
        kept = {
            "state": state.model_dump(mode="json"),
            "held": {asset: str(much) for asset, much in held.items()},
            "seen": {symbol: micros(end) for symbol, end in seen.items()},
        }
        return look, Decision(kept, told[-1].id if told else bot.news, wishes, why)

    async def _paper(
        self, bot: Bot, strategy: Strategy[Any], session: Session, exchange: Exchange, beat: Close
    ) -> tuple[Glance, Decision] | None:
        messages = bots.signals(self._reader, bot.name)
        since = _since(bot, strategy, beat.at)
        if min(since.values(), default=beat.at) >= beat.at and not messages:
            return None
        look = await glance(self._clock, bot, session, exchange, beat, since, messages)
        if not (look.candles or messages):
            since_when = min(since.values()).strftime("%Y-%m-%d %H:%M")
            raise Idle(f"{bot.account} shows no candle of {', '.join(strategy.symbols)} since {since_when} UTC")
        desk = self._desk(bot, look.markets)
        for closed in look.candles:
            desk.feed(closed.symbol, closed.candle)
        if messages:  # between two closes the market is where it is now
            for symbol, last in look.prices.items():
                desk.feed(symbol, Candle(look.now, last, last, last, last, ZERO))
        state, waits = _state(bot, strategy)
        events: list[Event] = [*desk.news, *messages]
        stop, wishes = "", list[Wish]()
        priced = all(desk.paper.price(symbol) is not None for symbol in strategy.symbols)
        if priced and due(waits, events, look.now):
            events += look.candles[-NEWEST:] if waits.candles else ()
            desk.news = []
            state, wished, stop = await _asked(strategy, state, paper_view(desk, events), look.now, look.markets)
            wishes += wished
            desk.do(wishes, look.now)
        if stop and bot.on_stop is bots.OnStop.CANCEL:
            for tag in desk.open:
                desk.cancel(tag, look.now)
        held = {asset: str(one.free + one.locked) for asset, one in desk.paper.balances().items()}
        kept = {
            "state": state.model_dump(mode="json"),
            "desk": desk.snapshot(),
            "held": held,
            "seen": {symbol: micros(end) for symbol, end in look.ends.items()},
        }
        return look, Decision(kept, bot.news, wishes, stop, desk.fills)

    @staticmethod
    def _desk(bot: Bot, markets: Mapping[str, Market]) -> Desk:
        kept = (bot.kept or {}).get("desk")
        name = partial(secrets.token_hex, 16)
        return Desk.restore(markets, kept, name, RULES) if kept else Desk(Paper(markets, bot.funds, RULES), name)

    def _free(self, bot: Bot, held: Mapping[str, Decimal]) -> Mapping[str, Balance]:
        """What a live bot may use: its own share, less what its open orders hold."""
        taken = share.locked(self._reader, bot)
        found = ((asset, much, taken.get(asset, ZERO)) for asset, much in held.items())
        return {asset: Balance(asset, max(ZERO, much - lock), lock) for asset, much, lock in found}


def _since(bot: Bot, strategy: Strategy[Any], beat: datetime) -> Mapping[str, datetime]:
    """From when on the candles of each symbol are new; one that an exchange shows late is so in its turn."""
    seen, begun = (bot.kept or {}).get("seen", {}), bot.seen or beat
    begun = begun if begun <= beat else beat - bot.every  # it was started while our clock was ahead
    known = {symbol: instant(seen[symbol]) if symbol in seen else begun for symbol in strategy.symbols}
    if not bot.live:
        return known  # the ends of candles that were there
    # what is more than a candle ahead was noted by a clock that was; what is less was just dealt with
    return {symbol: at if at <= beat + bot.every else beat for symbol, at in known.items()}


def _state(bot: Bot, strategy: Strategy[Any]) -> tuple[Any, Any]:
    """Its state, and what it waits for."""
    begun, kept = strategy.begin(), (bot.kept or {}).get("state")
    state = begun if kept is None else restored(type(begun), kept)
    return state, strategy.waits(state)


async def _asked(
    strategy: Strategy[Any], state: Any, view: View, now: datetime, markets: Mapping[str, Market]
) -> tuple[Any, Sequence[Wish], str]:
    """What it decides; a stop is its reason."""
    if isinstance(strategy, Own):  # a process that may take its time
        state, wishes = await asyncio.to_thread(asked, strategy, state, view, now)
    else:
        state, wishes = asked(strategy, state, view, now)
    stop = next((wish.why for wish in wishes if isinstance(wish, Stop)), "")
    if strange := [one.symbol for wish in wishes for one in placed(wish) if one.symbol not in markets]:
        raise Unusable(f"its strategy asked for an order in {strange[0]}, which it does not trade")
    return state, wishes, stop
