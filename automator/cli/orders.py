"""``automator orders``: placed by hand or by bots, and what became of them."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli import table
from automator.cli.common import HomeOption, JsonOption, asking, engine, fail, records, show_json, told, working
from automator.cli.table import CsvOption

if TYPE_CHECKING:
    from collections.abc import Mapping
    from sqlite3 import Connection

    from automator.engine import Engine
    from automator.trading.orders import Stored
    from connectors.market import Market
    from jobs.bots.strategy import Place

WAIT = 10.0  #: seconds for what becomes of an order at once

orders = typer.Typer(name="orders", help="Orders at exchanges.", no_args_is_help=True)

AccountOption = Annotated[str | None, typer.Option("--account", help="Only those of this account.")]
OwnerOption = Annotated[str | None, typer.Option("--bot", help="Only those of this bot; user: your own.")]
SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Only those of this symbol: BTC/USDT.")]


def chosen(account: str | None, owner: str | None, symbol: str | None) -> dict[str, str]:
    """The columns that options ask for, with their values."""
    asked = {"account": account, "owner": owner, "symbol": symbol.upper() if symbol else None}
    return {name: value for name, value in asked.items() if value is not None}


def _one(reader: Connection, start: str) -> Stored:
    from automator.trading.orders import begins  # noqa: PLC0415 - keeps --help fast

    found = begins(reader, start) if start.isalnum() else []
    if len(found) != 1:
        what = "several orders begin" if found else "no order begins"
        raise fail(f"{what} with {start!r}; `automator orders list` shows them", 2)
    return found[0]


def _line(item: Stored) -> str:
    from jobs.orders.risk import plain  # noqa: PLC0415 - keeps --help fast

    filled = f", {plain(item.filled)} filled" if item.filled else ""
    reason = f"  ({item.reason})" if item.reason else ""
    when = f"{item.created_at:%Y-%m-%d %H:%M:%S}Z"
    state = item.state.replace("_", " ")
    return f"{item.id[:8]}  {when}  {item.account:16} {item.owner:12} {item.says():40} {state}{filled}{reason}"


@orders.command("list")
@told
def list_(  # noqa: PLR0913, PLR0917 - the command's options
    home: HomeOption = None,
    account: AccountOption = None,
    bot: OwnerOption = None,
    symbol: SymbolOption = None,
    open_: Annotated[bool, typer.Option("--open", help="Only those that may still be filled.")] = False,
    state: Annotated[str | None, typer.Option(help="Only those that are so: unconfirmed, filled, ...")] = None,
    as_json: JsonOption = False,
    csv: CsvOption = None,
) -> None:
    """List orders, oldest first."""
    from automator.trading.orders import COLUMNS, listed  # noqa: PLC0415 - keeps --help fast
    from jobs.orders.states import ENDED, State  # noqa: PLC0415 - as above

    if state is not None and state not in set(State):
        raise fail(f"no order is ever {state!r}; there are {', '.join(State)}", 2)
    with records(home) as kept:
        found = listed(kept.reader, **chosen(account, bot, symbol), **({"state": state} if state else {}))
    found = [item for item in found if not open_ or item.state not in ENDED]
    rows, lines = [item.as_json() for item in found], list(map(_line, found))
    table.show(rows, lines, csv, COLUMNS, as_json=as_json, none="no orders")


@orders.command()
@told
def show(order: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one order, with its fills."""
    from automator.trading.fills import of_order  # noqa: PLC0415 - keeps --help fast
    from jobs.orders.risk import plain  # noqa: PLC0415 - as above

    with records(home) as kept:
        item = _one(kept.reader, order)
        made = [fill for _, fill in of_order(kept.reader, item)]
    if as_json:
        numbers = [
            {"at": fill.at.isoformat(), "amount": plain(fill.amount), "price": plain(fill.price)} for fill in made
        ]
        show_json({**item.as_json(), "fills": numbers})
        return
    typer.echo(_line(item))
    typer.echo(f"id {item.id}, at the exchange {item.exchange_id or 'unknown'}; {item.account} had {plain(item.mark)}")
    for fill in made:
        fee = f"fee {plain(fill.fee)} {fill.fee_asset}"
        typer.echo(f"  {fill.at:%Y-%m-%d %H:%M:%S}Z  {plain(fill.amount)} at {plain(fill.price)}, {fee}")


@orders.command()
@told
async def place(  # noqa: PLR0913, PLR0917 - the command's options
    account: str,
    symbol: Annotated[str, typer.Argument(help="BTC/USDT")],
    side: Annotated[str, typer.Argument(help="buy or sell")],
    home: HomeOption = None,
    amount: Annotated[str | None, typer.Option(help="How much of the base asset.")] = None,
    pay: Annotated[str | None, typer.Option(help="Or how much of the quote asset, at the market's price.")] = None,
    price: Annotated[str | None, typer.Option(help="At this price or better; at the market's without.")] = None,
    stop: Annotated[str | None, typer.Option(help="Only once the price has gone the wrong way so far.")] = None,
    take_profit: Annotated[str | None, typer.Option(help="Only once it has gone the right way so far.")] = None,
    time_in_force: Annotated[str, typer.Option("--for", help="gtc, ioc, fok or post_only")] = "gtc",
    as_json: JsonOption = False,
) -> None:
    """Place an order on ACCOUNT. It is judged by your limits first, and sent once."""
    wish = _wish(symbol, side, (amount, pay, price, stop, take_profit), time_in_force)
    async with engine(home) as opened:
        stored = await _placed(opened, account, wish)
    if as_json:
        show_json(stored.as_json())
    else:
        typer.echo(_line(stored))
    if stored.state == "intent":
        raise fail("it waits to be sent; `automator serve` sends it, within a minute or not at all", 1)
    if stored.state in {"sent", "unknown"}:
        raise fail(f"what became of it is not known yet; `automator serve` asks {account}, and sends nothing twice", 1)
    if stored.state in {"rejected", "not_placed", "unconfirmed"}:
        raise typer.Exit(1)


async def _placed(opened: Engine, account: str, wish: Place) -> Stored:
    from automator.trading import submission  # noqa: PLC0415 - keeps --help fast
    from automator.trading.orders import USER  # noqa: PLC0415 - as above

    session, exchange = opened.trading(account, {"command": "orders place"})
    with asking(account):
        markets = await exchange.markets(session)
        if wish.symbol not in markets:
            raise fail(f"{account} does not trade {wish.symbol}{_near(wish.symbol, markets)}", 2)
        market, ticker = markets[wish.symbol], await exchange.ticker(session, wish.symbol)

    def put(tx: Connection) -> tuple[submission.Approved | submission.Refused, list[str]]:
        now = opened.clock.now()
        done = submission.submit(tx, account, USER, wish.tag, wish, now, market=market, price=ticker.last)
        return done, [done.order]

    done, begun = await opened.worker.begin(put)
    if isinstance(done, submission.Refused):
        raise fail(f"nothing was sent: {'; '.join(done.reasons)}", 1)
    with working(f"placing it at {account}"):
        if begun:  # not if the clock was set back since it was put in
            await asyncio.wait(begun, timeout=WAIT)
        await opened.worker.see_through([done.order], WAIT)
    return _one(opened.reader, done.order)


def _near(symbol: str, markets: Mapping[str, Market]) -> str:
    """What may have been meant."""
    base = symbol.partition("/")[0]
    meant = [name for name, market in markets.items() if market.id.upper() == symbol or name.startswith(f"{base}/")]
    if meant:
        return f"; it trades {', '.join(sorted(meant)[:5])}"
    return "" if "/" in symbol else "; write it like BTC/USDT"


def _wish(symbol: str, side: str, numbers: tuple[str | None, ...], time_in_force: str) -> Place:
    from connectors.exchange.filters import senseless  # noqa: PLC0415 - keeps --help fast
    from connectors.order import OrderType, Side, TimeInForce  # noqa: PLC0415 - as above
    from jobs.bots.strategy import Place as Wish  # noqa: PLC0415 - as above

    if side not in set(Side):
        raise fail(f"{side!r} is no side; an order is a buy or a sell", 2)
    if time_in_force not in set(TimeInForce):
        raise fail(f"--for {time_in_force!r} is none of {', '.join(TimeInForce)}", 2)
    amount, pay, price, stop, take = (_number(value) for value in numbers)
    if stop is not None and take is not None:
        raise fail("give --stop or --take-profit; one order does not wait for both", 2)
    if (amount is None) == (pay is None):
        raise fail("say how much: --amount of the base asset, or --pay of the quote asset", 2)
    kinds = {
        (False, False, False): OrderType.MARKET,
        (True, False, False): OrderType.LIMIT,
        (False, True, False): OrderType.STOP,
        (True, True, False): OrderType.STOP_LIMIT,
        (False, False, True): OrderType.TAKE_PROFIT,
        (True, False, True): OrderType.TAKE_PROFIT_LIMIT,
    }
    kind = kinds[price is not None, stop is not None, take is not None]
    waits = stop if stop is not None else take
    tag = secrets.token_hex(8)
    wish = Wish(tag, symbol.upper(), Side(side), kind, amount, price, waits, pay, TimeInForce(time_in_force))
    if wrong := senseless(wish.order(tag)):
        raise fail("; ".join(wrong), 2)
    return wish


def _number(value: str | None) -> Decimal | None:
    if value is None:
        return None
    slip = not value.isascii() or "_" in value  # Decimal takes 1_0 for ten
    with suppress(InvalidOperation):
        if not slip:
            return Decimal(value)
    raise fail(f"{value!r} is no number", 2)


@orders.command()
@told
async def cancel(order: str, home: HomeOption = None) -> None:
    """Cancel an order; what was filled stays filled."""
    from automator.accounts import load  # noqa: PLC0415 - keeps --help fast
    from automator.scheduling.due import why as waits  # noqa: PLC0415 - as above
    from automator.trading import orders as orders_  # noqa: PLC0415 - as above
    from jobs.orders.states import ENDED  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        item = _one(opened.reader, order)
        load(opened.reader, item.account)  # who is not connected can't cancel anything
        asked = await opened.writer.run(lambda tx: orders_.cancel(tx, item.id, opened.clock.now(), actor="user"))
        if asked is None:
            raise fail(f"{item.id[:8]} is {item.state.replace('_', ' ')}; there is nothing to cancel", 1)
        with working("cancelling"):
            await opened.worker.see_through([item.key, orders_.cancelling(item.id)], WAIT)
        stands, why = _one(opened.reader, item.id), waits(opened.reader, orders_.cancelling(item.id))
    typer.echo(_line(stands))
    if stands.state not in ENDED:
        because = f" ({why})" if why else ""
        raise fail(f"{item.id[:8]} is not cancelled yet{because}; `automator serve` goes on with that", 1)


@orders.command()
@told
async def resolve(  # noqa: PLR0913, PLR0917 - the command's options
    order: Annotated[list[str], typer.Argument(help="One, or several that are settled alike.")],
    home: HomeOption = None,
    there: Annotated[str | None, typer.Option(help="It was placed: the exchange's id of it.")] = None,
    not_placed: Annotated[bool, typer.Option("--not-placed", help="It was not placed.")] = False,
    gone: Annotated[bool, typer.Option("--gone", help="It was there, and has ended: one that is missing.")] = False,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Do not ask the exchange whether that is so.")] = False,
) -> None:
    """Settle an order that is unconfirmed or missing. Look at the exchange first; it is never sent again.

    The exchange is asked first: a number that it does not have, or that is another order, is refused.
    """
    if bool(there) + not_placed + gone != 1:
        raise fail("say either --there ORDER or --not-placed, or --gone of an order that was accepted", 2)
    if there and len(order) > 1:
        raise fail("--there names one order of the exchange's; settle one order of yours by it", 2)
    verdict, wrong = Verdict(there, gone, unchecked), list[str]()
    async with engine(home) as opened:
        for item in {item.id: item for item in [_one(opened.reader, one) for one in order]}.values():
            why = await _settled(opened, item, verdict)
            typer.echo(_line(_one(opened.reader, item.id)))
            if why:
                wrong.append(why)
            else:
                typer.echo(f"{item.id[:8]} is settled")
    if wrong:
        raise fail("; ".join(wrong), 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person says of orders: placed as ``there``, or ``gone``, or else not placed."""

    there: str | None
    gone: bool
    unchecked: bool


async def _settled(opened: Engine, item: Stored, said: Verdict) -> str:
    """Settle one order; returns why that could not be, or was not so; empty if it is."""
    from automator.trading.settling import Unsettled  # noqa: PLC0415 - keeps --help fast

    if item.state in {"sent", "unknown"}:
        return f"{item.id[:8]} is {item.state}: `automator serve` is asking {item.account} about it first"
    if item.state not in ({"open", "partially_filled"} if said.gone else {"unconfirmed"}):
        return f"{item.id[:8]} is {item.state.replace('_', ' ')}; there is nothing to settle"
    settling, shown = opened.settling, None
    try:
        with working(f"asking {item.account}"):
            if said.gone:
                shown = await settling.gone(item, unchecked=said.unchecked, actor="user")
            elif said.there:
                await settling.there(item, said.there, unchecked=said.unchecked, actor="user")
            else:
                shown = await settling.not_placed(item, unchecked=said.unchecked, actor="user")
    except Unsettled as why:
        return str(why)
    return f"{item.account} has it, as order {shown.id}; that is what it is taken for" if shown is not None else ""
