"""A glance at the market: what of it a bot is shown when a candle has closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from automator.clock import Clock
from automator.egress.session import Session
from automator.trading.bots import Bot
from automator.trading.times import Close
from connectors.market import Candle, Market
from connectors.venue import Exchange
from jobs.bots.strategy import Closed, Signal

MISSING = timedelta(seconds=10)  #: after a close, a candle that is not shown is not waited for
ANSWERS = 50  #: of candles, in one glance


class Unusable(Exception):
    """The bot can't go on; one sentence."""


class Idle(Exception):
    """There is nothing to decide, for a reason that a person may want to know."""


class Untraded(Idle):
    """A market stands still: no order is taken, and what rests there waits too."""


class Shortly(Exception):
    """A candle that has closed is not shown yet."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What was seen for a decision.

    Attributes:
        now: By the exchange's clock.
        beat: The close at which it is made.
        ends: By symbol, until when its candles are dealt with then.
    """

    now: datetime
    beat: Close
    markets: Mapping[str, Market]
    candles: Sequence[Closed]
    ends: Mapping[str, datetime]
    prices: Mapping[str, Decimal]
    signals: Sequence[Signal]

    @property
    def here(self) -> datetime:
        """``now`` by this machine's clock, by which records are kept."""
        return self.now + self.beat.ahead


async def glance(  # noqa: PLR0913, PLR0917 - what is looked at, and how far back
    clock: Clock,
    bot: Bot,
    session: Session,
    exchange: Exchange,
    beat: Close,
    since: Mapping[str, datetime],
    messages: Sequence[Signal],
) -> Glance:
    """Look at the markets of a bot, which are those that ``since`` names, from when on its candles are new.

    Raises:
        Unusable: one is not there.
        Idle: one stands still.
        Shortly: as it says.
        connectors.network.Rejected: the exchange can't be asked; so too ``NotNow`` and ``CallRefused``.
    """
    everything = await exchange.markets(session, *since)
    if missing := [symbol for symbol in since if symbol not in everything]:
        raise Unusable(f"{bot.account} does not trade {missing[0]}")
    if still := [symbol for symbol in since if not everything[symbol].active]:
        raise Untraded(f"{still[0]} is not traded at {bot.account} now; it goes on once that is traded again")
    closed, prices, ends = list[Closed](), dict[str, Decimal](), dict(since)
    for symbol, begins in since.items():
        found = await _candles(clock, session, exchange, symbol, bot.every, begins, beat)
        closed += (Closed(symbol, candle) for candle in found)
        ends[symbol] = found[-1].at + bot.every if found else begins
        if found and not messages and (ends[symbol] == beat.at or not bot.live):
            prices[symbol] = found[-1].close  # of one that closed before, as days do at Alpaca, it is old
        elif bot.live or messages:
            prices[symbol] = (await exchange.ticker(session, symbol)).last
    closed.sort(key=lambda one: one.candle.at)
    now = clock.now() - beat.ahead if messages else beat.at
    markets = {symbol: everything[symbol] for symbol in since}
    return Glance(now, beat, markets, closed, ends, prices, messages)


async def _candles(  # noqa: PLR0913, PLR0917 - which
    clock: Clock,
    session: Session,
    exchange: Exchange,
    symbol: str,
    every: timedelta,
    since: datetime,
    beat: Close,
) -> list[Candle]:
    """The candles that closed from ``since`` to ``beat``, oldest first."""
    found: list[Candle] = []
    for _ in range(ANSWERS):
        if since >= beat.at:
            break
        answer = await exchange.candles(session, symbol, every, since)
        fresh = [candle for candle in answer if since <= candle.at and candle.at + every <= beat.at]
        if not fresh:
            if clock.now() - beat.here < MISSING:
                raise Shortly
            break
        found += fresh
        since = fresh[-1].at + every
    return found
