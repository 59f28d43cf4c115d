"""Clocks that tests move: nothing here waits."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from automator.clock import SystemClock

START = datetime(2026, 12, 1, 9, tzinfo=UTC)


class StillClock:
    """Time that passes only when someone sleeps, or the test says so; a machine that slept is no different."""

    def __init__(self) -> None:
        self.at = START
        self.slept: list[float] = []
        self.wrong = timedelta()  #: by how much the wall clock was set since it started

    def now(self) -> datetime:
        return self.at

    def boottime(self) -> float:
        return (self.at - self.wrong - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=max(0.0, seconds))
        await asyncio.sleep(0)

    def set(self, by: timedelta) -> None:
        """Someone, or something, sets the wall clock; the machine's own time does not notice."""
        self.at += by
        self.wrong += by


class LeapClock(StillClock):
    """The same, and reading it takes a little time."""

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at


class QuickClock(SystemClock):
    """The machine's own time plus whatever was slept, so that waits pass at once: for servers that date what they say."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead

    def boottime(self) -> float:
        return super().boottime() + self.ahead.total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=max(0.0, seconds))
        await asyncio.sleep(0)
