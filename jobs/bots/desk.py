"""A bot's desk at the matching engine: its wishes become orders there, and what becomes of them events."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter

from connectors.exchange import saved
from connectors.exchange.filters import EXACT, rounded
from connectors.exchange.paper import Paper, Rules
from connectors.exchange.refusal import Refused, Why
from connectors.market import Candle, Market
from connectors.order import LIVE, Fill, Order, OrderRequest, OrderState
from jobs.bots.strategy import Cancel, Ended, Event, Filled, Pair, Place, Stop, Strategy, View, Waits, Wish

S = TypeVar("S", bound=BaseModel)

_HEARD: TypeAdapter[list[Filled | Ended]] = TypeAdapter(list[Filled | Ended])


def asked(strategy: Strategy[S], state: S, view: View, now: datetime) -> tuple[S, Sequence[Wish]]:
    """A decision, computed exactly: the same wherever it is asked for."""
    with localcontext(EXACT):
        return strategy.decide(state, view, now)


def due(waits: Waits, events: Sequence[Event], now: datetime) -> bool:
    """Whether a strategy must be asked when a candle has closed at ``now``."""
    return bool(events) or waits.candles or (waits.until is not None and now >= waits.until)


def request(wish: Place, client_order_id: str, market: Market) -> OrderRequest:
    """The order that a wish asks for, its numbers rounded as an order of a live bot is."""
    asked_for = wish.order(client_order_id)
    fits = rounded(asked_for, market)
    return asked_for if fits.amount == 0 else fits  # rounded to nothing says nothing


class Unknown(Exception):
    """An order that the matching engine is not asked for; one sentence."""


_NOT_PLACED = (Refused, Unknown)


class Desk:
    """Places a bot's orders on paper. ``news`` are the events that the strategy was not shown yet, oldest first."""

    def __init__(self, paper: Paper, name: Callable[[], str]) -> None:
        """``name`` makes client order ids."""
        self.paper = paper
        self.news: list[Event] = []
        self.fills: list[Filled] = []  #: all of them since this desk was made
        self._name = name
        self._tags: dict[str, str] = {}  # by the engine's order id, of the open ones
        self._ids: dict[str, str] = {}  # by tag, of the open ones

    def feed(self, symbol: str, candle: Candle) -> None:
        """Let the market go through a candle."""
        news = self.paper.feed(symbol, candle)
        if news:
            self._heard(news)

    def do(self, wishes: Sequence[Wish], now: datetime) -> Stop | None:
        """Place and cancel, in order; returns the stop, if one is among the wishes."""
        for wish in wishes:
            match wish:
                case Place():
                    self._place((wish,), now)
                case Pair():
                    self._place(wish.legs, now)
                case Cancel(tag=tag):
                    self.cancel(tag, now)
                case Stop():
                    return wish
        return None

    def cancel(self, tag: str, now: datetime) -> None:
        """Cancel the order of this tag, if it may still be filled."""
        if (known := self._ids.get(tag)) is not None:
            self.paper.cancel(known, now)
            stand = [self.paper.order(one) for one in self._ids.values()]  # of a pair the other one has ended too
            self._heard([order for order in stand if order is not None and order.state not in LIVE])

    @property
    def open(self) -> tuple[str, ...]:
        """The tags of the orders that may still be filled, oldest first."""
        return tuple(self._ids)

    def _place(self, wishes: Sequence[Place], now: datetime) -> None:
        """One order, or the two of a pair."""
        try:
            orders = self._placed(wishes, now)
        except _NOT_PLACED as refused:
            lasting = isinstance(refused, Refused) and refused.kind is Why.BALANCE
            self.news += (Ended(wish.tag, OrderState.REJECTED, Decimal(0), str(refused), lasting) for wish in wishes)
            return
        for wish, order in zip(wishes, orders, strict=True):
            self._tags[order.id], self._ids[wish.tag] = wish.tag, order.client_order_id
        for order in orders:
            self._heard(self.paper.fills_of(order.id))
            if order.state not in LIVE:
                self._heard((order,))

    def _placed(self, wishes: Sequence[Place], now: datetime) -> Sequence[Order]:
        for wish in wishes:
            if wish.tag in self._ids:
                raise Unknown(f"an open order is called {wish.tag}")
            if wish.symbol not in self.paper.shelves:
                raise Unknown(f"there is no market {wish.symbol}")
        market = self.paper.shelves[wishes[0].symbol].market
        requests = [request(wish, self._name(), market) for wish in wishes]
        if len(requests) == 1:
            return (self.paper.place(requests[0], now),)
        if not market.pairs:
            raise Unknown(f"{market.symbol} takes no two orders for one balance")
        first, second = requests
        return self.paper.place_pair(first, second, now)

    def _heard(self, news: Sequence[Fill | Order]) -> None:
        for item in news:
            if isinstance(item, Fill):
                filled = Filled(self._tags[item.order_id], item)
                self.news.append(filled)
                self.fills.append(filled)
            else:
                tag = self._tags.pop(item.id)
                del self._ids[tag]
                self.news.append(Ended(tag, item.state, item.filled))

    def snapshot(self) -> dict[str, Any]:
        """All that must be kept, JSON-able."""
        return {
            "paper": saved.write(self.paper),
            "tags": self._tags,
            "ids": self._ids,
            "news": _HEARD.dump_python(
                [event for event in self.news if isinstance(event, Filled | Ended)], mode="json"
            ),
        }

    @classmethod
    def restore(
        cls, markets: Mapping[str, Market], kept: Mapping[str, Any], name: Callable[[], str], rules: Rules
    ) -> Desk:
        """The desk that ``snapshot`` wrote down."""
        desk = cls(saved.read(markets, kept["paper"], rules), name)
        desk._tags, desk._ids = dict(kept["tags"]), dict(kept["ids"])
        desk.news = list(_HEARD.validate_python(kept["news"]))
        return desk
