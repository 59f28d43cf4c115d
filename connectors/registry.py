"""Which providers there are: a folder here, an entry point of another distribution, an exchange that ccxt knows."""

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
from connectors.exchange.names import known
from connectors.network import Network
from connectors.venue import Exchange

GROUP = "automator.connectors"  #: entry points: ``name = "package.module:Connector"``


class UnknownProvider(LookupError):
    """No connector has this name, or one of another kind."""


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


def trades(provider: str) -> bool:
    """Whether it is an exchange."""
    return provider not in providers() and provider in known()


def connector(
    provider: str, base_url: str | None = None, chosen: Mapping[str, str] | None = None
) -> Network | Exchange:
    """A provider's connector, of whichever kind.

    Raises:
        UnknownProvider: no connector has this name.
    """
    make = exchange if trades(provider) else build
    return make(provider, base_url, chosen)


def exchange(provider: str, base_url: str | None = None, chosen: Mapping[str, str] | None = None) -> Exchange:
    """An exchange's connector; ``base_url`` replaces the addresses of all parts of its API.

    Raises:
        UnknownProvider: it is no exchange.
    """
    if not trades(provider):
        raise UnknownProvider(f"{provider} is no exchange; name an account of one, such as binance/main")
    from connectors.exchange.spot import Connector  # noqa: PLC0415 - most installations post only

    return Connector(provider, base_url or "", chosen or {})


def build(provider: str, base_url: str | None = None, chosen: Mapping[str, str] | None = None) -> Network:
    """Make a social network's connector.

    ``base_url`` replaces the provider's own address (a sandbox, a self-hosted server); ``chosen`` are values of its
    ``options``.

    Raises:
        UnknownProvider: no connector has this name.
    """
    if trades(provider):
        raise UnknownProvider(f"{provider} is an exchange, which has no posts; name an account of a social network")
    if provider not in providers():
        raise UnknownProvider(_none(provider))
    point = _points().get(provider)
    made = point.load() if point else import_module(f"connectors.{provider}.connector").Connector
    given: dict[str, Any] = {"base_url": base_url} if base_url else {}
    return cast("Network", made(**given, chosen=chosen or {}))


def wrong_choice(provider: str, chosen: Mapping[str, str]) -> str:
    """What is wrong with values of a provider's options, in one sentence; empty if nothing is."""
    if provider not in providers() and not trades(provider):
        return _none(provider)
    options = {option.name: option for option in connector(provider).options}
    for name, value in chosen.items():
        if name not in options:
            known = f"there are {', '.join(options)}" if options else "it has none"
            return f"{provider} has no option {name!r}; {known}"
        if options[name].choices and value not in options[name].choices:
            return f"{provider}'s {name} can't be {value!r}; choose {' or '.join(options[name].choices)}"
        if options[name].form and not re.fullmatch(options[name].form, value):
            return f"{provider}'s {name} can't be {value!r}; write it like {options[name].default}"
    return ""


def _none(provider: str) -> str:
    return f"there is no provider {provider!r}; there are {', '.join(providers())}, and exchanges such as binance"
