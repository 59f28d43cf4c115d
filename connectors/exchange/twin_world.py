"""What the stand-in for Binance holds: a market that is played back, accounts, and how much of its limits is used."""

from __future__ import annotations

import secrets
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.exchange.candles import Series
from connectors.exchange.paper import Paper, Rules
from connectors.exchange.shelf import NEVER
from connectors.market import Candle, Market
from connectors.order import Fill

Now = Callable[[], datetime]
REMEMBERED = 1_000_000  #: ended orders of an account
APART = 10**9  #: between the order numbers of two accounts
LONG_AGO = datetime.min.replace(tzinfo=UTC)
EPOCH = datetime.fromtimestamp(0, UTC)


class ApiError(Exception):
    """An answer that says no, as errors.md has it."""

    def __init__(
        self, code: int, msg: str, status: int = 400, *, wait: int = 0, more: dict[str, object] | None = None
    ) -> None:
        """``wait``: the seconds of its Retry-After."""
        super().__init__(msg)
        self.code, self.msg, self.status, self.wait, self.more = code, msg, status, wait, more or {}

    @property
    def answer(self) -> web.Response:
        """As it leaves."""
        headers = {"Retry-After": str(self.wait)} if self.wait else {}
        body = {"code": self.code, "msg": self.msg, **self.more}
        return web.json_response(body, status=self.status, headers=headers)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key and what it may do; ``secret`` for HMAC, ``public`` for Ed25519."""

    name: str
    secret: str = ""
    public: Ed25519PublicKey | None = None
    trade: bool = True
    withdraw: bool = False
    transfer: bool = False
    ip_restricted: bool = True
    expires: datetime | None = None


@dataclass
class Member:
    """Someone with an account."""

    number: int
    handle: str
    paper: Paper
    lists: dict[int, tuple[int, str]] = field(default_factory=dict)  #: by order: its list and that one's client id
    started: set[int] = field(default_factory=set)  #: orders that were filled in part: they count no more
    orders: dict[str, tuple[datetime, int]] = field(default_factory=dict)  #: by window: its end, orders placed in it


@dataclass
class Replay:
    """A market whose candles come in as time goes by.

    Attributes:
        market: Its rules.
        series: All candles, dated in the market's own time; those that have ended are known.
        starts: The market's own time when the exchange opened.
        fed: How many candles have ended.
        traded: A price that was traded since, if one was.
    """

    market: Market
    series: Series
    starts: datetime = LONG_AGO
    fed: int = 0
    traded: Decimal | None = None

    @property
    def last(self) -> Decimal:
        """The last price."""
        return self.series.candles[self.fed - 1].close if self.traded is None else self.traded

    @property
    def due(self) -> timedelta:
        """How long after the opening the next candle ends; the greatest time if there is none."""
        return self.end(self.fed) - self.starts if self.fed < len(self.series.candles) else timedelta.max

    def end(self, number: int) -> datetime:
        """When a candle ends."""
        return self.series.candles[number].at + self.series.every

    def since(self, at: datetime) -> int:
        """The number of the first candle that begins then, or later."""
        return bisect_left(self.series.candles, at, hi=self.fed, key=lambda one: one.at)


@dataclass
class World:
    """The exchange.

    Attributes:
        now: This machine's clock, or a test's.
        ahead: By how much the exchange's clock is ahead of it.
        speed: How fast the markets' time goes; 0: only ``advance`` moves it. By the exchange's clock, at which all is
            dated that it shows, their candles are so much shorter.
        visible_after: How long a new order is not shown in queries.
        weight: How much requests may weigh in each window of ``window`` seconds.
        orders: How many orders an account may place in ten seconds, and in a day.
        resting: How many orders of an account may be open in a market, and how many of them may wait for a price.
        rules: How orders are filled.
    """

    now: Now
    ahead: timedelta = timedelta()
    speed: float = 1.0
    visible_after: timedelta = timedelta()
    weight: int = 6000
    window: int = 60
    raw: int = 61_000
    orders: tuple[int, int] = (100, 200_000)
    resting: tuple[int, int] = (200, 5)
    rules: Rules = field(default_factory=lambda: Rules(keep=REMEMBERED))
    replays: dict[str, Replay] = field(default_factory=dict)  #: by the exchange's own name of the market
    members: list[Member] = field(default_factory=list)
    keys: dict[str, tuple[Member, Key]] = field(default_factory=dict)
    weighed: dict[str, tuple[datetime, int, int]] = field(default_factory=dict)  #: by address: end, weight, excess
    called: dict[str, tuple[datetime, int]] = field(default_factory=dict)  #: by address: end, requests in 5 minutes
    banned: dict[str, tuple[datetime, int]] = field(default_factory=dict)  #: by address: until, how often so far
    amended: int = 0  #: how often an order was made smaller
    began: datetime | None = None
    moved: timedelta = timedelta()  #: by ``advance``

    def clock(self) -> datetime:
        """The exchange's own clock."""
        return self.now() + self.ahead

    def open(self, replays: Sequence[Replay], *, known: int = 1) -> None:
        """Open these markets; so many candles of each have ended, the last of them just now. They go on from there.

        "Just now" is a time at which candles end: a full minute of the exchange's clock where they last one.
        """
        self.replays = {replay.market.id: replay for replay in replays}
        for replay in replays:
            replay.starts = replay.end(min(known, len(replay.series.candles)) - 1)
        longest = max(replay.series.every for replay in replays) / self._pace
        self.began = floor(self.clock(), max(longest, timedelta(seconds=1)))
        self.catch_up()

    @property
    def _pace(self) -> float:
        return self.speed or 1.0

    def shown(self, replay: Replay, at: datetime) -> datetime:
        """When a time of a market's own is by the exchange's clock."""
        return (self.began or LONG_AGO) + (at - replay.starts) / self._pace

    def own(self, replay: Replay, at: datetime) -> datetime:
        """What time it is in a market at an instant of the exchange's clock."""
        return replay.starts + self.own_span(at - (self.began or LONG_AGO))

    def own_span(self, span: timedelta) -> timedelta:
        """How much of the markets' time goes by in so much of the exchange's."""
        return span * self._pace

    def gone(self) -> timedelta:
        """How much of the markets' time has gone by."""
        return self.moved + (timedelta() if self.began is None else (self.clock() - self.began) * self.speed)

    def advance(self, by: timedelta) -> None:
        """Move the markets on, whatever their speed."""
        self.moved += by
        self.catch_up()

    def catch_up(self) -> None:
        """Feed what has ended since, in the order of its ending."""
        gone = self.gone()
        while True:
            due = [(one.due, one.market.id) for one in self.replays.values() if one.due <= gone]
            if not due:
                return
            ended, name = min(due)
            first = self.replays[name]
            candle = first.series.candles[first.fed]
            first.fed, first.traded = first.fed + 1, None
            for member in self.members:
                self._credit(member, member.paper.feed(first.market.symbol, candle, self._dated(gone - ended)))

    def join(self, handle: str, balances: dict[str, Decimal]) -> Member:
        """Open an account."""
        markets = {replay.market.symbol: replay.market for replay in self.replays.values()}
        member = Member(len(self.members) + 1, handle, Paper(markets, balances, self.rules))
        member.paper.last_order = member.paper.last_fill = member.number * APART
        for replay in self.replays.values():
            last = replay.series.candles[replay.fed - 1]
            member.paper.feed(replay.market.symbol, replace(last, close=replay.last))
        self.members.append(member)
        return member

    def trade(self, name: str, price: Decimal, amount: Decimal) -> None:
        """Somebody trades so much at this price, between two candles."""
        replay = self.replays[name]
        replay.traded = price
        for member in self.members:
            flat = Candle(self.clock(), price, price, price, price, amount)
            self._credit(member, member.paper.feed(replay.market.symbol, flat))

    def share(self, share: Decimal | None) -> None:
        """From the next candle on, orders take so much of what is traded."""
        self.rules = replace(self.rules, share=share)
        for member in self.members:
            member.paper.rules = self.rules
            for shelf in member.paper.shelves.values():
                shelf.left = NEVER

    def halt(self, name: str, *, active: bool) -> None:
        """Stop a market, or let it go on."""
        self.change(replace(self.replays[name].market, active=active))

    def change(self, market: Market) -> None:
        """Let a market have these rules from now on; what rests in it stays as it is."""
        self.replays[market.id].market = market
        for member in self.members:
            member.paper.shelves[market.symbol].market = market

    def _dated(self, late: timedelta) -> datetime:
        """When it was by the exchange's clock that a candle ended which the markets are so far beyond."""
        return self.clock() - (late / self.speed if self.speed else timedelta())

    def _credit(self, member: Member, news: Sequence[object]) -> None:
        """An order that is filled counts no more among those placed."""
        for one in news:
            if isinstance(one, Fill) and int(one.order_id) not in member.started:
                member.started.add(int(one.order_id))
                give_back(member, self.clock())


def floor(at: datetime, step: timedelta) -> datetime:
    """The last full step of time before an instant, or it."""
    return at - (at - EPOCH) % step


def give_back(member: Member, now: datetime) -> None:
    """One order fewer in each window that still runs."""
    for name, (ends, used) in member.orders.items():
        if ends > now and used:
            member.orders[name] = (ends, used - 1)


def made_key(kind: str = "hmac", **may: object) -> tuple[Key, str]:
    """A fresh key, and the secret that goes with it: for Ed25519 a private key in PEM."""
    name = secrets.token_urlsafe(48)
    if kind == "hmac":
        secret = secrets.token_urlsafe(48)
        return Key(name, secret=secret, **may), secret  # type: ignore[arg-type] # the caller names fields of Key
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return Key(name, public=private.public_key(), **may), pem  # type: ignore[arg-type] # as above
