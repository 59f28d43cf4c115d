"""What exchanges answer, shortened, in the forms of their documentation; and keys that belong to nobody."""

from __future__ import annotations

from typing import Any

CANARY = "canary7Secret4Of2Nobody"

BINANCE: dict[tuple[str, str], Any] = {
    ("GET", "/api/v3/time"): {"serverTime": 0},
    ("GET", "/api/v3/exchangeInfo"): {
        "timezone": "UTC",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "SECOND", "intervalNum": 10, "limit": 1000},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
        ],
        "symbols": [
            {
                "symbol": "BTCUSDT",
                "status": "TRADING",
                "baseAsset": "BTC",
                "baseAssetPrecision": 8,
                "quoteAsset": "USDT",
                "quotePrecision": 8,
                "quoteAssetPrecision": 8,
                "orderTypes": ["LIMIT", "MARKET"],
                "isSpotTradingAllowed": True,
                "permissionSets": [["SPOT"]],
                "filters": [
                    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
                    {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.0", "stepSize": "0.00001"},
                    {"filterType": "MARKET_LOT_SIZE", "minQty": "0.0", "maxQty": "97.5", "stepSize": "0.0"},
                    {"filterType": "NOTIONAL", "minNotional": "5.0", "maxNotional": "9000000.0"},
                    {
                        "filterType": "PERCENT_PRICE_BY_SIDE",
                        "bidMultiplierUp": "5",
                        "bidMultiplierDown": "0.2",
                        "askMultiplierUp": "4",
                        "askMultiplierDown": "0.3",
                    },
                ],
            }
        ],
    },
    ("GET", "/sapi/v1/account/apiRestrictions"): {
        "ipRestrict": True,
        "enableReading": True,
        "enableSpotAndMarginTrading": True,
        "enableWithdrawals": False,
        "enableInternalTransfer": False,
        "permitsUniversalTransfer": False,
    },
    ("GET", "/api/v3/account"): {
        "uid": 354937868,
        "canTrade": True,
        "balances": [
            {"asset": "BTC", "free": "12345678.12345678", "locked": "0.00000001"},
            {"asset": "USDT", "free": "0.0", "locked": "0.0"},
        ],
    },
    ("POST", "/api/v3/order"): {"symbol": "BTCUSDT", "orderId": 28, "clientOrderId": "a" * 32, "transactTime": 1},
    ("DELETE", "/api/v3/order"): {"symbol": "BTCUSDT", "orderId": 28, "status": "CANCELED"},
    ("GET", "/api/v3/order"): {
        "symbol": "BTCUSDT",
        "orderId": 28,
        "clientOrderId": "a" * 32,
        "price": "50000.10",
        "origQty": "0.00300000",
        "executedQty": "0.00100000",
        "cummulativeQuoteQty": "50.00010000",
        "status": "PARTIALLY_FILLED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.0",
        "time": 1499827319559,
    },
    ("GET", "/api/v3/openOrders"): [],
    ("GET", "/api/v3/myTrades"): [
        {
            "symbol": "BTCUSDT",
            "id": 28457,
            "orderId": 28,
            "price": "50000.10",
            "qty": "0.00100000",
            "quoteQty": "50.00010000",
            "commission": "0.00000100",
            "commissionAsset": "BTC",
            "time": 1499865549590,
            "isBuyer": True,
            "isMaker": True,
        }
    ],
    ("GET", "/api/v3/ticker/24hr"): {
        "symbol": "BTCUSDT",
        "lastPrice": "50000.10",
        "bidPrice": "50000.00",
        "askPrice": "50000.20",
        "closeTime": 1499869899040,
    },
    ("GET", "/api/v3/depth"): {"lastUpdateId": 1, "bids": [["50000.00", "0.5"]], "asks": [["50000.20", "0.25"]]},
    ("GET", "/api/v3/klines"): [
        [1499040000000, "1.1", "1.3", "1.0", "1.2", "10.5", 1499040059999, "12", 3, "5", "6", "0"],
        [1499040060000, "1.2", "1.4", "1.1", "1.3", "11.5", 1499040119999, "13", 3, "5", "6", "0"],
    ],
}

ID = "0123456789abcdef0123456789abcdef"
KRAKEN: dict[tuple[str, str], Any] = {
    ("GET", "/0/public/Time"): {"error": [], "result": {"unixtime": 0, "rfc1123": ""}},
    ("GET", "/0/public/AssetPairs"): {
        "error": [],
        "result": {
            "XXBTZUSD": {
                "altname": "XBTUSD",
                "wsname": "XBT/USD",
                "aclass_base": "currency",
                "base": "XXBT",
                "aclass_quote": "currency",
                "quote": "ZUSD",
                "pair_decimals": 1,
                "cost_decimals": 5,
                "lot_decimals": 8,
                "lot_multiplier": 1,
                "leverage_buy": [],
                "leverage_sell": [],
                "fees": [[0, 0.4]],
                "fees_maker": [[0, 0.25]],
                "ordermin": "0.0001",
                "costmin": "0.5",
                "tick_size": "0.1",
                "status": "online",
            }
        },
    },
    ("POST", "/0/private/GetApiKeyInfo"): {
        "error": [],
        "result": {
            "api_key_name": "trading",
            "permissions": ["query-funds", "modify-trades"],
            "ip_allowlist": ["10.0.0.1"],
            "valid_until": "0",
        },
    },
    ("POST", "/0/private/BalanceEx"): {"error": [], "result": {"XXBT": {"balance": "1.5", "hold_trade": "0.5"}}},
    ("POST", "/0/private/AddOrder"): {
        "error": [],
        "result": {"descr": {"order": "buy"}, "txid": ["OU22CG-KLAF2-FWUDD7"]},
    },
    ("POST", "/0/private/CancelOrder"): {"error": [], "result": {"count": 1}},
    ("POST", "/0/private/OpenOrders"): {
        "error": [],
        "result": {
            "open": {
                "OU22CG-KLAF2-FWUDD7": {
                    "cl_ord_id": ID,
                    "status": "open",
                    "opentm": 1688666559.8974,
                    "vol": "0.00300000",
                    "vol_exec": "0.00100000",
                    "cost": "50.00",
                    "fee": "0.1",
                    "price": "50000.1",
                    "oflags": "fciq",
                    "descr": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "50000.1", "price2": "0"},
                }
            }
        },
    },
    ("POST", "/0/private/ClosedOrders"): {"error": [], "result": {"closed": {}, "count": 0}},
}

COINBASE: dict[tuple[str, str], Any] = {
    ("GET", "/v2/time"): {"data": {"iso": "1970-01-01T00:00:00Z", "epoch": 0}},
    ("GET", "/api/v3/brokerage/market/products"): {
        "products": [
            {
                "product_id": "BTC-USD",
                "price": "50000.1",
                "base_increment": "0.00000001",
                "quote_increment": "0.01",
                "price_increment": "0.01",
                "quote_min_size": "1",
                "quote_max_size": "50000000",
                "base_min_size": "0.00000001",
                "base_max_size": "1500",
                "base_currency_id": "BTC",
                "quote_currency_id": "USD",
                "base_display_symbol": "BTC",
                "quote_display_symbol": "USD",
                "status": "online",
                "trading_disabled": False,
                "product_type": "SPOT",
            }
        ],
        "num_products": 1,
    },
    ("GET", "/api/v3/brokerage/key_permissions"): {
        "can_view": True,
        "can_trade": True,
        "can_transfer": False,
        "portfolio_uuid": "1bbd8d1f",
    },
    ("GET", "/api/v3/brokerage/accounts"): {
        "accounts": [
            {
                "uuid": "8bfc20d7",
                "currency": "BTC",
                "available_balance": {"value": "1.0", "currency": "BTC"},
                "hold": {"value": "0.5", "currency": "BTC"},
                "type": "ACCOUNT_TYPE_CRYPTO",
            }
        ],
        "has_next": False,
        "cursor": "",
    },
    ("POST", "/api/v3/brokerage/orders"): {
        "success": True,
        "success_response": {"order_id": "11111-00000-000000", "product_id": "BTC-USD", "client_order_id": ID},
    },
    ("POST", "/api/v3/brokerage/orders/batch_cancel"): {
        "results": [
            {"success": True, "failure_reason": "UNKNOWN_CANCEL_FAILURE_REASON", "order_id": "11111-00000-000000"}
        ]
    },
    ("GET", "/api/v3/brokerage/orders/historical/batch"): {
        "orders": [
            {
                "order_id": "11111-00000-000000",
                "client_order_id": ID,
                "product_id": "BTC-USD",
                "side": "BUY",
                "status": "OPEN",
                "order_type": "LIMIT",
                "order_configuration": {"limit_limit_gtc": {"base_size": "0.00300", "limit_price": "50000.1"}},
                "created_time": "2026-11-25T10:00:00Z",
                "filled_size": "0.001",
                "filled_value": "50.0",
                "average_filled_price": "50000",
                "total_fees": "0.1",
            }
        ],
        "has_next": False,
    },
}

BYBIT: dict[tuple[str, str], Any] = {
    ("GET", "/v5/market/time"): {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"timeSecond": "0", "timeNano": "0"},
        "time": 0,
    },
    ("GET", "/v5/market/instruments-info"): {
        "retCode": 0,
        "retMsg": "OK",
        "result": {
            "category": "spot",
            "list": [
                {
                    "symbol": "BTCUSDT",
                    "baseCoin": "BTC",
                    "quoteCoin": "USDT",
                    "innovation": "0",
                    "status": "Trading",
                    "marginTrading": "none",
                    "lotSizeFilter": {
                        "basePrecision": "0.000001",
                        "quotePrecision": "0.00000001",
                        "minOrderQty": "0.000048",
                        "maxOrderQty": "71.73956243",
                        "minOrderAmt": "1",
                        "maxOrderAmt": "2000000",
                    },
                    "priceFilter": {"tickSize": "0.01"},
                }
            ],
        },
    },
    ("GET", "/v5/user/query-api"): {
        "retCode": 0,
        "retMsg": "",
        "result": {
            "readOnly": 0,
            "permissions": {"Spot": ["SpotTrade"], "Wallet": []},
            "ips": ["*"],
            "userID": 24617703,
            "expiredAt": "2027-02-20T07:01:07Z",
        },
    },
    ("GET", "/v5/account/wallet-balance"): {
        "retCode": 0,
        "retMsg": "OK",
        "result": {
            "list": [
                {
                    "accountType": "UNIFIED",
                    "coin": [
                        {"coin": "BTC", "equity": "1.5", "walletBalance": "1.5", "locked": "0.5", "borrowAmount": "0"}
                    ],
                }
            ]
        },
    },
    ("POST", "/v5/order/create"): {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"orderId": "1321003749386327552", "orderLinkId": ID},
    },
    ("POST", "/v5/order/cancel"): {
        "retCode": 0,
        "retMsg": "OK",
        "result": {"orderId": "1321003749386327552", "orderLinkId": ID},
    },
    ("GET", "/v5/order/realtime"): {
        "retCode": 0,
        "retMsg": "OK",
        "result": {
            "category": "spot",
            "list": [
                {
                    "orderId": "1321003749386327552",
                    "orderLinkId": ID,
                    "symbol": "BTCUSDT",
                    "side": "Buy",
                    "orderType": "Limit",
                    "orderStatus": "PartiallyFilled",
                    "price": "50000.10",
                    "qty": "0.003000",
                    "cumExecQty": "0.001000",
                    "cumExecValue": "50.0001",
                    "timeInForce": "GTC",
                    "createdTime": "1684738540559",
                }
            ],
        },
    },
    ("GET", "/v5/order/history"): {"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": []}},
}

OKX: dict[tuple[str, str], Any] = {
    ("GET", "/api/v5/public/time"): {"code": "0", "msg": "", "data": [{"ts": "0"}]},
    ("GET", "/api/v5/public/instruments"): {
        "code": "0",
        "msg": "",
        "data": [
            {
                "instType": "SPOT",
                "instId": "BTC-USDT",
                "baseCcy": "BTC",
                "quoteCcy": "USDT",
                "lotSz": "0.00000001",
                "minSz": "0.00001",
                "tickSz": "0.1",
                "state": "live",
            }
        ],
    },
    ("GET", "/api/v5/account/config"): {
        "code": "0",
        "msg": "",
        "data": [{"uid": "44705892343619584", "perm": "read_only,trade", "ip": "10.0.0.1"}],
    },
    ("GET", "/api/v5/account/balance"): {
        "code": "0",
        "msg": "",
        "data": [
            {"uTime": "1597026383085", "details": [{"ccy": "BTC", "availBal": "1.0", "eq": "1.5", "frozenBal": "0.5"}]}
        ],
    },
    ("POST", "/api/v5/trade/order"): {
        "code": "0",
        "msg": "",
        "data": [{"clOrdId": ID, "ordId": "312269865356374016", "sCode": "0", "sMsg": ""}],
    },
    ("POST", "/api/v5/trade/cancel-order"): {
        "code": "0",
        "msg": "",
        "data": [{"clOrdId": ID, "ordId": "312269865356374016", "sCode": "0", "sMsg": ""}],
    },
    ("GET", "/api/v5/trade/order"): {
        "code": "0",
        "msg": "",
        "data": [
            {
                "instType": "SPOT",
                "instId": "BTC-USDT",
                "ordId": "312269865356374016",
                "clOrdId": ID,
                "px": "50000.1",
                "sz": "0.003",
                "ordType": "limit",
                "side": "buy",
                "accFillSz": "0.001",
                "avgPx": "50000",
                "state": "partially_filled",
                "fee": "-0.1",
                "feeCcy": "USDT",
                "cTime": "1597026383085",
            }
        ],
    },
}

ALPACA: dict[tuple[str, str], Any] = {
    ("GET", "/v2/clock"): {"timestamp": "1970-01-01T00:00:00Z", "is_open": True},
    ("GET", "/v2/assets"): [
        {
            "id": "276e2673",
            "class": "crypto",
            "exchange": "CRYPTO",
            "symbol": "BTC/USD",
            "name": "Bitcoin",
            "status": "active",
            "tradable": True,
            "min_order_size": "0.0001",
            "min_trade_increment": "0.0001",
            "price_increment": "0.1",
        }
    ],
    ("GET", "/v2/account"): {
        "id": "c8f1ef5d",
        "account_number": "PA2V9NXJZK7N",
        "status": "ACTIVE",
        "currency": "USD",
        "cash": "100.5",
        "trading_blocked": False,
        "account_blocked": False,
    },
    ("GET", "/v2/positions"): [],
    ("POST", "/v2/orders"): {"id": "61e69015-8549-4bfd-b9c3-01e75843f47d", "client_order_id": ID, "status": "accepted"},
    ("DELETE", "/v2/orders/61e69015-8549-4bfd-b9c3-01e75843f47d"): (204, b"", {}),
    ("GET", "/v2/orders:by_client_order_id"): {
        "id": "61e69015-8549-4bfd-b9c3-01e75843f47d",
        "client_order_id": ID,
        "symbol": "BTC/USD",
        "qty": "0.003",
        "filled_qty": "0.001",
        "filled_avg_price": "50000",
        "type": "limit",
        "side": "buy",
        "limit_price": "50000.1",
        "status": "partially_filled",
        "submitted_at": "2026-11-25T10:00:00Z",
    },
}
