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
from connectors.words import counted
from jobs.bots import cells, moves
from jobs.bots.cells import Cell, Lines
from jobs.bots.closing import close, closing
from jobs.bots.kind import Kind
from jobs.bots.ladder import Ladder, Spacing, ratio
from jobs.bots.parameters import Positive, Symbol
from jobs.bots.strategy import Cancel, Closed, Ended, Filled, Place, Stop, View, Waits, Wish
from jobs.orders.risk import plain

TRIES = 3  #: an order that was refused or cancelled so often in a row ends the bot
START = "start"
ZERO = Decimal(0)

Action = Literal["stop_bot", "stop_bot_and_sell", "stop_bot_and_close_position"]


class Grid(Kind):
    """The parameters, as 3Commas names them.

    Attributes:
        symbol: What it trades: ``BTC/USDT``.
        upper_price: The highest line, in the quote asset.
        lower_price: The lowest line, in the quote asset.
        grids_quantity: Spaces between lines; there is one line more.
        grid_type: Lines at equal distances (``arithmetic``), or at equal ratios (``geometric``).
        quantity_per_grid: What is bought and sold at a line, in the asset that ``order_currency_type`` says.
        order_currency_type: ``base`` or ``quote``.
        profit_currency_type: All that was bought at a line is sold at the next (``quote``), or only so much of it as
            brings back what it cost (``base``), so that the rest is kept.
        max_active_buy_lines: So many buys rest at the same time, the nearest; without, all of them.
        max_active_sell_lines: So many sells rest at the same time, the nearest; without, all of them.
        trailing_up_enabled: When a candle closes a line or more above the grid, the grid moves up by so many: its
            lowest buys are given up for buys on top. ``lower_stop_loss_price`` moves along.
        trailing_down_enabled: The same downwards: its highest sells are given up for sells below, which sell for less
            than was paid. ``upper_stop_loss_price`` moves along.
        expansion_up_enabled: When a candle closes a line or more above the grid, buys are added on top, as long as the
            bot has free funds.
        expansion_up_stop_price: No line is added above it, in the quote asset.
        expansion_down_enabled: When a candle closes below the grid, a buy is added below.
        expansion_down_stop_price: No line is added below it, in the quote asset.
        upper_stop_loss_enabled: A candle that closes above ``upper_stop_loss_price`` ends the bot.
        upper_stop_loss_price: In the quote asset, above ``upper_price``.
        upper_stop_loss_action: ``stop_bot`` as the stop policy says; ``stop_bot_and_sell``: cancel everything and sell
            all of the base asset that the bot has; ``stop_bot_and_close_position``: cancel everything and trade back
            to what it had of the base asset when it began: sell what it bought beyond, or buy back what it sold.
        lower_stop_loss_enabled: A candle that closes below ``lower_stop_loss_price`` ends the bot.
        lower_stop_loss_price: In the quote asset, below ``lower_price``.
        lower_stop_loss_action: As ``upper_stop_loss_action``.
    """

    answers = True
    shows = "lines"

    symbol: Symbol
    upper_price: Positive
    lower_price: Positive
    grids_quantity: int = Field(ge=1, le=moves.MOST)
    grid_type: Literal["arithmetic", "geometric"] = "arithmetic"
    quantity_per_grid: Positive
    order_currency_type: Literal["base", "quote"] = "base"
    profit_currency_type: Literal["base", "quote"] = "quote"
    max_active_buy_lines: int | None = Field(None, ge=1, le=moves.MOST)
    max_active_sell_lines: int | None = Field(None, ge=1, le=moves.MOST)
    trailing_up_enabled: bool = False
    trailing_down_enabled: bool = False
    expansion_up_enabled: bool = False
    expansion_up_stop_price: Positive | None = None
    expansion_down_enabled: bool = False
    expansion_down_stop_price: Positive | None = None
    upper_stop_loss_enabled: bool = False
    upper_stop_loss_price: Positive | None = None
    upper_stop_loss_action: Action = "stop_bot"
    lower_stop_loss_enabled: bool = False
    lower_stop_loss_price: Positive | None = None
    lower_stop_loss_action: Action = "stop_bot"

    @model_validator(mode="after")
    def _sense(self) -> Self:
        lower, upper = self.lower_price, self.upper_price
        if upper <= lower:
            raise ValueError(f"upper_price must be above lower_price, but {upper} is not above {lower}")
        if self._expands_up is not None and self._expands_up <= upper:
            raise ValueError(f"expansion_up_stop_price must be above upper_price ({upper})")
        if self._expands_down is not None and not 0 < self._expands_down < lower:
            raise ValueError(f"expansion_down_stop_price must be below lower_price ({lower})")
        name, high = _farther("upper_price", upper, "expansion_up_stop_price", self._expands_up)
        if self.upper_stop_loss_enabled and (self.upper_stop_loss_price or ZERO) <= high:
            raise ValueError(f"upper_stop_loss_price must be above {name} ({high})")
        name, low = _farther("lower_price", lower, "expansion_down_stop_price", self._expands_down)
        if self.lower_stop_loss_enabled and not (self.lower_stop_loss_price or upper) < low:
            raise ValueError(f"lower_stop_loss_price must be below {name} ({low})")
        return self

    @model_validator(mode="after")
    def _movable(self) -> Self:
        for way in ("up", "down"):
            if not getattr(self, f"trailing_{way}_enabled"):
                continue
            if "base" in {self.order_currency_type, self.profit_currency_type}:
                raise ValueError(
                    f"trailing_{way}_enabled needs order_currency_type=quote and profit_currency_type=quote, so that a "
                    "line that is given up pays for the new one"
                )
            if getattr(self, f"expansion_{way}_enabled"):
                raise ValueError(f"name either trailing_{way}_enabled or expansion_{way}_enabled, not both")
        return self

    @property
    def _expands_up(self) -> Decimal | None:
        return (self.expansion_up_stop_price or ZERO) if self.expansion_up_enabled else None

    @property
    def _expands_down(self) -> Decimal | None:
        return (self.expansion_down_stop_price or ZERO) if self.expansion_down_enabled else None

    @cached_property
    def _moves(self) -> bool:
        trails = self.trailing_up_enabled or self.trailing_down_enabled
        return trails or self.expansion_up_enabled or self.expansion_down_enabled

    @property
    def symbols(self) -> Sequence[str]:
        """The one that it trades."""
        return (self.symbol,)

    @cached_property
    def _spacing(self) -> Spacing:
        low, high, spaces = self.lower_price, self.upper_price, self.grids_quantity
        return Spacing(low, high, spaces, None if self.grid_type == "arithmetic" else ratio(low, high, spaces))

    def ladder(self, market: Market) -> Ladder:
        """Its lines on a market."""
        return Ladder(
            market,
            self._spacing,
            self.quantity_per_grid,
            in_quote=self.order_currency_type == "quote",
            keeps_base=self.profit_currency_type == "base",
        )

    def begin(self) -> Lines:
        """Nothing rests yet."""
        return Lines()

    def waits(self, state: Lines) -> Waits:
        """Fills alone, unless a price stops or moves it, or says which orders go first; the next try to sell all."""
        stops = self.upper_stop_loss_enabled or self.lower_stop_loss_enabled
        candles = state.phase == "new" or stops or self._moves or state.crossed
        return Waits(candles=candles, until=state.failed.again)

    def told(self, state: Lines) -> Sequence[str]:
        """Where its lines are by now, for a person, if they ever move; and that it can't sell what it should."""
        if state.failed.tries or not state.cells or not self._moves:
            return state.failed.shown()
        low, high = (plain(self._spacing.line(number), 8) for number in (state.bottom, state.top))
        up, down = state.bottom, state.top - self.grids_quantity
        found = [f"{len(state.cells)} grids from {low} to {high}"]
        if up or down:
            found.append(f"the lowest line is {_lines(up)} and the highest {_lines(down)} where they began")
        upper, lower = self._stops(state)
        found += [f"stops above {plain(upper, 8)}"] if upper is not None else []
        return found + ([f"stops below {plain(lower, 8)}"] if lower is not None else [])

    def decide(self, state: Lines, view: View, now: datetime) -> tuple[Lines, Sequence[Wish]]:
        """Put a counterpart to what was filled; move; begin, or end, if it is time."""
        if state.phase == "new":
            return self._started(view)
        if state.phase == "selling":
            return closing(state, view.markets[self.symbol], view, now)
        ladder, starts = self.ladder(view.markets[self.symbol]), state.starts
        state, wrong = self._heard(state, view, ladder)
        why, action = (wrong, "stop_bot") if wrong else self._beyond(state, view)
        if state.phase != "cancelling" and why and action == "stop_bot":
            return state, (Stop(why),)
        if state.phase != "cancelling" and why:
            closes = action == "stop_bot_and_close_position"
            state = state.model_copy(update={"phase": "cancelling", "closes": closes, "why": why})
        if state.phase == "cancelling":
            return self._cancelling(state, view)
        if state.phase == "buying" and state.starts > starts:
            return self._stocked(state, view, ladder)
        if self._moves and state.phase == "running":
            state = self._moved(state, view, ladder)
        return self._placed(state, view, ladder)

    def _started(self, view: View) -> tuple[Lines, Sequence[Wish]]:
        market, price = view.markets[self.symbol], view.prices[self.symbol]
        ladder, spaces = self.ladder(market), range(self.grids_quantity)
        lines = [ladder.line(number) for number in range(self.grids_quantity + 1)]
        if not lines[0] or any(low >= high for low, high in pairwise(lines)):
            tick = market.filters.tick
            return Lines(), (Stop(f"{self.grids_quantity} grids lie closer than the tick size {tick}; take fewer"),)
        amounts = [ladder.amount(number) for number in spaces]
        if not all(amounts):
            lot = market.filters.lot
            return Lines(), (Stop(f"quantity_per_grid is below the lot size {lot} {market.base}; take more"),)
        made = tuple(
            ladder.fresh(number, 0)
            if lines[number] < price
            else Cell(number=number, side=Side.SELL, amount=ladder.back(number, amounts[number]))
            for number in spaces
        )
        held = view.balances.get(market.base)
        return self._stocked(Lines(cells=made, began=held.free if held else ZERO), view, ladder)

    def _stocked(self, state: Lines, view: View, ladder: Ladder) -> tuple[Lines, Sequence[Wish]]:
        """Buy what the sells need, if it is not there."""
        market = ladder.market
        needed = sum((cell.got + (cell.amount if cell.side is Side.SELL else 0) for cell in state.cells), ZERO)
        held = view.balances.get(market.base)
        missing = needed - (held.free if held else ZERO)
        if missing <= 0:
            return self._placed(state.model_copy(update={"phase": "running"}), view, ladder)
        return state.model_copy(update={"phase": "buying"}), (self._first(_start(state.starts), market, missing),)

    def _first(self, tag: str, market: Market, missing: Decimal) -> Place:
        step = market.filters.market_lot or market.filters.lot or Decimal("1e-8")
        gross = missing / (1 - market.taker)  # where the fee is taken from what was bought
        amount = (gross / step).to_integral_value(ROUND_CEILING) * step
        return Place(tag, self.symbol, Side.BUY, OrderType.MARKET, amount=amount)

    def _heard(self, state: Lines, view: View, ladder: Ladder) -> tuple[Lines, str]:
        """What the events make of the cells; and why it can't go on."""
        found, base, why = list(state.cells), view.markets[self.symbol].base, ""
        phase, starts = state.phase, state.starts
        for event in view.events:
            if not isinstance(event, (Filled, Ended)):
                continue
            if event.tag.startswith(START):
                if not isinstance(event, Ended) or event.tag != _start(starts):
                    continue
                if event.state is OrderState.FILLED:
                    phase = "running" if phase == "buying" else phase
                    continue
                starts += 1
                lost = f"what the sells need was not bought: {event.why or event.state}"
                why = lost if starts >= TRIES or event.lasting else why
                continue
            number, turn = cells.read(event.tag)
            at = number - state.bottom
            if not 0 <= at < len(found) or found[at].round != turn:
                continue
            cell = found[at]
            if isinstance(event, Filled):
                found[at] = cell.filled(event, base)
            else:
                found[at] = _ended(cell, event, ladder)
                if found[at].tries >= TRIES:
                    why = why or f"its order {event.tag} was not filled {TRIES} times: {event.why or event.state}"
        return state.model_copy(update={"cells": tuple(found), "phase": phase, "starts": starts}), why

    def _beyond(self, state: Lines, view: View) -> tuple[str, Action]:
        """Why a price that a candle closed at ends the bot, and what is done then."""
        upper, lower = self._stops(state)
        for event in view.events:
            if not isinstance(event, Closed):
                continue
            close = event.candle.close
            if upper is not None and close > upper:
                return f"{close} is above upper_stop_loss_price", self.upper_stop_loss_action
            if lower is not None and close < lower:
                return f"{close} is below lower_stop_loss_price", self.lower_stop_loss_action
        return "", "stop_bot"

    def _stops(self, state: Lines) -> tuple[Decimal | None, Decimal | None]:
        """Where it stops, above and below: a grid that has moved by so many lines takes the one behind it along."""
        upper = self.upper_stop_loss_price if self.upper_stop_loss_enabled else None
        lower = self.lower_stop_loss_price if self.lower_stop_loss_enabled else None
        down, up = min(state.top - self.grids_quantity, 0), max(state.bottom, 0)
        return (
            upper if upper is None or not down else self._spacing.along(upper, down),
            lower if lower is None or not up else self._spacing.along(lower, up),
        )

    def _moved(self, state: Lines, view: View, ladder: Ladder) -> Lines:
        price, closed = view.prices[self.symbol], any(isinstance(event, Closed) for event in view.events)
        if closed and not state.shift:
            up, down = self.trailing_up_enabled, self.trailing_down_enabled
            state = state.model_copy(update={"shift": moves.shift(state, ladder, price, up=up, down=down)})
        state = moves.moved(state, ladder, price)
        if not closed or state.shift:
            return state
        quote = view.balances.get(ladder.market.quote)
        free = quote.free if quote else ZERO
        return moves.expanded(state, ladder, price, free, up=self._expands_up, down=self._expands_down)

    def _placed(self, state: Lines, view: View, ladder: Ladder) -> tuple[Lines, Sequence[Wish]]:
        """Orders for the cells that should have one, and none for those that should not."""
        wanted = _apart(state, self._wanted(state), ladder, view.prices[self.symbol])
        found, wishes = list(state.cells), list[Wish]()
        for at, cell in enumerate(state.cells):
            if cell.resting and cell.number not in wanted:
                found[at] = cell.model_copy(update={"leaving": True})
                wishes.append(Cancel(cell.tag))
            elif not cell.resting and cell.number in wanted:
                found[at] = cell.model_copy(update={"resting": True})
                price = ladder.line(cell.line)
                wishes.append(Place(cell.tag, self.symbol, cell.side, OrderType.LIMIT, amount=cell.amount, price=price))
        return (state.model_copy(update={"cells": tuple(found)}) if wishes else state), wishes

    def _wanted(self, state: Lines) -> set[int]:
        moving = {cell.number for cell in state.moving} if state.shift else set()
        stay = [cell for cell in state.cells if cell.amount and cell.number not in moving]
        buys = [cell.number for cell in stay if cell.side is Side.BUY]
        sells = [cell.number for cell in stay if cell.side is Side.SELL and state.phase != "buying"]
        return {*buys[-(self.max_active_buy_lines or len(buys)) :], *sells[: self.max_active_sell_lines]}

    def _cancelling(self, state: Lines, view: View) -> tuple[Lines, Sequence[Wish]]:
        if resting := [cell.tag for cell in state.cells if cell.resting]:
            return state, [Cancel(tag) for tag in resting]
        return close(state, view.markets[self.symbol], view)


def _ended(cell: Cell, event: Ended, ladder: Ladder) -> Cell:
    """What is done next in a cell whose order has ended.

    What is left of one that was filled in part may be too little for another order: then it is added to the next one.
    """
    turn = cell.round + 1
    left = cell.amount if not event.filled or ladder.takes(cell.amount, cell.line) else ZERO
    if event.state is not OrderState.FILLED and left:
        failed = not event.outdated and not (cell.leaving and event.state is OrderState.CANCELLED)
        ended = {"round": turn, "resting": False, "leaving": False, "tries": cell.tries + failed}
        return cell.model_copy(update=ended)
    amount = ladder.back(cell.number, cell.got)
    enough = event.state is OrderState.FILLED or ladder.takes(amount, cell.number + 1)
    if cell.side is Side.BUY and amount and enough:
        got = ZERO if ladder.keeps_base else cell.got - amount
        return Cell(number=cell.number, side=Side.SELL, amount=amount, got=got, round=turn, budget=cell.budget)
    again = ladder.amount(cell.number, cell.budget)
    got = cell.got + (cell.amount if cell.side is Side.SELL else ZERO)
    return Cell(number=cell.number, side=Side.BUY, amount=again, got=got, round=turn, budget=cell.budget)


def _apart(state: Lines, wanted: set[int], ladder: Ladder, price: Decimal) -> set[int]:
    """Those of the wanted cells whose orders may rest now: a buy at or above a sell might trade with it.

    Cells cross when several were filled between two looks. Of those less than a line from the price those go first
    that it lets be filled at once, and the others wait until these have ended, or the price is a line away: then there
    is the market between them.
    """
    if not state.crossed:
        return wanted
    there = [cell for cell in state.cells if cell.resting or cell.number in wanted]
    near = [cell for cell in there if ladder.line(cell.line - 1) < price < ladder.line(cell.line + 1)]
    buys, sells = ([cell for cell in near if cell.side is side] for side in (Side.BUY, Side.SELL))
    if not buys or not sells or buys[-1].line < sells[0].line:
        return wanted
    first, others = (sells, buys) if price >= ladder.line(sells[0].line) else (buys, sells)
    crossed = range(sells[0].line, buys[-1].line + 1)
    kept = [cell for cell in others if cell.line in crossed]
    if any(cell.resting for cell in kept):
        kept += [cell for cell in first if cell.line in crossed]
    return wanted - {cell.number for cell in kept if not cell.resting}


def _start(number: int) -> str:
    return f"{START}-{number}" if number else START


def _farther(name: str, price: Decimal, other: str, beyond: Decimal | None) -> tuple[str, Decimal]:
    return (name, price) if beyond is None else (other, beyond)


def _lines(number: int) -> str:
    """``2 lines above``."""
    return f"{counted(abs(number), 'line')} {'above' if number > 0 else 'below'}" if number else "at"
