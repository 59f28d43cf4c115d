"""Each test runs on each base transport."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from automator.egress.wire import base_transport


@pytest.fixture(params=["aiohttp", "httpx"])
async def base(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncBaseTransport]:
    """Each base transport in turn."""
    transport = base_transport(request.param)
    yield transport
    await transport.aclose()
