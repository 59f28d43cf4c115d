"""The stand-in for Binance's orders: placing, cancelling, replacing, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from aiohttp import web

from connectors.exchange.refusal import Refused, Why
from connectors.exchange.shelf import Resting
from connectors.exchange.twin_asked import Asked, signed
from connectors.exchange.twin_limits import told
from connectors.exchange.twin_placing import (
    check_amount,
    found_by,
    fresh_name,
    pair_of,
    place,
    place_pair,
    request_of,
    said,
)
from connectors.exchange.twin_shape import ack, amended, brief, full, millis, order_list, shown, trade
from connectors.exchange.twin_world import ApiError, Member, Replay

Shape = Callable[[Resting, Member, Replay], dict[str, Any]]
MOST = 1000
LONG = 24 * 3600  #: seconds between startTime and endTime
CANCELLED = (-2011, "Unknown order sent.")
LIST = ("orderListId", "contingencyType", "listOrderStatus", "listClientOrderId", "symbol", "orders")


def routes(app: web.Application) -> None:
    """Add them."""
    router = app.router
    router.add_post("/api/v3/order", _place)
    router.add_post("/api/v3/order/test", _try)
    router.add_get("/api/v3/order", _one)
    router.add_delete("/api/v3/order", _cancel)
    router.add_post("/api/v3/order/cancelReplace", _replace)
    router.add_put("/api/v3/order/amend/keepPriority", _amend)
    router.add_post("/api/v3/orderList/oco", _pair)
    router.add_get("/api/v3/openOrders", _open)
    router.add_delete("/api/v3/openOrders", _cancel_all)
    router.add_get("/api/v3/allOrders", _all)
    router.add_get("/api/v3/myTrades", _trades)


async def _place(request: web.Request) -> web.Response:
    found = await signed(request, trades=True)
    replay, member = found.replay(), found.who()
    wanted = request_of(found, replay)
    shape = _shape(found, full if wanted.stop_price is None and not _rests_only(found) else ack)
    order = place(found.world, member, wanted)
    return told(member, web.json_response(shape(order, member, replay)))


async def _try(request: web.Request) -> web.Response:
    found = await signed(request, trades=True)
    replay = found.replay()
    request_of(found, replay)
    if found.given.get("computeCommissionRates") != "true":
        return web.json_response({})
    rates = {"maker": str(replay.market.maker), "taker": str(replay.market.taker)}
    return web.json_response({"standardCommissionForOrder": rates})


async def _one(request: web.Request) -> web.Response:
    found = await signed(request)
    replay, member = found.replay(), found.who()
    order = _named(found, replay, "orderId", "origClientOrderId")
    if not _visible(found, order):
        raise ApiError(-2013, "Order does not exist.")
    return web.json_response(shown(order, member, replay))


async def _cancel(request: web.Request) -> web.Response:
    found = await signed(request, trades=True)
    replay, member = found.replay(), found.who()
    order = _named(found, replay, "orderId", "origClientOrderId", unknown=CANCELLED)
    _check_restrictions(found, order)
    return web.json_response(_cancelled(found, member, replay, order, found.name("newClientOrderId")))


async def _cancel_all(request: web.Request) -> web.Response:
    found = await signed(request, trades=True)
    replay, member = found.replay(), found.who()
    orders = [order for order in member.paper.open.values() if order.request.symbol == replay.market.symbol]
    if not orders:
        raise ApiError(*CANCELLED)
    pairs = {member.lists[order.number][0] for order in orders if order.number in member.lists}
    alone = [order for order in orders if order.number not in member.lists]
    answers = [_cancelled(found, member, replay, order, "") for order in alone]
    for number in sorted(pairs):
        both = [order for order in orders if member.lists.get(order.number, (0,))[0] == number]
        answers.append(_cancelled(found, member, replay, both[0], ""))
    return web.json_response(answers)


async def _replace(request: web.Request) -> web.Response:
    found = await signed(request, trades=True)
    replay, member, mode = found.replay(), found.who(), found.text("cancelReplaceMode")
    if mode not in {"STOP_ON_FAILURE", "ALLOW_FAILURE"}:
        raise ApiError(-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
    wanted = request_of(found, replay)
    shape = _shape(found, full if wanted.stop_price is None and not _rests_only(found) else ack)
    gone: dict[str, Any] = {}
    failed: ApiError | None = None
    try:
        order = _named(found, replay, "cancelOrderId", "cancelOrigClientOrderId", unknown=CANCELLED)
        _check_restrictions(found, order)
        gone = _cancelled(found, member, replay, order, found.name("cancelNewClientOrderId"))
    except ApiError as error:
        failed = error
    if failed is not None and mode == "STOP_ON_FAILURE":
        data = _data("FAILURE", _error(failed), "NOT_ATTEMPTED", None)
        raise ApiError(-2022, "Order cancel-replace failed.", 400, more={"data": data})
    first = ("SUCCESS", gone) if failed is None else ("FAILURE", _error(failed))
    try:
        placed = shape(place(found.world, member, wanted), member, replay)
    except ApiError as error:
        data = _data(*first, "FAILURE", _error(error))
        if failed is not None:
            raise ApiError(-2022, "Order cancel-replace failed.", 400, more={"data": data}) from None
        raise ApiError(-2021, "Order cancel-replace partially failed.", 409, more={"data": data}) from None
    data = _data(*first, "SUCCESS", placed)
    if failed is not None:
        raise ApiError(-2021, "Order cancel-replace partially failed.", 409, more={"data": data})
    return told(member, web.json_response(data))


async def _amend(request: web.Request) -> web.Response:
    found = await signed(request, trades=True)
    replay, member = found.replay(), found.who()
    found.text("newQty")
    order = _named(found, replay, "orderId", "origClientOrderId")
    before, amount = order.request.client_order_id, found.number("newQty") or Decimal(0)
    if amount == order.amount:
        raise ApiError(-2038, "The requested action would change no state; rejecting.")
    if amount > order.amount:
        raise ApiError(-2038, "Order amend (quantity increase) is not supported.")
    check_amount(amount, order.request, replay)
    try:
        member.paper.reduce(before, amount, found.name("newClientOrderId") or fresh_name())
    except Refused as refused:
        if refused.kind is Why.FILTER:
            raise ApiError(-1013, "Filter failure: LOT_SIZE") from None
        raise said(refused) from None
    found.world.amended += 1
    answer = {
        "transactTime": millis(found.world.clock()),
        "executionId": found.world.amended,
        "amendedOrder": amended(order, before, member, replay),
    }
    if order.number in member.lists:
        both = [one for one in (order, member.paper.open.get(order.mate)) if one is not None]
        pair = order_list(found.world, member, sorted(both, key=lambda one: one.number), replay)
        answer["listStatus"] = {name: pair[name] for name in LIST}
    return web.json_response(answer)


async def _pair(request: web.Request) -> web.Response:
    found = await signed(request, trades=True)
    replay, member = found.replay(), found.who()
    pair = pair_of(found, replay)
    orders = place_pair(found.world, member, pair, found.name("listClientOrderId"))
    shape = _shape(found, full)
    reports = [_plain(shape(order, member, replay)) for order in orders]
    answer = order_list(found.world, member, orders, replay) | {"orderReports": reports}
    return told(member, web.json_response(answer))


async def _open(request: web.Request) -> web.Response:
    found = await signed(request)
    member = found.who()
    wanted = {found.replay().market.symbol} if "symbol" in found.given else None
    by_symbol = {replay.market.symbol: replay for replay in found.world.replays.values()}
    orders = [order for order in member.paper.open.values() if wanted is None or order.request.symbol in wanted]
    few = [shown(order, member, by_symbol[order.request.symbol]) for order in orders if _visible(found, order)]
    return web.json_response(few)


async def _all(request: web.Request) -> web.Response:
    found = await signed(request)
    replay, member, first = found.replay(), found.who(), found.whole("orderId")
    since, until = _span(found)
    orders = [
        order
        for order in sorted(_every(member), key=lambda one: one.number)
        if order.request.symbol == replay.market.symbol and _visible(found, order)
        if (first is None or order.number >= first) and (since is None or order.at >= since)
        if until is None or order.at <= until
    ]
    limit = min(found.whole("limit") or 500, MOST)
    few = orders[:limit] if first is not None or since is not None else orders[-limit:]
    return web.json_response([shown(order, member, replay) for order in few])


async def _trades(request: web.Request) -> web.Response:
    found = await signed(request)
    replay, member = found.replay(), found.who()
    number, first = found.whole("orderId"), found.whole("fromId")
    since, until = _span(found)
    if number is not None and (since or until):
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    orders = {order.number: order for order in _every(member) if order.request.symbol == replay.market.symbol}
    fills = [
        fill
        for order in orders.values()
        for fill in order.fills
        if (number is None or order.number == number) and (first is None or int(fill.id) >= first)
        if (since is None or fill.at >= since) and (until is None or fill.at <= until)
    ]
    fills.sort(key=lambda fill: int(fill.id))
    limit = min(found.whole("limit") or 500, MOST)
    few = fills[:limit] if first is not None or since is not None else fills[-limit:]
    return web.json_response([trade(fill, orders[int(fill.order_id)], member, replay) for fill in few])


def _every(member: Member) -> list[Resting]:
    return [*member.paper.ended.values(), *member.paper.open.values()]


def _span(found: Asked) -> tuple[Any, Any]:
    since, until = found.instant("startTime"), found.instant("endTime")
    if since and until and not 0 <= (until - since).total_seconds() <= LONG:
        raise ApiError(-1127, "More than 24 hours between startTime and endTime.")
    return since, until


def _named(
    found: Asked, replay: Replay, number: str, name: str, unknown: tuple[int, str] = (-2013, "Order does not exist.")
) -> Resting:
    """The order that is named by its number, its client order id, or both."""
    if found.whole(number) is None and not found.given.get(name):
        msg = f"Param '{name}' or '{number}' must be sent, but both were empty/null!"
        raise ApiError(-1102, msg)
    try:
        order = found_by(found.who(), number=found.whole(number), name=found.given.get(name, ""))
    except ApiError:
        raise ApiError(*unknown) from None
    if order.request.symbol != replay.market.symbol:
        raise ApiError(*unknown)
    return order


def _visible(found: Asked, order: Resting) -> bool:
    return order.at + found.world.visible_after <= found.world.clock()


def _check_restrictions(found: Asked, order: Resting) -> None:
    only = found.given.get("cancelRestrictions")
    if only not in {None, "ONLY_NEW", "ONLY_PARTIALLY_FILLED"}:
        raise ApiError(-1145, "Invalid cancelRestrictions.")
    if only is not None and (only == "ONLY_NEW") == bool(order.fills):
        raise ApiError(-2011, "Order was not canceled due to cancel restrictions.")


def _cancelled(found: Asked, member: Member, replay: Replay, order: Resting, name: str) -> dict[str, Any]:
    """Cancel an order, or the pair that it belongs to."""
    if not order.live:  # another one may bear its client order id by now
        raise ApiError(*CANCELLED)
    both = [one for one in (order, member.paper.open.get(order.mate)) if one is not None]
    try:
        member.paper.cancel(order.request.client_order_id, found.world.clock())
    except Refused:
        raise ApiError(*CANCELLED) from None
    name = name or fresh_name()
    reports = [
        brief(one, member, replay)
        | {"origClientOrderId": one.request.client_order_id, "clientOrderId": name}
        | {"transactTime": millis(found.world.clock())}
        for one in sorted(both, key=lambda one: one.number)
    ]
    if order.number not in member.lists:
        return reports[0]
    pair = sorted(both, key=lambda one: one.number)
    return order_list(found.world, member, pair, replay) | {"orderReports": reports}


def _shape(found: Asked, usual: Shape) -> Shape:
    said = found.given.get("newOrderRespType")
    if said not in {None, "ACK", "RESULT", "FULL"}:
        raise ApiError(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
    if said == "RESULT":
        return lambda order, member, replay: _plain(full(order, member, replay))
    return usual if said is None else {"ACK": ack, "FULL": full}[said]


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "fills"}


def _rests_only(found: Asked) -> bool:
    return found.given.get("type") == "LIMIT_MAKER"


def _error(error: ApiError) -> dict[str, Any]:
    return {"code": error.code, "msg": error.msg}


def _data(cancel: str, cancelled: Any, new: str, placed: Any) -> dict[str, Any]:
    return {
        "cancelResult": cancel,
        "newOrderResult": new,
        "cancelResponse": cancelled,
        "newOrderResponse": placed,
    }
