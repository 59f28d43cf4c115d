"""Which providers there are: a folder here, or an entry point of another distribution."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import cast

import connectors
from connectors.network import Network

GROUP = "automator.connectors"  #: entry points: ``name = "package.module:Connector"``


class UnknownProvider(LookupError):
    """No connector has this name."""


@cache
def _points() -> dict[str, EntryPoint]:
    """Those of other distributions, by name; what is installed does not change while a process runs."""
    return {point.name: point for point in entry_points(group=GROUP)}


@cache
def providers() -> tuple[str, ...]:
    """The names of all connectors, sorted."""
    own = {found.name for found in pkgutil.iter_modules(connectors.__path__) if found.ispkg}
    return tuple(sorted(own | _points().keys()))


def build(provider: str, base_url: str | None = None) -> Network:
    """Make a connector; ``base_url`` replaces the provider's own address (a sandbox, a self-hosted server).

    Raises:
        UnknownProvider: no connector has this name.
    """
    if provider not in providers():
        raise UnknownProvider(f"there is no provider {provider!r}; there are {', '.join(providers())}")
    point = _points().get(provider)
    made = point.load() if point else import_module(f"connectors.{provider}.connector").Connector
    return cast("Network", made(base_url) if base_url else made())
