"""The connector of every exchange: spot markets, balances and orders, over the bridge."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial, update_wrapper
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
)
from connectors.exchange import keys, outcomes, placing, reading
from connectors.exchange.bridge import ODD, Doing, Left, Write, asked, content, errors, send, signed, spoken
from connectors.exchange.place import Place, place
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import ABSENT, CLOCK, KEYS, Look, Ways, renamed
from connectors.market import Book, Candle, Market, Ticker
from connectors.network import Identity, Option, Rejected, SecretField, Wire
from connectors.order import Balance, Fill, Order, OrderRequest, PairRequest, requested
from connectors.venue import MOVES, Custom, Rights

T = TypeVar("T")
P = ParamSpec("P")
C = TypeVar("C", bound="Connector")

NAMES = {given.name: theirs for theirs, given in KEYS.items()}  #: of keys: ours -> ccxt's
log = logging.getLogger(__name__)

KEPT = timedelta(hours=1)  #: that markets are


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
        keys_ = {NAMES.get(name, name): _lines(value) for name, value in secrets.items()}
        path = Unsigned.read(
            request.content
        ).path  # some exchanges have one address for all, and name what is meant in the body
        made = signed(self.at.bridge, request, keys_)
        if gone := next((one for one in (path, made.url.path) if MOVES.search(one)), None):
            raise CallRefused(f"{gone} moves money out, which Automator never does")
        if f"{made.url.scheme}://{made.url.netloc.decode()}" not in self.origins:
            raise CallRefused(f"{made.url.host} is not a place of {self.name}")
        return made

    def harvest(self, _: Operation, __: httpx.Response) -> Mapping[str, str]:
        return {}

    def lasts(self, _: Operation, __: httpx.Response) -> timedelta | None:
        return None

    def operation(self, what: str) -> Operation:
        """A read, by what it is of: ``ticker``."""
        return Operation(f"{self.name}.{what}", Effect.READ, Scope.READ)

    def placing(self, plan: Mapping[str, Any]) -> Operation:
        # where we can't be sure that a list would show an order by our id, that it does not proves nothing
        absence = Absence.FINAL if self.custom.tested else Absence.NONE
        what = outcomes.PAIR if "legs" in plan else outcomes.PLACE
        return Operation(f"{self.name}.{what}", Effect.ONCE, Scope.TRADE, absence)

    def canceling(self, _: Mapping[str, Any]) -> Operation:
        return Operation(f"{self.name}.{outcomes.CANCEL}", Effect.REPEATABLE, Scope.TRADE, Absence.PROOF)

    @legible
    async def test(self, wire: Wire) -> Identity:
        await self._measure(wire)
        rights, owner = await self._asked(wire)
        return keys.identity(self.at.title, owner, rights, self.custom, self.at.clock.ahead, wire.now())

    @legible
    async def rights(self, wire: Wire) -> Rights:
        return (await self._asked(wire))[0]

    async def _asked(self, wire: Wire) -> tuple[Rights, str]:
        """What the key may do, and whose it is."""
        ways = self.ways
        key = None if self.at.testing else ways.key()  # there is no money, and some have no such call
        known = await self._read(wire, "key.rights", key) if key else {}
        who = ways.who()
        if key is None and who is None:
            await self.balances(wire)  # nothing else tells whether the key works
            return Rights(), ""
        told = await self._read(wire, "account", who) if who else known
        return ways.rights(known) if key else Rights(), ways.owner(told)

    @legible
    async def markets(self, wire: Wire) -> Mapping[str, Market]:
        at = self.at
        async with at.loading:
            if at.markets is None or wire.now() - at.loaded > KEPT:
                loaded = await self._ccxt(wire, "markets", "load_markets", reload=True)
                at.markets = {market.symbol: market for market in reading.markets(self.ways, at.bridge, loaded)}
                at.loaded = wire.now()
                # they stay, and looking through them for garbage would hold up an order for a tenth of a second
                gc.collect()
                gc.freeze()
        return at.markets

    @legible
    async def ticker(self, wire: Wire, symbol: str) -> Ticker:
        await self._market(wire, symbol)
        return reading.ticker(symbol, await self._ccxt(wire, "ticker", "fetch_ticker", symbol), wire.now())

    @legible
    async def book(self, wire: Wire, symbol: str, depth: int) -> Book:
        await self._market(wire, symbol)
        found = reading.book(symbol, await self._ccxt(wire, "book", "fetch_order_book", symbol, depth), wire.now())
        return Book(symbol, found.bids[:depth], found.asks[:depth], found.at)

    @legible
    async def candles(self, wire: Wire, symbol: str, every: timedelta, since: datetime) -> Sequence[Candle]:
        await self._market(wire, symbol)
        frames = self.at.bridge.timeframes or {}
        named = {timedelta(seconds=int(self.at.bridge.parse_timeframe(name))): name for name in frames}
        if every not in named:
            raise Rejected(f"{self.at.title} has no candles of {every}; it has {', '.join(frames)}")
        rows = await self._ccxt(wire, "candles", "fetch_ohlcv", symbol, named[every], _millis(since))
        return [candle for candle in reading.candles(rows, every, wire.now()) if candle.at >= since]

    @legible
    async def balances(self, wire: Wire) -> Mapping[str, Balance]:
        await self.markets(wire)
        said = await self._ccxt(wire, "balances", "fetch_balance")
        return {balance.asset: balance for balance in reading.balances(said)}

    async def place(self, wire: Wire, intent: Intent) -> httpx.Response:
        wanted, operation = requested(intent.plan), self.placing(intent.plan)
        if isinstance(wanted, PairRequest):
            market = await self._market(wire, wanted.legs[0].symbol)
            return await self._sent(wire, self.ways.placing_pair(wanted, market.id), operation, intent)
        market = await self._market(wire, wanted.symbol)
        if self.ways.own:
            call = self.ways.placing(wanted, market.id)
            return await self._sent(wire, call, operation, intent)
        wanted = replace(wanted, client_order_id=self.ways.named(wanted.client_order_id))
        how = placing.ordering(wanted, self.at.title, self.at.bridge.has)
        fits = partial(placing.wrong, wanted=wanted, bridge=self.at.bridge)
        return await self._written(wire, lambda: Write(operation, intent, fits), how.name, *how.given)

    async def cancel(self, wire: Wire, order: Order) -> httpx.Response:
        market, operation = await self._market(wire, order.symbol), self.canceling({})
        if self.ways.own:
            return await self._sent(wire, self.ways.canceling(order, market.id), operation, None)
        fits = partial(placing.wrong_cancel, order=order)
        return await self._written(wire, lambda: Write(operation, None, fits), "cancel_order", order.id, order.symbol)

    @legible
    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> Order | None:
        wanted = OrderRequest.of(plan)
        market = await self._market(wire, wanted.symbol)
        name = self.ways.named(wanted.client_order_id)
        async for found in self._shown(wire, wanted, market):
            if found.client_order_id == name:
                return renamed(found, wanted.client_order_id)
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

    async def _numbered(self, wire: Wire, market: Market, number: str) -> AsyncIterator[Order]:
        """The orders among which one of this number may be."""
        if self.ways.own:
            bridge = self.at.bridge
            async for raw in self._looked(wire, "order.find", self.ways.numbered(number, market.id)):
                yield reading.order(bridge.parse_order(raw, bridge.market(market.symbol)))
            return
        if not self.at.bridge.has.get("fetchOrder"):
            raise Rejected(f"{self.at.title} can't be asked for an order by its id")
        try:
            yield reading.order(await self._ccxt(wire, "order.find", "fetch_order", number, market.symbol))
        except Rejected as no:
            if no.reason != ABSENT and not isinstance(no.__cause__, errors().OrderNotFound):
                raise

    async def _shown(self, wire: Wire, wanted: OrderRequest, market: Market) -> AsyncIterator[Order]:
        """The orders among which one of ours may be."""
        bridge = self.at.bridge
        if not self.ways.own:
            async for found in self._listed(wire, wanted.symbol):
                yield found
            return
        async for raw in self._looked(wire, "order.find", self.ways.looks(wanted, market.id)):
            yield reading.order(bridge.parse_order(raw, bridge.market(wanted.symbol)))

    async def _looked(self, wire: Wire, what: str, looks: Sequence[Look]) -> AsyncIterator[Any]:
        """The orders of all these places, and of those that they lead to, as the exchange writes them."""
        waiting = list(looks)
        while waiting:
            look = waiting.pop(0)
            try:
                body = await self._read(wire, what, look.call)
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
        for method in ("fetch_open_orders", "fetch_closed_orders", "fetch_orders"):
            if not self.at.bridge.has.get(_camel(method)):
                continue
            try:
                listed = await self._ccxt(wire, "order.find", method, symbol)
            except Rejected as no:
                refused = no
                continue
            for said in listed:
                yield reading.order(said)
        if refused is not None:
            raise refused

    @legible
    async def open_orders(self, wire: Wire, symbol: str | None = None) -> Sequence[Order]:
        await self.markets(wire)
        found = [reading.order(said) for said in await self._ccxt(wire, "orders.open", "fetch_open_orders", symbol)]
        market = (await self._market(wire, symbol)).id if symbol else None
        apart = [raw async for raw in self._looked(wire, "orders.open", self.ways.apart(market))]
        return [*found, *(reading.order(self.at.bridge.parse_order(raw)) for raw in apart)]

    @legible
    async def fills(self, wire: Wire, symbol: str, since: datetime) -> Sequence[Fill]:
        await self._market(wire, symbol)
        found: dict[str, Fill] = {}
        for begin, end in reading.spans(since, wire.now(), self.ways.span):
            await self._page(wire, symbol, begin, end, found)
        mine = [fill for fill in found.values() if fill.symbol == symbol and fill.at >= since]
        return sorted(mine, key=lambda fill: (fill.at, fill.id))

    async def _page(
        self, wire: Wire, symbol: str, begin: datetime, end: datetime | None, found: dict[str, Fill]
    ) -> None:
        """Gather the trades of a time; where the newest come first, page by page back to its beginning."""
        market, until = None if self.ways.mixed else symbol, end
        while True:
            more = {"until": _millis(until)} if until else {}
            said = await self._ccxt(wire, "fills", "fetch_my_trades", market, _millis(begin), None, more)
            read = [fill for item in said if (fill := reading.fill(item)) is not None]
            new = [fill for fill in read if fill.id not in found]
            found |= {fill.id: fill for fill in new}
            if not self.ways.page or len(said) < self.ways.page or not new:
                return
            until = min(fill.at for fill in read)

    async def _market(self, wire: Wire, symbol: str) -> Market:
        """A market, from what this process holds of them, however old: to place an order asks nothing else.

        Raises:
            Rejected: there is none of this name.
        """
        held = self.at.markets or await self.markets(wire)
        if symbol not in held:
            raise Rejected(f"{self.at.title} has no spot market {symbol!r}; write it like BTC/USDT")
        return held[symbol]

    async def _ccxt(self, wire: Wire, what: str, method: str, *given: Any, **more: Any) -> Any:
        """What one of ccxt's methods reads."""
        doing = Doing(wire, self.operation(what))
        return await self._timed(wire, lambda: asked(self.at.bridge, doing, method, *given, **more))

    async def _read(self, wire: Wire, what: str, call: Unsigned) -> Any:
        """What one call reads."""

        async def act() -> Any:
            return content(await send(self.at.bridge, wire, self.operation(what), call))

        return await self._timed(wire, act)

    async def _sent(self, wire: Wire, call: Unsigned, operation: Operation, intent: Intent | None) -> httpx.Response:
        """The answer to a write that is ours."""
        return await self._timed(wire, lambda: send(self.at.bridge, wire, operation, call, intent))

    async def _written(self, wire: Wire, write: Callable[[], Write], method: str, *given: Any) -> httpx.Response:
        """The answer to a write that ccxt shapes."""

        async def act() -> httpx.Response:
            try:
                await asked(self.at.bridge, Doing(wire, self.operation("order.before"), write()), method, *given)
            except Left as left:
                if left.answer is not None:
                    return left.answer
                raise
            raise CallRefused(f"{self.at.title}: {method} sent nothing")

        try:
            return await self._timed(wire, act)
        except Rejected as no:  # ccxt's own objection, before anything was sent
            raise CallRefused(no.reason) from no

    async def _timed(self, wire: Wire, act: Callable[[], Awaitable[T]]) -> T:
        """Do it again by the exchange's own time, if it objected to ours; nothing happened then."""
        try:
            return await act()
        except NotNow as no:
            if CLOCK not in no.why:
                raise
        await self._measure(wire)
        if wrong := keys.skewed(self.at.title, self.at.clock.ahead):
            log.warning("%s", wrong)
        return await act()

    async def _measure(self, wire: Wire) -> None:
        """Note how far our clock is ahead of the exchange's, by half the way there and back."""
        at = self.at
        if not at.bridge.has.get("fetchTime"):
            return
        before = wire.now()
        theirs = reading.instant(await asked(at.bridge, Doing(wire, self.operation("time")), "fetch_time"))
        if theirs is not None:
            at.clock.ahead = before + (wire.now() - before) / 2 - theirs


def _lines(key: str) -> str:
    """A private key with its lines; given in one, it has a backslash and an n between them."""
    return key.replace("\\n", "\n") if "PRIVATE KEY" in key else key


def _camel(method: str) -> str:
    first, *others = method.split("_")
    return first + "".join(word.capitalize() for word in others)


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)
