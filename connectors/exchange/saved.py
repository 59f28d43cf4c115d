"""An account on paper as JSON, so that it survives a restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.exchange.paper import Paper, Rules
from connectors.exchange.shelf import Resting
from connectors.exchange.wallet import Wallet
from connectors.market import Market
from connectors.order import Balance, Fill, OrderRequest, OrderState, Side


def write(paper: Paper) -> dict[str, Any]:
    """All that must be kept, JSON-able; ``read`` makes the same account of it."""
    return {
        "balances": {name: [str(held.free), str(held.locked)] for name, held in paper.balances().items()},
        "markets": {
            symbol: {"last": str(shelf.last), "left": str(shelf.left), "going": [order.number for order in shelf.going]}
            for symbol, shelf in paper.shelves.items()
            if shelf.last is not None
        },
        "open": [_order(order) for order in paper.open.values()],
        "ended": [_order(order) for order in paper.ended.values()],
        "last_order": paper.last_order,
        "last_fill": paper.last_fill,
    }


def read(markets: Mapping[str, Market], said: Mapping[str, Any], rules: Rules | None = None) -> Paper:
    """The account that ``write`` wrote down.

    Raises:
        KeyError: it has orders in a market that is not there any more.
    """
    paper = Paper(markets, {}, rules)
    paper.wallet = Wallet(
        {name: Balance(name, Decimal(free), Decimal(locked)) for name, (free, locked) in said["balances"].items()}
    )
    paper.last_order, paper.last_fill = said["last_order"], said["last_fill"]
    for few, orders in ((said["ended"], paper.ended), (said["open"], paper.open)):
        for one in few:
            order = _resting(one)
            orders[order.number] = order
    both = {**paper.ended, **paper.open}
    for number in sorted(both):
        paper.named[both[number].request.client_order_id] = both[number]
    for symbol, market in said["markets"].items():
        paper.shelves[symbol].last = Decimal(market["last"])
        paper.shelves[symbol].left = Decimal(market["left"])
    going = [number for market in said["markets"].values() for number in market["going"]]
    for number in [*going, *(number for number in paper.open if number not in going)]:
        order = paper.open[number]
        paper.shelves[order.request.symbol].put(order)
    return paper


def _order(order: Resting) -> dict[str, Any]:
    return {
        "number": order.number,
        "request": order.request.plan(),
        "at": order.at.isoformat(),
        "amount": str(order.amount),
        "waits": order.waits,
        "locked": str(order.locked),
        "filled": str(order.filled),
        "cost": str(order.cost),
        "state": str(order.state),
        "mate": order.mate,
        "changed": order.changed.isoformat() if order.changed else None,
        "fills": [_fill(fill) for fill in order.fills],
    }


def _resting(said: Mapping[str, Any]) -> Resting:
    request = OrderRequest.of(said["request"])
    return Resting(
        number=said["number"],
        request=request,
        at=datetime.fromisoformat(said["at"]),
        amount=Decimal(said["amount"]),
        waits=said["waits"],
        locked=Decimal(said["locked"]),
        filled=Decimal(said["filled"]),
        cost=Decimal(said["cost"]),
        state=OrderState(said["state"]),
        mate=said["mate"],
        changed=datetime.fromisoformat(said["changed"]) if said["changed"] else None,
        fills=[_filled(fill, said["number"], request) for fill in said["fills"]],
    )


def _fill(fill: Fill) -> list[Any]:
    figures = (fill.id, str(fill.price), str(fill.amount), str(fill.fee), fill.fee_asset)
    return [*figures, fill.maker, fill.at.isoformat()]


def _filled(said: list[Any], number: int, request: OrderRequest) -> Fill:
    name, price, amount, fee, fee_asset, maker, at = said
    return Fill(
        id=name,
        order_id=str(number),
        symbol=request.symbol,
        side=Side(request.side),
        price=Decimal(price),
        amount=Decimal(amount),
        fee=Decimal(fee),
        fee_asset=fee_asset,
        maker=maker,
        at=datetime.fromisoformat(at),
    )
