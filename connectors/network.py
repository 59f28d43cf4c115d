"""What a social network's connector is: posts in, published posts out, each publishing exactly one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from connectors.base import Intent, Operation, Provider

if TYPE_CHECKING:
    import httpx  # only its types are named here, and it is slow to load

SECRET = "{{secret:%s}}"  # noqa: S105 - a placeholder; the key takes its place below the recorder


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or video to publish, as it was checked when the post was made.

    Attributes:
        path: Absolute path of the file.
        type: By its content, not its name: ``image/png``.
        size: Bytes.
        sha256: Hex digest of the file; a file that has changed since is refused.
        width: Pixels.
        height: Pixels.
        alt: The text for people who cannot see it.
    """

    path: str
    type: str
    size: int
    sha256: str
    width: int
    height: int
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """One published piece: a post, or one part of a thread."""

    text: str
    media: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a post, for a person.

    Attributes:
        field: ``text``, ``media``, ``alt``, ...; for parts of a thread ``part 2: text``.
        what: One sentence: what is wrong and what to do.
        warning: It may be published all the same.
    """

    field: str
    what: str
    warning: bool = False


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
class Identity:
    """Who a key belongs to, in the provider's words.

    Attributes:
        id: The provider's id of the account.
        handle: ``@brand``, ``brand.bsky.social``.
        expires: When the key stops working (UTC), if it says so.
        warnings: What a person should know: missing rights, and why each matters.
    """

    id: str
    handle: str
    expires: datetime | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SignIn:
    """Connecting an account in the browser: OAuth 2.0 authorization code (RFC 6749, 4.1) with PKCE (RFC 7636).

    Attributes:
        page: Where the person says yes.
        scopes: What is asked for.
        client: The field that names the app.
    """

    page: str
    scopes: tuple[str, ...]
    client: str = "client_id"

    def address(self, client_id: str, redirect: str, state: str, challenge: str) -> str:
        """The page's address for one sign-in; ``challenge`` is the SHA-256 one."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect,
            "scope": " ".join(self.scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self.page}?{urlencode(asked, quote_via=quote)}"


CODE, VERIFIER = "authorization_code", "code_verifier"  #: secrets that are in force during a sign-in only


def public(network: Network) -> frozenset[str]:
    """The names of the fields that are no keys."""
    return frozenset(field.name for field in network.fields if field.public)


def numbered(parts: Sequence[Part], judge: Callable[[Part], Sequence[Problem]]) -> list[Problem]:
    """The problems of all parts; those of a thread say which part they are of."""
    if len(parts) == 1:
        return list(judge(parts[0]))
    return [
        Problem(f"part {number}: {found.field}", found.what, found.warning)
        for number, part in enumerate(parts, 1)
        for found in judge(part)
    ]


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
    """The provider said no to something that preparing a post needs; ``reason`` is one sentence for a person."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Network(Provider, Protocol):
    """A social network. Built as ``Connector(base_url)`` by ``connectors/<name>/connector.py``."""

    @property
    def fields(self) -> tuple[SecretField, ...]:
        """The keys it needs, as ``accounts add --secret-stdin`` takes them."""

    @property
    def publishing(self) -> Operation:
        """The operation that makes a part visible to the world."""

    def check(self, parts: Sequence[Part]) -> list[Problem]:
        """Everything that is wrong with a post on this network, all at once. Pure; reads no file."""

    def price(self, part: Part) -> Decimal:
        """What publishing it is expected to cost, in US dollars."""

    async def prepare(self, wire: Wire, part: Part, thread: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Do all that may be repeated (look-ups, uploads) and return the frozen plan, JSON-able.

        ``thread`` holds the results of the parts already published, in order. A plan may have ``expires`` (ISO 8601):
        after that instant it is made anew, if nothing of it was sent.

        Raises:
            Rejected: it cannot be published.
        """

    async def publish(self, wire: Wire, intent: Intent) -> httpx.Response:
        """Send ``intent.plan``: exactly one request of the operation ``publishing``, and nothing else."""

    async def find(self, wire: Wire, plan: Mapping[str, Any]) -> dict[str, Any] | None:
        """Ask the provider whether a plan was published; the result as ``judge`` would have given it, or ``None``.

        Raises:
            Rejected: the provider could not be asked.
        """

    async def delete(self, wire: Wire, intent: Intent) -> httpx.Response:
        """Take down what ``intent.plan["published"]`` (a result) names."""

    async def test(self, wire: Wire) -> Identity:
        """Ask the provider who this key belongs to.

        Raises:
            Rejected: the key does not work; the reason says what to do.
        """

    @property
    def sign_in(self) -> SignIn | None:
        """How an account is connected in the browser; ``None`` if it can't be."""

    async def exchange(self, wire: Wire, redirect: str) -> None:
        """Get the first tokens for the authorization code in the vault (``CODE``, ``VERIFIER``); see ``harvest``.

        Raises:
            Rejected: the provider does not take the code.
        """

    async def renew(self, wire: Wire, held: frozenset[str]) -> bool:
        """Get a new access token with what the vault holds (the names of the fields); ``False`` if it can't be had.

        The tokens in the answer are taken out by ``harvest``. Requests carry placeholders (``SECRET % name``).
        """

    def link(self, result: Mapping[str, Any]) -> str:
        """The public address of what was published."""

    def read_link(self, link: str) -> dict[str, Any] | None:
        """The result that a public address stands for, as far as a person can tell it; ``None``: it is none."""
