"""The risk gate: whether an order keeps to the limits that a person set. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from connectors.order import LIMITED, OrderRequest, Side
from connectors.words import counted

HUNDRED = Decimal(100)
DIGITS = 24  #: longer numbers are not written out
GREATEST = Decimal("1e15")  #: no limit needs more


class Limit(StrEnum):
    """What can be limited."""

    ORDER = "order"  #: the greatest value of one order
    DAY = "day"  #: of all orders of a day (UTC)
    LOSS = "loss"  #: the greatest loss of a day (UTC), realised or not, before another buy
    POSITION = "position"  #: the greatest value held of one symbol, orders to buy included
    OPEN = "open-orders"  #: orders that may be filled at the same time
    RATE = "per-minute"  #: orders in a minute
    DISTANCE = "distance"  #: the greatest distance of a price from the market's, as a share of it
    SYMBOLS = "symbols"  #: the only symbols that may be traded


MONEY = frozenset({Limit.ORDER, Limit.DAY, Limit.LOSS, Limit.POSITION})  #: one for each asset that is paid with
WHOLE = frozenset({Limit.OPEN, Limit.RATE})


class BadLimit(ValueError):
    """A limit that makes no sense; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one subject; what is not there is not limited.

    Attributes:
        subject: An account, a bot, or ``*``.
        money: By limit and asset. With one for any asset, orders paid with another are refused: nothing limits them.
    """

    subject: str
    money: Mapping[tuple[Limit, str], Decimal] = field(default_factory=dict)
    open_orders: int | None = None
    per_minute: int | None = None
    distance: Decimal | None = None
    symbols: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order that is judged.

    Attributes:
        price: The market's, in the quote asset.
        mate: Of a pair the other one: it counts as an order, and not as money, since only one of them can be filled.
    """

    account: str
    owner: str
    request: OrderRequest
    price: Decimal
    mate: OrderRequest | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """What a subject has used, without the order that is judged; money in the asset that the order is paid with.

    Attributes:
        day: Value of the day's orders: of those that ended what was filled, of the others all.
        result: What the day came to so far, with what is held at the last price known; negative: a loss.
        held: Of the order's base asset.
        buying: Value of the open orders to buy the same symbol.
        open_orders: That may be filled now.
        minute: Orders in the last sixty seconds.
    """

    day: Decimal = Decimal(0)
    result: Decimal = Decimal(0)
    held: Decimal = Decimal(0)
    buying: Decimal = Decimal(0)
    open_orders: int = 0
    minute: int = 0


def notional(request: OrderRequest, price: Decimal) -> Decimal:
    """What an order is worth in the quote asset: at its own price if it is limited, else at the market's ``price``."""
    if request.quote_amount is not None:
        return request.quote_amount
    own = request.price if request.type in LIMITED else request.stop_price
    return (request.amount or Decimal(0)) * (own or price)


def refusals(limits: Limits, usage: Usage, request: OrderRequest, price: Decimal) -> tuple[str, ...]:
    """Why an order is not placed, each reason a sentence with its numbers; none: it may be. ``price``: the market's."""
    return tuple(_refusals(limits, usage, request, price))


def _refusals(limits: Limits, usage: Usage, request: OrderRequest, price: Decimal) -> Iterator[str]:
    whose = _called(limits.subject)
    if limits.symbols is not None and request.symbol not in limits.symbols:
        yield f"{request.symbol} is not among the symbols of {whose}: {', '.join(sorted(limits.symbols))}"
    if limits.open_orders is not None and usage.open_orders >= limits.open_orders:
        yield f"{_orders(usage.open_orders, 'open')}, and {whose} may have {limits.open_orders}"
    if limits.per_minute is not None and usage.minute >= limits.per_minute:
        placed = _orders(usage.minute, "of the last minute")
        yield f"{placed}, and {whose} may place {limits.per_minute} in a minute"
    named = request.price if request.type in LIMITED else request.stop_price
    if limits.distance is not None and named is not None and abs(named - price) > limits.distance * price:
        share = plain(abs(named - price) / price * HUNDRED, 2)
        allowed = plain(limits.distance * HUNDRED)
        yield f"{plain(named)} is {share}% from the market's {plain(price)}, and {whose} allows {allowed}%"
    yield from _too_dear(limits, usage, request, price)


def _too_dear(limits: Limits, usage: Usage, request: OrderRequest, price: Decimal) -> Iterator[str]:
    quote, whose, worth = request.symbol.partition("/")[2], _called(limits.subject), notional(request, price)
    sums = {
        Limit.ORDER: (worth, "the order is worth"),
        Limit.DAY: (usage.day + worth, "the day's orders would be worth"),
    }
    if request.side is Side.BUY:
        sums[Limit.POSITION] = (usage.held * price + usage.buying + worth, f"{request.symbol} held would be worth")
    for limit, (amount, what) in sums.items():
        greatest = limits.money.get((limit, quote), amount)
        if amount > greatest:
            yield f"{what} {plain(amount)} {quote}, and {whose} may have {plain(greatest)}"
    most = limits.money.get((Limit.LOSS, quote))
    # a sale makes what is at risk smaller: a stop-loss must not be kept back by the very loss that it ends
    if most is not None and request.side is Side.BUY and -usage.result >= most:
        lost = f"the day has lost {plain(-usage.result)} {quote}, what is held at its last known price included"
        yield f"{lost}, and {whose} may lose {plain(most)}"
    for limit in sorted({limit for limit, _ in limits.money}):
        if (limit, quote) not in limits.money:
            yield f"{whose} has a limit {limit}, but none in {quote}; set one with `automator risk set`"


def _orders(number: int, how: str) -> str:
    return f"{counted(number, 'order')} {'is' if number == 1 else 'are'} {how}"


def _called(subject: str) -> str:
    return "everything" if subject == "*" else subject


def plain(number: Decimal, digits: int | None = None) -> str:
    """A number as a person writes it: without exponent or useless zeros."""
    if digits is not None:
        number = round(number, digits)
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def readable(number: Decimal) -> str:
    """Money for a person: about seven digits, two to eight of them behind the point; 0 is what is less than that."""
    rounded = round(number, min(8, max(2, 6 - number.adjusted())))
    return plain(rounded) if rounded else "0"


def short(number: Decimal) -> str:
    """Plainly, unless it is no number of this world: an order may have been refused for that."""
    return plain(number) if number.is_finite() and abs(number.adjusted()) < DIGITS else str(number)


def parse(limit: Limit, value: str, asset: str) -> str:
    """A limit's value as it is stored.

    Raises:
        BadLimit: it makes no sense.
    """
    if limit in MONEY and not asset:
        raise BadLimit(f"the limit {limit} is an amount of money; name its asset too: `{limit} {value} USDT`")
    if limit not in MONEY and asset:
        raise BadLimit(f"the limit {limit} is no amount of money, so it takes no asset")
    if limit is Limit.SYMBOLS:
        names = sorted({name.strip().upper() for name in value.split(",") if name.strip()})
        wrong = [name for name in names if name.count("/") != 1 or not all(name.split("/"))]
        if wrong or not names:
            raise BadLimit(f"{', '.join(wrong) or 'nothing'} is no list of symbols; write them like BTC/USDT,ETH/USDT")
        return ",".join(names)
    number = _number(limit, value.removesuffix("%") if limit is Limit.DISTANCE else value)
    if limit in WHOLE and number != number.to_integral_value():
        raise BadLimit(f"the limit {limit} counts orders, so {value} must be a whole number")
    if limit is Limit.DISTANCE:
        number = number / HUNDRED if value.endswith("%") else number
        if number > 1:
            raise BadLimit(f"the limit {limit} can't be more than 100%; write 2% or 0.02, not {value}")
    return plain(number)


def _number(limit: Limit, value: str) -> Decimal:
    try:
        number = Decimal(value.replace("_", "?"))  # Decimal takes 1_0 for ten
    except InvalidOperation:
        raise BadLimit(f"the limit {limit} must be a number, and {value!r} is none") from None
    if not number.is_finite() or number < 0 or number > GREATEST:
        raise BadLimit(f"the limit {limit} can't be {value}; it is between 0 and {GREATEST:f}")
    return number


def limits_of(subject: str, rows: Mapping[tuple[str, str], str]) -> Limits:
    """The limits of one subject, from what ``parse`` made of them: by name and asset."""
    plain_ones = {Limit(name): value for (name, asset), value in rows.items() if not asset}
    money = {(Limit(name), asset): Decimal(value) for (name, asset), value in rows.items() if asset}
    symbols = plain_ones.get(Limit.SYMBOLS)
    distance = plain_ones.get(Limit.DISTANCE)
    return Limits(
        subject,
        money,
        open_orders=int(plain_ones[Limit.OPEN]) if Limit.OPEN in plain_ones else None,
        per_minute=int(plain_ones[Limit.RATE]) if Limit.RATE in plain_ones else None,
        distance=Decimal(distance) if distance is not None else None,
        symbols=frozenset(symbols.split(",")) if symbols is not None else None,
    )
