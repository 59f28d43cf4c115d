"""A grid follows the price: it gives up a line for one on the other side (trailing), or takes one more (expansion)."""

from __future__ import annotations

from decimal import Decimal

from connectors.order import Side
from jobs.bots.cells import Cell, Lines
from jobs.bots.ladder import Ladder
from jobs.bots.parameters import whole

MOST = 500  #: cells


def shift(state: Lines, ladder: Ladder, price: Decimal, *, up: bool, down: bool) -> int:
    """By how many lines the price has left a grid that trails; down is negative. At most all cells move at once."""
    count = len(state.cells)
    if up and state.only(Side.BUY):
        return next((n for n in range(count) if price < ladder.line(state.top + n + 1)), count)
    if down and state.only(Side.SELL):
        beyond = (n for n in range(count) if not _below(state.bottom - n - 1, ladder, price))
        return -next(beyond, count)
    return 0


def _below(number: int, ladder: Ladder, price: Decimal) -> bool:
    return ladder.lies(number) and price <= ladder.line(number)


def moved(state: Lines, ladder: Ladder, price: Decimal) -> Lines:
    """Each cell that is given up becomes one on the other side, as soon as nothing rests for it.

    What was filled meanwhile, and a price that has come back, end the move.
    """
    while state.shift:
        cell = state.moving[0] if state.shift > 0 else state.moving[-1]
        if cell.resting:
            return state
        state = _up(state, cell, ladder, price) if state.shift > 0 else _down(state, cell, ladder, price)
    return state


def _up(state: Lines, cell: Cell, ladder: Ladder, price: Decimal) -> Lines:
    if cell.side is not Side.BUY or price <= ladder.line(state.top):
        return state.model_copy(update={"shift": 0})
    got = whole(cell.got, ladder.market.filters.lot)  # a part that was bought before it was cancelled
    wanted = ladder.amount(state.top, cell.budget)
    new: dict[str, object] = {"number": state.top, "round": max(state.turns, cell.round + 1), "budget": cell.budget}
    if got and not ladder.takes(wanted - got, state.top):
        new |= {"side": Side.SELL, "amount": got, "got": cell.got - got}
    else:
        new |= {"side": Side.BUY, "amount": wanted - got, "got": cell.got}
    return _given_up(state, cell, (*state.cells[1:], Cell.model_validate(new)), state.shift - 1)


def _down(state: Lines, cell: Cell, ladder: Ladder, price: Decimal) -> Lines:
    if cell.side is not Side.SELL or price >= ladder.line(state.bottom):
        return state.model_copy(update={"shift": 0})
    brings = cell.amount * ladder.line(state.bottom) * (1 - ladder.market.maker)
    new = Cell(
        number=state.bottom - 1,
        side=Side.SELL,
        amount=cell.amount,
        got=cell.got,
        round=max(state.turns, cell.round + 1),
        budget=min(brings, ladder.quantity),
    )
    return _given_up(state, cell, (new, *state.cells[:-1]), state.shift + 1)


def _given_up(state: Lines, cell: Cell, cells: tuple[Cell, ...], left: int) -> Lines:
    return state.model_copy(update={"cells": cells, "turns": max(state.turns, cell.round + 1), "shift": left})


def expanded(  # noqa: PLR0913 - where the price and the money are, and how far it may go
    state: Lines, ladder: Ladder, price: Decimal, free: Decimal, *, up: Decimal | None, down: Decimal | None
) -> Lines:
    """A line more for each that the price has left the grid by, as far as ``up`` and ``down``, and as money is there.

    ``free`` is what is free of the quote asset; what other cells will need of it is not spent.
    """
    free -= sum(_needs(cell, ladder) for cell in state.cells)
    while up is not None and state.only(Side.BUY) and ladder.line(state.top + 1) <= min(price, up):
        cell = ladder.fresh(state.top, state.turns)
        if len(state.cells) >= MOST or (free := free - _cost(cell, ladder)) < 0:
            break
        state = state.model_copy(update={"cells": (*state.cells, cell)})
    while down is not None and price < ladder.line(state.bottom) and ladder.line(state.bottom - 1) >= down:
        cell = ladder.fresh(state.bottom - 1, state.turns)
        too_many = len(state.cells) >= MOST or not ladder.lies(cell.number)
        if too_many or (free := free - _cost(cell, ladder)) < 0:
            break
        state = state.model_copy(update={"cells": (cell, *state.cells)})
    return state


def _needs(cell: Cell, ladder: Ladder) -> Decimal:
    """What of the free money belongs to a cell: to its buy that does not rest, or brought in by a part of its sale."""
    if cell.side is Side.BUY:
        return Decimal(0) if cell.resting else _cost(cell, ladder)
    again = cell.model_copy(update={"amount": ladder.amount(cell.number, cell.budget)})
    comes = cell.amount * ladder.line(cell.line) * (1 - ladder.market.maker)
    return max(Decimal(0), _cost(again, ladder) - comes)


def _cost(cell: Cell, ladder: Ladder) -> Decimal:
    return cell.amount * ladder.line(cell.number) * (1 + ladder.market.taker)
