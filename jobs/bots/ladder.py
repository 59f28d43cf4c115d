"""A grid's lines on its market: where each of them lies, also beyond those with which it began, and what is traded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal, localcontext

from connectors.market import Market
from connectors.order import Side
from jobs.bots.cells import Cell
from jobs.bots.parameters import takes, whole
from jobs.orders.positions import EXACT

ZERO = Decimal(0)


def ratio(low: Decimal, high: Decimal, spaces: int) -> Decimal:
    """From each line to the next."""
    with localcontext(EXACT):
        return (high / low) ** (Decimal(1) / spaces)


@dataclass(frozen=True, slots=True)
class Spacing:
    """Where lines lie before they are rounded to a market's tick: line 0 at ``low``, line ``spaces`` at ``high``.

    Attributes:
        ratio: From each line to the next; ``None``: they are equally far from each other.
    """

    low: Decimal
    high: Decimal
    spaces: int
    ratio: Decimal | None

    def line(self, number: int) -> Decimal:
        """Where a line lies."""
        return self.high if number == self.spaces else self.along(self.low, number)

    def along(self, price: Decimal, lines: int) -> Decimal:
        """A price that is so many lines above another one, or, below 0, below it."""
        if self.ratio is not None:
            return price * self.ratio**lines
        return price + (self.high - self.low) * lines / self.spaces


@dataclass(frozen=True, slots=True)
class Ladder:
    """Lines on a market.

    Attributes:
        quantity: What is bought in a cell, of the base asset, or, if ``in_quote``, of the quote asset.
        keeps_base: Only so much is sold as brings back what its buying cost; the rest is the profit.
    """

    market: Market
    spacing: Spacing
    quantity: Decimal
    in_quote: bool
    keeps_base: bool

    def line(self, number: int) -> Decimal:
        """Where it lies on the market's tick."""
        return whole(self.spacing.line(number), self.market.filters.tick)

    def lies(self, number: int) -> bool:
        """Whether there is a line apart from the next one."""
        return 0 < self.line(number) < self.line(number + 1)

    def amount(self, number: int, budget: Decimal | None = None) -> Decimal:
        """What is bought at a line; 0: too little for the exchange."""
        low = self.line(number)
        wanted = self.quantity / low if self.in_quote else self.quantity
        if budget is None or budget >= wanted * low:
            return whole(wanted, self.market.filters.lot)
        much = whole(budget / low, self.market.filters.lot)
        return much if self.takes(much, number) else ZERO

    def takes(self, amount: Decimal, number: int) -> bool:
        """Whether the exchange takes an order of this amount at a line."""
        return takes(self.market.filters, amount, self.line(number))

    def back(self, number: int, bought: Decimal) -> Decimal:
        """How much of what was bought at a line is sold at the next one."""
        lot = self.market.filters.lot
        if not self.keeps_base:
            return whole(bought, lot)
        cost = self.amount(number) * self.line(number)
        enough = cost / self.line(number + 1) / (1 - self.market.maker)
        return whole(min(bought, _up(enough, lot)), lot)

    def fresh(self, number: int, turn: int) -> Cell:
        """A cell that buys."""
        return Cell(number=number, side=Side.BUY, amount=self.amount(number), round=turn)


def _up(amount: Decimal, lot: Decimal | None) -> Decimal:
    return (amount / lot).to_integral_value(ROUND_CEILING) * lot if lot else amount
