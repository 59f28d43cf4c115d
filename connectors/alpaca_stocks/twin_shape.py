"""How the stand-in for Alpaca writes orders, trades, accounts and prices (its specifications)."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from connectors.alpaca_stocks.twin_world import Placed, Street, status
from connectors.exchange.filters import EXACT, text
from connectors.exchange.twin_world import Member, Replay
from connectors.market import Candle
from connectors.order import Fill

CENT = Decimal("0.01")


def stamp(at: datetime | None) -> str | None:
    """An instant."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def asset(replay: Replay) -> dict[str, Any]:
    """A stock."""
    one = replay.market
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, one.id)),
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": one.id,
        "name": f"{one.id} Common Stock",
        "status": "active",
        "tradable": one.active,
        "marginable": False,
        "shortable": False,
        "easy_to_borrow": False,
        "fractionable": one.filters.market_lot is not None,
    }


def order(one: Placed) -> dict[str, Any]:
    """An order."""
    resting, asked, name = one.resting, one.asked, one.request.symbol.partition("/")[0]
    filled = resting.filled if resting is not None else Decimal(0)
    with localcontext(EXACT):
        average = resting.cost / filled if resting is not None and filled else None
    at, says = stamp(one.at), status(one)
    changed = stamp(one.changed or (resting.changed if resting is not None else None))
    return {
        "id": one.id,
        "client_order_id": one.request.client_order_id,
        "created_at": at,
        "updated_at": changed or at,
        "submitted_at": at,
        "filled_at": changed if says == "filled" else None,
        "expired_at": changed if says == "expired" else None,
        "canceled_at": changed if says == "canceled" else None,
        "failed_at": changed if says == "rejected" else None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        "symbol": name,
        "asset_class": "us_equity",
        "notional": asked.get("notional"),
        "qty": asked.get("qty"),
        "filled_qty": text(filled),
        "filled_avg_price": None if average is None else text(average.quantize(Decimal("1e-6"), ROUND_HALF_EVEN)),
        "order_class": "",
        "order_type": asked["type"],
        "type": asked["type"],
        "side": asked["side"],
        "time_in_force": asked["time_in_force"],
        "limit_price": asked.get("limit_price"),
        "stop_price": asked.get("stop_price"),
        "status": says,
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
    }


def activity(fill: Fill, one: Placed, done: Decimal) -> dict[str, Any]:
    """A trade; ``done``: what of its order was filled with it and before."""
    resting = one.resting
    left = Decimal(0) if resting is None else resting.amount - done
    when = fill.at.astimezone(UTC)
    return {
        "id": f"{when:%Y%m%d%H%M%S}{when.microsecond // 1000:03}::{uuid.uuid5(uuid.UUID(one.id), fill.id)}",
        "activity_type": "FILL",
        "transaction_time": stamp(when),
        "type": "partial_fill" if left else "fill",
        "price": text(fill.price),
        "qty": text(fill.amount),
        "side": fill.side.value,
        "symbol": fill.symbol.partition("/")[0],
        "leaves_qty": text(left),
        "order_id": one.id,
        "cum_qty": text(done),
        "order_status": "partially_filled" if left else "filled",
    }


def account(member: Member, world: Street) -> dict[str, Any]:
    """An account in cash, without margin."""
    held = member.paper.balances().get("USD")
    free, locked = (held.free, held.locked) if held is not None else (Decimal(0), Decimal(0))
    worth = sum((_worth(replay, member) for replay in world.replays.values()), Decimal(0))
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, member.handle)),
        "account_number": f"PA{member.number:010}",
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": "USD",
        "buying_power": text(free),
        "regt_buying_power": text(free),
        "non_marginable_buying_power": text(free),
        "cash": text(free + locked),
        "portfolio_value": text(free + locked + worth),
        "equity": text(free + locked + worth),
        "long_market_value": text(worth),
        "short_market_value": "0",
        "multiplier": "1",
        "shorting_enabled": False,
        "trading_blocked": member.number in world.blocked,
        "transfers_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
        "created_at": stamp(world.began),
    }


def positions(member: Member, world: Street) -> list[dict[str, Any]]:
    """What is held; what it was bought for is not kept here, so it stands at the last price."""
    found = []
    for replay in world.replays.values():
        held = member.paper.balances().get(replay.market.base)
        if held is None:
            continue
        much, last = held.free + held.locked, text(replay.last)
        worth = text(_worth(replay, member))
        found.append(
            {
                "asset_id": asset(replay)["id"],
                "symbol": replay.market.id,
                "exchange": "NASDAQ",
                "asset_class": "us_equity",
                "asset_marginable": False,
                "avg_entry_price": last,
                "qty": text(much),
                "qty_available": text(held.free),
                "side": "long",
                "market_value": worth,
                "cost_basis": worth,
                "unrealized_pl": "0",
                "unrealized_plpc": "0",
                "unrealized_intraday_pl": "0",
                "unrealized_intraday_plpc": "0",
                "current_price": last,
                "lastday_price": last,
                "change_today": "0",
            }
        )
    return found


def _worth(replay: Replay, member: Member) -> Decimal:
    held = member.paper.balances().get(replay.market.base)
    return Decimal(0) if held is None else (held.free + held.locked) * replay.last


def clock(world: Street) -> dict[str, Any]:
    """Whether the market is open, and when that changes."""
    now = world.clock()
    tomorrow = now.replace(hour=20, minute=0, second=0, microsecond=0) + timedelta(days=1)
    opens = world.opens or tomorrow - timedelta(hours=6, minutes=30)
    closes = opens + timedelta(hours=6, minutes=30)
    return {
        "timestamp": stamp(now),
        "is_open": world.opens is None,
        "next_open": stamp(opens),
        "next_close": stamp(closes),
    }


def quoted(replay: Replay, at: datetime) -> dict[str, Any]:
    """The best prices: a cent below and above the last one."""
    bid, ask = float(replay.last - CENT), float(replay.last + CENT)
    return {"t": stamp(at), "ax": "V", "ap": ask, "as": 100, "bx": "V", "bp": bid, "bs": 100, "c": ["R"], "z": "C"}


def traded(replay: Replay, at: datetime) -> dict[str, Any]:
    """The last trade."""
    return {"t": stamp(at), "x": "V", "p": float(replay.last), "s": 100, "c": ["@"], "i": 1, "z": "C"}


def bar(candle: Candle) -> dict[str, Any]:
    """A candle."""
    prices = {"o": candle.open, "h": candle.high, "l": candle.low, "c": candle.close, "vw": candle.close}
    numbers = {name: float(price) for name, price in prices.items()}
    return {"t": stamp(candle.at), **numbers, "v": int(candle.volume), "n": 1}
