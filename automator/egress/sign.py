"""Sign: keys are applied below the recorder, afresh for every attempt, and new ones are taken out of answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import quote_plus

import httpx

from automator.egress import scrub
from automator.egress.allow import judge
from automator.egress.call import KEY, Call, call_of
from automator.egress.passing import whole
from connectors.base import CallRefused

PLACEHOLDER = re.compile(rb"\{\{secret:([A-Za-z0-9_]+)\}\}")
FORM = "application/x-www-form-urlencoded"


def fill(content: bytes, content_type: str, secrets: Mapping[str, str]) -> bytes:
    """Put the keys where their placeholders stand, escaped as the content type asks.

    Raises:
        CallRefused: a key that the account does not have.
    """

    def value(match: re.Match[bytes]) -> bytes:
        name = match[1].decode()
        if name not in secrets:
            raise CallRefused(f"the account has no {name}; add it with `automator accounts rotate`")
        if content_type.startswith(FORM):
            return quote_plus(secrets[name]).encode()
        return json.dumps(secrets[name])[1:-1].encode()

    return PLACEHOLDER.sub(value, content)


class Sign(httpx.AsyncBaseTransport):
    """Hands the recorded request to the connector's signer and sends what comes back."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the signed request; tokens in the answer are stored before anyone sees the answer."""
        call = call_of(request)
        secrets = request.extensions[KEY]
        # only there do placeholders stand: in a post they are words of a person's, which must not become a key
        filled = _filled(request, secrets) if call.operation.brings_keys else request
        async with call.account.turn():
            signed = call.account.provider.sign(filled, secrets)
            signed.extensions = {**request.extensions, **signed.extensions}
            # what was judged above is not what leaves, where the signer writes the address
            if signed.url is not request.url and signed.url != request.url and (denied := judge(call, signed.url)):
                raise CallRefused(denied.why)
            response = await self._inner.handle_async_request(signed)
        # judge and harvest may look at what was signed; nothing above this layer may
        if not call.operation.brings_keys:
            return response
        return await _harvested(call, response)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _filled(request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
    try:
        content = request.content
    except httpx.RequestNotRead:
        return request  # a streamed upload; placeholders stand only in small bodies
    if b"{{secret:" not in content:
        return request
    filled = fill(content, request.headers.get("content-type", ""), secrets)
    headers = [pair for pair in request.headers.multi_items() if pair[0].lower() != "content-length"]
    return httpx.Request(request.method, request.url, headers=headers, content=filled)


async def _harvested(call: Call, response: httpx.Response) -> httpx.Response:
    await response.aread()
    found = call.account.provider.harvest(call.operation, response)
    if not found:
        return response
    marks = await call.account.keep(found, call.account.provider.lasts(call.operation, response))
    content = response.content
    for field, secret in found.items():
        for form in scrub.forms(secret):
            content = content.replace(form, marks[field].encode())
    return whole(response, content)
