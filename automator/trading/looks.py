"""Looks: before bots decide at a candle's close, their account is looked at once, for all of them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from datetime import datetime

from automator.clock import Clock
from automator.db import Writer
from automator.trading.books import TROUBLE, Books, looked, take


class Looks:
    """Shares looks among the bots of this process; those of others are known when they are stored."""

    def __init__(self, books: Books, writer: Writer, reader: sqlite3.Connection, clock: Clock) -> None:
        self._books, self._writer, self._reader, self._clock = books, writer, reader, clock
        self._one_at_a_time: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._failed: dict[str, tuple[datetime, Exception]] = {}

    async def after(self, close: datetime, account: str, actor: str) -> None:
        """Whatever happened to the account's orders until ``close`` is in the books then.

        Raises:
            connectors.network.Rejected: the exchange could not be asked after this close; so too ``NotNow`` and
                ``CallRefused``.
        """
        async with self._one_at_a_time[account]:
            now = self._clock.now()
            if looked(self._reader, account, now) <= now - close:
                return
            when, trouble = self._failed.get(account, (None, None))
            if trouble is not None and when == close:
                raise trouble
            await self._writer.brief(lambda tx: take(tx, account, now))
            try:
                await self._books.reconcile(account, actor)
            except TROUBLE as told:
                self._failed[account] = close, told
                raise
