"""Closing: a grid that ends sells all that it has, or trades back to what it had when it began."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from connectors.market import Market
from connectors.order import OrderState, OrderType, Side
from jobs.bots.cells import Lines
from jobs.bots.parameters import whole
from jobs.bots.sale import Failed, sale
from jobs.bots.strategy import Ended, Event, Filled, Place, Stop, View, Wish
from jobs.orders.risk import plain

TRIES = 3  #: orders that should buy back and ended unfilled so often end it
TAG = "close"
ZERO = Decimal(0)


def close(state: Lines, market: Market, view: View) -> tuple[Lines, Sequence[Wish]]:
    """The order that does it, once nothing rests; a stop, if nothing is left to do."""
    over = _over(state, market, view)
    amount = whole(abs(over), market.filters.market_lot or market.filters.lot)
    if not amount:
        return state, (Stop(state.why),)
    tag = f"{TAG}-{state.tries}"
    back = Place(tag, market.symbol, Side.BUY, OrderType.MARKET, amount=amount)
    wish = back if over < 0 else sale(tag, market, over, view.prices[market.symbol])
    if isinstance(wish, Stop):
        return state, (Stop(f"{state.why}; {wish.why}"),)
    more = {"phase": "selling", "tries": state.tries + 1, "failed": state.failed.trying()}
    return state.model_copy(update=more), (wish,)


def closing(state: Lines, market: Market, view: View, now: datetime) -> tuple[Lines, Sequence[Wish]]:
    """What is done after an order of ``close``: a sale is tried until all is sold, a buy a few times."""
    before, over = state.failed, _over(state, market, view)
    ended = [event for event in view.events if isinstance(event, Ended) and event.tag.startswith(TAG)]
    if ended and over < 0:
        return _bought(state, ended[-1], market, view)
    for event in view.events:
        state = state.model_copy(update={"failed": _failed(state.failed, event, now)})
    if not ended and state.failed.again is None:
        return state, ()
    what = f"{plain(over)} {market.base}"
    if useless := state.failed.ends(what):
        return state, [Stop(f"{state.why}; {stop.why}") for stop in useless]
    if state.failed.pauses(now):
        return state, state.failed.told(before, what)
    return close(state, market, view)


def _over(state: Lines, market: Market, view: View) -> Decimal:
    """What it has to sell, or, below 0, to buy back."""
    held = view.balances.get(market.base)
    return (held.free if held else ZERO) - (state.began if state.closes else ZERO)


def _failed(failed: Failed, event: Event, now: datetime) -> Failed:
    match event:
        case Filled(tag=tag) if tag.startswith(TAG):
            return Failed()
        case Ended(tag=tag, state=ended) if tag.startswith(TAG):
            return Failed() if ended is OrderState.FILLED else failed.after(event, now)
    return failed


def _bought(state: Lines, ended: Ended, market: Market, view: View) -> tuple[Lines, Sequence[Wish]]:
    if ended.state is OrderState.FILLED:
        return state, (Stop(state.why),)
    if state.tries >= TRIES:
        why = f"its position could not be closed: {ended.why or ended.state}"
        return state, (Stop(f"{state.why}; {why}"),)
    return close(state, market, view)
