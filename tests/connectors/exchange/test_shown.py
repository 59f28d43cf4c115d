"""What exchanges show of orders and trades, in the forms that they document, as we read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.exchange import reading
from connectors.exchange.place import Place, place
from connectors.exchange.rows import rows
from connectors.exchange.spot import Connector
from connectors.order import Fill, Order, OrderState

D = Decimal
SYMBOL = "BTC/USDT"


def there(name: str, market: str) -> Place:
    """The exchange, of which this process knows one market."""
    made = Place(rows()[name](), "", testing=False) if name in rows() else place(name, "", "live", "shown")
    said = {
        "id": market,
        "symbol": SYMBOL,
        "base": "BTC",
        "quote": "USDT",
        "spot": True,
        "type": "spot",
        "active": True,
    }
    made.bridge.set_markets([made.bridge.safe_market_structure(said)])
    return made


def shown(name: str, raw: Mapping[str, Any], market: str) -> Order:
    made = there(name, market)
    return reading.order(made.ways.shown(made.bridge.parse_order(raw, made.bridge.market(SYMBOL))))


OKX = {
    "instId": "BTC-USDT",
    "instType": "SPOT",
    "ordId": "1",
    "clOrdId": "a",
    "px": "50000",
    "sz": "0.002",
    "ordType": "limit",
    "side": "buy",
    "tgtCcy": "",
    "accFillSz": "0.001",
    "avgPx": "50000",
    "state": "partially_filled",
    "cTime": "1597026383085",
}
BYBIT = {
    "symbol": "BTCUSDT",
    "orderType": "Limit",
    "orderLinkId": "a",
    "orderId": "1",
    "avgPrice": "50000",
    "price": "50000",
    "qty": "0.002",
    "cumExecQty": "0.001",
    "cumExecValue": "50",
    "side": "Buy",
    "timeInForce": "GTC",
    "createdTime": "1684476068369",
}
KRAKEN = {
    "id": "O1",
    "cl_ord_id": "a",
    "opentm": 1688666559.8974,
    "vol": "0.002",
    "vol_exec": "0.001",
    "cost": "50",
    "price": "50000",
    "oflags": "fciq",
    "descr": {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "price": "50000", "price2": "0"},
}
COINBASE = {
    "order_id": "1",
    "product_id": "BTC-USDT",
    "side": "BUY",
    "client_order_id": "a",
    "created_time": "2023-03-11T18:45:55Z",
    "filled_size": "0.001",
    "average_filled_price": "50000",
    "filled_value": "50",
    "order_type": "LIMIT",
    "order_configuration": {"limit_limit_gtc": {"base_size": "0.002", "limit_price": "50000", "post_only": False}},
}
ALPACA = {
    "id": "1",
    "client_order_id": "a",
    "submitted_at": "2022-04-14T21:19:13.723Z",
    "symbol": "BTC/USDT",
    "asset_class": "crypto",
    "qty": "0.002",
    "filled_qty": "0.001",
    "filled_avg_price": "50000",
    "type": "limit",
    "order_type": "limit",
    "side": "buy",
    "limit_price": "50000",
}
BINANCE = {
    "symbol": "BTCUSDT",
    "orderId": 1,
    "clientOrderId": "a",
    "price": "50000",
    "origQty": "0.002",
    "executedQty": "0.001",
    "cummulativeQuoteQty": "50",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "time": 1499827319559,
}
NAMES = {
    "okx": ("BTC-USDT", OKX, "state"),
    "bybit": ("BTCUSDT", BYBIT, "orderStatus"),
    "kraken": ("XBTUSDT", KRAKEN, "status"),
    "coinbase": ("BTC-USDT", COINBASE, "status"),
    "alpaca": ("BTC/USDT", ALPACA, "status"),
    "binance": ("BTCUSDT", BINANCE, "status"),
}
PART, CANCELLED = OrderState.PARTIALLY_FILLED, OrderState.CANCELLED
#: of a limit order of which half is filled
STATES = [
    ("okx", "partially_filled", PART),
    ("okx", "canceled", CANCELLED),
    ("okx", "mmp_canceled", CANCELLED),
    ("bybit", "PartiallyFilled", PART),
    ("bybit", "PartiallyFilledCanceled", CANCELLED),
    ("bybit", "Cancelled", CANCELLED),
    ("bybit", "Triggered", PART),
    ("kraken", "open", PART),
    ("kraken", "canceled", CANCELLED),
    ("kraken", "expired", OrderState.EXPIRED),
    ("coinbase", "OPEN", PART),
    ("coinbase", "CANCEL_QUEUED", PART),
    ("coinbase", "UNKNOWN_ORDER_STATUS", PART),
    ("coinbase", "CANCELLED", CANCELLED),
    ("coinbase", "FAILED", CANCELLED),
    ("alpaca", "partially_filled", PART),
    ("alpaca", "pending_cancel", PART),
    ("alpaca", "pending_replace", PART),
    ("alpaca", "done_for_day", PART),
    ("alpaca", "calculated", PART),
    ("alpaca", "stopped", PART),
    ("alpaca", "canceled", CANCELLED),
    ("alpaca", "something_new", PART),
    ("binance", "PARTIALLY_FILLED", PART),
    ("binance", "PENDING_CANCEL", PART),
    ("binance", "CANCELED", CANCELLED),
    ("binance", "EXPIRED_IN_MATCH", OrderState.EXPIRED),
]


@pytest.mark.parametrize(("name", "said", "state"), STATES)
def test_half_a_limit_order_is_not_the_whole(name: str, said: str, state: OrderState) -> None:
    """Only what the exchange calls ended has ended, and what has ended half filled was cancelled."""
    market, raw, field = NAMES[name]
    order = shown(name, {**raw, field: said}, market)
    assert (order.state, order.amount, order.filled, order.cost) == (state, D("0.002"), D("0.001"), D(50))


@pytest.mark.parametrize("name", NAMES)
def test_a_full_order_is_filled(name: str) -> None:
    """Whatever else is said of it, but that it is open."""
    market, raw, field = NAMES[name]
    whole = {"accFillSz", "cumExecQty", "vol_exec", "filled_size", "filled_qty", "executedQty"}
    full = {key: "0.002" if key in whole else value for key, value in raw.items()}
    assert shown(name, {**full, field: "pending_cancel"}, market).state is OrderState.FILLED


def test_what_a_market_order_is_to_pay_is_not_paid() -> None:
    """Of 100 USDT 37 were spent when OKX gave the rest up; Kraken writes the amount of the quote asset as the order's."""
    bought = {**OKX, "ordType": "market", "tgtCcy": "quote_ccy", "sz": "100", "px": "", "accFillSz": "0.00074"}
    order = shown("okx", {**bought, "state": "canceled"}, "BTC-USDT")
    assert (order.state, order.amount, order.filled, order.cost) == (CANCELLED, None, D("0.00074"), D(37))
    descr = {**KRAKEN["descr"], "ordertype": "market"}  # type: ignore[dict-item]
    bought = {**KRAKEN, "oflags": "viqc,fciq", "vol": "100", "status": "closed", "descr": descr}
    order = shown("kraken", bought, "XBTUSDT")
    assert (order.state, order.amount, order.filled) == (OrderState.FILLED, None, D("0.001"))


def test_the_rest_of_a_market_order_may_be_too_little_to_trade() -> None:
    """Bybit says that it was cancelled; all that could be bought for the money was."""
    bought = {**BYBIT, "orderType": "Market", "marketUnit": "quoteCoin", "qty": "50.00004", "price": "0"}
    assert shown("bybit", {**bought, "orderStatus": "PartiallyFilledCanceled"}, "BTCUSDT").state is OrderState.FILLED


TRADE = {
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderId": "1",
    "execTime": "1672282722429",
    "feeRate": "0.001",
    "isMaker": False,
    "execId": "e0cb",
    "execPrice": "50000",
    "execQty": "0.1",
    "execType": "Trade",
    "category": "spot",
}


@pytest.mark.parametrize(
    ("fee", "asset", "expected"),
    [("0.0001", "BTC", "BTC"), ("0.3", "MNT", "MNT"), ("-0.1", "USDT", "USDT"), ("0.0001", "", "BTC")],
)
def test_a_fee_is_of_the_asset_that_it_was_paid_in(fee: str, asset: str, expected: str) -> None:
    """That may be a third one."""
    made = there("bybit", "BTCUSDT")
    trade = made.bridge.parse_trade({**TRADE, "execFee": fee, "feeCurrency": asset}, made.bridge.market(SYMBOL))
    fill = reading.fill(made.ways.traded(trade))
    assert fill is not None
    assert (fill.fee, fill.fee_asset) == (D(fee), expected)


@pytest.mark.parametrize(("fee", "gt", "paid"), [("0", "0.02", ("0.02", "GT")), ("0.0003", "0", ("0.0003", "BTC"))])
def test_a_fee_is_what_was_paid_where_several_assets_are_named(fee: str, gt: str, paid: tuple[str, str]) -> None:
    """Gate names each asset that could pay it, and 0 of those that did not."""
    made = there("gate", "BTC_USDT")
    said = {"id": "1", "create_time_ms": "1548000000123.456", "currency_pair": "BTC_USDT", "side": "buy"}
    said |= {"role": "taker", "amount": "0.15", "price": "5000", "order_id": "9", "fee": fee, "fee_currency": "BTC"}
    fill = reading.fill(made.bridge.parse_trade(said | {"gt_fee": gt, "point_fee": "0"}))
    assert fill is not None
    assert (fill.fee, fill.fee_asset) == (D(paid[0]), paid[1])


def bybit_page(asked: Mapping[str, Any]) -> Any:
    first = int(asked.get("cursor", 0))
    rows = [
        {"symbol": "BTCUSDT", "execId": f"{n}", "orderId": "1", "side": "Buy", "execTime": AT, "execPrice": "1"}
        | {"execQty": "1", "execFee": "0.1", "execType": "Trade"}
        for n in range(MANY, 0, -1)
    ][first : first + 50]
    return {"retCode": 0, "result": {"list": rows, "nextPageCursor": str(first + 50)}}


def okx_page(asked: Mapping[str, Any]) -> Any:
    newest = int(asked.get("after", MANY + 1)) - 1
    rows = [
        {
            "instId": "BTC-USDT",
            "billId": f"{n}",
            "tradeId": f"{n}",
            "ordId": "1",
            "side": "buy",
            "ts": AT,
            "fillPx": "1",
        }
        | {"fillSz": "1", "fee": "-0.1", "feeCcy": "USDT", "instType": "SPOT"}
        for n in range(newest, 0, -1)
    ][:100]
    return {"code": "0", "data": rows}


def coinbase_page(asked: Mapping[str, Any]) -> Any:
    first = int(asked.get("cursor", 0))
    rows = [
        {"entry_id": f"{n}", "trade_id": f"{n}", "order_id": "1", "product_id": "BTC-USDT", "side": "BUY", "price": "1"}
        | {"size": "1", "commission": "0.1", "trade_time": "2023-11-14T22:13:20Z", "trade_type": "FILL"}
        for n in range(MANY, 0, -1)
    ][first : first + 100]
    return {"fills": rows, "cursor": str(first + 100)}


AT, MANY = "1700000000000", 230
PAGES = {
    "bybit": ("privateGetV5ExecutionList", "BTCUSDT", bybit_page),
    "okx": ("privateGetTradeFillsHistory", "BTC-USDT", okx_page),
    "coinbase": ("v3PrivateGetBrokerageOrdersHistoricalFills", "BTC-USDT", coinbase_page),
}


@pytest.mark.parametrize("name", PAGES)
async def test_more_trades_of_one_instant_than_a_page_holds_are_all_read(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A large order is filled by many at once, and by their time alone the next page can't be told from this one."""
    method, market, answer = PAGES[name]
    made = there(name, market)

    async def page(asked: Mapping[str, Any]) -> Any:
        return answer(asked)

    async def unified(*_: Any, **__: Any) -> tuple[bool, bool]:
        return False, True

    monkeypatch.setattr(made.bridge, method, page, raising=False)
    monkeypatch.setattr(made.bridge, "is_unified_enabled", unified, raising=False)

    class Said:
        async def ccxt(self, wire: Any, what: str, read: str, *given: Any) -> Any:
            return await getattr(made.bridge, read)(*given)

    monkeypatch.setattr(Connector, "at", made)
    monkeypatch.setattr(Connector, "talk", Said())
    found: dict[tuple[str, str, str], Fill] = {}
    since = datetime.fromtimestamp(int(AT) / 1000, UTC)
    await Connector(name)._page(None, SYMBOL, since, None, found)  # type: ignore[arg-type]
    assert len(found) == MANY
