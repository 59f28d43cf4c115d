"""What travels with a request through the egress, and the interface of its layers."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import cast

import httpx

from connectors.base import CallRefused, Intent, Operation, Provider, Scope, Settling

EXTENSION = "automator"
KEY = "key"  #: the extension that holds the key's values as they were when the call was recorded
COSTS = "costs"  #: the extension that remembers ``costs_of``
HOLD = timedelta(seconds=5)  #: a wait that a layer holds; a longer one parks the work


class Superseded(Exception):
    """Someone else stored a newer key meanwhile."""


class Forbidden(CallRefused):
    """What a person allowed the account has been taken back; nothing was sent."""


async def _keep_nothing(_: Mapping[str, str], __: timedelta | None) -> Mapping[str, str]:
    raise TypeError("this account has nowhere to keep new keys")


async def _adopt_nothing() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Account:
    """Who a call is made for.

    Attributes:
        name: ``provider/name``.
        provider: Its connector.
        scopes: What the person allowed this key to do.
        secrets: Reads the key's current values, for every attempt.
        keep: Stores new values of the key (renewed tokens), and how long they work, durably, as a new version; returns
            their fingerprints, by which the record tells them apart.
        adopt: Puts a newer version in force that a process left in the vault and died; whether there was one. If not,
            it makes sure that the vault would take one.
        turn: Held while a call is signed and on its way, where a key's calls must arrive in the order of their nonces.
        version: Of the key in the vault; so that use can be told by key.
        stands: Called in the transaction that decides to send, with what the call does and the version of the key that
            signs; raises ``Superseded`` if another is in force by now, ``Forbidden`` if the account may not do this.
        public: The names of those values that are no keys (a handle), and stay on the record where they occur.
    """

    name: str
    provider: Provider
    scopes: frozenset[Scope]
    secrets: Callable[[], Mapping[str, str]] = field(repr=False)
    keep: Callable[[Mapping[str, str], timedelta | None], Awaitable[Mapping[str, str]]] = field(
        default=_keep_nothing, repr=False
    )
    public: frozenset[str] = frozenset()
    version: Callable[[], int | None] = lambda: None
    adopt: Callable[[], Awaitable[bool]] = _adopt_nothing
    turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    stands: Callable[[sqlite3.Connection, Scope, int], None] = lambda *_: None

    def hidden(self, key: Mapping[str, str]) -> tuple[str, ...]:
        """The values of ``key`` that must not be stored anywhere but in the vault."""
        return tuple(value for name, value in key.items() if name not in self.public)


@dataclass(frozen=True, slots=True)
class Call:
    """One request's meaning: ``client.post(url, extensions={"automator": Call(...)})``.

    Attributes:
        cause: Why it is made: ``{"job": "17"}``, ``{"command": "accounts test"}``.
        actor: Who asked: ``user``, ``scheduler``.
        guard: Called in the transaction that decides to send a write; raises ``Fenced`` if the caller may not any more.
        done: Called in the transaction that stores that the intention is done.
        closing: By a person's word it makes smaller what is at risk (a cancel, a sale): a halt does not stop it.
    """

    operation: Operation
    account: Account
    intent: Intent | None = None
    cause: Mapping[str, str] = field(default_factory=dict)
    actor: str = "user"
    guard: Callable[[sqlite3.Connection], None] | None = field(default=None, repr=False)
    done: Callable[[sqlite3.Connection], None] | None = field(default=None, repr=False)
    closing: bool = False


def call_of(request: httpx.Request) -> Call:
    """The request's meaning; a request without one may not leave."""
    call = request.extensions.get(EXTENSION)
    if not isinstance(call, Call):
        raise TypeError("a request without an operation may not leave; pass extensions={'automator': Call(...)}")
    return call


def costs_of(request: httpx.Request) -> Mapping[str, int]:
    """What the request takes from which budget; its provider is asked once, whoever wants to know."""
    found: Mapping[str, int] | None = request.extensions.get(COSTS)
    if found is None:
        call = call_of(request)
        found = request.extensions[COSTS] = call.account.provider.costs(call.operation, request)
    return found


def took_of(call: Call, response: httpx.Response | None) -> Mapping[str, int]:
    """What an answer says that its call really took, by budget; nothing where it does not say."""
    if response is None or not _settles(type(call.account.provider)):
        return {}
    return cast("Settling", call.account.provider).took(call.operation, response)


@cache
def _settles(kind: type) -> bool:
    """Whether a provider of this class is a ``Settling``; asking that of each call would take longer than the rest."""
    return issubclass(kind, Settling)
