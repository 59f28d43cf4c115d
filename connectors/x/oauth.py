"""X's keys: OAuth 1.0a signatures (RFC 5849), and OAuth 2.0 user tokens with PKCE (docs.x.com, authentication)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote_plus

import httpx

from connectors.base import Absence, Effect, Operation, Scope
from connectors.network import SECRET, Wire
from connectors.signin import CODE, VERIFIER, SignIn

TOKEN = Operation("x.token.refresh", Effect.REPEATABLE, Scope.READ, Absence.PROOF, brings_keys=True)
PATH = "/2/oauth2/token"
TOKENS = {"access_token": "oauth2_access_token", "refresh_token": "oauth2_refresh_token"}
SCOPES = ("tweet.read", "tweet.write", "users.read", "media.write", "offline.access")
API, SITE = "https://api.x.com", "https://x.com"


def sign_in(base_url: str) -> SignIn:
    """Where a person lets the app post for them; X itself asks on another host than its API."""
    base = base_url.rstrip("/")
    return SignIn(f"{SITE if base == API else base}/i/oauth2/authorize", SCOPES)


def first(redirect: str) -> dict[str, str]:
    """The form that turns an authorization code into tokens."""
    return {
        "grant_type": "authorization_code",
        "redirect_uri": redirect,
        "code": SECRET % CODE,
        "code_verifier": SECRET % VERIFIER,
        "client_id": SECRET % "client_id",
    }


def again() -> dict[str, str]:
    """The form that renews them."""
    return {
        "grant_type": "refresh_token",
        "refresh_token": SECRET % "oauth2_refresh_token",
        "client_id": SECRET % "client_id",
    }


async def token(wire: Wire, form: Mapping[str, str]) -> httpx.Response:
    """Ask for tokens; keys in the form are placeholders until it is signed."""
    body = "&".join(f"{name}={value if value.startswith('{{') else quote_plus(value)}" for name, value in form.items())
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return await wire.request(TOKEN, "POST", f"{wire.base}{PATH}", content=body.encode(), headers=headers)


def authorization(request: httpx.Request, secrets: Mapping[str, str]) -> str:
    """The header that signs a request."""
    if "access_secret" not in secrets:
        return f"Bearer {secrets.get('oauth2_access_token', '')}"
    from authlib.oauth1 import ClientAuth  # noqa: PLC0415 - slow to load

    names = ("api_key", "api_secret", "access_token", "access_secret")
    keys = ClientAuth(*(secrets.get(name, "") for name in names))
    # JSON and multipart bodies are not part of an OAuth 1.0a signature (RFC 5849, section 3.4.1.3.1)
    _, headers, _ = keys.prepare(request.method, str(request.url), {"Content-Type": "application/json"}, b"")
    return str(headers["Authorization"])
