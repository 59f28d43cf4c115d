"""Insights: figures that Graph keeps apart from what it shows everybody (developers.facebook.com: insights)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def figures(said: Mapping[str, Any]) -> dict[str, int]:
    """The numbers of an answer of insights, by their names. Pure."""
    data = said.get("data")
    found: dict[str, int] = {}
    for item in data if isinstance(data, list) else ():
        values = item.get("values") if isinstance(item, dict) else None
        value = values[0].get("value") if isinstance(values, list) and values and isinstance(values[0], dict) else None
        if (number := count(value)) is not None:
            found[str(item.get("name"))] = number
    return found


def count(value: Any) -> int | None:
    """A number of Graph's; ``None``: it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
