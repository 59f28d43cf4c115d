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
