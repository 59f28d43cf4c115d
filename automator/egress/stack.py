"""The one way out: the layers, put together."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import httpx

from automator.clock import Clock
from automator.db import Writer
from automator.egress.allow import Allow
from automator.egress.limit import Limit
from automator.egress.once import Once
from automator.egress.record import Record
from automator.egress.retry import Retry
from automator.egress.sign import Sign

TIMEOUT = httpx.Timeout(30.0, connect=10.0, pool=10.0).as_dict()
HEADERS = {"accept": "*/*", "accept-encoding": "gzip, deflate", "user-agent": "automator"}


_url = lru_cache(maxsize=256)(httpx.URL)  # most calls go to the same few addresses


class Client:
    """Sends requests through the layers, and nothing besides: no cookies, no redirects, no proxy of the environment.

    httpx's own client has one cookie jar, which would carry one account's session into another account's calls.
    """

    def __init__(self, stack: httpx.AsyncBaseTransport) -> None:
        self._stack = stack

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
        **content: Any,
    ) -> httpx.Response:
        """Send, with httpx's own keywords for what is sent; returns a complete answer.

        An asynchronous iterator as ``content`` is not held in memory, but must be readable once for each attempt. With
        the extension ``sink`` neither is the answer's body: it goes to ``await sink()(piece)``, unless it is an error.
        """
        request = httpx.Request(
            method,
            _url(url),
            headers=HEADERS | dict(headers or {}),
            extensions={"timeout": TIMEOUT, **(extensions or {})},
            **content,
        )
        answer = await self._stack.handle_async_request(request)
        answer.request = request
        await answer.aread()
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._stack.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()


def client(base: httpx.AsyncBaseTransport, writer: Writer, reader: sqlite3.Connection, clock: Clock) -> Client:
    """A client whose every call is checked, recorded and signed."""
    for name in ("httpx", "httpcore", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)  # at INFO httpx logs whole URLs
    recorded = Allow(Record(Sign(base), writer, clock), writer, clock)
    return Client(Once(Retry(Limit(recorded, clock), clock), reader))
