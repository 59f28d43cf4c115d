"""Coinbase Advanced Trade (docs.cdp.coinbase.com; the SDK coinbase-advanced-py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar

from connectors.base import Budget, Reading, Window
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import (
    AGAIN,
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
    fitting,
    number,
    numbered,
    plain,
)
from connectors.network import Rejected, SecretField
from connectors.order import LIMITED, WAITING, Order, OrderRequest, OrderType, Side, TimeInForce
from connectors.venue import Custom, Rights

BUDGETS = (
    Budget("private-1s", 30, Window.SLIDING, 1),
    Budget("public-1s", 10, Window.SLIDING, 1, shared=True),
)
CODES = {
    "INTERNAL": UNKNOWN,
    "UNKNOWN": UNKNOWN,
    "UNKNOWN_ERROR": UNKNOWN,
    "UNAVAILABLE": UNKNOWN,
    "DEADLINE_EXCEEDED": UNKNOWN,
    # codes of gRPC's, by which what was asked may have been done
    "ABORTED": UNKNOWN,
    "CANCELLED": UNKNOWN,
    "DATA_LOSS": UNKNOWN,
    "ALREADY_EXISTS": AGAIN,
    "UNKNOWN_CANCEL_FAILURE_REASON": UNKNOWN,
    "UNAUTHENTICATED": BAD_KEY,
    "PERMISSION_DENIED": BAD_KEY,
    "RESOURCE_EXHAUSTED": LATER,
    "RATE_LIMIT_EXCEEDED": LATER,
    "NOT_FOUND": GONE,
    "UNKNOWN_CANCEL_ORDER": GONE,
}
PAGES = 8  #: of 250 orders each in which one is looked for, after those that are open
NOTHING = frozenset({"", "UNKNOWN_FAILURE_REASON", "UNKNOWN_PREVIEW_FAILURE_REASON"})  #: where no reason is given


class Coinbase(Ways):
    """Its row."""

    id: ClassVar[str] = "coinbase"
    config: ClassVar[Mapping[str, Any]] = {
        "has": {"fetchCurrencies": False},
        "options": {"fetchBalance": "v3PrivateGetBrokerageAccounts"},
    }
    custom: ClassVar[Custom] = Custom(timedelta(seconds=10), unique=False, by_client_id=False)
    fields: ClassVar[Any] = (
        SecretField("api_key", 'the name of the key ("organizations/.../apiKeys/...")'),
        SecretField("secret", "its private key (one line, with \\n as in the file)"),
    )
    testing: ClassVar[bool | None] = False
    page: ClassVar[int] = 100

    def lead(self, call: Unsigned) -> str:
        return "api/v3/" if call.sections[0] == "v3" else "v2/"

    def budgets(self, at: Any) -> tuple[Budget, ...]:
        return BUDGETS

    def costs(self, at: Any, call: Unsigned) -> Mapping[str, int]:
        return {"public-1s" if call.public else "private-1s": 1}

    def readings(self, at: Any, what: str, headers: Mapping[str, str]) -> tuple[Reading, ...]:
        return ()  # they speak of one second, which is over when they are read

    def said(self, body: Any, status: int) -> Said | None:
        if not isinstance(body, dict):
            return None
        refused = body.get("error_response")
        if body.get("success") is False or isinstance(refused, dict):
            return _refusal(refused if isinstance(refused, dict) else {})
        for result in body.get("results") or ():  # of a cancellation
            if isinstance(result, dict) and result.get("success") is False:
                return Said(str(result.get("failure_reason") or ""), "")
        if body.get("error"):
            return Said(str(body["error"]), str(body.get("message") or body.get("error_details") or ""))
        return None

    def verdict(self, said: Said) -> Verdict | None:
        return CODES.get(said.code.upper()) or (UNKNOWN if said.code in NOTHING else NO)

    def further(self, trades: Sequence[Mapping[str, Any]], shown: int) -> Mapping[str, Any] | None:
        return after_cursor(trades, "cursor")

    def placed(self, body: Any) -> str | None:
        found = body.get("success_response") if isinstance(body, dict) else None
        named = found.get("order_id") if isinstance(found, dict) else None
        return str(named) if named else None

    def shows(self, body: Any) -> bool:
        said = body if isinstance(body, dict) else {}
        kinds = {"orders": list, "fills": list, "order": dict, "cursor": str}  # a cursor goes with an empty list, too
        return any(isinstance(said.get(name), kind) for name, kind in kinds.items())

    def cent(self, market: Mapping[str, Any]) -> Decimal | None:
        return number(market["info"].get("quote_increment"))

    def placing(self, wanted: OrderRequest, market: str) -> Unsigned:
        how, least = wanted.time_in_force, wanted.type in WAITING and wanted.type not in LIMITED
        fitting(
            wanted,
            "Coinbase",
            stop_without_a_limit_price=least,
            post_only_stop=wanted.type in WAITING and how is not TimeInForce.GTC,
        )
        if wanted.type is OrderType.MARKET:
            name = "market_market_ioc"
            size = {"quote_size": plain(wanted.quote_amount)} if wanted.amount is None else {}
            numbers = size or {"base_size": plain(wanted.amount)}
            return _placing(wanted, market, {name: numbers})
        numbers = {"base_size": plain(wanted.amount), "limit_price": plain(wanted.price)}
        if wanted.type in WAITING:
            down = (wanted.side is Side.SELL) == (wanted.type is OrderType.STOP_LIMIT)
            numbers |= {"stop_price": plain(wanted.stop_price)}
            numbers |= {"stop_direction": f"STOP_DIRECTION_STOP_{'DOWN' if down else 'UP'}"}
            return _placing(wanted, market, {"stop_limit_stop_limit_gtc": numbers})
        names = {TimeInForce.IOC: "sor_limit_ioc", TimeInForce.FOK: "limit_limit_fok"}
        rests = {} if how in names else {"post_only": how is TimeInForce.POST_ONLY}
        return _placing(wanted, market, {names.get(how, "limit_limit_gtc"): {**numbers, **rests}})

    def canceling(self, order: Order, market: str) -> Unsigned:
        asked = {"order_ids": [numbered(order, "Coinbase")]}
        return Unsigned(("v3", "private"), "brokerage/orders/batch_cancel", "POST", asked)

    def looks(self, wanted: OrderRequest, market: str) -> Sequence[Look]:
        # lists cannot be asked for by our id; what is open does not share a list with what is not
        asked = {"product_ids": market, "limit": 250}
        return [Look(_listing({**asked, "order_status": "OPEN"}), _all), _look(asked, PAGES)]

    def numbered(self, number: str, market: str) -> Sequence[Look]:
        path = "brokerage/orders/historical/{order_id}"
        call = Unsigned(("v3", "private"), path, "GET", {"order_id": number})
        return (Look(call, lambda body: [body["order"]] if body.get("order") else []),)

    def key(self) -> Unsigned | None:
        return Unsigned(("v3", "private"), "brokerage/key_permissions", "GET", {})

    def rights(self, body: Any) -> Rights:
        return Rights(
            trade=body.get("can_trade"),
            withdraw=body.get("can_transfer"),  # one right for both
            transfer=body.get("can_transfer"),
        )

    def owner(self, body: Any) -> str:
        return str(body.get("portfolio_uuid") or "")


def _listing(asked: Mapping[str, Any]) -> Unsigned:
    return Unsigned(("v3", "private"), "brokerage/orders/historical/batch", "GET", dict(asked))


def _look(asked: Mapping[str, Any], pages: int) -> Look:
    """The newest orders, and then those before them."""

    def before(body: Any) -> Sequence[Look]:
        cursor = body.get("cursor") if body.get("has_next") else None
        return [_look({**asked, "cursor": cursor}, pages - 1)] if cursor and pages > 1 else []

    return Look(_listing(asked), _orders, before)


def _placing(wanted: OrderRequest, market: str, configuration: Mapping[str, Any]) -> Unsigned:
    params = {
        "client_order_id": wanted.client_order_id,
        "product_id": market,
        "side": wanted.side.upper(),
        "order_configuration": configuration,
    }
    return Unsigned(("v3", "private"), "brokerage/orders", "POST", params)


def _refusal(said: Mapping[str, Any]) -> Said:
    reasons = [str(said.get(name) or "") for name in ("error", "new_order_failure_reason", "preview_failure_reason")]
    found = next((reason for reason in reasons if reason not in NOTHING), "")
    return Said(found, str(said.get("message") or said.get("error_details") or ""))


def _orders(body: Any) -> list[Any]:
    return list(body.get("orders") or ())


def _all(body: Any) -> Iterator[Any]:
    """The open orders, which are as old as they like: one that is not among them is none only if these are all.

    Raises:
        Rejected: there are more.
    """
    yield from _orders(body)
    if body.get("has_next"):
        raise Rejected("Coinbase shows only the newest 250 of the open orders, and ours is none of them")
