"""Alpaca, crypto (docs.alpaca.markets)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors.base import Budget, Reading, Window
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import (
    AGAIN,
    API,
    BAD_KEY,
    GONE,
    LATER,
    NO,
    Look,
    Said,
    Verdict,
    Ways,
    fitting,
    numbered,
    plain,
)
from connectors.order import LIMITED, WAITING, Order, OrderRequest, OrderType, TimeInForce
from connectors.venue import Custom, Rights

BUDGETS = (
    Budget("calls-1m", 200, Window.FIXED, 60, kept=0.1),
    Budget("data-1m", 200, Window.FIXED, 60),  # of the free plan
)
DATA = frozenset({"ticker", "book", "candles"})  #: what is asked of the market's data
TYPES = {OrderType.MARKET: "market", OrderType.LIMIT: "limit", OrderType.STOP_LIMIT: "stop_limit"}
CODES = {"404": NO, "401": BAD_KEY, "403": NO, "422": NO, "400": NO, "429": LATER}  #: by status
UNIQUE = "client_order_id must be unique"
MISSING = 40410000  #: its code for what it does not have; a 404 without may be of whatever stands before it
_NO_ORDER = re.compile(r"\border\b.* not found", re.IGNORECASE)


class Alpaca(Ways):
    """Its row."""

    id: ClassVar[str] = "alpaca"
    config: ClassVar[Mapping[str, Any]] = {"options": {"defaultExchange": "CBSE"}}
    custom: ClassVar[Custom] = Custom(
        # an account activity of its own (CFEE), by the specification made the day after, that names no order
        timedelta(seconds=5),
        unique=True,
        by_client_id=True,
        apart="its fees for crypto",
    )
    fields: ClassVar[Any] = API
    sections: ClassVar[tuple[str, ...] | None] = ("trader", "market")
    testing: ClassVar[bool | None] = True
    page: ClassVar[int] = 100
    mixed: ClassVar[bool] = True

    def budgets(self, at: Any) -> tuple[Budget, ...]:
        return BUDGETS

    def costs(self, at: Any, call: Unsigned) -> Mapping[str, int]:
        return {"data-1m" if call.sections[0] == "market" else "calls-1m": 1}

    def readings(self, at: Any, what: str, headers: Mapping[str, str]) -> tuple[Reading, ...]:
        try:
            limit, left = int(headers["x-ratelimit-limit"]), int(headers["x-ratelimit-remaining"])
            ends = datetime.fromtimestamp(int(headers["x-ratelimit-reset"]), UTC)
        except (KeyError, ValueError, OverflowError, OSError):
            return ()
        return (Reading(budget_of(what), limit, left, ends),)

    def said(self, body: Any, status: int) -> Said | None:
        wrong = status >= 400 and isinstance(body, dict)  # noqa: PLR2004 - RFC 9110
        if not wrong:
            return None
        missing = status == 404 and body.get("code") == MISSING  # noqa: PLR2004 - RFC 9110
        return Said(str(MISSING if missing else status), str(body.get("message") or body.get("code") or ""))

    def verdict(self, said: Said) -> Verdict | None:
        if UNIQUE in said.text:
            return AGAIN
        if said.code == "403" and said.text.startswith("forbidden"):
            return BAD_KEY
        if said.code == str(MISSING) or (said.code == "404" and _NO_ORDER.search(said.text)):
            return GONE
        return CODES.get(said.code)

    def placed(self, body: Any) -> str | None:
        found = body.get("id") if isinstance(body, dict) else None
        return str(found) if found and body.get("client_order_id") else None

    def shows(self, body: Any) -> bool:
        return isinstance(body, list) or "id" in body

    def placing(self, wanted: OrderRequest, market: str) -> Unsigned:
        how = wanted.time_in_force
        fitting(
            wanted,
            "Alpaca",
            take_profit=wanted.type in {OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT},
            stop_without_a_limit_price=wanted.type in WAITING and wanted.type not in LIMITED,
            post_only=how is TimeInForce.POST_ONLY,
            fill_or_kill=how is TimeInForce.FOK,
        )
        params = {
            "symbol": market,
            "side": wanted.side.value,
            "type": TYPES[wanted.type],
            "time_in_force": "ioc" if how is TimeInForce.IOC else "gtc",
            "client_order_id": wanted.client_order_id,
        }
        if wanted.amount is None:
            params["notional"] = plain(wanted.quote_amount)
        else:
            params["qty"] = plain(wanted.amount)
        if wanted.price is not None:
            params["limit_price"] = plain(wanted.price)
        if wanted.stop_price is not None:
            params["stop_price"] = plain(wanted.stop_price)
        return _private("v2/orders", "POST", params)

    def canceling(self, order: Order, market: str) -> Unsigned:
        return _private("v2/orders/{order_id}", "DELETE", {"order_id": numbered(order, "Alpaca")})

    def looks(self, wanted: OrderRequest, market: str) -> Sequence[Look]:
        asked = {"client_order_id": wanted.client_order_id}
        return (Look(_private("v2/orders:by_client_order_id", "GET", asked), lambda body: [body]),)

    def numbered(self, number: str, market: str) -> Sequence[Look]:
        return (Look(_private("v2/orders/{order_id}", "GET", {"order_id": number}), lambda body: [body]),)

    def shown(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        # ccxt holds it for ended; it is so for the day
        calculated = order["info"].get("status") == "calculated"
        return {**order, "status": None} if calculated else order

    def key(self) -> Unsigned | None:
        return _private("v2/account", "GET", {})

    def rights(self, body: Any) -> Rights:
        blocked = [body.get("trading_blocked"), body.get("account_blocked"), body.get("trade_suspended_by_user")]
        # it tells what the account may do, and nothing of the key
        return Rights(trade=not any(blocked) if any(item is not None for item in blocked) else None)

    def owner(self, body: Any) -> str:
        return str(body.get("account_number") or body.get("id") or "")


def budget_of(what: str) -> str:
    """The budget that an operation (its name) takes from; the market's data has one of its own."""
    return "data-1m" if what.rpartition(".")[2] in DATA else "calls-1m"


def _private(path: str, method: str, params: Mapping[str, Any]) -> Unsigned:
    return Unsigned(("trader", "private"), path, method, dict(params))
