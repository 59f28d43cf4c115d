"""What exchanges without a row of their own answer, shortened, in the forms of their documentation."""

from __future__ import annotations

from tests.connectors.exchange.named import NAMED
from tests.connectors.exchange.other import API, ENCODED, PHRASE, Other
from tests.connectors.exchange.samples import BYBIT, ID, OKX

OTHERS: dict[str, Other] = NAMED | {
    "bitstamp": Other(
        API,
        "BTC/USD",
        {
            ("GET", "/api/v2/markets/"): [
                {
                    "name": "BTC/USD",
                    "market_symbol": "btcusd",
                    "base_currency": "BTC",
                    "base_decimals": 8,
                    "counter_currency": "USD",
                    "counter_decimals": 1,
                    "minimum_order_value": "10",
                    "trading": "Enabled",
                    "instant_order_counter_decimals": 2,
                    "instant_and_market_orders": "Enabled",
                    "market_type": "SPOT",
                }
            ],
            ("POST", "/api/v2/buy/btcusd/"): {
                "id": "1453282316578816",
                "datetime": "2026-01-31 14:43:15",
                "type": "0",
                "price": "50000.1",
                "amount": "0.003",
                "client_order_id": ID,
            },
            ("POST", "/api/v2/open_orders/all/"): [
                {
                    "price": "50000.1",
                    "currency_pair": "BTC/USD",
                    "client_order_id": ID,
                    "datetime": "2026-01-31 21:23:36",
                    "amount": "0.003",
                    "type": "0",
                    "id": "1453282316578816",
                }
            ],
            ("POST", "/api/v2/cancel_order/"): {
                "id": 1453282316578816,
                "amount": "0.003",
                "price": "50000.1",
                "type": 0,
                "market": "BTC/USD",
            },
        },
        ("POST", "/api/v2/buy/btcusd/"),
        ("POST", "/api/v2/cancel_order/"),
        "1453282316578816",
    ),
    "kucoin": Other(
        PHRASE,
        "BTC/USDT",
        {
            ("GET", "/api/ua/v1/account/mode"): {
                "code": "200000",
                "data": {"selfMode": "CLASSIC", "accountMode": "CLASSIC"},
            },
            ("GET", "/api/v2/symbols"): {
                "code": "200000",
                "data": [
                    {
                        "symbol": "BTC-USDT",
                        "name": "BTC-USDT",
                        "baseCurrency": "BTC",
                        "quoteCurrency": "USDT",
                        "baseMinSize": "0.0001",
                        "quoteMinSize": "0.1",
                        "baseIncrement": "0.0001",
                        "quoteIncrement": "0.01",
                        "priceIncrement": "0.1",
                        "enableTrading": True,
                    }
                ],
            },
            ("GET", "/api/v1/market/allTickers"): {"code": "200000", "data": {"ticker": []}},
            ("POST", "/api/v1/orders"): {"code": "200000", "data": {"orderId": "5bd6e9286d99522a52e458de"}},
            ("GET", "/api/v1/orders"): {
                "code": "200000",
                "data": {
                    "items": [
                        {
                            "id": "5bd6e9286d99522a52e458de",
                            "symbol": "BTC-USDT",
                            "opType": "DEAL",
                            "type": "limit",
                            "side": "buy",
                            "price": "50000.1",
                            "size": "0.003",
                            "dealFunds": "0",
                            "dealSize": "0",
                            "fee": "0",
                            "feeCurrency": "USDT",
                            "clientOid": ID,
                            "isActive": True,
                            "cancelExist": False,
                            "createdAt": 1547026471000,
                        }
                    ]
                },
            },
            ("DELETE", "/api/v1/orders/5bd6e9286d99522a52e458de"): {
                "code": "200000",
                "data": {"cancelledOrderIds": ["5bd6e9286d99522a52e458de"]},
            },
        },
        ("POST", "/api/v1/orders"),
        ("DELETE", "/api/v1/orders/5bd6e9286d99522a52e458de"),
        "5bd6e9286d99522a52e458de",
    ),
    "bitget": Other(
        PHRASE,
        "BTC/USDT",
        {
            ("GET", "/api/v2/spot/public/symbols"): {
                "code": "00000",
                "data": [
                    {
                        "symbol": "BTCUSDT",
                        "baseCoin": "BTC",
                        "quoteCoin": "USDT",
                        "minTradeAmount": "0",
                        "maxTradeAmount": "10000",
                        "takerFeeRate": "0.002",
                        "makerFeeRate": "0.002",
                        "pricePrecision": "1",
                        "quantityPrecision": "4",
                        "quotePrecision": "6",
                        "status": "online",
                        "minTradeUSDT": "5",
                    }
                ],
            },
            ("GET", "/api/v2/margin/currencies"): {"code": "00000", "data": []},
            ("POST", "/api/v2/spot/trade/place-order"): {
                "code": "00000",
                "msg": "success",
                "data": {"orderId": "881669078313766912", "clientOid": ID},
            },
            ("GET", "/api/v2/spot/trade/unfilled-orders"): {
                "code": "00000",
                "data": [
                    {
                        "symbol": "BTCUSDT",
                        "orderId": "881669078313766912",
                        "clientOid": ID,
                        "priceAvg": "50000.1",
                        "size": "0.0030",
                        "orderType": "limit",
                        "side": "buy",
                        "status": "live",
                        "baseVolume": "0",
                        "quoteVolume": "0",
                        "cTime": "1700728077966",
                        "uTime": "1700728077966",
                    }
                ],
            },
            ("POST", "/api/v2/spot/trade/cancel-order"): {
                "code": "00000",
                "msg": "success",
                "data": {"orderId": "881669078313766912", "clientOid": ID},
            },
        },
        ("POST", "/api/v2/spot/trade/place-order"),
        ("POST", "/api/v2/spot/trade/cancel-order"),
        "881669078313766912",
    ),
    "mexc": Other(
        API,
        "BTC/USDT",
        {
            ("GET", "/api/v3/exchangeInfo"): {
                "symbols": [
                    {
                        "symbol": "BTCUSDT",
                        "status": "1",
                        "baseAsset": "BTC",
                        "baseAssetPrecision": "4",
                        "quoteAsset": "USDT",
                        "quoteAssetPrecision": "1",
                        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
                        "isSpotTradingAllowed": True,
                        "permissions": ["SPOT"],
                        "baseSizePrecision": "0.0001",
                        "maxQuoteAmount": "5000000",
                        "makerCommission": "0.002",
                        "takerCommission": "0.002",
                        "quoteAmountPrecision": "5",
                    }
                ]
            },
            ("GET", "/api/v1/contract/detail"): {"success": True, "code": 0, "data": []},
            ("POST", "/api/v3/order"): {"symbol": "BTCUSDT", "orderId": "123738410679123456", "orderListId": -1},
            ("GET", "/api/v3/openOrders"): [
                {
                    "symbol": "BTCUSDT",
                    "orderId": "123738410679123456",
                    "clientOrderId": ID,
                    "price": "50000.1",
                    "origQty": "0.003",
                    "executedQty": "0",
                    "cummulativeQuoteQty": "0",
                    "status": "NEW",
                    "type": "LIMIT",
                    "side": "BUY",
                    "time": "1647718255199",
                }
            ],
            ("DELETE", "/api/v3/order"): {"symbol": "BTCUSDT", "orderId": "123738410679123456", "side": "BUY"},
        },
        ("POST", "/api/v3/order"),
        ("DELETE", "/api/v3/order"),
        "123738410679123456",
    ),
    "whitebit": Other(
        API,
        "BTC/USDT",
        {
            ("GET", "/api/v4/public/markets"): [
                {
                    "name": "BTC_USDT",
                    "stock": "BTC",
                    "money": "USDT",
                    "stockPrec": "4",
                    "moneyPrec": "1",
                    "feePrec": "4",
                    "makerFee": "0.1",
                    "takerFee": "0.1",
                    "minAmount": "0.0001",
                    "minTotal": "5",
                    "tradesEnabled": True,
                    "type": "spot",
                    "maxTotal": "1000000000",
                }
            ],
            ("GET", "/api/v4/public/assets"): {},
            ("POST", "/api/v4/order/new"): {"orderId": 3686033640, "clientOrderId": ID, "market": "BTC_USDT"},
            ("POST", "/api/v4/orders"): [
                {
                    "orderId": 3686033640,
                    "clientOrderId": ID,
                    "market": "BTC_USDT",
                    "side": "buy",
                    "type": "limit",
                    "timestamp": 1594605801.49815,
                    "dealMoney": "0",
                    "dealStock": "0",
                    "amount": "0.003",
                    "left": "0.003",
                    "dealFee": "0",
                    "price": "50000.1",
                }
            ],
            ("POST", "/api/v4/order/cancel"): {"orderId": 3686033640, "clientOrderId": ID, "market": "BTC_USDT"},
        },
        ("POST", "/api/v4/order/new"),
        ("POST", "/api/v4/order/cancel"),
        "3686033640",
    ),
    "poloniex": Other(
        API,
        "BTC/USDT",
        {
            ("GET", "/markets"): [
                {
                    "symbol": "BTC_USDT",
                    "baseCurrencyName": "BTC",
                    "quoteCurrencyName": "USDT",
                    "displayName": "BTC/USDT",
                    "state": "NORMAL",
                    "tradableStartTime": 1659018816626,
                    "symbolTradeLimit": {
                        "symbol": "BTC_USDT",
                        "priceScale": 1,
                        "quantityScale": 4,
                        "amountScale": 2,
                        "minQuantity": "0.0001",
                        "minAmount": "1",
                    },
                }
            ],
            ("GET", "/v3/market/allInstruments"): {"code": "200", "data": []},
            ("POST", "/orders"): {"id": "78923648051920896", "clientOrderId": ID},
            ("GET", "/orders"): [
                {
                    "id": "78923648051920896",
                    "clientOrderId": ID,
                    "symbol": "BTC_USDT",
                    "state": "NEW",
                    "side": "BUY",
                    "type": "LIMIT",
                    "quantity": "0.003",
                    "price": "50000.1",
                    "avgPrice": "0",
                    "amount": "0",
                    "filledQuantity": "0",
                    "filledAmount": "0",
                    "createTime": 1646925216548,
                }
            ],
            ("DELETE", "/orders/78923648051920896"): {
                "orderId": "78923648051920896",
                "clientOrderId": ID,
                "state": "PENDING_CANCEL",
                "code": 200,
                "message": "",
            },
        },
        ("POST", "/orders"),
        ("DELETE", "/orders/78923648051920896"),
        "78923648051920896",
    ),
    "gate": Other(
        API,
        "BTC/USDT",
        {
            ("GET", "/api/v4/account/detail"): {"user_id": 1, "key": {"mode": 1}},
            ("GET", "/api/v4/spot/currency_pairs"): [
                {
                    "id": "BTC_USDT",
                    "base": "BTC",
                    "quote": "USDT",
                    "fee": "0.2",
                    "min_base_amount": "0.0001",
                    "min_quote_amount": "1",
                    "amount_precision": 4,
                    "precision": 1,
                    "trade_status": "tradable",
                    "type": "normal",
                }
            ],
            ("GET", "/api/v4/margin/currency_pairs"): [],
            ("POST", "/api/v4/spot/orders"): (
                201,
                {
                    "id": "95282841887",
                    "text": f"t-{ID[:26]}",
                    "status": "open",
                    "currency_pair": "BTC_USDT",
                    "type": "limit",
                    "side": "buy",
                    "amount": "0.003",
                    "price": "50000.1",
                    "left": "0.003",
                },
                {},
            ),
            ("GET", "/api/v4/spot/open_orders"): [
                {
                    "currency_pair": "BTC_USDT",
                    "total": 1,
                    "orders": [
                        {
                            "id": "95282841887",
                            "text": f"t-{ID[:26]}",
                            "create_time_ms": 1637383156017,
                            "update_time_ms": 1637383156017,
                            "status": "open",
                            "currency_pair": "BTC_USDT",
                            "type": "limit",
                            "account": "spot",
                            "side": "buy",
                            "amount": "0.003",
                            "price": "50000.1",
                            "left": "0.003",
                            "filled_total": "0",
                        }
                    ],
                }
            ],
            ("DELETE", "/api/v4/spot/orders/95282841887"): {"id": "95282841887", "status": "cancelled"},
        },
        ("POST", "/api/v4/spot/orders"),
        ("DELETE", "/api/v4/spot/orders/95282841887"),
        "95282841887",
    ),
    "coinbaseexchange": Other(
        ENCODED,
        "BTC/USD",
        {
            ("GET", "/products"): [
                {
                    "id": "BTC-USD",
                    "base_currency": "BTC",
                    "quote_currency": "USD",
                    "quote_increment": "0.1",
                    "base_increment": "0.0001",
                    "min_market_funds": "1",
                    "margin_enabled": False,
                    "trading_disabled": False,
                    "status": "online",
                }
            ],
            ("POST", "/orders"): {
                "id": "d0c5340b-6d6c-49d9-b567-48c4bfca13d2",
                "price": "50000.1",
                "size": "0.003",
                "product_id": "BTC-USD",
                "side": "buy",
                "client_oid": ID,
                "type": "limit",
                "status": "pending",
            },
            ("GET", "/orders"): [
                {
                    "id": "d0c5340b-6d6c-49d9-b567-48c4bfca13d2",
                    "price": "50000.1",
                    "size": "0.003",
                    "product_id": "BTC-USD",
                    "side": "buy",
                    "client_oid": ID,
                    "type": "limit",
                    "created_at": "2026-12-08T20:02:28.53864Z",
                    "fill_fees": "0",
                    "filled_size": "0",
                    "executed_value": "0",
                    "status": "open",
                }
            ],
            ("DELETE", "/orders/d0c5340b-6d6c-49d9-b567-48c4bfca13d2"): (
                200,
                b'"d0c5340b-6d6c-49d9-b567-48c4bfca13d2"',
                {"content-type": "application/json"},
            ),
        },
        ("POST", "/orders"),
        ("DELETE", "/orders/d0c5340b-6d6c-49d9-b567-48c4bfca13d2"),
        "d0c5340b-6d6c-49d9-b567-48c4bfca13d2",
    ),
    "woo": Other(
        API,
        "BTC/USDT",
        {
            ("GET", "/v3/public/instruments"): {
                "success": True,
                "data": {
                    "rows": [
                        {
                            "symbol": "SPOT_BTC_USDT",
                            "status": "TRADING",
                            "baseAsset": "BTC",
                            "quoteAsset": "USDT",
                            "quoteTick": "0.1",
                            "baseMin": "0.0001",
                            "baseMax": "5000",
                            "baseTick": "0.0001",
                            "minNotional": "1",
                        }
                    ]
                },
                "timestamp": 1751512951338,
            },
            ("POST", "/v3/trade/order"): {
                "success": True,
                "data": {
                    "orderId": 60667653330,
                    "clientOrderId": ID,
                    "type": "LIMIT",
                    "price": 50000.1,
                    "quantity": 0.003,
                },
                "timestamp": "1751871779855",
            },
            ("GET", "/v3/trade/orders"): {
                "success": True,
                "data": {
                    "rows": [
                        {
                            "orderId": 60667653330,
                            "clientOrderId": ID,
                            "symbol": "SPOT_BTC_USDT",
                            "side": "BUY",
                            "quantity": "0.003",
                            "type": "LIMIT",
                            "status": "NEW",
                            "price": "50000.1",
                            "executed": "0",
                            "averageExecutedPrice": "0",
                            "totalFee": "0",
                            "feeAsset": "BTC",
                            "createdTime": "1752049062.496",
                        }
                    ]
                },
                "timestamp": 1751871779855,
            },
            ("DELETE", "/v3/trade/order"): {
                "success": True,
                "data": {"status": "CANCEL_SENT"},
                "timestamp": 1751940315838,
            },
        },
        ("POST", "/v3/trade/order"),
        ("DELETE", "/v3/trade/order"),
        "60667653330",
    ),
    "okxus": Other(
        PHRASE,
        "BTC/USDT",
        OKX
        | {
            ("POST", "/api/v5/trade/batch-orders"): OKX["POST", "/api/v5/trade/order"],
            ("GET", "/api/v5/trade/orders-pending"): OKX["GET", "/api/v5/trade/order"],
        },
        ("POST", "/api/v5/trade/batch-orders"),
        ("POST", "/api/v5/trade/cancel-order"),
        "312269865356374016",
    ),
    "bybiteu": Other(
        API,
        "BTC/USDT",
        BYBIT | {("GET", "/v5/account/info"): {"retCode": 0, "result": {"unifiedMarginStatus": 6}}},
        ("POST", "/v5/order/create"),
        ("POST", "/v5/order/cancel"),
        "1321003749386327552",
    ),
}
