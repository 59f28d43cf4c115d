"""What requests weigh at the stand-in for Binance, and what happens to those who send too many (rest-api.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from aiohttp import web

from connectors.exchange.twin_asked import WORLD
from connectors.exchange.twin_world import ApiError, Member, World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
#: with a symbol, and without one
WEIGHTS: dict[tuple[str, str], tuple[int, int]] = {
    ("GET", "exchangeInfo"): (20, 20),
    ("GET", "klines"): (2, 2),
    ("GET", "ticker/24hr"): (2, 80),
    ("GET", "ticker/price"): (2, 4),
    ("GET", "ticker/bookTicker"): (2, 4),
    ("GET", "order"): (4, 4),
    ("GET", "openOrders"): (6, 80),
    ("GET", "allOrders"): (20, 20),
    ("GET", "myTrades"): (20, 20),
    ("GET", "account"): (20, 20),
    ("GET", "rateLimit/order"): (40, 40),
    ("PUT", "order/amend/keepPriority"): (4, 4),
}
DEPTHS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
RAW = 300  #: seconds
PATIENCE = 20  #: requests over the limit in one window, then the address is banned
BAN = 120  #: seconds, the first time; twice as long each time after
LONGEST = 3 * 86_400
DAY = 86_400
COUNTS = {"10s": 10, "1d": DAY}


def weight(method: str, path: str, query: dict[str, str]) -> int:
    """What one request weighs."""
    if path == "depth":
        limit = query.get("limit", "100")
        size = int(limit) if limit.isdigit() else 100
        return next((weight for most, weight in DEPTHS if size <= most), DEPTHS[-1][1])
    if path == "myTrades" and "orderId" in query:
        return 5
    if path == "order/test" and query.get("computeCommissionRates") == "true":
        return 20
    return WEIGHTS.get((method, path), (1, 1))[0 if "symbol" in query else 1]


@web.middleware
async def limits(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Weigh what is asked, and say how much is used; errors become answers."""
    world = request.app[WORLD]
    if request.path.startswith("/inspect/"):
        return await handler(request)
    try:
        if request.path.startswith("/api/"):
            _weigh(world, request)
        answer = await handler(request)
    except ApiError as error:
        answer = error.answer
    answer.headers["Date"] = format_datetime(world.clock(), usegmt=True)
    used = str(world.weighed.get(request.remote or "", (None, 0, 0))[1])
    answer.headers["X-MBX-USED-WEIGHT"] = used
    answer.headers[f"X-MBX-USED-WEIGHT-{_span(world.window)}"] = used
    return answer


def count(world: World, member: Member, orders: int) -> None:
    """Count orders that are about to be placed.

    Raises:
        ApiError: there are too many; they are not counted.
    """
    now = world.clock()
    fresh = {}
    for (name, seconds), most in zip(COUNTS.items(), world.orders, strict=True):
        ends, used = _running(*member.orders.get(name, (now, 0)), now, seconds)
        if used + orders > most:
            wait = _left(ends, now)
            what = "10 SECOND" if seconds != DAY else "1 DAY"
            raise ApiError(-1015, f"Too many new orders; current limit is {most} orders per {what}.", 429, wait=wait)
        fresh[name] = (ends, used + orders)
    member.orders.update(fresh)


def told(member: Member, answer: web.Response) -> web.Response:
    """Say how many orders count, as answers to successful orders do."""
    for name, (_, used) in member.orders.items():
        answer.headers[f"X-MBX-ORDER-COUNT-{name.upper()}"] = str(used)
    return answer


def announced(world: World) -> list[dict[str, object]]:
    """The limits in force, as exchangeInfo shows them."""
    interval, number = ("MINUTE", world.window // 60) if world.window % 60 == 0 else ("SECOND", world.window)
    rows = [
        ("REQUEST_WEIGHT", interval, number, world.weight),
        ("ORDERS", "SECOND", 10, world.orders[0]),
        ("ORDERS", "DAY", 1, world.orders[1]),
        ("RAW_REQUESTS", "MINUTE", 5, world.raw),
    ]
    return [
        {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": most}
        for kind, interval, number, most in rows
    ]


def _weigh(world: World, request: web.Request) -> None:
    now, address = world.clock(), request.remote or ""
    until, times = world.banned.get(address, (now, 0))
    if until > now:
        raise _too_much(world, until, now, banned=True)
    path = request.path.removeprefix("/api/v3/")
    begun, used, excess = world.weighed.get(address, (now, 0, 0))
    ends, used = _running(begun, used, now, world.window)
    excess = excess if begun > now else 0
    used += weight(request.method, path, dict(request.query))
    raw_ends, calls = _running(*world.called.get(address, (now, 0)), now, RAW)
    calls += 1
    world.called[address] = (raw_ends, calls)
    over = used > world.weight or calls > world.raw
    world.weighed[address] = (ends, used, excess + over)
    if excess + over > PATIENCE:
        until = now + timedelta(seconds=min(LONGEST, BAN * 2**times))
        world.banned[address] = (until, times + 1)
        raise _too_much(world, until, now, banned=True)
    if over:
        raise _too_much(world, ends if used > world.weight else raw_ends, now, banned=False)


def _too_much(world: World, until: datetime, now: datetime, *, banned: bool) -> ApiError:
    wait = _left(until, now)
    if banned:
        what = f"Way too much request weight used; IP banned until {int(until.timestamp() * 1000)}."
        return ApiError(-1003, f"{what} Please use WebSocket Streams for live updates to avoid bans.", 418, wait=wait)
    window = f"{world.window} SECOND" if world.window % 60 else f"{world.window // 60} MINUTE"
    what = f"Too much request weight used; current limit is {world.weight} request weight per {window}."
    return ApiError(
        -1003, f"{what} Please use WebSocket Streams for live updates to avoid polling the API.", 429, wait=wait
    )


def _left(until: datetime, now: datetime) -> int:
    """Whole seconds, rounded up."""
    return max(1, -int((now - until).total_seconds() // 1))


def _running(ends: datetime, used: int, now: datetime, seconds: int) -> tuple[datetime, int]:
    """When the window ends that runs now, and what is used in it.

    One that began while a test had the clock further ahead ends no later for that: a real exchange's is not set back.
    """
    return (_end(now, seconds), 0) if ends <= now else (min(ends, _end(now, seconds)), used)


def _end(now: datetime, seconds: int) -> datetime:
    """Windows begin at full minutes (ten seconds, days) of the exchange's clock."""
    return datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, UTC)


def _span(seconds: int) -> str:
    return f"{seconds // 60}M" if seconds % 60 == 0 else f"{seconds}S"
