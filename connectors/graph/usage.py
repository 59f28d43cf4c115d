"""How much of its limits Graph says is used (developers.facebook.com, Graph API: rate limits), in thousandths of 1 %.

A call made while throttled lengthens the block, so what is left of one counts like use that takes as long to drain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from connectors.base import Budget, Reading, Window

WHOLE = 100_000  #: 100 %
HOUR, DAY = 3600, 86_400
BLOCK = timedelta(minutes=5)  #: waited where Graph does not say how long a block lasts
LONGEST = timedelta(days=2)  #: no block is believed to last longer
UNIT = "%/1000"

APP = Budget("app-usage", WHOLE, Window.BUCKET, HOUR, shared=True, unit=UNIT)


def of_business(name: str) -> Budget:
    """A business use case's budget (``pages``, ``instagram``); its window has 24 hours."""
    return Budget(name, WHOLE, Window.BUCKET, DAY, unit=UNIT)


def readings(headers: Mapping[str, str], business: Mapping[str, Budget]) -> tuple[Reading, ...]:
    """What the headers say of ``APP`` and of ``business``: the budgets by the types that Graph gives them."""
    found: dict[str, tuple[Budget, int]] = {}

    def note(budget: Budget, used: int) -> None:
        known = found.get(budget.name)
        found[budget.name] = (budget, max(used, known[1] if known else 0))

    if (app := _used(_json(headers, "x-app-usage"))) is not None:
        note(APP, app)
    if "pages" in business and (page := _used(_json(headers, "x-page-usage"))) is not None:
        note(business["pages"], page)
    for entry in _business(headers):
        budget, used = business.get(str(entry.get("type"))), _used(entry)
        if budget is not None and used is not None:
            blocked = int(WHOLE * _block(entry).total_seconds() / budget.seconds)
            note(budget, WHOLE + blocked if blocked else used)
    return tuple(Reading(name, WHOLE, WHOLE - used, None) for name, (_, used) in found.items())


def until(headers: Mapping[str, str]) -> datetime | None:
    """When a throttled call may be made again, by Graph's clock; ``None``: it does not tell its time."""
    waits = [_block(entry) for entry in _business(headers)]
    try:
        return parsedate_to_datetime(headers["date"]) + (max(waits, default=timedelta()) or BLOCK)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _block(entry: Mapping[str, Any]) -> timedelta:
    minutes = entry.get("estimated_time_to_regain_access")
    if isinstance(minutes, bool) or not isinstance(minutes, int | float) or not minutes > 0:
        return timedelta()
    return min(timedelta(minutes=min(minutes, 1e6)), LONGEST)


def _business(headers: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    said = _json(headers, "x-business-use-case-usage")
    for entries in (said or {}).values():
        yield from (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()


def _json(headers: Mapping[str, str], name: str) -> dict[str, Any] | None:
    try:
        found = json.loads(headers[name])
    except (KeyError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _used(said: Mapping[str, Any] | None) -> int | None:
    """The highest of what is counted: calls, processor time, time."""
    counts = [(said or {}).get(name) for name in ("call_count", "total_cputime", "total_time")]
    shares = [share for share in counts if isinstance(share, int | float) and 0 <= share < 1e6]  # noqa: PLR2004 - NaN is none
    return int(max(shares) * 1000) if shares else None
