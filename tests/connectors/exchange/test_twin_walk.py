"""The market of a stand-in that was given no candles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.exchange.candles import ticked
from connectors.exchange.twin_walk import walk

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)
COUNT = 300
WHOLE = list(walk(Decimal(200), COUNT, BEGINS).candles)
numbers = st.none() | st.integers(-COUNT - 5, COUNT + 5)


@given(st.lists(st.builds(slice, numbers, numbers, st.none() | st.sampled_from([1, 7, -1, -3])), max_size=5))
def test_it_is_the_same_whoever_looks_where_first(looks: list[slice]) -> None:
    """A candle is what it is, whichever were looked at before."""
    candles = walk(Decimal(200), COUNT, BEGINS).candles
    for look in looks:
        assert list(candles[look]) == WHOLE[look]
    assert (len(candles), candles[-1], candles[3]) == (COUNT, WHOLE[-1], WHOLE[3])


def test_it_is_a_market() -> None:
    """Minute follows minute, each opens where the last one closed, and prices are in cents."""
    for before, after in pairwise(WHOLE):
        assert (after.at, after.open) == (before.at + timedelta(minutes=1), before.close)
        assert after.low <= min(after.open, after.close) <= max(after.open, after.close) <= after.high
    assert ticked(WHOLE, Decimal("0.01")) == WHOLE


@pytest.mark.parametrize("number", [COUNT, -COUNT - 1])
def test_it_ends(number: int) -> None:
    """Nothing is made beyond its end."""
    with pytest.raises(IndexError):
        walk(Decimal(200), COUNT, BEGINS).candles[number]
