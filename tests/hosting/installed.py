"""An installation with a media host: a folder, or a bucket with a web server in front of it."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from automator.clock import micros
from automator.engine import Engine
from automator.home import Home
from automator.hosting import host as hosting
from automator.scheduling.lease import Run
from automator.vault.choose import own_file
from automator.vault.sealed_file import SealedFile
from connectors.post import Media
from tests.clocks import StillClock

CANARY = "C4nary/secret+key"


class Bucket:
    """A store with one bucket, and the web server in front of it."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[bytes, str]] = {}
        self.answers: list[web.Response] = []
        self.seen: list[web.Request] = []
        self.shown: web.Response | None = None
        self.type: str | None = None

    async def put(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        content = await request.read()
        if self.answers:
            return self.answers.pop(0)
        assert hashlib.sha256(content).hexdigest() == request.headers["x-amz-content-sha256"]
        self.held[request.match_info["name"]] = (content, request.headers["content-type"])
        return web.Response()

    async def delete(self, request: web.Request) -> web.Response:
        self.seen.append(request)
        if self.answers:
            return self.answers.pop(0)
        return web.Response(status=204 if self.held.pop(request.match_info["name"], None) else 404)

    async def show(self, request: web.Request) -> web.Response:
        assert "authorization" not in request.headers, "anybody can fetch it"
        if self.shown is not None:
            return self.shown
        content, kind = self.held.get(request.match_info["name"], (b"", ""))
        return web.Response(body=content, content_type=self.type or kind, status=200 if kind else 404)


def picture(folder: Path, content: bytes = b"\xff\xd8 a picture") -> Media:
    path = folder / "a.jpg"
    path.write_bytes(content)
    return Media(str(path), "image/jpeg", len(content), hashlib.sha256(content).hexdigest(), 1080, 1080)


async def begun(engine: Engine, number: int = 1) -> Run:
    """A run that this process is working on."""
    now = engine.clock.now()
    await engine.writer.run(
        lambda tx: tx.execute(
            "INSERT INTO run VALUES (?, 'post-1', ?, ?, 'running', 1, '', NULL, NULL, '')",
            (number, number, micros(now)),
        )
    )
    return Run(number, "post-1", "deliver", "instagram/brand", {}, 1, now, now)


async def ended(engine: Engine, state: str = "done") -> None:
    await engine.writer.run(lambda tx: tx.execute("UPDATE run SET state = ?", (state,)))


def rows(engine: Engine) -> int:
    return int(engine.reader.execute("SELECT count(*) FROM hosted").fetchone()[0])


def place(home: Home, config: str) -> SealedFile:
    home.prepare()
    home.config.write_text(f'[vault]\nkind = "file"\n{config}')
    return own_file(home.path)


class There:
    """An installation with a media host."""

    def __init__(self, engine: Engine, folder: Path, bucket: Bucket) -> None:
        assert engine.media is not None
        self.engine, self.media, self.folder, self.bucket = engine, engine.media, folder, bucket

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else sorted(self.bucket.held)


@asynccontextmanager
async def installed(tmp_path: Path, kind: str) -> AsyncIterator[There]:
    bucket, app, shown = Bucket(), web.Application(), tmp_path / "shown"
    app.router.add_put("/media/{name}", bucket.put)
    app.router.add_delete("/media/{name}", bucket.delete)
    app.router.add_get("/public/{name}", bucket.show)
    if kind == "folder":
        shown.mkdir()
        app.router.add_static("/files", shown)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    settings = {
        "folder": f'kind = "folder"\nfolder = "{shown}"\npublic_url = "{base}/files/"\n',
        "s3": f'kind = "s3"\nendpoint = "{base}"\nbucket = "media"\npublic_url = "{base}/public"\n',
    }
    home = Home(tmp_path / "home")
    store = place(home, f"[media]\n{settings[kind]}")
    try:
        async with Engine(home, store, clock=StillClock()) as engine:
            if kind == "s3":
                hosting.set_key(store, "AKIDEXAMPLE", CANARY)
            yield There(engine, shown, bucket)
    finally:
        await runner.cleanup()
