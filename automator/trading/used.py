"""How much of each risk limit is used now, as the next order will find it."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from decimal import Decimal

from automator.trading import risks
from connectors.order import OrderRequest, OrderType, Side
from jobs.orders.risk import Limit, Limits, Proposal, Usage, limits_of, plain

ZERO = Decimal(0)


def listed(connection: sqlite3.Connection, now: datetime) -> list[dict[str, str | None]]:
    """All limits, for a person and for ``--json``; ``used`` is ``None`` for those that judge each order by itself."""
    return [
        {**row, "used": _used(connection, row["subject"], Limit(row["name"]), row["asset"], now)}
        for row in risks.listed(connection)
    ]


def _used(connection: sqlite3.Connection, subject: str, limit: Limit, asset: str, now: datetime) -> str | None:
    limited = limits_of(subject, {(limit, asset): "0"} if asset else {})
    match limit:
        case Limit.DAY:
            return plain(_usage(connection, limited, asset, now).day)
        case Limit.LOSS:
            return plain(max(ZERO, -_usage(connection, limited, asset, now).result))
        case Limit.POSITION:
            return plain(
                max((_worth(connection, limited, one, now) for one in _symbols(connection, asset)), default=ZERO)
            )
        case Limit.OPEN:
            return str(_usage(connection, limited, asset, now).open_orders)
        case Limit.RATE:
            return str(_usage(connection, limited, asset, now).minute)
    return None


def _usage(connection: sqlite3.Connection, limited: Limits, asset: str, now: datetime, base: str = "") -> Usage:
    """What an order of nothing would be judged by."""
    nothing = OrderRequest("", f"{base}/{asset}", Side.BUY, OrderType.MARKET, quote_amount=ZERO)
    account = limited.subject if "/" in limited.subject else ""
    return risks.usage(connection, limited, Proposal(account, limited.subject, nothing, ZERO), now)


def _symbols(connection: sqlite3.Connection, asset: str) -> list[str]:
    """Those that are paid with an asset, and held or asked for."""
    rows = connection.execute("SELECT symbol FROM position UNION SELECT symbol FROM ordered WHERE told = 0")
    return [symbol for (symbol,) in rows if symbol.partition("/")[2] == asset]


def _worth(connection: sqlite3.Connection, limited: Limits, symbol: str, now: datetime) -> Decimal:
    base, _, asset = symbol.partition("/")
    usage = _usage(connection, limited, asset, now, base)
    row = connection.execute("SELECT price FROM mark WHERE symbol = ? ORDER BY at DESC LIMIT 1", (symbol,)).fetchone()
    return usage.held * (Decimal(row[0]) if row else ZERO) + usage.buying
