"""OKX's orders that wait for a price (its "algo orders"): apart from all others until they are triggered.

When that happens OKX places an ordinary order for it, whose id is another one, and which the trades are of. So an order
that waits is known by ``algo:`` and its own id, and from then on by the id of what it became.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import Look, fitting, plain
from connectors.order import LIMITED, Order, OrderRequest, OrderType, Side, TimeInForce

WAITS = "algo:"  #: before the id of one that was not triggered
AT_MARKET = "-1"  #: in place of a price
PAGE = 100
STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
SPOT = {"ordType": "conditional", "instType": "SPOT"}
HISTORY = "trade/orders-algo-history"  #: three months of those that have ended
ENDS = ("effective", "canceled", "order_failed")  #: how, each a list of its own
ENDED = {"canceled": "canceled", "order_failed": "canceled"}  #: state -> what an ordinary order's would be


def placing(wanted: OrderRequest, market: str) -> Unsigned:
    """The call that places one. OKX refuses a trigger on the wrong side of the market's price.

    Raises:
        CallRefused: OKX has no such order.
    """
    fitting(wanted, "OKX", ioc_stop=wanted.time_in_force is not TimeInForce.GTC)
    limited, kind = wanted.type in LIMITED, "sl" if wanted.type in STOPS else "tp"
    params = {
        "instId": market,
        "tdMode": "cash",
        "side": wanted.side.value,
        "ordType": "conditional",
        "sz": plain(wanted.amount),
        "algoClOrdId": wanted.client_order_id,
        f"{kind}TriggerPx": plain(wanted.stop_price),
        f"{kind}TriggerPxType": "last",
        f"{kind}OrdPx": plain(wanted.price) if limited else AT_MARKET,
    }
    if wanted.side is Side.BUY and not limited:
        params["tgtCcy"] = "base_ccy"
    return _call("trade/order-algo", "POST", params)


def canceling(order: Order, market: str) -> Unsigned:
    """The call that cancels one that was not triggered."""
    name = {"algoId": order.id.removeprefix(WAITS)} if order.id else {"algoClOrdId": order.client_order_id}
    return _call("trade/cancel-algos", "POST", [{"instId": market, **name}])


def placed(row: Mapping[str, Any]) -> str | None:
    """The id in the answer to ``placing``."""
    return f"{WAITS}{row['algoId']}" if row.get("algoId") else None


def looks(wanted: OrderRequest, market: str) -> Sequence[Look]:
    """Where one of ours is found: as it waits, as what it became, or among the newest of those that have ended."""

    def mine(body: Any) -> list[dict[str, Any]]:
        return [row for row in rows(body) if row.get("algoClOrdId") == wanted.client_order_id]

    def became(body: Any) -> Sequence[Look]:
        ids = [child for row in mine(body) if (child := _child(row))]
        asked = [_call("trade/order", "GET", {"instId": market, "ordId": child}) for child in ids]
        return [
            Look(one, lambda body: [{**row, "clOrdId": wanted.client_order_id} for row in rows(body)]) for one in asked
        ]

    now = _call("trade/order-algo", "GET", {"algoClOrdId": wanted.client_order_id})
    kept = [_call(HISTORY, "GET", SPOT | {"instId": market, "state": state}) for state in ENDS]
    return [Look(call, lambda body: unbecome(mine(body)), became) for call in (now, *kept)]


def numbered(number: str) -> Sequence[Look]:
    """Where one that was not triggered is found by its id, however long ago it ended."""
    named = {"algoId": number.removeprefix(WAITS)}
    calls = (_call("trade/order-algo", "GET", named), _call(HISTORY, "GET", SPOT | named))
    return [Look(call, waiting) for call in calls]


def pending(market: str | None, after: str = "") -> Look:
    """Where those that wait are listed; the newest come first."""
    asked = SPOT | ({"instId": market} if market else {})

    def more(body: Any) -> Sequence[Look]:
        found = rows(body)
        last = str(found[-1].get("algoId")) if len(found) >= PAGE else after
        return [pending(market, last)] if last != after else []

    return Look(_call("trade/orders-algo-pending", "GET", asked | ({"after": after} if after else {})), waiting, more)


def waiting(body: Any) -> list[dict[str, Any]]:
    """Those of an answer that have not become another order, in an ordinary order's words."""
    return unbecome(rows(body))


def unbecome(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those that have not become another order, in an ordinary order's words."""
    return [_ordinary(row) for row in found if not _child(row)]


def rows(body: Any) -> list[dict[str, Any]]:
    """What an answer lists."""
    found = body.get("data") if isinstance(body, dict) else None
    return [row for row in found or () if isinstance(row, dict)]


def _child(row: Mapping[str, Any]) -> str:
    """The id of the order that one has become; empty: it has not."""
    ids = row.get("ordIdList")
    return str(row.get("ordId") or (ids[0] if isinstance(ids, list) and ids else ""))


def _ordinary(row: Mapping[str, Any]) -> dict[str, Any]:
    kind, name = ("sl", "stop") if row.get("slTriggerPx") else ("tp", "take_profit")
    price = row.get(f"{kind}OrdPx")
    limited = price not in {None, "", AT_MARKET}
    return {
        "instId": row.get("instId"),
        "instType": row.get("instType"),
        "ordId": f"{WAITS}{row.get('algoId')}",
        "clOrdId": row.get("algoClOrdId"),
        "ordType": f"{name}_limit" if limited else name,
        "side": row.get("side"),
        "sz": row.get("sz"),
        "px": price if limited else "",
        "triggerPx": row.get(f"{kind}TriggerPx"),
        "accFillSz": "0",
        "state": ENDED.get(str(row.get("state")), "live"),
        "cTime": row.get("cTime"),
    }


def _call(path: str, method: str, params: Any) -> Unsigned:
    return Unsigned(("private",), path, method, params)
