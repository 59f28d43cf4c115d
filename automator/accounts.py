"""Accounts: who calls are made for, what they may do, and the version of their key. The key itself is in the vault."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache

from automator.clock import instant, micros
from automator.ledger import chain
from automator.notices import Notice, tell
from connectors import registry
from connectors.base import Scope
from connectors.network import Identity, Network
from connectors.venue import Exchange

WARNED = timedelta(days=7)  #: before a key expires
DEFAULT_SCOPES = (Scope.READ, Scope.WRITE, Scope.DELETE)
TRADING_SCOPES = (Scope.READ, Scope.TRADE)  #: of an exchange
_NAME = re.compile(r"[a-z0-9_-]+/[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Token:
    """An access token that ends: when it came, and until when it works (UTC)."""

    since: datetime
    ends: datetime


class NoAccount(LookupError):
    """No account has this name."""


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
    made: int = 0  #: when it was connected, microseconds UTC: tells it from another one that had its name

    @property
    def trades(self) -> bool:
        """Whether it is an exchange's."""
        return registry.trades(self.provider)


def connector(of: Stored, providers: Mapping[str, Mapping[str, str]]) -> Network | Exchange:
    """An account's connector. ``providers``: what is chosen for the whole installation, by provider.

    Raises:
        connectors.registry.UnknownProvider: no connector has its provider's name.
    """
    return registry.connector(of.provider, of.base_url, {**providers.get(of.provider, {}), **of.chosen}, of.name)


def exchange(of: Stored, providers: Mapping[str, Mapping[str, str]]) -> Exchange:
    """An exchange account's connector.

    Raises:
        connectors.registry.UnknownProvider: it is no exchange's.
    """
    return registry.exchange(of.provider, of.base_url, {**providers.get(of.provider, {}), **of.chosen}, of.name)


def network(of: Stored, providers: Mapping[str, Mapping[str, str]]) -> Network:
    """A social network account's connector.

    Raises:
        connectors.registry.UnknownProvider: it is no social network's.
    """
    return registry.build(of.provider, of.base_url, {**providers.get(of.provider, {}), **of.chosen})


def wrong_name(name: str) -> str:
    """What is wrong with a name for an account, in one sentence; empty if nothing is."""
    if _NAME.fullmatch(name):
        return ""
    form = "provider/name, such as x/brand; a name has up to 64 letters (a to z), digits, and - _ . inside"
    return f"{name!r} is no account's name; write {form}"


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
    "token_from, token_ends, created_at"
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


@lru_cache(maxsize=64)  # of each account the same row is read for each of its posts
def _stored(row: tuple[object, ...]) -> Stored:
    name, provider, base_url, scopes, *stands, send_again, chosen, since, ends, made = row
    allowed = frozenset(Scope(scope) for scope in str(scopes).split())
    kept = json.loads(str(chosen))
    token = Token(instant(since), instant(ends)) if isinstance(since, int) and isinstance(ends, int) else None
    known = (name, provider, base_url, allowed, *stands, bool(send_again), kept, token, made)
    return Stored(*known)


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
            *span(new.token),
        ),
    )
    data = {"what": "account added", "scopes": sorted(new.scopes), "version": new.version, "actor": actor}
    chain.append(tx, "event", micros(now), data, account=new.name)


def span(token: Token | None) -> tuple[int | None, int | None]:
    """As stored: microseconds UTC."""
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
