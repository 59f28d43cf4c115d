"""What a process knows of one exchange: ccxt's object, the markets, the clock. No key is ever kept here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import Any

import httpx

from connectors.base import Budget
from connectors.exchange.bridge import EPOCH, Clock, made, spot_only
from connectors.exchange.rows import rows
from connectors.exchange.rows.others import OTHERS
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import KEYS, Ways
from connectors.market import Market
from connectors.network import Option, Rejected, SecretField

WALLETS = frozenset({"privateKey", "walletAddress"})  #: with these an exchange takes orders that a wallet signs


@dataclass(eq=False)
class Place:
    """One exchange at one address.

    Attributes:
        base_url: In place of the exchange's own addresses; empty: those.
        testing: Whether its test environment is meant.
        learned: The limits that it told of itself.
        markets: Those that were loaded last, by symbol; at ``loaded``.
        doubted: An order was refused since.
    """

    ways: Ways
    base_url: str
    testing: bool
    clock: Clock = field(default_factory=Clock)
    learned: tuple[Budget, ...] | None = None
    markets: Mapping[str, Market] | None = None
    loaded: datetime = EPOCH
    doubted: bool = False
    loading: asyncio.Lock = field(default_factory=asyncio.Lock)

    @cached_property
    def bridge(self) -> Any:
        """The object of ccxt's; it is loaded only when something of it is needed."""
        bridge = made(self.ways.id, self.ways.config, self.clock, finer=self.ways.finer)
        if not self.ways.own:
            spot_only(bridge, currencies=self.ways.currencies)
        if self.testing:
            bridge.set_sandbox_mode(True)
        bridge.urls["api"] = _replaced(bridge.urls["api"], bridge, self.base_url)
        bridge.address = self.address
        bridge.learns = lambda call, body: self.ways.learn(self, call, body)
        return bridge

    @property
    def rising(self) -> bool:
        """Whether its nonces must rise: ccxt signs with such ones where an exchange wants them."""
        return "incrementing_nonce" in type(self.bridge).sign.__code__.co_names

    @property
    def title(self) -> str:
        """Its name for people."""
        return str(self.bridge.name)

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """Where its calls may go."""
        used = self.ways.sections
        api = self.bridge.urls["api"]
        parts = {name: api[name] for name in used if name in api} if used and isinstance(api, dict) else api
        return tuple(dict.fromkeys(_origin(url) for url in _flat(parts)))

    @property
    def fields(self) -> tuple[SecretField, ...]:
        """The keys it needs.

        Raises:
            Rejected: it would need the key of a wallet.
        """
        if self.ways.fields is not None:
            return self.ways.fields
        if self.unfit:
            raise Rejected(self.unfit)
        needed = self.bridge.requiredCredentials
        return tuple(given for name, given in KEYS.items() if needed.get(name))

    @property
    def unfit(self) -> str:
        """Why no account of it can be connected; empty if one can."""
        needed = {name for name, wanted in self.bridge.requiredCredentials.items() if wanted}
        if self.ways.fields is None and (needed & WALLETS or not needed & KEYS.keys()):
            return (
                f"{self.title} takes orders that a wallet's private key signs, which moves money as well; "
                "Automator does not take such a key"
            )
        return ""

    @property
    def options(self) -> tuple[Option, ...]:
        """How it may be used."""
        known = self.ways.testing
        if not (known if known is not None else bool(self.bridge.urls.get("test"))):
            return self.ways.options
        said = "Real money, or the exchange's test environment."
        return (Option("environment", "live", said, ("live", "test")), *self.ways.options)

    def address(self, call: Unsigned) -> str:
        """Where a call goes, without what is asked: this is what the record says."""
        api = self.bridge.urls["api"]
        base = api if isinstance(api, str) else _section(api, call.sections)
        path = self.bridge.implode_params(call.path, call.params if isinstance(call.params, dict) else {})
        return f"{base.rstrip('/')}/{self.ways.lead(call)}{path}"


def place(exchange: str, base_url: str, environment: str, account: str = "") -> Place:
    """The one place of this process for an exchange at an address; for an account alone where the exchange has no row.

    ccxt keeps what it has learned of an account (its kind, its id), and our rows ask for nothing of that sort.
    """
    return _place(exchange, base_url, environment, "" if exchange in rows() else account)


@cache
def _place(exchange: str, base_url: str, environment: str, _: str) -> Place:
    row = rows().get(exchange)
    if row is None:
        row = type(exchange.title(), (Ways,), {"id": exchange, "own": False, **OTHERS.get(exchange, {})})
    return Place(row(), base_url, environment == "test")


def _section(api: Mapping[str, Any], sections: tuple[str, ...]) -> str:
    """The address of a section; some exchanges have one for all."""
    found: Any = api
    for section in sections:
        if isinstance(found, dict) and section in found:
            found = found[section]
    return next(_flat(found))


def _flat(api: Any) -> Iterator[str]:
    if isinstance(api, str):
        yield api
    elif isinstance(api, dict):
        for item in api.values():
            yield from _flat(item)


def _replaced(api: Any, bridge: Any, base_url: str) -> Any:
    """The addresses of all sections, whole, and at ``base_url`` if there is one: none is left that leads elsewhere."""
    if isinstance(api, dict):
        return {name: _replaced(item, bridge, base_url) for name, item in api.items()}
    if not isinstance(api, str):
        return api
    whole = str(bridge.implode_hostname(api))
    return base_url + httpx.URL(whole).path.rstrip("/") if base_url else whole


def _origin(url: str) -> str:
    found = httpx.URL(url)
    return f"{found.scheme}://{found.netloc.decode('ascii')}"
