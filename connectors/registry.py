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
VENUES = "automator.exchanges"  #: the same, of exchanges that ccxt does not know


class UnknownProvider(LookupError):
    """No connector has this name, or one of another kind."""


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    """Those of other distributions, by name; what is installed does not change while a process runs."""
    return {point.name: point for point in entry_points(group=group)}


@cache
def _folders(*, exchanges: bool) -> frozenset[str]:
    """The providers that have a folder here; one of an exchange says so in its package (``EXCHANGE = True``)."""
    folders = [found.name for found in pkgutil.iter_modules(connectors.__path__) if found.ispkg]
    own = [name for name in folders if find_spec(f"connectors.{name}.connector")]  # others are shared by several
    marked = {name: bool(getattr(import_module(f"connectors.{name}"), "EXCHANGE", False)) for name in own}
    return frozenset(name.replace("_", "-") for name, is_one in marked.items() if is_one is exchanges)


@cache
def providers() -> tuple[str, ...]:
    """The names of all social networks' connectors, sorted."""
    return tuple(sorted(_folders(exchanges=False) | _points(GROUP).keys()))


@cache
def venues() -> tuple[str, ...]:
    """The names of the exchanges that have a connector of their own, sorted; ccxt has the others."""
    return tuple(sorted(_folders(exchanges=True) | _points(VENUES).keys()))


def package(provider: str) -> str:
    """The folder of a provider, as a package: ``connectors.alpaca_stocks`` for ``alpaca-stocks``."""
    return f"connectors.{provider.replace('-', '_')}"


def trades(provider: str) -> bool:
    """Whether it is an exchange."""
    return provider in venues() or (provider not in providers() and provider in known())


def connector(
    provider: str, base_url: str | None = None, chosen: Mapping[str, str] | None = None, account: str = ""
) -> Network | Exchange:
    """A provider's connector, of whichever kind; ``account`` as for ``exchange``.

    Raises:
        UnknownProvider: no connector has this name.
    """
    return exchange(provider, base_url, chosen, account) if trades(provider) else build(provider, base_url, chosen)


def exchange(
    provider: str, base_url: str | None = None, chosen: Mapping[str, str] | None = None, account: str = ""
) -> Exchange:
    """An exchange's connector; ``base_url`` replaces the addresses of all parts of its API.

    ``account`` is whose it is: of an exchange without a row, ccxt keeps what it has learned of one account (its kind,
    its id) and holds it to be true of all others.

    Raises:
        UnknownProvider: it is no exchange.
    """
    if not trades(provider):
        raise UnknownProvider(f"{provider} is no exchange; name an account of one, such as binance/main")
    if provider in venues():
        return cast("Exchange", _made(provider, VENUES)(base_url=base_url or "", chosen=chosen or {}))
    from connectors.exchange.spot import Connector  # noqa: PLC0415 - most installations post only

    return Connector(provider, base_url or "", chosen or {}, account)


def books_apart(provider: str) -> str:
    """What of its fees an exchange books by itself (``Custom.apart``), told without loading what trades there."""
    if provider in venues():
        return cast("Exchange", _made(provider, VENUES)(base_url="", chosen={})).custom.apart
    from connectors.exchange.rows import rows  # noqa: PLC0415 - most installations post only

    row = rows().get(provider)
    return row.custom.apart if row else ""


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
    given: dict[str, Any] = {"base_url": base_url} if base_url else {}
    return cast("Network", _made(provider, GROUP)(**given, chosen=chosen or {}))


def _made(provider: str, group: str) -> Any:
    """A provider's class of connectors."""
    point = _points(group).get(provider)
    return point.load() if point else import_module(f"{package(provider)}.connector").Connector


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
    exchanges = f"and exchanges such as {' or '.join(('binance', *venues()))}"
    return f"there is no provider {provider!r}; there are {', '.join(providers())}, {exchanges}"
