"""The stand-in's clock: its answers are dated by it, and its limits do not suffer when a test moves it."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.connectors.exchange.exchange import Place


@pytest.mark.parametrize("seconds", [-3, 0, 6])
async def test_answers_are_dated_by_the_clock_that_the_windows_run_by(place: Place, seconds: int) -> None:
    """Whoever reckons a window's end from the date finds it, also where the two clocks differ; so of a refusal."""
    place.world.ahead = timedelta(seconds=seconds)
    for path in ("/api/v3/time", "/api/v3/klines"):
        answer = await place.client.get(path)
        assert (
            parsedate_to_datetime(answer.headers["date"]) == place.clock[0].replace(microsecond=0) + place.world.ahead
        )


async def test_a_window_ends_no_later_when_the_clock_is_set_back(place: Place) -> None:
    """One that began six seconds ahead has gone by at the end of the ten seconds that run afterwards."""
    place.world.window, place.world.ahead = 10, timedelta(seconds=6)
    place.wait(seconds=5)  # one second into the second window
    assert (await place.ask("GET", "/api/v3/account")).headers["X-MBX-USED-WEIGHT-10S"] == "20"
    place.world.ahead = timedelta()
    assert (await place.client.get("/api/v3/ping")).headers["X-MBX-USED-WEIGHT-10S"] == "21"
    place.wait(seconds=5)
    assert (await place.client.get("/api/v3/ping")).headers["X-MBX-USED-WEIGHT-10S"] == "1"
