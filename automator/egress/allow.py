"""Allow: where a call may go and what it may do. A refusal is an event in the ledger."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

import httpx

from automator.clock import Clock, micros
from automator.db import Writer
from automator.egress.call import Call, call_of
from automator.ledger import chain
from connectors.base import LOOPBACK, CallRefused, Scope
from connectors.registry import trades
from connectors.venue import moves_money

DENIED = ("withdraw", "transfer")  #: no operation with one of these words in its name ever leaves
#: nor any call to one of these, whatever it is called: Binance, Kraken, Bybit, OKX, Coinbase, Alpaca; at an exchange
#: ``moves_money`` as well, which in other places may be words of a file's name
DENIED_PATHS = re.compile(
    r"/sapi/v\d+/.*(?:withdraw|transfer)|/0/private/(?:Withdraw|WalletTransfer|AccountTransfer)"
    r"|/v5/asset/(?:withdraw|transfer)|/api/v5/(?:asset|fiat)/.*(?:withdraw|transfer)"
    r"|/v2/accounts/[^/]+/(?:transactions|withdrawals)|/brokerage/portfolios/move_funds|/v2/(?:wallets|tokenization)/",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a call may not leave; for a person."""

    why: str


def origin(url: httpx.URL) -> str:
    """Scheme, host and port, the default port left out."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def judge(call: Call, url: httpx.URL) -> Denied | None:
    """Whether a call may leave. Pure."""
    operation, account = call.operation, call.account
    if any(word in operation.name.lower() for word in DENIED):
        return Denied(f"{operation.name} moves money out, which Automator never does")
    if DENIED_PATHS.search(url.path) or (moves_money(url.path) and trades(account.provider.name)):
        return Denied(f"{url.path} moves money out, which Automator never does")
    if operation.scope not in account.scopes:
        return Denied(unallowed(account.name, operation.scope))
    if url.userinfo:
        return Denied("an address with a user name or password in it would put them on the record")
    if url.scheme != "https" and url.host not in LOOPBACK:
        return Denied(f"{origin(url)} is not https, and keys go only over https")
    if origin(url) not in account.provider.origins:
        return Denied(f"{origin(url)} is not a place of {account.provider.name}")
    return None


def unallowed(account: str, scope: Scope) -> str:
    """Why an account does not do what it was not allowed to, for a person."""
    return f"{account} is not allowed to {scope}; allow it with the account's scopes"


def note(tx: sqlite3.Connection, call: Call, why: str, at: int) -> None:
    """Put on the record that a call was refused."""
    said = {"what": "refused", "why": why, "actor": call.actor, "cause": dict(call.cause)}
    chain.append(tx, "event", at, said, account=call.account.name, operation=call.operation.name)


class Allow(httpx.AsyncBaseTransport):
    """Lets a call pass, or refuses it on the record."""

    def __init__(self, inner: httpx.AsyncBaseTransport, writer: Writer, clock: Clock) -> None:
        self._inner = inner
        self._writer = writer
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass on, or raise ``CallRefused``."""
        call = call_of(request)
        denied = judge(call, request.url)
        if denied is None:
            return await self._inner.handle_async_request(request)
        at = micros(self._clock.now())
        await self._writer.run(lambda tx: note(tx, call, denied.why, at))
        raise CallRefused(denied.why)

    async def aclose(self) -> None:
        await self._inner.aclose()
