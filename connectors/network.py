"""What a social network's connector is: posts in, published posts out, each publishing exactly one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from connectors.base import Budget, Intent, NotNow, Operation, Provider
from connectors.post import Form, Media, Part, Problem
from connectors.signin import Found, SignIn
from connectors.takes import Preview, Takes

if TYPE_CHECKING:
    import httpx  # only its types are named here, and it is slow to load

SECRET = "{{secret:%s}}"  # noqa: S105 - a placeholder; the key takes its place below the recorder


@dataclass(frozen=True, slots=True)
class SecretField:
    """One value that a person must give to connect an account; the provider's own name for it.

    Attributes:
        name: ``api_key``.
        label: What a person is asked for.
        required: There is no account without it.
        public: A name rather than a key: shown while it is typed, and kept on the record where it occurs.
    """

    name: str
    label: str
    required: bool = True
    public: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """How a provider is used, chosen for the installation (``[providers.NAME]``) or for one account.

    Attributes:
        name: ``version``.
        default: What counts where nothing is chosen.
        what: One sentence for a person.
        choices: All that may be chosen; empty: anything of the right form.
        form: A regular expression for the whole value; empty: any.
        ends: The day on which a value stops working, for those of which it is known.
    """

    name: str
    default: str
    what: str
    choices: tuple[str, ...] = ()
    form: str = ""
    ends: Mapping[str, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shown:
    """A published post as the provider shows it.

    Attributes:
        result: What ``judge`` would have given for it.
        text: As far as the provider tells it.
        at: When it was published (UTC).
    """

    result: Mapping[str, Any]
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Metrics:
    """How often something was done with a post; ``None`` where the provider does not say."""

    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    impressions: int | None = None


UNTOLD = "account"  #: in place of an account's id, where its provider does not tell one


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a key belongs to, in the provider's words.

    Attributes:
        id: The provider's id of the account, which is the same for all its keys; else ``UNTOLD``.
        handle: ``@brand``, ``brand.bsky.social``.
        expires: When the key stops working (UTC), if it says so.
        warnings: What a person should know: missing rights, and why each matters.
        chosen: Values of options that suit this account, as asking showed; they count where a person chose none.
    """

    id: str
    handle: str
    expires: datetime | None = None
    warnings: tuple[str, ...] = ()
    chosen: Mapping[str, str] = field(default_factory=dict)


def public(fields: Sequence[SecretField]) -> frozenset[str]:
    """The names of the fields that are no keys."""
    return frozenset(field.name for field in fields if field.public)


@runtime_checkable
class Rationed(Protocol):
    """A network that takes so few posts in a while that a campaign may have more."""

    def ration(self, form: Form) -> Budget | None:
        """The budget of which each part of this form takes one; ``None``: none that matters. Pure."""


@runtime_checkable
class Paid(Protocol):
    """A network whose posts take of what may be spent in a calendar month."""

    @property
    def purse(self) -> Budget:
        """The monthly budget that posts are paid from."""

    def spends(self, part: Part) -> int:
        """What publishing it is expected to take of the purse, in its units. Pure."""

    @property
    def test_price(self) -> int:
        """What ``test`` takes of it."""

    @property
    def reading_price(self) -> int:
        """What ``metrics`` takes of it for each result."""


class Staged(NotNow):
    """What a post needs is with the provider, but not ready; ``prepare`` goes on from it later.

    Attributes:
        so_far: JSON-able; kept with the intention, and handed to the next ``prepare``.
        working: ``False``: the provider is not at work on it, but takes no more for now; that makes a post late.
    """

    def __init__(self, so_far: Mapping[str, Any], until: datetime, why: str, *, working: bool = True) -> None:
        self.so_far = so_far
        self.working = working
        super().__init__(until, why)


class Wire(Protocol):
    """One account's way out. Every request names its operation; a write names its intention."""

    @property
    def base(self) -> str:
        """Scheme and host that calls go to, without a slash at the end."""

    @property
    def who(self) -> str:
        """The provider's id of the account, as it was when the key was last tested; empty if it never was."""

    def now(self) -> datetime:
        """The engine's clock (UTC)."""

    @property
    def ahead(self) -> timedelta:
        """How far the provider's clock is ahead of ours, by its newest answer on this wire; zero before that."""

    @property
    def sent(self) -> datetime | None:
        """For ``find``: no attempt at what is looked for left later than this, by our clock; ``None``: not known."""

    def known(self, result: Mapping[str, Any]) -> bool:
        """Whether another post of ours came to this very result, so that it is not the one that is looked for."""

    def loaded(self) -> None:
        """Much was loaded that stays in memory; the engine may take it out of the garbage collector's sight."""

    async def host(self, media: Media) -> str:
        """A public address of a file, for providers that fetch it: the same one during a run, gone after it.

        Raises:
            Rejected: no media host is set, or it does not take the file.
        """

    async def request(
        self, operation: Operation, method: str, url: str, *, intent: Intent | None = None, **content: Any
    ) -> httpx.Response:
        """Send, with httpx's own keywords (``json``, ``content``, ``params``, ``headers``, ``files``).

        Returns a complete answer whose outcome (``outcome_of``) is ``ok`` or ``rejected``; for a read it may be
        ``unknown`` after repeated attempts.

        Raises:
            connectors.base.NotNow: not before some instant; nothing happened.
            connectors.base.Unresolved: a write whose outcome is open.
            connectors.base.CallRefused: it was not allowed to leave; nothing happened.
        """


class Rejected(Exception):
    """The provider said no to something that preparing a post needs; ``reason`` is one sentence for a person.

    ``twice``: because it has the same already.
    """

    def __init__(self, reason: str, *, twice: bool = False) -> None:
        self.reason = reason
        self.twice = twice
        super().__init__(reason)


class Network(Provider, Protocol):
    """A social network. Built as ``Connector(base_url=..., chosen=...)`` by ``connectors/<name>/connector.py``."""

    @property
    def fields(self) -> tuple[SecretField, ...]:
        """The keys it needs, as ``accounts add --secret-stdin`` takes them."""

    @property
    def options(self) -> tuple[Option, ...]:
        """How it may be used differently; what was chosen it gets as ``chosen`` when it is built."""

    def publishing(self, plan: Mapping[str, Any]) -> Operation:
        """The operation that makes a part visible to the world; for an empty plan, that of most parts."""

    def takes(self, form: Form) -> Takes | None:
        """What it takes of pictures and videos in this form, as data; ``None``: it has none. ``check`` judges by it."""

    def preview(self, part: Part) -> Preview:
        """A part's text as the network gets it, and how it is counted. Pure."""

    def check(self, parts: Sequence[Part]) -> list[Problem]:
        """Everything that is wrong with a post on this network, all at once. Pure; reads no file."""

    def price(self, part: Part) -> Decimal:
        """What publishing it is expected to cost, in US dollars."""

    async def prepare(
        self, wire: Wire, part: Part, thread: Sequence[Mapping[str, Any]], so_far: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Do all that may be repeated (look-ups, uploads) and return the frozen plan, JSON-able.

        ``thread`` holds the results of the parts already published, in order; ``so_far`` what an earlier call had
        staged (nothing for the first one). A plan may have ``expires`` (ISO 8601): after that instant it is made anew,
        if nothing of it was sent; and ``result``: what is known of the result before it is sent.

        Raises:
            Staged: the provider is not done with what it was given; go on later.
            Rejected: it cannot be published.
        """

    async def publish(self, wire: Wire, intent: Intent) -> httpx.Response:
        """Send ``intent.plan``: exactly one request of the operation ``publishing(plan)``, and nothing else."""

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> dict[str, Any] | None:
        """Ask the provider whether a plan was published; the result as ``judge`` would have given it, or ``None``.

        Raises:
            Rejected: the provider could not be asked.
        """

    async def locate(self, wire: Wire, result: Mapping[str, Any]) -> dict[str, Any]:
        """What ``link`` needs beyond ``result``; asked once it is published, and again if that failed."""

    async def recent(self, wire: Wire, since: datetime) -> list[Shown]:
        """What the account published since then, oldest first, whoever did it.

        Raises:
            Rejected: the provider could not be asked.
        """

    async def metrics(self, wire: Wire, results: Sequence[Mapping[str, Any]]) -> list[Metrics | None]:
        """The figures of published posts, in order; ``None`` for one that is gone.

        Raises:
            Rejected: the provider could not be asked.
        """

    @property
    def irrevocable(self) -> str:
        """Why nothing that is published can be taken down from here, in a sentence; empty: it can."""

    async def delete(self, wire: Wire, intent: Intent) -> httpx.Response:
        """Take down what ``intent.plan["published"]`` (a result) names."""

    async def edit(self, wire: Wire, intent: Intent) -> httpx.Response:
        """Give what ``intent.plan["published"]`` (a result) names the text ``intent.plan["text"]``.

        Raises:
            Rejected: the network does not let what is published be changed.
        """

    async def test(self, wire: Wire) -> Identity:
        """Ask the provider who this key belongs to.

        Raises:
            Rejected: the key does not work; the reason says what to do.
        """

    @property
    def sign_in(self) -> SignIn | None:
        """How an account is connected in the browser; ``None`` if it can't be."""

    async def exchange(self, wire: Wire, redirect: str) -> list[Found]:
        """Get the first tokens for the authorization code in force (``connectors.signin``); see ``harvest``.

        Returns the accounts that a person has to choose one of; nothing, where a sign-in is for one account.

        Raises:
            Rejected: the provider does not take the code.
        """

    async def renew(self, wire: Wire, held: frozenset[str]) -> bool:
        """Get a new access token with what the vault holds (the names of the fields); ``False`` if it can't be had.

        The tokens in the answer are taken out by ``harvest``. Requests carry placeholders (``SECRET % name``).
        """

    def link(self, result: Mapping[str, Any]) -> str:
        """The public address of what was published; empty while ``locate`` has to be asked."""

    def read_link(self, link: str) -> dict[str, Any] | None:
        """The result that a public address stands for, as far as a person can tell it; ``None``: it is none."""
