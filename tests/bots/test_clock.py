"""Bots on a machine whose clock is wrong, or is put right: they go by the exchange's, by which candles close."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from automator.trading import bots, orders
from automator.trading.bots import State
from connectors.market import Candle
from tests.bots.market import FUNDS, MINUTE, Floor, floor
from tests.bots.samples import BUY
from tests.clocks import START

HOURS = timedelta(hours=5)
WATCHED = {"symbol": "BTC/USDT", "amount": 2, "entry_price": 100, "stop_loss": "0.1", "stoploss_on_exchange": "false"}
HELD = {"BTC": Decimal(2), **FUNDS}


async def minute(there: Floor, number: int, price: int) -> None:
    """A candle closes at the exchange, and a second later what is due is done, by whatever our clock shows."""
    candle = Candle(START + number * MINUTE, *[Decimal(price)] * 4, Decimal(1))
    there.clock.at = candle.at + MINUTE + there.clock.wrong
    there.world.go(candle)
    for _ in range(8):
        await there.due(1)


@pytest.mark.parametrize("live", [True, False], ids=["live", "paper"])
@pytest.mark.parametrize("wrong", [HOURS, -HOURS], ids=["ahead", "behind"])
async def test_a_stop_loss_is_watched_whatever_the_clock_shows(
    tmp_path: Path, wrong: timedelta, *, live: bool
) -> None:
    """A machine that took its zone's time for UTC until its clock was put right saw nothing for hours after that."""
    async with floor(tmp_path, HELD) as there:
        await there.add("guard", live=live, funds=HELD, **WATCHED)
        await minute(there, 0, 100)
        there.clock.set(wrong)
        await minute(there, 1, 100)
        await minute(there, 2, 100)
        there.clock.set(-wrong)
        await minute(there, 3, 100)
        assert there.bot().seen == START + 4 * MINUTE
        await minute(there, 4, 80)
        await minute(there, 5, 80)
        assert there.bot().state is State.STOPPED
        assert "the stop-loss at 90 was reached at 80" in there.bot().why


@pytest.mark.parametrize("live", [True, False], ids=["live", "paper"])
@pytest.mark.parametrize("wrong", [HOURS, -HOURS], ids=["ahead", "behind"])
async def test_with_a_wrong_clock_it_buys_when_it_is_time_at_the_exchange(
    tmp_path: Path, wrong: timedelta, *, live: bool
) -> None:
    """From its start on, at the exchange's newest price, and in its rhythm also once the clock is right."""
    async with floor(tmp_path) as there:
        there.clock.set(wrong)
        await there.add("recurring_buy", live=live, **BUY)
        for number in range(6):
            await minute(there, number, 100 + number)
        there.clock.set(-wrong)
        for number in range(6, 12):
            await minute(there, number, 100 + number)
        if live:
            placed = {item.tag.partition("/")[2]: item.created_at for item in orders.listed(there.engine.reader)}
            second = START + timedelta(seconds=1)
            assert placed == {
                "buy-1": second + MINUTE + wrong,
                "buy-2": second + 6 * MINUTE + wrong,
                "buy-3": second + 11 * MINUTE,
            }
        else:
            bought = [one.fill for one in bots.paper(there.engine.reader, "bot-1")]
            assert [fill.at for fill in bought] == [START + number * MINUTE for number in (1, 6, 11)]
            assert [fill.price for fill in bought] == [100, 105, 110]


async def test_a_clock_that_is_set_back_a_little_shows_no_candle_twice(tmp_path: Path) -> None:
    """Ten seconds across a candle's close: on paper and live each close is decided at once."""
    async with floor(tmp_path) as there:
        await there.add("recurring_buy", live=True, **BUY | {"minutes_before_next_buy": 1})
        for number in range(3):
            await minute(there, number, 100)
            there.clock.set(timedelta(seconds=-10))
            await there.due(1)
        await there.due(12)
        assert len(orders.listed(there.engine.reader, owner="bot-1")) == 3
