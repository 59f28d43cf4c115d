"""Exits: the orders that end a position rest at its exchange as far as it holds them; what it does not is watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from connectors.market import Market
from connectors.order import OrderState, OrderType, Side, TimeInForce
from jobs.bots.parameters import Model, whole
from jobs.bots.strategy import Cancel, Ended, Filled, Pair, Place, Wish
from jobs.orders.risk import plain

Name = Literal["stop", "profit"]
NAMES: dict[Name, str] = {"stop": "stop-loss", "profit": "take-profit"}
ZERO = Decimal(0)


class Exit(Model):
    """What rests.

    Attributes:
        stop: The tag of the stop; empty: none rests.
        profit: The tag of the take-profit.
        stop_price: Where the stop rests.
        profit_price: Where the take-profit rests.
        amount: For so much of the base asset, what was filled taken off.
        paired: The two were placed as a pair.
        apart: The exchange took no pair, so the stop rests alone and the take-profit is watched.
        limited: The stop names a limit price, which may be jumped over: it was to, or none that sells at the market was
            taken.
        refused: Those that it did not take at all.
    """

    stop: str = ""
    profit: str = ""
    stop_price: Decimal = ZERO
    profit_price: Decimal = ZERO
    amount: Decimal = ZERO
    paired: bool = False
    apart: bool = False
    limited: bool = False
    refused: tuple[Name, ...] = ()

    @property
    def tags(self) -> tuple[str, ...]:
        """Of what rests."""
        return tuple(tag for tag in (self.stop, self.profit) if tag)


@dataclass(frozen=True, slots=True)
class Barriers:
    """Where a position is to be sold, in the quote asset; 0: nowhere.

    Attributes:
        limit: The take-profit is a limit order that rests there; else a market order once the price has come there.
        step: The stop is moved when it can rise by so much of itself.
        ratio: A stop that must name a limit price names so much of its own.
    """

    stop: Decimal = ZERO
    profit: Decimal = ZERO
    limit: bool = False
    step: Decimal = ZERO
    ratio: Decimal = Decimal("0.99")


def heard(held: Exit, event: object) -> Exit:
    """What rests after an event."""
    match event:
        case Filled(tag=tag, fill=fill) if tag in held.tags:
            return held.model_copy(update={"amount": held.amount - fill.amount})
        case Ended(tag=tag, state=ended, outdated=outdated) if tag in held.tags:
            name: Name = "stop" if tag == held.stop else "profit"
            gone = held.model_copy(update={name: ""})
            refused = ended is OrderState.REJECTED and not outdated
            return gone.model_copy(update=_refused(held, name)) if refused else gone
    return held


def _refused(held: Exit, name: Name) -> dict[str, object]:
    """What to try instead: the two apart, then a stop with a limit price; then it is watched."""
    if held.paired:
        return {"apart": True}
    if name == "stop" and not held.limited:
        return {"limited": True}
    return {"refused": (*held.refused, name)}


def reached(held: Exit, barriers: Barriers, price: Decimal) -> Name | None:
    """The barrier that a closing price has come to, and at which no order of ours can act."""
    jumped = held.limited and price < held.stop_price * barriers.ratio
    if barriers.stop and price <= barriers.stop and (not held.stop or jumped):
        return "stop"
    if barriers.profit and price >= barriers.profit and not held.profit:
        return "profit"
    return None


def resting(  # noqa: PLR0913, PLR0917 - what is to rest, and where
    held: Exit, barriers: Barriers, amount: Decimal, market: Market, price: Decimal, tags: tuple[str, str]
) -> tuple[Exit, Sequence[Wish]]:
    """Bring what rests to what should: placed once; moved, or made larger or smaller, by a cancel that comes first.

    ``tags`` are what a new stop and a new take-profit are called.
    """
    filters = market.filters
    levels: dict[Name, Decimal] = {
        "stop": whole(barriers.stop, filters.tick),
        "profit": whole(barriers.profit, filters.tick),
    }
    wanted = [name for name in _wanted(held, barriers, market, price) if levels[name]]
    much = whole(amount, filters.lot)
    if held.tags:
        fits = _fits(held, barriers, wanted, much, levels)
        return held, () if fits else (Cancel(held.tags[0]),)  # the new ones follow when their balance is free
    if not wanted or not much:
        return held, ()
    stop, profit = tags
    legs: dict[Name, Place] = {
        "stop": _stop(stop, market, much, levels["stop"], barriers.ratio if held.limited else None),
        "profit": _take_profit(profit, market, much, levels["profit"], limit=barriers.limit, paired=len(wanted) > 1),
    }
    placed = [legs[name] for name in wanted]
    wish = Pair(placed[0], placed[1]) if len(placed) > 1 else placed[0]
    now = {name: legs[name].tag for name in wanted} | {f"{name}_price": levels[name] for name in wanted}
    return held.model_copy(update={**now, "amount": much, "paired": len(placed) > 1}), (wish,)


def _wanted(held: Exit, barriers: Barriers, market: Market, price: Decimal) -> list[Name]:
    """What should rest: both where the exchange takes a pair; of two it holds one of, the stop."""
    there = barriers.stop > 0, barriers.profit > 0
    can: list[Name] = [name for name, is_there in zip(NAMES, there, strict=True) if is_there]
    if len(can) > 1 and market.pairs and not held.apart:
        return can if barriers.stop < price < barriers.profit else []
    return [name for name in can if name not in held.refused][:1]


def _fits(held: Exit, barriers: Barriers, wanted: Sequence[Name], amount: Decimal, levels: dict[Name, Decimal]) -> bool:
    """Whether what rests may stay as it is."""
    alone = held.paired and len(held.tags) == 1
    if alone and (held.stop or not barriers.limit):
        return True  # it was triggered, and is a market order by now
    if alone and not wanted:
        return True  # the price is where its limit is
    names = [name for name in NAMES if getattr(held, name)]
    if names != list(wanted) or held.amount != amount:
        return not wanted
    moved = held.stop and levels["stop"] > held.stop_price * (1 + barriers.step)
    return not moved and not (held.profit and levels["profit"] != held.profit_price)


def _stop(tag: str, market: Market, amount: Decimal, level: Decimal, ratio: Decimal | None) -> Place:
    if ratio is None:
        return Place(tag, market.symbol, Side.SELL, OrderType.STOP, amount=amount, stop_price=level)
    limit = whole(level * ratio, market.filters.tick)
    return Place(tag, market.symbol, Side.SELL, OrderType.STOP_LIMIT, amount=amount, price=limit, stop_price=level)


def _take_profit(  # noqa: PLR0913 - what, where, and how
    tag: str, market: Market, amount: Decimal, price: Decimal, *, limit: bool, paired: bool
) -> Place:
    if limit:
        # in a pair a limit order may only rest: Binance's LIMIT_MAKER
        lasts = TimeInForce.POST_ONLY if paired else TimeInForce.GTC
        return Place(tag, market.symbol, Side.SELL, OrderType.LIMIT, amount=amount, price=price, time_in_force=lasts)
    return Place(tag, market.symbol, Side.SELL, OrderType.TAKE_PROFIT, amount=amount, stop_price=price)


def told(held: Exit, barriers: Barriers) -> list[str]:
    """What rests and what is watched, for a person."""
    levels: dict[Name, Decimal] = {"stop": barriers.stop, "profit": barriers.profit}
    rests = [f"{NAMES[name]} at {plain(getattr(held, f'{name}_price'))}" for name in NAMES if getattr(held, name)]
    watched = [
        f"{NAMES[name]} at {plain(level, 8)}" for name, level in levels.items() if level and not getattr(held, name)
    ]
    both = " (one cancels the other)" if len(rests) > 1 else ""
    lines = [f"rests at the exchange: {' and '.join(rests)}{both}"] if rests else []
    why = "; the exchange holds one order for this balance" if rests and watched else ""
    return lines + ([f"watched at each candle's close: {' and '.join(watched)}{why}"] if watched else [])
