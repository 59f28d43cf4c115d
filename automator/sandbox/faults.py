"""Faults on purpose: what networks and providers do on bad days."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal, get_args

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Kind = Literal[
    "reject",
    "drop-before",
    "unknown-before",
    "timeout-before",
    "drop-after",
    "error-after",
    "unknown-after",
    "timeout-after",
    "html-after",
    "garbage-after",
    "throttle",
    "slow",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
Answers = Mapping[str, Callable[[], web.Response]]


class FaultsError(ValueError):
    """A file of faults that can't be used; one sentence."""


class Fault(BaseModel):
    """One kind of trouble.

    Attributes:
        path: Only requests whose path ends so.
        method: Only these.
        fault: reject: it is refused, and nothing happens; drop-before, unknown-before, timeout-before: nothing happens,
            and the connection ends, or the answer (503, 504) leaves it open what happened; drop-after, error-after,
            unknown-after, timeout-after, html-after, garbage-after: it happened, but the answer says otherwise (500,
            503, 504); throttle: 429; slow: a second's wait.
        skip: So many fitting requests pass first.
        times: So many are hit.
        provider: Only this one's twin; any without.
    """

    model_config = ConfigDict(extra="forbid")

    path: str
    fault: Kind
    method: str = "POST"
    skip: int = 0
    times: int = 1
    provider: str | None = None


def read(path: Path) -> list[Fault]:
    """Read a JSON list of faults.

    Raises:
        FaultsError: not such a list.
    """
    try:
        return TypeAdapter(list[Fault]).validate_python(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise FaultsError(f"{path} can't be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FaultsError(f"{path}: {where}: {first['msg']}; faults are {', '.join(KINDS)}") from None
    except ValueError as error:
        raise FaultsError(f"{path} is not JSON: {error}") from None


def middleware(
    faults: list[Fault], provider: str = "", answers: Answers | None = None
) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    """Strike requests to a provider's twin as the list says; the list may be changed while the server runs.

    ``answers``: how this provider says some of the faults, where it has ways of its own.
    """
    own = {**USUAL, **(answers or {})}

    @web.middleware
    async def strike(request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = _next(faults, provider, request)
        if fault is None:
            return await handler(request)
        if fault == "drop-before":
            await request.read()
            return _hang_up(request)
        if fault in NOTHING:
            await request.read()
            return own[fault]()
        answer = await handler(request)
        match fault:
            case "drop-after":
                return _hang_up(request)
            case "error-after" | "unknown-after" | "timeout-after":
                return own[fault]()
            case "html-after":
                return web.Response(text="<html><body>Be right back</body></html>", content_type="text/html")
            case "garbage-after":
                return web.Response(body=b"\x00\xff{", content_type="application/json")
            case _:
                await asyncio.sleep(1)
                return answer

    return strike


def _says(status: int, **body: str) -> Callable[[], web.Response]:
    return lambda: web.json_response(body, status=status)


NOTHING = frozenset({"reject", "throttle", "unknown-before", "timeout-before"})  #: happens; there is only an answer
USUAL: Answers = {
    "reject": _says(400, title="Bad Request"),
    "unknown-before": _says(503, title="Service Unavailable"),
    "timeout-before": _says(504, title="Gateway Timeout"),
    "throttle": _says(429, error="RateLimitExceeded", title="Too Many Requests"),
    "error-after": _says(500, title="Internal Server Error"),
    "unknown-after": _says(503, title="Service Unavailable"),
    "timeout-after": _says(504, title="Gateway Timeout"),
}


def _next(faults: list[Fault], provider: str, request: web.Request) -> str | None:
    for fault in faults:
        if fault.times <= 0 or fault.method != request.method or not request.path.endswith(fault.path):
            continue
        if fault.provider not in {None, provider}:
            continue
        if fault.skip > 0:
            fault.skip -= 1
            return None
        fault.times -= 1
        return fault.fault
    return None


def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
