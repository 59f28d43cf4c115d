"""The installation of a soak, the exchange beside it, and the two services that work on it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import Any

from automator import accounts, failpoints
from automator.cli.bots import SECRET
from automator.db import connect
from automator.engine import Engine
from automator.home import Home
from automator.trading import bots, orders
from automator.vault.choose import own_file
from connectors.base import Scope
from tests.children import Child
from tests.soak import exchange, program
from tests.soak.balance import There
from tests.soak.bots import twenty

KEY = "a secret of the soak's signals"
KILLED = -signal.SIGKILL
PATIENCE = 60.0
POLL = 0.02
POINTS = (*failpoints.POINTS, *failpoints.RUN, *failpoints.ORDER, *failpoints.BOT)


class Place:
    """A fresh installation with three accounts and twenty bots that run."""

    def __init__(self, folder: Path, seed: int, seconds: float) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if name != failpoints.VARIABLE}
        arguments = (str(folder), str(seed), str(seconds))
        self.exchange = Child(exchange.main, *arguments, environment=self.environment)
        said = folder / "exchange.json"
        wait_for(said.exists, lambda: "the exchange does not serve")
        given = json.loads(said.read_text())
        self.url: str = given["url"]
        self.home = Home(folder / "home")
        self.home.prepare()
        self.home.config.write_text('[vault]\nkind = "file"\n')
        self.environment |= {"AUTOMATOR_HOME": str(self.home.path), program.VARIABLE: str(folder / "log")}
        asyncio.run(self._furnish(given["secrets"], seed))

    async def _furnish(self, secrets: Mapping[str, Mapping[str, str]], seed: int) -> None:
        async with Engine(self.home, own_file(self.home.path)) as engine:
            for handle, keys in secrets.items():
                name = f"binance/{handle}"
                await engine.connect(accounts.fresh(name, self.url, (Scope.READ, Scope.TRADE)), keys)
            now = engine.clock.now()
            for bot in twenty(self.folder, seed):
                await engine.writer.run(lambda tx, new=bot: bots.add(tx, new, now, actor="user"))
                await engine.writer.run(lambda tx, new=bot: bots.start(tx, new.name, now, actor="user"))
                if bot.kind == "signal":
                    engine.store.put(f"bot/{bot.name}", SECRET, {"secret": KEY})

    def begin(self) -> None:
        """From now on things go wrong."""
        (self.folder / "begin").touch()

    def service(self, failpoint: str = "") -> Child:
        """`automator serve`, which ends itself at a failpoint."""
        environment = self.environment | ({failpoints.VARIABLE: failpoint} if failpoint else {})
        return Child(program.main, "serve", environment=environment)

    def command(self, *arguments: str) -> Child:
        """A command of the user's."""
        return Child(program.main, *arguments, environment=self.environment)

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        with closing(connect(self.home.database, readonly=True)) as connection:
            yield connection

    def running(self) -> dict[str, bool]:
        """By bot: whether it runs."""
        with self.reader() as reader:
            return {bot.name: bot.state is bots.State.RUNNING for bot in bots.listed(reader)}

    def left_orders(self, name: str) -> bool:
        """Whether orders of a bot may still be filled."""
        with self.reader() as reader:
            return bool(orders.standing(reader, owner=name))

    def told(self) -> dict[str, int]:
        """By bot: the number of the last thing that it must hear of: of the orders that it placed since it was started."""
        query = (
            "SELECT n.id, o.tag FROM order_news n JOIN ordered o ON o.id = n.ordered WHERE n.owner = ? ORDER BY n.id"
        )
        with self.reader() as reader:
            return {
                bot.name: max(
                    (id_ for id_, tag in reader.execute(query, (bot.name,)) if bot.own_tag(tag) is not None), default=0
                )
                for bot in bots.listed(reader)
            }

    def behind(self, told: Mapping[str, int]) -> list[str]:
        """The bots that run and have not heard so much."""
        with self.reader() as reader:
            all_ = [bot for bot in bots.listed(reader) if bot.state is bots.State.RUNNING]
            return [f"{bot.name} {bots.waits(reader, bot)}" for bot in all_ if bot.news < told.get(bot.name, 0)]

    def ask(self, path: str, body: Any = None) -> Any:
        """The exchange, past the product."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"{self.url}/inspect/{path}", data) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def there(self) -> There:
        """What it has."""
        return There(self.ask("orders"), self.ask("accounts"))

    def unforeseen(self) -> list[str]:
        """What the services and commands complained of that nobody had foreseen."""
        lines = (self.folder / "log").read_text().splitlines()
        return sorted({line for line in lines if "unforeseen" in line or "Error" in line})

    def close(self) -> None:
        self.exchange.terminate()
        assert self.exchange.wait() == 0


class Services:
    """Two of them; one that ends is begun anew, and must have ended because it was killed."""

    def __init__(self, place: Place, random: Random) -> None:
        self._place, self._random = place, random
        self.all = [place.service() for _ in range(2)]
        self._wakes: dict[int, float] = {}  #: by pid: when a stopped one goes on
        self.count: Counter[str] = Counter()

    def kill(self) -> None:
        """One of them, whatever it does just now, stopped or not."""
        self._random.choice(self.all).kill()

    def stop(self) -> None:
        """One of them goes on only after a while."""
        one = self._random.choice(self.all)
        if one.pid not in self._wakes and one.poll() is None:
            one.send_signal(signal.SIGSTOP)
            self._wakes[one.pid] = time.monotonic() + self._random.uniform(0.1, 5)
            self.count["stopped"] += 1

    def mend(self, *, doomed: bool = True) -> None:
        """Wake those whose time it is, and begin anew those that ended; ``doomed``: half of them end at some point."""
        for number, one in enumerate(self.all):
            if one.pid in self._wakes and self._wakes[one.pid] < time.monotonic():
                del self._wakes[one.pid]
                one.send_signal(signal.SIGCONT)
            if (code := one.poll()) is None:
                continue
            assert code == KILLED, f"a service ended by itself, with {code}"
            self._wakes.pop(one.pid, None)
            self.count["killed"] += 1
            point = f"{self._random.choice(POINTS)}:KILL:{self._random.randrange(1, 300)}"
            self.all[number] = self._place.service(point if doomed and self._random.random() < 0.5 else "")

    def calm(self) -> None:
        """Nobody is killed any more: all go on, without a failpoint."""
        for one in self.all:
            one.kill()
            one.wait()
        self._wakes.clear()
        self.mend(doomed=False)

    def end(self) -> None:
        """As `Ctrl-C` ends them."""
        for one in self.all:
            one.terminate()
        for one in self.all:
            assert one.wait() == 0

    def abandon(self) -> None:
        """Leave none behind, whatever happened."""
        for one in self.all:
            one.kill()


def wait_for(what: Callable[[], bool], why: Callable[[], str], seconds: float = PATIENCE) -> None:
    """Until it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"{why()} after {seconds:g} s"
        time.sleep(POLL)
