"""Binance Spot (github.com/binance/binance-spot-api-docs: rest-api.md, errors.md, filters.md, of 2026-07-17)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from connectors.base import Budget, Kind, Reading, Window
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import (
    ABSENT,
    API,
    BAD_CLOCK,
    BAD_KEY,
    GONE,
    NO,
    UNKNOWN,
    Look,
    Said,
    Verdict,
    Ways,
    exact,
    number,
    places,
    plain,
)
from connectors.market import Filters
from connectors.order import Order, OrderRequest, OrderType, PairRequest, TimeInForce
from connectors.venue import Custom, Rights

DAY = 86_400
MINUTE = 60
SECONDS = {"SECOND": 1, "MINUTE": MINUTE, "HOUR": 3600, "DAY": DAY}
KEPT = 0.1  #: of the weight: as many orders as an account may place at most
COUNTED = {"REQUEST_WEIGHT": ("weight", "weight"), "ORDERS": ("orders", "orders"), "RAW_REQUESTS": ("raw", "calls")}
BUDGETS = (
    Budget("weight-1m", 6000, Window.FIXED, MINUTE, shared=True, unit="weight", kept=KEPT),
    Budget("raw-5m", 61_000, Window.FIXED, 5 * MINUTE, shared=True, kept=KEPT),
    Budget("orders-10s", 100, Window.FIXED, 10, unit="orders"),
    Budget("orders-1d", 200_000, Window.FIXED, DAY, unit="orders"),
)
SAPI = Budget("sapi-1m", 12_000, Window.FIXED, MINUTE, shared=True, unit="weight")
#: rest-api.md's own weights, where ccxt has none or another: with a symbol, and for all of them
WEIGHTS: dict[tuple[str, str], tuple[int, int]] = {
    ("GET", "ping"): (1, 1),
    ("GET", "time"): (1, 1),
    ("GET", "exchangeInfo"): (20, 20),
    ("GET", "klines"): (2, 2),
    ("GET", "trades"): (25, 25),
    ("GET", "historicalTrades"): (25, 25),
    ("GET", "aggTrades"): (4, 4),
    ("GET", "ticker/24hr"): (2, 80),
    ("GET", "ticker/price"): (2, 4),
    ("GET", "ticker/bookTicker"): (2, 4),
    ("POST", "order"): (1, 1),
    ("POST", "orderList/oco"): (1, 1),
    ("DELETE", "order"): (1, 1),
    ("GET", "order"): (4, 4),
    ("GET", "openOrders"): (6, 80),
    ("GET", "allOrders"): (20, 20),
    ("GET", "myTrades"): (20, 20),
    ("GET", "account"): (20, 20),
}
NEW_ORDERS = {"order": 1, "orderList/oco": 2}  #: how many orders a call counts as
DEPTHS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
PER_COST = 5  #: ccxt counts in units of 50 ms, of which a minute of 6,000 has 1,200
TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT_LIMIT",
}
AWAY = 451  #: the status of what is refused for where it comes from (RFC 7725), before anything is done
CODES = {
    str(AWAY): Verdict(Kind.REJECTED, "it serves nobody in the place that this machine's address is of", lasting=True),
    "-1000": UNKNOWN,
    "-1001": UNKNOWN,
    "-1002": BAD_KEY,
    "-1003": Verdict(Kind.LATER, "its limit is reached", MINUTE),
    "-1006": UNKNOWN,
    "-1007": UNKNOWN,
    "-1008": UNKNOWN,
    "-1015": Verdict(Kind.LATER, "its limit of orders is reached", 10),
    "-1016": Verdict(Kind.LATER, seconds=MINUTE),
    "-1021": BAD_CLOCK,
    "-1022": Verdict(Kind.REJECTED, "it does not accept the signature; is the API secret right?"),
    "-2013": GONE,
    "-2014": BAD_KEY,
    "-2015": BAD_KEY,
    "-2026": GONE,  # it ended unfilled, three months ago
}
_REFUSED = re.compile(r"-10(?:1[34]|20|3\d)|-1[12]\d\d|-20(?:1\d|2\d|3\d|4\d)")  #: the others that errors.md explains
_BAN = re.compile(r"banned until (\d{13})\b")  #: milliseconds since 1970


class Binance(Ways):
    """Its row."""

    id: ClassVar[str] = "binance"
    config: ClassVar[Mapping[str, Any]] = {
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
            "warnOnFetchOpenOrdersWithoutSymbol": False,
            "recvWindow": 5000,
        },
        "has": {"fetchCurrencies": False},
    }
    custom: ClassVar[Custom] = Custom(timedelta(seconds=10), unique=False, by_client_id=True)
    fields: ClassVar[Any] = API
    sections: ClassVar[tuple[str, ...] | None] = ("public", "private", "sapi")
    testing: ClassVar[bool | None] = True
    page: ClassVar[int] = 0

    def budgets(self, at: Any) -> tuple[Budget, ...]:
        return (*(at.learned or BUDGETS), SAPI)

    def costs(self, at: Any, call: Unsigned) -> Mapping[str, int]:
        if call.sections[0].startswith("sapi"):
            return {"sapi-1m": 1}
        counts = {"weight": weight(call), "raw": 1}
        if call.method == "POST" and call.path in NEW_ORDERS:
            counts["orders"] = NEW_ORDERS[call.path]
        return {
            budget.name: counts[kind]
            for budget in self.budgets(at)
            if (kind := budget.name.partition("-")[0]) in counts
        }

    def readings(self, at: Any, what: str, headers: Mapping[str, str]) -> tuple[Reading, ...]:
        return tuple(_readings(self.budgets(at), headers))

    def learn(self, at: Any, call: Unsigned, body: Any) -> None:
        if call.path == "exchangeInfo" and isinstance(body, dict) and (found := tuple(announced(body))):
            at.learned = found

    def said(self, body: Any, status: int) -> Said | None:
        code = body.get("code") if isinstance(body, dict) else None
        if status == AWAY:
            return Said(str(AWAY), str(body.get("msg") or "") if isinstance(body, dict) else "")
        return Said(str(code), str(body.get("msg") or "")) if isinstance(code, int) and code < 0 else None

    def verdict(self, said: Said) -> Verdict | None:
        if said.code == "-1003" and (ban := _BAN.search(said.text)):
            return replace(CODES[said.code], until=_instant(ban[1]))
        if said.code == "-2011" and said.text.startswith("Unknown order"):
            return Verdict(Kind.REJECTED, ABSENT)
        return CODES.get(said.code) or (NO if _REFUSED.fullmatch(said.code) else None)

    def placed(self, body: Any) -> str | None:
        return str(body["orderId"]) if isinstance(body, dict) and isinstance(body.get("orderId"), int) else None

    def shows(self, body: Any) -> bool:
        return isinstance(body, list) or "orderId" in body

    def placing(self, wanted: OrderRequest, market: str) -> Unsigned:
        params = {"symbol": market, "side": wanted.side.upper(), "type": TYPES[wanted.type]}
        resting = wanted.time_in_force is TimeInForce.POST_ONLY
        if resting:
            params["type"] = "LIMIT_MAKER"
        elif wanted.price is not None:
            params["timeInForce"] = wanted.time_in_force.upper()
        if wanted.amount is None:
            params["quoteOrderQty"] = plain(wanted.quote_amount)
        else:
            params["quantity"] = plain(wanted.amount)
        if wanted.price is not None:
            params["price"] = plain(wanted.price)
        if wanted.stop_price is not None:
            params["stopPrice"] = plain(wanted.stop_price)
        return Unsigned(("private",), "order", "POST", params | {"newClientOrderId": wanted.client_order_id})

    def placing_pair(self, wanted: PairRequest, market: str) -> Unsigned:
        below, above = sorted(wanted.legs, key=lambda leg: leg.stop_price or leg.price or 0)
        params = {"symbol": market, "side": above.side.upper(), "quantity": plain(above.amount)}
        for name, leg in (("above", above), ("below", below)):
            params |= {f"{name}{what[0].upper()}{what[1:]}": value for what, value in _leg(leg).items()}
        return Unsigned(("private",), "orderList/oco", "POST", params | {"listClientOrderId": wanted.client_order_id})

    def paired(self, body: Any) -> Mapping[str, str]:
        orders = body.get("orders") if isinstance(body, dict) else None
        found = {one["clientOrderId"]: str(one["orderId"]) for one in orders or ()}
        return found if len(found) == 2 else {}  # noqa: PLR2004 - a pair

    def pairs(self, market: Mapping[str, Any]) -> bool:
        return bool(market["info"].get("ocoAllowed"))

    def canceling(self, order: Order, market: str) -> Unsigned:
        name = {"orderId": order.id} if order.id else {"origClientOrderId": order.client_order_id}
        return Unsigned(("private",), "order", "DELETE", {"symbol": market, **name})

    def looks(self, wanted: OrderRequest, market: str) -> Sequence[Look]:
        params = {"symbol": market, "origClientOrderId": wanted.client_order_id}
        return (Look(Unsigned(("private",), "order", "GET", params), lambda body: [body]),)

    def numbered(self, number: str, market: str) -> Sequence[Look]:
        params = {"symbol": market, "orderId": number}
        return (Look(Unsigned(("private",), "order", "GET", params), lambda body: [body]),)

    def key(self) -> Unsigned | None:
        return Unsigned(("sapi",), "account/apiRestrictions", "GET", {})

    def rights(self, body: Any) -> Rights:
        moves = (body.get("enableInternalTransfer"), body.get("permitsUniversalTransfer"))
        return Rights(
            trade=body.get("enableSpotAndMarginTrading"),
            withdraw=body.get("enableWithdrawals"),
            transfer=True if any(moves) else None if None in moves else False,  # one that is said is enough
            ip_restricted=body.get("ipRestrict"),
            expires=_instant(body.get("tradingAuthorityExpirationTime")),
        )

    def who(self) -> Unsigned | None:
        return Unsigned(("private",), "account", "GET", {"omitZeroBalances": "true"})

    def owner(self, body: Any) -> str:
        return str(body.get("uid") or "")

    def filters(self, bridge: Any, market: Mapping[str, Any]) -> Filters:
        said = {item.get("filterType"): item for item in market["info"].get("filters", ())}
        price, lot = said.get("PRICE_FILTER", {}), said.get("LOT_SIZE", {})
        large, least = said.get("MARKET_LOT_SIZE", {}), said.get("NOTIONAL") or said.get("MIN_NOTIONAL") or {}
        band, sided = said.get("PERCENT_PRICE", {}), said.get("PERCENT_PRICE_BY_SIDE", {})
        # of the two sides' bands, what both allow
        lowest = max(
            filter(None, (exact(sided.get(name)) for name in ("bidMultiplierDown", "askMultiplierDown"))), default=None
        )
        highest = min(
            filter(None, (exact(sided.get(name)) for name in ("bidMultiplierUp", "askMultiplierUp"))), default=None
        )
        return Filters(
            tick=number(price.get("tickSize")),
            lot=number(lot.get("stepSize")),
            min_amount=number(lot.get("minQty")),
            max_amount=number(lot.get("maxQty")),
            min_notional=number(least.get("minNotional")),
            max_notional=number(least.get("maxNotional")),
            lowest=number(band.get("multiplierDown")) or lowest,
            highest=number(band.get("multiplierUp")) or highest,
            market_lot=number(large.get("stepSize")),
            market_max=number(large.get("maxQty")),
            cent=places(market["info"].get("quoteAssetPrecision")),
        )


def _leg(wanted: OrderRequest) -> dict[str, str]:
    """One order of a pair, in which a limit order rests ("New Order list - OCO")."""
    limit = wanted.type is OrderType.LIMIT
    said = {"type": "LIMIT_MAKER" if limit else TYPES[wanted.type], "clientOrderId": wanted.client_order_id}
    if wanted.price is not None:
        said["price"] = plain(wanted.price)
    if wanted.stop_price is not None:
        said["stopPrice"] = plain(wanted.stop_price)
    if wanted.price is not None and not limit:
        said["timeInForce"] = wanted.time_in_force.upper()
    return said


def weight(call: Unsigned) -> int:
    """What a call weighs."""
    params = call.params if isinstance(call.params, dict) else {}
    if call.path == "depth":
        limit = int(params.get("limit") or 100)
        return next((weight for size, weight in DEPTHS if limit <= size), DEPTHS[-1][1])
    if call.path == "myTrades" and params.get("orderId"):
        return 5  # the one call that is lighter for being narrow
    known = WEIGHTS.get((call.method, call.path))
    if known is None:
        return max(1, round(call.cost * PER_COST))
    return known[0 if params.get("symbol") else 1]


def announced(body: Mapping[str, Any]) -> Iterator[Budget]:
    """The limits in force, from exchangeInfo's ``rateLimits``."""
    for limit in body.get("rateLimits") or ():
        seconds = SECONDS.get(limit.get("interval"), 0) * int(limit.get("intervalNum") or 0)
        named = COUNTED.get(limit.get("rateLimitType"))
        if named and seconds:
            name, most = f"{named[0]}-{limit['intervalNum']}{limit['interval'][0].lower()}", int(limit["limit"])
            if named[0] == "orders":
                yield Budget(name, most, Window.FIXED, seconds, unit=named[1])
            else:
                yield Budget(name, most, Window.FIXED, seconds, shared=True, unit=named[1], kept=KEPT)


HEADERS = {"weight": "x-mbx-used-weight-", "orders": "x-mbx-order-count-"}


def _readings(budgets: Sequence[Budget], headers: Mapping[str, str]) -> Iterator[Reading]:
    """How much of the windows is used; they start at full minutes (ten seconds, days) of the exchange's clock."""
    try:
        now = int(parsedate_to_datetime(headers["date"]).timestamp())
    except (KeyError, ValueError, TypeError, OverflowError):
        return
    for budget in budgets:
        kind, _, window = budget.name.partition("-")
        used = headers.get(HEADERS.get(kind, "-") + window, "")
        if used.isdigit() and budget.limit is not None:
            ends = datetime.fromtimestamp((now // budget.seconds + 1) * budget.seconds, UTC)
            yield Reading(budget.name, None, max(0, budget.limit - int(used)), ends)


def _instant(millis: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(millis) / 1000, UTC) if millis else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None
