"""The books after a soak, compared with the exchange's to the last unit. Nothing here uses the product's arithmetic."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal, localcontext
from typing import Any

from automator.ledger import chain
from connectors.order import orders_of
from tests.soak.exchange import BALANCES

ZERO, SMALLEST = Decimal(0), Decimal("1e-8")
EXACT = Context(prec=60)
STATES = {"NEW": "open", "CANCELED": "cancelled"}
AT_EXCHANGE = frozenset({"open", "partially_filled", "filled", "cancelled", "expired"})
NEVER_THERE = frozenset({"not_placed", "rejected"})
RESTS = frozenset({"NEW", "PARTIALLY_FILLED"})
SHOWN = 20  #: differences that are told

Trade = tuple[str, str, str, str, str, Decimal, Decimal, Decimal, str, bool, int]
Row = tuple[Any, ...]

ALONE = -1  #: the list of an order that is in none


@dataclass(frozen=True)
class There:
    """What the exchange has, past the product: every order ever placed with its trades, and balances."""

    orders: Sequence[Mapping[str, Any]]
    held: Mapping[str, Mapping[str, Mapping[str, str]]]

    def trades(self) -> list[Trade]:
        """All of them."""
        return [_trade(order, made) for order in self.orders for made in order["fills"]]


def _trade(order: Mapping[str, Any], made: Mapping[str, Any]) -> Trade:
    numbers = (Decimal(made["price"]), Decimal(made["qty"]), Decimal(made["commission"]))
    return (
        _account(order),
        order["symbol"],
        str(made["id"]),
        str(made["orderId"]),
        order["side"].lower(),
        *numbers,
        made["commissionAsset"],
        bool(made["isMaker"]),
        int(made["time"]),
    )


def _account(order: Mapping[str, Any]) -> str:
    return f"binance/{order['account']}"


def differences(reader: sqlite3.Connection, there: There, *, holdings: bool = True) -> list[str]:
    """In what our books differ from the exchange's, a sentence each; none after a good soak.

    ``holdings``: also what our books say that an account holds, which is as old as the last look at it.
    """
    with localcontext(EXACT):
        found = [
            *_orders(reader, there),
            *_fills(reader, there),
            *_told(reader),
            *_balances(there),
            *(_holdings(reader, there) if holdings else ()),
            *_positions(reader, there),
            *_bots(reader),
            *_ended(reader),
        ]
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return found[:SHOWN] + more


def _orders(reader: sqlite3.Connection, there: There) -> Iterator[str]:
    """The exchange has each order that we say it has, once, as we have it, and no other."""
    ours = {row[0]: row[1:] for row in reader.execute("SELECT id, account, state, filled, cost FROM ordered")}
    count = Counter(one["clientOrderId"] for one in there.orders)
    yield from (f"order {name} was placed {times} times" for name, times in count.items() if times > 1)
    plans = (json.loads(row[0]) for row in reader.execute("SELECT plan FROM intention WHERE operation = 'order.place'"))
    approved = {asked.client_order_id for plan in plans for asked in orders_of(plan)}
    yield from (f"order {name} was placed, and nobody approved it" for name in count.keys() - approved)
    placed = {name for name, row in ours.items() if row[1] in AT_EXCHANGE}
    yield from (f"order {name} is {ours[name][1]} by our books, and not there" for name in placed - count.keys())
    for one in there.orders:
        name, state = one["clientOrderId"], STATES.get(one["status"], one["status"].lower())
        seen = (_account(one), state, Decimal(one["executedQty"]))
        said = ours.get(name)
        if said is None or (said[0], said[1], Decimal(said[2])) != seen:
            yield f"order {name} is {seen} there, and {said} in our books"
        elif _cut(Decimal(said[3])) != Decimal(one["cummulativeQuoteQty"]):
            yield f"order {name} cost {one['cummulativeQuoteQty']} there, and {said[3]} in our books"
    odd = [f"order {name} is {row[1]}" for name, row in ours.items() if row[1] not in AT_EXCHANGE | NEVER_THERE]
    yield from odd
    if len(placed) != len(there.orders):
        yield f"{len(placed)} orders are there by our books, and {len(there.orders)} are"


def _fills(reader: sqlite3.Connection, there: There) -> Iterator[str]:
    """Every trade is in our books once, with the same numbers."""
    ours, theirs = Counter(_ours(reader)), Counter(there.trades())
    yield from (f"we lack the trade {trade}" for trade in (theirs - ours).elements())
    yield from (f"we have the trade {trade}, and they do not" for trade in (ours - theirs).elements())


def _ours(reader: sqlite3.Connection) -> Iterator[Trade]:
    rows = reader.execute(
        "SELECT account, symbol, fill, order_id, side, price, amount, fee, fee_asset, maker, at FROM fill"
    )
    for account, symbol, fill, order, side, price, amount, fee, asset, maker, at in rows:
        numbers = (Decimal(price), Decimal(amount), Decimal(fee))
        yield account, symbol.replace("/", ""), fill, order, side, *numbers, asset, bool(maker), at // 1000


def _told(reader: sqlite3.Connection) -> Iterator[str]:
    """Each owner was told each fill of an order once, and its end once, after them."""
    news = defaultdict[str, list[int]](list)
    for order, fill in reader.execute("SELECT ordered, fill FROM order_news ORDER BY id"):
        news[order].append(fill)
    fills = defaultdict[str, list[int]](list)
    rows = reader.execute(
        "SELECT o.id, f.id FROM fill AS f JOIN ordered AS o "
        "ON o.account = f.account AND o.symbol = f.symbol AND o.exchange_id = f.order_id ORDER BY f.id"
    )
    for order, fill in rows:
        fills[order].append(fill)
    for order, state in reader.execute("SELECT id, state FROM ordered").fetchall():
        told = [number for number in news[order] if number >= 0]  # below 0: of an end that was none
        ends = [0] if state in {"filled", "cancelled", "expired", "not_placed", "rejected"} else []
        if sorted(told, key=lambda number: (number == 0, number)) != sorted(fills[order]) + ends:
            yield f"of order {order} ({state}) was told {told}, and its fills are {fills[order]}"
        elif ends and told[-1] != 0:
            yield f"of order {order} a fill was told after its end"


def _holdings(reader: sqlite3.Connection, there: There) -> Iterator[str]:
    """What our books say that an account holds is what it holds."""
    for handle, held in there.held.items():
        account = f"binance/{handle}"
        rows = reader.execute("SELECT asset, free, locked FROM holding WHERE account = ?", (account,))
        ours = {asset: (Decimal(free), Decimal(locked)) for asset, free, locked in rows}
        theirs = {asset: (Decimal(one["free"]), Decimal(one["locked"])) for asset, one in held.items()}
        if ours != theirs:
            yield f"{account} has {theirs}, and by our books {ours}"


def _balances(there: There) -> Iterator[str]:
    """What an account has is what it began with and its trades; what is locked is what its open orders need."""
    for handle, held in there.held.items():
        account = f"binance/{handle}"
        should = defaultdict(Decimal, BALANCES)
        for asset, much in _flows(there.trades(), account):
            should[asset] += much
        locked = _locked(there.orders, account)
        for asset in sorted(should.keys() | held.keys()):
            shown = held.get(asset, {"free": "0", "locked": "0"})
            free, tied = Decimal(shown["free"]), Decimal(shown["locked"])
            whole = _cut(should[asset]), _cut(locked[asset]), _cut(should[asset] - locked[asset])
            if (whole[1], whole[2]) != (tied, free):
                yield f"{account} has {free} {asset} and {tied} locked, and should have {whole[2]} and {whole[1]}"


def _flows(trades: Iterable[Trade], account: str) -> Iterator[tuple[str, Decimal]]:
    for whose, symbol, _, _, side, price, amount, fee, asset, _, _ in trades:
        if whose == account:
            sign = 1 if side == "buy" else -1
            yield symbol[:3], sign * amount
            yield symbol[3:], -sign * amount * price
            yield asset, -fee


def _locked(orders: Sequence[Mapping[str, Any]], account: str) -> defaultdict[str, Decimal]:
    """Two orders of one list need one balance, since only one of them can be filled."""
    needs: dict[tuple[str, int, int], Decimal] = {}
    for one in orders:
        if one["status"] in RESTS and _account(one) == account:
            rest = Decimal(one["origQty"]) - Decimal(one["executedQty"])
            price = Decimal(one["price"]) or Decimal(one["stopPrice"])
            buys, listed = one["side"] == "BUY", one["orderListId"]
            asset = one["symbol"][3:] if buys else one["symbol"][:3]
            key = asset, listed, one["orderId"] if listed == ALONE else 0
            needs[key] = max(needs.get(key, Decimal(0)), rest * price if buys else rest)
    found = defaultdict[str, Decimal](Decimal)
    for (asset, _, _), much in needs.items():
        found[asset] += much
    return found


def _positions(reader: sqlite3.Connection, there: There) -> Iterator[str]:
    """What the bots of an account hold of a symbol is what the account bought and sold of it, less fees."""
    should = defaultdict[tuple[str, str], Decimal](Decimal)
    for account, symbol, _, _, side, _, amount, fee, asset, _, _ in there.trades():
        should[account, symbol] += (amount if side == "buy" else -amount) - (fee if asset == symbol[:3] else ZERO)
    ours = defaultdict[tuple[str, str], Decimal](Decimal)
    for account, symbol, amount in reader.execute("SELECT account, symbol, amount FROM position"):
        ours[account, symbol.replace("/", "")] += Decimal(amount)
    for place in sorted(should.keys() | ours.keys()):
        if should[place] != ours[place]:
            yield f"the bots of {place} hold {ours[place]}, and should hold {should[place]}"


def _bots(reader: sqlite3.Connection) -> Iterator[str]:
    """What a bot says it has is what it was given, and every trade of its own that it was told of."""
    for name, funds, kept, seen in reader.execute("SELECT name, funds, kept, news FROM bot").fetchall():
        should = defaultdict(Decimal, {asset: Decimal(much) for asset, much in json.loads(funds).items()})
        rows = reader.execute(
            "SELECT f.symbol, f.side, f.price, f.amount, f.fee, f.fee_asset FROM order_news AS n "
            "JOIN fill AS f ON f.id = n.fill WHERE n.owner = ? AND n.id <= ?",
            (name, seen),
        )
        for row in rows:
            symbol, side, price, amount, fee = row[0].replace("/", ""), row[1], *map(Decimal, row[2:5])
            trade = ("", symbol, "", "", side, price, amount, fee, row[5], False, 0)
            for asset, much in _flows([trade], ""):
                should[asset] += much
        held = {asset: Decimal(much) for asset, much in json.loads(kept)["held"].items()}
        wrong = {asset for asset in should.keys() | held.keys() if should[asset] != held.get(asset, ZERO)}
        yield from (f"{name} has {held.get(asset)} {asset}, and should have {should[asset]}" for asset in wrong)


def _ended(reader: sqlite3.Connection) -> Iterator[str]:
    """Nothing is still on its way, and the record holds."""
    query = "SELECT job, state, reason FROM run WHERE state NOT IN ('done', 'cancelled')"
    yield from (f"the run of {job} is {state}: {reason}" for job, state, reason in reader.execute(query))
    query = "SELECT key, state FROM intention WHERE state NOT IN ('done', 'refused', 'absent')"
    yield from (f"the intention {key} is {state}" for key, state in reader.execute(query))
    yield from (text for (text,) in reader.execute("SELECT text FROM notice WHERE kind = 'stuck'"))
    whole = chain.verify(reader)
    if not isinstance(whole, int):
        yield f"the ledger does not verify: {whole}"


def _cut(value: Decimal) -> Decimal:
    """As the exchange shows it: eight decimals."""
    return value.quantize(SMALLEST, ROUND_DOWN)


def table(reader: sqlite3.Connection, there: There, struck: Mapping[str, Any]) -> list[tuple[str, object]]:
    """What happened, for a person."""
    states = Counter(row[0] for row in reader.execute("SELECT state FROM ordered"))
    kinds = Counter(row[0] for row in reader.execute("SELECT kind FROM notice"))
    calls = reader.execute("SELECT count(*) FROM entry WHERE kind = 'call'").fetchone()[0]
    return [
        ("orders at the exchange", len(there.orders)),
        ("trades", len(there.trades())),
        ("orders of ours", ", ".join(f"{count} {state}" for state, count in states.most_common())),
        ("unconfirmed", states["unconfirmed"]),
        ("calls on the record", calls),
        ("faults", ", ".join(f"{count} {name}" for name, count in Counter(struck["faults"]).most_common())),
        ("429s by the exchange's own limits", len(struck["throttled"])),
        *(("", said) for said in struck["throttled"][:3]),
        ("notices", ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())),
    ]
