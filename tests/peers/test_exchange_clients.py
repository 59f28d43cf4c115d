"""The exchange of the sandbox as clients that others wrote see it: unmodified, but for the address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from automator.sandbox.server import Sandbox

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
async def exchange(tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """An account, on a market that stands still."""
    box = Sandbox(tmp_path, only=frozenset({"binance"}), speed=0)
    yield (await box.start())["binance/brand"]
    await box.stop()


async def moved(exchange: dict[str, Any], minutes: int) -> None:
    """The market goes on."""
    async with httpx.AsyncClient(base_url=exchange["base_url"]) as client:
        (await client.post("/inspect/advance", json={"seconds": 60 * minutes})).raise_for_status()


def ccxt_client(exchange: dict[str, Any], **keys: str) -> Any:
    """Stock ccxt; every address of its own is replaced, so that nothing can leave."""
    from ccxt.async_support import binance  # noqa: PLC0415 - in continuous integration only

    client = binance({"apiKey": exchange["secrets"]["api_key"], "secret": exchange["secrets"]["secret"], **keys})
    paths = {"public": "/api/v3", "private": "/api/v3", "v1": "/api/v1", "sapi": "/sapi/v1"}
    here = exchange["base_url"]
    client.urls["api"] = {name: here + paths.get(name, f"/none/{name}") for name in client.urls["api"]}
    client.options |= {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}
    client.has["fetchCurrencies"] = False
    return client


async def test_ccxt_trades_on_it(exchange: dict[str, Any]) -> None:
    """Markets, prices, candles, book, orders placed, found, cancelled and filled, trades, balances, faults."""
    import ccxt  # noqa: PLC0415 - in continuous integration only

    client = ccxt_client(exchange)
    try:
        market = (await client.load_markets())["BTC/USDT"]
        assert market["precision"] == {**market["precision"], "price": 0.01, "amount": 0.00001}
        assert market["limits"]["cost"]["min"] == 5
        last = (await client.fetch_ticker("BTC/USDT"))["last"]
        candles = await client.fetch_ohlcv("BTC/USDT", "1m", limit=3)
        assert [row[4] for row in candles[-2:]] == [last, last]
        assert candles[-1][0] - candles[-2][0] == 60_000
        assert len(await client.fetch_ohlcv("BTC/USDT", "15m", limit=10)) == 10
        book = await client.fetch_order_book("BTC/USDT", 5)
        assert book["bids"][0][0] < last < book["asks"][0][0]

        bought = await client.create_order("BTC/USDT", "market", "buy", 0.01, params={"clientOrderId": "one"})
        assert (bought["status"], bought["filled"], bought["average"]) == ("closed", 0.01, last)
        assert (await client.fetch_order(None, "BTC/USDT", {"clientOrderId": "one"}))["id"] == bought["id"]
        spent = await client.create_order("BTC/USDT", "market", "buy", None, params={"quoteOrderQty": 100})
        assert 0 < spent["cost"] <= 100

        low = await client.create_order(
            "BTC/USDT", "limit", "buy", 0.01, round(last * 0.9, 2), {"clientOrderId": "low"}
        )
        assert [order["clientOrderId"] for order in await client.fetch_open_orders("BTC/USDT")] == ["low"]
        assert (await client.fetch_balance())["USDT"]["used"] == pytest.approx(0.01 * round(last * 0.9, 2))
        with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent"):
            await client.create_order("BTC/USDT", "limit", "buy", 0.01, round(last * 0.9, 2), {"clientOrderId": "low"})
        assert (await client.cancel_order(low["id"], "BTC/USDT"))["status"] == "canceled"
        with pytest.raises(ccxt.OrderNotFound):
            await client.cancel_order(low["id"], "BTC/USDT")
        with pytest.raises(ccxt.InsufficientFunds):
            await client.create_order("BTC/USDT", "market", "buy", 50)
        with pytest.raises(ccxt.OrderImmediatelyFillable):
            await client.create_order("BTC/USDT", "limit", "buy", 0.01, last + 100, {"postOnly": True})

        near = await client.create_order("BTC/USDT", "limit", "sell", 0.01, round(last + 5, 2))
        stop = await client.create_order("BTC/USDT", "market", "sell", 0.01, None, {"stopLossPrice": last - 5})
        await moved(exchange, 600)
        states = {order["id"]: order["status"] for order in await client.fetch_orders("BTC/USDT")}
        assert (states[near["id"]], states[stop["id"]]) == ("closed", "closed")
        trades = await client.fetch_my_trades("BTC/USDT")
        assert {trade["order"] for trade in trades} == {one["id"] for one in (bought, spent, near, stop)}
        maker = {trade["order"]: trade["takerOrMaker"] for trade in trades}
        assert (maker[near["id"]], maker[stop["id"]]) == ("maker", "taker")
        assert (await client.sapi_get_account_apirestrictions())["enableWithdrawals"] is False
    finally:
        await client.close()


async def test_ccxt_trades_with_an_ed25519_key(exchange: dict[str, Any]) -> None:
    """The kind of key that Binance recommends; ``+`` and ``/`` of its signatures are percent-encoded."""
    async with httpx.AsyncClient(base_url=exchange["base_url"]) as plain:
        said = {"handle": "brand", "kind": "ed25519", "trade": True}
        secrets = (await plain.post("/inspect/account", json=said)).json()
    client = ccxt_client({**exchange, "secrets": secrets})
    try:
        for number in range(20):
            placed = await client.create_order("BTC/USDT", "limit", "buy", 0.001, 40_000 + number)
            assert placed["status"] == "open"
        assert len(await client.fetch_open_orders("BTC/USDT")) == 20
    finally:
        await client.close()


async def test_python_binance_trades_on_it(exchange: dict[str, Any]) -> None:
    """The same with the client that most people use, OCO and the replacing of an order included."""
    from binance import AsyncClient  # noqa: PLC0415 - in continuous integration only
    from binance.exceptions import BinanceAPIException  # noqa: PLC0415 - as above

    secrets = exchange["secrets"]
    client = AsyncClient(secrets["api_key"], secrets["secret"])
    client.API_URL, client.MARGIN_API_URL = f"{exchange['base_url']}/api", f"{exchange['base_url']}/sapi"
    try:
        assert await client.ping() == {}
        info = await client.get_symbol_info("BTCUSDT")
        assert info["status"] == "TRADING"
        last = float((await client.get_symbol_ticker(symbol="BTCUSDT"))["price"])
        assert (await client.get_klines(symbol="BTCUSDT", interval="1m", limit=2))[-1][4] == f"{last:.8f}"
        assert await client.create_test_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01") == {}
        bought = await client.order_market_buy(symbol="BTCUSDT", quantity="0.02")
        assert (bought["status"], bought["fills"][0]["commission"]) == ("FILLED", "0.00002000")
        with pytest.raises(BinanceAPIException, match="Filter failure: LOT_SIZE"):
            await client.order_market_buy(symbol="BTCUSDT", quantity="0.000001")

        pair = await client.create_oco_order(
            symbol="BTCUSDT", side="SELL", quantity="0.02", aboveType="LIMIT_MAKER", abovePrice=f"{last + 5:.2f}",
            belowType="STOP_LOSS_LIMIT", belowStopPrice=f"{last * 0.8:.2f}", belowPrice=f"{last * 0.79:.2f}",
            belowTimeInForce="GTC",
        )  # fmt: skip
        assert [report["status"] for report in pair["orderReports"]] == ["NEW", "NEW"]
        assert len({report["orderListId"] for report in pair["orderReports"]}) == 1
        held = await client.get_asset_balance("BTC")
        assert float(held["locked"]) == 0.02
        await moved(exchange, 600)
        ends = {one["type"]: one["status"] for one in await client.get_all_orders(symbol="BTCUSDT")}
        assert (ends["LIMIT_MAKER"], ends["STOP_LOSS_LIMIT"]) == ("FILLED", "EXPIRED")
        assert len(await client.get_my_trades(symbol="BTCUSDT")) == 2

        rests = await client.order_limit_buy(symbol="BTCUSDT", quantity="0.02", price=f"{last * 0.5:.2f}")
        smaller = {"symbol": "BTCUSDT", "orderId": rests["orderId"], "newQty": "0.01"}
        amended = await client._request_api("put", "order/amend/keepPriority", signed=True, version="v3", data=smaller)
        assert amended["amendedOrder"]["qty"] == "0.01000000"
        with pytest.raises(BinanceAPIException, match="Not all sent parameters were read"):
            await client.create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01", wish="1")
        await client.cancel_order(symbol="BTCUSDT", orderId=rests["orderId"])
        stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.01"}
        stops = [await client.create_order(**stop, stopPrice=f"{last * 0.4:.2f}") for _ in range(5)]
        with pytest.raises(BinanceAPIException, match="MAX_NUM_ALGO_ORDERS"):
            await client.create_order(**stop, stopPrice=f"{last * 0.4:.2f}")
        for one in stops:
            await client.cancel_order(symbol="BTCUSDT", orderId=one["orderId"])

        old = await client.order_limit_buy(symbol="BTCUSDT", quantity="0.01", price=f"{last * 0.7:.2f}")
        changed = await client.cancel_replace_order(
            symbol="BTCUSDT", side="BUY", type="LIMIT", cancelReplaceMode="STOP_ON_FAILURE", timeInForce="GTC",
            quantity="0.01", price=f"{last * 0.6:.2f}", cancelOrderId=old["orderId"],
        )  # fmt: skip
        assert (changed["cancelResult"], changed["newOrderResult"]) == ("SUCCESS", "SUCCESS")
        (left,) = await client.get_open_orders(symbol="BTCUSDT")
        assert left["orderId"] == changed["newOrderResponse"]["orderId"]
        await client.cancel_order(symbol="BTCUSDT", orderId=left["orderId"])
        assert (await client.get_account_api_permissions())["enableSpotAndMarginTrading"] is True
    finally:
        await client.close_connection()


async def test_ccxt_trades_stocks_on_it(tmp_path: Path) -> None:
    """The stand-in for Alpaca as ccxt's client of the same API sees it; the market, which ccxt does not load, is told."""
    import ccxt  # noqa: PLC0415 - in continuous integration only
    from ccxt.async_support import alpaca  # noqa: PLC0415 - as above

    box = Sandbox(tmp_path, only=frozenset({"alpaca-stocks"}), speed=0)
    there = (await box.start())["alpaca-stocks/brand"]
    client = alpaca({"apiKey": there["secrets"]["api_key"], "secret": there["secrets"]["secret"]})
    client.urls["api"] = dict.fromkeys(client.urls["api"], there["base_url"])
    names = {"id": "AAPL", "symbol": "AAPL/USD", "baseId": "AAPL", "base": "AAPL", "quoteId": "USD", "quote": "USD"}
    form = {"spot": True, "type": "spot", "active": True, "precision": {"price": 0.01, "amount": 1e-9}}
    client.set_markets([{**names, **form, "limits": {"amount": {}, "price": {}, "cost": {}}}])
    try:
        said = {"clientOrderId": "one", "timeInForce": "day"}
        bought = await client.create_order("AAPL/USD", "market", "buy", 2, None, said)
        assert (bought["status"], bought["filled"], bought["clientOrderId"]) == ("closed", 2, "one")
        low = await client.create_order("AAPL/USD", "limit", "buy", 1, 50, {"clientOrderId": "low"})
        assert [order["clientOrderId"] for order in await client.fetch_open_orders("AAPL/USD")] == ["low"]
        with pytest.raises(ccxt.BadRequest, match="client_order_id must be unique"):
            await client.create_order("AAPL/USD", "limit", "buy", 1, 50, {"clientOrderId": "one"})
        await client.cancel_order(low["id"])
        assert (await client.fetch_order(low["id"]))["status"] == "canceled"
        with pytest.raises(ccxt.BaseError, match="insufficient buying power"):
            await client.create_order("AAPL/USD", "market", "buy", 50_000, None, {"timeInForce": "day"})
        trades = await client.fetch_my_trades("AAPL/USD")
        assert [(trade["order"], trade["amount"], trade["side"]) for trade in trades] == [(bought["id"], 2, "buy")]
        spent = bought["cost"] or bought["filled"] * bought["average"]
        assert (await client.fetch_balance())["USD"]["free"] == pytest.approx(100_000 - spent)
    finally:
        await client.close()
        await box.stop()
