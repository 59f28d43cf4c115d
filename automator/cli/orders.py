"""``automator orders``: placed by hand or by bots, and what became of them."""

from __future__ import annotations

import secrets
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli import table
from automator.cli.common import HomeOption, JsonOption, engine, fail, records, show_json, told, working
from automator.cli.table import CsvOption

if TYPE_CHECKING:
    from sqlite3 import Connection

    from automator.engine import Engine
    from automator.trading.orders import Stored
    from jobs.bots.strategy import Place

WAIT = 10.0  #: seconds for what becomes of an order at once

orders = typer.Typer(name="orders", help="Orders at exchanges.", no_args_is_help=True)

AccountOption = Annotated[str | None, typer.Option("--account", help="Only those of this account.")]
OwnerOption = Annotated[str | None, typer.Option("--bot", help="Only those of this bot; user: your own.")]
SymbolOption = Annotated[str | None, typer.Option("--symbol", help="Only those of this symbol: BTC/USDT.")]


def chosen(account: str | None, owner: str | None, symbol: str | None) -> dict[str, str]:
    """The columns that options ask for, with their values."""
    asked = {"account": account, "owner": owner, "symbol": symbol}
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
    as_json: JsonOption = False,
    csv: CsvOption = None,
) -> None:
    """List orders, oldest first."""
    from automator.trading.orders import listed  # noqa: PLC0415 - keeps --help fast
    from jobs.orders.states import ENDED  # noqa: PLC0415 - as above

    with records(home) as kept:
        found = listed(kept.reader, **chosen(account, bot, symbol))
    found = [item for item in found if not open_ or item.state not in ENDED]
    table.show([item.as_json() for item in found], list(map(_line, found)), csv, as_json=as_json, none="no orders")


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
    """Place an order on ACCOUNT; it is judged by your limits first, and sent once."""
    wish = _wish(symbol, side, (amount, pay, price, stop, take_profit), time_in_force)
    async with engine(home) as opened:
        with working(f"placing it at {account}"):
            stored = await _placed(opened, account, wish)
    if as_json:
        show_json(stored.as_json())
    else:
        typer.echo(_line(stored))
    if stored.state in {"rejected", "not_placed", "unknown", "unconfirmed"}:
        raise typer.Exit(1)


async def _placed(opened: Engine, account: str, wish: Place) -> Stored:
    from automator.trading import orders as orders_  # noqa: PLC0415 - keeps --help fast

    session, exchange = opened.trading(account, {"command": "orders place"})
    markets = await exchange.markets(session)
    if wish.symbol not in markets:
        near = ", ".join(sorted(name for name in markets if name.startswith(f"{wish.symbol.partition('/')[0]}/"))[:5])
        raise fail(f"{account} does not trade {wish.symbol}" + (f"; it trades {near}" if near else ""), 2)
    market, ticker = markets[wish.symbol], await exchange.ticker(session, wish.symbol)
    done = await opened.writer.run(
        lambda tx: orders_.submit(
            tx, account, orders_.USER, wish.tag, wish, opened.clock.now(), market=market, price=ticker.last
        )
    )
    if isinstance(done, orders_.Refused):
        raise fail(f"nothing was sent: {'; '.join(done.reasons)}", 1)
    await opened.worker.see_through([done.order], WAIT)
    return _one(opened.reader, done.order)


def _wish(symbol: str, side: str, numbers: tuple[str | None, ...], time_in_force: str) -> Place:
    from connectors.order import OrderType, Side, TimeInForce  # noqa: PLC0415 - keeps --help fast
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
    return Wish(tag, symbol.upper(), Side(side), kind, amount, price, waits, pay, TimeInForce(time_in_force))


def _number(value: str | None) -> Decimal | None:
    if value is None:
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        raise fail(f"{value!r} is no number", 2) from None


@orders.command()
@told
async def cancel(order: str, home: HomeOption = None) -> None:
    """Cancel an order; what was filled stays filled."""
    from automator.trading import orders as orders_  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        item = _one(opened.reader, order)
        asked = await opened.writer.run(lambda tx: orders_.cancel(tx, item.id, opened.clock.now(), actor="user"))
        if asked is None:
            raise fail(f"{item.id[:8]} is {item.state.replace('_', ' ')}; there is nothing to cancel", 1)
        with working("cancelling"):
            await opened.worker.see_through([item.key, f"{item.id}/cancel"], WAIT)
        typer.echo(_line(_one(opened.reader, item.id)))


@orders.command()
@told
async def resolve(
    order: str,
    home: HomeOption = None,
    there: Annotated[str | None, typer.Option(help="It was placed: the exchange's id of it.")] = None,
    not_placed: Annotated[bool, typer.Option("--not-placed", help="It was not placed.")] = False,
) -> None:
    """Settle an unconfirmed order, after you have looked at the exchange; it is never sent again."""
    from automator.trading import settling  # noqa: PLC0415 - keeps --help fast

    if bool(there) == not_placed:
        raise fail("say either --there ORDER or --not-placed", 2)
    async with engine(home) as opened:
        item, now = _one(opened.reader, order), opened.clock.now()
        if there:
            done = await opened.writer.run(lambda tx: settling.resolve_there(tx, item.id, there, now, actor="user"))
        else:
            done = await opened.writer.run(lambda tx: settling.resolve_not_placed(tx, item.id, now, actor="user"))
    if not done:
        raise fail(f"{item.id[:8]} is {item.state.replace('_', ' ')}; there is nothing to settle", 1)
    typer.echo(f"{item.id[:8]} is settled")
