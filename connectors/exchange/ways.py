"""What is known of an exchange's ways; the cautious row, which all exchanges have that no row of our own describes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from connectors.base import Budget, CallRefused, Kind, Reading, Window
from connectors.exchange.unsigned import Unsigned
from connectors.market import Filters
from connectors.network import Option, SecretField
from connectors.order import Order, OrderRequest, PairRequest
from connectors.venue import Custom, Rights

ABSENT = "there is no such order"
CLOCK = "this machine's clock differs from the exchange's by more than it allows"
TWICE = "an order with this id of ours is there already; it is looked up"
KEY = "the key is wrong, was removed, may not do this, or not from this address"

#: words of a refusal that is about a balance that is not there
POVERTY = re.compile(
    r"insufficient[ _](?:\w+[ _]){0,2}(?:balance|fund|qty|quantity|buying power)"
    r"|balance.{0,20} (?:not enough|insufficient)|\bab not enough|balance (?:is )?too low",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a code of an exchange's means.

    Attributes:
        kind: One of the five outcomes.
        reason: Why, for a person; empty: the exchange's own words.
        seconds: For ``LATER``: how long to wait, where no header says so.
        until: For ``LATER``: when it ends, where the exchange says so in its words.
        lasting: For ``REJECTED``: it would be refused again, until a person changes something.
    """

    kind: Kind
    reason: str = ""
    seconds: int | None = None
    lasting: bool = False
    until: datetime | None = None

    def lasts(self, text: str) -> bool:
        """Whether a refusal in these words would come again, until a person changes something."""
        return self.lasting or (self.kind is Kind.REJECTED and POVERTY.search(text) is not None)


LATER = Verdict(Kind.LATER, "its limit is reached", 1)
UNKNOWN = Verdict(Kind.UNKNOWN)
NO = Verdict(Kind.REJECTED)
POOR = Verdict(Kind.REJECTED, lasting=True)  #: what it takes is not there
GONE = Verdict(Kind.REJECTED, ABSENT)
BAD_KEY = Verdict(Kind.REJECTED, KEY, lasting=True)
BAD_CLOCK = Verdict(Kind.LATER, CLOCK)
AGAIN = Verdict(Kind.UNKNOWN, TWICE)


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer objects to, in the exchange's own words."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Look:
    """One place where an order may be found.

    Attributes:
        call: What is asked.
        orders: The orders in the answer, as the exchange writes them.
        then: Where to look next, by the answer.
    """

    call: Unsigned
    orders: Callable[[Any], Iterable[Any]]
    then: Callable[[Any], Sequence[Look]] = lambda _: ()


#: ccxt's name of a key -> ours, and what a person is asked for
KEYS = {
    "apiKey": SecretField("api_key", "API key"),
    "secret": SecretField("secret", "API secret"),
    "password": SecretField("passphrase", "API passphrase"),
    "uid": SecretField("uid", "user id"),
    "login": SecretField("login", "login"),
    "token": SecretField("token", "token"),
    "twofa": SecretField("twofa", "two-factor secret"),
    "accountId": SecretField("account_id", "account id", public=True),
    "privateKey": SecretField("private_key", "its private key (one line, with \\n as in the file)"),
}
API = (KEYS["apiKey"], KEYS["secret"])
#: by what names exchanges call an order's id, the surest first; the last could be the id of something else, such as
#: the call's own, and count only where an answer has none of the others
IDS = (("orderid", "ordid", "txid", "oid", "orderuuid", "orderguid", "orderno"), ("uuid", "id"))
_HEX = re.compile(r"[0-9a-f]{32}")


class Ways:
    """A row. What is here holds for every exchange that has no row of its own.

    Attributes:
        id: ccxt's.
        config: What ccxt's class is built with.
        custom: What is known of its ways with orders.
        fields: The keys it needs; ``None``: ccxt knows.
        sections: Those parts of its API that are used; ``None``: all that ccxt knows.
        finer: Nonces must rise, also for two calls within a millisecond.
        testing: Whether it has a test environment that ccxt knows; ``None``: ccxt is asked.
        page: How many trades of an account's one answer holds, the newest first; 0: the oldest come first.
        mixed: Those trades can only be had of all markets at once.
        span: They can only be had of so long a time at once.
        options: How an account of it may be used.
        begins: How an id of ours must begin.
        longest: How many characters such an id may have.
        dashed: It is written as a UUID.
        field: By what name an order is sent with it, and shown with it, where ccxt doesn't know.
        currencies: The step of an amount is in its list of currencies, which is loaded for that.
        names: By what names answers call an order's id, the surest first.
    """

    id: ClassVar[str] = ""
    config: ClassVar[Mapping[str, Any]] = {}
    custom: ClassVar[Custom] = Custom(timedelta(minutes=1), unique=False, by_client_id=False, tested=False)
    fields: ClassVar[tuple[SecretField, ...] | None] = None
    sections: ClassVar[tuple[str, ...] | None] = None
    finer: ClassVar[bool] = False
    testing: ClassVar[bool | None] = None
    page: ClassVar[int] = 50
    mixed: ClassVar[bool] = False
    span: ClassVar[timedelta | None] = None
    options: ClassVar[tuple[Option, ...]] = ()
    begins: ClassVar[str] = ""
    longest: ClassVar[int] = 32
    dashed: ClassVar[bool] = False
    field: ClassVar[str] = ""
    currencies: ClassVar[bool] = False
    names: ClassVar[Sequence[Sequence[str]]] = IDS
    own: ClassVar[bool] = True  #: whether ``placing`` and the others below are written for it; else ccxt shapes orders

    def lead(self, call: Unsigned) -> str:
        """What stands between the address of a section and a path."""
        return ""

    def budgets(self, at: Any) -> tuple[Budget, ...]:
        """Its limits, by what this process knows of it; ccxt says how far apart two calls that cost 1 should be.

        A bucket alone would let two seconds' worth of calls leave within one, which a limit by the second refuses.
        """
        pace = Budget("pace", 1000, Window.BUCKET, 1, shared=True, unit="ms")
        return (pace, replace(pace, name="pace-1s", window=Window.SLIDING))

    def within(self, budgets: tuple[Budget, ...], chosen: Mapping[str, str]) -> tuple[Budget, ...]:
        """The limits of an account for which a person has chosen these ``options``."""
        return budgets

    def costs(self, at: Any, call: Unsigned) -> Mapping[str, int]:
        """What a call takes."""
        apart = max(1, round(call.cost * float(at.bridge.rateLimit)))
        return {"pace": apart, "pace-1s": apart}

    def readings(self, at: Any, what: str, headers: Mapping[str, str]) -> tuple[Reading, ...]:
        """What the headers of an answer to an operation (its name) say of the limits."""
        return ()

    def learn(self, at: Any, call: Unsigned, body: Any) -> None:
        """Note what an answer says of limits; the row's own, for this process."""

    def said(self, body: Any, status: int) -> Said | None:
        """What an answer objects to; ``None``: nothing, or nothing in a form that is known."""
        return None

    def turned_away(self, status: int, text: str) -> Verdict | None:
        """What an answer means that is no JSON: of what stands before the exchange; ``None``: nothing is known."""
        return None

    def verdict(self, said: Said) -> Verdict | None:
        """What that means; ``None``: it is in no table of ours."""
        return None

    def placed(self, body: Any) -> str | None:
        """The exchange's id of the order that an accepted answer speaks of."""
        return None if _denies(body) else next(filter(None, (_first(body, names) for names in self.names)), None)

    def placing(self, wanted: OrderRequest, market: str) -> Unsigned:
        """The call that places an order in a market (the exchange's own name of it).

        Raises:
            CallRefused: the exchange has no such order.
        """
        raise NotImplementedError

    def placing_pair(self, wanted: PairRequest, market: str) -> Unsigned:
        """The call that places two orders of which one cancels the other.

        Raises:
            CallRefused: the exchange has no such call.
        """
        raise CallRefused(f"{self.id} holds no two orders for one balance; nothing was sent")

    def shows(self, body: Any) -> bool:
        """Whether an accepted answer about orders or trades has them, or says that there are none."""
        return True

    def paired(self, body: Any) -> Mapping[str, str]:
        """The exchange's ids of a pair's orders, by ours, in an accepted answer; empty: it names none."""
        return {}

    def pairs(self, market: Mapping[str, Any]) -> bool:
        """Whether a market, as ccxt has it, takes pairs."""
        return False

    def canceling(self, order: Order, market: str) -> Unsigned:
        """The call that cancels an order."""
        raise NotImplementedError

    def canceling_triggered(self, order: Order, market: str) -> Unsigned | None:
        """The call that cancels an order that waited for its price and does no more; ``None``: it is the same one."""
        return None

    def looks(self, wanted: OrderRequest, market: str) -> Sequence[Look]:
        """Where an order of ours may be found, in this order."""
        raise NotImplementedError

    def numbered(self, number: str, market: str) -> Sequence[Look]:
        """Where an order is found by the exchange's own id of it."""
        raise NotImplementedError

    def apart(self, market: str | None) -> Sequence[Look]:
        """Where open orders of a market, or of all, are listed beside those that ccxt lists."""
        return ()

    def shown(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """An order as ccxt parsed it, put right where ccxt is known to take one thing for another."""
        return order

    def traded(self, trade: Mapping[str, Any]) -> Mapping[str, Any]:
        """The same of a trade."""
        return trade

    def further(self, trades: Sequence[Mapping[str, Any]], shown: int) -> Mapping[str, Any] | None:
        """How the page of trades after this one is asked for, as ccxt's parameters; ``None``: by the oldest's time.

        A large order may be filled by more trades in one instant than a page holds. ``shown``: how many there were so
        far, with these.
        """
        return None

    def named(self, client_order_id: str) -> str:
        """Our id of an order as the exchange has it."""
        if self.dashed and _HEX.fullmatch(client_order_id):
            return str(UUID(client_order_id))
        return (self.begins + client_order_id)[: self.longest]

    def key(self) -> Unsigned | None:
        """The call that asks what the key may do; ``None``: the exchange can't be asked."""
        return None

    def rights(self, body: Any) -> Rights:
        """What its answer says."""
        return Rights()

    def who(self) -> Unsigned | None:
        """The call that asks whose key it is, if ``key`` does not tell."""
        return None

    def owner(self, body: Any) -> str:
        """The exchange's id of the account, in the answer to ``who`` or else ``key``."""
        return ""

    def filters(self, bridge: Any, market: Mapping[str, Any]) -> Filters:
        """What a market demands of orders, from what ccxt made of it."""
        step, limits = market.get("precision") or {}, market.get("limits") or {}
        amount, cost = limits.get("amount") or {}, limits.get("cost") or {}
        ticks = bridge.precisionMode == TICK_SIZE
        return Filters(
            tick=_step(step.get("price"), ticks=ticks),
            lot=_step(step.get("amount"), ticks=ticks),
            min_amount=number(amount.get("min")),
            max_amount=number(amount.get("max")),
            min_notional=number(cost.get("min")),
            max_notional=number(cost.get("max")),
            cent=self.cent(market),
        )

    def cent(self, market: Mapping[str, Any]) -> Decimal | None:
        """Of what step an amount of the quote asset is, in a market as ccxt has it; ``None``: it is not known."""
        return None


TICK_SIZE = 4  #: ccxt's mode in which a precision is a step, not a count of decimal places
FINEST = 18  #: decimal places that an exchange may count


def number(given: Any) -> Decimal | None:
    """A number of an exchange's, exactly; ``None`` for what is none, and for 0, by which exchanges say "no limit"."""
    found = exact(given)
    return found or None


def exact(given: Any) -> Decimal | None:
    """A number of an exchange's, exactly; ``None`` for what is none."""
    if given is None or isinstance(given, bool):
        return None
    try:
        found = Decimal(str(given))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


def plain(value: Decimal | None) -> str:
    """A number as exchanges read it: no exponent."""
    if value is None:
        raise CallRefused("this order lacks a number that its type needs")
    return format(value, "f")


def _step(given: Any, *, ticks: bool) -> Decimal | None:
    found = number(given) if ticks else exact(given)
    return found if ticks or found is None else Decimal(1).scaleb(-int(found))


def places(given: Any) -> Decimal | None:
    """The step of a number with so many decimal places; ``None`` for what is no such count."""
    found = exact(given)
    return None if found is None or found != int(found) or not 0 <= found <= FINEST else Decimal(1).scaleb(-int(found))


def _denies(body: Any) -> bool:
    """Whether an answer says of itself that it failed, in a way that ccxt does not look for."""
    said = [body.get(name) for name in ("success", "status", "result")] if isinstance(body, dict) else []
    return any(one is False or str(one).lower() in {"false", "error", "fail", "failed", "failure"} for one in said)


def _first(body: Any, names: Sequence[str]) -> str | None:
    level = [body]
    while level:
        fields = [pair for item in level if isinstance(item, dict) for pair in item.items()]
        named = {name.lower().replace("_", "").replace("-", ""): value for name, value in reversed(fields)}
        for name in names:
            found = named.get(name)
            found = found[0] if isinstance(found, list) and found else found
            if isinstance(found, str | int) and not isinstance(found, bool) and str(found).strip("0 "):
                return str(found)
        level = [value for _, value in fields] + [value for item in level if isinstance(item, list) for value in item]
    return None


def after_cursor(trades: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    """``further`` by a cursor, which ccxt keeps under this name in one of the trades that came with it."""
    found = next((cursor for trade in trades if (cursor := (trade.get("info") or {}).get(name))), None)
    return {"cursor": found} if found else None


def numbered(order: Order, exchange: str) -> str:
    """The exchange's id of an order, for a call that could mean all orders without one.

    Raises:
        CallRefused: it is not known.
    """
    if not order.id:
        raise CallRefused(f"{exchange}'s id of order {order.client_order_id} is not known yet; nothing was sent")
    return order.id


def fitting(order: OrderRequest, exchange: str, **no: bool) -> None:
    """Refuse an order that an exchange does not have; ``no`` names what it is, and whether it is that.

    Raises:
        CallRefused: it is.
    """
    for what, wrong in no.items():
        if wrong:
            raise CallRefused(f"{exchange} has no {what.replace('_', ' ')} order for {order.symbol}; nothing was sent")


def renamed(order: Order, client_order_id: str) -> Order:
    """An order under the name that we know it by."""
    return replace(order, client_order_id=client_order_id)
