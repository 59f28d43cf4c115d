"""What the stand-in for Alpaca holds: a market with hours, accounts, and every order by the names that it has."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web

from connectors.exchange.refusal import Refused, Why
from connectors.exchange.shelf import Resting
from connectors.exchange.twin_world import Member, Replay, World
from connectors.order import OrderRequest, OrderState

CALLS = 200  #: a minute, for an account


class ApiError(Exception):
    """An answer that says no."""

    def __init__(self, status: int, code: int, message: str, **more: str) -> None:
        """``code``: Alpaca's own, whose first three digits are the status."""
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message, **more}


@dataclass(eq=False)
class Placed:
    """An order.

    Attributes:
        asked: What was sent, with the numbers as text.
        number: The matching engine's; ``None``: it waits for the market to open.
        ended: How it ended, where that is not the engine's doing.
    """

    id: str
    member: Member
    request: OrderRequest
    asked: Mapping[str, Any]
    at: datetime
    number: int | None = None
    ended: str = ""
    changed: datetime | None = None

    @property
    def resting(self) -> Resting | None:
        """As the engine has it."""
        if self.number is None:
            return None
        return self.member.paper.open.get(self.number) or self.member.paper.ended.get(self.number)

    @property
    def live(self) -> bool:
        """Whether it may still be filled."""
        resting = self.resting
        return not self.ended and (resting is None or resting.live)


@dataclass
class Street(World):
    """The exchange. It is open at all hours, until ``close`` says otherwise.

    Attributes:
        placed: Every order, by Alpaca's id of it.
        named: The same by account and client order id; none is ever used twice.
        opens: When it opens again; ``None``: it is open.
        breaks: Since it was closed for the first time: where in the markets' time each closing was, and how long.
        counted: By account, the minute that runs, and how many calls came in it.
        blocked: Accounts that may not trade.
    """

    placed: dict[str, Placed] = field(default_factory=dict)
    named: dict[tuple[int, str], Placed] = field(default_factory=dict)
    opens: datetime | None = None
    held: timedelta = timedelta()
    breaks: list[tuple[timedelta, timedelta]] = field(default_factory=list)
    counted: dict[int, tuple[int, int]] = field(default_factory=dict)
    calls: int = CALLS
    blocked: set[int] = field(default_factory=set)

    def gone(self) -> timedelta:
        """As of any exchange; nothing moves while it is closed."""
        return super().gone() if self.opens is None else self.held

    def shown(self, replay: Replay, at: datetime) -> datetime:
        """As of any exchange, but for the hours in which it was closed."""
        closed = (lasted for begun, lasted in self.breaks if at - replay.starts >= begun)
        return super().shown(replay, at) + sum(closed, timedelta())

    def own(self, replay: Replay, at: datetime) -> datetime:
        """As of any exchange; all of a closing is one instant."""
        for begun, lasted in self.breaks:
            edge = super().shown(replay, replay.starts + begun)
            at -= min(max(at - edge, timedelta()), lasted)
        return super().own(replay, at)

    def close(self, opens: datetime) -> None:
        """The session ends: orders for the day expire, and nothing is filled until then."""
        self.catch_up()
        self.held, self.opens = self.gone(), opens
        self.breaks.append((self.held, opens - self.clock()))
        for order in self.placed.values():
            if order.live and order.asked["time_in_force"] == "day":
                self.end(order, "expired")

    def catch_up(self) -> None:
        """Open when it is time, first with the orders that wait, in the order of their coming."""
        if self.opens is not None and self.clock() >= self.opens:
            self.opens = None
            self.moved -= self.breaks[-1][1] * self.speed
            for order in [one for one in self.placed.values() if one.live and one.number is None]:
                try:
                    self.enter(order)
                except ApiError:
                    self.end(order, "rejected")
        super().catch_up()

    def enter(self, order: Placed) -> None:
        """Hand an order to the engine.

        Raises:
            ApiError: it was refused.
        """
        try:
            order.number = int(order.member.paper.place(order.request, self.clock()).id)
        except Refused as refused:
            raise self._said(order, refused) from None

    def add(self, order: Placed) -> None:
        """Take an order: at once, or for the opening.

        Raises:
            ApiError: it was refused; there is no such order.
        """
        if self.opens is None:
            self.enter(order)
        self.placed[order.id] = order
        self.named[order.member.number, order.request.client_order_id] = order

    def end(self, order: Placed, how: str) -> None:
        """It is over."""
        resting = order.resting
        if resting is not None and resting.live:
            order.member.paper.cancel(resting.request.client_order_id, self.clock())
        order.ended, order.changed = how, self.clock()

    def _said(self, order: Placed, refused: Refused) -> ApiError:
        request, held = order.request, order.member.paper.balances()
        if refused.kind is Why.BALANCE and request.side == "buy":
            free = held["USD"].free if "USD" in held else Decimal(0)
            return ApiError(403, 40310000, "insufficient buying power", buying_power=f"{free:f}")
        if refused.kind is Why.BALANCE:
            asset = request.symbol.partition("/")[0]
            free = held[asset].free if asset in held else Decimal(0)
            asked = f"requested: {request.amount}, available: {free}"
            return ApiError(403, 40310000, f"insufficient qty available for order ({asked})")
        return ApiError(422, 42210000, str(refused))


WORLD = web.AppKey("street", Street)


def fresh() -> str:
    """An id of Alpaca's."""
    return str(uuid.uuid4())


def status(order: Placed) -> str:
    """Where an order stands, in Alpaca's words."""
    if order.ended:
        return order.ended
    resting = order.resting
    if resting is None:
        return "accepted"
    words = {OrderState.OPEN: "new", OrderState.CANCELLED: "canceled"}
    return words.get(resting.state, resting.state.value)
