"""What a connector is, in plain data: operations, their effects, and what an answer means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import httpx  # only its types are named here, and it is slow to load

MONEY = "USD/1000"  #: the unit of budgets that are money: thousandths of a US dollar
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})  #: hosts that plain http may go to


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
    NOTIFY = "notify"  #: tell the person whose installation this is; no account of a provider has or needs it


class Absence(StrEnum):
    """What it means when the provider does not show what may have been sent."""

    PROOF = "proof"  #: not there, and a repeat is harmless: send it
    EVIDENCE = "evidence"  #: a list that may lag: unconfirmed, unless the account opted in
    NONE = "none"  #: nothing can be concluded: unconfirmed
    FINAL = "final"  #: after the settling delay and several reads: it did not happen, and is never sent again (orders)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing a provider can be asked to do.

    Attributes:
        name: Dotted, the provider first: ``x.post.create``.
        effect: What a repeat would do.
        scope: The right that the account must have.
        absence: What a failed look-up proves, for writes.
        brings_keys: Its answer holds new tokens (a login, a renewal); see ``Provider.harvest``.
    """

    name: str
    effect: Effect
    scope: Scope
    absence: Absence = Absence.NONE
    brings_keys: bool = False


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
        until: Not before this instant (UTC), for ``LATER``; for ``UNKNOWN``, when the provider may be asked about it.
        result: What is kept of an accepted write: the provider's id, the link.
        request_id: The provider's own name for the call, for its support desk.
        renew: The access token has expired and nothing happened: renew it, then send again. Only with ``LATER``.
        lasting: It would be refused again, until a person changes something. Only with ``REJECTED``, where it is known.
        twice: It is refused because the same is there already, which may be an earlier attempt. Only with ``REJECTED``.
    """

    kind: Kind
    reason: str = ""
    until: datetime | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    renew: bool = False
    lasting: bool = False
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Intent:
    """Something meant to happen once.

    Attributes:
        key: Unique for the occurrence, part and generation.
        plan: JSON-able; fixed before the first send, read and never recomputed by a re-run.
        attempt: The claim under which we act; an older one can no longer send. 0: there is none yet, and the plan is
            frozen in the very transaction that records the first attempt.
    """

    key: str
    plan: Mapping[str, Any]
    attempt: int = 0


class Window(StrEnum):
    """How a budget fills up again."""

    FIXED = "fixed"  #: all at once, ``seconds`` after the window's first call or when the provider says
    SLIDING = "sliding"  #: each call counts for ``seconds``
    BUCKET = "bucket"  #: evenly, ``limit`` in ``seconds``
    MONTH = "month"  #: all at once, at the start of the calendar month (UTC)


@dataclass(frozen=True, slots=True)
class Budget:
    """One published limit.

    Attributes:
        name: ``posts-15min``; unique in its provider.
        limit: How many units a window holds; ``None``: no limit until a person sets one.
        window: How it fills up again.
        seconds: The window's length; unused for ``MONTH``.
        shared: Counted for the whole app (all accounts of the provider on this installation), not per account.
        unit: What is counted: ``calls``, ``points``, ``USD/1000``.
        kept: The share of a ``FIXED`` window that is left to orders, and of which less and less is left as it passes.
        each: What it is counted for each of, beside the account: ``pair``. A cost of it says which after its name:
            ``orders XXBTZUSD``.
    """

    name: str
    limit: int | None
    window: Window
    seconds: int = 0
    shared: bool = False
    unit: str = "calls"
    kept: float = 0.0
    each: str = ""

    @property
    def family(self) -> str:
        """Its name without which of several it is: by this a person sets the limit of all of them."""
        return self.name.partition(" ")[0] if self.each else self.name


@dataclass(frozen=True, slots=True)
class Reading:
    """The provider's own word on a budget.

    Attributes:
        budget: Its name.
        limit: The limit it states.
        remaining: What is left in the current window.
        reset: When the window ends (UTC).
    """

    budget: str
    limit: int | None
    remaining: int
    reset: datetime | None


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

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """The provider's published limits."""

    def costs(self, operation: Operation, request: httpx.Request) -> Mapping[str, int]:
        """What one call takes from which budget, by the budget's name. Pure."""

    def observe(self, operation: Operation, response: httpx.Response) -> tuple[Reading, ...]:
        """What an answer's headers say of the budgets. Pure; must not raise for any header."""

    def sign(self, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
        """Return the request with keys applied; called afresh for every attempt."""

    def harvest(self, operation: Operation, response: httpx.Response) -> Mapping[str, str]:
        """The keys that an answer brings (new tokens), by field name; nothing for most operations. Pure.

        They go to the vault, and fingerprints take their place before the answer is recorded.
        """

    def lasts(self, operation: Operation, response: httpx.Response) -> timedelta | None:
        """How long the access token that an answer brings works from now on; ``None``: it does not say. Pure.

        It is renewed before it ends; for one that can't be, ``Identity.expires`` tells a person instead.
        """


@runtime_checkable
class Settling(Protocol):
    """A provider whose answers say what a call really took; ``Provider.costs`` is the most that it can be."""

    def took(self, operation: Operation, response: httpx.Response) -> Mapping[str, int]:
        """By budget, what is taken in place of what was reserved; nothing where the answer does not say. Pure."""


class CallRefused(Exception):
    """The call was not allowed to leave; nothing was sent."""


class Unresolved(Exception):
    """It may have happened: ask the provider before anything is sent again.

    Attributes:
        until: Not before this instant (UTC), if the provider wants to be left alone so long.
        why: What it said, then.
    """

    def __init__(self, key: str, until: datetime | None = None, why: str = "") -> None:
        self.key = key
        self.until = until
        self.why = why if until else ""
        super().__init__(f"whether {key} went out is not known; it must be looked up before it is sent again")


class NotNow(Exception):
    """The provider asks for a longer wait than a worker should hold; nothing happened."""

    def __init__(self, until: datetime | None, why: str = "") -> None:
        self.until = until
        self.why = why
        when = f"not before {until.isoformat()}" if until else ""
        super().__init__("; ".join(part for part in (why, when) if part) or "not before the provider answers again")


class RenewNeeded(NotNow):
    """The access token has expired; nothing happened. It is renewed, and the call made again.

    Attributes:
        ahead: How far the provider's clock is ahead of ours: it may be that alone which spoils the signatures.
        why: What the provider says of the token.
        key: The version of the key that it is of; ``None``: it has none.
    """

    def __init__(self, ahead: timedelta = timedelta(), why: str = "", key: int | None = None) -> None:
        self.ahead, self.key = ahead, key
        super().__init__(None, why)


def outcome_of(response: httpx.Response) -> Outcome:
    """The judged outcome that the egress attached to an answer."""
    outcome = response.extensions.get("outcome")
    if not isinstance(outcome, Outcome):
        raise TypeError("this answer did not come through the egress")
    return outcome
