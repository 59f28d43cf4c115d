"""Facebook Login, for every product of Graph (developers.facebook.com: Facebook Login, access tokens, debug_token)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import httpx

from connectors.answer import accepted, json_object
from connectors.base import Operation
from connectors.graph.errors import CONNECT, TOKENS, UNTOLD
from connectors.network import SECRET, Rejected, SecretField, Wire
from connectors.signin import CODE, SignIn

API, SITE = "https://graph.facebook.com", "https://www.facebook.com"
TASKS = frozenset({"CREATE_CONTENT", "MANAGE", "PROFILE_PLUS_CREATE_CONTENT", "PROFILE_PLUS_FULL_CONTROL"})
NO_TASK = "you have no task on it that may publish; ask its owner for one"
NO_PAGE = "there is no page that you let the app act on; sign in again and choose one"
SOON = timedelta(days=14)
PAGES_AT_ONCE = 100
FORM = {"content-type": "application/x-www-form-urlencoded"}
APP = (
    SecretField("app_id", "the app's id", required=False, public=True),
    SecretField("app_secret", "the app's secret (if your app asks for a proof of it)", required=False),
)


@dataclass(frozen=True, slots=True)
class Login:
    """What one product asks for.

    Attributes:
        rights: Right -> what does not work without it.
        needed: Those without which there is no connection.
        token: The operation that brings tokens for a code, and longer-lived ones for short-lived ones.
        pages: The one that lists a person's pages.
        debug: The one that looks at a token.
    """

    rights: Mapping[str, str]
    needed: frozenset[str]
    token: Operation
    pages: Operation
    debug: Operation

    def page(self, base_url: str, version: str) -> SignIn:
        """Where a person lets the app act on their pages; Facebook asks on another host than its API."""
        site = SITE if base_url == API else base_url
        return SignIn(
            f"{site}/{version}/dialog/oauth",
            tuple(self.rights),
            client="app_id",
            secret="app_secret",  # noqa: S106 - a name
            separator=",",
            host="localhost",
            why=self.rights,
        )

    async def listed(self, wire: Wire, api: str, redirect: str, fields: str) -> AsyncIterator[dict[str, Any]]:
        """The pages that a person lets the app act on, each with its own key (``page_key``).

        Raises:
            Rejected: Facebook does not take the sign-in.
        """
        await self._brought(wire, api, {"redirect_uri": redirect, "code": SECRET % CODE})
        longer = {"grant_type": "fb_exchange_token", "fb_exchange_token": SECRET % "user_token"}
        await self._brought(wire, api, longer)
        after = ""
        while True:
            asked = {"fields": fields, "limit": str(PAGES_AT_ONCE)} | ({"after": after} if after else {})
            body = accepted(await wire.request(self.pages, "GET", f"{api}/me/accounts", params=asked))
            rows = [row for row in body.get("data") or [] if isinstance(row, dict) and row.get("access_token")]
            for row in rows:
                yield row
            before, after = after, str(((body.get("paging") or {}).get("cursors") or {}).get("after") or "")
            if after in {"", before} or len(rows) < PAGES_AT_ONCE:
                return

    async def _brought(self, wire: Wire, api: str, more: Mapping[str, str]) -> None:
        said = {"client_id": SECRET % "app_id", "client_secret": SECRET % "app_secret", **more}
        answer = await wire.request(self.token, "POST", f"{api}/oauth/access_token", content=form(said), headers=FORM)
        accepted(answer)

    def brought(self, operation: Operation, response: httpx.Response) -> dict[str, str]:
        """The tokens in an answer, by what they are called here; those in the list of pages too. Pure."""
        body = json_object(response) if response.status_code == 200 else None  # noqa: PLR2004 - RFC 9110
        if body is None:
            return {}
        if operation.name == self.token.name:
            token = body.get("access_token")
            return {"user_token": token} if isinstance(token, str) else {}
        rows = body.get("data")
        return {
            page_key(row): row["access_token"]
            for row in (rows if isinstance(rows, list) else [])
            if isinstance(row, dict) and isinstance(row.get("access_token"), str) and str(row.get("id")).isdigit()
        }

    async def looked_at(self, wire: Wire, api: str) -> tuple[datetime | None, list[str]]:
        """When the token ends, and what a person should know of its rights.

        Raises:
            Rejected: it is no page's, it is dead, or it lacks a right that is needed.
        """
        try:
            said = accepted(await wire.request(self.debug, "GET", f"{api}/debug_token"))["data"]
        except Rejected as rejected:
            if rejected.reason != UNTOLD:
                raise
            return None, [f"{UNTOLD}; that it can publish is not known"]
        return self.judged(said if isinstance(said, dict) else {}, wire.now())

    def judged(self, said: Mapping[str, Any], now: datetime) -> tuple[datetime | None, list[str]]:
        """What ``debug_token`` says, as ``looked_at`` returns it. Pure."""
        if said.get("is_valid") is False:
            error = said.get("error")
            subcode = error.get("subcode") if isinstance(error, dict) else None
            raise Rejected(f"{TOKENS.get(subcode or 0, 'Facebook does not accept the token')}; {CONNECT}")
        kind = str(said.get("type") or "PAGE").upper()
        if kind != "PAGE":
            raise Rejected(
                f"that is a token of a {'person' if kind == 'USER' else kind.lower()}, and a page's is needed; sign in "
                "with --sign-in, or take the page's own token from GET /me/accounts"
            )
        given = said.get("scopes")
        warnings = self.missing(frozenset(map(str, given)) if isinstance(given, list) else frozenset())
        expires, data_ends = _instant(said.get("expires_at")), _instant(said.get("data_access_expires_at"))
        if data_ends is not None and data_ends < now + SOON:
            warnings.append(f"the page can't be read after {data_ends:%Y-%m-%d} unless you sign in again before")
        return expires, warnings

    def missing(self, scopes: frozenset[str]) -> list[str]:
        """A warning for each right that was not allowed. Pure.

        Raises:
            Rejected: one is needed.
        """
        if lacking := sorted(self.needed - scopes):
            lacks = "; ".join(f"without {name} {self.rights[name]}" for name in lacking)
            raise Rejected(f"{lacks}; sign in again and allow it")
        return [f"{name} was not allowed: {why}" for name, why in self.rights.items() if name not in scopes]


def page_key(row: Mapping[str, Any]) -> str:
    """The name under which ``Login.brought`` gives the key of a listed page."""
    return f"page_token_{row['id']}"


def may_publish(row: Mapping[str, Any]) -> bool:
    """Whether a person has a task on a listed page that may publish."""
    given = row.get("tasks")
    return bool(TASKS & frozenset(map(str, given)) if isinstance(given, list) else ())


def form(said: Mapping[str, str]) -> bytes:
    """A form, in which placeholders of secrets stand as they are."""
    return "&".join(
        f"{name}={value if value.startswith('{{') else quote_plus(value)}" for name, value in said.items()
    ).encode()


def _instant(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds and not isinstance(seconds, bool) else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None
