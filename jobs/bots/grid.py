"""Grid: buys rest below the price and sells above it; whenever one is filled, its counterpart rests one line away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from itertools import pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from connectors.market import Market
from connectors.order import OrderState, OrderType, Side
from jobs.bots.parameters import Model, Positive, Symbol, whole
from jobs.bots.sale import Failed, sale
from jobs.bots.strategy import Cancel, Closed, Ended, Filled, Place, Stop, View, Waits, Wish
from jobs.orders.risk import plain

TRIES = 3  #: an order that was refused or cancelled so often in a row ends the bot
START = "start"
CLOSE = "close"


class Cell(Model):
    """The space between two lines, where the same amount is bought at the lower and sold at the upper one in turn.

    Attributes:
        side: What is done next.
        amount: How much of it is still to be done, in the base asset.
        got: How much this round has bought, fees in the base asset taken off.
        round: Raised with every order, so that each has a tag of its own.
        resting: Whether the order of this round is placed.
        leaving: Whether the grid has asked for that to be cancelled, as others are nearer to the price.
        tries: Orders in a row that ended without being filled, other than by the grid's own wish.
    """

    side: Side
    amount: Decimal
    got: Decimal = Decimal(0)
    round: int = 0
    resting: bool = False
    leaving: bool = False
    tries: int = 0


class Lines(Model):
    """How far it has come.

    Attributes:
        phase: ``new``; ``buying`` what the sells need; ``running``; ``cancelling`` all orders; ``selling`` everything.
        cells: From the lowest to the highest.
        starts: Orders for what the sells need that ended without being filled.
        tries: Orders that were to sell everything.
        failed: Those of them in a row that did not.
        why: Why it ends.
    """

    phase: Literal["new", "buying", "running", "cancelling", "selling"] = "new"
    cells: tuple[Cell, ...] = ()
    starts: int = 0
    tries: int = 0
    failed: Failed = Failed()
    why: str = ""


class Grid(Model):
    """The parameters, as 3Commas names them.

    Attributes:
        symbol: What it trades: ``BTC/USDT``.
        upper_price: The highest line, in the quote asset.
        lower_price: The lowest line, in the quote asset.
        grids_quantity: Spaces between lines; there is one line more.
        grid_type: Lines at equal distances (``arithmetic``), or at equal ratios (``geometric``).
        quantity_per_grid: What is bought and sold at a line, in the asset that ``order_currency_type`` says.
        order_currency_type: ``base`` or ``quote``.
        max_active_buy_lines: So many buys rest at the same time, the nearest; without, all of them.
        max_active_sell_lines: So many sells rest at the same time, the nearest; without, all of them.
        upper_stop_loss_enabled: A candle that closes above ``upper_stop_loss_price`` ends the bot.
        upper_stop_loss_price: In the quote asset, above ``upper_price``.
        upper_stop_loss_action: ``stop_bot`` as the stop policy says, or ``stop_bot_and_sell``: cancel everything and
            sell what was bought.
        lower_stop_loss_enabled: A candle that closes below ``lower_stop_loss_price`` ends the bot.
        lower_stop_loss_price: In the quote asset, below ``lower_price``.
        lower_stop_loss_action: As ``upper_stop_loss_action``.
    """

    symbol: Symbol
    upper_price: Positive
    lower_price: Positive
    grids_quantity: int = Field(ge=1, le=500)
    grid_type: Literal["arithmetic", "geometric"] = "arithmetic"
    quantity_per_grid: Positive
    order_currency_type: Literal["base", "quote"] = "base"
    max_active_buy_lines: int | None = Field(None, ge=1, le=500)
    max_active_sell_lines: int | None = Field(None, ge=1, le=500)
    upper_stop_loss_enabled: bool = False
    upper_stop_loss_price: Positive | None = None
    upper_stop_loss_action: Literal["stop_bot", "stop_bot_and_sell"] = "stop_bot"
    lower_stop_loss_enabled: bool = False
    lower_stop_loss_price: Positive | None = None
    lower_stop_loss_action: Literal["stop_bot", "stop_bot_and_sell"] = "stop_bot"

    @model_validator(mode="after")
    def _sense(self) -> Self:
        lower, upper = self.lower_price, self.upper_price
        if upper <= lower:
            raise ValueError(f"upper_price must be above lower_price, but {upper} is not above {lower}")
        if self.upper_stop_loss_enabled and (self.upper_stop_loss_price or Decimal(0)) <= upper:
            raise ValueError(f"upper_stop_loss_price must be above upper_price ({upper})")
        if self.lower_stop_loss_enabled and not (self.lower_stop_loss_price or upper) < lower:
            raise ValueError(f"lower_stop_loss_price must be below lower_price ({lower})")
        return self

    @property
    def symbols(self) -> Sequence[str]:
        """The one that it trades."""
        return (self.symbol,)

    @cached_property
    def lines(self) -> tuple[Decimal, ...]:
        """The prices, from the lowest to the highest, before they are rounded to the market's tick."""
        low, high, spaces = self.lower_price, self.upper_price, self.grids_quantity
        if self.grid_type == "arithmetic":
            return tuple(low + (high - low) * number / spaces for number in range(spaces + 1))
        ratio = (high / low) ** (Decimal(1) / spaces)
        return (*(low * ratio**number for number in range(spaces)), high)

    def begin(self) -> Lines:
        """Nothing rests yet."""
        return Lines()

    def waits(self, state: Lines) -> Waits:
        """Fills alone, unless a price stops it; the next try to sell everything."""
        stops = self.upper_stop_loss_enabled or self.lower_stop_loss_enabled
        return Waits(candles=state.phase == "new" or stops, until=state.failed.again)

    def decide(self, state: Lines, view: View, now: datetime) -> tuple[Lines, Sequence[Wish]]:
        """Put a counterpart to what was filled; begin, or end, if it is time."""
        if state.phase == "new":
            return self._started(view)
        if state.phase == "selling":
            return self._selling(state, view, now)
        market, starts = view.markets[self.symbol], state.starts
        state, wrong = self._heard(state, view)
        why, sells = (wrong, False) if wrong else self._beyond(view)
        if state.phase != "cancelling" and why and not sells:
            return state, (Stop(why),)
        if state.phase == "cancelling" or why:
            return self._cancelling(state.model_copy(update={"phase": "cancelling", "why": state.why or why}), view)
        if state.phase == "buying" and state.starts > starts:
            return self._stocked(state, view)
        return self._placed(state, market)

    def _started(self, view: View) -> tuple[Lines, Sequence[Wish]]:
        market, price = view.markets[self.symbol], view.prices[self.symbol]
        lines = [whole(line, market.filters.tick) for line in self.lines]
        if not lines[0] or any(low >= high for low, high in pairwise(lines)):
            tick = market.filters.tick
            return Lines(), (Stop(f"{self.grids_quantity} grids lie closer than the tick size {tick}; take fewer"),)
        sides = (Side.BUY if low < price else Side.SELL for low in lines)
        cells = tuple(
            Cell(side=side, amount=self._amount(market, low)) for side, low in zip(sides, lines[:-1], strict=False)
        )
        if not all(cell.amount for cell in cells):
            lot = market.filters.lot
            return Lines(), (Stop(f"quantity_per_grid is below the lot size {lot} {market.base}; take more"),)
        return self._stocked(Lines(cells=cells), view)

    def _stocked(self, state: Lines, view: View) -> tuple[Lines, Sequence[Wish]]:
        """Buy what the sells need, if it is not there."""
        market = view.markets[self.symbol]
        needed = sum((cell.amount for cell in state.cells if cell.side is Side.SELL), Decimal(0))
        held = view.balances.get(market.base)
        missing = needed - (held.free if held else Decimal(0))
        if missing <= 0:
            return self._placed(state.model_copy(update={"phase": "running"}), market)
        return state.model_copy(update={"phase": "buying"}), (self._first(_start(state.starts), market, missing),)

    def _first(self, tag: str, market: Market, missing: Decimal) -> Place:
        step = market.filters.market_lot or market.filters.lot or Decimal("1e-8")
        gross = missing / (1 - market.taker)  # where the fee is taken from what was bought
        amount = (gross / step).to_integral_value(ROUND_CEILING) * step
        return Place(tag, self.symbol, Side.BUY, OrderType.MARKET, amount=amount)

    def _amount(self, market: Market, low: Decimal) -> Decimal:
        quantity = self.quantity_per_grid
        return whole(quantity if self.order_currency_type == "base" else quantity / low, market.filters.lot)

    def _heard(self, state: Lines, view: View) -> tuple[Lines, str]:
        """What the events make of the cells; and why it can't go on."""
        cells, base, why = list(state.cells), view.markets[self.symbol].base, ""
        phase, starts = state.phase, state.starts
        for event in view.events:
            if not isinstance(event, (Filled, Ended)):
                continue
            if event.tag.startswith(START):
                if not isinstance(event, Ended) or event.tag != _start(starts):
                    continue
                if event.state is OrderState.FILLED:
                    phase = "running"
                    continue
                starts += 1
                lost = f"what the sells need was not bought: {event.why or event.state}"
                why = lost if starts >= TRIES or event.lasting else why
                continue
            number, turn = map(int, event.tag.split("-")[1:])
            cell = cells[number]
            if cell.round != turn:
                continue
            if isinstance(event, Filled):
                cells[number] = _filled(cell, event, base)
            else:
                cells[number] = self._ended(cell, event, view.markets[self.symbol], number)
                if cells[number].tries >= TRIES:
                    why = why or f"its order {event.tag} was not filled {TRIES} times: {event.why or event.state}"
        return state.model_copy(update={"cells": tuple(cells), "phase": phase, "starts": starts}), why

    def _ended(self, cell: Cell, event: Ended, market: Market, number: int) -> Cell:
        turn = cell.round + 1
        if event.state is not OrderState.FILLED and cell.amount > 0:
            failed = not (cell.leaving and event.state is OrderState.CANCELLED)
            ended = {"round": turn, "resting": False, "leaving": False, "tries": cell.tries + failed}
            return cell.model_copy(update=ended)
        amount = whole(cell.got, market.filters.lot)
        if cell.side is Side.BUY and amount:
            return Cell(side=Side.SELL, amount=amount, got=cell.got - amount, round=turn)
        again = self._amount(market, whole(self.lines[number], market.filters.tick))
        return Cell(side=Side.BUY, amount=again, got=cell.got, round=turn)

    def _beyond(self, view: View) -> tuple[str, bool]:
        """Why a price that a candle closed at ends the bot, and whether all is sold then."""
        for event in view.events:
            if not isinstance(event, Closed):
                continue
            close = event.candle.close
            upper, lower = self.upper_stop_loss_price, self.lower_stop_loss_price
            if self.upper_stop_loss_enabled and upper is not None and close > upper:
                return f"{close} is above upper_stop_loss_price", self.upper_stop_loss_action == "stop_bot_and_sell"
            if self.lower_stop_loss_enabled and lower is not None and close < lower:
                return f"{close} is below lower_stop_loss_price", self.lower_stop_loss_action == "stop_bot_and_sell"
        return "", False

    def _placed(self, state: Lines, market: Market) -> tuple[Lines, Sequence[Wish]]:
        """Orders for the cells that should have one, and none for those that should not."""
        wanted = self._wanted(state)
        cells, wishes = list(state.cells), list[Wish]()
        for number, cell in enumerate(state.cells):
            if cell.resting and number not in wanted:
                cells[number] = cell.model_copy(update={"leaving": True})
                wishes.append(Cancel(_tag(number, cell)))
            elif not cell.resting and number in wanted:
                cells[number] = cell.model_copy(update={"resting": True})
                line = self.lines[number + (cell.side is Side.SELL)]
                price = whole(line, market.filters.tick)
                tag = _tag(number, cell)
                wishes.append(Place(tag, self.symbol, cell.side, OrderType.LIMIT, amount=cell.amount, price=price))
        return (state.model_copy(update={"cells": tuple(cells)}) if wishes else state), wishes

    def _wanted(self, state: Lines) -> set[int]:
        buys = [number for number, cell in enumerate(state.cells) if cell.side is Side.BUY and cell.amount]
        sells = [number for number, cell in enumerate(state.cells) if cell.side is Side.SELL and cell.amount]
        if state.phase == "buying":
            sells = []
        return {*buys[-(self.max_active_buy_lines or len(buys)) :], *sells[: self.max_active_sell_lines]}

    def _cancelling(self, state: Lines, view: View) -> tuple[Lines, Sequence[Wish]]:
        if resting := [_tag(number, cell) for number, cell in enumerate(state.cells) if cell.resting]:
            return state, [Cancel(tag) for tag in resting]
        return self._sell(state, view)

    def _sell(self, state: Lines, view: View) -> tuple[Lines, Sequence[Wish]]:
        market = view.markets[self.symbol]
        free = self._free(view)
        if not whole(free, market.filters.market_lot or market.filters.lot):
            return state, (Stop(state.why),)
        wish = sale(f"{CLOSE}-{state.tries}", market, free, view.prices[self.symbol])
        if isinstance(wish, Stop):
            return state, (Stop(f"{state.why}; {wish.why}"),)
        more = {"phase": "selling", "tries": state.tries + 1, "failed": state.failed.trying()}
        return state.model_copy(update=more), (wish,)

    def _selling(self, state: Lines, view: View, now: datetime) -> tuple[Lines, Sequence[Wish]]:
        before = state.failed
        ended = [event for event in view.events if isinstance(event, Ended) and event.tag.startswith(CLOSE)]
        if not ended and before.again is None:
            return state, ()
        for event in ended:
            failed = Failed() if event.state is OrderState.FILLED else state.failed.after(event, now)
            state = state.model_copy(update={"failed": failed})
        what = f"{plain(self._free(view))} {view.markets[self.symbol].base}"
        if useless := state.failed.ends(what):
            return state, [Stop(f"{state.why}; {stop.why}") for stop in useless]
        if state.failed.pauses(now):
            return state, state.failed.told(before, what)
        return self._sell(state, view)

    def _free(self, view: View) -> Decimal:
        held = view.balances.get(view.markets[self.symbol].base)
        return held.free if held else Decimal(0)


def _filled(cell: Cell, event: Filled, base: str) -> Cell:
    fill = event.fill
    net = fill.amount - (fill.fee if fill.fee_asset == base else 0)
    got = cell.got + net if cell.side is Side.BUY else cell.got
    return cell.model_copy(update={"amount": cell.amount - fill.amount, "got": got, "tries": 0})


def _start(number: int) -> str:
    return f"{START}-{number}" if number else START


def _tag(number: int, cell: Cell) -> str:
    return f"{cell.side}-{number}-{cell.round}"
