"""What an exchange's connector is: markets and balances out, orders in, each placed by exactly one request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

from connectors.base import Intent, Kind, Operation, Outcome, Provider
from connectors.market import Book, Candle, Market, Ticker
from connectors.network import Identity, Option, SecretField, Wire
from connectors.order import Balance, Fill, Order

if TYPE_CHECKING:
    import httpx  # only its types are named here, and it is slow to load

_MOVES = re.compile(
    r"withdraw|transfer|move_funds|accounts/[^/]+/transactions|transaction/(?:btc|coin)|send_?(?:to|coin|money)"
    r"|(?:^|/)send$|payment/(?:send|pay)|payout|cash-?out|gift_?card|voucher|main-account/codes|order-pay|distribute",
    re.IGNORECASE,
)


@lru_cache(maxsize=1024)  # every call is asked about, and most go to the same few paths
def moves_money(path: str) -> bool:
    """Whether a call to a path moves money out of an account at any exchange that ccxt knows, as a gift or a code too.

    No such call is made, whatever for.
    """
    return _MOVES.search(path) is not None


@dataclass(frozen=True, slots=True)
class Rights:
    """What a key may do, in the exchange's words; ``None``: it does not say.

    A key that may withdraw or transfer is refused; where the exchange does not say, it is shown as unverified.
    """

    trade: bool | None = None
    withdraw: bool | None = None
    transfer: bool | None = None
    ip_restricted: bool | None = None
    expires: datetime | None = None  #: UTC


@dataclass(frozen=True, slots=True)
class Custom:
    """What an exchange is known to do with client order ids and unknown outcomes.

    Attributes:
        settles: How long after it was sent an order may still be missing in what the exchange shows.
        unique: Whether a client order id that was used once is refused for ever, filled and cancelled orders included.
        by_client_id: Whether an order can be asked for by its client order id, whatever its state; else lists are read.
        tested: Whether this row is ours, from the exchange's documentation; else the cautious one for all others.
        ordered: Whether a key's calls must arrive one after the other, as nonces do: one is on its way at a time.
        apart: What it takes of trades, and books by itself later, so that no trade tells it; empty: nothing.
    """

    settles: timedelta
    unique: bool
    by_client_id: bool
    tested: bool = True
    ordered: bool = False
    apart: str = ""


def doubtful(outcome: Outcome) -> bool:
    """Whether what was said to an order may mean that its market's rules are not those that we have read. Pure."""
    return outcome.kind is Kind.REJECTED and not outcome.lasting


class Exchange(Provider, Protocol):
    """An exchange. Built as ``Connector(base_url=..., chosen=...)``; every number is a ``Decimal``."""

    @property
    def fields(self) -> tuple[SecretField, ...]:
        """The keys it needs, as ``accounts add --secret-stdin`` takes them."""

    @property
    def options(self) -> tuple[Option, ...]:
        """How it may be used differently."""

    @property
    def custom(self) -> Custom:
        """What is known of its ways."""

    async def test(self, wire: Wire) -> Identity:
        """Ask who this key belongs to; what is missing or not known of its rights is said in the warnings.

        Raises:
            connectors.network.Rejected: the key does not work, or may do more than it should.
        """

    async def rights(self, wire: Wire) -> Rights:
        """Ask what this key may do."""

    async def markets(self, wire: Wire, *wanted: str) -> Mapping[str, Market]:
        """All spot markets, by symbol, as this process has read them last.

        They are read anew when they are old; soon after an order was refused, as rules change; and now and then while
        one of ``wanted`` is not among them, or not traded.
        """

    async def ahead(self, wire: Wire, *, anew: bool = False) -> timedelta:
        """How far our clock is ahead of the exchange's, as it was measured last; ``anew``: measure it now.

        Nothing, where the exchange does not tell its time.
        """

    async def ticker(self, wire: Wire, symbol: str) -> Ticker:
        """The best prices now."""

    async def book(self, wire: Wire, symbol: str, depth: int) -> Book:
        """The order book, ``depth`` levels on each side."""

    async def candles(self, wire: Wire, symbol: str, every: timedelta, since: datetime) -> Sequence[Candle]:
        """The closed candles of this length from ``since`` on, oldest first, as many as one answer holds."""

    async def balances(self, wire: Wire) -> Mapping[str, Balance]:
        """What the account holds, by asset; none that are zero."""

    def placing(self, plan: Mapping[str, Any]) -> Operation:
        """The operation that places an ``OrderRequest.plan()`` or a ``PairRequest.plan()``: ``ONCE``."""

    def canceling(self, plan: Mapping[str, Any]) -> Operation:
        """The operation that cancels an order; a repeat of it is harmless."""

    async def place(self, wire: Wire, intent: Intent) -> httpx.Response:
        """Send ``intent.plan`` (of one order, or a pair): exactly one request of ``placing(plan)``, nothing else.

        The outcome's result names the exchange's ``id``; for a pair also ``legs``: its ids of the orders, by ours.
        ``markets`` must have been asked before in this process.
        """

    async def cancel(self, wire: Wire, order: Order) -> httpx.Response:
        """Cancel an order, of a pair the other one too; one that is filled, cancelled or unknown is ``rejected``."""

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> Order | None:
        """Ask for an order by its client order id, open or not; ``None``: the exchange does not show one.

        ``plan`` may have the exchange's own ``id`` of it too, where that is known.

        Raises:
            connectors.network.Rejected: the exchange could not be asked.
        """

    async def look_up(self, wire: Wire, plan: Mapping[str, Any], number: str) -> Order | None:
        """Ask for an order of the plan's symbol by the exchange's own id of it; ``None``: there is none.

        Its client order id is ours if it bears the plan's, whatever the exchange makes of it.

        Raises:
            connectors.network.Rejected: the exchange could not be asked.
        """

    async def open_orders(self, wire: Wire, symbol: str | None = None) -> Sequence[Order]:
        """The orders that may still be filled, whoever placed them."""

    async def fills(self, wire: Wire, symbol: str, since: datetime) -> Sequence[Fill]:
        """The account's trades from ``since`` on by our clock, oldest first, whoever placed the orders.

        They are dated by the exchange's; those of a little before may be among them.
        """
