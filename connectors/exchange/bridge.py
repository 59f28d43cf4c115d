"""The bridge: ccxt shapes and reads what exchanges say, and everything it wants to send goes through the one way out.

It overrides the one coroutine through which all of ccxt's calls pass (``fetch2``); ccxt's own sessions, waits and
retries are not used. ccxt catches ``Exception`` in places, so what must reach the caller travels as ``Left``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any

import httpx

from connectors.answer import trusted
from connectors.base import CallRefused, Intent, Operation
from connectors.exchange.unsigned import Unsigned
from connectors.network import Rejected, Wire
from connectors.venue import moves_money

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SAID = 200  #: characters of what an exchange or ccxt says that a person is shown
#: where ccxt may show orders: its methods, by their names in what it says that an exchange has
LISTS = {
    "fetchOpenOrders": "fetch_open_orders",
    "fetchClosedOrders": "fetch_closed_orders",
    "fetchOrders": "fetch_orders",
    "fetchCanceledOrders": "fetch_canceled_orders",
}
#: headers by which ccxt would name itself as the one who referred
BROKER = frozenset(
    {
        *("referer", "referrer", "source", "broker-id", "broker_sign", "input-source", "apca-partner-id"),
        *("kc-api-partner", "kc-api-partner-sign", "kc-api-partner-verify", "x-bb-api-platform"),
        *("x-channel-api-code", "x-gate-channel-id", "x-source-key"),
    }
)
REFERRED = "broker_id"  #: the same among what is asked

OWN = frozenset({"host", "content-length", "content-type"})  #: headers that a request has of itself


class Left(BaseException):
    """What a call came to, on its way out of ccxt: an error of the wire's, or the answer to a write."""

    def __init__(self, *, error: Exception | None = None, answer: httpx.Response | None = None) -> None:
        self.error = error
        self.answer = answer
        super().__init__()


@dataclass
class Write:
    """The one call that a write may make.

    Attributes:
        operation: Its operation; all other calls on the way to it are reads.
        wrong: What is wrong with a call as this write, in one sentence; empty if nothing is; ``None``: it is another.
        sent: It was made.
    """

    operation: Operation
    intent: Intent | None
    wrong: Callable[[Unsigned], str | None]
    sent: bool = False


@dataclass(frozen=True)
class Doing:
    """What ccxt was asked for, whatever calls it makes of it."""

    wire: Wire
    reading: Operation
    write: Write | None = None


_doing: ContextVar[Doing] = ContextVar("automator_exchange_doing")


@dataclass
class Clock:
    """The time at the exchange, as far as it is known.

    Attributes:
        now: The engine's clock.
        ahead: How far ours is ahead of the exchange's.
        last: The last nonce that was given out, in microseconds.
    """

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    ahead: timedelta = timedelta()
    last: int = 0

    def micros(self) -> int:
        """Microseconds since 1970 at the exchange."""
        return (self.now() - self.ahead - EPOCH) // timedelta(microseconds=1)

    def nonce(self) -> int:
        """More than any before, also of other processes: by our own clock, which they have in common."""
        self.last = max(self.last + 1, (self.now() - EPOCH) // timedelta(microseconds=1))
        return self.last


class Bridge:
    """Goes before ccxt's class of an exchange: ``type("Bridged", (Bridge, binance), {})``."""

    clock: Clock
    finer: bool  #: nonces are microseconds: an exchange that wants them to rise gets no two in a millisecond
    address: Callable[[Unsigned], str]  #: where a call goes, without what is asked
    learns: Callable[[Unsigned, Any], None]

    async def fetch2(
        self,
        path: str,
        api: list[str] | tuple[str, ...] = ("public",),
        method: str = "GET",
        params: Any = None,
        config: Any = None,
    ) -> Any:
        """Send an unsigned call; returns what ccxt takes for an answer: JSON."""
        doing = _doing.get()
        asked, given = config or {}, {} if params is None else params
        if isinstance(given, dict) and REFERRED in given:
            given = {name: value for name, value in given.items() if name != REFERRED}
        cost: float = self.calculate_rate_limiter_cost(api, method, path, given, asked)  # type: ignore[attr-defined]
        call = Unsigned((api,) if isinstance(api, str) else tuple(api), path, method, given, cost)
        try:
            write = admitted(doing, call)
            if write is None:
                body = content(await send(self, doing.wire, doing.reading, call))
                self.learns(call, body)
                return body
            answer = await send(self, doing.wire, write.operation, call, write.intent)
        except Exception as error:
            raise Left(error=error) from error
        raise Left(answer=answer)

    async def load_markets(self, reload: bool = False, params: Any = None) -> Any:
        """What is loaded; ccxt's own would keep a failure, and join callers of different accounts."""
        held = getattr(self, "markets", None)
        return held if held and not reload else await self.load_markets_helper(True, params or {})  # type: ignore[attr-defined]

    async def throttle(self, cost: Any = None) -> None:
        """Nothing: the egress has all budgets."""

    def open(self, lazy: bool = False) -> None:
        """Nothing: there are no sessions."""

    async def fetch(self, url: str, method: str = "GET", *_: Any) -> Any:
        """Refused: it would pass by the record."""
        raise Left(error=CallRefused(f"{method} {url.partition('?')[0]} was not sent: it would pass by the record"))

    def milliseconds(self) -> int:
        return self.clock.micros() // 1000

    def microseconds(self) -> int:
        return self.clock.micros()

    def seconds(self) -> int:
        return self.clock.micros() // 1_000_000

    def incrementing_nonce(self) -> int:
        return self.clock.nonce() if self.finer else int(super().incrementing_nonce())  # type: ignore[misc]


def admitted(doing: Doing, call: Unsigned) -> Write | None:
    """The write that a call is, or ``None`` for a read.

    Raises:
        CallRefused: it is neither, or it was made already.
    """
    name = f"{call.method} {call.path}"
    if moves_money(call.path):
        raise CallRefused(f"{name} moves money out, which Automator never does")
    write = doing.write
    if write is None:
        return None
    wrong = write.wrong(call)
    if wrong is None:
        if call.reads:
            return None
        raise CallRefused(f"{name} is no call that {write.operation.name} makes; nothing was sent")
    if wrong:
        raise CallRefused(wrong)
    if write.sent:
        raise CallRefused(f"{write.operation.name} was sent; {name} would be a second time")
    write.sent = True
    return write


async def send(
    bridge: Any, wire: Wire, operation: Operation, call: Unsigned, intent: Intent | None = None
) -> httpx.Response:
    """Send one call as an operation."""
    bridge.clock.now = wire.now
    return await wire.request(operation, call.method, bridge.address(call), intent=intent, json=call.said())


def content(answer: httpx.Response) -> Any:
    """What an accepted answer to a read says.

    Raises:
        Rejected: the exchange said no.
        NotNow: the exchange is in trouble, which says nothing of what was asked: ask again later.
    """
    trusted(answer)
    return answer.json()


async def asked(bridge: Any, doing: Doing, method: str, *given: Any, **more: Any) -> Any:
    """Have ccxt do what one of its methods does.

    Raises:
        Left: with the answer to a write.
        Rejected: the exchange said no, or ccxt did, or what was answered makes no sense.
    """
    token = _doing.set(doing)
    bridge.clock.now = doing.wire.now
    try:
        return await getattr(bridge, method)(*given, **more)
    except Left as left:
        if left.error is not None:
            raise left.error from None
        raise
    except Exception as error:
        raise Rejected(spoken(bridge, error)) from error
    finally:
        _doing.reset(token)


#: what reading an answer in no known form comes to
ODD = (AttributeError, TypeError, KeyError, IndexError, ValueError, ArithmeticError)


def spoken(bridge: Any, error: Exception) -> str:
    """What ccxt objects to, in one sentence; of a mistake in it, the kind alone."""
    if isinstance(error, errors().BaseError):
        return f"{bridge.name}: {str(error).removeprefix(bridge.id).strip()[:SAID]}"
    return f"what {bridge.name} answered can't be read ({type(error).__name__})"


@cache
def errors() -> Any:
    """The exceptions of ccxt."""
    return import_module("ccxt.base.errors")


def made(exchange: str, config: Mapping[str, Any], clock: Clock, *, finer: bool) -> Any:
    """A bridged exchange of ccxt's, by its id."""
    theirs = getattr(import_module(f"ccxt.async_support.{exchange}"), exchange)
    settings = {"enableRateLimit": False, "number": str, **config}
    bridged = type("Bridged", (Bridge, theirs), {"clock": clock, "finer": finer})(settings)
    for side in ("Buy", "Sell"):  # ccxt's own methods for orders by an amount of the quote asset fail without these
        bridged.options.setdefault(f"createMarket{side}OrderRequiresPrice", True)
    bridged.headers = {name: value for name, value in bridged.headers.items() if name.lower() not in BROKER}
    return bridged


def spot_only(bridge: Any, *, currencies: bool) -> None:
    """Have ccxt load spot markets and nothing else, on whichever exchange: each other list is a call that can fail.

    ``currencies``: the list of currencies is loaded too, where ccxt takes something of the markets from there.
    """
    if not currencies:
        bridge.has = {**bridge.has, "fetchCurrencies": False}
    said = bridge.options.get("fetchMarkets")
    kinds = said.get("types") if isinstance(said, dict) else said
    if not isinstance(kinds, dict | list) or "spot" not in kinds:
        return
    spot: Any = {name: name == "spot" for name in kinds} if isinstance(kinds, dict) else ["spot"]
    bridge.options["fetchMarkets"] = {**said, "types": spot} if isinstance(said, dict) else spot


def signed(bridge: Any, call: Unsigned, request: httpx.Request, secrets: Mapping[str, str]) -> httpx.Request:
    """The call that a request holds, signed now, byte for byte as ccxt signed it; ``secrets`` by ccxt's names.

    Raises:
        CallRefused: the keys can't sign it.
    """
    for name, value in secrets.items():
        setattr(bridge, name, value)
    try:
        said = bridge.sign(call.path, list(call.sections), call.method, call.params)
    except Exception as error:  # noqa: BLE001 - ccxt raises what it likes
        # what a key has to do with it is not for anyone's eyes
        raise CallRefused(f"{bridge.name}: these keys can't sign a call ({type(error).__name__})") from None
    finally:
        for name in secrets:
            setattr(bridge, name, None)
    more = {**(bridge.headers or {}), **(said.get("headers") or {})}
    theirs = {name.lower() for name in more}  # said once: twice, some servers refuse it
    kept = {name: value for name, value in request.headers.multi_items() if name not in OWN and name not in theirs}
    headers = kept | {name: str(value) for name, value in more.items() if name.lower() not in BROKER}
    url = request.url if said["url"] == str(request.url) else said["url"]  # to read one costs as much as to sign
    made_ = httpx.Request(said["method"], url, headers=headers, content=said.get("body"))
    target = said["url"].split("://", 1)[1].partition("/")
    made_.extensions["target"] = (target[1] + target[2] or "/").encode()
    return made_
