"""Signal: messages of a person's own making (TradingView, a script) become orders, each once and only while fresh."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from connectors.market import Market
from connectors.order import Balance, OrderType, Side
from jobs.bots.kind import Kind
from jobs.bots.parameters import LEAST, Model, Positive, Symbol, whole
from jobs.bots.strategy import Place, Signal, View, Waits, Wish

LONGEST = 10_000  #: characters of a message; TradingView's are shorter
AHEAD = timedelta(seconds=60)  #: so far a message may be dated in the future: clocks differ

Currency = Literal[
    "base", "quote", "position_percent", "balance_percent", "percent", "available_percent", "symbol_percent"
]
#: OctoBot's way to write an amount: 0.1 of what ``currency_type`` says, 100q, 2%, 12a%, 12s%, 12t%
FORMS: Mapping[str, Currency] = {
    "q": "quote",
    "%": "percent",
    "a%": "available_percent",
    "s%": "symbol_percent",
    "t%": "symbol_percent",  # a bot trades one symbol
}
_FORM = re.compile(r"([0-9.]+)\s*(q|[ast]?%)")
HUNDRED = Decimal(100)


class BadSignal(ValueError):
    """A message that is not taken; one sentence that says why and never shows the secret."""


def _instant(value: Any) -> Any:
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value / 1000 if value > 10**11 else value  # TradingView's {{time}} may be milliseconds
        return datetime.fromtimestamp(seconds, UTC) if abs(seconds) < 10**11 else value
    if isinstance(value, str):
        read = datetime.fromisoformat(value.strip())
        return read if read.tzinfo else read.replace(tzinfo=UTC)  # {{timenow}} is UTC
    return value


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _formed(given: Any) -> Any:
    """An amount as OctoBot writes it says itself what it is of."""
    if not isinstance(given, Mapping) or not isinstance(given.get("amount"), str):
        return given
    found = _FORM.fullmatch(given["amount"].strip())
    if not found:
        return given
    kind = FORMS[found[2]]
    if given.get("currency_type") not in {None, kind}:
        raise ValueError(f"amount says what it is of ({found[2]}), so leave currency_type out")
    return {**given, "amount": found[1], "currency_type": kind}


class Amount(BaseModel):
    """How much, and of what, as the bot's own parameters say it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    amount: Positive
    currency_type: Currency = "quote"

    _form = model_validator(mode="before")(_formed)


class Message(BaseModel):
    """What a message says, as 3Commas names it; what else is in it is ignored, here also a secret.

    Attributes:
        timestamp: When it was made; ISO 8601 or seconds since 1970, UTC.
        id: Makes a second copy of it recognisable; without, all that it says does.
        max_lag: Seconds after which it is too old; never more than the bot's own.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    timestamp: Annotated[datetime, BeforeValidator(_instant), AfterValidator(_utc)]
    action: Literal["enter_long", "exit_long", "buy", "sell"]
    id: str | None = Field(None, max_length=200)
    max_lag: int | None = Field(None, ge=1)
    tv_instrument: str | None = None
    order: Amount | None = None


class Sent(Message):
    """A message that reached a bot: it must carry the bot's secret."""

    secret: str


M = TypeVar("M", bound=Message)


class Heard(Model):
    """How far it has come: messages acted on."""

    count: int = 0


class SignalBot(Kind):
    """The parameters, as 3Commas names them. The secret is not among them; it lies in the vault.

    Attributes:
        symbol: What it trades: ``BTC/USDT``.
        amount: What a message that names no amount buys or sells, of what ``currency_type`` says; or as OctoBot writes
            it: ``100q`` (quote), ``2%`` (percent), ``12a%`` (available_percent), ``12s%`` (symbol_percent).
        currency_type: ``base`` or ``quote`` asset; ``position_percent`` of what is held; ``balance_percent`` of the
            free quote balance; of what is given, quote in a buy and base in a sale, ``percent`` of all, and
            ``available_percent`` of what is free; ``symbol_percent`` of the worth of both together.
        max_lag: Seconds after which a message is too old.
    """

    hears = True

    symbol: Symbol
    amount: Positive
    currency_type: Currency = "quote"
    max_lag: int = Field(300, ge=1, le=86_400)

    _form = model_validator(mode="before")(_formed)

    @property
    def symbols(self) -> Sequence[str]:
        """The one that it trades."""
        return (self.symbol,)

    def begin(self) -> Heard:
        """Nothing was heard."""
        return Heard()

    def waits(self, state: Heard) -> Waits:  # noqa: ARG002 - it is always the same
        """Messages alone."""
        return Waits()

    def decide(self, state: Heard, view: View, now: datetime) -> tuple[Heard, Sequence[Wish]]:
        """An order for each message that is still fresh; one that came late to its turn is left out."""
        wishes, count = list[Wish](), state.count
        for event in view.events:
            if not isinstance(event, Signal):
                continue
            count += 1
            said = event.said
            if now - event.at > timedelta(seconds=said.get("max_lag") or self.max_lag):
                continue
            order = Amount.model_validate(
                said.get("order") or {"amount": self.amount, "currency_type": self.currency_type}
            )
            buys = said["action"] in {"enter_long", "buy"}
            everything = said["action"] == "exit_long" and not said.get("order")
            wish = self._order(f"signal-{count}", order, view, buys=buys, everything=everything)
            wishes += [wish] if wish is not None else []
        return Heard(count=count), wishes

    def _order(self, tag: str, order: Amount, view: View, *, buys: bool, everything: bool) -> Place | None:
        market, price = view.markets[self.symbol], view.prices[self.symbol]
        base, quote = (view.balances.get(asset) or Balance(asset, Decimal(0)) for asset in (market.base, market.quote))
        amount, spent = (base.free, None) if everything else _amounts(order, base, quote, price, buys=buys)
        if buys and spent is not None:
            return Place(tag, self.symbol, Side.BUY, OrderType.MARKET, quote_amount=whole(spent, _cent(market)))
        if amount is None:
            amount = (spent or Decimal(0)) / price
        amount = whole(amount if buys else min(amount, base.free), market.filters.market_lot or market.filters.lot)
        side = Side.BUY if buys else Side.SELL
        return Place(tag, self.symbol, side, OrderType.MARKET, amount=amount) if amount >= LEAST else None


def _amounts(
    order: Amount, base: Balance, quote: Balance, price: Decimal, *, buys: bool
) -> tuple[Decimal | None, Decimal | None]:
    """How much of the base asset, or of the quote asset; a share of something is no more than is free."""
    share = min(order.amount, HUNDRED) / HUNDRED
    match order.currency_type:
        case "base":
            return order.amount, None
        case "quote":
            return None, order.amount
        case "position_percent":
            return base.free * share, None
        case "balance_percent":
            return None, quote.free * share
        case "symbol_percent":
            worth = (_all(base) * price + _all(quote)) * share
            return None, min(worth, quote.free) if buys else worth
        case "percent" | "available_percent":
            given = quote if buys else base
            much = min(_all(given) * share, given.free) if order.currency_type == "percent" else given.free * share
            return (None, much) if buys else (much, None)


def _all(balance: Balance) -> Decimal:
    return balance.free + balance.locked


def _cent(market: Market) -> Decimal:
    """A quote amount is a price times an amount, but never finer than its tick is taken."""
    return market.filters.tick or Decimal("1e-8")


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that is genuine and fresh.

    Attributes:
        id: The same for every copy of it.
        said: What it says, without the secret; JSON-able.
        at: When it was made (UTC).
    """

    id: str
    said: Mapping[str, Any]
    at: datetime


def take(text: str, secret: str, bot: SignalBot, now: datetime) -> Taken:
    """Judge a message as it came; whether it came before is for its ``id`` to tell.

    Raises:
        BadSignal: no message, the wrong secret, for another market, or too old.
    """
    message = _read(text, Sent)
    if not hmac.compare_digest(message.secret.encode(), secret.encode()):
        raise BadSignal("the message's secret is not this bot's; `automator bots secret` makes a new one")
    taken = _taken(message, bot)
    if now - message.timestamp > (lag := timedelta(seconds=taken.said["max_lag"])):
        age = (now - message.timestamp) // timedelta(seconds=1)
        raise BadSignal(f"the message is {age} seconds old, and max_lag is {lag // timedelta(seconds=1)}")
    if message.timestamp - now > AHEAD:
        raise BadSignal("the message is dated in the future; is a clock wrong?")
    return taken


def replayed(lines: Iterable[str], bot: SignalBot) -> Sequence[Signal]:
    """Messages of the past, one a line, as they were at their time: each once, by time; a secret is not asked for.

    Raises:
        BadSignal: one is no message, or for another market; its line is named.
    """
    found: dict[str, Signal] = {}
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            taken = _taken(_read(text, Message), bot)
        except BadSignal as bad:
            raise BadSignal(f"line {number}: {bad}") from None
        first = found.get(taken.id)
        if first is None or taken.at < first.at:
            found[taken.id] = Signal(taken.id, taken.said, taken.at)
    return sorted(found.values(), key=lambda one: one.at)


def _taken(message: Message, bot: SignalBot) -> Taken:
    if message.tv_instrument and _plain(message.tv_instrument) != _plain(bot.symbol):
        raise BadSignal(f"the message is for {message.tv_instrument[:40]!r}, but the bot trades {bot.symbol}")
    said = message.model_dump(mode="json", exclude={"secret", "timestamp", "id"}, exclude_none=True)
    at = message.timestamp
    whole_of_it = json.dumps([message.id or "", at.isoformat() if message.id is None else "", said], sort_keys=True)
    name = f"id:{message.id}" if message.id is not None else hashlib.sha256(whole_of_it.encode()).hexdigest()[:32]
    return Taken(name, {**said, "max_lag": min(message.max_lag or bot.max_lag, bot.max_lag)}, at)


def _read(text: str, kind: type[M]) -> M:
    if len(text) > LONGEST:
        raise BadSignal(f"the message is longer than {LONGEST} characters")
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise BadSignal("the message is not JSON") from None
    if not isinstance(given, dict):
        raise BadSignal("the message must be a JSON object")
    try:
        return kind.model_validate(given)
    except (ValidationError, OverflowError) as error:
        if not isinstance(error, ValidationError):
            raise BadSignal("the message's timestamp is no time") from None
        first = error.errors()[0]
        name, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Input ").removeprefix("Value error, ")
        # what stands there is not shown: it may be the secret in the wrong place
        raise BadSignal(f"the message's {name}: {what[:1].lower()}{what[1:]}") from None


def _plain(symbol: str) -> str:
    return symbol.rpartition(":")[2].replace("/", "").replace("-", "").upper()
