"""Signing in: by Facebook for a page's account, or at Instagram itself for an account without a page.

developers.facebook.com, Instagram Platform: Business Login for Instagram, access_token, 2026-03.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from connectors.answer import accepted, json_object
from connectors.graph import login as graph
from connectors.instagram.operations import DEBUG, EXCHANGE, LONGER, PAGES, TOKEN
from connectors.network import SECRET, Rejected, Wire
from connectors.signin import CODE, Found, SignIn

API, CODES, SITE = "https://graph.instagram.com", "https://api.instagram.com", "https://www.instagram.com"
LONGER_PATH = "/access_token"
PERSONAL = (
    "no professional Instagram account belongs to this page; make the account a business or creator account "
    "in Instagram's app, and connect it with the page"
)
#: right -> what does not work without it
OF_PAGE = {
    "pages_show_list": "your pages can't be listed when you sign in",
    "pages_read_engagement": "the account that belongs to a page can't be found",
    "instagram_basic": "posts can't be read back, so a lost answer can't be settled",
    "instagram_content_publish": "nothing can be published",
    "instagram_manage_comments": "first comments can't be written",
    "instagram_manage_insights": "shares and views can't be read",
}
OWN = {
    "instagram_business_basic": OF_PAGE["instagram_basic"],
    "instagram_business_content_publish": OF_PAGE["instagram_content_publish"],
    "instagram_business_manage_comments": OF_PAGE["instagram_manage_comments"],
    "instagram_business_manage_insights": OF_PAGE["instagram_manage_insights"],
}
LOGIN = graph.Login(OF_PAGE, frozenset({"instagram_basic", "instagram_content_publish"}), TOKEN, PAGES, DEBUG)
_OWN = graph.Login(
    OWN, frozenset({"instagram_business_basic", "instagram_business_content_publish"}), EXCHANGE, PAGES, DEBUG
)
_LISTED = "id,name,tasks,access_token,instagram_business_account{id,username}"


def page(base_url: str) -> SignIn:
    """Where a person signs in at Instagram, which sends nobody back to an address without TLS."""
    return SignIn(
        f"{base_url or SITE}/oauth/authorize",
        tuple(OWN),
        client="app_id",
        secret="app_secret",  # noqa: S106 - a name
        separator=",",
        host="localhost",
        scheme="https",
        why=OWN,
    )


async def of_pages(wire: Wire, api: str, redirect: str) -> list[Found]:
    """The accounts of the pages that a person lets the app act on, each with its page's key.

    Raises:
        Rejected: Facebook does not take the sign-in, or no page has a professional account.
    """
    rows = [row async for row in LOGIN.listed(wire, api, redirect, _LISTED)]
    if not rows:
        raise Rejected(graph.NO_PAGE)
    found = [_found(row) for row in rows]
    if all(one.why == PERSONAL for one in found):
        raise Rejected(PERSONAL)
    return found


def _found(row: Mapping[str, Any]) -> Found:
    account = row.get("instagram_business_account")
    keys = {"access_token": graph.page_key(row)}
    if not isinstance(account, dict) or not account.get("id"):
        return Found(str(row["id"]), f"the page {row.get('name') or ''}", keys, PERSONAL)
    name = f"@{account.get('username') or account['id']} of the page {row.get('name') or ''} ({row['id']})"
    return Found(str(account["id"]), name, keys, "" if graph.may_publish(row) else graph.NO_TASK)


async def of_account(wire: Wire, codes: str, redirect: str) -> None:
    """Get the account's own token, which lives 60 days, by way of one that lives an hour.

    Raises:
        Rejected: Instagram does not take the sign-in, or publishing was not allowed.
    """
    said = {
        "client_id": SECRET % "app_id",
        "client_secret": SECRET % "app_secret",
        "grant_type": "authorization_code",
        "redirect_uri": redirect,
        "code": SECRET % CODE,
    }
    url = f"{codes}/oauth/access_token"
    answer = await wire.request(EXCHANGE, "POST", url, content=graph.form(said), headers=graph.FORM)
    allowed = granted(accepted(answer))
    if allowed is not None:
        _OWN.missing(allowed)
    longer = {"grant_type": "ig_exchange_token"}  # the keys are added below the recorder
    accepted(await wire.request(LONGER, "GET", f"{wire.base}{LONGER_PATH}", params=longer))


def granted(said: Mapping[str, Any]) -> frozenset[str] | None:
    """The rights that came with a token; ``None``: the answer does not tell. Pure."""
    given = _first(said).get("permissions")
    if isinstance(given, str):
        return frozenset(name.strip() for name in given.split(",") if name.strip())
    return frozenset(map(str, given)) if isinstance(given, list) else None


def brought(response: httpx.Response) -> dict[str, str]:
    """The token in an answer of Instagram's, which comes bare or as the only one of a list. Pure."""
    body = json_object(response) if response.status_code == 200 else None  # noqa: PLR2004 - RFC 9110
    token = _first(body or {}).get("access_token")
    return {"access_token": token} if isinstance(token, str) and token else {}


def _first(said: Mapping[str, Any]) -> Mapping[str, Any]:
    listed = said.get("data")
    inner = listed[0] if isinstance(listed, list) and listed else said
    return inner if isinstance(inner, dict) else {}
