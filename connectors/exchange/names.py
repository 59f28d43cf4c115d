"""Which exchanges there are, told without loading ccxt: it takes a second, and a hundred megabytes."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path


@cache
def known() -> frozenset[str]:
    """The ids of all exchanges that ccxt has."""
    spec = find_spec("ccxt")
    places = spec.submodule_search_locations if spec else None
    if not places:
        return frozenset()
    return frozenset(file.stem for file in (Path(places[0]) / "async_support").glob("*.py") if file.stem != "__init__")
