"""Accounts: who calls are made for, what they may do, and the version of their key. The key itself is in the vault."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlmodel import Field, SQLModel

from automator import failpoints
from automator.clock import Clock, instant, micros
from automator.db import Writer
from automator.egress.sign import fingerprint
from automator.ledger import chain
from automator.notices import Notice, tell
from automator.vault.store import Store
from connectors import registry
from connectors.base import Scope
from connectors.network import Identity, Network
from connectors.venue import Exchange

WARNED = timedelta(days=7)  #: before a key expires
DEFAULT_SCOPES = (Scope.READ, Scope.WRITE, Scope.DELETE)
TRADING_SCOPES = (Scope.READ, Scope.TRADE)  #: of an exchange


class AccountRow(SQLModel, table=True):
    """One connected account."""

    __tablename__ = "account"

    name: str = Field(primary_key=True)  #: ``provider/name``
    provider: str
    base_url: str | None  #: in place of the provider's own
    scopes: str  #: separated by spaces
    version: int  #: of the key in the vault
    identity: str  #: who the provider says it is: its id, a space, its handle
    created_at: int  #: microseconds UTC
    tested_at: int | None
    expires_at: int | None
    send_again: int  #: 1: what lists do not show may be sent again
    token_from: int | None  #: when its access token came, microseconds UTC; ``None``: it is not said to end
    token_ends: int | None
    chosen: str = Field(sa_column_kwargs={"server_default": "{}"})  #: canonical JSON; values of its provider's options


@dataclass(frozen=True, slots=True)
class Token:
    """An access token that ends: when it came, and until when it works (UTC)."""

    since: datetime
    ends: datetime


class NoAccount(LookupError):
    """No account has this name."""


class Superseded(Exception):
    """Someone else stored a newer key meanwhile."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An account as it stands in the database."""

    name: str
    provider: str
    base_url: str | None
    scopes: frozenset[Scope]
    version: int
    identity: str
    tested_at: int | None
    expires_at: int | None
    send_again: bool
    chosen: Mapping[str, str] = field(default_factory=dict)  #: over what is chosen for the installation
    token: Token | None = None

    @property
    def trades(self) -> bool:
        """Whether it is an exchange's."""
        return registry.trades(self.provider)


def connector(of: Stored, providers: Mapping[str, Mapping[str, str]]) -> Network | Exchange:
    """An account's connector. ``providers``: what is chosen for the whole installation, by provider.

    Raises:
        connectors.registry.UnknownProvider: no connector has its provider's name.
    """
    return registry.connector(of.provider, of.base_url, {**providers.get(of.provider, {}), **of.chosen})


def exchange(of: Stored, providers: Mapping[str, Mapping[str, str]]) -> Exchange:
    """An exchange account's connector.

    Raises:
        connectors.registry.UnknownProvider: it is no exchange's.
    """
    return registry.exchange(of.provider, of.base_url, {**providers.get(of.provider, {}), **of.chosen})


def network(of: Stored, providers: Mapping[str, Mapping[str, str]]) -> Network:
    """A social network account's connector.

    Raises:
        connectors.registry.UnknownProvider: it is no social network's.
    """
    return registry.build(of.provider, of.base_url, {**providers.get(of.provider, {}), **of.chosen})


def fresh(
    name: str,
    base_url: str | None = None,
    scopes: Iterable[Scope] | None = None,
    chosen: Mapping[str, str] | None = None,
) -> Stored:
    """An account that is about to be connected; ``name`` is ``provider/name``. What nobody chose suits its kind."""
    provider = name.partition("/")[0]
    usual = TRADING_SCOPES if registry.trades(provider) else DEFAULT_SCOPES
    allowed = frozenset(usual if scopes is None else scopes)
    return Stored(name, provider, base_url, allowed, 1, "", None, None, send_again=False, chosen=chosen or {})


_COLUMNS = (
    "name, provider, base_url, scopes, version, identity, tested_at, expires_at, send_again, chosen, "
    "token_from, token_ends"
)


def everything(connection: sqlite3.Connection) -> list[Stored]:
    """All accounts, by name."""
    return [_stored(row) for row in connection.execute(f"SELECT {_COLUMNS} FROM account ORDER BY name")]  # noqa: S608 - a constant


def load(connection: sqlite3.Connection, name: str) -> Stored:
    """Read one account.

    Raises:
        NoAccount: there is none of this name.
    """
    row = connection.execute(f"SELECT {_COLUMNS} FROM account WHERE name = ?", (name,)).fetchone()  # noqa: S608 - a constant
    if row is None:
        raise NoAccount(f"{name} is not connected; connect it with `automator accounts add {name}`")
    return _stored(row)


def _stored(row: tuple[object, ...]) -> Stored:
    name, provider, base_url, scopes, version, identity, tested_at, expires_at, send_again, chosen, since, ends = row
    allowed = frozenset(Scope(scope) for scope in str(scopes).split())
    kept = json.loads(str(chosen))
    token = Token(instant(since), instant(ends)) if isinstance(since, int) and isinstance(ends, int) else None
    known = (name, provider, base_url, allowed, version, identity, tested_at, expires_at, bool(send_again), kept, token)
    return Stored(*known)  # type: ignore[arg-type]


def add(tx: sqlite3.Connection, new: Stored, now: datetime, *, actor: str) -> None:
    """Add an account whose key is in the vault already, as an event."""
    tx.execute(
        "INSERT INTO account (name, provider, base_url, scopes, version, identity, created_at, send_again, chosen, "
        "token_from, token_ends) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
        (
            new.name,
            new.provider,
            new.base_url,
            " ".join(sorted(new.scopes)),
            new.version,
            new.identity,
            micros(now),
            int(new.send_again),
            chain.canonical(dict(new.chosen)),
            *_span(new.token),
        ),
    )
    data = {"what": "account added", "scopes": sorted(new.scopes), "version": new.version, "actor": actor}
    chain.append(tx, "event", micros(now), data, account=new.name)


def _span(token: Token | None) -> tuple[int | None, int | None]:
    return (micros(token.since), micros(token.ends)) if token else (None, None)


def change(  # noqa: PLR0913 - who, what, when
    tx: sqlite3.Connection,
    name: str,
    now: datetime,
    *,
    scopes: Collection[Scope] | None = None,
    send_again: bool | None = None,
    chosen: Mapping[str, str] | None = None,
    actor: str,
) -> Stored:
    """Change what an account may do, each change an event; returns it as it then stands.

    ``send_again``: what was sent, has no answer, and is in no list of the provider's, may be sent again by itself.
    ``chosen``: values of its provider's options; an empty one takes back what was chosen.

    Raises:
        NoAccount: there is none of this name.
    """
    before = load(tx, name)
    after = replace(
        before,
        scopes=before.scopes if scopes is None else frozenset(scopes),
        send_again=before.send_again if send_again is None else send_again,
        chosen={option: value for option, value in {**before.chosen, **(chosen or {})}.items() if value},
    )
    tx.execute(
        "UPDATE account SET scopes = ?, send_again = ?, chosen = ? WHERE name = ?",
        (" ".join(sorted(after.scopes)), int(after.send_again), chain.canonical(dict(after.chosen)), name),
    )
    if after.scopes != before.scopes:
        said = {"what": "scopes", "scopes": sorted(after.scopes), "before": sorted(before.scopes), "actor": actor}
        chain.append(tx, "event", micros(now), said, account=name)
    if after.send_again != before.send_again:
        chain.append(
            tx, "event", micros(now), {"what": "send again", "value": send_again, "actor": actor}, account=name
        )
    if after.chosen != before.chosen:
        options = {"what": "options", "chosen": dict(after.chosen), "before": dict(before.chosen), "actor": actor}
        chain.append(tx, "event", micros(now), options, account=name)
    return after


def remove(tx: sqlite3.Connection, name: str, now: datetime, *, actor: str) -> None:
    """Forget an account, as an event; what it did stays on the record."""
    tx.execute("DELETE FROM account WHERE name = ?", (name,))
    chain.append(tx, "event", micros(now), {"what": "account removed", "actor": actor}, account=name)


def tested(tx: sqlite3.Connection, name: str, who: Identity, now: datetime) -> None:
    """The key worked: note who it belongs to, until when, and how the account is best used where nobody chose."""
    tx.execute(
        "UPDATE account SET identity = ?, tested_at = ?, expires_at = ? WHERE name = ?",
        (f"{who.id} {who.handle}", micros(now), micros(who.expires) if who.expires else None, name),
    )
    chosen = load(tx, name).chosen
    if fitting := {option: value for option, value in who.chosen.items() if option not in chosen}:
        change(tx, name, now, chosen=fitting, actor="test")


def warn_of_expiry(tx: sqlite3.Connection, now: datetime) -> None:
    """A notice for each key that stops working within a week."""
    for who in everything(tx):
        if who.expires_at is not None and who.expires_at < micros(now + WARNED):
            text = f"the key of {who.name} stops working on {instant(who.expires_at):%Y-%m-%d}; give it a new one"
            tell(
                tx,
                Notice("expiring", who.name, f"{text} with `automator accounts rotate {who.name}`", who.name),
                micros(now),
            )


class Keys:
    """The keys of all accounts, read from the vault when their version changes."""

    def __init__(self, store: Store, writer: Writer, reader: sqlite3.Connection, clock: Clock) -> None:
        self._store = store
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._held: dict[str, tuple[int, dict[str, str]]] = {}

    def secrets(self, name: str) -> Mapping[str, str]:
        """The current values of an account's key.

        Raises:
            automator.vault.store.VaultError: the vault cannot be opened, or has no such key.
        """
        row = self._reader.execute("SELECT version FROM account WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise NoAccount(f"{name} is not connected")
        version = row[0]
        held = self._held.get(name)
        if held is None or held[0] != version:
            found = self._store.get(name, version)
            if found is None:
                raise NoAccount(f"the key of {name} is no longer in the vault; add it with `automator accounts rotate`")
            held = self._held[name] = (version, found)
        return held[1]

    def version(self, name: str) -> int:
        """The version of the key that ``secrets`` returned last."""
        return self._held[name][0]

    def token(self, lasts: timedelta | None) -> Token | None:
        """A token that comes now and works so long."""
        now = self._clock.now()
        return Token(now, now + lasts) if lasts else None

    async def keep(self, name: str, fresh: Mapping[str, str], lasts: timedelta | None = None) -> None:
        """Store new values over the old ones as the next version; the version before stays until the one after.

        ``lasts``: how long they work from now on.

        Raises:
            Superseded: another process stored a newer key meanwhile; nothing was changed.
        """
        await self._store_next(name, {**self.secrets(name), **fresh}, fresh, self.token(lasts))

    async def replace(self, name: str, fresh: Mapping[str, str], token: Token | None = None) -> None:
        """Store a new key in place of the old one, as the next version.

        Raises:
            Superseded: another process stored a newer key meanwhile; nothing was changed.
        """
        self.secrets(name)
        await self._store_next(name, dict(fresh), fresh, token)

    async def adopt(self, name: str) -> bool:
        """Put in force what a process stored as the next version before it died; ``False`` if there is nothing."""
        self.secrets(name)
        version, held = self._held[name]
        left = await asyncio.to_thread(self._store.get, name, version + 1)
        if left is None:
            return False
        await self._switch(name, version, left, {key: left[key] for key in left if left[key] != held.get(key)}, None)
        return True

    async def _store_next(
        self, name: str, merged: dict[str, str], fresh: Mapping[str, str], token: Token | None
    ) -> None:
        version, _ = self._held[name]
        failpoints.reach("before-keep")
        await asyncio.to_thread(self._store.put, name, version + 1, merged)
        failpoints.reach("after-keep")
        await self._switch(name, version, merged, fresh, token)

    async def _switch(
        self, name: str, version: int, merged: dict[str, str], fresh: Mapping[str, str], token: Token | None
    ) -> None:
        def switch(tx: sqlite3.Connection) -> None:
            changed = tx.execute(
                "UPDATE account SET version = ?, token_from = ?, token_ends = ? WHERE name = ? AND version = ?",
                (version + 1, *_span(token), name, version),
            ).rowcount
            if changed != 1:
                raise Superseded(f"another process stored a newer key of {name}")
            marks = {field: fingerprint(value) for field, value in sorted(fresh.items())}
            data = {"what": "key renewed", "version": version + 1, "fields": marks}
            chain.append(tx, "event", micros(self._clock.now()), data, account=name)

        await self._writer.run(switch)
        failpoints.reach("after-switch")
        self._held[name] = (version + 1, merged)
        if version > 1:
            await asyncio.to_thread(self._store.delete, name, version - 1)
