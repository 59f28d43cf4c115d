"""What an exchange's filters say of an order before it is sent, in a person's words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Context, Decimal, localcontext

from connectors.market import Market
from connectors.order import LIMITED, WAITING, OrderRequest, OrderType, Side, TimeInForce

EXACT = Context(prec=96)  #: no product of a price, an amount and a fee is longer
_DIGITS = 24  #: before and after the point; what needs more is no price and no amount


def faults(request: OrderRequest, market: Market, price: Decimal | None) -> list[str]:
    """Everything that keeps ``market`` from taking this order, one sentence each; empty: nothing does.

    ``price`` is the market's own now; without it, what is measured by it is left out. Balances are not looked at.
    """
    wrong = [*_shape(request, market), *senseless(request)]
    if wrong:
        return wrong
    with localcontext(EXACT):
        return [*_amounts(request, market), *_prices(request, market, price), *_notionals(request, market, price)]


def rounded(request: OrderRequest, market: Market) -> OrderRequest:
    """The order with numbers that fit: amounts of both assets rounded down, prices down for a buy and up for a sell."""
    filters = market.filters
    lot = filters.market_lot or filters.lot if request.type == OrderType.MARKET else filters.lot
    way = ROUND_FLOOR if request.side == Side.BUY else ROUND_CEILING
    with localcontext(EXACT):
        return replace(
            request,
            amount=multiple(request.amount, lot, ROUND_DOWN),
            price=multiple(request.price, filters.tick, way),
            stop_price=multiple(request.stop_price, filters.tick, way),
            quote_amount=multiple(request.quote_amount, filters.cent, ROUND_DOWN),
        )


def multiple(value: Decimal | None, step: Decimal | None, way: str) -> Decimal | None:
    """The nearest multiple of ``step`` that way; what is missing, or no number of this world, stays as it is."""
    if value is None or not step or not value.is_finite() or value.adjusted() >= _DIGITS:
        return value
    with localcontext(EXACT):
        return (value / step).to_integral_value(way) * step


def text(value: Decimal) -> str:
    """Without exponent and needless zeros: ``0.00009``."""
    plain = f"{value:f}"
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def _shape(request: OrderRequest, market: Market) -> Iterator[str]:
    if request.symbol != market.symbol:
        yield f"the order is for {request.symbol}, the market is {market.symbol}"
    if not market.active:
        yield f"{market.symbol} is not traded now"


def senseless(request: OrderRequest) -> list[str]:
    """What makes no sense in any market, one sentence each: numbers of no order, and kinds that need other ones."""
    return [*_numbers(request), *_named(request), *_sizes(request), *_lasting(request)]


def _numbers(request: OrderRequest) -> Iterator[str]:
    for name in ("amount", "price", "stop_price", "quote_amount"):
        value = getattr(request, name)
        if value is None:
            continue
        if not value.is_finite() or value <= 0 or not -_DIGITS <= value.adjusted() < _DIGITS:
            yield f"{name} is {_short(value)}; give a number above 0"
        elif int(value.as_tuple().exponent) < -_DIGITS:
            yield f"{name} is {_short(value)}; give a number with fewer digits"


def _named(request: OrderRequest) -> Iterator[str]:
    kind = request.type.value
    if request.type in LIMITED and request.price is None:
        yield f"a {kind} order names a price"
    if request.type not in LIMITED and request.price is not None:
        yield f"a {kind} order names no price"
    if request.type in WAITING and request.stop_price is None:
        yield f"a {kind} order names a stop_price"
    if request.type not in WAITING and request.stop_price is not None:
        yield f"a {kind} order names no stop_price"


def _lasting(request: OrderRequest) -> Iterator[str]:
    kind = request.type.value
    if request.type not in LIMITED and request.time_in_force != TimeInForce.GTC:
        yield f"a {kind} order can't be {request.time_in_force}; that is for orders that name a price"
    elif request.type != OrderType.LIMIT and request.time_in_force == TimeInForce.POST_ONLY:
        yield f"a {kind} order can't be post_only; that is for limit orders"


def _sizes(request: OrderRequest) -> Iterator[str]:
    if request.amount is None and request.quote_amount is None:
        yield "the order names no amount"
    if request.quote_amount is None:
        return
    if request.type != OrderType.MARKET:
        yield f"a {request.type} order names an amount, not a quote_amount"
    if request.amount is not None:
        yield "the order names an amount and a quote_amount; give one of them"


def _short(value: Decimal) -> str:
    said = str(value)
    return said if len(said) <= _DIGITS else f"{said[:_DIGITS]}..."


def _amounts(request: OrderRequest, market: Market) -> Iterator[str]:
    amount, filters, base = request.amount, market.filters, market.base
    if amount is None:
        return
    of_market = request.type == OrderType.MARKET
    lot = (filters.market_lot or filters.lot) if of_market else filters.lot
    most = (filters.market_max or filters.max_amount) if of_market else filters.max_amount
    if lot and amount < lot:
        yield f"{text(amount)} {base} is below the lot size {text(lot)}"
    elif lot and amount % lot:
        yield f"{text(amount)} {base} is not a multiple of the lot size {text(lot)}"
    if filters.min_amount and amount < filters.min_amount and not (lot and amount < lot):
        yield f"{text(amount)} {base} is below the least amount {text(filters.min_amount)}"
    if most and amount > most:
        yield f"{text(amount)} {base} is above the greatest amount {text(most)}"


def _prices(request: OrderRequest, market: Market, price: Decimal | None) -> Iterator[str]:
    filters, quote = market.filters, market.quote
    for name, value in (("price", request.price), ("stop price", request.stop_price)):
        if value is not None and filters.tick and value % filters.tick:
            yield f"the {name} {text(value)} {quote} is not a multiple of the tick {text(filters.tick)}"
    if request.price is None or price is None:
        return
    if filters.lowest and request.price < filters.lowest * price:
        least = text(filters.lowest * price)
        yield f"the price {text(request.price)} {quote} is below {least}, {text(filters.lowest)} of the market's"
    if filters.highest and request.price > filters.highest * price:
        most = text(filters.highest * price)
        yield f"the price {text(request.price)} {quote} is above {most}, {text(filters.highest)} times the market's"


def _notionals(request: OrderRequest, market: Market, price: Decimal | None) -> Iterator[str]:
    filters, quote = market.filters, market.quote
    worth = request.quote_amount
    if worth is not None and filters.cent and worth % filters.cent:
        yield f"{text(worth)} {quote} is not a multiple of {text(filters.cent)} {quote}"
    if request.amount is not None:
        per = request.price or request.stop_price or price
        worth = None if per is None else request.amount * per
    if worth is None:
        return
    if filters.min_notional and worth < filters.min_notional:
        yield f"{text(worth)} {quote} is below the least order of {text(filters.min_notional)} {quote}"
    if filters.max_notional and worth > filters.max_notional:
        yield f"{text(worth)} {quote} is above the greatest order of {text(filters.max_notional)} {quote}"
