"""A server on loopback that answers what a test says, and keeps what came, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web


@dataclass(frozen=True)
class Came:
    """One request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def asked(self) -> dict[str, Any]:
        """Its parameters, wherever they stand."""
        if self.body.startswith("{"):
            return dict(json.loads(self.body))
        return dict(parse_qsl(self.query or self.body, keep_blank_values=True))


Answer = (
    Any  #: JSON; or (status, bytes or JSON, headers); or a function of what came; or ``None``: it hangs up; or a Cut
)


@dataclass(frozen=True)
class Cut:
    """The beginning of an answer, after which the connection ends."""

    begins: bytes


@dataclass
class Server:
    """What it answers, by method and path."""

    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    came: list[Came] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    def of(self, method: str, path: str) -> list[Came]:
        """What came there."""
        return [came for came in self.came if (came.method, came.path) == (method, path)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        came = Came(
            request.method,
            request.raw_path,
            {name.lower(): value for name, value in request.headers.items()},
            (await request.read()).decode(),
        )
        self.came.append(came)
        answer = self.answers.get((came.method, came.path), (404, {"code": -1, "msg": "no such path"}, {}))
        if isinstance(answer, Callable):  # type: ignore[arg-type]
            answer = answer(came)
        if isinstance(answer, Cut):
            whole = web.StreamResponse(headers={"content-length": str(len(answer.begins) + 100)})
            await whole.prepare(request)
            await whole.write(answer.begins)
            request.transport.close()  # type: ignore[union-attr]
            return whole
        if answer is None:
            request.transport.close()  # type: ignore[union-attr]
            return web.Response()
        status, content, headers = answer if isinstance(answer, tuple) else (200, answer, {})
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        kind = {} if isinstance(content, bytes) else {"content-type": "application/json"}
        return web.Response(status=status, body=body, headers={**kind, **headers})
