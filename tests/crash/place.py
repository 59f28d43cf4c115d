"""An installation and a sandbox of its own, in processes that can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from automator import accounts, failpoints
from automator.__main__ import main
from automator.db import connect
from automator.engine import Engine
from automator.home import Home
from automator.posting.posts import Listed, NewDelivery, listed, plan, resolve_send_again, resolve_there
from automator.vault.choose import own_file
from connectors.post import Part
from tests.children import Child
from tests.sandboxed import ROOT, read, sandbox

PATHS = {"x": "/2/tweets", "bluesky": "com.atproto.repo.putRecord"}
AT = PATHS | {"instagram": "/media_publish"}  #: where faults strike
SETTLE = 0.1  #: seconds; the sandbox shows at once what it has taken
Parts = tuple[Part, ...]
THREAD = (Part("First part."), Part("Second part."))


class Place:
    """A fresh installation on a sandbox of its own, with a thread of two parts planned for now."""

    def __init__(  # noqa: PLR0913 - what may differ
        self,
        folder: Path,
        provider: str,
        fault: str | None = None,
        *,
        lists_lag: float = 0,
        parts: Parts = THREAD,
        skip: int = 0,
        chosen: Mapping[str, str] | None = None,
    ) -> None:
        self.chosen = chosen
        self.parts = parts
        self.folder, self.provider, self.account = folder, provider, f"{provider}/brand"
        faults = [{"path": AT.get(provider, ""), "fault": fault, "skip": skip}] if fault else []
        (folder / "faults.json").write_text(json.dumps(faults))
        self.state = folder / "sandbox"
        options = ("--faults", str(folder / "faults.json"), "--lists-lag", str(lists_lag))
        self.server = ExitStack()
        self.server.enter_context(sandbox(self.state, *options))
        self.home = Home(folder / "home")
        self.home.prepare()
        config = f'[vault]\nkind = "file"\n[posting]\nsettle_seconds = {SETTLE}\n'
        (self.home.path / "config.toml").write_text(config + (self.state / "media.toml").read_text())
        asyncio.run(self._plan())

    def engine(self) -> Engine:
        store = own_file(self.home.path)
        return Engine(self.home, store)

    async def _plan(self) -> None:
        given = read(self.state, "accounts")[self.account]
        async with self.engine() as engine:
            await engine.connect(accounts.fresh(self.account, given["base_url"], chosen=self.chosen), given["secrets"])
            now = datetime.now(UTC)
            thread = NewDelivery(self.account, self.parts, now, "UTC", "", "identity")
            await engine.writer.run(lambda tx: plan(tx, [thread], now, source="test"))

    def worker(self, failpoint: str | None = None) -> Child:
        return self.command("run-due", "--wait", "20", failpoint=failpoint)

    def command(self, *arguments: str, failpoint: str | None = None) -> Child:
        return Child(main, *arguments, environment=self._environment(failpoint))

    @contextmanager
    def program(
        self, *arguments: str, failpoint: str | None = None, given: str = ""
    ) -> Iterator[subprocess.Popen[str]]:
        """The same, started as a user starts it; none is left at the end of the block."""
        command, environment = [sys.executable, "-m", "automator", *arguments], self._environment(failpoint)
        pipe = subprocess.PIPE
        stdin = pipe if given else None
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=stdin, stdout=pipe, text=True) as started:
            if started.stdin is not None:
                started.stdin.write(given)
                started.stdin.close()
            try:
                yield started
            finally:
                started.kill()

    def _environment(self, failpoint: str | None) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if name != failpoints.VARIABLE}
        environment["AUTOMATOR_HOME"] = str(self.home.path)
        return environment | ({failpoints.VARIABLE: failpoint} if failpoint else {})

    def ended(self) -> tuple[str, list[str]]:
        """How the delivery ended, and the texts that the world sees."""
        return self.delivery().state, [post["text"] for post in self.world()]

    def world(self) -> list[dict[str, Any]]:
        """What the world sees."""
        return list(read(self.state, "world")[self.provider])

    def delivery(self) -> Listed:
        """The one delivery, as it stands."""
        connection = connect(self.home.database, readonly=True)
        (post,) = listed(connection)
        connection.close()
        return post

    def settle(self) -> None:
        """A person looks, and says of each part whether it is there, until nothing is open."""
        while (post := self.delivery()).state == "unconfirmed":
            missing = self.world()[len(post.results) :]
            asyncio.run(self._answer(post.id, missing[0]["id"] if missing else None))

    async def _answer(self, delivery: str, there: str | None) -> None:
        async with self.engine() as engine:
            now = engine.clock.now()
            result = engine.session(self.account, {})[1].read_link(there) if there else None
            if result is not None:
                put = partial(resolve_there, delivery=delivery, result=result, now=now, actor="test")
            else:
                put = partial(resolve_send_again, delivery=delivery, now=now, actor="test")
            assert await engine.writer.run(put)
        await self._work()

    def work(self) -> None:
        """Do all that falls due soon, in this process."""
        asyncio.run(self._work())

    async def _work(self) -> None:
        async with self.engine() as engine:
            await engine.worker.run_due(engine.clock.now() + timedelta(seconds=20))

    def close(self) -> None:
        self.server.close()
