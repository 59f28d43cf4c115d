"""Behind the scenes of the stand-in for Binance, for tests and the curious: what it saw, and what time it is there.

No real exchange has these routes; they are served on loopback only, ask for no key and weigh nothing.
"""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from connectors.exchange.twin_asked import WORLD
from connectors.exchange.twin_shape import fixed, millis, shown, trade
from connectors.exchange.twin_world import Member, World, made_key

MAY = frozenset({"trade", "withdraw", "transfer", "ip_restricted"})


def routes(app: web.Application) -> None:
    """Add them."""
    app.router.add_get("/inspect/orders", _orders)
    app.router.add_get("/inspect/accounts", _accounts)
    app.router.add_get("/inspect/time", _time)
    app.router.add_post("/inspect/advance", _advance)
    app.router.add_post("/inspect/settings", _settings)
    app.router.add_post("/inspect/market", _market)
    app.router.add_post("/inspect/trade", _trade)
    app.router.add_post("/inspect/account", _account)


def orders(world: World) -> list[dict[str, Any]]:
    """Every order that was ever placed, by account, oldest first, with its fills."""
    by_symbol = {replay.market.symbol: replay for replay in world.replays.values()}
    found = []
    for member in world.members:
        held = {**member.paper.ended, **member.paper.open}
        for number in sorted(held):
            order, replay = held[number], by_symbol[held[number].request.symbol]
            fills = [trade(fill, order, member, replay) for fill in order.fills]
            found.append({"account": member.handle, **shown(order, member, replay), "fills": fills})
    return found


async def _orders(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    world.catch_up()
    return web.json_response(orders(world))


async def _accounts(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    world.catch_up()
    return web.json_response({member.handle: _held(member) for member in world.members})


def _held(member: Member) -> dict[str, dict[str, str]]:
    held = member.paper.balances()
    return {name: {"free": fixed(one.free), "locked": fixed(one.locked)} for name, one in held.items()}


async def _time(request: web.Request) -> web.Response:
    world = request.app[WORLD]
    world.catch_up()
    fed = {replay.market.id: replay.fed for replay in world.replays.values()}
    at = {replay.market.id: millis(replay.starts + world.gone()) for replay in world.replays.values()}
    return web.json_response({"clock": millis(world.clock()), "markets": at, "speed": world.speed, "candles": fed})


async def _advance(request: web.Request) -> web.Response:
    """``{"seconds": 60}``: the market moves on."""
    by = await _read(request, {"seconds"})
    seconds = by.get("seconds")
    if not isinstance(seconds, int | float) or not 0 < seconds < 10**9:
        raise web.HTTPBadRequest(text="seconds must be a number above 0")
    request.app[WORLD].advance(timedelta(seconds=seconds))
    return await _time(request)


async def _settings(request: web.Request) -> web.Response:
    """``ahead``, ``visible_after`` (seconds), ``weight``, ``window`` (seconds), ``orders`` (in 10 s, in a day).

    ``resting``: how many orders may be open in a market, and how many of those may wait for a price.
    ``share``: how much of a candle's volume orders take; ``null``: any amount.
    """
    names = {"ahead", "visible_after", "weight", "window", "orders", "resting", "share"}
    said, world = await _read(request, names), request.app[WORLD]
    try:
        for name in ("ahead", "visible_after"):
            if name in said:
                setattr(world, name, timedelta(seconds=float(said[name])))
        for name in ("weight", "window"):
            if name in said:
                setattr(world, name, int(said[name]))
        for name in ("orders", "resting"):
            if name in said:
                few, many = said[name]
                setattr(world, name, (int(few), int(many)))
        if "share" in said:
            world.share(None if said["share"] is None else _number(said["share"]))
    except (TypeError, ValueError, OverflowError) as error:
        raise web.HTTPBadRequest(text=f"a setting is no number: {error}") from None
    return web.json_response({"ok": True})


async def _market(request: web.Request) -> web.Response:
    """``{"symbol": "BTCUSDT", "active": false}``: halt a market, or let it go on."""
    said, world = await _read(request, {"symbol", "active"}), request.app[WORLD]
    if said.get("symbol") not in world.replays:
        raise web.HTTPBadRequest(text=f"there are {', '.join(world.replays)}")
    world.halt(said["symbol"], active=bool(said.get("active")))
    return web.json_response({"ok": True})


async def _trade(request: web.Request) -> web.Response:
    """``{"symbol": "BTCUSDT", "price": "50000", "amount": "1"}``: somebody trades; what rests may be filled by it."""
    said, world = await _read(request, {"symbol", "price", "amount"}), request.app[WORLD]
    if said.get("symbol") not in world.replays:
        raise web.HTTPBadRequest(text=f"there are {', '.join(world.replays)}")
    try:
        price, amount = _number(said.get("price")), _number(said.get("amount", "1"))
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    world.catch_up()
    world.trade(said["symbol"], price, amount)
    return web.json_response({"ok": True})


def _number(said: Any) -> Decimal:
    try:
        value = Decimal(str(said))
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise ValueError(f"{said!r} is no number above 0")
    return value


async def _account(request: web.Request) -> web.Response:
    """A new account, or another key of one that there is; the answer is its secrets.

    ``{"handle": "two", "balances": {"USDT": "1000"}, "kind": "hmac" | "ed25519", "trade": true, "withdraw": false,
    "transfer": false, "ip_restricted": true}``
    """
    said = await _read(request, {"handle", "balances", "kind"} | MAY)
    world, handle = request.app[WORLD], str(said.get("handle") or "")
    member = next((one for one in world.members if one.handle == handle), None)
    if member is None:
        try:
            held = {str(name): _number(much) for name, much in dict(said.get("balances") or {}).items()}
        except (TypeError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"balances: {error}") from None
        member = world.join(handle, held)
    return web.json_response(
        add_key(world, member, said.get("kind", "hmac"), **{name: said[name] for name in MAY & said.keys()})
    )


def add_key(world: World, member: Member, kind: str = "hmac", **may: Any) -> dict[str, str]:
    """Give a member another key; returns it as an account's secrets."""
    key, secret = made_key(kind, **may)
    world.keys[key.name] = (member, key)
    return {"api_key": key.name, "secret": secret}


async def _read(request: web.Request, known: set[str] | frozenset[str]) -> dict[str, Any]:
    try:
        said = json.loads(await request.text())
    except ValueError:
        said = None
    if not isinstance(said, dict) or not said.keys() <= known:
        raise web.HTTPBadRequest(text=f"say it as a JSON object of {', '.join(sorted(known))}")
    return said
