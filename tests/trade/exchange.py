"""A small exchange's connector, for tests: every number as text, an answer for each of its server's paths."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx

from connectors import registry
from connectors.alpaca_stocks import connector as stocks
from connectors.base import Absence, Budget, Effect, Intent, Kind, Operation, Outcome, Reading, Scope, outcome_of
from connectors.exchange.rows.binance import Binance
from connectors.market import Book, Candle, Filters, Market, Ticker
from connectors.network import Identity, Option, Rejected, SecretField, Wire
from connectors.order import Balance, Fill, Order, OrderState, OrderType, Side
from connectors.venue import Custom, Exchange, Rights

READ = Operation("tiny.read", Effect.READ, Scope.READ)
PLACE = Operation("tiny.order.create", Effect.ONCE, Scope.TRADE, Absence.FINAL)
PAIR = Operation("tiny.order.pair", Effect.ONCE, Scope.TRADE, Absence.FINAL)
CANCEL = Operation("tiny.order.cancel", Effect.REPEATABLE, Scope.TRADE, Absence.PROOF)
MARKET = Market(
    "BTC/USDT",
    "BTCUSDT",
    "BTC",
    "USDT",
    Filters(tick=Decimal("0.01"), lot=Decimal("0.0001"), min_notional=Decimal(5)),
    pairs=True,
)
KEY = "canary-Tiny/77ab+key"


@dataclass(frozen=True)
class Connector:
    """Implements ``connectors.venue.Exchange``."""

    base_url: str = "https://tiny.invalid"
    chosen: Mapping[str, str] = field(default_factory=dict)
    name: str = "tiny"
    fields: tuple[SecretField, ...] = (SecretField("key", "Key"),)
    options: tuple[Option, ...] = (Option("settles", "0.2", "Seconds until an order shows."),)
    budgets: tuple[Budget, ...] = ()
    sign_in: None = None

    @property
    def custom(self) -> Custom:
        settles = timedelta(seconds=float(self.chosen.get("settles", "0.2")))
        return Custom(settles, unique=False, by_client_id=True)

    @property
    def origins(self) -> tuple[str, ...]:
        return (self.base_url,)

    def costs(self, operation: Operation, request: httpx.Request) -> Mapping[str, int]:
        return {}

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        return ()

    def harvest(self, operation: Operation, response: httpx.Response) -> Mapping[str, str]:
        return {}

    def lasts(self, operation: Operation, response: httpx.Response) -> timedelta | None:
        return None

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        headers = {**request.headers, "x-key": secrets["key"]}
        return httpx.Request(request.method, request.url, headers=headers, stream=request.stream)

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        try:
            body = json.loads(response.content)
        except ValueError:
            return Outcome(Kind.UNKNOWN, f"status {response.status_code} without JSON")
        if response.status_code >= 500:
            return Outcome(Kind.UNKNOWN, str(body))
        if response.status_code >= 400:
            return Outcome(Kind.REJECTED, str(body["error"]))
        if operation is PAIR:
            return Outcome(Kind.OK, result={"legs": {one["client_order_id"]: one["id"] for one in body["orders"]}})
        return Outcome(Kind.OK, result={"id": body["id"]} if operation is PLACE else {})

    async def _get(self, wire: Wire, path: str, **params: str) -> Any:
        answer = await wire.request(READ, "GET", f"{wire.base}{path}", params=params)
        outcome = outcome_of(answer)
        if outcome.kind is not Kind.OK:
            raise Rejected(f"tiny can't be asked: {outcome.reason}")
        return answer.json()

    async def test(self, wire: Wire) -> Identity:
        return Identity("7", (await self._get(wire, "/who"))["who"])

    async def rights(self, wire: Wire) -> Rights:
        return Rights(trade=True, withdraw=False, transfer=False)

    async def markets(self, wire: Wire, *wanted: str) -> Mapping[str, Market]:
        return {MARKET.symbol: MARKET}

    async def ahead(self, wire: Wire, *, anew: bool = False) -> timedelta:
        return timedelta()

    async def ticker(self, wire: Wire, symbol: str) -> Ticker:
        price = Decimal((await self._get(wire, "/ticker"))["price"])
        return Ticker(symbol, price, price, price, wire.now())

    async def book(self, wire: Wire, symbol: str, depth: int) -> Book:
        return Book(symbol, (), (), wire.now())

    async def candles(self, wire: Wire, symbol: str, every: timedelta, since: datetime) -> Sequence[Candle]:
        return ()

    async def balances(self, wire: Wire) -> Mapping[str, Balance]:
        found = await self._get(wire, "/balances")
        return {asset: Balance(asset, Decimal(free), Decimal(locked)) for asset, (free, locked) in found.items()}

    def placing(self, plan: Mapping[str, Any]) -> Operation:
        return PAIR if "legs" in plan else PLACE

    def canceling(self, plan: Mapping[str, Any]) -> Operation:
        return CANCEL

    async def place(self, wire: Wire, intent: Intent) -> httpx.Response:
        operation, plan = self.placing(intent.plan), dict(intent.plan)
        path = "/pair" if operation is PAIR else "/order"
        return await wire.request(operation, "POST", f"{wire.base}{path}", intent=intent, json=plan)

    async def cancel(self, wire: Wire, order: Order) -> httpx.Response:
        return await wire.request(CANCEL, "DELETE", f"{wire.base}/order", params={"id": order.id})

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> Order | None:
        found = await self._get(wire, "/order", client=plan["client_order_id"])
        return _order(found) if found else None

    async def look_up(self, wire: Wire, plan: Mapping[str, Any], number: str) -> Order | None:
        found = await self._get(wire, "/order", id=number)
        return _order(found) if found else None

    async def open_orders(self, wire: Wire, symbol: str | None = None) -> Sequence[Order]:
        return [_order(item) for item in await self._get(wire, "/open")]

    async def fills(self, wire: Wire, symbol: str, since: datetime) -> Sequence[Fill]:
        return [_fill(item) for item in await self._get(wire, "/fills", since=since.isoformat())]


def _order(said: Mapping[str, Any]) -> Order:
    return Order(
        said["id"],
        said["client_order_id"],
        said["symbol"],
        Side(said["side"]),
        OrderType(said["type"]),
        OrderState(said["state"]),
        Decimal(said["amount"]),
        Decimal(said["filled"]),
        Decimal(said["cost"]),
        Decimal(said["price"]) if said.get("price") else None,
        at=datetime.fromisoformat(said["at"]),
    )


def _fill(said: Mapping[str, Any]) -> Fill:
    numbers = (Decimal(said[name]) for name in ("price", "amount", "fee"))
    at = datetime.fromisoformat(said["at"])
    side = Side(said["side"])
    return Fill(said["id"], said["order_id"], said["symbol"], side, *numbers, said["fee_asset"], said["maker"], at)


SETTLE = "AUTOMATOR_TEST_SETTLE"  #: seconds until what an exchange has taken shows, in programs of tests


def hurry(seconds: float) -> None:
    """In a program of a test's own: wait no longer for exchanges than their twins need, which show at once what they have."""
    Binance.custom = replace(Binance.custom, settles=timedelta(seconds=seconds))
    stocks.USUAL = replace(stocks.USUAL, settles=timedelta(seconds=seconds))


_trades, _exchange = registry.trades, registry.exchange


def register() -> None:
    """Make the small exchange known in this process, beside those that ccxt knows."""

    def exchange(
        provider: str, url: str | None = None, chosen: Mapping[str, str] | None = None, account: str = ""
    ) -> Exchange:
        if provider != "tiny":
            return _exchange(provider, url, chosen, account)
        return Connector(url or "", chosen or {})

    registry.trades = lambda provider: provider == "tiny" or _trades(provider)
    registry.exchange = exchange
