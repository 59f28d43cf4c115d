"""The one way out: the layers, put together."""

from __future__ import annotations

import logging
import sqlite3

import httpx

from automator.clock import Clock
from automator.db import Writer
from automator.egress.allow import Allow
from automator.egress.limit import Limit
from automator.egress.once import Once
from automator.egress.record import Record
from automator.egress.retry import Retry
from automator.egress.sign import Sign

TIMEOUT = httpx.Timeout(30.0, connect=10.0, pool=10.0)


def client(
    base: httpx.AsyncBaseTransport, writer: Writer, reader: sqlite3.Connection, clock: Clock
) -> httpx.AsyncClient:
    """An httpx client whose every call is checked, recorded and signed. It follows no redirects."""
    for name in ("httpx", "httpcore", "aiohttp"):
        logging.getLogger(name).setLevel(logging.WARNING)  # at INFO httpx logs whole URLs
    recorded = Allow(Record(Sign(base), writer, clock), writer, clock)
    stack = Once(Retry(Limit(recorded, writer, clock), clock), reader)
    return httpx.AsyncClient(transport=stack, timeout=TIMEOUT, trust_env=False, follow_redirects=False)
