"""What time it is at an exchange: candles close by its clock, whatever this machine's shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from automator.clock import Clock, floor
from automator.egress.session import Session
from connectors.venue import Exchange

SET = timedelta(seconds=1)  #: less is a clock being disciplined


@dataclass(frozen=True, slots=True)
class Close:
    """When a candle has closed.

    Attributes:
        at: By the exchange's clock.
        ahead: How far this machine's clock is ahead of that.
    """

    at: datetime
    ahead: timedelta = timedelta()

    @property
    def here(self) -> datetime:
        """By this machine's clock."""
        return self.at + self.ahead


class Times:
    """The time at each exchange, for one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._starts: dict[str, datetime] = {}  # by account: when the machine started, by the clock as it was last

    async def newest(self, session: Session, exchange: Exchange, every: timedelta) -> Close:
        """The newest close of candles so long.

        Raises:
            connectors.network.Rejected: the exchange can't be asked; so too ``NotNow`` and ``CallRefused``.
        """
        ahead = await self._ahead(session, exchange)
        return Close(floor(self._clock.now() - ahead, every), ahead)

    async def _ahead(self, session: Session, exchange: Exchange) -> timedelta:
        """Measured anew once the clock was set: what was measured before says nothing then."""
        start = self._clock.now() - timedelta(seconds=self._clock.boottime())
        known = self._starts.get(session.account.name)
        found = await exchange.ahead(session, anew=known is not None and abs(start - known) >= SET)
        self._starts[session.account.name] = start
        return found
