"""A bot's share of its account: what its funds, and what it has bought for them, leave free for another order."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from automator.trading import news, orders
from automator.trading.bots import Bot
from automator.trading.orders import BEYOND
from connectors.exchange.filters import text
from connectors.order import OrderRequest, Side
from jobs.bots import kinds
from jobs.orders.positions import ZERO
from jobs.orders.risk import notional
from jobs.orders.states import ENDED


class Share:
    """What of a bot's own is free, as orders are put in one after another."""

    def __init__(self, free: Mapping[str, Decimal], *, sells_others: bool = False) -> None:
        """``sells_others``: what it sells was bought by a person, who has named how much of it that is."""
        self._free = defaultdict(Decimal, free)
        self._sells_others = sells_others

    def lacks(self, *asked: OrderRequest, price: Decimal) -> tuple[str, ...]:
        """Why an order, or the two of a pair, would take more than is free; if they don't, that is free no more.

        A limit order counts at its own price, as at the exchange until it is filled. ``price`` is the market's, in the
        quote asset.
        """
        asset, much = max((_needed(one, price) for one in asked), key=lambda need: need[1])
        if asked[0].side is Side.SELL and self._sells_others:
            return ()
        if not much.is_finite():
            return ()  # it is refused for that
        if much > self._free[asset]:
            left = max(ZERO, self._free[asset])
            return (f"the order needs {text(much)} {asset}, and {text(left)} {asset} {BEYOND}",)
        self._free[asset] -= much
        return ()


def _needed(request: OrderRequest, price: Decimal) -> tuple[str, Decimal]:
    """The asset that an order takes, and how much of it."""
    base, _, quote = request.symbol.partition("/")
    return (quote, notional(request, price)) if request.side is Side.BUY else (base, request.amount or ZERO)


def of(tx: sqlite3.Connection, bot: Bot, held: Mapping[str, Decimal], last: int) -> Share:
    """A live bot's share; ``held`` is what it held after its news up to ``last``, and what came since counts too."""
    now = news.held(held, news.since(tx, bot.name, last, limit=-1))
    taken = locked(tx, bot)
    free = {asset: now.get(asset, ZERO) - taken.get(asset, ZERO) for asset in {*now, *taken}}
    return Share(free, sells_others=not kinds.of(bot.kind).bought)


def locked(connection: sqlite3.Connection, bot: Bot) -> Mapping[str, Decimal]:
    """What a live bot's orders may still take, or have taken without its having been told so, by asset."""
    told = _told(connection, bot)
    holds: dict[str, tuple[str, Decimal]] = {}
    for item in orders.untold(connection, bot.account, bot.name):
        amount, cost = told.get(item.id, (ZERO, ZERO))
        buys, over = item.side == Side.BUY, item.state in ENDED
        most = (item.cost if over else item.notional) if buys else item.filled if over else item.amount or ZERO
        much = max(ZERO, most - (cost if buys else amount))
        _, other = holds.get(item.key, ("", ZERO))  # for both of a pair there is one balance
        holds[item.key] = item.quote if buys else item.symbol.partition("/")[0], max(much, other)
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for asset, much in holds.values():
        found[asset] += much
    return found


def _told(connection: sqlite3.Connection, bot: Bot) -> Mapping[str, tuple[Decimal, Decimal]]:
    """Of the orders that may still take something: amount and cost of the fills that their bot was told of."""
    rows: Sequence[tuple[str, str, str]] = connection.execute(
        "SELECT o.id, f.amount, f.price FROM ordered AS o JOIN order_news AS n ON n.ordered = o.id AND n.fill > 0 "
        "JOIN fill AS f ON f.id = n.fill WHERE o.told = 0 AND o.account = ? AND +o.owner = ?",
        (bot.account, bot.name),
    ).fetchall()
    found: dict[str, tuple[Decimal, Decimal]] = {}
    for order, amount, price in rows:
        before, cost = found.get(order, (ZERO, ZERO))
        found[order] = before + Decimal(amount), cost + Decimal(amount) * Decimal(price)
    return found
