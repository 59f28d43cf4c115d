"""When stocks are traded: what Alpaca's clock says, which knows holidays and short days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.alpaca_stocks.reading import instant
from connectors.network import Rejected

NOISE = timedelta(seconds=1)  #: by which a clock is right enough
TRUSTED = timedelta(hours=1)  #: that an answer is, if the market neither opens nor closes before


@dataclass(frozen=True, slots=True)
class Hours:
    """Regular trading hours, as they were told.

    Attributes:
        open: Whether it is open.
        until: When that changes (UTC), by our clock.
        told: When this was asked (UTC).
        ahead: How far our clock is ahead of Alpaca's, if it is by more than a second.
    """

    open: bool
    until: datetime
    told: datetime
    ahead: timedelta = timedelta()

    def stands(self, now: datetime) -> bool:
        """Whether this still holds."""
        return self.told <= now < min(self.until, self.told + TRUSTED)


def read(said: Mapping[str, Any], now: datetime) -> Hours:
    """What the clock's answer says.

    Raises:
        Rejected: it can't be read.
    """
    is_open = said.get("is_open")
    until = instant(said.get("next_close" if is_open else "next_open"))
    if not isinstance(is_open, bool) or until is None:
        raise Rejected("Alpaca does not say whether the stock market is open")
    theirs = instant(said.get("timestamp"))
    ahead = now - theirs if theirs is not None and abs(now - theirs) > NOISE else timedelta()
    return Hours(is_open, until + ahead, now, ahead)
