"""A deal: what was bought in one, what of it is held, and what rests to buy more of it or to sell it."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from connectors.market import Market
from connectors.order import OrderState, Side
from jobs.bots.parameters import Model
from jobs.bots.sale import Failed
from jobs.bots.steps import Part, told_of
from jobs.bots.strategy import Closed, Ended, Filled


class Deal(Model):
    """How far it has come.

    Attributes:
        phase: ``idle`` between deals, ``opening`` (the base order), ``open``, ``closing`` (cancelled, then sold).
        number: Of the deal, from 1.
        until: When the next one may begin.
        funds: Free in the quote asset when it began, where volumes are shares of that.
        base_price: What the base order paid on average, without fees: the price that safety orders are measured from.
        base_amount: Bought by it, fees not taken off.
        base_cost: Paid for that, fees not added.
        held: Bought and not sold, fees in the base asset taken off.
        got: Bought in this deal, fees in the base asset taken off.
        cost: Paid for it, fees in the quote asset included.
        safety: Safety orders that were placed in this deal.
        resting: Tags of the orders that may still be filled.
        parts: What has become of each take-profit step.
        peak: The highest close since the take-profit was reached; 0: it was not.
        top: The highest close since the deal is open.
        below: Since when closes have been at the stop-loss or below it.
        orders: Raised with every order, so that each has a tag of its own.
        tries: Orders in a row that should have bought, and did not.
        failed: Times in a row that what had to be sold at the market was not; steps that are sold together count once.
    """

    phase: Literal["idle", "opening", "open", "closing"] = "idle"
    number: int = 0
    until: AwareDatetime | None = None
    funds: Decimal = Decimal(0)
    base_price: Decimal = Decimal(0)
    base_amount: Decimal = Decimal(0)
    base_cost: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    got: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    safety: int = 0
    resting: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    peak: Decimal = Decimal(0)
    top: Decimal = Decimal(0)
    below: AwareDatetime | None = None
    orders: int = 0
    tries: int = 0
    why: str = ""
    failed: Failed = Failed()

    @property
    def average(self) -> Decimal:
        """What was paid for one on average, fees included."""
        return self.cost / self.got

    @property
    def exits(self) -> tuple[str, ...]:
        """Tags of what rests to sell."""
        return tuple(tag for part in self.parts for tag in part.tags)

    @property
    def sales(self) -> tuple[str, ...]:
        """Tags of what sells at the market, and is on its way."""
        return tuple(filter(_at_market, self.resting))

    def part(self, number: int, part: Part) -> Deal:
        """The deal with another part of this number."""
        return self.model_copy(update={"parts": (*self.parts[:number], part, *self.parts[number + 1 :])})

    def tagged(self, what: str) -> tuple[Deal, str]:
        """The deal with one order more, and what that is called."""
        tag = f"deal-{self.number}-{what}-{self.orders + 1}"
        return self.model_copy(update={"orders": self.orders + 1, "resting": (*self.resting, tag)}), tag


def told(deal: Deal, event: object, market: Market, now: datetime) -> Deal:
    """What has become of a deal after an event."""
    match event:
        case Filled(tag=tag) if tag in deal.resting:
            return _filled(deal, event, market)
        case Ended(tag=tag, state=ended, why=why, outdated=outdated) if tag in deal.resting:
            ours = any(tag in part.exit.tags for part in deal.parts)
            # one that is refused is watched, one of a pair expires with the other
            unsold = _at_market(tag) and ended is not OrderState.FILLED
            refused = ended in {OrderState.REJECTED, OrderState.EXPIRED} and not outdated
            failed = refused and not ours and not unsold
            again = unsold and deal.failed.again is None  # else another step of the same try is counted already
            return deal.model_copy(
                update={
                    "resting": tuple(one for one in deal.resting if one != tag),
                    "parts": tuple(told_of(part, event) for part in deal.parts),
                    "tries": deal.tries + failed,
                    "why": (why or ended.value) if failed else deal.why,
                    "failed": deal.failed.after(event, now) if again else deal.failed,
                }
            )
        case Closed(symbol=market.symbol, candle=candle) if deal.phase == "open":
            return deal.model_copy(update={"top": max(deal.top, candle.close)})
    return deal


def _filled(deal: Deal, event: Filled, market: Market) -> Deal:
    fill = event.fill
    base, quote = (fill.fee if fill.fee_asset == asset else Decimal(0) for asset in (market.base, market.quote))
    if fill.side is Side.SELL:
        parts = tuple(told_of(part, event) for part in deal.parts)
        # once a stop-loss has begun to sell, nothing of the deal is left to itself
        stopped = any(event.tag == part.exit.stop for part in deal.parts)
        phase = "closing" if stopped else deal.phase
        sold = {"held": deal.held - fill.amount, "parts": parts, "tries": 0, "failed": Failed(), "phase": phase}
        return deal.model_copy(update=sold)
    net, paid = fill.amount - base, fill.price * fill.amount + quote
    more = {"held": deal.held + net, "got": deal.got + net, "cost": deal.cost + paid, "tries": 0}
    if deal.phase == "opening":
        more["base_amount"] = deal.base_amount + fill.amount
        more["base_cost"] = deal.base_cost + fill.price * fill.amount
    return deal.model_copy(update=more)


def _at_market(tag: str) -> bool:
    """Whether it is an order that sells a step, or all that is left, at the market."""
    return "-sell-" in tag or "-step-" in tag
