"""Take-profit steps: a position is sold in parts, each of them further above what it cost than the one before."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from connectors.market import Filters
from connectors.order import OrderState
from jobs.bots.exits import Exit, heard
from jobs.bots.parameters import Model, takes, whole
from jobs.bots.strategy import Ended, Filled

MOST = 4  #: 3Commas takes no more
HUNDRED = Decimal(100)
ZERO = Decimal(0)

Gain = Annotated[Decimal, Field(gt=0, le=1000, allow_inf_nan=False)]  #: in percent


class Step(Model):
    """One of them, as 3Commas names it.

    Attributes:
        amount_percentage: The share of all that was bought.
        profit_percentage: How far above what it cost it is sold.
    """

    amount_percentage: Decimal = Field(gt=0, le=HUNDRED, allow_inf_nan=False)
    profit_percentage: Gain

    def __str__(self) -> str:
        """As it is written in a parameter."""
        return f"{self.amount_percentage}:{self.profit_percentage}"


def _split(given: Any) -> Any:
    """``50:2,50:4`` as what it names."""
    if not isinstance(given, str):
        return given
    if not given.strip():
        return ()
    pairs = [item.partition(":") for item in given.replace(" ", "").split(",")]
    if wrong := [share for share, colon, gain in pairs if not (share and colon and gain)]:
        raise ValueError(f"names no distance for {wrong[0][:20] or 'a share'}; write 50:2,50:4")
    return [{"amount_percentage": share, "profit_percentage": gain} for share, _, gain in pairs]


def _sense(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    if len(steps) > MOST:
        raise ValueError(f"names {len(steps)} steps, more than {MOST}")
    if steps and (total := sum((step.amount_percentage for step in steps), ZERO)) != HUNDRED:
        raise ValueError(f"shares out {total} %, and must share out 100 %")
    if any(low.profit_percentage >= high.profit_percentage for low, high in pairwise(steps)):
        raise ValueError("must name its distances from the nearest to the farthest")
    return steps


def _joined(steps: tuple[Step, ...]) -> str:
    return ",".join(map(str, steps))


Steps = Annotated[
    tuple[Step, ...],
    BeforeValidator(_split),
    AfterValidator(_sense),
    PlainSerializer(_joined),
]


class Part(Model):
    """What has become of a step in this deal.

    Attributes:
        exit: What rests for it.
        sold: So much of it, in the base asset.
        due: The price has come there, and what rests for it must give way to a sale at the market.
        selling: The tag of that sale.
        more: That is as much as one order may sell, and does not sell the step wholly.
        done: It was sold wholly.
    """

    exit: Exit = Exit()
    sold: Decimal = ZERO
    due: bool = False
    selling: str = ""
    more: bool = False
    done: bool = False

    @property
    def tags(self) -> tuple[str, ...]:
        """Of all that rests for it."""
        return (*self.exit.tags, self.selling) if self.selling else self.exit.tags


def told_of(part: Part, event: object) -> Part:
    """What has become of it after an event."""
    match event:
        case Filled(tag=tag, fill=fill) if tag in part.tags:
            return part.model_copy(update={"sold": part.sold + fill.amount, "exit": heard(part.exit, event)})
        case Ended(tag=tag, state=ended) if tag in part.tags:
            by_profit = tag in {part.exit.profit, part.selling}
            more: dict[str, object] = {"exit": heard(part.exit, event)}
            if tag == part.selling:
                more["selling"] = ""
            wholly = by_profit and not (part.more and tag == part.selling)
            if wholly and ended is OrderState.FILLED:
                more |= {"done": True, "due": False}
            return part.model_copy(update=more)
    return part


def amounts(  # noqa: PLR0913, PLR0917 - what is shared out, and what an order must be
    parts: Sequence[Part], steps: Sequence[Step], bought: Decimal, held: Decimal, filters: Filters, price: Decimal
) -> tuple[Decimal, ...]:
    """How much each step has still to sell; together all that is held, in whole lots but for the last of them.

    What would be too small an order at ``price`` is sold with the next step, and at the end with the one before.
    """
    remain = [number for number, part in enumerate(parts) if not part.done]
    found, left, carried, before = [ZERO] * len(parts), held, ZERO, None
    for number in remain[:-1]:
        share = bought * steps[number].amount_percentage / HUNDRED - parts[number].sold
        wanted = min(left, carried + max(ZERO, share))
        much = whole(wanted, filters.lot)
        if not takes(filters, much, price):
            carried = wanted
            continue
        found[number], left, carried, before = much, left - much, ZERO, number
    last = remain[-1] if before is None or takes(filters, whole(left, filters.lot), price) else before
    found[last] += left
    return tuple(found)
