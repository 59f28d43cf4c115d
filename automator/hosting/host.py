"""The media host: a file lies at an unguessable public address until the run that needs it has ended.

A row is written before a file is put there, and goes only after it was removed: whoever dies, no file stays for ever.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import secrets
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import httpx

from automator.clock import Clock, micros
from automator.db import Writer
from automator.egress.call import EXTENSION, Account, Call
from automator.egress.stack import Client
from automator.hosting.bucket import DELETE, FETCH, PUT, shop
from automator.intentions import Fenced
from automator.scheduling import lease
from automator.scheduling.lease import Run
from automator.scheduling.states import OPEN_STATES
from automator.vault.made import VERSION, made
from automator.vault.store import Store
from connectors.base import CallRefused, NotNow, Operation, Scope, outcome_of
from connectors.network import Rejected
from connectors.post import Media

ACCOUNT = "automator-media"  #: the keys' name in the vault
TEST = 0  #: in place of a run
TESTED = timedelta(minutes=10)  #: after which what a test left behind is removed
ENDINGS = {
    "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp",
    "video/mp4": ".mp4", "video/quicktime": ".mov",
}  # fmt: skip


class Place(Protocol):
    """Where files lie: a folder or a bucket."""

    @property
    def public_url(self) -> str:
        """Under which anybody finds them, without a slash at the end."""

    @property
    def place(self) -> str:
        """For the record and for a person."""

    async def put(self, name: str, media: Media, call: Call) -> None:
        """Put a file there; the same name is overwritten."""

    async def remove(self, name: str, call: Call) -> None:
        """Remove it; nothing if it is not there."""


@dataclass(frozen=True)
class MediaHost:
    """One installation's media host."""

    at: Place
    region: str  #: of a bucket; empty for a folder
    store: Store
    http: Client
    writer: Writer
    reader: sqlite3.Connection
    clock: Clock

    async def host(self, media: Media, run: Run) -> str:
        """The public address of a file while a run is under way; the same one however often it is asked for.

        Raises:
            Rejected: the host does not take it.
            NotNow: the host is in trouble.
            automator.intentions.Fenced: another worker has this run.
        """
        return await self._put(media, run.id, f"{run.job}/{run.id}", lambda tx: lease.check(tx, run))

    async def lend(self, media: Media, about: str) -> str:
        """The public address of a file for some minutes, for a test that no run is about; then it is swept.

        Raises:
            Rejected: the host does not take it.
            NotNow: the host is in trouble.
        """
        return await self._put(media, TEST, about, lambda _: None)

    async def sweep(self) -> int:
        """Remove what no run needs any more; returns how many files could not be removed."""
        failed = 0
        for (name,) in await asyncio.to_thread(self._unneeded):
            try:
                await self._remove(name)
            except (Rejected, NotNow, CallRefused):
                failed += 1
        return failed

    async def trouble(self) -> str:
        """Put a picture there, fetch it as a provider would, and remove it; returns what is wrong, or nothing."""
        with tempfile.TemporaryDirectory(prefix="automator-media-") as folder:
            media = await asyncio.to_thread(_picture, Path(folder))
            try:
                url = await self.lend(media, secrets.token_hex(8))
                trouble = await self._fetched(media, url)
                await self._remove(url.rpartition("/")[2])
            except (Rejected, CallRefused) as refused:
                return str(refused)
            except NotNow as later:
                return later.why or str(later)
        return trouble

    async def _put(self, media: Media, run: int, about: str, guard: Callable[[sqlite3.Connection], None]) -> str:
        if self.region and not await asyncio.to_thread(_keys, self.store):
            raise Rejected("the bucket has no key yet; give it with `automator media set-key`")
        name = await asyncio.to_thread(self._name, about, media)
        row = (name, self.at.place, run, micros(self.clock.now()))

        def begin(tx: sqlite3.Connection) -> None:
            guard(tx)
            tx.execute("INSERT INTO hosted VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", row)

        await self.writer.brief(begin)
        await self.at.put(name, media, self._call(PUT, {"media": name}, guard))
        if not await self.writer.brief(lambda tx: _known(tx, name)):
            await self._remove(name)  # the run ended meanwhile, and its files were removed before this one came
            raise Fenced(f"the run that {name} was for has ended")
        return f"{self.at.public_url}/{name}"

    async def _remove(self, name: str) -> None:
        await self.at.remove(name, self._call(DELETE, {"media": name}))
        await self.writer.run(lambda tx: tx.execute("DELETE FROM hosted WHERE name = ?", (name,)))

    async def _fetched(self, media: Media, url: str) -> str:
        anybody = Account("media", shop(url, self.clock), frozenset({Scope.READ}), dict)
        call = Call(FETCH, anybody, cause={"command": "doctor"}, actor="user")
        try:
            answer = await self.http.request("GET", url, extensions={EXTENSION: call})
        except NotNow as later:
            return f"{self.at.public_url} can't be reached: {later.why or later}"
        return wrong(media, answer, self.at.public_url)

    def _unneeded(self) -> list[tuple[str]]:
        return self.reader.execute(
            "SELECT h.name FROM hosted AS h LEFT JOIN run AS r ON r.id = h.run WHERE h.place = ? AND "
            "CASE WHEN h.run = ? THEN h.at < ? ELSE r.id IS NULL OR r.state NOT IN (?, ?, ?) END",
            (self.at.place, TEST, micros(self.clock.now() - TESTED), *OPEN_STATES),
        ).fetchall()

    def _call(
        self, operation: Operation, cause: Mapping[str, str], guard: Callable[[sqlite3.Connection], None] | None = None
    ) -> Call:
        provider = shop(getattr(self.at, "address", self.at.public_url), self.clock, self.region)
        who = Account("media", provider, frozenset({Scope.WRITE}), lambda: _keys(self.store))
        return Call(operation, who, cause=cause, actor="media", guard=guard)

    def _name(self, about: str, media: Media) -> str:
        secret = bytes.fromhex(named(self.store)["names"])
        digest = hmac.new(secret, f"{about}/{media.sha256}".encode(), hashlib.sha256).hexdigest()[:40]
        return f"{digest}{ENDINGS.get(media.type, '')}"


def named(store: Store) -> dict[str, str]:
    """The media host's keys, and the secret from which names follow; it is made when it is first needed."""
    return made(store, ACCOUNT, "names", lambda: secrets.token_hex(32))


def set_key(store: Store, access_key: str, secret_key: str) -> None:
    """Keep the key of a bucket."""
    named(store)
    with store.alone():
        held = store.get(ACCOUNT, VERSION) or {}
        store.put(ACCOUNT, VERSION, held | {"access_key": access_key, "secret_key": secret_key})


def _keys(store: Store) -> dict[str, str]:
    held = store.get(ACCOUNT, VERSION) or {}
    return {name: held[name] for name in ("access_key", "secret_key") if name in held}


def _known(tx: sqlite3.Connection, name: str) -> bool:
    return tx.execute("SELECT 1 FROM hosted WHERE name = ?", (name,)).fetchone() is not None


def elsewhere(reader: sqlite3.Connection, place: str) -> list[tuple[str, int]]:
    """Places that are no longer the media host, and how many files still lie there."""
    return reader.execute(
        "SELECT place, count(*) FROM hosted WHERE place <> ? GROUP BY place ORDER BY place", (place,)
    ).fetchall()


def wrong(media: Media, answer: httpx.Response, public_url: str) -> str:
    """What a provider would have against what it fetched; nothing if it is the very file. Pure."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not answer.is_success:
        reason = "the web server does not show what is put there" if answer.status_code == 404 else ""  # noqa: PLR2004
        reason = reason or f"providers follow no such answer ({outcome_of(answer).reason})"
        return f"{public_url} answers {answer.status_code}; {reason}; look at [media] in config.toml"
    if kind == "text/html":
        return f"{public_url} shows a web page (HTML) in place of the file; look at [media] public_url in config.toml"
    if hashlib.sha256(answer.content).hexdigest() != media.sha256:
        return f"{public_url} shows other bytes than were put there; is it the address of this very place?"
    if kind != media.type:
        return f"{public_url} calls a JPEG picture {kind or 'nothing'}; let the web server say {media.type} for .jpg"
    return ""


def _picture(folder: Path) -> Media:
    from PIL import Image  # noqa: PLC0415 - slow to load

    content = io.BytesIO()
    Image.effect_noise((320, 320), 40).convert("RGB").save(content, "jpeg")
    path, made = folder / "test.jpg", content.getvalue()
    path.write_bytes(made)
    return Media(str(path), "image/jpeg", len(made), hashlib.sha256(made).hexdigest(), 320, 320)
