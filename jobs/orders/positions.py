"""Positions and profit from fills: at average cost, and first in, first out. Pure, exact, in ``Decimal``.

A fee in the base asset makes the position smaller, one in the quote asset the profit; one in a third asset is kept
apart. With every method, what was earned plus what is held at any price is what was received less what was paid.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from connectors.order import Fill, Side

EXACT = Context(prec=100)  #: sums and products of prices and amounts are exact in it
STEP = Decimal("1e-18")  #: to which a share of a cost is rounded; the rest of the cost bears the difference
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Flow:
    """What a fill did to the balances: ``base`` and ``quote`` came (negative: went), ``fee`` of ``asset`` besides."""

    base: Decimal
    quote: Decimal
    fee: Decimal = ZERO
    asset: str = ""


def flow(fill: Fill) -> Flow:
    """A fill as a change of balances, its fee taken where it was paid."""
    base_asset, _, quote_asset = fill.symbol.partition("/")
    sign = 1 if fill.side is Side.BUY else -1
    with localcontext(EXACT):
        base, quote = sign * fill.amount, -sign * fill.amount * fill.price
        if fill.fee_asset == base_asset:
            return Flow(base - fill.fee, quote)
        if fill.fee_asset == quote_asset:
            return Flow(base, quote - fill.fee)
    return Flow(base, quote, fill.fee, fill.fee_asset)


@dataclass(frozen=True, slots=True)
class Lot:
    """An amount of the base asset and what it cost in the quote asset; both negative: sold before it was bought."""

    amount: Decimal = ZERO
    cost: Decimal = ZERO


Lots = tuple[Lot, ...]
Method = Callable[[Lots, Flow], tuple[Lots, Decimal]]  #: what is held then, and what was earned


def average(lots: Lots, moved: Flow) -> tuple[Lots, Decimal]:
    """All that is held costs the same: one lot."""
    with localcontext(EXACT):
        left, rest, earned = _close(lots, moved)
        held = _opened(left, rest)
        one = Lot(sum((lot.amount for lot in held), ZERO), sum((lot.cost for lot in held), ZERO))
        return ((one,) if one.amount else ()), earned + (ZERO if rest.base else rest.quote)


def fifo(lots: Lots, moved: Flow) -> tuple[Lots, Decimal]:
    """What came first goes first."""
    with localcontext(EXACT):
        left, rest, earned = _close(lots, moved)
        return _opened(left, rest), earned + (ZERO if rest.base else rest.quote)


def _opened(left: Lots, rest: Flow) -> Lots:
    return (*left, Lot(rest.base, -rest.quote)) if rest.base else left


def _close(lots: Lots, moved: Flow) -> tuple[Lots, Flow, Decimal]:
    """Lots that a flow the other way makes smaller, what of the flow is left over, and what was earned."""
    left, earned = list(lots), ZERO
    base, quote = moved.base, moved.quote
    while left and base and (left[0].amount > 0) != (base > 0):
        lot = left.pop(0)
        closed = min(abs(base), abs(lot.amount))
        cost, got = _share(lot.cost, closed, abs(lot.amount)), _share(quote, closed, abs(base))
        earned += got - cost
        kept = Lot(lot.amount + (closed if base > 0 else -closed), lot.cost - cost)
        if kept.amount:
            left.insert(0, kept)
        base, quote = base + (-closed if base > 0 else closed), quote - got
    return tuple(left), Flow(base, quote), earned


def _share(whole: Decimal, part: Decimal, of: Decimal) -> Decimal:
    return whole if part == of else (whole * part / of).quantize(STEP, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Profit:
    """What fills came to.

    Attributes:
        amount: Held of the base asset.
        cost: What it cost, in the quote asset.
        realised: Earned, in the quote asset, fees in base and quote included.
        days: The same by day (UTC).
        fees: Paid in other assets; in no other figure.
        volume: Bought and sold, in the quote asset.
    """

    amount: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    days: Mapping[date, Decimal] = field(default_factory=dict)
    fees: Mapping[str, Decimal] = field(default_factory=dict)
    volume: Decimal = ZERO

    def unrealised(self, price: Decimal) -> Decimal:
        """What selling all of it at ``price`` would earn, without fees."""
        with localcontext(EXACT):
            return self.amount * price - self.cost

    @property
    def price(self) -> Decimal | None:
        """What a unit cost; ``None`` if nothing is held."""
        return self.cost / self.amount if self.amount else None


def profit(fills: Iterable[Fill], method: Method) -> Profit:
    """What the fills of one symbol came to, in their order."""
    lots: Lots = ()
    days: defaultdict[date, Decimal] = defaultdict(Decimal)
    fees: defaultdict[str, Decimal] = defaultdict(Decimal)
    volume = ZERO
    with localcontext(EXACT):
        for fill in fills:
            moved = flow(fill)
            lots, earned = method(lots, moved)
            days[fill.at.astimezone(UTC).date()] += earned
            volume += fill.amount * fill.price
            if moved.fee:
                fees[moved.asset] += moved.fee
        return Profit(
            sum((lot.amount for lot in lots), ZERO),
            sum((lot.cost for lot in lots), ZERO),
            sum(days.values(), ZERO),
            {day: earned for day, earned in days.items() if earned},
            {asset: fee for asset, fee in fees.items() if fee},
            volume,
        )
