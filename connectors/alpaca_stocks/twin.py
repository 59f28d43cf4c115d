"""A stand-in for Alpaca's Trading API and its data of stocks: the same paths, keys, errors, limits and habits.

Its market is played back from candles, and its orders are filled by the one matching engine. From Alpaca's published
specifications, its documentation, and its own list of common errors. Its accounts hold cash and can't sell short.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from connectors.alpaca_stocks import twin_orders, twin_shape
from connectors.alpaca_stocks.reading import PART, TICK
from connectors.alpaca_stocks.twin_orders import MEMBER
from connectors.alpaca_stocks.twin_world import WORLD, ApiError, Street
from connectors.exchange.candles import Series, ticked
from connectors.exchange.twin_walk import walk
from connectors.exchange.twin_world import LONG_AGO, Key, Now, Replay, made_key
from connectors.market import Candle, Filters, Market

__all__ = ["FAULTS", "HANDLE", "WORLD", "add_account", "posts", "twin"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HANDLE = "brand"  #: of the sandbox's account
RICH = {"USD": Decimal(100_000)}
FILTERS = Filters(tick=TICK, lot=Decimal(1), market_lot=PART)
USUAL = Market("AAPL/USD", "AAPL", "AAPL", "USD", FILTERS)
HISTORY, FUTURE = 1000, 10_000  #: minutes of the market that is there when no candles are given
MINUTE = 60
LONGEST = timedelta(days=365)  #: how far back candles go
FRAMES = {"Min": timedelta(minutes=1), "T": timedelta(minutes=1), "Hour": timedelta(hours=1), "H": timedelta(hours=1)}
FRAMES |= {"Day": timedelta(days=1), "D": timedelta(days=1)}


def twin(now: Now, replays: tuple[Replay, ...] = (), *, known: int = HISTORY, speed: float = 1.0) -> web.Application:
    """Alpaca, with nobody on it yet; of ``replays`` it has those in dollars, and without any one made-up stock."""
    app = web.Application(middlewares=[_protocol])
    world = app[WORLD] = Street(now, speed=speed)
    begins = (now() - timedelta(minutes=HISTORY)).replace(second=0, microsecond=0)
    usual = Replay(USUAL, walk(Decimal(200), HISTORY + FUTURE, begins))
    stocks = tuple(
        Replay(_stock(one.market), _in_cents(one.series)) for one in replays if one.market.quote == USUAL.quote
    )
    world.open(stocks or (usual,), known=known if stocks else HISTORY)
    twin_orders.routes(app)
    router = app.router
    router.add_get("/v2/account", _account)
    router.add_get("/v2/clock", _clock)
    router.add_get("/v2/assets", _assets)
    router.add_get("/v2/assets/{symbol}", _asset)
    router.add_get("/v2/positions", _positions)
    router.add_get("/v2/stocks/{symbol}/snapshot", _snapshot)
    router.add_get("/v2/stocks/{symbol}/quotes/latest", _quote)
    router.add_get("/v2/stocks/quotes/latest", _quotes)
    router.add_get("/v2/stocks/{symbol}/bars", _bars)
    router.add_get("/v2/stocks/bars", _bars_of_many)
    router.add_get("/inspect/orders", _inspect)
    router.add_post("/inspect/advance", _advance)
    router.add_post("/inspect/close", _close)
    return app


def _stock(market: Market) -> Market:
    return replace(market, id=market.base, filters=FILTERS, maker=Decimal(0), taker=Decimal(0))


def _in_cents(series: Series) -> Series:
    return replace(series, candles=ticked(series.candles, TICK))


def add_account(app: web.Application, handle: str, balances: Mapping[str, Decimal] | None = None) -> dict[str, str]:
    """Give someone an account; returns its key."""
    world = app[WORLD]
    member = world.join(handle, dict(RICH if balances is None else balances))
    key, secret = made_key()
    world.keys[key.name] = (member, key)
    return {"api_key": key.name, "secret": secret}


def posts(app: web.Application) -> list[dict[str, Any]]:
    """Every order that was ever placed, oldest first, with its trades."""
    world = app[WORLD]
    found = []
    for one in world.placed.values():
        fills = one.resting.fills if one.resting is not None else []
        trades = [twin_shape.activity(fill, one, fill.amount) for fill in fills]
        found.append({"account": one.member.handle, **twin_shape.order(one), "fills": trades})
    return found


#: what the sandbox's faults look like here
FAULTS: Mapping[str, Callable[[], web.Response]] = {
    "throttle": lambda: web.json_response({"message": "too many requests."}, status=429),
    "error-after": lambda: web.json_response({"code": 50010000, "message": "internal server error"}, status=500),
}


@web.middleware
async def _protocol(request: web.Request, handler: Handler) -> web.StreamResponse:
    world = request.app[WORLD]
    world.catch_up()
    if request.path.startswith("/inspect/"):
        return await handler(request)
    name, secret = (request.headers.get(f"APCA-API-{part}", "") for part in ("KEY-ID", "SECRET-KEY"))
    member, key = world.keys.get(name, (None, Key("")))
    if member is None or not hmac.compare_digest(key.secret.encode(), secret.encode()):
        return web.json_response({"code": 40110000, "message": "request is not authorized"}, status=401)
    request[MEMBER] = member
    now = int(world.clock().timestamp())
    ends, used = world.counted.get(member.number, (0, 0))
    ends, used = (ends, used + 1) if ends > now else ((now // MINUTE + 1) * MINUTE, 1)
    world.counted[member.number] = (ends, used)
    try:
        answer = FAULTS["throttle"]() if used > world.calls else await handler(request)
    except ApiError as error:
        answer = web.json_response(error.body, status=error.status)
    left = {"Limit": world.calls, "Remaining": max(0, world.calls - used), "Reset": ends}
    answer.headers.update({f"X-RateLimit-{name}": str(value) for name, value in left.items()})
    return answer


async def _account(request: web.Request) -> web.Response:
    return web.json_response(twin_shape.account(request[MEMBER], request.app[WORLD]))


async def _positions(request: web.Request) -> web.Response:
    return web.json_response(twin_shape.positions(request[MEMBER], request.app[WORLD]))


async def _clock(request: web.Request) -> web.Response:
    return web.json_response(twin_shape.clock(request.app[WORLD]))


async def _assets(request: web.Request) -> web.Response:
    wanted = request.query.get("asset_class", "us_equity")
    replays = request.app[WORLD].replays.values() if wanted == "us_equity" else ()
    return web.json_response([twin_shape.asset(replay) for replay in replays])


async def _asset(request: web.Request) -> web.Response:
    replay = request.app[WORLD].replays.get(request.match_info["symbol"])
    if replay is None:
        raise ApiError(404, 40410000, f"asset not found for {request.match_info['symbol']}")
    return web.json_response(twin_shape.asset(replay))


def _replay(request: web.Request, name: str) -> Replay:
    found: Replay | None = request.app[WORLD].replays.get(name)
    if found is None:
        raise ApiError(400, 40010001, f"invalid symbol: {name}")
    return found


async def _snapshot(request: web.Request) -> web.Response:
    replay, at = _replay(request, request.match_info["symbol"]), request.app[WORLD].clock()
    last = replay.series.candles[replay.fed - 1]
    minute = twin_shape.bar(replace(last, at=request.app[WORLD].shown(replay, last.at)))
    said = {"latestTrade": twin_shape.traded(replay, at), "latestQuote": twin_shape.quoted(replay, at)}
    return web.json_response({"symbol": replay.market.id, **said, "minuteBar": minute})


async def _quote(request: web.Request) -> web.Response:
    replay = _replay(request, request.match_info["symbol"])
    return web.json_response(
        {"symbol": replay.market.id, "quote": twin_shape.quoted(replay, request.app[WORLD].clock())}
    )


async def _quotes(request: web.Request) -> web.Response:
    at, names = request.app[WORLD].clock(), request.query.get("symbols", "").split(",")
    return web.json_response({"quotes": {name: twin_shape.quoted(_replay(request, name), at) for name in names}})


async def _bars(request: web.Request) -> web.Response:
    name = request.match_info["symbol"]
    return web.json_response({"symbol": name, "bars": _found(request, name), "next_page_token": None})


async def _bars_of_many(request: web.Request) -> web.Response:
    names = request.query.get("symbols", "").split(",")
    return web.json_response({"bars": {name: _found(request, name) for name in names}, "next_page_token": None})


def _found(request: web.Request, name: str) -> list[dict[str, Any]]:
    replay, query = _replay(request, name), request.query
    frame = query.get("timeframe", "")
    digits = frame[: len(frame) - len(frame.lstrip("0123456789"))]
    if not digits or frame[len(digits) :] not in FRAMES:
        raise ApiError(400, 40010001, f"invalid timeframe: {frame}")
    every = int(digits) * FRAMES[frame[len(digits) :]]
    world = request.app[WORLD]
    begin = max(_edge(query.get("start"), LONG_AGO), world.clock() - LONGEST)
    end = _edge(query.get("end"), world.clock())
    first = replay.since(world.own(replay, begin))
    few = [replace(one, at=world.shown(replay, one.at)) for one in replay.series.candles[first : replay.fed]]
    bars = [one for one in _longer(few, every) if begin <= one.at <= end]
    if query.get("sort") == "desc":
        bars.reverse()
    return [twin_shape.bar(one) for one in bars[: int(query.get("limit", "1000"))]]


def _edge(said: str | None, usual: datetime) -> datetime:
    if said is None:
        return usual
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise ApiError(400, 40010001, f"invalid time: {said}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _longer(candles: list[Candle], every: timedelta) -> list[Candle]:
    """Candles of this length, made of shorter ones; the last may not have ended."""
    found: list[Candle] = []
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    for one in candles:
        at = epoch + (one.at - epoch) // every * every
        if found and found[-1].at == at:
            before = found[-1]
            high, low = max(before.high, one.high), min(before.low, one.low)
            found[-1] = Candle(at, before.open, high, low, one.close, before.volume + one.volume)
        else:
            found.append(replace(one, at=at))
    return found


async def _inspect(request: web.Request) -> web.Response:
    return web.json_response(posts(request.app))


async def _advance(request: web.Request) -> web.Response:
    """``{"seconds": 60}``: the market moves on."""
    request.app[WORLD].advance(timedelta(seconds=float((await _said(request, "seconds"))["seconds"])))
    return web.json_response({"ok": True})


async def _close(request: web.Request) -> web.Response:
    """``{"seconds": 60}``: the market closes, for so long."""
    world = request.app[WORLD]
    world.close(world.clock() + timedelta(seconds=float((await _said(request, "seconds"))["seconds"])))
    return web.json_response({"ok": True})


async def _said(request: web.Request, name: str) -> dict[str, Any]:
    try:
        said = json.loads(await request.text())
    except ValueError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get(name), int | float):
        raise web.HTTPBadRequest(text=f"say it as a JSON object with the number {name}")
    return said
