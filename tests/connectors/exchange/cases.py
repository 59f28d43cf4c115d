"""The six exchanges that have a row of their own: what they answer, and where their calls go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.order import OrderRequest, OrderType, Side
from tests.connectors.exchange import samples, signing
from tests.connectors.exchange.samples import CANARY, ID
from tests.connectors.exchange.server import Came


@dataclass(frozen=True)
class Case:
    """One exchange: what it answers, its keys, how it signs, and where its four calls go."""

    answers: dict[tuple[str, str], Any]
    secrets: dict[str, str]
    signed: Callable[[Came], None]
    symbol: str
    place: tuple[str, str]
    cancel: tuple[str, str]
    find: tuple[str, str]
    balance: tuple[str, str]
    order: str


API = {"api_key": "public-name", "secret": CANARY}
CASES = {
    "binance": Case(
        samples.BINANCE | {("GET", "/api/v3/order"): samples.BINANCE["GET", "/api/v3/order"] | {"clientOrderId": ID}},
        API,
        signing.binance,
        "BTC/USDT",
        ("POST", "/api/v3/order"),
        ("DELETE", "/api/v3/order"),
        ("GET", "/api/v3/order"),
        ("GET", "/api/v3/account"),
        "28",
    ),
    "kraken": Case(
        samples.KRAKEN,
        {"api_key": "public-name", "secret": signing.KRAKEN},
        signing.kraken,
        "BTC/USD",
        ("POST", "/0/private/AddOrder"),
        ("POST", "/0/private/CancelOrder"),
        ("POST", "/0/private/OpenOrders"),
        ("POST", "/0/private/BalanceEx"),
        "OU22CG-KLAF2-FWUDD7",
    ),
    "coinbase": Case(
        samples.COINBASE,
        {"api_key": "organizations/1/apiKeys/2", "secret": signing.PEM.replace("\n", "\\n")},
        signing.coinbase,
        "BTC/USD",
        ("POST", "/api/v3/brokerage/orders"),
        ("POST", "/api/v3/brokerage/orders/batch_cancel"),
        ("GET", "/api/v3/brokerage/orders/historical/batch"),
        ("GET", "/api/v3/brokerage/accounts"),
        "11111-00000-000000",
    ),
    "bybit": Case(
        samples.BYBIT,
        API,
        signing.bybit,
        "BTC/USDT",
        ("POST", "/v5/order/create"),
        ("POST", "/v5/order/cancel"),
        ("GET", "/v5/order/realtime"),
        ("GET", "/v5/account/wallet-balance"),
        "1321003749386327552",
    ),
    "okx": Case(
        samples.OKX,
        API | {"passphrase": CANARY + "pass"},
        signing.okx,
        "BTC/USDT",
        ("POST", "/api/v5/trade/order"),
        ("POST", "/api/v5/trade/cancel-order"),
        ("GET", "/api/v5/trade/order"),
        ("GET", "/api/v5/account/balance"),
        "312269865356374016",
    ),
    "alpaca": Case(
        samples.ALPACA,
        API,
        signing.alpaca,
        "BTC/USD",
        ("POST", "/v2/orders"),
        ("DELETE", "/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47d"),
        ("GET", "/v2/orders:by_client_order_id"),
        ("GET", "/v2/account"),
        "61e69015-8549-4bfd-b9c3-01e75843f47d",
    ),
}
NAMES = pytest.mark.parametrize("name", CASES)

MARKET = {"type": OrderType.MARKET, "price": None}


def wanted(case: Case, **other: Any) -> OrderRequest:
    usual = OrderRequest(ID, case.symbol, Side.BUY, OrderType.LIMIT, Decimal("0.003"), Decimal("50000.1"))
    return replace(usual, **other)


#: what an order calls our id of it
IDS = {
    "binance": "newClientOrderId",
    "kraken": "cl_ord_id",
    "coinbase": "client_order_id",
    "bybit": "orderLinkId",
    "okx": "clOrdId",
    "alpaca": "client_order_id",
}


NUMBERED = {  #: where an order is found by the exchange's own id, and how it says that there is none
    "binance": (("GET", "/api/v3/order"), (400, {"code": -2013, "msg": "Order does not exist."}, {})),
    "kraken": (("POST", "/0/private/QueryOrders"), {"error": ["EOrder:Unknown order"]}),
    "coinbase": (
        ("GET", "/api/v3/brokerage/orders/historical/11111-00000-000000"),
        (404, {"error": "NOT_FOUND", "message": "order not found"}, {}),
    ),
    "bybit": (("GET", "/v5/order/realtime"), {"retCode": 0, "retMsg": "OK", "result": {"list": []}}),
    "okx": (("GET", "/api/v5/trade/order"), {"code": "51603", "msg": "Order does not exist", "data": []}),
    "alpaca": (
        ("GET", "/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47d"),
        (404, {"code": 40410000, "message": "order not found"}, {}),
    ),
}


def numbered(name: str, found: Any) -> Any:
    """What answers the question for an order of ours, as it answers that for its exchange's id."""
    if name == "kraken":
        return {"error": [], "result": found["result"]["open"]}
    return {"order": found["orders"][0]} if name == "coinbase" else found
