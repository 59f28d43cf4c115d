"""Sign: keys are applied below the recorder, afresh for every attempt."""

from __future__ import annotations

import httpx

from automator.egress.call import call_of


class Sign(httpx.AsyncBaseTransport):
    """Hands the recorded request to the connector's signer and sends what comes back."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the signed request."""
        account = call_of(request).account
        signed = account.provider.sign(request, account.secrets())
        signed.extensions = {**request.extensions, **signed.extensions}
        return await self._inner.handle_async_request(signed)

    async def aclose(self) -> None:
        await self._inner.aclose()
