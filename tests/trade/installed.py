"""An installation with one account at one exchange, served beside it, in the time that the test makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from aiohttp import web

from automator import accounts
from automator.engine import Engine
from automator.home import Home
from automator.sandbox.faults import Fault
from automator.trading import orders
from automator.trading.orders import Stored
from automator.vault.choose import own_file
from connectors.base import Scope
from tests.clocks import StillClock
from tests.trade.judge import There, judge


class Installed:
    """What a test does with it. ``patience``: seconds in which what is due is done."""

    patience: ClassVar[float] = 60

    def __init__(self, engine: Engine, clock: StillClock) -> None:
        self.engine, self.clock = engine, clock

    async def ended(self, order: str, seconds: float | None = None) -> Stored:
        """The order after everything that is due within so many seconds was done."""
        wait = self.patience if seconds is None else seconds
        await self.engine.worker.run_due(self.clock.now() + timedelta(seconds=wait))
        return self.stands(order)

    def stands(self, order: str) -> Stored:
        found = orders.load(self.engine.reader, order)
        assert found is not None
        return found


class AtTwin(Installed):
    """The same at a twin of the sandbox's, whose calls can be struck.

    Attributes:
        account: ``provider/name``.
        path: Where orders are put.
        named: What the twin calls an order's id of ours.
        posts: Its orders, past the product.
        read: One of them as it stands there.
    """

    patience = 120
    account: ClassVar[str]
    path: ClassVar[str]
    named: ClassVar[str]
    posts: ClassVar[Callable[[web.Application], Sequence[Mapping[str, Any]]]]
    read: ClassVar[Callable[[Mapping[str, Any]], There]]

    def __init__(self, engine: Engine, app: web.Application, clock: StillClock, faults: list[Fault]) -> None:
        super().__init__(engine, clock)
        self.app, self.faults = app, faults

    def strikes(self, fault: str, path: str = "", method: str = "POST") -> None:
        """What happens to the next call there."""
        self.faults.append(Fault(path=path or self.path, fault=fault, method=method))  # type: ignore[arg-type]

    async def judge(self) -> None:
        """After a look at the account, our books are the twin's, and it has every order once."""
        await self.engine.books.reconcile(self.account)
        seen = type(self).posts(self.app)
        sent = [one[self.named] for one in seen]
        assert max(Counter(sent).values(), default=1) == 1
        judge(self.engine.reader, {one[self.named]: type(self).read(one) for one in seen}, sent)


@asynccontextmanager
async def installed(  # noqa: PLR0913 - what is served, and who is connected
    folder: Path,
    app: web.Application,
    clock: StillClock,
    account: str,
    secrets: Mapping[str, str],
    *,
    scopes: Iterable[Scope] | None = None,
    chosen: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Engine]:
    """Serve it, and connect the account."""
    server = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", 0).start()
    home = Home(folder / "home")
    home.prepare()
    async with Engine(home, own_file(home.path), clock=clock) as engine:
        new = accounts.fresh(account, f"http://127.0.0.1:{server.addresses[0][1]}", scopes, chosen=chosen)
        await engine.connect(new, secrets)
        yield engine
    await server.cleanup()
