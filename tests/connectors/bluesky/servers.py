"""Bluesky's own server software, and our twin of it, each with one account, for the same tests."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from automator.check.play import Seen
from connectors.bluesky import twin
from connectors.bluesky.twin import alts

FOLDER = os.environ.get("AUTOMATOR_PDS")
HANDLE, PASSWORD = "brand.test", "canary-real-server"
BLOBS = 5 * 1024 * 1024  #: bytes that the real server takes unless it is set otherwise
needs_server = [
    pytest.mark.peer,
    pytest.mark.skipif(FOLDER is None, reason="AUTOMATOR_PDS names a folder with the server"),
]


def ask(url: str, method: str, body: dict[str, Any] | None = None) -> Any:
    """One plain call, past the product."""
    content = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{url}/xrpc/{method}", content, {"content-type": "application/json"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
        return json.load(answer)


class Served:
    """A running server, real or not, with one account."""

    blob_limit = BLOBS

    def __init__(self, url: str, did: str) -> None:
        self.url, self.did = url, did
        self.keys = {"identifier": HANDLE, "password": PASSWORD}

    def records(self) -> list[dict[str, Any]]:
        """The account's posts as anyone can read them, oldest first."""
        found = ask(self.url, f"com.atproto.repo.listRecords?repo={self.did}&collection=app.bsky.feed.post&limit=100")
        return sorted(found["records"], key=lambda record: str(record["uri"]))

    def texts(self) -> list[str]:
        return [record["value"]["text"] for record in self.records()]

    def seen(self) -> list[Seen]:
        return [Seen(record["value"]["text"], tuple(alts(record["value"]))) for record in self.records()]


class Real(Served):
    """Bluesky's own software."""


@contextmanager
def real() -> Iterator[Real]:
    """Start it, and its directory of identities, on loopback."""
    with subprocess.Popen(
        ["node", "serve.mjs"],  # noqa: S607 - wherever node is
        cwd=FOLDER,
        env={**os.environ, "LOG_ENABLED": "false"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        account = {"handle": HANDLE, "email": "brand@example.com", "password": PASSWORD}
        yield Real(url, ask(url, "com.atproto.server.createAccount", account)["did"])
        process.stdin.close()
        process.wait(20)


@contextmanager
def twinned() -> Iterator[Served]:
    """The twin in a thread of its own, so that it is asked from outside as the real one is."""
    ready, end, found = threading.Event(), asyncio.Event(), list[str]()

    async def serve() -> None:
        app = twin.twin(lambda: datetime.now(UTC))
        app[twin.WORLD].blob_limit = BLOBS
        twin.add_account(app, HANDLE, PASSWORD)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.extend((f"http://127.0.0.1:{runner.addresses[0][1]}", next(iter(app[twin.WORLD].accounts))))
        loops.append(asyncio.get_running_loop())
        ready.set()
        await end.wait()
        await runner.cleanup()

    loops: list[asyncio.AbstractEventLoop] = []
    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(20)
    yield Served(*found)
    loops[0].call_soon_threadsafe(end.set)
    thread.join()
