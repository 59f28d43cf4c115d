"""OKX v5, spot (okx.com/docs-v5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from connectors.base import Budget, Kind, Window
from connectors.exchange.rows import okx_waiting
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import (
    AGAIN,
    API,
    BAD_CLOCK,
    BAD_KEY,
    GONE,
    KEYS,
    LATER,
    NO,
    UNKNOWN,
    Look,
    Said,
    Verdict,
    Ways,
    plain,
)
from connectors.order import WAITING, Order, OrderRequest, OrderType, TimeInForce
from connectors.venue import Custom, Rights

#: each endpoint has its own limit; these are the least of those that are used. Those of orders are for each pair, and
#: all new orders together have one more ("Sub-account rate limit")
BUDGETS = (
    Budget("public-2s", 20, Window.SLIDING, 2, shared=True),
    Budget("private-2s", 10, Window.SLIDING, 2),
    Budget("all-orders-2s", 1000, Window.SLIDING, 2, unit="orders"),
    Budget("orders-2s", 60, Window.SLIDING, 2, unit="orders", each="pair"),
    Budget("cancels-2s", 60, Window.SLIDING, 2, each="pair"),
    Budget("stops-2s", 20, Window.SLIDING, 2, unit="orders", each="pair"),
    Budget("stop-cancels-2s", 20, Window.SLIDING, 2, each="pair"),
)
PER_USER = {
    "trade/order": "orders-2s",
    "trade/cancel-order": "cancels-2s",
    "trade/order-algo": "stops-2s",
    "trade/cancel-algos": "stop-cancels-2s",
}
TYPES = {
    TimeInForce.GTC: "limit",
    TimeInForce.IOC: "ioc",
    TimeInForce.FOK: "fok",
    TimeInForce.POST_ONLY: "post_only",
}
CODES = {
    "50001": UNKNOWN,
    "50004": UNKNOWN,
    "50005": UNKNOWN,
    "50011": LATER,
    "50013": UNKNOWN,
    "50026": UNKNOWN,
    "50040": LATER,
    "50061": LATER,
    "50102": BAD_CLOCK,
    "50112": BAD_CLOCK,
    "50113": Verdict(Kind.REJECTED, "it does not accept the signature; is the API secret right?"),
    "51016": AGAIN,
    "51149": UNKNOWN,
    "51290": UNKNOWN,
    "51400": GONE,
    "51603": GONE,
}
_KEYS = re.compile(r"501(?:0\d|1[0-9]|20|21)")  #: what is wrong with a key, its passphrase, its address or its rights
_REFUSED = re.compile(r"50014|50015|51\d\d\d|54\d\d\d|5950[6-9]")


class Okx(Ways):
    """Its row."""

    id: ClassVar[str] = "okx"
    config: ClassVar[Mapping[str, Any]] = {
        "has": {"fetchCurrencies": False},
        "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}, "brokerId": ""},
    }
    custom: ClassVar[Custom] = Custom(timedelta(seconds=10), unique=False, by_client_id=True)
    fields: ClassVar[Any] = (*API, KEYS["password"])
    testing: ClassVar[bool | None] = True
    page: ClassVar[int] = 100

    def lead(self, call: Unsigned) -> str:
        return "api/v5/"

    def budgets(self, at: Any) -> tuple[Budget, ...]:
        return BUDGETS

    def costs(self, at: Any, call: Unsigned) -> Mapping[str, int]:
        if call.public:
            return {"public-2s": 1}
        kind = PER_USER.get(call.path) if call.method == "POST" else None
        if kind is None:
            return {"private-2s": 1}
        asked = call.params[0] if isinstance(call.params, list) else call.params
        return {f"{kind} {asked['instId']}": 1} | ({"all-orders-2s": 1} if kind == "orders-2s" else {})

    def said(self, body: Any, status: int) -> Said | None:
        if not isinstance(body, dict) or "code" not in body:
            return None
        rows = [row for row in body.get("data") or () if isinstance(row, dict)]
        row = next((row for row in rows if str(row.get("sCode") or "0") != "0"), None)
        if row is not None:  # an order's own result, also where the answer as a whole says 0
            return Said(str(row["sCode"]), str(row.get("sMsg") or ""))
        code = str(body["code"])
        return Said(code, str(body.get("msg") or "")) if code != "0" else None

    def verdict(self, said: Said) -> Verdict | None:
        known = CODES.get(said.code)
        if known is None and _KEYS.fullmatch(said.code):
            return BAD_KEY
        return known or (NO if _REFUSED.fullmatch(said.code) else None)

    def further(self, trades: Sequence[Mapping[str, Any]], shown: int) -> Mapping[str, Any] | None:
        bills = [int(bill) for trade in trades if (bill := trade["info"].get("billId"))]
        return {"after": str(min(bills))} if bills else None

    def placed(self, body: Any) -> str | None:
        found = body.get("data") if isinstance(body, dict) else None
        first = found[0] if isinstance(found, list) and found else None
        if not isinstance(first, dict):
            return None
        return str(first["ordId"]) if first.get("ordId") else okx_waiting.placed(first)

    def shows(self, body: Any) -> bool:
        return isinstance(body, dict) and isinstance(body.get("data"), list)

    def placing(self, wanted: OrderRequest, market: str) -> Unsigned:
        if wanted.type in WAITING:
            return okx_waiting.placing(wanted, market)
        params = {
            "instId": market,
            "tdMode": "cash",
            "side": wanted.side.value,
            "ordType": "market" if wanted.type is OrderType.MARKET else TYPES[wanted.time_in_force],
            "sz": plain(wanted.amount if wanted.amount is not None else wanted.quote_amount),
            "clOrdId": wanted.client_order_id,
        }
        if wanted.type is OrderType.MARKET:
            params["tgtCcy"] = "quote_ccy" if wanted.amount is None else "base_ccy"
        else:
            params["px"] = plain(wanted.price)
        return _private("trade/order", "POST", params)

    def canceling(self, order: Order, market: str) -> Unsigned:
        if order.id.startswith(okx_waiting.WAITS) or (not order.id and order.type in WAITING):
            return okx_waiting.canceling(order, market)
        name = {"ordId": order.id} if order.id else {"clOrdId": order.client_order_id}
        return _private("trade/cancel-order", "POST", {"instId": market, **name})

    def looks(self, wanted: OrderRequest, market: str) -> Sequence[Look]:
        if wanted.type in WAITING:
            return okx_waiting.looks(wanted, market)
        asked = {"instId": market, "clOrdId": wanted.client_order_id}
        return (Look(_private("trade/order", "GET", asked), okx_waiting.rows),)

    def shown(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        # ccxt holds what is to be paid for paid
        by_quote = order["info"].get("tgtCcy") == "quote_ccy"
        return {**order, "amount": None, "cost": None} if by_quote else order

    def apart(self, market: str | None) -> Sequence[Look]:
        return (okx_waiting.pending(market),)

    def numbered(self, number: str, market: str) -> Sequence[Look]:
        if number.startswith(okx_waiting.WAITS):
            return okx_waiting.numbered(number)
        return (Look(_private("trade/order", "GET", {"instId": market, "ordId": number}), okx_waiting.rows),)

    def key(self) -> Unsigned | None:
        return _private("account/config", "GET", {})

    def rights(self, body: Any) -> Rights:
        said: Mapping[str, Any] = next(iter(okx_waiting.rows(body)), {})
        if not said.get("perm"):
            return Rights()
        # "trade" also moves funds between a user's own accounts, but none out
        may = {right.strip() for right in str(said["perm"]).split(",")}
        return Rights(
            trade="trade" in may, withdraw="withdraw" in may, transfer=False, ip_restricted=bool(said.get("ip"))
        )

    def owner(self, body: Any) -> str:
        said: Mapping[str, Any] = next(iter(okx_waiting.rows(body)), {})
        return str(said.get("uid") or "")


def _private(path: str, method: str, params: Mapping[str, Any]) -> Unsigned:
    return Unsigned(("private",), path, method, dict(params))
