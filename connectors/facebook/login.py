"""Connecting a page (developers.facebook.com: Facebook Login, access tokens): what is asked for and why, and checks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import httpx

from connectors.answer import accepted, json_object
from connectors.facebook import operations as ops
from connectors.graph.errors import TOKENS
from connectors.network import SECRET, Rejected, Wire
from connectors.signin import CODE, Found, SignIn

API, SITE = "https://graph.facebook.com", "https://www.facebook.com"
#: right -> what does not work without it
RIGHTS: dict[str, str] = {
    "pages_show_list": "your pages can't be listed when you sign in",
    "pages_read_engagement": "posts can't be read back, so a lost answer stays unconfirmed",
    "pages_manage_posts": "nothing can be published, changed or deleted",
    "pages_manage_engagement": "first comments can't be written",
    "pages_read_user_content": "comments can't be read back",
}
NEEDED = frozenset({"pages_manage_posts", "pages_read_engagement"})
TASKS = frozenset({"CREATE_CONTENT", "MANAGE", "PROFILE_PLUS_CREATE_CONTENT", "PROFILE_PLUS_FULL_CONTROL"})
SOON = timedelta(days=14)
PAGES_AT_ONCE = 100


def sign_in(base_url: str, version: str) -> SignIn:
    """Where a person lets the app act on their pages; Facebook asks on another host than its API."""
    site = SITE if base_url == API else base_url
    page = f"{site}/{version}/dialog/oauth"
    return SignIn(
        page,
        tuple(RIGHTS),
        client="app_id",
        secret="app_secret",  # noqa: S106 - a name
        separator=",",
        host="localhost",
        why=RIGHTS,
    )


async def pages(wire: Wire, api: str, redirect: str) -> list[Found]:
    """The pages that a person lets the app act on, each with its own key.

    Raises:
        Rejected: Facebook does not take the sign-in, or there is no page.
    """
    accepted(await _token(wire, api, {"redirect_uri": redirect, "code": SECRET % CODE}))
    longer = {"grant_type": "fb_exchange_token", "fb_exchange_token": SECRET % "user_token"}
    accepted(await _token(wire, api, longer))
    found: list[Found] = []
    after = ""
    while True:
        asked = {"fields": "id,name,tasks,access_token", "limit": str(PAGES_AT_ONCE)}
        asked |= {"after": after} if after else {}
        body = accepted(await wire.request(ops.PAGES, "GET", f"{api}/me/accounts", params=asked))
        rows = [row for row in body.get("data") or [] if isinstance(row, dict) and row.get("access_token")]
        found += [_found(row) for row in rows]
        cursors = (body.get("paging") or {}).get("cursors") or {}
        after = str(cursors.get("after") or "")
        if not after or len(rows) < PAGES_AT_ONCE:
            break
    if not found:
        raise Rejected("there is no page that you let the app act on; sign in again and choose one")
    return found


def _found(row: Mapping[str, Any]) -> Found:
    given = row.get("tasks")
    tasks = frozenset(map(str, given)) if isinstance(given, list) else frozenset()
    why = "" if tasks & TASKS else "you have no task on it that may publish; ask its owner for one"
    return Found(str(row["id"]), str(row.get("name") or ""), {"page_token": f"page_token_{row['id']}"}, why)


async def _token(wire: Wire, api: str, more: Mapping[str, str]) -> httpx.Response:
    form = {"client_id": SECRET % "app_id", "client_secret": SECRET % "app_secret", **more}
    body = "&".join(f"{name}={value if value.startswith('{{') else quote_plus(value)}" for name, value in form.items())
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return await wire.request(ops.TOKEN, "POST", f"{api}/oauth/access_token", content=body.encode(), headers=headers)


def brought(operation_name: str, response: httpx.Response) -> dict[str, str]:
    """The tokens in an answer, by what they are called here; those in the list of pages too. Pure."""
    body = json_object(response) if response.status_code == 200 else None  # noqa: PLR2004 - RFC 9110
    if body is None:
        return {}
    if operation_name == ops.TOKEN.name:
        token = body.get("access_token")
        return {"user_token": token} if isinstance(token, str) else {}
    rows = body.get("data")
    return {
        f"page_token_{row['id']}": row["access_token"]
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and isinstance(row.get("access_token"), str) and str(row.get("id")).isdigit()
    }


async def looked_at(wire: Wire, api: str) -> tuple[datetime | None, list[str]]:
    """When the token ends, and what a person should know of its rights.

    Raises:
        Rejected: it is no page's, it is dead, or it may not publish.
    """
    answer = await wire.request(ops.DEBUG, "GET", f"{api}/debug_token")
    said = accepted(answer)["data"]
    return judged(said if isinstance(said, dict) else {}, wire.now())


def judged(said: Mapping[str, Any], now: datetime) -> tuple[datetime | None, list[str]]:
    """What ``debug_token`` says, as ``looked_at`` returns it. Pure."""
    if said.get("is_valid") is False:
        error = said.get("error")
        subcode = error.get("subcode") if isinstance(error, dict) else None
        raise Rejected(f"{TOKENS.get(subcode or 0, 'Facebook does not accept the token')}; connect the account again")
    kind = str(said.get("type") or "PAGE").upper()
    if kind != "PAGE":
        raise Rejected(
            f"that is a token of a {'person' if kind == 'USER' else kind.lower()}, and a page's is needed; sign in "
            "with --sign-in, or take the page's own token from GET /me/accounts"
        )
    given = said.get("scopes")
    scopes = frozenset(map(str, given)) if isinstance(given, list) else frozenset()
    if missing := sorted(NEEDED - scopes):
        lacks = "; ".join(f"without {name} {RIGHTS[name]}" for name in missing)
        raise Rejected(f"{lacks}; sign in again and allow it")
    warnings = [f"{name} was not allowed: {RIGHTS[name]}" for name in RIGHTS if name not in scopes]
    expires, data_ends = _instant(said.get("expires_at")), _instant(said.get("data_access_expires_at"))
    if data_ends is not None and data_ends < now + SOON:
        warnings.append(f"the page can't be read after {data_ends:%Y-%m-%d} unless you sign in again before")
    return expires, warnings


def _instant(seconds: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC) if seconds and not isinstance(seconds, bool) else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None
