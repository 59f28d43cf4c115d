"""What a strategy sees, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from pydantic import BaseModel

from connectors.market import Candle, Filters, Market
from connectors.order import Balance, Fill, OrderState, Side
from jobs.bots.strategy import Closed, Ended, Event, Filled, Place, View, Wish

START = datetime(2026, 11, 2, tzinfo=UTC)
BTC = "BTC/USDT"
MARKET = Market(
    BTC,
    "BTCUSDT",
    "BTC",
    "USDT",
    Filters(tick=Decimal("0.01"), lot=Decimal("0.0001"), min_notional=Decimal(5)),
    maker=Decimal("0.001"),
    taker=Decimal("0.001"),
)
PAIRED = replace(MARKET, pairs=True)  #: two orders may rest for one balance


def view(
    price: object,
    *events: Event,
    balances: Mapping[str, object] | None = None,
    markets: Sequence[Market] = (MARKET,),
) -> View:
    """The market at one price, and the bot's balances."""
    held = {asset: Balance(asset, Decimal(str(free))) for asset, free in (balances or {"USDT": 100_000}).items()}
    return View({market.symbol: market for market in markets}, {BTC: Decimal(str(price))}, held, events)


def closed(price: object, minute: int = 0) -> Closed:
    """A candle that closed at this price, and was nowhere else."""
    at = Decimal(str(price))
    return Closed(BTC, Candle(START + timedelta(minutes=minute), at, at, at, at, Decimal(1)))


def filled(wish: Wish, amount: object = None, *, fee: object = 0, price: object = None, asset: str = "BTC") -> Filled:
    """The order of a wish was filled, wholly or a part."""
    assert isinstance(wish, Place)
    much = Decimal(str(amount)) if amount is not None else wish.amount
    paid = Decimal(str(price)) if price is not None else wish.price or wish.stop_price
    assert much is not None
    assert paid is not None
    fill = Fill("1", "1", wish.symbol, wish.side, paid, much, Decimal(str(fee)), asset, maker=True, at=START)
    return Filled(wish.tag, fill)


def ended(wish: Wish, state: OrderState = OrderState.FILLED, done: object = None, why: str = "") -> Ended:
    """The order of a wish is done with."""
    assert isinstance(wish, Place)
    return Ended(wish.tag, state, Decimal(str(done)) if done is not None else wish.amount or Decimal(0), why)


def whole(wish: Wish, **more: object) -> tuple[Event, Event]:
    """The order of a wish was filled in one go."""
    return filled(wish, **more), ended(wish)  # type: ignore[arg-type]


def placed(wishes: Sequence[Wish], side: Side | None = None) -> list[Place]:
    """The orders among the wishes."""
    return [wish for wish in wishes if isinstance(wish, Place) and side in {None, wish.side}]


B = TypeVar("B", bound=BaseModel)


def but(bot: B, **changed: object) -> B:
    """The same strategy with other parameters, checked as always."""
    return type(bot).model_validate(bot.model_dump() | changed)
