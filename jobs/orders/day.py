"""What a day came to, with what is held at its price: earned and lost, realised or not. Pure, exact, in ``Decimal``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from itertools import accumulate

from jobs.orders.positions import EXACT, ZERO, Flow


@dataclass(frozen=True, slots=True)
class Mark:
    """What a unit of a symbol's base asset is worth, in its quote asset.

    Attributes:
        opened: As the day (UTC) began: the last price known before it, else the first of the day.
        price: The last that is known.
    """

    opened: Decimal
    price: Decimal


def result(held: Decimal, moved: Iterable[Flow], mark: Mark) -> Decimal:
    """What a day came to in one symbol, in its quote asset; negative: a loss.

    What was realised in the day, and by how much what is held has changed its worth since the day began (or since it
    was bought): so each loss counts once, on the day on which it came about. Fees in base and quote are in it. Nothing
    is sold at an exchange that is not there: what was sold beyond what was bought here had come from elsewhere before
    the day, and is no debt once it is gone.

    Args:
        held: Of the base asset now; below 0: so much more was sold than bought.
        moved: What the day's fills did to the balances, oldest first.
        mark: The symbol's prices.
    """
    with localcontext(EXACT):
        flows = list(moved)
        before = held - sum((item.base for item in flows), ZERO)
        elsewhere = max(ZERO, *(-much for much in accumulate((item.base for item in flows), initial=before)))
        paid = sum((item.quote for item in flows), ZERO)
        return paid + (held + elsewhere) * mark.price - (before + elsewhere) * mark.opened
