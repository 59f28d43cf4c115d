"""The sandbox: one loopback port for each provider's twin, and files that say what the world saw."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aiohttp import web

from automator.sandbox.faults import Fault, middleware
from connectors.exchange.twin import replay
from connectors.exchange.twin_world import Replay
from connectors.registry import package, providers, venues

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ACCOUNTS, WORLD, MEDIA = "accounts.json", "world.json", "media"
WORKING = ("processing", "working", "video_time")  #: what twins call the time that they work on a video
TRADING = "exchanges.json"  #: accounts at exchanges; what one of those saw it tells at its /inspect/orders
OF_CCXT = {"binance": "connectors.exchange.twin"}  #: twins of exchanges that have no folder of their own
SETTINGS = "media.toml"  #: lines for an installation's config.toml


@dataclass
class Sandbox:
    """Twins with one account each, called ``brand``.

    Attributes:
        state: A folder: accounts.json (addresses and generated keys, readable by its owner alone) is written when the
            sandbox starts, world.json whenever the world changes; what lies in ``media`` is shown to everybody.
        faults: What goes wrong.
        lists_lag: How long a new post is not in the provider's lists, where it reads posts from lists.
        clock_ahead: By how much the providers' clocks are ahead of this machine's.
        only: Which providers; all of them without. Accounts at exchanges are in exchanges.json; in accounts.json, and
            told by ``start``, are only those of exchanges that are named here.
        markets: What is traded at exchanges: files of candles by symbol; without, a market that is made up.
        speed: How fast those candles come in: 60 plays an hour in a minute. They are dated by the exchange's clock, the
            first as if it had closed just now.
        works_for: How long providers work on a video; without, as each twin has it.
    """

    state: Path
    faults: list[Fault] = field(default_factory=list)
    lists_lag: timedelta = timedelta()
    clock_ahead: timedelta = timedelta()
    only: frozenset[str] | None = None
    works_for: timedelta | None = None
    markets: Mapping[str, Path] = field(default_factory=dict)
    speed: float = 1.0
    media_url: str = ""  #: under which ``media`` is shown, once it serves
    _runners: list[web.AppRunner] = field(default_factory=list)
    _twins: dict[str, tuple[Any, web.Application]] = field(default_factory=dict)

    async def start(self, port: int = 0) -> dict[str, dict[str, Any]]:
        """Serve; returns accounts by name with ``base_url`` and ``secrets``. ``port`` is that of the first twin.

        Raises:
            ValueError: a market is not written like BTC/USDT, or its file can't be used; nothing is served.
        """
        accounts: dict[str, dict[str, Any]] = {}
        trading: dict[str, dict[str, Any]] = {}
        known = {name: path for name, path in _twins().items() if self.only is None or name in self.only}
        exchanges = OF_CCXT.keys() | set(venues())
        # read before anything is served; each goes through the candles in its own time
        traded = {name: self._replays() for name in known if name in exchanges}
        for number, (name, path) in enumerate(known.items()):
            module = import_module(path)
            app = self._exchange(module, traded[name]) if name in exchanges else module.twin(self._now)
            app.middlewares.insert(0, middleware(self.faults, name, getattr(module, "FAULTS", None)))
            if name not in exchanges:
                app.middlewares.insert(0, self._told())
            app.on_response_prepare.append(self._date)
            if hasattr(app[module.WORLD], "visible_after"):
                app[module.WORLD].visible_after = self.lists_lag
            for working in WORKING if self.works_for is not None else ():
                if hasattr(app[module.WORLD], working):
                    setattr(app[module.WORLD], working, self.works_for)
            secrets = module.add_account(app, module.HANDLE)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            self._runners.append(runner)
            await web.TCPSite(runner, "127.0.0.1", port + number if port else 0).start()
            base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            given = {f"{name}/brand": {"base_url": base_url, "secrets": secrets}}
            if name in exchanges:
                trading |= given
            if name not in exchanges or self.only is not None:
                accounts |= given
            if name not in exchanges:
                self._twins[name] = (module, app)
        (self.state / MEDIA).mkdir(parents=True, exist_ok=True, mode=0o700)
        await self._show_media(port + len(known) if port else 0)
        _write(self.state / ACCOUNTS, accounts)
        _write(self.state / TRADING, trading)
        (self.state / SETTINGS).write_text(self.settings(), encoding="utf-8")
        self._tell()
        return accounts

    def settings(self) -> str:
        """The lines of config.toml with which an installation uses this sandbox's media host."""
        return (
            f'[media]\nkind = "folder"\nfolder = "{self.state.absolute() / MEDIA}"\npublic_url = "{self.media_url}"\n'
        )

    def _replays(self) -> tuple[Replay, ...]:
        return tuple(replay(symbol, path) for symbol, path in self.markets.items())

    def _exchange(self, module: Any, replays: tuple[Replay, ...]) -> Any:
        known = {"known": 1} if replays else {}  # a file is played from its beginning
        return module.twin(self._now, replays, speed=self.speed, **known)

    async def _show_media(self, port: int) -> None:
        app = web.Application()
        app.router.add_static("/", self.state / MEDIA)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.media_url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def stop(self) -> None:
        """End all servers."""
        for runner in self._runners:
            await runner.cleanup()

    def world(self) -> dict[str, list[dict[str, Any]]]:
        """What the world sees: posts by provider, oldest first."""
        return {name: module.posts(app) for name, (module, app) in self._twins.items()}

    def _now(self) -> datetime:
        return datetime.now(UTC) + self.clock_ahead

    async def _date(self, _: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["date"] = format_datetime(self._now(), usegmt=True)

    def _tell(self) -> None:
        _write(self.state / WORLD, self.world())

    def _told(self) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
        @web.middleware
        async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                return await handler(request)
            finally:
                if request.method != "GET":
                    self._tell()

        return tell


def _twins() -> dict[str, str]:
    """The modules of all twins, by provider; those of exchanges come last."""
    own = {name: f"{package(name)}.twin" for name in (*providers(), *venues())}
    networks = {name: path for name, path in own.items() if name in providers() and find_spec(path)}
    return networks | OF_CCXT | {name: path for name, path in own.items() if name in venues() and find_spec(path)}


def _write(path: Path, content: Any) -> None:
    fresh = path.with_suffix(".new")
    file = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(file, "w", encoding="utf-8") as out:
        json.dump(content, out, ensure_ascii=False, indent=1)
    fresh.replace(path)
