"""The toy provider's server: ``python -m tests.toy.server``; prints its port, then serves."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

from aiohttp import web

posts: list[dict[str, Any]] = []
faults: list[str] = []
arrivals: list[str] = []


async def create(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    arrivals.append(body["text"])
    fault = faults.pop(0) if faults else "none"
    if fault == "drop-before":
        return hang_up(request)
    if fault == "throttle":
        return web.json_response({"error": "slow down"}, status=429, headers={"retry-after": "0.05"})
    if fault == "echo-key":
        return web.Response(status=401, text=f"bad key {request.headers['x-toy-key']}")
    key = request.headers.get("idempotency-key")
    post = next((post for post in posts if key and post["key"] == key), None)
    if post is None:
        post = {"id": str(len(posts) + 1), "text": body["text"], "key": key}
        posts.append(post)
    if fault == "drop-after":
        return hang_up(request)
    if fault == "error-after":
        return web.json_response({"error": "internal"}, status=500)
    if fault == "html-after":
        return web.Response(text="<html>moved</html>", content_type="text/html")
    return web.json_response({"id": post["id"]}, status=201, headers={"x-request-id": f"r{len(arrivals)}"})


def hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def listing(_: web.Request) -> web.Response:
    return web.json_response({"posts": posts})


async def plan_faults(request: web.Request) -> web.Response:
    faults[:] = await request.json()
    return web.json_response({})


async def world(_: web.Request) -> web.Response:
    return web.json_response({"posts": posts, "arrivals": arrivals})


async def serve() -> None:
    app = web.Application()
    app.router.add_post("/posts", create)
    app.router.add_get("/posts", listing)
    app.router.add_post("/faults", plan_faults)
    app.router.add_get("/world", world)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server = site._server
    assert server is not None
    print(server.sockets[0].getsockname()[1], flush=True)  # type: ignore[attr-defined]
    loop = asyncio.get_running_loop()
    # the test holds our standard input open; when it is gone, so are we
    await loop.run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())
