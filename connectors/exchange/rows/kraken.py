"""Kraken Spot (docs.kraken.com; github.com/krakenfx/api-specs)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

from connectors.base import Budget, Kind, Window
from connectors.exchange.bridge import Clock
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import (
    API,
    BAD_KEY,
    GONE,
    NO,
    UNKNOWN,
    Look,
    Said,
    Verdict,
    Ways,
    fitting,
    places,
    plain,
)
from connectors.network import Option
from connectors.order import WAITING, Order, OrderRequest, OrderType, Side, TimeInForce
from connectors.venue import Custom, Rights

PUBLIC = Budget("public", 15, Window.BUCKET, 15, shared=True)
#: by the account's tier (support.kraken.com, API rate limits): how many calls there are and in how many seconds as many
#: are given back, and so of points of orders, which are counted for each pair
TIERS = {"starter": (15, 45, 60, 60), "intermediate": (20, 40, 125, 54), "pro": (20, 20, 180, 48)}
DEAR = frozenset({"ClosedOrders", "TradesHistory", "Ledgers", "QueryLedgers", "QueryTrades"})  #: these count twice
#: what cancelling takes of an order that is younger than so many seconds (docs.kraken.com, Spot trading limits)
PENALTIES = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))
ARRIVING = 40  #: seconds after it was sent, at most, in which an order arrives: no call is waited for so long
TYPES = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop-loss",
    OrderType.STOP_LIMIT: "stop-loss-limit",
    OrderType.TAKE_PROFIT: "take-profit",
    OrderType.TAKE_PROFIT_LIMIT: "take-profit-limit",
}
NONCE = Verdict(Kind.LATER, "it has seen a higher nonce of this key; let no other program use the key", 60)
#: beginnings of its errors, the longest that fits counts
CODES = {
    "EAPI:Rate limit exceeded": Verdict(Kind.LATER, "its limit is reached", 15),
    "EAPI:Invalid nonce": NONCE,
    "EAPI:Invalid key": BAD_KEY,
    "EAPI:Invalid signature": Verdict(Kind.REJECTED, "it does not accept the signature; is the API secret right?"),
    "EAPI:": NO,
    "EAccount:Invalid permissions": NO,  # where the account's owner lives this is not traded
    "EGeneral:Permission denied": BAD_KEY,
    "EGeneral:Temporary lockout": Verdict(Kind.LATER, "it has locked the key out for a while", 900),
    "EGeneral:Invalid arguments": NO,
    "EGeneral:Unknown method": NO,
    "EOrder:Rate limit exceeded": Verdict(Kind.LATER, "its limit of orders is reached", 10),
    "EOrder:Domain rate limit exceeded": Verdict(Kind.LATER, "its limit of orders is reached", 10),
    "EOrder:Unknown order": GONE,
    "EOrder:": NO,
    "EQuery:": NO,
    "EFunding:": NO,
    "EService:Market in": NO,
    "EService:": UNKNOWN,
}
_UUID = re.compile(r"[0-9a-f]{32}")
FREE = 18  #: characters of a free text
_THROTTLED = re.compile(r"EService: ?Throttled: ?(\d+)")


class Kraken(Ways):
    """Its row."""

    id: ClassVar[str] = "kraken"
    config: ClassVar[Mapping[str, Any]] = {"has": {"fetchCurrencies": False}}
    custom: ClassVar[Custom] = Custom(timedelta(seconds=10), unique=False, by_client_id=True, ordered=True)
    fields: ClassVar[Any] = API
    finer: ClassVar[bool] = True
    testing: ClassVar[bool | None] = False
    mixed: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = (
        Option("tier", "starter", "The account's tier, on which Kraken's limits depend.", tuple(TIERS)),
    )

    def lead(self, call: Unsigned) -> str:
        return f"0/{call.sections[0]}/"

    def budgets(self, at: Any) -> tuple[Budget, ...]:
        return _tier("starter")

    def within(self, budgets: tuple[Budget, ...], chosen: Mapping[str, str]) -> tuple[Budget, ...]:
        return _tier(chosen.get("tier", "starter"))

    def costs(self, at: Any, call: Unsigned) -> Mapping[str, int]:
        if call.sections[0] != "private":
            return {"public": 1}
        if call.path == "AddOrder":
            return {f"orders {call.params['pair']}": 1}
        if call.path == "CancelOrder":
            return {f"orders {call.about['market']}": penalty(_resting(at.clock, call.about))}
        return {"counter": 2 if call.path in DEAR else 1}

    def said(self, body: Any, status: int) -> Said | None:
        errors = body.get("error") if isinstance(body, dict) else None
        if isinstance(errors, str):
            errors = [errors]
        if isinstance(errors, list):  # warnings begin with W
            errors = [str(error) for error in errors if not str(error).startswith("W")]
        return Said(str(errors[0]), ", ".join(errors[1:])) if errors else None

    def verdict(self, said: Said) -> Verdict | None:
        if throttled := _THROTTLED.match(said.code):
            return Verdict(Kind.LATER, f"it is throttling until {_instant(throttled[1]):%H:%M:%S} UTC", 5)
        fits = [start for start in CODES if said.code.startswith(start)]
        return CODES[max(fits, key=len)] if fits else None

    def further(self, trades: Sequence[Mapping[str, Any]], shown: int) -> Mapping[str, Any] | None:
        return {"ofs": shown}

    def placed(self, body: Any) -> str | None:
        found = (body.get("result") or {}).get("txid") if isinstance(body, dict) else None
        return str(found[0]) if isinstance(found, list) and found and found[0] else None

    def shows(self, body: Any) -> bool:
        return isinstance(body, dict) and isinstance(body.get("result"), dict)

    def named(self, client_order_id: str) -> str:
        """What has none of Kraken's forms (a UUID, or at most 18 characters) goes by a UUID made of it."""
        if _UUID.fullmatch(client_order_id) or len(client_order_id) <= FREE:
            return client_order_id
        return hashlib.sha256(client_order_id.encode()).hexdigest()[:32]

    def cent(self, market: Mapping[str, Any]) -> Decimal | None:
        return places(market["info"].get("cost_decimals"))

    def placing(self, wanted: OrderRequest, market: str) -> Unsigned:
        by_quote = wanted.amount is None
        fitting(
            wanted,
            "Kraken",
            fill_or_kill=wanted.time_in_force is TimeInForce.FOK,
            sale_by_quote_amount=by_quote and wanted.side is Side.SELL,
        )
        params = {
            "pair": market,
            "type": wanted.side.value,
            "ordertype": TYPES[wanted.type],
            "volume": plain(wanted.quote_amount if by_quote else wanted.amount),
        }
        if wanted.stop_price is not None:
            params["price"] = plain(wanted.stop_price)
            if wanted.price is not None:
                params["price2"] = plain(wanted.price)
        elif wanted.price is not None:
            params["price"] = plain(wanted.price)
        if wanted.time_in_force is TimeInForce.IOC:
            params["timeinforce"] = "IOC"
        # its trades tell fees in the quote asset, and of a sale they would be taken in the base asset if not told so
        flags = {"fciq": True, "viqc": by_quote, "post": wanted.time_in_force is TimeInForce.POST_ONLY}
        params["oflags"] = ",".join(flag for flag, on in flags.items() if on)
        return _private("AddOrder", params | {"cl_ord_id": self.named(wanted.client_order_id)})

    def canceling(self, order: Order, market: str) -> Unsigned:
        name = {"txid": order.id} if order.id else {"cl_ord_id": self.named(order.client_order_id)}
        # one that waits may have become another, younger one
        at = order.at.isoformat() if order.at and order.type not in WAITING else None
        return replace(_private("CancelOrder", name), about={"market": market, "placed": at})

    def shown(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        # its amount is of the quote asset then
        by_quote = "viqc" in str(order["info"].get("oflags")).split(",")
        return {**order, "amount": None} if by_quote else order

    def looks(self, wanted: OrderRequest, market: str) -> Sequence[Look]:
        params = {"cl_ord_id": self.named(wanted.client_order_id)}
        return (
            Look(_private("OpenOrders", params), lambda body: _orders(body, "open")),
            Look(_private("ClosedOrders", params), lambda body: _orders(body, "closed")),
        )

    def numbered(self, number: str, market: str) -> Sequence[Look]:
        return (Look(_private("QueryOrders", {"txid": number}), _orders),)

    def key(self) -> Unsigned | None:
        return _private("GetApiKeyInfo", {})

    def rights(self, body: Any) -> Rights:
        said = {name.lower().replace("_", ""): value for name, value in (body.get("result") or {}).items()}
        given = said.get("permissions")
        if not isinstance(given, list):
            return Rights()
        may = {str(right).lower() for right in given}
        addresses = said.get("ipallowlist")
        return Rights(
            trade=bool(may & {"modify-trades", "create-trades", "modify-orders", "create-orders"}),
            withdraw=any("withdraw" in right for right in may),
            transfer=any("transfer" in right for right in may),
            ip_restricted=bool(addresses) if isinstance(addresses, list) else None,
            expires=_instant(said.get("validuntil")),
        )


@cache
def _tier(name: str) -> tuple[Budget, ...]:
    calls, seconds, points, regained = TIERS[name]
    counter = Budget("counter", calls, Window.BUCKET, seconds)
    return (counter, Budget("orders", points, Window.BUCKET, regained, unit="points", each="pair"), PUBLIC)


def penalty(seconds: float) -> int:
    """The points that it takes to cancel an order that has been there for so long."""
    return next((points for younger, points in PENALTIES if seconds < younger), 0)


def _resting(clock: Clock, about: Mapping[str, Any]) -> float:
    """For how many seconds an order has been there at least, whichever clock told when it was placed."""
    if not about["placed"]:
        return 0.0
    now = clock.now() - max(clock.ahead, timedelta())
    return (now - datetime.fromisoformat(about["placed"])).total_seconds() - ARRIVING


def _private(path: str, params: Mapping[str, Any]) -> Unsigned:
    return Unsigned(("private",), path, "POST", dict(params))


def _orders(body: Any, which: str = "") -> list[Any]:
    found = body["result"][which] if which else body["result"]
    return [{**order, "id": name} for name, order in found.items()]


def _instant(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC) if seconds and int(seconds) > 0 else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None
