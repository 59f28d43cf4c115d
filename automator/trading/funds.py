"""Funds: what a live bot may use, made more while it goes on. In an open transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from automator.clock import micros
from automator.ledger import chain
from automator.ledger.chain import canonical
from automator.trading import bots
from automator.trading.bots import Bot, BotError
from jobs.orders.positions import ZERO
from jobs.orders.risk import plain


def add(tx: sqlite3.Connection, name: str, more: Mapping[str, Decimal], now: datetime, *, actor: str) -> Bot:
    """Let a live bot use more, whether it runs or not: its state, its orders and what it holds stay. An event.

    A decision that is being made meanwhile is not kept, and made anew.

    Raises:
        BotError: there is none, or it trades on paper.
    """
    bot = bots.one(tx, name)
    if not bot.live:
        raise BotError(
            f"{name} trades on paper, and goes on with what it has; add another bot with more: `automator bots add`"
        )
    kept = dict(bot.kept or {})
    if "held" in kept:
        kept["held"] = _sums(bots.held(bot), more)
    tx.execute(
        "UPDATE bot SET funds = ?, kept = ?, version = version + 1 WHERE name = ?",
        (canonical(_sums(bot.funds, more)), canonical(kept), name),
    )
    said = {"what": "bot funds", "bot": name, "more": {asset: plain(much) for asset, much in more.items()}}
    chain.append(tx, "event", micros(now), said | {"actor": actor}, account=bot.account)
    return bots.one(tx, name)


def _sums(before: Mapping[str, Decimal], more: Mapping[str, Decimal]) -> dict[str, str]:
    return {asset: str(before.get(asset, ZERO) + more.get(asset, ZERO)) for asset in {**before, **more}}
