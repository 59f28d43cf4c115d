"""Which providers there are: a folder here, or an entry point of another distribution."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from importlib.metadata import entry_points
from typing import cast

import connectors
from connectors.network import Network

GROUP = "automator.connectors"  #: entry points: ``name = "package.module:Connector"``


class UnknownProvider(LookupError):
    """No connector has this name."""


def providers() -> tuple[str, ...]:
    """The names of all connectors, sorted."""
    own = {found.name for found in pkgutil.iter_modules(connectors.__path__) if found.ispkg}
    return tuple(sorted(own | {point.name for point in entry_points(group=GROUP)}))


def build(provider: str, base_url: str | None = None) -> Network:
    """Make a connector; ``base_url`` replaces the provider's own address (a sandbox, a self-hosted server).

    Raises:
        UnknownProvider: no connector has this name.
    """
    if provider not in providers():
        raise UnknownProvider(f"there is no provider {provider!r}; there are {', '.join(providers())}")
    for point in entry_points(group=GROUP):
        if point.name == provider:
            made = point.load()
            break
    else:
        made = import_module(f"connectors.{provider}.connector").Connector
    return cast("Network", made(base_url) if base_url else made())
