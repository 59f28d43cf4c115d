"""The connector of every exchange: spot markets, balances and orders, over the bridge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial, update_wrapper
from itertools import islice
from typing import Any, Concatenate, ParamSpec, TypeVar

import httpx

from connectors.base import (
    Absence,
    Budget,
    CallRefused,
    Effect,
    Intent,
    NotNow,
    Operation,
    Outcome,
    Reading,
    Scope,
    outcome_of,
)
from connectors.exchange import keys, outcomes, placing, reading
from connectors.exchange.bridge import LISTS, ODD, Write, errors, signed, spoken
from connectors.exchange.place import Place, place
from connectors.exchange.talk import Talk
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import ABSENT, KEYS, Look, Ways, renamed
from connectors.market import Book, Candle, Market, Ticker, outdated
from connectors.network import Identity, Option, Rejected, SecretField, Wire
from connectors.order import Balance, Fill, Order, OrderRequest, PairRequest, requested
from connectors.venue import Custom, Rights, doubtful, moves_money

T = TypeVar("T")
P = ParamSpec("P")
C = TypeVar("C", bound="Connector")

NAMES = {given.name: theirs for theirs, given in KEYS.items()}  #: of keys: ours -> ccxt's

KEPT = timedelta(hours=1)  #: that markets are
TRIAL = "0123456789abcdef" * 2  #: the id of an order that is never sent
TRIED = 3  #: markets


def legible(
    read: Callable[Concatenate[C, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[C, P], Coroutine[Any, Any, T]]:
    """Make what can't be read of an answer ``Rejected``."""

    async def reads(self: C, /, *given: P.args, **more: P.kwargs) -> T:
        try:
            return await read(self, *given, **more)
        except (*ODD, errors().BaseError) as odd:
            raise Rejected(spoken(self.at.bridge, odd)) from odd

    update_wrapper(reads, read)
    return reads


@dataclass(frozen=True)
class Connector:
    """One exchange, by ccxt's id of it; ``account``: whose it is."""

    name: str
    base_url: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    account: str = ""

    @property
    def at(self) -> Place:
        """What this process knows of it."""
        return place(self.name, self.base_url.rstrip("/"), self.chosen.get("environment", "live"), self.account)

    @property
    def ways(self) -> Ways:
        return self.at.ways

    @property
    def talk(self) -> Talk:
        return Talk(self.name, self.at)

    @property
    def origins(self) -> tuple[str, ...]:
        return self.at.origins

    @property
    def fields(self) -> tuple[SecretField, ...]:
        return self.at.fields

    @property
    def options(self) -> tuple[Option, ...]:
        return self.at.options

    @property
    def custom(self) -> Custom:
        ways = self.ways
        return ways.custom if ways.own else replace(ways.custom, ordered=self.at.rising)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return self.ways.within(self.ways.budgets(self.at), self.chosen)

    def costs(self, _: Operation, request: httpx.Request) -> Mapping[str, int]:
        return self.ways.costs(self.at, Unsigned.read(request.content))

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        return self.ways.readings(self.at, operation.name, response.headers)

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        return outcomes.judge(self.ways, self.at.bridge, operation, response)

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        keys_ = {NAMES.get(name, name): keys.lines(value) for name, value in secrets.items()}
        call = Unsigned.read(request.content)
        made = signed(self.at.bridge, call, request, keys_)
        # some exchanges have one address for all, and name what is meant in the body
        if gone := next(filter(moves_money, (call.path, made.url.path)), None):
            raise CallRefused(f"{gone} moves money out, which Automator never does")
        if f"{made.url.scheme}://{made.url.netloc.decode()}" not in self.origins:
            raise CallRefused(f"{made.url.host} is not a place of {self.name}")
        return made

    def harvest(self, _: Operation, __: httpx.Response) -> Mapping[str, str]:
        return {}

    def lasts(self, _: Operation, __: httpx.Response) -> timedelta | None:
        return None

    def placing(self, plan: Mapping[str, Any]) -> Operation:
        # where we can't be sure that a list would show an order by our id, that it does not proves nothing
        absence = Absence.FINAL if self.custom.tested else Absence.NONE
        what = outcomes.PAIR if "legs" in plan else outcomes.PLACE
        return Operation(f"{self.name}.{what}", Effect.ONCE, Scope.TRADE, absence)

    def canceling(self, _: Mapping[str, Any]) -> Operation:
        return Operation(f"{self.name}.{outcomes.CANCEL}", Effect.REPEATABLE, Scope.TRADE, Absence.PROOF)

    @legible
    async def test(self, wire: Wire) -> Identity:
        await self.talk.measure(wire)
        rights, owner = await self._asked(wire)
        if not self.ways.own:
            await self.tried(wire)
        return keys.identity(self.at.title, owner, rights, self.custom, self.at.clock.ahead, wire.now())

    @legible
    async def rights(self, wire: Wire) -> Rights:
        return (await self._asked(wire))[0]

    async def _asked(self, wire: Wire) -> tuple[Rights, str]:
        """What the key may do, and whose it is."""
        ways = self.ways
        key = None if self.at.testing else ways.key()  # there is no money, and some have no such call
        known = await self.talk.read(wire, "key.rights", key) if key else {}
        who = ways.who()
        if key is None and who is None:
            await self.balances(wire)  # nothing else tells whether the key works
            return Rights(), ""
        told = await self.talk.read(wire, "account", who) if who else known
        return ways.rights(known) if key else Rights(), ways.owner(told)

    async def tried(self, wire: Wire) -> None:
        """Have ccxt write an order for one of the first markets, which is not sent.

        Raises:
            Rejected: none can be placed here, and why.
        """
        title, why = self.at.title, "it has no spot markets"
        if lacks := placing.lacking(self.at.bridge.has):
            raise Rejected(f"no order can be placed at {title}: {lacks}")
        traded = (market for market in (await self.markets(wire)).values() if market.active)
        for market in islice(traded, TRIED):
            wanted = placing.sample(market, TRIAL)
            try:
                await self.place(placing.Dry(wire), Intent(TRIAL, wanted.plan(), 1))
            except placing.Shaped:
                return
            except CallRefused as no:
                why = str(no).removeprefix(f"{title}: ")
        raise Rejected(f"no order can be placed at {title}: {why}")

    @legible
    async def markets(self, wire: Wire, *wanted: str) -> Mapping[str, Market]:
        at = self.at
        async with at.loading:
            if outdated(at.markets, wire.now() - at.loaded, KEPT, wanted, doubted=at.doubted):
                with suppress(Rejected, NotNow):  # markets are to be had without
                    await self.talk.measure(wire)
                loaded = await self.talk.ccxt(wire, "markets", "load_markets", reload=True)
                at.markets = {market.symbol: market for market in reading.markets(self.ways, at.bridge, loaded)}
                at.loaded, at.doubted = wire.now(), False
                wire.loaded()
        return at.markets or {}

    @legible
    async def ahead(self, wire: Wire, *, anew: bool = False) -> timedelta:
        if anew or self.at.markets is None:  # for the time alone they need not be loaded
            await self.talk.measure(wire)
        return self.at.clock.ahead

    @legible
    async def ticker(self, wire: Wire, symbol: str) -> Ticker:
        await self._market(wire, symbol)
        return reading.ticker(symbol, await self.talk.ccxt(wire, "ticker", "fetch_ticker", symbol), wire.now())

    @legible
    async def book(self, wire: Wire, symbol: str, depth: int) -> Book:
        await self._market(wire, symbol)
        found = reading.book(symbol, await self.talk.ccxt(wire, "book", "fetch_order_book", symbol, depth), wire.now())
        return Book(symbol, found.bids[:depth], found.asks[:depth], found.at)

    @legible
    async def candles(self, wire: Wire, symbol: str, every: timedelta, since: datetime) -> Sequence[Candle]:
        await self._market(wire, symbol)
        frames = self.at.bridge.timeframes or {}
        named = {timedelta(seconds=int(self.at.bridge.parse_timeframe(name))): name for name in frames}
        if every not in named:
            raise Rejected(f"{self.at.title} has no candles of {every}; it has {', '.join(frames)}")
        rows = await self.talk.ccxt(wire, "candles", "fetch_ohlcv", symbol, named[every], reading.millis(since))
        now = wire.now() - self.at.clock.ahead  # by the clock by which they close
        return [candle for candle in reading.candles(rows, every, now) if candle.at >= since]

    @legible
    async def balances(self, wire: Wire) -> Mapping[str, Balance]:
        await self.markets(wire)
        said = await self.talk.ccxt(wire, "balances", "fetch_balance")
        return {balance.asset: balance for balance in reading.balances(said)}

    async def place(self, wire: Wire, intent: Intent) -> httpx.Response:
        answer = await self._placed(wire, intent)
        self.at.doubted |= doubtful(outcome_of(answer))
        return answer

    async def _placed(self, wire: Wire, intent: Intent) -> httpx.Response:
        wanted, operation = requested(intent.plan), self.placing(intent.plan)
        if isinstance(wanted, PairRequest):
            market = await self._market(wire, wanted.legs[0].symbol)
            return await self.talk.sent(wire, self.ways.placing_pair(wanted, market.id), operation, intent)
        market = await self._market(wire, wanted.symbol)
        if self.ways.own:
            return await self.talk.sent(wire, self.ways.placing(wanted, market.id), operation, intent)
        wanted = replace(wanted, client_order_id=self.ways.named(wanted.client_order_id))
        how = placing.ordering(wanted, self.at.title, self.at.bridge.has, self.ways.field)
        fits = partial(placing.wrong, wanted=wanted, bridge=self.at.bridge, field=self.ways.field)
        return await self.talk.written(wire, lambda: Write(operation, intent, fits), how.name, *how.given)

    async def cancel(self, wire: Wire, order: Order) -> httpx.Response:
        market, operation = await self._market(wire, order.symbol), self.canceling({})
        if self.ways.own:
            answer = await self.talk.sent(wire, self.ways.canceling(order, market.id), operation, None)
            triggered = self.ways.canceling_triggered(order, market.id)
            if triggered is None or outcome_of(answer).reason != ABSENT:
                return answer
            return await self.talk.sent(wire, triggered, operation, None)
        fits = partial(placing.wrong_cancel, order=order)
        write = partial(Write, operation, None, fits)
        return await self.talk.written(wire, write, "cancel_order", order.id, order.symbol)

    @legible
    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> Order | None:
        wanted = OrderRequest.of(plan)
        market = await self._market(wire, wanted.symbol)
        name, known = self.ways.named(wanted.client_order_id), plan.get("id")
        async for found in self._shown(wire, wanted, market, known):
            if found.client_order_id == name or found.id == known:
                return renamed(found, wanted.client_order_id) if found.client_order_id in {name, ""} else found
        return None

    @legible
    async def look_up(self, wire: Wire, plan: Mapping[str, Any], number: str) -> Order | None:
        wanted = OrderRequest.of(plan)
        market = await self._market(wire, wanted.symbol)
        async for found in self._numbered(wire, market, number):
            if found.id == number:
                mine = found.client_order_id == self.ways.named(wanted.client_order_id)
                return renamed(found, wanted.client_order_id) if mine else found
        return None

    def _order(self, said: Mapping[str, Any]) -> Order:
        return reading.order(self.ways.shown(said), self.ways.field)

    async def _numbered(self, wire: Wire, market: Market, number: str) -> AsyncIterator[Order]:
        """The orders among which one of this number may be."""
        if self.ways.own:
            bridge = self.at.bridge
            async for raw in self._looked(wire, "order.find", self.ways.numbered(number, market.id)):
                yield self._order(bridge.parse_order(raw, bridge.market(market.symbol)))
            return
        if not self.at.bridge.has.get("fetchOrder"):
            raise Rejected(f"{self.at.title} can't be asked for an order by its id")
        try:
            said = await self.talk.ccxt(wire, "order.find", "fetch_order", number, market.symbol)
            yield self._order(said)
        except Rejected as no:
            if no.reason != ABSENT and not isinstance(no.__cause__, errors().OrderNotFound):
                raise

    async def _shown(self, wire: Wire, wanted: OrderRequest, market: Market, known: str | None) -> AsyncIterator[Order]:
        """The orders among which one of ours may be; ``known``: the exchange's id of it."""
        bridge = self.at.bridge
        if not self.ways.own:
            if known:
                with suppress(Rejected):  # the lists may have it
                    async for found in self._numbered(wire, market, known):
                        yield found
            async for found in self._listed(wire, wanted.symbol):
                yield found
            return
        by_number = self.ways.numbered(known, market.id) if known else ()
        async for raw in self._looked(wire, "order.find", [*self.ways.looks(wanted, market.id), *by_number]):
            yield self._order(bridge.parse_order(raw, bridge.market(wanted.symbol)))

    async def _looked(self, wire: Wire, what: str, looks: Sequence[Look]) -> AsyncIterator[Any]:
        """The orders of all these places, and of those that they lead to, as the exchange writes them."""
        waiting = list(looks)
        while waiting:
            look = waiting.pop(0)
            try:
                body = await self.talk.read(wire, what, look.call)
            except Rejected as no:
                if no.reason != ABSENT:
                    raise
                continue
            for raw in look.orders(body):
                yield raw
            waiting[:0] = look.then(body)

    async def _listed(self, wire: Wire, symbol: str) -> AsyncIterator[Order]:
        """The orders in all lists that ccxt knows of an exchange.

        Raises:
            Rejected: one of them could not be read, after all others were.
        """
        refused: Rejected | None = None
        for name, method in LISTS.items():
            if not self.at.bridge.has.get(name):
                continue
            try:
                listed = await self.talk.ccxt(wire, "order.find", method, symbol)
            except Rejected as no:
                refused = no
                continue
            for said in listed:
                yield self._order(said)
        if refused is not None:
            raise refused

    @legible
    async def open_orders(self, wire: Wire, symbol: str | None = None) -> Sequence[Order]:
        await self.markets(wire)
        listed = await self.talk.ccxt(wire, "orders.open", "fetch_open_orders", symbol)
        market = (await self._market(wire, symbol)).id if symbol else None
        apart = [raw async for raw in self._looked(wire, "orders.open", self.ways.apart(market))]
        return list(reading.orders(self.ways, [*listed, *map(self.at.bridge.parse_order, apart)]))

    @legible
    async def fills(self, wire: Wire, symbol: str, since: datetime) -> Sequence[Fill]:
        await self._market(wire, symbol)
        since -= max(self.at.clock.ahead, timedelta())  # they are dated by the exchange's clock
        found: dict[tuple[str, str, str], Fill] = {}
        for begin, end in reading.spans(since, wire.now() - self.at.clock.ahead, self.ways.span):
            await self._page(wire, symbol, begin, end, found)
        mine = [fill for fill in found.values() if fill.symbol == symbol and fill.at >= since]
        return sorted(mine, key=lambda fill: (fill.at, fill.id))

    async def _page(
        self, wire: Wire, symbol: str, begin: datetime, end: datetime | None, found: dict[tuple[str, str, str], Fill]
    ) -> None:
        """Gather the trades of a time; where the newest come first, page by page back to its beginning."""
        market, shown = None if self.ways.mixed else symbol, 0
        within: dict[str, Any] = {"until": reading.millis(end)} if end else {}
        more = within
        while True:
            said = await self.talk.ccxt(wire, "fills", "fetch_my_trades", market, reading.millis(begin), None, more)
            read = [fill for item in said if (fill := reading.fill(self.ways.traded(item))) is not None]
            new = [fill for fill in read if (fill.symbol, *fill.key) not in found]
            found |= {(fill.symbol, *fill.key): fill for fill in new}
            if not self.ways.page or len(said) < self.ways.page or not new:
                return
            shown += len(said)
            further = self.ways.further(said, shown)
            oldest = {"until": reading.millis(min(fill.at for fill in read))}
            more = oldest if further is None else {**within, **further}

    async def _market(self, wire: Wire, symbol: str) -> Market:
        """A market, from what this process holds of them, however old: to place an order asks nothing else.

        Raises:
            Rejected: there is none of this name.
        """
        held = self.at.markets or await self.markets(wire)
        if symbol not in held:
            raise Rejected(f"{self.at.title} has no spot market {symbol!r}; write it like BTC/USDT")
        return held[symbol]
