"""Cells of a grid: between two lines the same amount is bought at the lower and sold at the upper one in turn."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from connectors.order import Side
from jobs.bots.parameters import Model
from jobs.bots.sale import Failed
from jobs.bots.strategy import Filled

_TAG = re.compile(r"(?:buy|sell)-(-?\d+)-(\d+)")


class Cell(Model):
    """The space between two lines.

    Attributes:
        number: Of its lower line; 0 is the lowest with which the grid began.
        side: What is done next.
        amount: How much of it is still to be done, in the base asset.
        got: How much this round has bought, fees in the base asset taken off.
        round: Raised with every order, so that each has a tag of its own.
        resting: Whether the order of this round is placed.
        leaving: Whether the grid has asked for that to be cancelled: others are nearer to the price, or it moves.
        tries: Orders in a row that ended without being filled, other than by the grid's own wish.
        budget: It may spend so much of the quote asset at a time, as what it held was sold below what that had cost.
    """

    number: int
    side: Side
    amount: Decimal
    got: Decimal = Decimal(0)
    round: int = 0
    resting: bool = False
    leaving: bool = False
    tries: int = 0
    budget: Decimal | None = None

    @property
    def line(self) -> int:
        """The number of the line at which it acts next."""
        return self.number + (self.side is Side.SELL)

    @property
    def tag(self) -> str:
        """What its order is called."""
        return f"{self.side}-{self.number}-{self.round}"

    def filled(self, event: Filled, base: str) -> Cell:
        """After a fill of its order."""
        fill = event.fill
        net = fill.amount - (fill.fee if fill.fee_asset == base else 0)
        got = self.got + net if self.side is Side.BUY else self.got
        return self.model_copy(update={"amount": self.amount - fill.amount, "got": got, "tries": 0})


def read(tag: str) -> tuple[int, int]:
    """A tag's number and round."""
    found = _TAG.fullmatch(tag)
    return (int(found[1]), int(found[2])) if found else (0, -1)


class Lines(Model):
    """How far a grid has come.

    Attributes:
        phase: ``new``; ``buying`` what the sells need; ``running``; ``cancelling`` all orders; ``selling`` everything.
        cells: From the lowest to the highest, without a gap.
        turns: The round in which a new cell begins: above those of all that were given up.
        shift: So many lines it is about to move: up, or, below 0, down.
        began: What it had of the base asset when it began.
        closes: It ends by trading back to that; else it sells everything.
        starts: Orders for what the sells need that ended without being filled.
        tries: Orders that were to end it so.
        failed: Sales among them, in a row, that sold nothing.
        why: Why it ends.
    """

    phase: Literal["new", "buying", "running", "cancelling", "selling"] = "new"
    cells: tuple[Cell, ...] = ()
    turns: int = 0
    shift: int = 0
    began: Decimal = Decimal(0)
    closes: bool = False
    starts: int = 0
    tries: int = 0
    failed: Failed = Failed()
    why: str = ""

    @property
    def bottom(self) -> int:
        """The number of the lowest line."""
        return self.cells[0].number

    @property
    def top(self) -> int:
        """The number of the highest line."""
        return self.cells[-1].number + 1

    def only(self, side: Side) -> bool:
        """Whether all cells wait for the same: the price is beyond all lines."""
        return all(cell.side is side for cell in self.cells)

    @property
    def crossed(self) -> bool:
        """Whether a cell waits to buy at the line, or above it, at which another one waits to sell."""
        sides = [cell.side for cell in self.cells if cell.amount]
        return Side.SELL in sides and Side.BUY in sides[sides.index(Side.SELL) :]

    @property
    def moving(self) -> tuple[Cell, ...]:
        """The cells that are about to be given up on one side, for others on the other."""
        return self.cells[: self.shift] if self.shift >= 0 else self.cells[self.shift :]
