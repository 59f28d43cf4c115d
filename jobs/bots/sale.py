"""Sale: what must be sold is tried until it is sold, with ever longer pauses; only refusals that last end that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from pydantic import AwareDatetime

from connectors.exchange.filters import faults
from connectors.market import Market
from connectors.order import OrderType, Side
from connectors.words import counted
from jobs.bots.parameters import Model, whole
from jobs.bots.strategy import Ended, Place, Stop, Tell
from jobs.orders.risk import plain

PAUSES = tuple(
    timedelta(minutes=minutes) for minutes in (0, 1, 2, 4, 8, 15)
)  #: after the first failure, the second ...
ROOM = Decimal("0.9")  #: of the greatest worth of an order, which the exchange measures at a price of its own
LASTING = 3  #: such refusals in a row end it; one may be of a balance that a cancelled order has just held
TOLD = 3  #: failures in a row that a person is told of
REMEDY = "sell it by hand, or put that right and start the bot again"


class Failed(Model):
    """Tries in a row that have sold nothing.

    Attributes:
        tries: How many.
        lasting: So many of the last were refused for what a retry can't change.
        again: When the next one may be made.
        why: What became of the last.
    """

    tries: int = 0
    lasting: int = 0
    again: AwareDatetime | None = None
    why: str = ""

    def after(self, event: Ended, now: datetime) -> Failed:
        """With one more, which ended at ``now`` as ``event`` says."""
        return Failed(
            tries=self.tries + 1,
            lasting=self.lasting + 1 if event.lasting else 0,
            again=now + PAUSES[min(self.tries, len(PAUSES) - 1)],
            why=event.why or event.state.value,
        )

    def trying(self) -> Failed:
        """While the next try is on its way."""
        return self.model_copy(update={"again": None})

    def pauses(self, now: datetime) -> bool:
        """Whether the next try has to wait."""
        return self.again is not None and now < self.again

    def shown(self) -> Sequence[str]:
        """How it stands, for a person."""
        return (f"not sold yet, after {counted(self.tries, 'try', 'tries')}: {self.why}",) if self.tries else ()

    def ends(self, what: str) -> Sequence[Stop]:
        """The end of all tries to sell ``what`` (``0.5 BTC``), if they have become useless."""
        return (Stop(f"{what} could not be sold: {self.why}; {REMEDY}"),) if self.lasting >= LASTING else ()

    def told(self, before: Failed, what: str, about: str = "sale") -> Sequence[Tell]:
        """What a person must know since ``before``; ``about``: which sale it is."""
        if not before.tries < TOLD <= self.tries:
            return ()
        longest = PAUSES[-1] // timedelta(minutes=1)
        more = f"it is tried again, in the end every {longest} minutes; look whether you can put that right"
        return (Tell(f"{what} could not be sold {self.tries} times: {self.why}; {more}", about),)


def sale(tag: str, market: Market, amount: Decimal, price: Decimal) -> Place | Stop:
    """The order that sells at the market as much of ``amount`` as one order may; a stop if no order may."""
    filters = market.filters
    step = filters.market_lot or filters.lot
    much = whole(amount, step)
    most = filters.market_max or filters.max_amount or much
    if filters.max_notional:
        most = min(most, filters.max_notional * ROOM / price)
    order = Place(tag, market.symbol, Side.SELL, OrderType.MARKET, amount=whole(min(much, most), step))
    wrong = faults(order.order(tag), market, price) if market.active else ()
    if wrong:
        return Stop(f"{plain(amount)} {market.base} can't be sold: {'; '.join(wrong)}; {REMEDY}")
    return order
