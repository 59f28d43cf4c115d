"""Keys as they are renewed: what an answer leaves out stays, and the record shows only that they changed."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from automator import accounts
from automator.backup import newest_keys
from automator.clock import micros
from automator.db import Writer, connect
from automator.keys import Keys, marked
from automator.schema import create
from automator.vault.choose import own_file
from connectors.base import Scope
from connectors.registry import build
from connectors.x.oauth import TOKEN
from tests.clocks import StillClock
from tests.stored import unpacked

HELD = {"oauth2_access_token": "old", "oauth2_refresh_token": "refresh", "client_id": "app"}


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Keys]:
    """The keys of an installation with one account."""
    home.mkdir(exist_ok=True)
    create(home / "a.db")
    clock, store = StillClock(), own_file(home)
    with Writer(home / "a.db") as writer:
        reader = connect(home / "a.db", readonly=True)
        if not accounts.everything(reader):
            store.put("x/brand", 1, HELD)
            await writer.run(lambda tx: accounts.add(tx, accounts.fresh("x/brand"), clock.now(), actor="test"))
        yield Keys(store, writer, reader, clock)
        reader.close()


def brand(keys: Keys) -> accounts.Stored:
    """The account that has the name now."""
    return accounts.load(keys._reader, "x/brand")


@pytest.mark.parametrize("left_out", ["", ', "refresh_token": null', ', "refresh_token": ""'])
async def test_a_renewal_that_brings_no_refresh_token_leaves_the_old_one(tmp_path: Path, left_out: str) -> None:
    """Else the account would have to be connected again when the new token ends (RFC 6749, section 6)."""
    answer = httpx.Response(200, text=f'{{"access_token": "new"{left_out}}}')
    async with opened(tmp_path) as keys:
        keys.secrets(brand(keys))
        await keys.keep(brand(keys), build("x").harvest(TOKEN, answer))
        assert dict(keys.secrets(brand(keys))) == {**HELD, "oauth2_access_token": "new"}


ANOTHERS = {**HELD, "oauth2_access_token": "another's"}


async def connected_anew(keys: Keys, *, in_vault: bool = True) -> None:
    """The account is removed, and its name given to another one."""
    keys._clock.at += timedelta(minutes=1)

    def anew(tx: sqlite3.Connection) -> None:
        accounts.remove(tx, "x/brand", keys._clock.now(), actor="test")
        accounts.add(tx, accounts.fresh("x/brand"), keys._clock.now(), actor="test")

    if in_vault:
        keys._store.put("x/brand", 1, ANOTHERS)
    await keys._writer.run(anew)


async def test_an_account_that_is_connected_anew_has_its_new_key(tmp_path: Path) -> None:
    """A service that runs meanwhile does not go on with the key of the account that had this name before."""
    async with opened(tmp_path) as keys:
        assert dict(keys.secrets(brand(keys))) == HELD
        await connected_anew(keys)
        assert dict(keys.secrets(brand(keys))) == ANOTHERS
        await keys.keep(brand(keys), {"oauth2_access_token": "newer"})
        assert dict(keys.secrets(brand(keys))) == {**HELD, "oauth2_access_token": "newer"}


@pytest.mark.parametrize("way", ["keep", "replace", "adopt", "secrets", "send"])
async def test_what_was_begun_for_an_account_ends_with_it(tmp_path: Path, way: str) -> None:
    """Tokens that a removed account was given late must not let posts of the next one of its name go out as it."""
    async with opened(tmp_path) as keys:
        before, late = brand(keys), {"oauth2_access_token": "late"}
        keys.secrets(before)
        await connected_anew(keys)
        begun = {
            "keep": partial(keys.keep, before, late),
            "replace": partial(keys.replace, before, late),
            "adopt": partial(keys.adopt, before),
            "secrets": partial(asyncio.to_thread, keys.secrets, before),
            "send": partial(keys._writer.run, lambda tx: keys.stands(before, tx, Scope.WRITE, 1)),
        }
        with pytest.raises(accounts.NoAccount, match=r"connected anew meanwhile|not connected any more"):
            await begun[way]()
        assert dict(keys.secrets(brand(keys))) == ANOTHERS
        assert keys._store.get("x/brand", 2) is None


@pytest.mark.parametrize("renewals", [1, 3])
async def test_a_restored_account_never_has_the_key_of_another_one_of_its_name(tmp_path: Path, renewals: int) -> None:
    """It would post as that one; it waits, says to be given its own key, and has that from then on, renewed or not."""
    async with opened(tmp_path) as keys:
        await keys.keep(brand(keys), {"oauth2_access_token": "as copied"})
        with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            keys._reader.backup(copy)
        made = micros(keys._clock.now() + timedelta(minutes=1))
        keys._store.delete("x/brand", 2)
        keys._store.put("x/brand", 1, marked(ANOTHERS, made))
        await connected_anew(keys, in_vault=False)
        for number in range(renewals):
            await keys.keep(brand(keys), {"oauth2_access_token": f"another's {number}"})
    (tmp_path / "copy.db").replace(tmp_path / "a.db")
    for log in ("a.db-wal", "a.db-shm"):
        (tmp_path / log).unlink(missing_ok=True)
    async with opened(tmp_path) as keys:
        newest = newest_keys(keys._reader, keys._store)
        assert newest == {}
        with pytest.raises(accounts.NoAccount, match="give it anew with `automator accounts rotate x/brand`"):
            keys.secrets(brand(keys))
        await keys.replace(brand(keys), HELD)
        assert not await keys.adopt(brand(keys))
        assert dict(keys.secrets(brand(keys))) == HELD
        assert newest_keys(keys._reader, keys._store) == {}


async def test_a_fingerprint_tells_keys_apart_and_proves_no_guess(tmp_path: Path) -> None:
    """The same for the same key whenever it is asked, another for another; without the vault a password can't be tried."""
    password = {"password": "letmein"}
    found = []
    for home in ("one", "one", "two"):
        async with opened(tmp_path / home) as keys:
            keys.secrets(brand(keys))
            found.append((await keys.keep(brand(keys), password))["password"])
            assert found[-1] in unpacked(keys._reader)
    assert found[0] == found[1] != found[2]
    async with opened(tmp_path / "one") as keys:
        assert (await keys.marks({"password": "letmeout"}))["password"] != found[0]
    assert hashlib.sha256(b"automatorletmein").hexdigest()[:12] not in found[0]
