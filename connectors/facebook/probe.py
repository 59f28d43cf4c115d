"""Whether a page lets a post be staged by API, as far as that can be known without publishing anything."""

from __future__ import annotations

from connectors.answer import accepted
from connectors.base import CallRefused, NotNow, Unresolved
from connectors.facebook import operations as ops
from connectors.facebook.upload import Places
from connectors.network import Rejected, Wire

FIRST, SECOND = "Automator looks whether a post can be staged.", "Nobody sees this, and it is taken back at once."
INSTEAD = "posts will be published in one step, where a lost answer may need a person"


async def staging(wire: Wire, at: Places) -> tuple[str, str]:
    """The way that suits the page (``staged``, ``direct``; empty: it could not be found out), and a warning.

    An unpublished post is made, changed, looked at and deleted.
    """
    try:
        return await _tried(wire, at)
    except (CallRefused, NotNow, Unresolved):
        return "", ""


async def _tried(wire: Wire, at: Places) -> tuple[str, str]:
    body = {"message": FIRST, "published": False}
    try:
        post = str(accepted(await wire.request(ops.STAGE, "POST", f"{at.api}/{at.page}/feed", json=body))["id"])
    except Rejected as no:
        return "direct", f"this page lets no post be staged ({no.reason}); {INSTEAD}"
    url, why = f"{at.api}/{post}", ""
    try:
        accepted(await wire.request(ops.PROBE, "POST", url, json={"message": SECOND}))
        shown = accepted(await wire.request(ops.NODE, "GET", url, params={"fields": "id,is_published"}))
        why = "" if shown.get("is_published") is False else "it does not say that it is unpublished"
    except Rejected as no:
        why = no.reason
    left = ""
    try:
        accepted(await wire.request(ops.PROBED, "DELETE", url))
    except (Rejected, CallRefused) as no:
        left = f"an unpublished post that was made for a test could not be deleted ({no}); delete {post} yourself"
    if why:
        return "direct", f"this page lets no staged post be changed ({why}); {INSTEAD}{f'; {left}' if left else ''}"
    return "staged", left
