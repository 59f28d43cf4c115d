"""Session: one account's way out, with its access token renewed when it has expired."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx

from automator import memory
from automator.clock import Clock
from automator.egress.call import EXTENSION, Account, Call
from automator.egress.stack import Client
from connectors.answer import clock_ahead
from connectors.base import Intent, NotNow, Operation, RenewNeeded
from connectors.network import Network, Rejected
from connectors.post import Media
from connectors.venue import Exchange
from connectors.words import counted

WRONG = timedelta(minutes=1)  #: by which a clock may differ before it is blamed


class Renewals(Protocol):
    """One renewal at a time for each account, over all processes."""

    def __call__(self, account: str) -> AbstractAsyncContextManager[None]:
        """Hold the account's renewal lock.

        Raises:
            NotNow: another process has had it for too long.
        """


@dataclass(slots=True)
class Heard:
    """What a provider's newest answer said of its clock: how far it is ahead of ours."""

    ahead: timedelta = timedelta()


async def _tell_nobody(_: str) -> None:
    return None


class Reconnect(Rejected):
    """The key no longer works and can't be renewed; a person has to connect the account again.

    Attributes:
        why: What the provider says of it.
    """

    def __init__(self, account: str, why: str) -> None:
        self.why = why
        super().__init__(
            f"{account} is no longer signed in and could not be renewed ({why}); "
            f"connect it again with `automator accounts rotate {account}`"
        )


@dataclass(frozen=True)
class Session:
    """Implements ``connectors.network.Wire``."""

    http: Client
    account: Account
    network: Network | Exchange
    clock: Clock
    renewals: Renewals
    cause: Mapping[str, str] = field(default_factory=dict)
    actor: str = "user"
    who: str = ""
    guard: Callable[[sqlite3.Connection], None] | None = None
    done: Callable[[sqlite3.Connection], None] | None = None
    closing: bool = False  #: a halt does not stop its writes: they make smaller what is at risk
    lost: Callable[[str], Awaitable[None]] = _tell_nobody  #: told, in a sentence, that a person has to connect anew
    hosting: Callable[[Media], Awaitable[str]] | None = None
    taken: Callable[[Mapping[str, Any]], bool] = lambda _: False
    sent: datetime | None = None
    heard: Heard = field(default_factory=Heard, repr=False, compare=False)

    @property
    def base(self) -> str:
        """Scheme and host that calls go to."""
        return self.network.origins[0]

    def now(self) -> datetime:
        """The engine's clock (UTC)."""
        return self.clock.now()

    @property
    def ahead(self) -> timedelta:
        """How far the provider's clock is ahead of ours, by its newest answer on this wire."""
        return self.heard.ahead

    def known(self, result: Mapping[str, Any]) -> bool:
        """Whether another post of ours came to this very result."""
        return self.taken(result)

    def loaded(self) -> None:
        """Keep the garbage collector from looking through it again and again."""
        memory.loaded()

    async def host(self, media: Media) -> str:
        """A public address of a file.

        Raises:
            Rejected: no media host is set, or it does not take the file.
        """
        if self.hosting is None:
            raise Rejected(f"{self.network.name} fetches media from a public address; set [media] in config.toml")
        return await self.hosting(media)

    async def request(
        self, operation: Operation, method: str, url: str, *, intent: Intent | None = None, **content: Any
    ) -> httpx.Response:
        """Send; when the access token has expired, renew it once and send again.

        Raises:
            Reconnect: the token has expired and can't be renewed.
            NotNow: or it is this machine's clock that is wrong.
        """
        try:
            return await self._send(operation, method, url, intent, content)
        except RenewNeeded as needed:
            if operation.brings_keys:
                raise
            asked = needed
        await self._renew(asked)
        try:
            return await self._send(operation, method, url, intent, content)
        except RenewNeeded:
            raise NotNow(None) from None

    async def renew(self, version: int | None) -> None:
        """Renew the access token before it ends, if the key is still of this version.

        Raises:
            Reconnect: it can't be renewed.
            NotNow: the provider is in trouble; nothing is known of the token.
        """
        await self._renew(RenewNeeded(why="it ends soon", key=version))

    async def _renew(self, asked: RenewNeeded) -> None:
        ahead = asked.ahead
        async with self.renewals(self.account.name):
            held = await asyncio.to_thread(self.account.secrets)
            if asked.key is not None and self.account.version() != asked.key:
                return  # another call, or another process, has just done it
            if await self.account.adopt():
                return  # a process that has died had got as far as the vault: the token before is spent
            try:
                renew = getattr(self.network, "renew", None)  # an exchange's keys have no tokens
                renewed = renew is not None and await renew(self, frozenset(held))
            except RenewNeeded:
                renewed = False
        if not renewed and abs(ahead) > WRONG:
            # a key that is good for nothing at the wrong time may be good for all the same
            way = "behind" if ahead > timedelta() else "ahead of"
            off = counted(abs(ahead) // timedelta(minutes=1), "minute")
            raise NotNow(None, f"this machine's clock is {off} {way} {self.network.name}'s; set it right")
        if not renewed:
            gone = Reconnect(self.account.name, asked.why)
            await self.lost(gone.reason)
            raise gone

    async def _send(
        self, operation: Operation, method: str, url: str, intent: Intent | None, content: Mapping[str, Any]
    ) -> httpx.Response:
        guard, done = (self.guard, self.done) if intent is not None else (None, None)
        call = Call(operation, self.account, intent, self.cause, self.actor, guard, done, self.closing)
        answer = await self.http.request(method, url, extensions={EXTENSION: call}, **content)
        self.heard.ahead = clock_ahead(answer.headers, self.clock.now())
        return answer
