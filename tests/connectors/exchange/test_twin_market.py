"""The market of the stand-in for Binance: candles that come in by a clock, and what a person can do to both."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from connectors.exchange import twin as binance
from connectors.exchange.candles import Series
from connectors.exchange.twin_world import Replay
from tests.connectors.exchange.exchange import SERIES, Place, code
from tests.connectors.exchange.made import MINUTE, T0, order


async def test_the_market_goes_on_by_the_clock(place: Place) -> None:
    """Candles come in when they have ended, fill what rests, and are shown only then."""
    placed = (await place.place(side="SELL", price="50112")).json()
    place.wait(seconds=60)
    assert (await place.client.get("/api/v3/ticker/price?symbol=BTCUSDT")).json()["price"] == "50101.00000000"
    place.wait(seconds=59)
    rows = (await place.client.get("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=2")).json()
    assert [row[4] for row in rows] == ["50101.00000000", "50101.00000000"]
    assert rows[1][0] == int(SERIES.candles[101].at.timestamp() * 1000)
    place.wait(seconds=61)
    shown = (await place.ask("GET", "/api/v3/order", symbol="BTCUSDT", orderId=placed["orderId"])).json()
    assert (shown["status"], shown["executedQty"]) == ("FILLED", "0.01000000")
    (trade,) = (await place.ask("GET", "/api/v3/myTrades", symbol="BTCUSDT")).json()
    assert (trade["isMaker"], trade["time"]) == (True, int(SERIES.candles[103].at.timestamp() * 1000))
    since = int(SERIES.candles[10].at.timestamp() * 1000)
    rows = (await place.client.get(f"/api/v3/klines?symbol=BTCUSDT&interval=5m&startTime={since}&limit=2")).json()
    assert [row[1:6] for row in rows] == [
        ["50010.00000000", "50024.00000000", "50000.00000000", "50015.00000000", "5000.00000000"],
        ["50015.00000000", "50029.00000000", "50005.00000000", "50020.00000000", "5000.00000000"],
    ]


async def test_a_market_that_is_halted_takes_no_orders(place: Place) -> None:
    """And says so to everybody."""
    await place.client.post("/inspect/market", json={"symbol": "BTCUSDT", "active": False})
    assert (await place.client.get("/api/v3/exchangeInfo?symbol=BTCUSDT")).json()["symbols"][0]["status"] == "HALT"
    assert code(await place.place()) == (400, -2010, "Market is closed.")
    await place.client.post("/inspect/market", json={"symbol": "BTCUSDT", "active": True})
    assert (await place.place()).status_code == 200


async def test_its_clock_can_be_wrong_and_its_market_hurried(place: Place) -> None:
    """What a test, or a person who tries bad days, needs to turn."""
    await place.client.post("/inspect/settings", json={"ahead": 30})
    assert code(await place.place())[1] == -1021
    ahead = (await place.client.get("/api/v3/time")).json()["serverTime"] - int(place.clock[0].timestamp() * 1000)
    assert ahead == 30_000
    await place.client.post("/inspect/settings", json={"ahead": 0})
    before = (await place.client.get("/inspect/time")).json()["candles"]["BTCUSDT"]
    after = (await place.client.post("/inspect/advance", json={"seconds": 600})).json()["candles"]["BTCUSDT"]
    assert after - before == 10
    for body in ({"seconds": -1}, {"minutes": 1}, [], {"seconds": "soon"}):
        assert (await place.client.post("/inspect/advance", json=body)).status_code == 400


def test_the_market_that_is_made_up_is_the_same_each_time() -> None:
    """What somebody saw in the sandbox, another one sees too."""
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    made = [binance.twin(lambda: begins) for _ in range(2)]
    series = [app[binance.WORLD].replays["BTCUSDT"].series.candles for app in made]
    assert series[0] == series[1]
    assert all(one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in series[0])
    assert begins == T0


async def test_markets_of_different_years_go_on_side_by_side() -> None:
    """Each in its own time, from its own first candles; those that end together come in together."""
    later = Series([replace(one, at=one.at + timedelta(days=1000)) for one in SERIES.candles], MINUTE)
    other = replace(binance.USUAL, symbol="ETH/USDT", id="ETHUSDT", base="ETH")
    clock = [T0]
    app = binance.twin(lambda: clock[0], (Replay(binance.USUAL, SERIES), Replay(other, later)), known=50)
    binance.add_account(app, "one")
    world = app[binance.WORLD]
    world.speed = 60
    for seconds, known in ((0, 50), (0.9, 50), (1, 51), (100, 150), (1000, 200)):
        clock[0] = T0 + timedelta(seconds=seconds)
        world.catch_up()
        assert [replay.fed for replay in world.replays.values()] == [known, known]
        prices = [world.members[0].paper.price(symbol) for symbol in ("BTC/USDT", "ETH/USDT")]
        assert prices == [SERIES.candles[known - 1].close] * 2


async def test_a_fill_is_dated_when_its_candle_ended_however_late_anybody_asks() -> None:
    """At sixty times the speed a market's minute is a second of the exchange's clock."""
    clock = [T0]
    app = binance.twin(lambda: clock[0], (Replay(binance.USUAL, SERIES),), known=50)
    binance.add_account(app, "one")
    world = app[binance.WORLD]
    world.speed = 60
    paper = world.members[0].paper
    paper.place(order("a", "sell", "limit", amount="0.01", price=50_064), T0)  # candle 54 is the first to touch it
    clock[0] = T0 + timedelta(seconds=20)
    world.catch_up()
    assert [fill.at for fill in paper.fills()] == [T0 + timedelta(seconds=5)]


async def test_somebody_elses_trade_fills_a_part(place: Place) -> None:
    """A test, or a curious person, decides at which price how much is to be had."""
    assert (await place.client.post("/inspect/settings", json={"share": "0.5"})).status_code == 200
    placed = (await place.place(quantity="0.02")).json()
    trade = {"symbol": "BTCUSDT", "price": "40000", "amount": "0.01"}
    assert (await place.client.post("/inspect/trade", json=trade)).status_code == 200
    query = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
    shown = (await place.ask("GET", "/api/v3/order", **query)).json()
    assert (shown["status"], shown["executedQty"]) == ("PARTIALLY_FILLED", "0.00500000")
    assert (await place.client.get("/api/v3/ticker/price?symbol=BTCUSDT")).json()["price"] == "40000.00000000"
    assert (await place.place(type="MARKET", quantity="0.01")).json()["status"] == "EXPIRED"  # nothing is left
    gone = (await place.ask("DELETE", "/api/v3/order", **query)).json()
    assert (gone["status"], gone["executedQty"]) == ("CANCELED", "0.00500000")
    place.wait(minutes=2)
    assert (await place.client.get("/api/v3/ticker/price?symbol=BTCUSDT")).json()["price"] == "50102.00000000"
    for wrong in ({"symbol": "NOPE", "price": "1"}, {"symbol": "BTCUSDT", "price": "NaN"}, {"symbol": "BTCUSDT"}):
        assert (await place.client.post("/inspect/trade", json=wrong)).status_code == 400
