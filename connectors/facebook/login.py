"""Connecting a page: what is asked for and why, and which pages a person can choose from."""

from __future__ import annotations

from connectors.facebook import operations as ops
from connectors.graph.login import NO_PAGE, NO_TASK, Login, may_publish, page_key
from connectors.network import Rejected, Wire
from connectors.signin import Found

#: right -> what does not work without it
RIGHTS: dict[str, str] = {
    "pages_show_list": "your pages can't be listed when you sign in",
    "pages_read_engagement": "posts can't be read back, so a lost answer stays unconfirmed",
    "pages_manage_posts": "nothing can be published, changed or deleted",
    "pages_manage_engagement": "first comments can't be written",
    "pages_read_user_content": "comments can't be read back",
    "read_insights": "how often posts are seen can't be read",
}
LOGIN = Login(RIGHTS, frozenset({"pages_manage_posts", "pages_read_engagement"}), ops.TOKEN, ops.PAGES, ops.DEBUG)


async def pages(wire: Wire, api: str, redirect: str) -> list[Found]:
    """The pages that a person lets the app act on, each with its own key.

    Raises:
        Rejected: Facebook does not take the sign-in, or there is no page.
    """
    found = [
        Found(
            str(row["id"]),
            str(row.get("name") or ""),
            {"page_token": page_key(row)},
            "" if may_publish(row) else NO_TASK,
        )
        async for row in LOGIN.listed(wire, api, redirect, "id,name,tasks,access_token")
    ]
    if not found:
        raise Rejected(NO_PAGE)
    return found
