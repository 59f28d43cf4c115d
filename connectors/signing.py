"""What a signer returns: the request that was recorded, and the headers that carry its keys."""

from __future__ import annotations

from collections.abc import Mapping

import httpx


def with_headers(request: httpx.Request, headers: Mapping[str, str], url: httpx.URL | None = None) -> httpx.Request:
    """The same request with these headers over its own, at ``url`` if one is given; the recorded one stays as it is.

    All else is shared between the two: httpx would take longer to make a request of its parts than a key to sign it.
    """
    made = httpx.Request.__new__(httpx.Request)
    vars(made).update(vars(request))
    made.headers = httpx.Headers(request.headers)
    for name, value in headers.items():
        made.headers[name] = value
    if url is not None:
        made.url = url
    return made
