"""Signing in in the browser, as data: where a person says yes, to what, and which of their accounts it is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode


@dataclass(frozen=True, slots=True)
class Found:
    """One of the accounts that a sign-in may be used for.

    Attributes:
        id: The provider's; two may have one name.
        name: For a person.
        keys: Field -> the name under which ``harvest`` gave its value.
        why: Why it can't be used, for a person; empty if it can.
    """

    id: str
    name: str
    keys: Mapping[str, str]
    why: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Connecting an account in the browser: OAuth 2.0 authorization code (RFC 6749, 4.1).

    Attributes:
        page: Where the person says yes.
        scopes: What is asked for.
        client: The field that names the app.
        secret: The field with the app's secret, where the provider takes that; empty: PKCE (RFC 7636) in its place.
        separator: Between two scopes.
        host: The name by which the provider lets a browser be sent back to this machine.
        scheme: ``https`` where the provider sends nobody back without TLS.
        why: What does not work without a scope.
    """

    page: str
    scopes: tuple[str, ...]
    client: str = "client_id"
    secret: str = ""
    separator: str = " "
    host: str = "127.0.0.1"
    scheme: str = "http"
    why: Mapping[str, str] = field(default_factory=dict)

    def address(self, client_id: str, redirect: str, state: str, challenge: str) -> str:
        """The page's address for one sign-in; ``challenge`` is the SHA-256 one, which only PKCE has."""
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect,
            "scope": self.separator.join(self.scopes),
            "state": state,
        }
        if not self.secret:
            asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        return f"{self.page}?{urlencode(asked, quote_via=quote)}"


CODE, VERIFIER = "authorization_code", "code_verifier"  #: secrets that are in force during a sign-in only
