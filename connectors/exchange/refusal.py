"""What keeps the matching engine from taking an order."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from connectors.exchange.filters import faults, text
from connectors.exchange.shelf import Shelf, crosses, triggers_rising
from connectors.order import WAITING, OrderRequest, OrderType, TimeInForce


class Why(StrEnum):
    """Why an order, or a cancel, is refused."""

    SYMBOL = "symbol"
    FILTER = "filter"
    PRICE = "price"  #: none was seen yet
    BALANCE = "balance"
    DUPLICATE = "duplicate"
    WOULD_TAKE = "would_take"
    WOULD_TRIGGER = "would_trigger"
    PAIR = "pair"  #: the two orders are no pair
    NOT_OPEN = "not_open"


class Refused(Exception):
    """Nothing was done; one sentence says why."""

    def __init__(self, kind: Why, why: str) -> None:
        """Say why."""
        super().__init__(why)
        self.kind = kind


def check(request: OrderRequest, shelf: Shelf) -> None:
    """Whether an order can be placed, whatever the account holds.

    Raises:
        Refused: it can't.
    """
    wrong = faults(request, shelf.market, shelf.last)
    if wrong:
        raise Refused(Why.FILTER, "; ".join(wrong))
    if shelf.last is None:
        if request.type == OrderType.MARKET:
            raise Refused(Why.PRICE, f"{request.symbol} has no price yet")
        return
    if request.stop_price is not None and _triggers(request, request.stop_price, shelf.last):
        raise Refused(Why.WOULD_TRIGGER, f"the stop price {text(request.stop_price)} would trigger at once")
    if request.time_in_force == TimeInForce.POST_ONLY and crosses(request, shelf.last):
        raise Refused(Why.WOULD_TAKE, "the post_only order would be filled at once")


def check_pair(first: OrderRequest, second: OrderRequest, shelf: Shelf) -> None:
    """Whether two orders can be a pair of which one cancels the other.

    Raises:
        Refused: they can't.
    """
    same = (first.symbol, first.side, first.amount) == (second.symbol, second.side, second.amount)
    if not same or first.client_order_id == second.client_order_id:
        raise Refused(Why.PAIR, "the two orders of a pair have one symbol, side and amount, and two client order ids")
    if shelf.last is None:
        raise Refused(Why.PRICE, f"{first.symbol} has no price yet")
    for request in (first, second):
        if request.type == OrderType.LIMIT and crosses(request, shelf.last):
            raise Refused(Why.PAIR, "the limit order of a pair would be filled at once")
        if request.type == OrderType.LIMIT and request.time_in_force in {TimeInForce.IOC, TimeInForce.FOK}:
            raise Refused(Why.PAIR, f"the limit order of a pair rests; it can't be {request.time_in_force}")
    kinds = {first.type, second.type}
    levels = [request.stop_price or request.price for request in (first, second)]
    above = [level for level in levels if level is not None and level > shelf.last]
    if OrderType.MARKET in kinds or not kinds & WAITING or len(above) != 1:
        raise Refused(Why.PAIR, "a pair has one order above the market's price and one below; at least one is a stop")


def _triggers(request: OrderRequest, stop: Decimal, last: Decimal) -> bool:
    return last >= stop if triggers_rising(request) else last <= stop
