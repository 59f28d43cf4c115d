"""The stand-in for Alpaca's orders: placing, cancelling, and what can be asked of them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import web

from connectors.alpaca_stocks import twin_shape as shape
from connectors.alpaca_stocks.twin_world import WORLD, ApiError, Placed, Street, fresh
from connectors.exchange.twin_world import Member, Replay
from connectors.order import LIMITED, WAITING, OrderRequest, OrderType, Side, TimeInForce

MEMBER = web.RequestKey("member", Member)
TYPES = {
    "market": OrderType.MARKET,
    "limit": OrderType.LIMIT,
    "stop": OrderType.STOP,
    "stop_limit": OrderType.STOP_LIMIT,
}
LASTING = {"day": TimeInForce.GTC, "gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC, "fok": TimeInForce.FOK}
INTENTS = {"buy": {"buy_to_open"}, "sell": {"sell_to_close"}}  #: nothing is sold short here
CENT = Decimal("0.01")
LONGEST, MOST, PAGE = 128, 500, 100  #: of a client order id, and of the rows of an answer
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?")
BAD, UNFIT = 40010001, 42210000


def routes(app: web.Application) -> None:
    """Add them."""
    router = app.router
    router.add_post("/v2/orders", _place)
    router.add_get("/v2/orders", _list)
    router.add_delete("/v2/orders", _cancel_all)
    router.add_get("/v2/orders:by_client_order_id", _named)
    router.add_get("/v2/orders/{id}", _one)
    router.add_delete("/v2/orders/{id}", _cancel)
    router.add_get("/v2/account/activities", _activities)
    router.add_get("/v2/account/activities/FILL", _activities)


async def _place(request: web.Request) -> web.Response:
    world, member = request.app[WORLD], request[MEMBER]
    try:
        said = json.loads(await request.text(), parse_float=str, parse_int=str)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise ApiError(400, 40010000, "request body format is invalid")
    if member.number in world.blocked:
        raise ApiError(403, 40310000, "account is not allowed to trade")
    asked = {name: value for name, value in said.items() if value is not None}
    name = str(asked.get("client_order_id") or fresh())
    if len(name) > LONGEST:
        raise ApiError(422, BAD, "client_order_id must be no more than 128 characters")
    if (member.number, name) in world.named:
        raise ApiError(422, BAD, "client_order_id must be unique")
    wanted = _request(world, asked, name)
    made = Placed(fresh(), member, wanted, asked, world.clock())
    world.add(made)
    return web.json_response(shape.order(made))


def _request(world: Street, asked: dict[str, Any], name: str) -> OrderRequest:
    replay = world.replays.get(str(asked.get("symbol")))
    if replay is None:
        raise ApiError(422, BAD, f'asset "{asked.get("symbol")}" not found')
    if not replay.market.active:
        raise ApiError(422, UNFIT, f"asset {replay.market.id} is not tradable")
    side, kind, lasts = (str(asked.get(part)) for part in ("side", "type", "time_in_force"))
    for given, known, part in ((side, INTENTS, "side"), (kind, TYPES, "type"), (lasts, LASTING, "time_in_force")):
        if given not in known:
            raise ApiError(422, BAD, f"invalid {part}" if part in asked else f"{part} is required")
    if asked.get("position_intent", next(iter(INTENTS[side]))) not in INTENTS[side]:
        raise ApiError(422, UNFIT, f"position intent mismatch, inferred: {next(iter(INTENTS[side]))}")
    amount, worth = _number(asked, "qty"), _number(asked, "notional")
    _sized(replay, amount, worth, kind, lasts)
    order_type = TYPES[kind]
    price, stop = _number(asked, "limit_price"), _number(asked, "stop_price")
    for part, value, needed in (
        ("limit_price", price, order_type in LIMITED),
        ("stop_price", stop, order_type in WAITING),
    ):
        if needed and value is None:
            raise ApiError(422, BAD, f"{kind} orders require {part.replace('_', ' ')}")
        if value is not None and not needed:
            raise ApiError(422, BAD, f"{kind} orders must not have {part}")
        if value is not None and value >= 1 and value % CENT:
            raise ApiError(
                422, UNFIT, f"invalid {part} {value}. sub-penny increment does not fulfill minimum pricing criteria"
            )
    return OrderRequest(name, replay.market.symbol, Side(side), order_type, amount, price, stop, worth, LASTING[lasts])


def _sized(replay: Replay, amount: Decimal | None, worth: Decimal | None, kind: str, lasts: str) -> None:
    if (amount is None) == (worth is None):
        raise ApiError(422, BAD, "qty or notional is required, not both")
    whole = amount is not None and amount == amount.to_integral_value()
    if whole:
        return
    if replay.market.filters.market_lot is None:
        raise ApiError(403, 40310000, f"asset {replay.market.id} is not fractionable")
    if lasts != "day":
        raise ApiError(422, UNFIT, "fractional orders must be DAY orders")
    if kind != "market":
        raise ApiError(422, UNFIT, "fractional orders must be market orders")
    if worth is not None and worth % CENT:
        raise ApiError(422, UNFIT, "notional value must be limited to 2 decimal places")
    if (worth if worth is not None else (amount or Decimal(0)) * replay.last) < 1:
        raise ApiError(403, 40310000, "cost basis must be >= minimal amount of order 1")


def _number(asked: dict[str, Any], name: str) -> Decimal | None:
    if name not in asked:
        return None
    if not _NUMBER.fullmatch(str(asked[name])) or not Decimal(str(asked[name])):
        raise ApiError(422, BAD, f"{name} must be > 0")
    return Decimal(str(asked[name]))


async def _named(request: web.Request) -> web.Response:
    world, member = request.app[WORLD], request[MEMBER]
    name = request.query.get("client_order_id", "")
    return web.json_response(shape.order(_shown(world, world.named.get((member.number, name)), name)))


async def _one(request: web.Request) -> web.Response:
    return web.json_response(shape.order(_mine(request)))


def _mine(request: web.Request) -> Placed:
    found = request.app[WORLD].placed.get(request.match_info["id"])
    if found is not None and found.member is not request[MEMBER]:
        found = None
    return _shown(request.app[WORLD], found, request.match_info["id"])


def _shown(world: Street, found: Placed | None, name: str) -> Placed:
    if found is None or found.at + world.visible_after > world.clock():
        raise ApiError(404, 40410000, f"order not found for {name}")
    return found


async def _list(request: web.Request) -> web.Response:
    world, member, query = request.app[WORLD], request[MEMBER], request.query
    wanted = query.get("status", "open")
    if wanted not in {"open", "closed", "all"}:
        raise ApiError(422, BAD, "invalid status")
    few = [one for one in world.placed.values() if one.member is member]
    few = [one for one in few if one.at + world.visible_after <= world.clock()]
    few = [one for one in few if wanted == "all" or one.live is (wanted == "open")]
    if names := [name for name in query.get("symbols", "").split(",") if name]:
        few = [one for one in few if one.request.symbol.partition("/")[0] in names]
    if after := query.get("after"):
        few = [one for one in few if one.at > _instant(after, "after")]
    if until := query.get("until"):
        few = [one for one in few if one.at < _instant(until, "until")]
    if before := query.get("before_order_id"):
        ids = [one.id for one in few]
        few = few[: ids.index(before)] if before in ids else few
    if query.get("direction", "desc") == "desc":
        few.reverse()
    limit = query.get("limit", "50")
    if not limit.isdigit() or not 1 <= int(limit) <= MOST:
        raise ApiError(422, BAD, "invalid limit")
    return web.json_response([shape.order(one) for one in few[: int(limit)]])


def _instant(said: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        raise ApiError(422, BAD, f"invalid {name}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def _cancel(request: web.Request) -> web.Response:
    world, found = request.app[WORLD], _mine(request)
    if not found.live:
        how = shape.order(found)["status"]
        raise ApiError(422, UNFIT, f'order is already in "{how}" state')
    world.end(found, "canceled")
    return web.Response(status=204)


async def _cancel_all(request: web.Request) -> web.Response:
    world, answers = request.app[WORLD], []
    for one in [one for one in world.placed.values() if one.member is request[MEMBER] and one.live]:
        world.end(one, "canceled")
        answers.append({"id": one.id, "status": 200})
    return web.json_response(answers, status=207)


async def _activities(request: web.Request) -> web.Response:
    world, member, query = request.app[WORLD], request[MEMBER], request.query
    rows = []
    for one in world.placed.values():
        if one.member is not member or one.resting is None or query.get("order_id", one.id) != one.id:
            continue
        done = Decimal(0)
        for fill in one.resting.fills:
            done += fill.amount
            rows.append((fill.at, int(fill.id), shape.activity(fill, one, done)))
    rows.sort(key=lambda row: row[:2])
    if after := query.get("after"):
        rows = [row for row in rows if row[0] > _instant(after, "after")]
    if until := query.get("until"):
        rows = [row for row in rows if row[0] < _instant(until, "until")]
    if query.get("direction", "desc") == "desc":
        rows.reverse()
    found = [row[2] for row in rows]
    if token := query.get("page_token"):
        ids = [row["id"] for row in found]
        found = found[ids.index(token) + 1 :] if token in ids else []
    size = query.get("page_size", "100")
    if not size.isdigit() or not 1 <= int(size) <= PAGE:
        raise ApiError(422, BAD, "invalid page_size")
    return web.json_response(found[: int(size)])
