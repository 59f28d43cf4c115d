"""Which providers there are: a folder here, or an entry point of another distribution."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, cast

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
    folders = {found.name for found in pkgutil.iter_modules(connectors.__path__) if found.ispkg}
    own = {name for name in folders if find_spec(f"connectors.{name}.connector")}  # others are shared by several
    return tuple(sorted(own | _points().keys()))


def build(provider: str, base_url: str | None = None, chosen: Mapping[str, str] | None = None) -> Network:
    """Make a connector; ``base_url`` replaces the provider's own address (a sandbox, a self-hosted server).

    ``chosen`` are values of its ``options``.

    Raises:
        UnknownProvider: no connector has this name.
    """
    if provider not in providers():
        raise UnknownProvider(f"there is no provider {provider!r}; there are {', '.join(providers())}")
    point = _points().get(provider)
    made = point.load() if point else import_module(f"connectors.{provider}.connector").Connector
    given: dict[str, Any] = {"base_url": base_url} if base_url else {}
    return cast("Network", made(**given, chosen=chosen or {}))


def wrong_choice(provider: str, chosen: Mapping[str, str]) -> str:
    """What is wrong with values of a provider's options, in one sentence; empty if nothing is."""
    if provider not in providers():
        return f"there is no provider {provider!r}; there are {', '.join(providers())}"
    options = {option.name: option for option in build(provider).options}
    for name, value in chosen.items():
        if name not in options:
            known = f"there are {', '.join(options)}" if options else "it has none"
            return f"{provider} has no option {name!r}; {known}"
        if options[name].choices and value not in options[name].choices:
            return f"{provider}'s {name} can't be {value!r}; choose {' or '.join(options[name].choices)}"
        if options[name].form and not re.fullmatch(options[name].form, value):
            return f"{provider}'s {name} can't be {value!r}; write it like {options[name].default}"
    return ""
