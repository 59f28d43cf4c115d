"""``automator bots`` and ``automator signal``: strategies that trade, on paper unless you say otherwise."""

from __future__ import annotations

import secrets
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automator.cli.backtest import KIND_HELP, ParamOption, number
from automator.cli.common import HomeOption, JsonOption, asking, engine, fail, records, show_json, told

if TYPE_CHECKING:
    from collections.abc import Mapping
    from sqlite3 import Connection

    from automator.engine import Engine
    from automator.trading.bots import Bot, OnStop

bots = typer.Typer(name="bots", help="Strategies that trade: on paper, or live if you say so.", no_args_is_help=True)

SECRET = 1  #: the version of a signal bot's secret in the vault
BEGINS = Decimal(10_000)  #: on paper, of the quote asset

KeepOption = Annotated[bool, typer.Option("--keep-orders", help="Its open orders stay at the exchange.")]
CancelOption = Annotated[bool, typer.Option("--cancel-orders", help="Its open orders are cancelled.")]


def _place(name: str) -> str:
    """Where the vault keeps a signal bot's secret."""
    return f"bot/{name}"


def _policy(*, keep: bool, cancel: bool, why: str) -> OnStop:
    from automator.trading.bots import OnStop as Policy  # noqa: PLC0415 - keeps --help fast

    if keep == cancel:
        raise fail(f"say what becomes of its open orders {why}: --keep-orders or --cancel-orders", 2)
    return Policy.KEEP if keep else Policy.CANCEL


@bots.command("kinds")
def kinds_(as_json: JsonOption = False) -> None:
    """List the strategies and their parameters."""
    from jobs.bots.kinds import KINDS  # noqa: PLC0415 - keeps --help fast

    found = {
        name: {
            field: "required" if info.is_required() else "" if info.default is None else str(info.default)
            for field, info in kind.model_fields.items()
        }
        for name, kind in KINDS.items()
    }
    if as_json:
        show_json(found)
        return
    for name, fields in found.items():
        typer.echo(name)
        for field, default in fields.items():
            typer.echo(f"  {field:36} {default}".rstrip())


@bots.command()
@told
async def add(  # noqa: PLR0913, PLR0917 - each is an option
    name: Annotated[str, typer.Argument(help="What you call it: a-z, 0-9 and -.")],
    kind: Annotated[str, typer.Argument(help=KIND_HELP.replace("guard,", "signal, guard,"))],
    account: Annotated[str, typer.Argument(help="Where it trades, or takes its prices from: binance/main.")],
    home: HomeOption = None,
    param: ParamOption = [],  # noqa: B006 - typer copies it
    funds: Annotated[list[str], typer.Option(help="What it may use: USDT=1000; again for each asset.")] = [],  # noqa: B006
    every: Annotated[str, typer.Option(help="It decides when a candle closes: 1m, 5m, 15m, 30m, 1h, 4h, 1d.")] = "1m",
    keep_orders: KeepOption = False,
    cancel_orders: CancelOption = False,
    live: Annotated[bool, typer.Option("--live", help="Trade with real money; without, on paper.")] = False,
) -> None:
    """Add a bot; `automator bots start` lets it run.

    --keep-orders or --cancel-orders says what becomes of its open orders when it stops by itself.
    """
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast
    from jobs.bots.kinds import opened as strategy_of  # noqa: PLC0415 - as above
    from jobs.bots.kinds import pairs, which  # noqa: PLC0415 - as above

    if every not in bots_.EVERY:
        raise fail(f"{every!r} is no candle's length; there are {', '.join(bots_.EVERY)}", 2)
    policy = (
        _policy(keep=keep_orders, cancel=cancel_orders, why="when it stops by itself")
        if live or (keep_orders or cancel_orders)
        else bots_.OnStop.CANCEL
    )
    kept, given = which(kind, pairs(param))
    with strategy_of(kept, given) as strategy:
        symbols = tuple(strategy.symbols)
    may = {asset: number("--funds", much) for asset, much in pairs(funds).items()}
    if live and not may:
        raise fail("say what a live bot may use: --funds USDT=1000", 2)
    may = may or {symbol.partition("/")[2]: BEGINS for symbol in symbols}
    async with engine(home) as opened:
        await _tradable(opened, account, symbols)
        new = bots_.Bot(name, kept, account, live, given, may, timedelta(seconds=bots_.EVERY[every]), policy)
        await opened.writer.run(lambda tx: bots_.add(tx, new, opened.clock.now(), actor="user"))
        secret = _new_secret(opened, name) if kept == "signal" else ""
    _loud(live, name, account)
    if secret:
        typer.echo(f"its messages must carry this secret, which is not shown again: {secret}")
    typer.echo(f"next: automator bots start {name}")


async def _tradable(opened: Engine, account: str, symbols: tuple[str, ...]) -> None:
    session, exchange = opened.trading(account, {"command": "bots add"})
    with asking(account):
        markets = await exchange.markets(session)
    if missing := [symbol for symbol in symbols if symbol not in markets]:
        raise fail(f"{account} does not trade {missing[0]}", 2)


def _new_secret(opened: Engine, name: str) -> str:
    secret = secrets.token_urlsafe(24)
    opened.store.put(_place(name), SECRET, {"secret": secret})
    return secret


def _loud(live: bool, name: str, account: str) -> None:
    if live:
        text = f"LIVE: {name} trades with real money on {account}"
        typer.secho(text, fg=typer.colors.RED, bold=True)
    else:
        typer.echo(f"{name} trades on paper, at the prices of {account}")


@bots.command("list")
@told
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the bots."""
    from automator.trading.bots import listed  # noqa: PLC0415 - keeps --help fast

    with records(home) as kept:
        found = listed(kept.reader)
    if as_json:
        show_json([bot.as_json() for bot in found])
        return
    for bot in found:
        _line(bot)
    if not found:
        typer.echo("no bots; `automator bots add` adds one")


def _line(bot: Bot) -> None:
    why = f"  ({bot.why})" if bot.why else ""
    mode = typer.style("LIVE ", fg=typer.colors.RED, bold=True) if bot.live else "paper"
    typer.echo(f"{bot.name:20} {mode}  {bot.kind:14} {bot.account:16} {bot.state.value}{why}")


@bots.command()
@told
def show(name: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one bot: what it holds, its open orders and its newest trades."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast
    from automator.trading import news  # noqa: PLC0415 - as above
    from jobs.orders.risk import plain  # noqa: PLC0415 - as above

    with records(home) as kept:
        bot = bots_.one(kept.reader, name)
        told = news.since(kept.reader, name, bot.news) if bot.live else []
        holds = {asset: plain(much) for asset, much in news.held(bots_.held(bot), told).items() if much}
        orders, trades, waits = _orders(kept.reader, bot), _trades(kept.reader, bot), bots_.waits(kept.reader, bot)
    if as_json:
        show_json({**bot.as_json(), "holds": holds, "open_orders": orders, "trades": trades, "waits": waits})
        return
    _line(bot)
    if waits:
        typer.echo(f"waits: {waits}")
    for key, value in bot.parameters.items():
        typer.echo(f"  {key} = {value}")
    typer.echo(f"holds: {', '.join(f'{much} {asset}' for asset, much in holds.items()) or 'nothing yet'}")
    for order in orders:
        typer.echo(f"open: {order}")
    for trade in trades[-10:]:
        typer.echo("  ".join(str(value) for value in trade.values()))
    if bot.live:
        typer.echo(f"`automator orders list --bot {name}`, `automator profit --bot {name}` show more")


def _orders(reader: Connection, bot: Bot) -> list[str]:
    from automator.trading.orders import listed  # noqa: PLC0415 - keeps --help fast
    from jobs.orders.states import ENDED  # noqa: PLC0415 - as above

    if bot.live:
        return [item.says() for item in listed(reader, owner=bot.name) if item.state not in ENDED]
    desk = (bot.kept or {}).get("desk")
    if not desk:
        return []
    asked = [item["request"] for item in desk["paper"]["open"]]
    return [f"{one['side']} {one['amount']} {one['symbol']} at {one.get('price', 'the market')}" for one in asked]


def _trades(reader: Connection, bot: Bot) -> list[Mapping[str, Any]]:
    from automator.trading.bots import paper  # noqa: PLC0415 - keeps --help fast
    from automator.trading.fills import traded  # noqa: PLC0415 - as above
    from jobs.orders.risk import plain  # noqa: PLC0415 - as above

    if bot.live:
        fills = [one.fill for one in traded(reader, owner=bot.name)]
    else:
        fills = [one.fill for one in paper(reader, bot.name)]
    return [
        {
            "at": fill.at.isoformat(),
            "side": fill.side.value,
            "amount": plain(fill.amount),
            "symbol": fill.symbol,
            "price": plain(fill.price),
            "fee": plain(fill.fee),
            "fee_asset": fill.fee_asset,
        }
        for fill in fills
    ]


@bots.command()
@told
async def start(name: str, home: HomeOption = None) -> None:
    """Let a bot run; `automator serve` works on it."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        bot = await opened.writer.run(lambda tx: bots_.start(tx, name, opened.clock.now(), actor="user"))
    _loud(bot.live, bot.name, bot.account)
    typer.echo("it decides when the next candle has closed, while `automator serve` works")


@bots.command()
@told
async def stop(
    name: str, home: HomeOption = None, keep_orders: KeepOption = False, cancel_orders: CancelOption = False
) -> None:
    """Stop a bot, and keep or cancel its open orders."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast

    policy = _policy(keep=keep_orders, cancel=cancel_orders, why="now")
    async with engine(home) as opened:
        left = await opened.writer.run(lambda tx: bots_.stop(tx, name, policy, opened.clock.now(), actor="user"))
    typer.echo(f"{name} has stopped")
    if left:
        typer.echo(f"{left} orders are being cancelled; `automator serve` goes on with that")


@bots.command()
@told
async def remove(name: str, home: HomeOption = None) -> None:
    """Forget a bot that does not run; its orders stay on the record."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        await opened.writer.run(lambda tx: bots_.remove(tx, name, opened.clock.now(), actor="user"))
        opened.store.delete(_place(name), SECRET)
    typer.echo(f"{name} is removed")


@bots.command()
@told
async def secret(name: str, home: HomeOption = None) -> None:
    """Make a new secret for a signal bot; the old one is good no more."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        if bots_.one(opened.reader, name).kind != "signal":
            raise fail(f"{name} takes no messages", 2)
        made = _new_secret(opened, name)
    typer.echo(f"its messages must carry this secret, which is not shown again: {made}")


@told
async def signal(
    bot: Annotated[str, typer.Argument(help="A bot of the kind signal.")],
    file: Annotated[str, typer.Argument(help="The message, a JSON object; - reads it from standard input.")],
    home: HomeOption = None,
) -> None:
    """Give a signal bot a message: it is checked, kept once, and acted on while it is fresh."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast
    from jobs.bots.parameters import read  # noqa: PLC0415 - as above
    from jobs.bots.signal import SignalBot, take  # noqa: PLC0415 - as above

    text = _text(file)
    async with engine(home) as opened:
        known = bots_.one(opened.reader, bot)
        if known.kind != "signal":
            raise fail(f"{bot} takes no messages; it is of the kind {known.kind}", 2)
        if known.state is not bots_.State.RUNNING:
            raise fail(f"{bot} does not run; the message was not kept", 1)
        kept = opened.store.get(_place(bot), SECRET)
        if kept is None:
            raise fail(f"{bot} has no secret in the vault; `automator bots secret {bot}` makes one", 1)
        strategy = read("signal", SignalBot, known.parameters)
        taken = take(text, kept["secret"], strategy, opened.clock.now())
        fresh = await opened.writer.run(lambda tx: bots_.receive(tx, known, taken, opened.clock.now(), actor="user"))
    typer.echo("the message is kept; the bot acts on it" if fresh else "this message came before; nothing is done")


def _text(file: str) -> str:
    from jobs.bots.signal import LONGEST  # noqa: PLC0415 - keeps --help fast

    try:
        if file == "-":
            return sys.stdin.read(LONGEST + 1)
        with Path(file).open(encoding="utf-8") as opened:
            return opened.read(LONGEST + 1)
    except OSError as error:
        raise fail(f"{file} can't be read: {error.strerror}", 2) from None
    except UnicodeDecodeError:
        raise fail(f"{file} is no text in UTF-8", 2) from None
