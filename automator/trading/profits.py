"""Positions and profit as a user sees them, from the fills that are stored: by owner, account, symbol and day."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal
from typing import Any

from automator.engine import Engine
from automator.trading import fills
from automator.trading.books import TROUBLE
from connectors import registry
from connectors.order import Fill
from jobs.orders.positions import Profit, average, fifo, flow, profit
from jobs.orders.risk import plain

#: of ``Traded.position``
POSITION = (
    *("owner", "account", "symbol", "amount", "cost", "average_price", "price", "price_is"),
    *("unrealised", "realised", "realised_fifo", "fees_in_other_assets"),
)
DAY = ("day", "owner", "account", "symbol", "realised", "realised_fifo")  #: of ``Traded.days``
ELSEWHERE = "elsewhere"  #: the owner of what no order of ours has done


@dataclass(frozen=True, slots=True)
class Traded:
    """What one owner has done in one symbol of one account, by both methods."""

    owner: str
    account: str
    symbol: str
    average: Profit
    fifo: Profit
    last: Decimal  #: the price of its last fill
    paid: Mapping[tuple[date, str], Decimal]  #: fees in other assets, by day (UTC) and asset; in no other figure

    @property
    def names(self) -> dict[str, str]:
        """Whose it is."""
        return {"owner": self.owner, "account": self.account, "symbol": self.symbol}

    def position(self, price: Decimal | None) -> dict[str, Any]:
        """What is held, for ``--json`` and CSV; ``price``: the market's, if it could be asked."""
        held, at = self.average, price if price is not None else self.last
        there = held.amount > 0  # else it was sold beyond what was bought here: that is no debt
        return {
            **self.names,
            "amount": plain(held.amount),
            "cost": plain(held.cost),
            "average_price": plain(held.price, 8) if held.price is not None else None,
            "price": plain(at),
            "price_is": "the market's" if price is not None else "of the last fill",
            "unrealised": plain(held.unrealised(at)) if there else "0",
            "realised": plain(held.realised),
            "realised_fifo": plain(self.fifo.realised),
            "fees_in_other_assets": {asset: plain(fee) for asset, fee in held.fees.items()},
        }

    def days(self, since: date | None) -> Iterable[dict[str, Any]]:
        """What each day earned, for ``--json`` and CSV."""
        for day in sorted(self.average.days.keys() | self.fifo.days.keys()):
            if since is None or day >= since:
                realised = plain(self.average.days.get(day, Decimal(0)))
                first = plain(self.fifo.days.get(day, Decimal(0)))
                yield {"day": day.isoformat(), **self.names, "realised": realised, "realised_fifo": first}


def traded(connection: sqlite3.Connection, **where: str) -> list[Traded]:
    """What was traded under these names (``account``, ``owner``, ``symbol``), from the first fill on."""
    found: defaultdict[tuple[str, str, str], list[Fill]] = defaultdict(list)
    for item in fills.traded(connection, None, **where):
        found[item.owner or ELSEWHERE, item.account, item.fill.symbol].append(item.fill)
    return [
        Traded(*names, profit(made, average), profit(made, fifo), made[-1].price, _paid(made))
        for names, made in sorted(found.items())
    ]


def _paid(made: Iterable[Fill]) -> Mapping[tuple[date, str], Decimal]:
    found: defaultdict[tuple[date, str], Decimal] = defaultdict(Decimal)
    for fill in made:
        if (moved := flow(fill)).fee:
            found[fill.at.astimezone(UTC).date(), moved.asset] += moved.fee
    return found


def apart(accounts: Iterable[str]) -> Sequence[str]:
    """What of fees is in no figure, since these accounts' exchanges book it later and by itself; a sentence each."""
    found = list[str]()
    for account in sorted(set(accounts)):
        if fees := registry.books_apart(account.partition("/")[0]):
            found.append(f"{account} books {fees} by itself, about a day later: that is in no figure above")
    return found


async def prices(engine: Engine, found: Iterable[Traded]) -> Mapping[tuple[str, str], Decimal]:
    """The market's prices of what is held, by account and symbol, as far as the exchanges can be asked."""
    known: dict[tuple[str, str], Decimal] = {}
    for account, symbol in sorted({(item.account, item.symbol) for item in found if item.average.amount}):
        try:
            session, exchange = engine.trading(account, {"command": "positions"})
            await exchange.markets(session)
            known[account, symbol] = (await exchange.ticker(session, symbol)).last
        except (*TROUBLE, LookupError):
            continue
    return known
