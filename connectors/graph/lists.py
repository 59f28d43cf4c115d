"""Lists that show the newest first, page after page (developers.facebook.com, Graph API: paginated results)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.answer import accepted
from connectors.base import Operation
from connectors.network import Wire

PAGES = 50  #: that are read at most


async def newest(
    wire: Wire, operation: Operation, url: str, asked: Mapping[str, str], since: datetime
) -> list[dict[str, Any]]:
    """The rows of a list down to ``since``, newest first; some of the last page may be older.

    Raises:
        connectors.network.Rejected: it is not shown.
    """
    found: list[dict[str, Any]] = []
    query = dict(asked)
    for _ in range(PAGES):
        said = accepted(await wire.request(operation, "GET", url, params=query))
        listed = said.get("data")
        rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        found += rows
        after = _after(said)
        reached = any(_older(row, since) for row in rows)
        if not rows or reached or not after or after == query.get("after"):
            break
        query["after"] = after
    return found


def _older(row: Mapping[str, Any], since: datetime) -> bool:
    """Whether it was published before; Graph calls that ``created_time``, and of Instagram's media ``timestamp``."""
    try:
        at = datetime.fromisoformat(str(row.get("created_time") or row.get("timestamp")))
    except ValueError:
        return False
    return at.tzinfo is not None and at < since


def _after(said: Mapping[str, Any]) -> str:
    """Where the next page begins; empty: there is none."""
    paging = said.get("paging")
    # a last page has a cursor too, but no address of a next one
    cursors = paging.get("cursors") if isinstance(paging, dict) and paging.get("next") else None
    return str(cursors.get("after") or "") if isinstance(cursors, dict) else ""
