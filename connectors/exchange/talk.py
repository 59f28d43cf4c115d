"""How an exchange is spoken to: by ccxt's methods or calls of ours, anew by its own time if it objects to ours."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from connectors.base import CallRefused, Effect, Intent, NotNow, Operation, Scope
from connectors.exchange import keys, reading
from connectors.exchange.bridge import Doing, Left, Write, asked, content, send
from connectors.exchange.place import Place
from connectors.exchange.unsigned import Unsigned
from connectors.exchange.ways import CLOCK
from connectors.network import Rejected, Wire

T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Talk:
    """With one exchange, by ccxt's id of it."""

    name: str
    at: Place

    def operation(self, what: str) -> Operation:
        """A read, by what it is of: ``ticker``."""
        return Operation(f"{self.name}.{what}", Effect.READ, Scope.READ)

    async def ccxt(self, wire: Wire, what: str, method: str, *given: Any, **more: Any) -> Any:
        """What one of ccxt's methods reads."""
        doing = Doing(wire, self.operation(what))
        return await self._timed(wire, lambda: asked(self.at.bridge, doing, method, *given, **more))

    async def read(self, wire: Wire, what: str, call: Unsigned) -> Any:
        """What one call reads."""

        async def act() -> Any:
            return content(await send(self.at.bridge, wire, self.operation(what), call))

        return await self._timed(wire, act)

    async def sent(self, wire: Wire, call: Unsigned, operation: Operation, intent: Intent | None) -> httpx.Response:
        """The answer to a write that is ours."""
        return await self._timed(wire, lambda: send(self.at.bridge, wire, operation, call, intent))

    async def written(self, wire: Wire, write: Callable[[], Write], method: str, *given: Any) -> httpx.Response:
        """The answer to a write that ccxt shapes."""

        async def act() -> httpx.Response:
            try:
                await asked(self.at.bridge, Doing(wire, self.operation("order.before"), write()), method, *given)
            except Left as left:
                if left.answer is not None:
                    return left.answer
                raise
            raise CallRefused(f"{self.at.title}: {method} sent nothing")

        try:
            return await self._timed(wire, act)
        except Rejected as no:  # ccxt's own objection, before anything was sent
            raise CallRefused(no.reason) from no

    async def _timed(self, wire: Wire, act: Callable[[], Awaitable[T]]) -> T:
        """Do it again by the exchange's own time, if it objected to ours; nothing happened then."""
        try:
            return await act()
        except NotNow as no:
            if CLOCK not in no.why:
                raise
        await self.measure(wire)
        return await act()

    async def measure(self, wire: Wire) -> None:
        """Note how far our clock is ahead of the exchange's, by half the way there and back."""
        at = self.at
        if not at.bridge.has.get("fetchTime"):
            return
        before = wire.now()
        theirs = reading.instant(await asked(at.bridge, Doing(wire, self.operation("time")), "fetch_time"))
        if theirs is not None:
            at.clock.ahead = before + (wire.now() - before) / 2 - theirs
            if wrong := keys.skewed(at.title, at.clock.ahead):
                log.warning("%s", wrong)
