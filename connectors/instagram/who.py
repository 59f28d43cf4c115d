"""Who a key belongs to, how an account's own token is renewed, and what the figures say."""

from __future__ import annotations

from datetime import timedelta

import httpx

from connectors.answer import accepted
from connectors.base import Kind, outcome_of
from connectors.instagram.login import LOGIN, PERSONAL
from connectors.instagram.operations import ME, REFRESH
from connectors.network import Identity, Rejected, Wire

REFRESH_PATH = "/refresh_access_token"
_NO_PAGE = "instagram_business_account"


async def of_page(wire: Wire, base: str) -> Identity:
    """The account that a page's token stands for, until when, and which rights were not allowed.

    Raises:
        Rejected: the key does not work, is not a page's, lacks a right that is needed, or the page has no professional
            account.
    """
    fields = {"fields": "id,name,instagram_business_account{id,username}"}
    try:
        said = accepted(await wire.request(ME, "GET", f"{base}/me", params=fields))
    except Rejected as rejected:
        if _NO_PAGE in rejected.reason:
            raise Rejected("this is a person's token; give the token of the page that the account belongs to") from None
        raise
    account = said.get("instagram_business_account")
    if not isinstance(account, dict) or not account.get("id"):
        raise Rejected(PERSONAL)
    expires, warnings = await LOGIN.looked_at(wire, base)
    return Identity(str(account["id"]), f"@{account.get('username') or said['id']}", expires, tuple(warnings))


async def of_account(wire: Wire, base: str) -> Identity:
    """The account that signed in with Instagram Login, and when its token ends, if it may be renewed now.

    Raises:
        Rejected: the key does not work.
    """
    fields = {"fields": "id,user_id,username,account_type"}
    said = accepted(await wire.request(ME, "GET", f"{base}/me", params=fields))
    if str(said.get("account_type")).upper() == "PERSONAL" or not said.get("user_id"):
        raise Rejected("this is a personal account; make it a business or creator account in Instagram's app")
    renewed = await refreshed(
        wire
    )  # Instagram tells a token's life only with a new one, and gives none on the first day
    seconds = accepted(renewed).get("expires_in") if outcome_of(renewed).kind is Kind.OK else None
    expires = wire.now() + timedelta(seconds=seconds) if isinstance(seconds, int) and seconds > 0 else None
    return Identity(str(said["user_id"]), f"@{said.get('username')}", expires)


async def refreshed(wire: Wire) -> httpx.Response:
    """Ask for a new token in place of one that is at least a day old."""
    return await wire.request(REFRESH, "GET", f"{wire.base}{REFRESH_PATH}", params={"grant_type": "ig_refresh_token"})
