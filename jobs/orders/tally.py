"""The tally of each owner's orders, kept by the database as they change: the gate need not look at every one of them.

In floating point, and of a minute a little more than there was: enough to say that an order is far from all limits.
"""

from __future__ import annotations

from collections.abc import Callable

DAY, MINUTE = 86_400_000_000, 60_000_000  #: microseconds


def _is_open(row: str) -> str:
    return f"({row}.told = 0 AND {row}.ended_at IS NULL)"


def _buying(row: str) -> str:
    return f"iif({_is_open(row)} AND {row}.side = 'buy', {row}.notional - {row}.cost, 0.0)"


def _worth(row: str) -> str:
    amount = f"iif({row}.ended_at IS NULL, {row}.notional, {row}.cost)"
    return f"iif({row}.state = 'not_placed', 0.0, CAST({amount} AS REAL))"


def _size(row: str) -> str:
    return f"abs({_buying(row)}) + abs({_worth(row)})"


def _alone(row: str) -> str:
    """An order's tally if it has no other."""
    day, minute = f"{row}.created_at / {DAY}", f"{row}.created_at / {MINUTE}"
    who = ", ".join(f"{row}.{name}" for name in ("account", "owner", "symbol", "quote"))
    counted = f"{_is_open(row)}, {_buying(row)}, {day}, {_worth(row)}, {_size(row)}"
    return f"{who}, {counted}, {minute}, 1, 0"


def _step(value: Callable[[str], str]) -> str:
    return f"{value('NEW')} - {value('OLD')}"


_ADD = """
INSERT INTO tally (account, owner, symbol, quote, open_orders, buying, day, worth, moved, minute, made, before)
{} ON CONFLICT (account, owner, symbol) DO UPDATE SET
  open_orders = open_orders + excluded.open_orders,
  buying = buying + excluded.buying,
  worth = iif(excluded.day > day, 0.0, worth) + iif(excluded.day >= day, excluded.worth, 0.0),
  moved = moved + excluded.moved,
  before = CASE WHEN excluded.minute = minute + 1 THEN made WHEN excluded.minute > minute THEN 0 ELSE before END,
  made = iif(excluded.minute > minute, 0, made) + excluded.made,
  day = max(day, excluded.day),
  minute = max(minute, excluded.minute)
"""
_CHANGE = f"""
UPDATE tally SET
  open_orders = open_orders + {_step(_is_open)},
  buying = buying + {_step(_buying)},
  worth = worth + iif(day = NEW.created_at / {DAY}, {_step(_worth)}, 0.0),
  moved = moved + {_size("NEW")} + {_size("OLD")}
WHERE account = NEW.account AND owner = NEW.owner AND symbol = NEW.symbol
"""  # noqa: S608 - constants
_COUNTED = "state, notional, cost, told, ended_at"
_ADDED = _ADD.format(f"VALUES ({_alone('NEW')})")

#: what keeps the tally
TRIGGERS = (
    f"CREATE TRIGGER ordered_added AFTER INSERT ON ordered BEGIN {_ADDED}; END",
    f"CREATE TRIGGER ordered_changed AFTER UPDATE OF {_COUNTED} ON ordered BEGIN {_CHANGE}; END",
)
#: counts the orders that there are, in a database from before there was a tally
COUNT = _ADD.format(f"SELECT {_alone('o')} FROM ordered AS o WHERE true ORDER BY created_at")  # noqa: S608 - constants
