"""Playing cases on a twin: each in an installation and a world of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from automator import accounts, failpoints
from automator.check.finding import Finding, told
from automator.check.made import parts as parts_of
from automator.check.undo import undone
from automator.clock import SystemClock
from automator.engine import Engine
from automator.home import Home
from automator.intentions import load
from automator.ledger import chain, query
from automator.posting import posts
from automator.posting.amend import amend
from automator.posting.posts import Listed, NewDelivery, listed
from automator.sandbox.faults import Fault
from automator.sandbox.server import Sandbox
from automator.vault.choose import own_file
from connectors.base import CallRefused, NotNow
from connectors.cases import Case, Expect
from connectors.network import Rejected
from connectors.post import Part

CONFIG = '[vault]\nkind = "file"\n[posting]\nsettle_seconds = 0.2\n'
SOON = timedelta(minutes=10)  #: what is put off for longer has not ended
PATIENCE = 60.0  #: seconds for a process that is to be killed


class Hurried(SystemClock):
    """The machine's time plus whatever was slept: waits pass at once."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def boottime(self) -> float:
        return super().boottime() + self._ahead.total_seconds()

    async def sleep(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def cases(provider: str) -> tuple[Case, ...]:
    """The cases of a connector."""
    found: tuple[Case, ...] = import_module(f"connectors.{provider}.cases").CASES
    return found


class Seen(NamedTuple):
    """A post as the world sees it: its text, and what stands with each of its files for people who can't see it."""

    text: str
    alts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """Where cases are played.

    Attributes:
        secrets: The keys of an account there.
        seen: All posts that the account shows, oldest first.
        settings: Lines of config.toml that it needs.
    """

    base_url: str
    secrets: Mapping[str, str]
    seen: Callable[[], list[Seen]]
    settings: str = ""


@dataclass
class World:
    """A server, and an installation that nobody has used. ``before``: what was shown when the case began."""

    home: Home
    account: str
    engine: Engine
    server: Server
    before: Counter[Seen]

    def shown(self) -> list[Seen]:
        """What the world sees because of the case, oldest first."""
        left, found = Counter(self.before), list[Seen]()
        for post in self.server.seen():
            if left[post]:
                left[post] -= 1
            else:
                found.append(post)
        return found


@asynccontextmanager
async def twin(provider: str, faults: list[Fault]) -> AsyncIterator[Server]:
    """A provider's twin that nobody has used."""
    with tempfile.TemporaryDirectory(prefix="automator-twin-") as folder:
        # waits pass at once here, but not at the twin
        box = Sandbox(Path(folder), faults, only=frozenset({provider}), works_for=timedelta())
        given = (await box.start())[f"{provider}/brand"]

        def seen() -> list[Seen]:
            return [Seen(str(post["text"]), tuple(post.get("alts", ()))) for post in box.world()[provider]]

        try:
            yield Server(given["base_url"], given["secrets"], seen, box.settings())
        finally:
            await box.stop()


@asynccontextmanager
async def world(provider: str, server: Server) -> AsyncIterator[World]:
    """An installation for one case."""
    with tempfile.TemporaryDirectory(prefix="automator-check-") as folder:
        home, account = Home(Path(folder) / "home"), f"{provider}/brand"
        home.prepare()
        home.config.write_text(f"{CONFIG}{server.settings}", encoding="utf-8")
        async with opened(home) as engine:
            await engine.connect(accounts.fresh(account, server.base_url), server.secrets)
            yield World(home, account, engine, server, Counter(server.seen()))


@asynccontextmanager
async def opened(home: Home) -> AsyncIterator[Engine]:
    """An engine whose waits pass at once."""
    store = own_file(home.path)
    async with Engine(home, store, clock=Hurried()) as engine:
        yield engine


async def play(provider: str, case: Case) -> Finding:
    """Play a case on a twin of its own; its trouble begins when the account is connected."""
    faults: list[Fault] = []
    async with twin(provider, faults) as server, world(provider, server) as there:
        faults.extend(Fault.model_validate(asdict(item)) for item in case.trouble)
        return await played(there, case)


async def played(there: World, case: Case) -> Finding:
    """Publish what the case says, as the service would, and compare how it ended."""
    began = time.monotonic()
    made = parts_of(case, there.home.path)
    before = chain.head(there.engine.reader)[0]
    network = there.engine.session(there.account, {})[1]
    problems = [found for found in network.check(made) if not found.warning]
    if problems:
        received = f"refused: {problems[0].field}: {problems[0].what}"
        return _finding(case, Expect.REFUSED, received, (), began)
    delivery = await _planned(there, made)
    if case.killed_at and not await _killed(there.home, case.killed_at):
        return _finding(case, None, f"the process never came by {case.killed_at}", sent(there, before), began)
    await there.engine.worker.run_due(there.engine.clock.now() + SOON)
    (post,) = listed(there.engine.reader, delivery=delivery)
    end, received = await _ended(there, case, post, made)
    return _finding(case, end, received, sent(there, before), began)


def _finding(case: Case, end: Expect | None, received: str, calls: tuple[str, ...], began: float) -> Finding:
    return Finding(case, calls, case.expect.value, received, end is case.expect, time.monotonic() - began)


async def _planned(there: World, made: tuple[Part, ...]) -> str:
    now = there.engine.clock.now()
    wanted = NewDelivery(there.account, made, now, "UTC", "", secrets.token_hex(8))
    (delivery,) = await there.engine.writer.run(lambda tx: posts.plan(tx, [wanted], now, source="check"))
    return delivery


async def _killed(home: Home, point: str) -> bool:
    """Let another process work on it, and be killed."""
    command = [sys.executable, "-m", "automator", "run-due", "--home", str(home.path)]
    environment = {**os.environ, failpoints.VARIABLE: point}
    child = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    try:
        return await asyncio.wait_for(child.wait(), PATIENCE) == -9  # noqa: PLR2004 - SIGKILL, as failpoints say
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()


async def _ended(there: World, case: Case, post: Listed, made: tuple[Part, ...]) -> tuple[Expect | None, str]:
    shown, wanted = there.shown(), _wanted(there, made)
    if doubled := sorted({one for one in shown if shown.count(one) > max(1, wanted.count(one))}):
        return None, f"{doubled[0].text!r} is shown {shown.count(doubled[0])} times"
    match post.state:
        case "unconfirmed":
            return Expect.UNCONFIRMED, f"unconfirmed: {post.reason}"
        case "failed":
            end = Expect.REJECTED if not shown else None
            return end, f"failed: {post.reason}"
        case "done" if shown != wanted:
            return None, f"done, but shown is {_written(shown)}"
        case "done":
            then = {Expect.GONE: _taken_down, Expect.CHANGED: _changed}.get(case.expect, _read_back)
            return await then(there, post)
        case _:
            return None, f"{post.state}: {post.reason}"


def _wanted(there: World, made: tuple[Part, ...]) -> list[Seen]:
    """What must be shown; no text stands with a file where the network has none."""
    network, found = there.engine.session(there.account, {})[1], []
    for part in made:
        takes = network.takes(part.form)
        limits = [takes.limits(media) if takes else None for media in part.media]
        alts = (media.alt if of and of.alt != 0 else "" for media, of in zip(part.media, limits, strict=True))
        found.append(Seen(part.text, tuple(alts)))
    return found


def _written(shown: list[Seen]) -> str:
    """Texts, and what is with them, for a person."""
    return repr([list(one) if one.alts else one.text for one in shown])


def _plans(there: World, post: Listed) -> list[Mapping[str, Any]]:
    """What was frozen, part by part."""
    stored = (load(there.engine.reader, f"{post.id}/{number}/0") for number in range(len(post.parts)))
    return [intention.plan for intention in stored if intention is not None]


async def _read_back(there: World, post: Listed) -> tuple[Expect | None, str]:
    session, network = there.engine.session(there.account, {"command": "check"})
    for plan, result in zip(_plans(there, post), post.results, strict=True):
        found = await network.find(session, plan)
        if found is None or any(found[name] != result[name] for name in found.keys() & result.keys()):
            return None, f"done as {dict(result)!r}, but the provider finds {found!r}"
    return Expect.PUBLISHED, "published once, and read back"


async def _changed(there: World, post: Listed) -> tuple[Expect | None, str]:
    other = tuple(replace(part, text=f"{part.text} Changed.") for part in post.parts)
    try:
        await amend(there.engine, post, other)
    except (Rejected, NotNow, CallRefused) as error:
        return None, f"published, but not changed: {error}"
    if (shown := there.shown()) != _wanted(there, other):
        return None, f"changed, but shown is {_written(shown)}"
    return Expect.CHANGED, "published, changed, and shown so"


async def _taken_down(there: World, post: Listed) -> tuple[Expect | None, str]:
    session, network = there.engine.session(there.account, {"command": "check"})
    if why := await undone(network, session, post.id, post.results, _plans(there, post)):
        return None, why
    if left := there.shown():
        return None, f"taken down, but shown is {_written(left)}"
    return Expect.GONE, "published, taken down, and gone"


def sent(there: World, after: int) -> tuple[str, ...]:
    """The calls that were recorded after the entry with this number."""
    return told(query.after(there.engine.reader, after, there.account))
