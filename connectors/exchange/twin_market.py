"""What the stand-in for Binance shows everybody: its time, markets, prices, candles, order books."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from connectors.exchange.twin_asked import Asked, asked
from connectors.exchange.twin_limits import announced
from connectors.exchange.twin_shape import fixed, kline, market, millis
from connectors.exchange.twin_world import ApiError, Replay, World, floor
from connectors.market import Candle

INTERVALS = {f"{number}{unit}": timedelta(**{name: number}) for unit, name, numbers in (
    ("s", "seconds", (1,)), ("m", "minutes", (1, 3, 5, 15, 30)), ("h", "hours", (1, 2, 4, 6, 8, 12)),
    ("d", "days", (1, 3)), ("w", "weeks", (1,)),
) for number in numbers}  # fmt: skip
MOST = 1000
DEEPEST = 5000
INSTANT = timedelta(microseconds=1)  #: before its end a candle has not ended
RESTS = Decimal(1)  #: what the book shows at each price, in the base asset


def routes(app: web.Application) -> None:
    """Add them."""
    for path, handler in (
        ("ping", _ping),
        ("time", _time),
        ("exchangeInfo", _info),
        ("klines", _klines),
        ("depth", _depth),
        ("ticker/24hr", _day),
        ("ticker/price", _price),
        ("ticker/bookTicker", _book),
    ):
        app.router.add_get(f"/api/v3/{path}", handler)


async def _ping(_: web.Request) -> web.Response:
    return web.json_response({})


async def _time(request: web.Request) -> web.Response:
    return web.json_response({"serverTime": millis((await asked(request)).world.clock())})


async def _info(request: web.Request) -> web.Response:
    found = await asked(request)
    markets = [market(replay, found.world.resting) for replay in _chosen(found)]
    return web.json_response(
        {
            "timezone": "UTC",
            "serverTime": millis(found.world.clock()),
            "rateLimits": announced(found.world),
            "exchangeFilters": [],
            "symbols": markets,
        }
    )


async def _klines(request: web.Request) -> web.Response:
    found = await asked(request)
    replay, every = found.replay(), INTERVALS.get(found.text("interval"))
    if every is None:
        raise ApiError(-1120, "Invalid interval.")
    limit = min(found.whole("limit") or 500, MOST)
    since, until = found.instant("startTime"), found.instant("endTime")
    found_ones = [one for one in _joined(found.world, replay, every, since, limit) if until is None or one.at <= until]
    few = found_ones[:limit] if since else found_ones[-limit:]
    return web.json_response([kline(one, every) for one in few])


async def _depth(request: web.Request) -> web.Response:
    found = await asked(request)
    replay, size = found.replay(), min(found.whole("limit") or 100, DEEPEST)
    last, tick = replay.last, replay.market.filters.tick or Decimal("1e-8")
    bids = [[fixed(last - number * tick), fixed(RESTS)] for number in range(1, size + 1) if last > number * tick]
    asks = [[fixed(last + number * tick), fixed(RESTS)] for number in range(1, size + 1)]
    return web.json_response({"lastUpdateId": replay.fed, "bids": bids, "asks": asks})


async def _price(request: web.Request) -> web.Response:
    return await _each(request, lambda _, replay: {"symbol": replay.market.id, "price": fixed(replay.last)})


async def _book(request: web.Request) -> web.Response:
    return await _each(request, lambda _, replay: _best(replay))


async def _day(request: web.Request) -> web.Response:
    return await _each(request, _statistics)


async def _each(request: web.Request, show: Callable[[World, Replay], Any]) -> web.Response:
    """One object where one symbol is asked for, else a list."""
    found = await asked(request)
    shown = [show(found.world, replay) for replay in _chosen(found)]
    return web.json_response(shown[0] if "symbol" in found.given else shown)


def _chosen(found: Asked) -> list[Replay]:
    if "symbol" in found.given:
        return [found.replay()]
    if "symbols" in found.given:
        names = [part.strip().strip('"') for part in found.given["symbols"].strip("[]").split(",")]
        return [found.replay_of(name) for name in names]
    return list(found.world.replays.values())


def _best(replay: Replay) -> dict[str, str]:
    last, tick = replay.last, replay.market.filters.tick or Decimal("1e-8")
    return {
        "symbol": replay.market.id,
        "bidPrice": fixed(last - tick),
        "bidQty": fixed(RESTS),
        "askPrice": fixed(last + tick),
        "askQty": fixed(RESTS),
    }


def _statistics(world: World, replay: Replay) -> dict[str, Any]:
    """Of the last day of the market's own time."""
    few = replay.series.candles[replay.since(replay.end(replay.fed - 1) - timedelta(days=1)) : replay.fed]
    first, last, volume = few[0].open, replay.last, sum((one.volume for one in few), Decimal(0))
    turnover = sum((one.volume * one.close for one in few), Decimal(0))
    best = _best(replay)
    return {
        "symbol": best["symbol"],
        "priceChange": fixed(last - first),
        "priceChangePercent": f"{(last - first) * 100 / first:.3f}",
        "weightedAvgPrice": fixed(turnover / volume if volume else last),
        "prevClosePrice": fixed(first),
        "lastPrice": fixed(last),
        "lastQty": fixed(RESTS),
        **best,
        "openPrice": fixed(first),
        "highPrice": fixed(max(one.high for one in few)),
        "lowPrice": fixed(min(one.low for one in few)),
        "volume": fixed(volume),
        "quoteVolume": fixed(turnover),
        "openTime": millis(world.shown(replay, few[0].at)),
        "closeTime": millis(world.shown(replay, replay.end(replay.fed - 1))),
        "firstId": 0,
        "lastId": replay.fed,
        "count": len(few),
    }


def _joined(world: World, replay: Replay, every: timedelta, since: datetime | None, limit: int) -> list[Candle]:
    """Candles of another length by the exchange's clock, each made of those that end in it, and the one that began.

    What has ended never changes: a candle of the market's that ends later belongs to a later one.
    """
    own, span = replay.series.every, world.own_span(every)
    if span < own or span % own:
        raise ApiError(-1120, "Invalid interval.")
    if since is None:
        first = max(0, replay.fed - (limit + 1) * (span // own))
    else:
        first = replay.since(world.own(replay, since) - own)
    begun, last = replay.end(replay.fed - 1), replay.last
    known = [(world.shown(replay, one.at + own) - INSTANT, one) for one in replay.series.candles[first : replay.fed]]
    known.append((world.shown(replay, begun), Candle(begun, last, last, last, last, Decimal(0))))
    joined: list[Candle] = []
    for within, one in known:
        at = floor(within, every)
        if joined and joined[-1].at == at:
            before = joined.pop()
            high, low = max(before.high, one.high), min(before.low, one.low)
            joined.append(Candle(at, before.open, high, low, one.close, before.volume + one.volume))
        else:
            joined.append(Candle(at, one.open, one.high, one.low, one.close, one.volume))
    return [one for one in joined if since is None or one.at >= since]
