"""The market of the stand-in for Binance: candles that come in by a clock, and what a person can do to both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
from aiohttp import web

from connectors.exchange import twin as binance
from connectors.exchange.candles import Series
from connectors.exchange.twin_world import Replay
from tests.connectors.exchange.exchange import SERIES, Place, code
from tests.connectors.exchange.made import MINUTE, T0, order


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}") as client:
        yield client
    await runner.cleanup()


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
    series = [list(app[binance.WORLD].replays["BTCUSDT"].series.candles) for app in made]
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


async def test_candles_are_dated_by_the_clock_of_the_exchange_not_of_their_file() -> None:
    """So that who reads the newest of them finds some: the first has closed just now, the others close when they are due."""
    clock = [T0 + timedelta(days=400, seconds=20)]
    just_now = T0 + timedelta(days=400)
    async with served(binance.twin(lambda: clock[0], (Replay(binance.USUAL, SERIES),), known=1)) as client:
        for waited in (0, 39, 40, 100):
            clock[0] = just_now + timedelta(seconds=20 + waited)
            rows = (await client.get("/api/v3/klines?symbol=BTCUSDT&interval=1m")).json()
            minutes = int((20 + waited) // 60)
            dates = [just_now + timedelta(minutes=number) for number in range(-1, minutes + 1)]
            assert [row[0] for row in rows] == [int(at.timestamp() * 1000) for at in dates]
            assert [row[4] for row in rows[:-1]] == [f"{one.close}.00000000" for one in SERIES.candles[: minutes + 1]]


async def test_a_market_in_a_hurry_has_shorter_candles() -> None:
    """At thirty minutes a second each second's candle is made of thirty, and does not change once it has closed."""
    clock = [T0 + timedelta(milliseconds=300)]
    app = binance.twin(lambda: clock[0], (Replay(binance.USUAL, SERIES),), known=50, speed=1800)
    closed: list[list[object]] = []
    async with served(app) as client:
        for tenths in range(60):
            clock[0] = T0 + timedelta(milliseconds=300 + 100 * tenths)
            since = int(T0.timestamp() * 1000)
            rows = (await client.get(f"/api/v3/klines?symbol=BTCUSDT&interval=1s&startTime={since}")).json()
            assert rows[: len(closed)] == closed
            closed = [row for row in rows if row[6] < clock[0].timestamp() * 1000]
        assert (await client.get("/api/v3/klines?symbol=BTCUSDT&interval=8h")).json()[-1][4] == "50200.00000000"
    assert len(closed) == 6
    for second, row in enumerate(closed[:5]):
        few = SERIES.candles[50 + 30 * second : 80 + 30 * second]
        assert row[0] == int(T0.timestamp() * 1000) + 1000 * second
        assert [float(str(price)) for price in row[1:5]] == [
            few[0].open,
            max(one.high for one in few),
            min(one.low for one in few),
            few[-1].close,
        ]


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
