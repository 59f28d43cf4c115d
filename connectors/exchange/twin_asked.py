"""What a request to the stand-in for Binance says: its parameters, and who signed it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qsl, unquote

from aiohttp import web
from cryptography.exceptions import InvalidSignature

from connectors.exchange import twin_params
from connectors.exchange.filters import EXACT
from connectors.exchange.twin_world import ApiError, Key, Member, Replay, World

WORLD = web.AppKey("world", World)
AHEAD = timedelta(seconds=1)  #: how far a timestamp may be in the exchange's future
WINDOW, WIDEST = 5000, 60_000  #: milliseconds
MICROS = 10**14  #: a greater timestamp is in microseconds
_NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_NAME = r"^[a-zA-Z0-9-_]{1,36}$"
STEP = Decimal("1e-8")  #: no amount and no price is finer


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's parameters, from query and body."""

    given: Mapping[str, str]
    world: World
    member: Member | None = None
    key: Key | None = None

    def text(self, name: str) -> str:
        """A parameter that must be there."""
        if not self.given.get(name):
            raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        return self.given[name]

    def number(self, name: str) -> Decimal | None:
        """A decimal, if it is there."""
        said = self.given.get(name)
        if said is None:
            return None
        if not said:
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        if not re.fullmatch(_NUMBER, said):
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{_NUMBER}'.")
        value = Decimal(said)
        if EXACT.remainder(value, STEP):
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.")
        return value

    def whole(self, name: str) -> int | None:
        """A whole number, if it is there."""
        said = self.given.get(name)
        if said is None:
            return None
        if not said:
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        if not said.isascii() or not said.isdigit():
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
        return int(said)

    def instant(self, name: str) -> datetime | None:
        """An instant in milliseconds or microseconds, if it is there."""
        said = self.whole(name)
        if said is None:
            return None
        try:
            return datetime.fromtimestamp(said / (10**6 if said > MICROS else 1000), self.world.now().tzinfo)
        except (ValueError, OverflowError, OSError):
            raise ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.") from None

    def name(self, name: str) -> str:
        """A client order id; empty if there is none."""
        said = self.given.get(name, "")
        if name in self.given and not said:
            raise ApiError(-1105, f"Parameter '{name}' was empty.")
        if said and not re.fullmatch(_NAME, said):
            raise ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{_NAME}'.")
        return said

    def replay(self) -> Replay:
        """The market that it is about."""
        return self.replay_of(self.text("symbol"))

    def replay_of(self, name: str) -> Replay:
        """A market by its own name."""
        found = self.world.replays.get(name)
        if found is None:
            raise ApiError(-1121, "Invalid symbol.")
        return found

    def who(self) -> Member:
        """Whose account it is about."""
        if self.member is None:
            raise ApiError(-2014, "API-key format invalid.", 401)
        return self.member


async def asked(request: web.Request) -> Asked:
    """What anybody may ask.

    Raises:
        ApiError: it has parameters that this endpoint does not read.
    """
    query, body = _raw(request), await request.text()
    sent = [*parse_qsl(query, keep_blank_values=True), *parse_qsl(body, keep_blank_values=True)]
    twin_params.check(request.method, request.path, sent)
    return Asked(dict(sent), request.app[WORLD])


async def signed(request: web.Request, *, trades: bool = False) -> Asked:
    """What only the owner of a key may ask.

    Raises:
        ApiError: the key, the signature or the time is wrong, or the key may not trade.
    """
    found = await asked(request)
    world = found.world
    name = request.headers.get("X-MBX-APIKEY", "")
    if not re.fullmatch(r"[\w-]{20,100}", name):
        raise ApiError(-2014, "API-key format invalid.", 401)
    if name not in world.keys:
        raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    member, key = world.keys[name]
    signature = found.text("signature")
    check_time(found)
    parts = [part for part in (_raw(request), await request.text()) if part]
    payload = "".join("&".join(pair for pair in part.split("&") if not pair.startswith("signature=")) for part in parts)
    if not _fits(key, payload, signature):
        raise ApiError(-1022, "Signature for this request is not valid.")
    expired = key.expires is not None and key.expires <= world.clock()
    if trades and (expired or not key.trade):
        raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    return Asked(found.given, world, member, key)


def check_time(found: Asked) -> None:
    """Whether a request comes in its time.

    Raises:
        ApiError: it does not.
    """
    found.text("timestamp")
    at, now = found.instant("timestamp"), found.world.clock()
    window = found.number("recvWindow")
    if window is not None and window > WIDEST:
        raise ApiError(-1131, f"recvWindow must be less than {WIDEST}.")
    if at is None or at >= now + AHEAD:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - at > timedelta(milliseconds=float(WINDOW if window is None else window)):
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _raw(request: web.Request) -> str:
    """The query as it came over the wire: signatures cover these bytes."""
    return request.raw_path.partition("?")[2]


def _fits(key: Key, payload: str, signature: str) -> bool:
    if key.public is None:
        right = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(right.encode(), signature.lower().encode())
    try:
        key.public.verify(base64.b64decode(unquote(signature), validate=True), payload.encode())
    except (ValueError, InvalidSignature):
        return False
    return True
