"""When the rules of markets are read anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from connectors.base import Kind, Outcome
from connectors.market import Filters, Market, outdated
from connectors.venue import doubtful

HOUR = timedelta(hours=1)
MARKET = Market("BTC/USDT", "BTCUSDT", "BTC", "USDT", Filters(tick=Decimal("0.01")))
STILL = replace(MARKET, active=False)


@pytest.mark.parametrize(
    ("market", "minutes", "doubted", "wanted", "anew"),
    [
        (MARKET, 59, False, "BTC/USDT", False),
        (MARKET, 61, False, "BTC/USDT", True),
        (MARKET, -1, False, "BTC/USDT", True),  # the clock was set back since
        (MARKET, 2, True, "BTC/USDT", True),  # an order was refused
        (MARKET, 0.5, True, "BTC/USDT", False),  # but one after the other does not load them each time
        (STILL, 6, False, "BTC/USDT", True),  # it may be traded again
        (STILL, 4, False, "BTC/USDT", False),
        (STILL, 6, False, "", False),  # nobody cares
        (MARKET, 6, False, "NEW/USDT", True),  # it may be listed by now
    ],
)
def test_rules_are_read_anew(market: Market, minutes: float, doubted: bool, wanted: str, anew: bool) -> None:
    """When they are old, soon after a refusal, and now and then while one that matters is not traded."""
    age = timedelta(minutes=minutes)
    assert outdated({"BTC/USDT": market}, age, HOUR, [wanted] if wanted else [], doubted=doubted) is anew
    assert outdated(None, timedelta(), HOUR, (), doubted=False)


def test_what_casts_doubt_on_them() -> None:
    """A refusal, unless it is for want of a balance or a right; no other answer."""
    assert doubtful(Outcome(Kind.REJECTED, "Filter failure: PRICE_FILTER"))
    assert not doubtful(Outcome(Kind.REJECTED, "insufficient balance", lasting=True))
    assert not any(doubtful(Outcome(kind)) for kind in (Kind.OK, Kind.LATER, Kind.UNKNOWN, Kind.UNSENT))
