"""What an order's type, side and numbers become in each of six exchanges' own words."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from connectors.order import LIMITED, OrderType, Side, TimeInForce
from tests.connectors.exchange.cases import CASES, IDS, MARKET, wanted
from tests.connectors.exchange.samples import ID

BYBIT_TIMES = [(TimeInForce.IOC, "IOC"), (TimeInForce.FOK, "FOK"), (TimeInForce.POST_ONLY, "PostOnly")]
OKX_TIMES = [(TimeInForce.IOC, "ioc"), (TimeInForce.FOK, "fok"), (TimeInForce.POST_ONLY, "post_only")]
DIRECTIONS = [
    (OrderType.STOP_LIMIT, Side.SELL, "DOWN"),
    (OrderType.STOP_LIMIT, Side.BUY, "UP"),
    (OrderType.TAKE_PROFIT_LIMIT, Side.SELL, "UP"),
    (OrderType.TAKE_PROFIT_LIMIT, Side.BUY, "DOWN"),
]


def waits(kind: OrderType) -> dict[str, Any]:
    """An order that waits for a price; the limited ones keep theirs."""
    price = {} if kind in LIMITED else {"price": None}
    return {"type": kind, "stop_price": Decimal(49000), **price}


def configured(name: str, **more: Any) -> dict[str, Any]:
    """Coinbase's form of an order with a price."""
    return {"order_configuration": {name: {"base_size": "0.003", "limit_price": "50000.1", **more}}}


SHAPES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("binance", {}, {"type": "LIMIT", "side": "BUY", "timeInForce": "GTC", "quantity": "0.003", "price": "50000.1"}),
    ("binance", {"time_in_force": TimeInForce.POST_ONLY}, {"type": "LIMIT_MAKER", "quantity": "0.003"}),
    (
        "binance",
        {**MARKET, "amount": None, "quote_amount": Decimal("25.50")},
        {"type": "MARKET", "quoteOrderQty": "25.50"},
    ),
    (
        "binance",
        {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(49000)},
        {"type": "STOP_LOSS_LIMIT", "stopPrice": "49000"},
    ),
    ("binance", {"amount": Decimal("1E-8")}, {"quantity": "0.00000001"}),
    ("kraken", {}, {"ordertype": "limit", "type": "buy", "volume": "0.003", "price": "50000.1", "pair": "XXBTZUSD"}),
    ("kraken", {"side": Side.SELL}, {"type": "sell", "oflags": "fciq"}),
    ("kraken", {"time_in_force": TimeInForce.POST_ONLY}, {"oflags": "fciq,post"}),
    ("kraken", {"time_in_force": TimeInForce.IOC}, {"timeinforce": "IOC"}),
    (
        "kraken",
        {**MARKET, "amount": None, "quote_amount": Decimal("25.50")},
        {"volume": "25.50", "oflags": "fciq,viqc"},
    ),
    (
        "kraken",
        {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(49000)},
        {"ordertype": "stop-loss-limit", "price": "49000", "price2": "50000.1"},
    ),
    (
        "coinbase",
        {},
        {
            "order_configuration": {
                "limit_limit_gtc": {"base_size": "0.003", "limit_price": "50000.1", "post_only": False}
            }
        },
    ),
    (
        "coinbase",
        {"time_in_force": TimeInForce.IOC},
        {"order_configuration": {"sor_limit_ioc": {"base_size": "0.003", "limit_price": "50000.1"}}},
    ),
    (
        "coinbase",
        {**MARKET, "amount": None, "quote_amount": Decimal("25.50")},
        {"order_configuration": {"market_market_ioc": {"quote_size": "25.50"}}},
    ),
    (
        "coinbase",
        {**MARKET, "side": Side.SELL},
        {"order_configuration": {"market_market_ioc": {"base_size": "0.003"}}, "side": "SELL"},
    ),
    (
        "bybit",
        {},
        {
            "category": "spot",
            "side": "Buy",
            "orderType": "Limit",
            "qty": "0.003",
            "price": "50000.1",
            "timeInForce": "GTC",
        },
    ),
    (
        "bybit",
        {**MARKET, "amount": None, "quote_amount": Decimal("25.50")},
        {"orderType": "Market", "qty": "25.50", "marketUnit": "quoteCoin"},
    ),
    ("bybit", MARKET, {"orderType": "Market", "qty": "0.003", "marketUnit": "baseCoin"}),
    (
        "bybit",
        {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(49000)},
        {"triggerPrice": "49000", "orderFilter": "StopOrder"},
    ),
    ("okx", {}, {"tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "0.003", "px": "50000.1"}),
    (
        "okx",
        {**MARKET, "amount": None, "quote_amount": Decimal("25.50")},
        {"ordType": "market", "sz": "25.50", "tgtCcy": "quote_ccy"},
    ),
    ("alpaca", {}, {"type": "limit", "side": "buy", "time_in_force": "gtc", "qty": "0.003", "limit_price": "50000.1"}),
    ("alpaca", {**MARKET, "amount": None, "quote_amount": Decimal("25.50")}, {"type": "market", "notional": "25.50"}),
    ("alpaca", {"time_in_force": TimeInForce.IOC}, {"time_in_force": "ioc"}),
    ("alpaca", waits(OrderType.STOP_LIMIT), {"type": "stop_limit", "stop_price": "49000", "limit_price": "50000.1"}),
    ("kraken", MARKET, {"ordertype": "market", "volume": "0.003"}),
    ("kraken", waits(OrderType.STOP), {"ordertype": "stop-loss", "price": "49000", "price2": None}),
    ("kraken", waits(OrderType.TAKE_PROFIT), {"ordertype": "take-profit", "price": "49000"}),
    ("kraken", waits(OrderType.TAKE_PROFIT_LIMIT), {"ordertype": "take-profit-limit", "price2": "50000.1"}),
    *(("bybit", {"time_in_force": how}, {"timeInForce": word}) for how, word in BYBIT_TIMES),
    ("bybit", waits(OrderType.TAKE_PROFIT), {"orderType": "Market", "triggerPrice": "49000", "marketUnit": "baseCoin"}),
    *(("okx", {"time_in_force": how}, {"ordType": word}) for how, word in OKX_TIMES),
    ("okx", MARKET, {"ordType": "market", "sz": "0.003", "tgtCcy": "base_ccy"}),
    ("binance", MARKET, {"type": "MARKET", "quantity": "0.003"}),
    *(("binance", {"time_in_force": how}, {"timeInForce": how.upper()}) for how in (TimeInForce.IOC, TimeInForce.FOK)),
    ("binance", waits(OrderType.STOP), {"type": "STOP_LOSS", "stopPrice": "49000", "timeInForce": None}),
    ("binance", waits(OrderType.TAKE_PROFIT), {"type": "TAKE_PROFIT", "stopPrice": "49000"}),
    ("binance", waits(OrderType.TAKE_PROFIT_LIMIT), {"type": "TAKE_PROFIT_LIMIT", "price": "50000.1"}),
    ("coinbase", {"time_in_force": TimeInForce.FOK}, configured("limit_limit_fok")),
    ("coinbase", {"time_in_force": TimeInForce.POST_ONLY}, configured("limit_limit_gtc", post_only=True)),
    *(
        (
            "coinbase",
            {**waits(kind), "side": side},
            configured(
                "stop_limit_stop_limit_gtc", stop_price="49000", stop_direction=f"STOP_DIRECTION_STOP_{direction}"
            ),
        )
        for kind, side, direction in DIRECTIONS
    ),
]


#: what an order calls its market
MARKETS = {
    "binance": ("symbol", "BTCUSDT"),
    "kraken": ("pair", "XXBTZUSD"),
    "coinbase": ("product_id", "BTC-USD"),
    "bybit": ("symbol", "BTCUSDT"),
    "okx": ("instId", "BTC-USDT"),
    "alpaca": ("symbol", "BTC/USD"),
}


@pytest.mark.parametrize(("name", "other", "shape"), SHAPES)
async def test_orders_say_exactly_what_was_asked(world: Any, name: str, other: Any, shape: dict[str, Any]) -> None:
    """Type, side and every number go out as they were decided, under our own id and no broker's."""
    case = CASES[name]
    async with world(f"{name}/main", case.answers, case.secrets) as there:
        await there.place(wanted(case, **other))
        (came,) = there.server.of(*case.place)
        assert {key: came.asked.get(key) for key in shape} == shape
        assert came.asked[IDS[name]] == ID
        field, market = MARKETS[name]
        assert came.asked[field] == market
        assert not re.search(r"ccxt|x-TKT|6b9ad766b55dBCDE", came.body + str(came.headers))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("kraken", {"time_in_force": TimeInForce.FOK}),
        ("kraken", {**MARKET, "side": Side.SELL, "amount": None, "quote_amount": Decimal(5)}),
        ("coinbase", {"type": OrderType.STOP, "price": None, "stop_price": Decimal(49000)}),
        (
            "okx",
            {"type": OrderType.STOP_LIMIT, "stop_price": Decimal(49000), "time_in_force": TimeInForce.IOC},
        ),
        ("alpaca", {"time_in_force": TimeInForce.POST_ONLY}),
        ("alpaca", {"type": OrderType.TAKE_PROFIT, "price": None, "stop_price": Decimal(51000)}),
    ],
)
async def test_what_an_exchange_does_not_have_is_not_sent(world: Any, name: str, other: Any) -> None:
    """An order that the exchange could only misunderstand is refused before it leaves."""
    case = CASES[name]
    async with world(f"{name}/main", case.answers, case.secrets) as there:
        with pytest.raises(Exception, match="nothing was sent"):
            await there.place(wanted(case, **other))
        assert there.server.of(*case.place) == []
