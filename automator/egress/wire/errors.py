"""The two ways in which an attempt can fail on the wire."""

from __future__ import annotations

import httpx


class Unsent(httpx.TransportError):
    """No byte of the request left this machine; it may be sent again."""


class Unknown(httpx.TransportError):
    """The request, or a part of it, may have arrived; only the provider knows."""


def check_on_time(request: httpx.Request) -> None:
    """Raise ``Unsent`` if the caller's ``send_by`` says that the moment to send has passed."""
    send_by = request.extensions.get("send_by")
    if send_by is not None and not send_by():
        raise Unsent("this process was held up between the record and the first byte", request=request)
