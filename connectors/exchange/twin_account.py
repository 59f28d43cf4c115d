"""What the stand-in for Binance says of an account and its keys."""

from __future__ import annotations

from aiohttp import web

from connectors.exchange.twin_asked import signed
from connectors.exchange.twin_limits import announced
from connectors.exchange.twin_shape import fixed, millis
from connectors.exchange.twin_world import ApiError


def routes(app: web.Application) -> None:
    """Add them."""
    app.router.add_get("/api/v3/account", _account)
    app.router.add_get("/api/v3/rateLimit/order", _counts)
    app.router.add_get("/sapi/v1/account/apiRestrictions", _rights)


async def _account(request: web.Request) -> web.Response:
    found = await signed(request)
    member, key, world = found.who(), found.key, found.world
    held = member.paper.balances()
    names = {name for replay in world.replays.values() for name in (replay.market.base, replay.market.quote)}
    some = held if found.given.get("omitZeroBalances") == "true" else sorted(names | set(held))
    market = next(one.market for one in world.replays.values())
    return web.json_response(
        {
            "makerCommission": int(market.maker * 10_000),
            "takerCommission": int(market.taker * 10_000),
            "buyerCommission": 0,
            "sellerCommission": 0,
            "commissionRates": {
                "maker": fixed(market.maker),
                "taker": fixed(market.taker),
                "buyer": fixed(None),
                "seller": fixed(None),
            },
            "canTrade": key is not None and key.trade,
            "canWithdraw": key is not None and key.withdraw,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": False,
            "preventSor": False,
            "updateTime": millis(world.clock()),
            "accountType": "SPOT",
            "balances": [
                {
                    "asset": name,
                    "free": fixed(held[name].free if name in held else None),
                    "locked": fixed(held[name].locked if name in held else None),
                }
                for name in some
            ],
            "permissions": ["SPOT"],
            "uid": member.number,
        }
    )


async def _counts(request: web.Request) -> web.Response:
    found = await signed(request)
    used = found.who().orders
    rows = [row for row in announced(found.world) if row["rateLimitType"] == "ORDERS"]
    now = found.world.clock()
    for row, name in zip(rows, ("10s", "1d"), strict=True):
        ends, count = used.get(name, (now, 0))
        row["count"] = count if ends > now else 0
    return web.json_response(rows)


async def _rights(request: web.Request) -> web.Response:
    found = await signed(request)
    key = found.key
    if key is None:
        raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    ends = {"tradingAuthorityExpirationTime": millis(key.expires)} if key.expires else {}
    return web.json_response(
        {
            "ipRestrict": key.ip_restricted,
            "createTime": millis(found.world.began or found.world.clock()),
            "enableReading": True,
            "enableWithdrawals": key.withdraw,
            "enableInternalTransfer": key.transfer,
            "permitsUniversalTransfer": key.transfer,
            "enableMargin": False,
            "enableFutures": False,
            "enableVanillaOptions": False,
            "enablePortfolioMarginTrading": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": key.trade,
            **ends,
        }
    )
