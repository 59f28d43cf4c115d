"""A stand-in for Binance Spot's REST API: the same paths, signatures, errors, limits and habits.

Its market is played back from candles, and its orders are filled by the one matching engine. From
github.com/binance/binance-spot-api-docs (rest-api.md, errors.md, filters.md, of 2026-07-17).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiohttp import web

from connectors.exchange import twin_account, twin_inspect, twin_market, twin_orders
from connectors.exchange.candles import read, ticked
from connectors.exchange.twin_asked import WORLD
from connectors.exchange.twin_inspect import add_key
from connectors.exchange.twin_limits import limits
from connectors.exchange.twin_walk import walk
from connectors.exchange.twin_world import ApiError, Now, Replay, World
from connectors.market import Filters, Market

__all__ = ["FAULTS", "HANDLE", "WORLD", "add_account", "add_key", "posts", "replay", "twin"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
HANDLE = "brand"  #: of the sandbox's account
RICH = {"USDT": Decimal(100_000), "BTC": Decimal(5)}
USUAL = Market(
    "BTC/USDT",
    "BTCUSDT",
    "BTC",
    "USDT",
    Filters(
        tick=Decimal("0.01"),
        lot=Decimal("0.00001"),
        min_amount=Decimal("0.00001"),
        max_amount=Decimal(9000),
        min_notional=Decimal(5),
        max_notional=Decimal(9_000_000),
        lowest=Decimal("0.2"),
        highest=Decimal(5),
    ),
    maker=Decimal("0.001"),
    taker=Decimal("0.001"),
    pairs=True,
)
HISTORY, FUTURE = 1000, 10_000  #: minutes of the market that is there when no candles are given
DEAR = 100  #: prices from here on have ticks of a hundredth, as against dollars
UNKNOWN = "Unknown error, please check your request or try again later."
TIMEOUT = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."


def twin(now: Now, replays: tuple[Replay, ...] = (), *, known: int = HISTORY, speed: float = 1.0) -> web.Application:
    """Binance, with nobody on it yet; without ``replays`` it has one market that nobody else ever traded on."""
    app = web.Application(middlewares=[limits, _protocol])
    world = app[WORLD] = World(now, speed=speed)
    begins = now() - timedelta(minutes=HISTORY)
    usual = Replay(USUAL, walk(Decimal(50_000), HISTORY + FUTURE, begins.replace(second=0, microsecond=0)))
    world.open(replays or (usual,), known=known)
    for few in (twin_market, twin_orders, twin_account, twin_inspect):
        few.routes(app)
    return app


def replay(symbol: str, path: Path) -> Replay:
    """A market that goes through a file of candles, with filters such as Binance has for prices like these.

    Raises:
        CandlesError: the file can't be used.
        ValueError: ``symbol`` is not written like ``BTC/USDT``.
    """
    base, _, quote = symbol.partition("/")
    if not (base.isalnum() and quote.isalnum() and symbol == symbol.upper()):
        raise ValueError(f"{symbol!r} is no symbol; write it like BTC/USDT")
    series = read(path, gaps=True)
    price = series.candles[0].close
    dear = price >= DEAR
    tick = Decimal("0.01") if dear else Decimal("0.00001")
    filters = replace(
        USUAL.filters,
        tick=tick,
        lot=USUAL.filters.lot if dear else Decimal("0.0001"),
        min_amount=USUAL.filters.min_amount if dear else Decimal("0.0001"),
        min_notional=Decimal(5) if dear else Decimal("0.0001"),
    )
    market = replace(USUAL, symbol=symbol, id=base + quote, base=base, quote=quote, filters=filters)
    return Replay(market, replace(series, candles=ticked(series.candles, tick)))


def add_account(app: web.Application, handle: str, balances: Mapping[str, Decimal] | None = None) -> dict[str, str]:
    """Give someone an account; returns a key that may read and trade."""
    world = app[WORLD]
    rich = {asset: Decimal(1000) for one in world.replays.values() for asset in (one.market.base, one.market.quote)}
    return add_key(world, world.join(handle, dict(balances if balances is not None else rich | RICH)))


def posts(app: web.Application) -> list[dict[str, Any]]:
    """Every order that was ever placed."""
    return twin_inspect.orders(app[WORLD])


def _throttled() -> web.Response:
    return ApiError(-1003, "Too much request weight used; please use WebSocket Streams.", 429, wait=1).answer


def _unknown() -> web.Response:
    return web.json_response({"code": 0, "msg": UNKNOWN}, status=503)


def _timeout() -> web.Response:
    return ApiError(-1007, TIMEOUT, 504).answer


#: what the sandbox's faults look like here
FAULTS: Mapping[str, Callable[[], web.Response]] = {
    "throttle": _throttled,
    "reject": lambda: ApiError(-2010, "Account has insufficient balance for requested action.").answer,
    "unknown-before": _unknown,
    "unknown-after": _unknown,
    "timeout-before": _timeout,
    "timeout-after": _timeout,
}


@web.middleware
async def _protocol(request: web.Request, handler: Handler) -> web.StreamResponse:
    request.app[WORLD].catch_up()
    return await handler(request)
