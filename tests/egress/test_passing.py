"""Videos and exports pass without being held in memory, and the record says what they were."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from automator.clock import SystemClock
from automator.db import Writer, connect
from automator.egress import passing
from automator.egress.call import Call
from automator.egress.stack import Client, client
from automator.egress.wire import base_transport
from automator.intentions import State, claim, load
from automator.schema import create
from connectors.base import Effect, Intent, Kind, Operation, Scope, Unresolved, outcome_of
from tests.toy.provider import CREATE_ONCE, EXPORT, LIST, account

PIECE = bytes(range(256)) * 256
PIECES = 800
WHOLE = {"size": len(PIECE) * PIECES, "sha256": hashlib.sha256(PIECE * PIECES).hexdigest()}
ROOM = 8_000_000  #: bytes; far less than passes
UPLOAD = Operation("toy.media.upload", Effect.REPEATABLE, Scope.WRITE)


class Video(httpx.AsyncByteStream):
    """Fifty megabytes, or as much as can be read of them."""

    def __init__(self, broken_after: int = PIECES) -> None:
        self.broken_after, self.readings = broken_after, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.readings += 1
        for number in range(PIECES):
            if number == self.broken_after:
                raise OSError("the disk was taken out")
            yield PIECE


@dataclass
class There:
    """A server that takes and gives what is large, and a stack to reach it."""

    http: Client
    path: Path
    url: str = ""
    seen: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    cut: int = PIECES

    async def take(self, request: web.Request) -> web.Response:
        digest = hashlib.sha256()
        async for piece in request.content.iter_chunked(65_536):
            digest.update(piece)
        self.seen.append(digest.hexdigest())
        status = self.answers.pop(0) if self.answers else 201
        return web.json_response({"id": "7"}, status=status)

    async def give(self, request: web.Request) -> web.StreamResponse:
        if self.answers:
            return web.json_response({"why": "not yours"}, status=self.answers.pop(0))
        answer = web.StreamResponse()
        await answer.prepare(request)
        cut, self.cut = self.cut, PIECES
        for _ in range(cut):
            await answer.write(PIECE)
        if cut < PIECES and request.transport is not None:
            request.transport.close()
        return answer

    async def put(self, call: Call, video: Video) -> httpx.Response:
        return await self.http.request("POST", f"{self.url}/video", content=video, extensions={"automator": call})

    async def get(self, file: File) -> httpx.Response:
        call = {"automator": Call(EXPORT, account(self.url)), "sink": file}
        return await self.http.request("GET", f"{self.url}/export", extensions=call)

    def entries(self, kind: str) -> list[dict[str, Any]]:
        reader = connect(self.path, readonly=True)
        rows = reader.execute("SELECT said(data) FROM entry WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
        reader.close()
        return [json.loads(row[0]) for row in rows]


async def drip(request: web.Request) -> web.StreamResponse:
    """An answer that says little by little that it has not ended."""
    answer = web.StreamResponse(headers={"content-length": "1000000"})
    await answer.prepare(request)
    while True:
        await answer.write(b" ")
        await asyncio.sleep(0.01)


@pytest.fixture(params=["aiohttp", "httpx"])
async def there(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[There]:
    path = tmp_path / "a.db"
    create(path)
    reader = connect(path, readonly=True)
    with Writer(path) as writer:
        async with client(base_transport(request.param), writer, reader, SystemClock()) as http:
            made = There(http, path)
            app = web.Application(client_max_size=10**9)
            app.router.add_post("/video", made.take)
            app.router.add_get("/export", made.give)
            app.router.add_post("/drip", drip)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield made
            await runner.cleanup()
    reader.close()


async def test_an_upload_is_not_held(there: There) -> None:
    """It arrives whole, takes little memory, and the record knows its digest and size, though not its content."""
    tracemalloc.start()
    await there.put(Call(UPLOAD, account(there.url)), Video())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert there.seen == [WHOLE["sha256"]]
    assert most < ROOM
    assert there.entries("call")[0]["body"] == {"streamed": True}
    assert there.entries("answer")[0]["sent"] == {**WHOLE, "streamed": True}


async def test_an_upload_is_read_anew_for_each_attempt(there: There) -> None:
    """A provider that fails gets the whole body again, and each attempt is on the record with what it sent."""
    there.answers = [503]
    video = Video()
    await there.put(Call(UPLOAD, account(there.url)), video)
    assert (video.readings, there.seen) == (2, [WHOLE["sha256"]] * 2)
    assert [answer["sent"]["size"] for answer in there.entries("answer")] == [WHOLE["size"]] * 2


async def test_an_upload_that_can_t_be_read_to_its_end_arrives_nowhere(there: There) -> None:
    """A file that vanishes under a write leaves its outcome open; the record says how far it came."""
    who, key = account(there.url), "k1"
    with Writer(there.path) as writer:
        held = await writer.run(lambda tx: claim(tx, key, who.name, CREATE_ONCE.name, {}))
    with pytest.raises(Unresolved):
        await there.put(Call(CREATE_ONCE, who, Intent(key, {}, held.attempt)), Video(broken_after=20))
    assert there.seen == []
    (answer,) = there.entries("answer")
    assert answer["sent"]["size"] == 20 * len(PIECE)
    reader = connect(there.path, readonly=True)
    stored = load(reader, key)
    reader.close()
    assert stored is not None
    assert stored.state is State.SENT


class File:
    """Where a download goes; each attempt begins it anew."""

    def __init__(self) -> None:
        self.begun = 0

    def __call__(self) -> Callable[[bytes], Awaitable[None]]:
        self.begun += 1
        self.digest, self.size = hashlib.sha256(), 0
        return self.write

    async def write(self, piece: bytes) -> None:
        self.digest.update(piece)
        self.size += len(piece)


async def test_a_download_is_not_held(there: There) -> None:
    """It goes to where the caller wants it; the record knows its digest and size."""
    file = File()
    tracemalloc.start()
    await there.get(file)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < ROOM
    assert (file.digest.hexdigest(), file.size) == (WHOLE["sha256"], WHOLE["size"])
    assert there.entries("answer")[0]["body"] == {**WHOLE, "streamed": True}


async def test_a_download_that_broke_off_is_begun_anew(there: There) -> None:
    """Nothing of the first attempt is left in front of the second."""
    there.cut = 3
    file = File()
    await there.get(file)
    assert (file.begun, file.digest.hexdigest()) == (2, WHOLE["sha256"])


async def test_a_refusal_is_no_download(there: There) -> None:
    """What an error says is for us, not for the caller's file."""
    there.answers = [403]
    file = File()
    answer = await there.get(file)
    assert (outcome_of(answer).kind, file.begun, answer.json()) == (Kind.REJECTED, 0, {"why": "not yours"})


async def test_an_answer_that_never_ends_is_cut_off(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that floods us costs its own call, not the machine's memory."""
    monkeypatch.setattr(passing, "ANSWER", 1_000_000)
    with pytest.raises(Exception, match="not before"):
        await there.http.request("GET", f"{there.url}/export", extensions={"automator": Call(LIST, account(there.url))})
    said = there.entries("answer")
    assert {item["reason"] for item in said} == {"an answer of more than 1 MB"}


async def test_an_answer_that_drips_is_not_waited_for_for_ever(there: There, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every piece comes in time, and the whole never does: whether the write was done is not known."""
    monkeypatch.setattr(passing, "PATIENCE", 0.2)
    who, key = account(there.url), "k1"
    with pytest.raises(Unresolved):
        await there.http.request(
            "POST", f"{there.url}/drip", json={}, extensions={"automator": Call(CREATE_ONCE, who, Intent(key, {}))}
        )
    (answer,) = there.entries("answer")
    assert answer["reason"] == "the answer did not come to its end"
