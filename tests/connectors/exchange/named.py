"""Exchanges without a row of which we know by what name they take our id of an order, as ``others`` has the rest."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.connectors.exchange.other import API, Other
from tests.connectors.exchange.samples import ID

DASHED = f"{ID[:8]}-{ID[8:12]}-{ID[12:16]}-{ID[16:20]}-{ID[20:]}"
PRIVATE = Ed25519PrivateKey.generate()
PEM = PRIVATE.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()

HITBTC = {
    "id": 828680665,
    "client_order_id": ID,
    "symbol": "BTCUSDT",
    "side": "buy",
    "status": "new",
    "type": "limit",
    "time_in_force": "GTC",
    "quantity": "0.003",
    "quantity_cumulative": "0",
    "price": "50000.1",
    "post_only": False,
    "created_at": "2026-01-31T14:43:15.077Z",
    "updated_at": "2026-01-31T14:43:15.077Z",
}
BITVAVO = {
    "orderId": "af76d6ce-9f7c-4006-b715-bb5d430652d0",
    "clientOrderId": DASHED,
    "operatorId": 1,
    "market": "BTC-EUR",
    "created": 1590505649241,
    "updated": 1590505649241,
    "status": "new",
    "side": "buy",
    "orderType": "limit",
    "amount": "0.003",
    "amountRemaining": "0.003",
    "price": "50000.1",
    "filledAmount": "0",
    "filledAmountQuote": "0",
    "feePaid": "0",
    "feeCurrency": "EUR",
    "fills": [],
}
NAMED: dict[str, Other] = {
    "hitbtc": Other(
        API,
        "BTC/USDT",
        {
            ("GET", "/api/3/public/symbol"): {
                "BTCUSDT": {
                    "type": "spot",
                    "base_currency": "BTC",
                    "quote_currency": "USDT",
                    "quantity_increment": "0.00001",
                    "tick_size": "0.01",
                    "take_rate": "0.0025",
                    "make_rate": "0.001",
                    "fee_currency": "USDT",
                }
            },
            ("GET", "/api/3/spot/balance"): [{"currency": "USDT", "available": "500", "reserved": "0"}],
            ("POST", "/api/3/spot/order"): HITBTC,
            ("GET", "/api/3/spot/order"): [HITBTC],
            ("GET", "/api/3/spot/history/order"): [],
            ("DELETE", f"/api/3/spot/order/{ID}"): {**HITBTC, "status": "canceled"},
        },
        ("POST", "/api/3/spot/order"),
        ("DELETE", f"/api/3/spot/order/{ID}"),
        ID,
    ),
    "cryptocom": Other(
        API,
        "BTC/USDT",
        {
            ("GET", "/exchange/v1/public/get-instruments"): {
                "id": 1,
                "method": "public/get-instruments",
                "code": 0,
                "result": {
                    "data": [
                        {
                            "symbol": "BTC_USDT",
                            "inst_type": "CCY_PAIR",
                            "display_name": "BTC/USDT",
                            "base_ccy": "BTC",
                            "quote_ccy": "USDT",
                            "price_tick_size": "0.01",
                            "qty_tick_size": "0.00001",
                            "tradable": True,
                            "expiry_timestamp_ms": 0,
                        }
                    ]
                },
            },
            ("POST", "/exchange/v1/private/user-balance"): {
                "code": 0,
                "result": {
                    "data": [
                        {"position_balances": [{"instrument_name": "USDT", "quantity": "500", "reserved_qty": "0"}]}
                    ]
                },
            },
            ("POST", "/exchange/v1/private/create-order"): {
                "id": 1,
                "method": "private/create-order",
                "code": 0,
                "result": {"client_oid": ID, "order_id": "18342311"},
            },
            ("POST", "/exchange/v1/private/get-open-orders"): {
                "id": 1,
                "code": 0,
                "result": {
                    "data": [
                        {
                            "order_id": "18342311",
                            "client_oid": ID,
                            "order_type": "LIMIT",
                            "time_in_force": "GOOD_TILL_CANCEL",
                            "side": "BUY",
                            "exec_inst": [],
                            "quantity": "0.003",
                            "limit_price": "50000.1",
                            "avg_price": "0",
                            "cumulative_quantity": "0",
                            "cumulative_value": "0",
                            "cumulative_fee": "0",
                            "status": "ACTIVE",
                            "instrument_name": "BTC_USDT",
                            "fee_instrument_name": "BTC",
                            "create_time": 1686806053992,
                        }
                    ]
                },
            },
            ("POST", "/exchange/v1/private/get-order-history"): {"id": 1, "code": 0, "result": {"data": []}},
            ("POST", "/exchange/v1/private/cancel-order"): {
                "id": 1,
                "method": "private/cancel-order",
                "code": 0,
                "result": {"client_oid": ID, "order_id": "18342311"},
            },
        },
        ("POST", "/exchange/v1/private/create-order"),
        ("POST", "/exchange/v1/private/cancel-order"),
        "18342311",
    ),
    "bitso": Other(
        API,
        "BTC/MXN",
        {
            ("GET", "/api/v3/available_books"): {
                "success": True,
                "payload": [
                    {
                        "book": "btc_mxn",
                        "minimum_price": "500",
                        "maximum_price": "10000000",
                        "minimum_amount": "0.00005",
                        "maximum_amount": "500",
                        "minimum_value": "5",
                        "maximum_value": "10000000",
                        "tick_size": "0.01",
                        "fees": {"flat_rate": {"maker": "0.500", "taker": "0.650"}, "structure": []},
                    }
                ],
            },
            ("GET", "/api/v3/catalogues"): {
                "success": True,
                "payload": {
                    "currencies": {
                        "metadata": [
                            {"code": "btc", "full_name": "Bitcoin", "precision": 8, "type": "crypto"},
                            {"code": "mxn", "full_name": "Mexican Pesos", "precision": 2, "type": "fiat"},
                        ]
                    }
                },
            },
            ("GET", "/api/v3/balance"): {
                "success": True,
                "payload": {"balances": [{"currency": "mxn", "available": "500", "locked": "0", "total": "500"}]},
            },
            ("POST", "/api/v3/orders"): {"success": True, "payload": {"oid": "yWTQGxDMZ0VimZgZ"}},
            ("GET", "/api/v3/open_orders"): {
                "success": True,
                "payload": [
                    {
                        "book": "btc_mxn",
                        "original_amount": "0.003",
                        "unfilled_amount": "0.003",
                        "original_value": "150.0003",
                        "created_at": "2026-01-31T14:43:15+00:00",
                        "updated_at": "2026-01-31T14:43:15+00:00",
                        "price": "50000.1",
                        "oid": "yWTQGxDMZ0VimZgZ",
                        "origin_id": ID,
                        "side": "buy",
                        "status": "open",
                        "type": "limit",
                    }
                ],
            },
            ("DELETE", "/api/v3/orders/yWTQGxDMZ0VimZgZ"): {"success": True, "payload": ["yWTQGxDMZ0VimZgZ"]},
        },
        ("POST", "/api/v3/orders"),
        ("DELETE", "/api/v3/orders/yWTQGxDMZ0VimZgZ"),
        "yWTQGxDMZ0VimZgZ",
    ),
    "bitvavo": Other(
        API,
        "BTC/EUR",
        {
            ("GET", "/v2/markets"): [
                {
                    "market": "BTC-EUR",
                    "status": "trading",
                    "base": "BTC",
                    "quote": "EUR",
                    "tickSize": "0.10",
                    "quantityDecimals": 8,
                    "notionalDecimals": 2,
                    "minOrderInBaseAsset": "0.0001",
                    "minOrderInQuoteAsset": "5.00",
                    "orderTypes": ["market", "limit"],
                }
            ],
            ("GET", "/v2/time"): {"time": 0},
            ("GET", "/v2/balance"): [{"symbol": "EUR", "available": "500", "inOrder": "0"}],
            ("POST", "/v2/order"): BITVAVO,
            ("GET", "/v2/ordersOpen"): [BITVAVO],
            ("GET", "/v2/orders"): [BITVAVO],
            ("DELETE", "/v2/order"): {"orderId": BITVAVO["orderId"], "clientOrderId": DASHED, "operatorId": 1},
        },
        ("POST", "/v2/order"),
        ("DELETE", "/v2/order"),
        str(BITVAVO["orderId"]),
    ),
    "revolutx": Other(
        {"api_key": "public-name", "private_key": PEM.replace("\n", "\\n")},
        "BTC/USD",
        {
            ("GET", "/api/1.0/public/configuration/pairs"): {
                "BTC/USD": {
                    "base": "BTC",
                    "quote": "USD",
                    "base_step": "0.0000001",
                    "quote_step": "0.01",
                    "min_order_size": "0.0000001",
                    "max_order_size": "1000",
                    "min_order_size_quote": "0.01",
                    "status": "active",
                }
            },
            ("GET", "/api/1.0/balances"): [{"currency": "USD", "available": "500", "reserved": "0", "total": "500"}],
            ("POST", "/api/1.0/orders"): {
                "data": {"venue_order_id": "7a52e92e-8639-4fe1-abaa-68d3a2d5234b", "client_order_id": DASHED}
            },
            ("GET", "/api/1.0/orders/active"): {
                "data": [
                    {
                        "id": "7a52e92e-8639-4fe1-abaa-68d3a2d5234b",
                        "client_order_id": DASHED,
                        "symbol": "BTC/USD",
                        "side": "buy",
                        "type": "limit",
                        "quantity": "0.003",
                        "filled_quantity": "0",
                        "leaves_quantity": "0.003",
                        "price": "50000.1",
                        "status": "new",
                        "time_in_force": "gtc",
                        "created_date": 1785313433816,
                    }
                ],
                "metadata": {"timestamp": 1785313433816},
            },
            ("GET", "/api/1.0/orders/historical"): {"data": [], "metadata": {"timestamp": 1785313433816}},
            ("DELETE", "/api/1.0/orders/7a52e92e-8639-4fe1-abaa-68d3a2d5234b"): (204, b"", {}),
        },
        ("POST", "/api/1.0/orders"),
        ("DELETE", "/api/1.0/orders/7a52e92e-8639-4fe1-abaa-68d3a2d5234b"),
        "7a52e92e-8639-4fe1-abaa-68d3a2d5234b",
    ),
}
