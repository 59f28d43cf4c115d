"""The keys of accounts as they are used: read from the vault, and renewed there before the database names them."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from automator import failpoints
from automator.accounts import NoAccount, Stored, Token, span
from automator.clock import Clock, micros
from automator.db import Writer
from automator.egress.allow import unallowed
from automator.egress.call import Forbidden, Superseded
from automator.ledger import chain
from automator.scheduling import beats
from automator.vault.made import made
from automator.vault.store import Store, VaultError
from connectors.base import Scope

_Mark = tuple[int, int]  #: an account's key: its version, and when the account was connected
#: versions begin anew with an account that was removed and connected again under its name
_MARK = "SELECT version, created_at FROM account WHERE name = ?"
MARKING = "automator-fingerprints"  #: the name in the vault of what fingerprints are made with

LEFT = "left key "  #: begins the name of a beat: of a version in the vault that no account may name
DEAD = timedelta(hours=1)  #: after which whoever was about to name or to delete it has died
CONNECTED = "automator.connected"  #: kept with a key: when its account was connected, as the database has it


def marked(values: Mapping[str, str], made: int) -> dict[str, str]:
    """A key as the vault has it: it says itself which account it is of, whatever database is put back beside it."""
    return {**values, CONNECTED: str(made)}


def own(found: Mapping[str, str] | None, made: int) -> dict[str, str] | None:
    """A key from the vault; ``None`` if there is none, or it is of another account that was connected under the name.

    One that was kept before keys said whose they are counts as the account's.
    """
    if found is None or found.get(CONNECTED, str(made)) != str(made):
        return None
    return {field: value for field, value in found.items() if field != CONNECTED}


def leave(tx: sqlite3.Connection, name: str, versions: Iterable[int], now: datetime) -> None:
    """Say of versions that the vault has or is about to have them while no account names them."""
    for version in versions:
        beats.beat(tx, f"{LEFT}{name}#{version}", now)


def settled(tx: sqlite3.Connection, name: str, versions: Iterable[int]) -> None:
    """They are named now, or gone."""
    tx.executemany("DELETE FROM beat WHERE name = ?", [(f"{LEFT}{name}#{version}",) for version in versions])


class Keys:
    """The keys of all accounts, read from the vault when their version changes."""

    def __init__(self, store: Store, writer: Writer, reader: sqlite3.Connection, clock: Clock) -> None:
        self._store = store
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._held: dict[str, tuple[_Mark, dict[str, str]]] = {}
        self._marking: bytes | None = None

    def secrets(self, who: Stored) -> Mapping[str, str]:
        """The current values of an account's key.

        Raises:
            automator.accounts.NoAccount: there is none of this name, it is another one by now, or its key is no longer
                in the vault, which may have that of another one of its name.
            automator.vault.store.VaultError: the vault cannot be opened.
        """
        name, mark = who.name, self._in_force(who)
        held = self._held.get(name)
        if held is None or held[0] != mark:
            there = self._store.get(name, mark[0])
            found = own(there, mark[1])
            if found is None:
                why = "is no longer in the vault" if there is None else "was replaced by that of an account of later"
                way = f"put back a vault that has it, or give it anew with `automator accounts rotate {name}`"
                raise NoAccount(f"the key of {name} {why}; {way}")
            held = self._held[name] = (mark, found)
        return held[1]

    def _in_force(self, who: Stored) -> _Mark:
        """The version of an account's key by the database, and what changes when the account is connected anew."""
        row: _Mark | None = self._reader.execute(_MARK, (who.name,)).fetchone()
        if row is None:
            raise NoAccount(f"{who.name} is not connected")
        if row[1] != who.made:
            raise NoAccount(f"{who.name} was removed and connected anew meanwhile")
        return row

    def version(self, name: str) -> int:
        """The version of the key that ``secrets`` returned last."""
        return self._held[name][0][0]

    def stands(self, who: Stored, tx: sqlite3.Connection, scope: Scope, version: int) -> None:
        """Look once more, in the transaction that decides to send, whether a key is in force and may do this.

        Raises:
            automator.accounts.NoAccount: the account was removed meanwhile; its name may be another one's.
            Superseded: another key of it is in force.
            Forbidden: that was taken back from it.
        """
        name, query = who.name, "SELECT version, scopes, created_at FROM account WHERE name = ?"
        row = tx.execute(query, (name,)).fetchone()
        if row is None or row[2] != who.made:
            raise NoAccount(f"{name} is not connected any more; nothing was sent")
        if row[0] != version:
            raise Superseded(f"{name} has another key by now")
        if scope not in row[1].split():
            raise Forbidden(unallowed(name, scope))

    def token(self, lasts: timedelta | None) -> Token | None:
        """A token that comes now and works so long."""
        now = self._clock.now()
        return Token(now, now + lasts) if lasts else None

    async def marks(self, values: Mapping[str, str]) -> dict[str, str]:
        """Fingerprints, which the record shows in place of keys: enough to tell two apart.

        They are keyed (HMAC, RFC 2104): who has the record but not the vault can't try guesses of a password on them.
        """
        if self._marking is None:
            self._marking = await asyncio.to_thread(_marking, self._store)
        key = self._marking
        return {
            field: f"[token {hmac.digest(key, value.encode(), 'sha256').hex()[:12]}]" for field, value in values.items()
        }

    async def keep(self, who: Stored, fresh: Mapping[str, str], lasts: timedelta | None = None) -> Mapping[str, str]:
        """Store new values over the old ones as the next version; the version before stays until the one after.

        ``lasts``: how long they work from now on. Returns their fingerprints.

        Raises:
            automator.accounts.NoAccount: they are of an account that was removed; the one that has its name now has
                other keys.
            Superseded: another process stored a newer key meanwhile; nothing was changed.
        """
        merged = {**self.secrets(who), **fresh}
        return await self._store_next(who.name, self._held[who.name][0], merged, fresh, self.token(lasts))

    async def replace(self, who: Stored, fresh: Mapping[str, str], token: Token | None = None) -> None:
        """Store a new key in place of the old one, which the vault may have lost, as the next version.

        Raises:
            automator.accounts.NoAccount: the account was removed; the one that has its name now has other keys.
            Superseded: another process stored a newer key meanwhile; nothing was changed.
        """
        await self._store_next(who.name, self._in_force(who), dict(fresh), fresh, token)

    async def adopt(self, who: Stored) -> bool:
        """Put in force what a process stored as the next version before it died; ``False`` if there is nothing.

        Raises:
            automator.vault.store.VaultError: the vault would not take a new key, which a provider may give out only
                once; nothing may be renewed.
        """
        self.secrets(who)
        name = who.name
        mark, held = self._held[name]
        left = own(await asyncio.to_thread(self._store.get, name, mark[0] + 1), mark[1])
        if left is None:
            await asyncio.to_thread(self._store.ready)
            return False
        await self._switch(name, mark, left, {key: left[key] for key in left if left[key] != held.get(key)}, None)
        return True

    async def clear(self) -> None:
        """Take out of the vault what no account names, because a process died between the two; each an event."""
        now = self._clock.now()
        query = "SELECT substr(name, ?) FROM beat WHERE name GLOB ? AND at < ?"
        for (left,) in self._reader.execute(query, (len(LEFT) + 1, f"{LEFT}*", micros(now - DEAD))).fetchall():
            name, _, version = left.rpartition("#")
            await self._clear_one(name, int(version), now)

    async def _clear_one(self, name: str, version: int, now: datetime) -> None:
        row = self._reader.execute(_MARK, (name,)).fetchone()
        # those beside the one in force are the account's own: the one before, and one that is being put in force
        unnamed = row is None or abs(row[0] - version) > 1
        if unnamed:
            await asyncio.to_thread(self._store.delete, name, version)

        def note(tx: sqlite3.Connection) -> None:
            settled(tx, name, [version])
            if unnamed:
                data = {"what": "key removed", "version": version, "why": "no account names it"}
                chain.append(tx, "event", micros(now), data, account=name)

        await self._writer.run(note)

    async def _store_next(
        self, name: str, before: _Mark, merged: dict[str, str], fresh: Mapping[str, str], token: Token | None
    ) -> Mapping[str, str]:
        failpoints.reach("before-keep")
        await asyncio.to_thread(self._store.put, name, before[0] + 1, marked(merged, before[1]))
        failpoints.reach("after-keep")
        return await self._switch(name, before, merged, fresh, token)

    async def _switch(
        self, name: str, before: _Mark, merged: dict[str, str], fresh: Mapping[str, str], token: Token | None
    ) -> Mapping[str, str]:
        marks, version = await self.marks(fresh), before[0]

        def switch(tx: sqlite3.Connection) -> None:
            changed = tx.execute(
                "UPDATE account SET version = ?, token_from = ?, token_ends = ? "
                "WHERE name = ? AND version = ? AND created_at = ?",
                (version + 1, *span(token), name, *before),
            ).rowcount
            if changed != 1:
                raise Superseded(f"another process stored a newer key of {name}")
            data = {"what": "key renewed", "version": version + 1, "fields": marks}
            chain.append(tx, "event", micros(self._clock.now()), data, account=name)

        await self._writer.run(switch)
        failpoints.reach("after-switch")
        self._held[name] = ((version + 1, before[1]), merged)
        if version > 1:
            await self._drop(name, version - 1)
        return marks

    async def _drop(self, name: str, version: int) -> None:
        """Take out of the vault what is of no use any more; where it is locked by now, ``clear`` does that later."""
        try:
            await asyncio.to_thread(self._store.delete, name, version)
        except VaultError:
            now = self._clock.now()
            await self._writer.run(lambda tx: leave(tx, name, [version], now))


def _marking(store: Store) -> bytes:
    return bytes.fromhex(made(store, MARKING, "key", lambda: secrets.token_hex(32))["key"])
