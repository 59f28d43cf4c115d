"""What a connector is, in plain data: operations, their effects, and what an answer means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import httpx


class Effect(StrEnum):
    """What a repeat of an operation would do; it follows the operation, never the HTTP verb."""

    READ = "read"  #: may be repeated at will
    REPEATABLE = "repeatable"  #: the provider dedupes by a key that we send, or a repeat is harmless
    ONCE = "once"  #: a repeat would be seen by the world


class Scope(StrEnum):
    """What an account may be used for. There is no scope for withdrawals."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    TRADE = "trade"


class Absence(StrEnum):
    """What it means when the provider does not show what may have been sent."""

    PROOF = "proof"  #: not there, and a repeat is harmless: send it
    EVIDENCE = "evidence"  #: a list that may lag: unconfirmed, unless the account opted in
    NONE = "none"  #: nothing can be concluded: unconfirmed


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a provider can be asked to do.

    Attributes:
        name: Dotted, the provider first: ``x.post.create``.
        effect: What a repeat would do.
        scope: The right that the account must have.
        absence: What a failed look-up proves, for writes.
    """

    name: str
    effect: Effect
    scope: Scope
    absence: Absence = Absence.NONE


class Kind(StrEnum):
    """The five outcomes that every provider's answers are reduced to."""

    OK = "ok"
    REJECTED = "rejected"  #: the provider says no, and nothing happened
    LATER = "later"  #: the provider says not now, and nothing happened
    UNSENT = "unsent"  #: no byte left
    UNKNOWN = "unknown"  #: anything else; when in doubt, this


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt came to.

    Attributes:
        kind: One of the five.
        reason: Why, for a person: ``duplicate``, ``token``, ``HTML instead of JSON``.
        until: Not before this instant (UTC), for ``LATER``.
        result: What is kept of an accepted write: the provider's id, the link.
        request_id: The provider's own name for the call, for its support desk.
    """

    kind: Kind
    reason: str = ""
    until: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """Something meant to happen once.

    Attributes:
        key: Unique for the occurrence, part and generation.
        plan: JSON-able; fixed before the first send, read and never recomputed by a re-run.
        attempt: The claim under which we act; an older one can no longer send.
    """

    key: str
    plan: Mapping[str, Any]
    attempt: int


class Provider(Protocol):
    """The part of a connector that the egress needs."""

    @property
    def name(self) -> str:
        """The folder's name: ``x``."""

    @property
    def origins(self) -> tuple[str, ...]:
        """The only places that this account's calls may go to: ``https://api.x.com``."""

    def judge(self, operation: Operation, response: httpx.Response) -> Outcome:
        """Say what a complete answer means. Pure; must not raise for any status or body."""

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        """Return the request with keys applied; called afresh for every attempt."""


class CallRefused(Exception):
    """The call was not allowed to leave; nothing was sent."""


class Unresolved(Exception):
    """It may have happened: ask the provider before anything is sent again."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(f"whether {key} went out is not known; it must be looked up before it is sent again")


class NotNow(Exception):
    """The provider asks for a longer wait than a worker should hold; nothing happened."""

    def __init__(self, until: datetime | None) -> None:
        self.until = until
        super().__init__(f"not before {until.isoformat() if until else 'the provider answers again'}")


def outcome_of(response: httpx.Response) -> Outcome:
    """The judged outcome that the egress attached to an answer."""
    outcome = response.extensions.get("outcome")
    if not isinstance(outcome, Outcome):
        raise TypeError("this answer did not come through the egress")
    return outcome
