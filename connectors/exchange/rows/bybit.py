"""Bybit v5, unified accounts (bybit-exchange.github.io/docs/v5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from connectors.base import Budget, Kind, Reading, Window
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import (
    AGAIN,
    API,
    BAD_CLOCK,
    BAD_KEY,
    GONE,
    LATER,
    NO,
    UNKNOWN,
    Look,
    Said,
    Verdict,
    Ways,
    after_cursor,
    number,
    plain,
)
from connectors.order import WAITING, Order, OrderRequest, TimeInForce
from connectors.venue import Custom, Rights

BUDGETS = (
    Budget("calls-5s", 600, Window.SLIDING, 5, shared=True),
    Budget("orders-1s", 10, Window.SLIDING, 1, unit="orders"),
    Budget("cancels-1s", 10, Window.SLIDING, 1),
    Budget("queries-1s", 20, Window.SLIDING, 1),
)
PER_USER = {"v5/order/create": "orders-1s", "v5/order/cancel": "cancels-1s"}
TIMES = {
    TimeInForce.GTC: "GTC",
    TimeInForce.IOC: "IOC",
    TimeInForce.FOK: "FOK",
    TimeInForce.POST_ONLY: "PostOnly",
}
#: the answer to an address of which too many calls came, in whatever form; it lasts ten minutes
FREQUENT = re.compile(r"access too frequent", re.IGNORECASE)
BANNED = Verdict(Kind.LATER, "too many calls came from this address", 600)
CODES = {
    "403": BANNED,
    "10000": UNKNOWN,
    "10002": BAD_CLOCK,
    "10003": BAD_KEY,
    "10004": Verdict(Kind.REJECTED, "it does not accept the signature; is the API secret right?"),
    "10005": BAD_KEY,
    "10006": LATER,
    "10007": BAD_KEY,
    "10009": BAD_KEY,
    "10010": BAD_KEY,
    "10016": UNKNOWN,
    "10018": LATER,
    "10403": BANNED,
    "10429": LATER,
    "110001": GONE,
    "110072": AGAIN,
    "170001": UNKNOWN,
    "170005": LATER,
    "170007": UNKNOWN,
    "170032": UNKNOWN,
    "170141": AGAIN,
    "170146": UNKNOWN,
    "170147": UNKNOWN,
    "170213": GONE,
    "170222": LATER,
    "33004": BAD_KEY,
}
_REFUSED = re.compile(r"1000[18]|1001[47]|1100\d\d|170[12]\d\d|17019\d")  #: the others that its list explains


class Bybit(Ways):
    """Its row."""

    id: ClassVar[str] = "bybit"
    config: ClassVar[Mapping[str, Any]] = {
        "has": {"fetchCurrencies": False},
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            # what ccxt would ask about every account, and then hold to be true of all
            "enableUnifiedMargin": False,
            "enableUnifiedAccount": True,
            "unifiedMarginStatus": 6,
        },
    }
    custom: ClassVar[Custom] = Custom(timedelta(seconds=10), unique=True, by_client_id=True)
    fields: ClassVar[Any] = API
    sections: ClassVar[tuple[str, ...] | None] = ("public", "private")
    testing: ClassVar[bool | None] = True
    span: ClassVar[timedelta | None] = timedelta(days=7)

    def budgets(self, at: Any) -> tuple[Budget, ...]:
        return BUDGETS

    def costs(self, at: Any, call: Unsigned) -> Mapping[str, int]:
        mine = {} if call.public else {PER_USER.get(call.path, "queries-1s"): 1}
        return {"calls-5s": 1, **mine}

    def said(self, body: Any, status: int) -> Said | None:
        code = body.get("retCode") if isinstance(body, dict) else None
        if code is None and self.turned_away(status, str(body)):
            return Said("403", "access too frequent")
        return Said(str(code), str(body.get("retMsg") or "")) if code not in {0, None} else None

    def turned_away(self, status: int, text: str) -> Verdict | None:
        return BANNED if status == 403 and FREQUENT.search(text) else None  # noqa: PLR2004 - its limit of an address

    def verdict(self, said: Said) -> Verdict | None:
        return CODES.get(said.code) or (NO if _REFUSED.fullmatch(said.code) else None)

    def placed(self, body: Any) -> str | None:
        found = body.get("result") if isinstance(body, dict) else None
        return str(found["orderId"]) if isinstance(found, dict) and found.get("orderId") else None

    def shows(self, body: Any) -> bool:
        result = body.get("result") if isinstance(body, dict) else None
        return isinstance(result, dict) and isinstance(result.get("list"), list)

    def cent(self, market: Mapping[str, Any]) -> Decimal | None:
        return number((market["info"].get("lotSizeFilter") or {}).get("quotePrecision"))

    def placing(self, wanted: OrderRequest, market: str) -> Unsigned:
        limited = wanted.price is not None
        params = {
            "category": "spot",
            "symbol": market,
            "side": wanted.side.capitalize(),
            "orderType": "Limit" if limited else "Market",
            "qty": plain(wanted.amount if wanted.amount is not None else wanted.quote_amount),
        }
        if limited:
            params |= {"price": plain(wanted.price), "timeInForce": TIMES[wanted.time_in_force]}
        else:
            params["marketUnit"] = "quoteCoin" if wanted.amount is None else "baseCoin"
        if wanted.type in WAITING:
            params |= {"triggerPrice": plain(wanted.stop_price), "orderFilter": "StopOrder"}
        return _private("order/create", "POST", params | {"orderLinkId": wanted.client_order_id})

    def canceling(self, order: Order, market: str) -> Unsigned:
        return _canceling(order, market, {"orderFilter": "StopOrder"} if order.type in WAITING else {})

    def canceling_triggered(self, order: Order, market: str) -> Unsigned | None:
        return _canceling(order, market, {}) if order.type in WAITING else None

    def looks(self, wanted: OrderRequest, market: str) -> Sequence[Look]:
        return _looks({"category": "spot", "symbol": market, "orderLinkId": wanted.client_order_id})

    def numbered(self, number: str, market: str) -> Sequence[Look]:
        return _looks({"category": "spot", "symbol": market, "orderId": number})

    def further(self, trades: Sequence[Mapping[str, Any]], shown: int) -> Mapping[str, Any] | None:
        return after_cursor(trades, "nextPageCursor")

    def traded(self, trade: Mapping[str, Any]) -> Mapping[str, Any]:
        # ccxt guesses it by the side; a fee may be paid in another asset, such as MNT
        paid = trade["info"].get("feeCurrency")
        return {**trade, "fee": {**(trade.get("fee") or {}), "currency": paid}} if paid else trade

    def key(self) -> Unsigned | None:
        return _private("user/query-api", "GET", {})

    def rights(self, body: Any) -> Rights:
        said = body.get("result") or {}
        given = said.get("permissions")
        if not isinstance(given, dict):
            return Rights()
        told, spot, places = isinstance(given.get("Wallet"), list), given.get("Spot") or (), said.get("ips") or []
        wallet: list[str] = given["Wallet"] if told else []
        return Rights(
            trade=not said.get("readOnly") and "SpotTrade" in spot,
            withdraw="Withdraw" in wallet if told else None,
            transfer=any("Transfer" in right for right in wallet) if told else None,
            ip_restricted=bool(places) and "*" not in places,
            expires=_expires(said),
        )

    def owner(self, body: Any) -> str:
        return str((body.get("result") or {}).get("userID") or "")

    def readings(self, at: Any, what: str, headers: Mapping[str, str]) -> tuple[Reading, ...]:
        return ()  # they speak of the endpoint's current second, which is over when they are read


def _private(path: str, method: str, params: Mapping[str, Any]) -> Unsigned:
    return Unsigned(("private",), f"v5/{path}", method, dict(params))


def _canceling(order: Order, market: str, among: Mapping[str, str]) -> Unsigned:
    name = {"orderId": order.id} if order.id else {"orderLinkId": order.client_order_id}
    return _private("order/cancel", "POST", {"category": "spot", "symbol": market, **name, **among})


def _looks(params: Mapping[str, Any]) -> Sequence[Look]:
    return [Look(_private(path, "GET", params), _orders) for path in ("order/realtime", "order/history")]


def _orders(body: Any) -> list[Any]:
    return list((body.get("result") or {}).get("list") or ())


def _expires(said: Mapping[str, Any]) -> datetime | None:
    """When the key ends; one that is bound to addresses does not, and says 1970."""
    try:
        found = datetime.fromisoformat(str(said.get("expiredAt") or ""))
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found if found.year > 1970 else None  # noqa: PLR2004 - as above
