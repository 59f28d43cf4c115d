"""Credit: what accounts may spend in a month, and what of it is spoken for by the posts that are planned."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial

from automator.budgets import store, window
from automator.clock import instant, micros
from automator.scheduling.states import OPEN_STATES
from connectors.base import Budget
from connectors.network import Network, Paid
from jobs.posting.deliver import parse
from jobs.posting.spending import Expense, Purse


def purses(connection: sqlite3.Connection, networks: Mapping[str, Network], now: datetime) -> Iterator[Purse]:
    """What the accounts may spend in a month, where a limit is set, and what of it is spoken for."""
    shared: dict[tuple[str, str], tuple[Budget, dict[str, Paid]]] = {}
    for account, network in networks.items():
        if isinstance(network, Paid):
            purse = network.purse
            subject = account.partition("/")[0] if purse.shared else account
            shared.setdefault((subject, purse.name), (purse, {}))[1][account] = network
    for (subject, _), (purse, paying) in shared.items():
        usage, budget = store.load(connection, subject, purse)
        if budget.limit is not None:
            used = round(window.used(budget, usage, micros(now)))
            test = max(network.test_price for network in paying.values())
            yield Purse(subject, tuple(paying), budget, used, partial(_expenses, connection, paying), test)


_TO_PAY = """
SELECT d.account, r.ready_at, d.parts, (
  SELECT count(*) FROM intention AS i WHERE i.key >= d.id || '/' AND i.key < d.id || '0'
    AND i.key GLOB '*/' || d.generation AND i.state <> 'planned')
FROM delivery AS d JOIN run AS r ON r.job = d.id
WHERE d.account IN (SELECT value FROM json_each(?)) AND r.state IN (?, ?, ?) AND r.ready_at >= ? AND r.ready_at < ?
"""


def _expenses(
    connection: sqlite3.Connection, paying: Mapping[str, Paid], since: datetime, until: datetime
) -> list[Expense]:
    """What was planned before and is not paid yet; parts that have been sent count as used already."""
    values = (json.dumps(list(paying)), *OPEN_STATES, micros(since), micros(until))
    return [
        Expense(account, instant(at), sum(map(paying[account].spends, parse(parts)[sent:])))
        for account, at, parts, sent in connection.execute(_TO_PAY, values)
    ]
