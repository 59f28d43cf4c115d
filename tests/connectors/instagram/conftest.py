"""An installation with a media host, and Instagram's twin, under one clock that leaps over waits."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from PIL import Image

from automator import accounts
from automator.engine import Engine
from automator.home import Home
from automator.intentions import claim
from automator.posting import posts
from automator.posting.posts import Listed, NewDelivery, listed
from automator.vault.choose import own_file
from connectors.base import Intent, Scope
from connectors.graph.twin import GRAPH, Graph
from connectors.instagram import twin
from connectors.post import Media, Part
from jobs.posting.media import inspect
from tests.clocks import LeapClock

ACCOUNT = "instagram/brand"
SOON = timedelta(hours=2)
_numbers = count(1)


def picture(folder: Path, width: int = 400, height: int = 400, kind: str = "jpeg", alt: str = "A picture.") -> Media:
    """A file that is like no other."""
    number = next(_numbers)
    path = folder / f"{number}.{kind}"
    Image.new("RGB", (width, height), (number % 256, number // 256 % 256, 77)).save(path, kind)
    return inspect(path, alt)


def video(folder: Path) -> Media:
    """A file that passes for a video."""
    path = folder / f"{next(_numbers)}.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(5000) + str(path).encode())
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Media(str(path), "video/mp4", len(content), digest, 1080, 1920, seconds=8, fps=30, codecs=("h264", "aac"))


class Place:
    """One account on the twin, as an engine uses it."""

    def __init__(self, engine: Engine, app: web.Application, clock: LeapClock, folder: Path, shown: Path) -> None:
        self.engine, self.app, self.clock, self.folder, self.shown = engine, app, clock, folder, shown

    @property
    def world(self) -> twin.World:
        return self.app[twin.WORLD]

    @property
    def graph(self) -> Graph:
        return self.app[GRAPH]

    @property
    def session(self) -> Any:
        async def hosted(media: Media) -> str:
            assert self.engine.media is not None
            (self.shown / Path(media.path).name).write_bytes(Path(media.path).read_bytes())
            return f"{self.engine.media.at.public_url}/{Path(media.path).name}"

        return replace(self.engine.session(ACCOUNT, {"test": "yes"})[0], hosting=hosted)

    @property
    def network(self) -> Any:
        return self.engine.session(ACCOUNT, {})[1]

    def seen(self) -> list[dict[str, Any]]:
        return twin.posts(self.app)

    def part(self, text: str = "A caption.", count: int = 1, **more: Any) -> Part:
        return Part(text, tuple(picture(self.folder) for _ in range(count)), **more)

    async def post(self, *parts: Part, until: timedelta = SOON) -> Listed:
        """Plan a post and work on it until it ends, or is put off beyond ``until``."""
        now = self.clock.now()
        wanted = NewDelivery(ACCOUNT, parts, now, "UTC", "", f"test-{next(_numbers)}")
        (number,) = await self.engine.writer.run(lambda tx: posts.plan(tx, [wanted], now, source="test"))
        return await self.work(number, until)

    async def work(self, number: str, until: timedelta = SOON) -> Listed:
        await self.engine.worker.run_due(self.clock.now() + until)
        (post,) = listed(self.engine.reader, delivery=number)
        return post

    async def send(self, key: str, plan: Mapping[str, Any]) -> httpx.Response:
        operation = self.network.publishing(plan).name
        held = await self.engine.writer.run(lambda tx: claim(tx, key, ACCOUNT, operation, plan))
        answer: httpx.Response = await self.network.publish(self.session, Intent(key, held.plan, held.attempt))
        return answer

    def operations(self) -> list[str]:
        rows = self.engine.reader.execute("SELECT operation FROM entry WHERE kind = 'call' ORDER BY seq")
        return [row[0] for row in rows]


@asynccontextmanager
async def placed(tmp_path: Path, login: str, strike: Callable[[web.Request], web.Response | None]) -> Any:
    clock = LeapClock()
    app, shown, runners = twin.twin(clock.now), tmp_path / "shown", []
    shown.mkdir()

    @web.middleware
    async def struck(request: web.Request, handler: Any) -> web.StreamResponse:
        answer = strike(request)
        return answer if answer is not None else await handler(request)

    files = web.Application(middlewares=[struck])
    files.router.add_static("/", shown)
    app.middlewares.insert(0, struck)

    async def dated(_: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["date"] = format_datetime(clock.at, usegmt=True)

    app.on_response_prepare.append(dated)
    bases = []
    for one in (app, files):
        runner = web.AppRunner(one, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        bases.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
    home = Home(tmp_path / "home")
    home.prepare()
    home.config.write_text(
        f'[vault]\nkind = "file"\n[media]\nkind = "folder"\nfolder = "{shown}"\npublic_url = "{bases[1]}"\n'
    )
    store = own_file(home.path)
    keys = twin.add_account(app, "brand") if login == "facebook" else twin.add_own(app, "brand")
    async with Engine(home, store, clock=clock) as engine:
        store.put(ACCOUNT, 1, keys)
        new = accounts.fresh(ACCOUNT, bases[0], Scope, chosen={"login": login})
        await engine.writer.run(lambda tx: accounts.add(tx, new, clock.now(), actor="test"))
        yield Place(engine, app, clock, tmp_path, shown)
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
def strikes() -> list[tuple[str, str, web.Response]]:
    """Answers given once each in place of the server's, by method and the ending of the path."""
    return []


def _strike(strikes: list[tuple[str, str, web.Response]]) -> Callable[[web.Request], web.Response | None]:
    def strike(request: web.Request) -> web.Response | None:
        for item in strikes:
            if request.method == item[0] and request.path.endswith(item[1]):
                strikes.remove(item)
                return item[2]
        return None

    return strike


@pytest.fixture
async def place(tmp_path: Path, strikes: list[tuple[str, str, web.Response]]) -> AsyncIterator[Place]:
    async with placed(tmp_path, "facebook", _strike(strikes)) as made:
        yield made


@pytest.fixture
async def own(tmp_path: Path, strikes: list[tuple[str, str, web.Response]]) -> AsyncIterator[Place]:
    async with placed(tmp_path, "instagram", _strike(strikes)) as made:
        yield made
