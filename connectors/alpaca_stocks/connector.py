"""Alpaca's Trading API for stocks of the United States (docs.alpaca.markets), in dollars and without short sales."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from connectors.alpaca_stocks import hours, limits, outcomes, placing, reading
from connectors.alpaca_stocks.hours import Hours
from connectors.answer import trusted
from connectors.base import Absence, Budget, Effect, Intent, Operation, Outcome, Reading, Scope, outcome_of
from connectors.exchange import keys
from connectors.exchange.rows.alpaca import Alpaca
from connectors.exchange.ways import ABSENT, API
from connectors.market import Book, Candle, Market, Ticker, outdated
from connectors.network import Identity, Option, Rejected, SecretField, Wire
from connectors.order import Balance, Fill, Order, OrderRequest
from connectors.signing import with_headers
from connectors.venue import Custom, Rights, doubtful

PLACE = Operation(outcomes.PLACE, Effect.ONCE, Scope.TRADE, Absence.FINAL)
CANCEL = Operation(outcomes.CANCEL, Effect.REPEATABLE, Scope.TRADE, Absence.PROOF)
LIVE, PAPER, DATA = "https://api.alpaca.markets", "https://paper-api.alpaca.markets", "https://data.alpaca.markets"
KEPT = timedelta(hours=12)  #: that the list of stocks is; it is long, and changes overnight
PAGE, FILLS, BARS = 500, 100, 10_000  #: the most that one answer holds
MINUTES, HOURS = range(1, 60), range(1, 24)
#: what is said of an account that may not trade, by the flag that says so
FLAGS = {
    "trading_blocked": "Alpaca has blocked this account from trading",
    "account_blocked": "Alpaca has blocked this account altogether",
    "trade_suspended_by_user": "trading is suspended in this account's own settings at Alpaca",
    "transfers_blocked": "Alpaca has blocked this account from money transfers; it may trade all the same",
}
LONG_AGO = datetime.min.replace(tzinfo=UTC)
USUAL = Custom(timedelta(seconds=5), unique=True, by_client_id=True, apart="what regulators take of sales")
_ROW = Alpaca()


@dataclass(eq=False)
class Known:
    """What a process knows of the market; nothing here belongs to one account."""

    markets: Mapping[str, Market] | None = None
    loaded: datetime = LONG_AGO
    doubted: bool = False  #: an order was refused since
    hours: Hours | None = None
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)


_KNOWN: defaultdict[str, Known] = defaultdict(Known)  #: of this process, by address


@dataclass(frozen=True)
class Connector:
    """One account of stocks."""

    base_url: str = ""
    chosen: Mapping[str, str] = field(default_factory=dict)
    name: str = "alpaca-stocks"
    fields: tuple[SecretField, ...] = API

    @property
    def custom(self) -> Custom:
        return USUAL

    @property
    def origins(self) -> tuple[str, ...]:
        if self.base_url:
            return (self.base_url.rstrip("/"),)
        return (PAPER if self.chosen.get("environment") == "test" else LIVE, DATA)

    @property
    def options(self) -> tuple[Option, ...]:
        return (
            Option("environment", "live", "Real money, or Alpaca's paper account.", ("live", "test")),
            Option("feed", "iex", "Whose prices: one exchange's, free, or all of them (a paid plan).", ("iex", "sip")),
            Option(
                "outside_hours",
                "refuse",
                "A market order while the market is closed: refused, or queued for its opening.",
                ("refuse", "queue"),
            ),
        )

    @property
    def budgets(self) -> tuple[Budget, ...]:
        return limits.BUDGETS

    def costs(self, operation: Operation, _: httpx.Request) -> Mapping[str, int]:
        return limits.costs(operation)

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        return limits.observe(operation, response.headers)

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        return outcomes.judge(operation, response)

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        keys = {"apca-api-key-id": secrets.get("api_key", ""), "apca-api-secret-key": secrets.get("secret", "")}
        return with_headers(request, keys)

    def harvest(self, _: Operation, __: httpx.Response) -> Mapping[str, str]:
        return {}

    def lasts(self, _: Operation, __: httpx.Response) -> timedelta | None:
        return None

    def placing(self, _: Mapping[str, Any]) -> Operation:
        return PLACE

    def canceling(self, _: Mapping[str, Any]) -> Operation:
        return CANCEL

    async def test(self, wire: Wire) -> Identity:
        said = await self._read(wire, "account", "/v2/account")
        found = keys.identity("Alpaca", _ROW.owner(said), _ROW.rights(said), self.custom, timedelta(), wire.now())
        now = await self._hours(wire)
        return replace(found, warnings=(*found.warnings, *_told(said, now)))

    async def rights(self, wire: Wire) -> Rights:
        return _ROW.rights(await self._read(wire, "account", "/v2/account"))

    async def markets(self, wire: Wire, *wanted: str) -> Mapping[str, Market]:
        known = self._here
        async with known.loading:
            await self._hours(wire)
            if outdated(known.markets, wire.now() - known.loaded, KEPT, wanted, doubted=known.doubted):
                said = await self._read(wire, "markets", "/v2/assets", status="active", asset_class="us_equity")
                known.markets = {market.symbol: market for market in reading.markets(said)}
                known.loaded, known.doubted = wire.now(), False
                wire.loaded()
        return known.markets or {}

    async def ahead(self, wire: Wire, *, anew: bool = False) -> timedelta:
        if anew:
            self._here.hours = None
        return (await self._hours(wire)).ahead

    async def ticker(self, wire: Wire, symbol: str) -> Ticker:
        market = await self._market(wire, symbol)
        said = await self._read(wire, "ticker", f"{_stock(market)}/snapshot", feed=self._feed)
        return reading.ticker(market, said, wire.now())

    async def book(self, wire: Wire, symbol: str, depth: int) -> Book:
        market = await self._market(wire, symbol)
        said = await self._read(wire, "book", f"{_stock(market)}/quotes/latest", feed=self._feed)
        found = reading.book(market, said, wire.now())
        return Book(symbol, found.bids[:depth], found.asks[:depth], found.at)

    async def candles(self, wire: Wire, symbol: str, every: timedelta, since: datetime) -> Sequence[Candle]:
        market = await self._market(wire, symbol)
        asked = {"timeframe": _frame(every), "start": _at(since), "limit": str(BARS), "feed": self._feed, "sort": "asc"}
        said = await self._read(wire, "candles", f"{_stock(market)}/bars", **asked)
        now = wire.now() - (await self._hours(wire)).ahead  # by the clock by which they close
        found = reading.candles(said.get("bars"), every, now)
        return [candle for candle in found if candle.at >= since]

    async def balances(self, wire: Wire) -> Mapping[str, Balance]:
        account = await self._read(wire, "account", "/v2/account")
        positions = await self._read(wire, "balances", "/v2/positions")
        return {balance.asset: balance for balance in reading.balances(account, positions)}

    async def place(self, wire: Wire, intent: Intent) -> httpx.Response:
        wanted = OrderRequest.of(intent.plan)
        asked = placing.body(wanted, await self._market(wire, wanted.symbol))
        told = self._here.hours or await self._hours(wire)  # ``markets`` was asked just now
        placing.timely(wanted, told, queues=self.chosen.get("outside_hours") == "queue")
        answer = await wire.request(PLACE, "POST", f"{wire.base}/v2/orders", intent=intent, json=asked)
        self._here.doubted |= doubtful(outcome_of(answer))
        return answer

    async def cancel(self, wire: Wire, order: Order) -> httpx.Response:
        id_ = order.id
        if not id_:  # its answer was lost, and only our own name of it is known
            found = await self._by_name(wire, order.client_order_id)
            if found is None:
                raise Rejected(ABSENT)
            id_ = found.id
        return await wire.request(CANCEL, "DELETE", f"{wire.base}/v2/orders/{quote(id_, safe='')}")

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> Order | None:
        name = OrderRequest.of(plan).client_order_id
        found = await self._by_name(wire, name)
        return found if found is not None and found.client_order_id == name else None

    async def look_up(self, wire: Wire, plan: Mapping[str, Any], number: str) -> Order | None:  # noqa: ARG002 - its id is enough
        return await self._one(wire, f"/v2/orders/{quote(number, safe='')}")

    async def _by_name(self, wire: Wire, client_order_id: str) -> Order | None:
        return await self._one(wire, "/v2/orders:by_client_order_id", client_order_id=client_order_id)

    async def _one(self, wire: Wire, path: str, **asked: str) -> Order | None:
        try:
            return reading.order(await self._read(wire, "order.find", path, **asked))
        except Rejected as no:
            if no.reason == ABSENT:
                return None
            raise

    async def open_orders(self, wire: Wire, symbol: str | None = None) -> Sequence[Order]:
        asked = {"status": "open", "limit": str(PAGE), "direction": "desc", "asset_class": "us_equity"}
        if symbol is not None:
            asked["symbols"] = (await self._market(wire, symbol)).id
        found: dict[str, Order] = {}
        while True:
            said = await self._read(wire, "orders.open", "/v2/orders", **asked)
            page = {order.id: order for order in reading.orders(said)}
            fresh = page.keys() - found.keys()
            found |= page
            if len(said) < PAGE or not fresh:
                return list(found.values())
            asked["before_order_id"] = str(said[-1]["id"])

    async def fills(self, wire: Wire, symbol: str, since: datetime) -> Sequence[Fill]:
        since -= max((await self._hours(wire)).ahead, timedelta())  # they are dated by Alpaca's clock
        # "after" is told in whole seconds, and leaves out its own instant
        asked = {"after": _at(since - timedelta(seconds=1)), "direction": "asc", "page_size": str(FILLS)}
        found: dict[str, Fill] = {}
        while True:
            said = await self._read(wire, "fills", "/v2/account/activities/FILL", **asked)
            read = [fill for one in said if isinstance(one, dict) and (fill := reading.fill(one)) is not None]
            fresh = [fill for fill in read if fill.id not in found]
            found |= {fill.id: fill for fill in fresh}
            if len(said) < FILLS or not fresh:
                break
            asked["page_token"] = fresh[-1].id
        mine = [fill for fill in found.values() if fill.symbol == symbol and fill.at >= since]
        return sorted(mine, key=lambda fill: (fill.at, fill.id))

    @property
    def _here(self) -> Known:
        return _KNOWN[self.origins[0]]

    @property
    def _feed(self) -> str:
        return self.chosen.get("feed", "iex")

    async def _hours(self, wire: Wire) -> Hours:
        """When the market is open, asked anew when it may have changed."""
        known = self._here
        if known.hours is None or not known.hours.stands(wire.now()):
            known.hours = hours.read(await self._read(wire, "hours", "/v2/clock"), wire.now())
        return known.hours

    async def _market(self, wire: Wire, symbol: str) -> Market:
        """A stock, from what this process holds of them, however old.

        Raises:
            Rejected: there is none of this name.
        """
        held = self._here.markets or await self.markets(wire)
        if symbol not in held:
            raise Rejected(f"Alpaca has no stock {symbol!r}; write it like AAPL/USD")
        return held[symbol]

    async def _read(self, wire: Wire, what: str, path: str, **asked: str) -> Any:
        """What one call reads.

        Raises:
            Rejected: Alpaca said no.
            connectors.base.NotNow: it can't be asked now.
        """
        base = self.origins[-1] if path.startswith("/v2/stocks/") else wire.base
        operation = Operation(f"{self.name}.{what}", Effect.READ, Scope.READ)
        answer = await wire.request(operation, "GET", f"{base}{path}", params=asked)
        trusted(answer)
        return outcomes.parsed(answer)


def _stock(market: Market) -> str:
    return f"/v2/stocks/{quote(market.id, safe='')}"


def _at(instant: datetime) -> str:
    """RFC 3339 in whole seconds, rounded down."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _frame(every: timedelta) -> str:
    """A candle's length as Alpaca writes it.

    Raises:
        Rejected: it has none of this length.
    """
    for step, name, counts in ((timedelta(hours=1), "Hour", HOURS), (timedelta(minutes=1), "Min", MINUTES)):
        if every % step == timedelta() and every // step in counts:
            return f"{every // step}{name}"
    if every == timedelta(days=1):
        return "1Day"
    raise Rejected(f"Alpaca has no candles of {every}; it has minutes up to 59, hours up to 23, and days")


def _told(account: Mapping[str, Any], now: Hours) -> list[str]:
    """What a person should know of an account, and of the market's hours."""
    found = [sentence for flag, sentence in FLAGS.items() if account.get(flag) is True]
    if account.get("status") not in {"ACTIVE", "PAPER_ONLY", None}:
        found.append(f"the account is {account['status']} at Alpaca, not ACTIVE")
    if not now.open:
        found.append(
            f"the stock market is closed until {now.until:%Y-%m-%d %H:%M} UTC: limit and stop orders wait for its "
            "opening, and market orders are refused until then, unless outside_hours=queue"
        )
    return found
