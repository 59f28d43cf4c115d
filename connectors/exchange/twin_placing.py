"""How the stand-in for Binance takes orders: what must be said, what filters refuse, what the engine answers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, localcontext

from connectors.exchange.filters import EXACT
from connectors.exchange.refusal import Refused, Why
from connectors.exchange.shelf import Resting
from connectors.exchange.twin_asked import Asked
from connectors.exchange.twin_limits import count
from connectors.exchange.twin_params import check_served
from connectors.exchange.twin_shape import ORDER_TYPES, TYPES
from connectors.exchange.twin_world import ApiError, Member, Replay, World, give_back
from connectors.market import Filters
from connectors.order import LIMITED, WAITING, OrderRequest, OrderType, Side, TimeInForce

KINDS = {name: kind for kind, name in TYPES.items()} | {"LIMIT_MAKER": OrderType.LIMIT}
LASTING = {"GTC": TimeInForce.GTC, "IOC": TimeInForce.IOC, "FOK": TimeInForce.FOK}
REFUSED = {
    Why.BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Why.DUPLICATE: (-2010, "Duplicate order sent."),
    Why.WOULD_TAKE: (-2010, "Order would immediately match and take."),
    Why.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    Why.PRICE: (-2010, "Market is closed."),
    Why.PAIR: (-2010, "The relationship of the prices for the orders is not correct."),
    Why.FILTER: (-1013, "Filter failure: LOT_SIZE"),
    Why.NOT_OPEN: (-2011, "Unknown order sent."),
    Why.SYMBOL: (-1121, "Invalid symbol."),
}


def request_of(found: Asked, replay: Replay) -> OrderRequest:
    """The order that is asked for; every fault is told as the exchange does, filters included.

    Raises:
        ApiError: it can't be placed as it stands.
    """
    side, kind = side_of(found), found.text("type")
    check_served(found.given)
    if kind not in ORDER_TYPES:
        raise ApiError(-1116, "Invalid orderType.")
    return _made(found, replay, (side, kind), "", "newClientOrderId")


def pair_of(found: Asked, replay: Replay) -> tuple[OrderRequest, OrderRequest]:
    """The two orders of an OCO.

    Raises:
        ApiError: they can't be placed as they stand.
    """
    side, kinds = side_of(found), (found.text("aboveType"), found.text("belowType"))
    check_served(found.given)
    for kind in kinds:
        if kind not in ORDER_TYPES or kind in {"LIMIT", "MARKET"}:
            raise ApiError(-1158, "Order type not supported in OCO.")
    if kinds[0] == kinds[1] == "LIMIT_MAKER":
        raise ApiError(-1168, "Both orders in an OCO can't be limit orders.")
    above = _made(found, replay, (side, kinds[0]), "above", "aboveClientOrderId")
    return above, _made(found, replay, (side, kinds[1]), "below", "belowClientOrderId")


def side_of(found: Asked) -> Side:
    """Buy or sell."""
    side = found.text("side")
    if side not in {"BUY", "SELL"}:
        raise ApiError(-1117, "Invalid side.")
    return Side(side.lower())


def place(world: World, member: Member, request: OrderRequest) -> Resting:
    """Place an order.

    Raises:
        ApiError: it was refused; nothing was placed.
    """
    _room(world, member, (request,))
    count(world, member, 1)
    try:
        placed = member.paper.place(request, world.clock())
    except Refused as refused:
        give_back(member, world.clock())
        raise said(refused) from None
    order = found_by(member, number=int(placed.id))
    if order.fills:
        member.started.add(order.number)
        give_back(member, world.clock())
    return order


def place_pair(world: World, member: Member, pair: tuple[OrderRequest, OrderRequest], name: str) -> list[Resting]:
    """Place an OCO under its own client id.

    Raises:
        ApiError: it was refused; nothing was placed.
    """
    _room(world, member, pair)
    count(world, member, 2)
    try:
        placed = member.paper.place_pair(*pair, world.clock())
    except Refused as refused:
        give_back(member, world.clock())
        give_back(member, world.clock())
        raise said(refused) from None
    orders = [found_by(member, number=int(order.id)) for order in placed]
    for order in orders:
        member.lists[order.number] = (orders[0].number, name or fresh_name())
    member.lists[orders[1].number] = member.lists[orders[0].number]
    return orders


def _room(world: World, member: Member, wanted: Sequence[OrderRequest]) -> None:
    """Whether so many more orders may be open in their market (filters.md); the engine counts what rests.

    Raises:
        ApiError: there are too many already.
    """
    resting = [one.request for one in member.paper.open.values() if one.request.symbol == wanted[0].symbol]
    held, waiting = (sum(one.type in WAITING for one in few) for few in (resting, wanted))
    most, most_waiting = world.resting
    if wanted[0].type is not OrderType.MARKET and len(resting) + len(wanted) > most:
        raise ApiError(-2010, "Filter failure: MAX_NUM_ORDERS")
    if waiting and held + waiting > most_waiting:
        raise ApiError(-2010, "Filter failure: MAX_NUM_ALGO_ORDERS")


def said(refused: Refused) -> ApiError:
    """A refusal of the engine in the exchange's words."""
    code, msg = REFUSED[refused.kind]
    return ApiError(code, msg)


def found_by(member: Member, *, number: int | None = None, name: str = "") -> Resting:
    """An order by its number or its client order id; where both are given, they must be of one order.

    Raises:
        ApiError: there is none.
    """
    paper = member.paper
    if number is None:
        order = paper.named.get(name)
    else:
        order = paper.open.get(number) or paper.ended.get(number)
        if order is not None and name and order.request.client_order_id != name:
            order = None
    if order is None:
        raise ApiError(-2013, "Order does not exist.")
    return order


def fresh_name() -> str:
    """A client order id, where none is given."""
    return secrets.token_urlsafe(16)


def _made(found: Asked, replay: Replay, what: tuple[Side, str], prefix: str, name: str) -> OrderRequest:
    side, kind = what

    def named(word: str) -> str:
        return f"{prefix}{word[0].upper()}{word[1:]}" if prefix else word

    order_type = KINDS[kind]
    price, stop = found.number(named("price")), found.number(named("stopPrice"))
    amount, worth = found.number("quantity"), None if prefix else found.number("quoteOrderQty")
    _required(order_type, {named("price"): price, named("stopPrice"): stop}, found, worth)
    lasts = _lasting(found, kind, order_type, named("timeInForce"))
    request = OrderRequest(
        found.name(name) or fresh_name(),
        replay.market.symbol,
        side,
        order_type,
        amount=amount,
        price=price,
        stop_price=stop,
        quote_amount=worth,
        time_in_force=lasts,
    )
    if not replay.market.active:
        raise ApiError(-2010, "Market is closed.")
    with localcontext(EXACT):
        failed = _filter(request, replay, replay.last)
    if failed:
        raise ApiError(-1013, f"Filter failure: {failed}")
    return request


def _required(
    order_type: OrderType,
    given: Mapping[str, Decimal | None],
    found: Asked,
    worth: Decimal | None,
) -> None:
    """Whether everything is there that this type needs, and nothing else (rest-api.md, "Additional mandatory")."""
    (price_name, price), (stop_name, stop) = given.items()
    if worth is None or order_type != OrderType.MARKET:
        found.text("quantity")
    elif "quantity" in found.given:
        raise ApiError(-1128, "Combination of optional parameters invalid.")
    if worth is not None and order_type != OrderType.MARKET:
        raise ApiError(-1106, "Parameter 'quoteOrderQty' sent when not required.")
    for name, value, wanted in ((price_name, price, order_type in LIMITED), (stop_name, stop, order_type in WAITING)):
        if wanted:
            found.text(name)
        elif value is not None:
            raise ApiError(-1106, f"Parameter '{name}' sent when not required.")


def _lasting(found: Asked, kind: str, order_type: OrderType, name: str) -> TimeInForce:
    if kind == "LIMIT_MAKER" or order_type not in LIMITED:
        if name in found.given:
            raise ApiError(-1106, f"Parameter '{name}' sent when not required.")
        return TimeInForce.POST_ONLY if kind == "LIMIT_MAKER" else TimeInForce.GTC
    lasts = found.text(name)
    if lasts not in LASTING:
        raise ApiError(-1115, "Invalid timeInForce.")
    return LASTING[lasts]


def _filter(request: OrderRequest, replay: Replay, last: Decimal) -> str:
    """The first filter that an order does not pass (filters.md); empty: it passes all."""
    has = replay.market.filters
    checks = (_price_filter(request, has, last), _lot_filter(request, has), _notional_filter(request, has, last))
    return next(filter(None, checks), "")


def check_amount(amount: Decimal, request: OrderRequest, replay: Replay) -> None:
    """Whether an order may have this amount.

    Raises:
        ApiError: a filter does not let it pass.
    """
    smaller = replace(request, amount=amount)
    with localcontext(EXACT):
        has = replay.market.filters
        failed = _lot_filter(smaller, has) or _notional_filter(smaller, has, replay.last)
    if failed:
        raise ApiError(-1013, f"Filter failure: {failed}")


def _price_filter(request: OrderRequest, has: Filters, last: Decimal) -> str:
    for price in (request.price, request.stop_price):
        if price is not None and (price <= 0 or (has.tick and price % has.tick)):
            return "PRICE_FILTER"
    if request.price is None:
        return ""
    low, high = has.lowest, has.highest
    outside = (low and request.price < low * last) or (high and request.price > high * last)
    return "PERCENT_PRICE_BY_SIDE" if outside else ""


def _lot_filter(request: OrderRequest, has: Filters) -> str:
    amount = request.amount
    if amount is None:
        return ""
    least, most = has.min_amount or has.lot or Decimal(0), has.max_amount
    if amount <= 0 or amount < least or (most and amount > most) or (has.lot and amount % has.lot):
        return "LOT_SIZE"
    own_most, own_lot = has.market_max, has.market_lot
    outside = (own_most and amount > own_most) or (own_lot and amount % own_lot)
    return "MARKET_LOT_SIZE" if request.type == OrderType.MARKET and outside else ""


def _notional_filter(request: OrderRequest, has: Filters, last: Decimal) -> str:
    worth = request.quote_amount or Decimal(0)
    if request.amount is not None:
        worth = request.amount * (request.price or request.stop_price or last)
    small = worth <= 0 or worth < (has.min_notional or 0)
    return "NOTIONAL" if small or (has.max_notional and worth > has.max_notional) else ""
