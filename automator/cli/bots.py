"""``automator bots`` and ``automator signal``: strategies that trade, on paper unless you say otherwise."""

from __future__ import annotations

import secrets
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automator.cli.backtest import KIND_HELP, ParamOption, amounts, useful
from automator.cli.botview import gathered, list_all, show_one
from automator.cli.common import HomeOption, JsonOption, asking, engine, fail, records, show_json, told
from connectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automator.engine import Engine
    from automator.trading.bots import OnStop

bots = typer.Typer(name="bots", help="Strategies that trade: on paper, or live if you say so.", no_args_is_help=True)

SECRET = 1  #: the version of a signal bot's secret in the vault
BEGINS = Decimal(10_000)  #: on paper, of the quote asset
PROMPT = timedelta(minutes=5)  #: one that answers to fills and prices, and looks less often, is warned of

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
@told
def kinds_(
    kind: Annotated[str | None, typer.Argument(help="Only this one.")] = None, as_json: JsonOption = False
) -> None:
    """List the strategies and what their parameters mean. With units and defaults."""
    from dataclasses import asdict  # noqa: PLC0415 - keeps --help fast

    from jobs.bots.kinds import KINDS  # noqa: PLC0415 - as above
    from jobs.bots.parameters import described  # noqa: PLC0415 - as above

    if kind is not None and kind not in KINDS:
        raise fail(f"there is no strategy {kind[:40]!r}; there are {', '.join(KINDS)}", 2)
    few = {name: model for name, model in KINDS.items() if kind in {None, name}}
    if as_json:
        show_json({name: [asdict(one) for one in described(model)] for name, model in few.items()})
        return
    for name, model in few.items():
        _kind(name, model)


def _kind(name: str, model: type[Any]) -> None:
    import inspect  # noqa: PLC0415 - keeps --help fast

    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    from jobs.bots.parameters import described  # noqa: PLC0415 - as above

    module = inspect.getmodule(model)
    about = (inspect.getdoc(module) or "").splitlines()[0].partition(": ")[2] if module else ""
    console = Console(highlight=False, soft_wrap=False)
    console.print(f"[bold]{name}[/bold]  {about}")
    table = Table("parameter", "default", "what it is", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for one in described(model):
        table.add_row(one.name, one.default, one.means)
    console.print(table)
    console.print()


@bots.command()
@told
async def add(  # noqa: PLR0913, PLR0917 - each is an option
    name: Annotated[str, typer.Argument(help="What you call it: a-z, 0-9 and -.")],
    kind: Annotated[str, typer.Argument(help=KIND_HELP)],
    account: Annotated[str, typer.Argument(help="Where it trades, or takes its prices from: binance/main.")],
    home: HomeOption = None,
    param: ParamOption = [],  # noqa: B006 - typer copies it
    funds: Annotated[list[str], typer.Option(help="What it may use: USDT=1000; again for each asset.")] = [],  # noqa: B006
    every: Annotated[str, typer.Option(help="It decides when a candle closes: 1m, 5m, 15m, 30m, 1h, 4h, 1d.")] = "1m",
    keep_orders: KeepOption = False,
    cancel_orders: CancelOption = False,
    live: Annotated[bool, typer.Option("--live", help="Trade with real money; without, on paper.")] = False,
) -> None:
    """Add a bot; `automator bots start` lets it run. `automator bots kinds KIND` says what its parameters mean.

    --keep-orders or --cancel-orders says what becomes of its open orders when it stops by itself.
    """
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast
    from jobs.bots.kinds import needs, of, pairs, which  # noqa: PLC0415 - as above
    from jobs.bots.kinds import opened as strategy_of  # noqa: PLC0415 - as above

    if every not in bots_.EVERY:
        raise fail(f"{every!r} is no candle's length; there are {', '.join(bots_.EVERY)}", 2)
    policy = (
        _policy(keep=keep_orders, cancel=cancel_orders, why="when it stops by itself")
        if live or (keep_orders or cancel_orders)
        else bots_.OnStop.CANCEL
    )
    kept, given = which(kind, pairs(param))
    with strategy_of(kept, given) as strategy:
        symbols, needed = tuple(strategy.symbols), needs(strategy)
    may = amounts("--funds", funds)
    if live and not may:
        raise fail("say what a live bot may use: --funds USDT=1000", 2)
    may = may or {symbol.partition("/")[2]: BEGINS for symbol in symbols} | dict(needed)
    _sensible(may, symbols, needed)
    async with engine(home) as opened:
        await _tradable(opened, account, symbols)
        new = bots_.Bot(name, kept, account, live, given, may, timedelta(seconds=bots_.EVERY[every]), policy)
        await opened.writer.run(lambda tx: bots_.add(tx, new, opened.clock.now(), actor="user"))
        secret = _new_secret(opened, name) if of(kept).hears else ""
    _loud(live, name, account)
    if of(kept).answers and new.every > PROMPT:
        later = "what a fill calls for, a stop-loss too, may come so much later"
        typer.echo(f"it looks at the market once in {every}: {later}")
    if secret:
        typer.echo(f"its messages must carry this secret, which is not shown again: {secret}")
    typer.echo(f"next: automator bots start {name}")


def _sensible(may: Mapping[str, Decimal], symbols: Sequence[str], needed: Mapping[str, Decimal]) -> None:
    """Refuse funds that it has no use for, or that are too little for what it is to do."""
    useful("--funds", may, symbols)
    for asset, much in needed.items():
        if may.get(asset, Decimal(0)) < much:
            raise fail(f"it is about {much} {asset}, which it must be given: --funds {asset}={much}", 2)


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
    elif found:
        list_all(found)
    else:
        typer.echo("no bots; `automator bots add` adds one")


@bots.command()
@told
def show(name: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what a bot holds and earned. Also its open orders and its newest trades."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast

    with records(home) as kept:
        bot = bots_.one(kept.reader, name)
        all_of_it = gathered(kept.reader, bot)
    if as_json:
        show_json(all_of_it)
    else:
        show_one(bot, all_of_it)


@bots.command()
@told
async def start(name: str, home: HomeOption = None) -> None:
    """Let a bot run; `automator serve` works on it."""
    from automator.halts import standing  # noqa: PLC0415 - keeps --help fast
    from automator.trading import bots as bots_  # noqa: PLC0415 - as above
    from jobs.bots.kinds import of  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        bot = await opened.writer.run(lambda tx: bots_.start(tx, name, opened.clock.now(), actor="user"))
        halted = standing(opened.reader, bot.account, bot.name)
    _loud(bot.live, bot.name, bot.account)
    when = "a message comes" if of(bot.kind).hears else "the next candle has closed"
    typer.echo(f"it decides when {when}, while `automator serve` works")
    for why in halted:
        typer.echo(f"but {why}")


@bots.command()
@told
async def fund(
    name: str,
    more: Annotated[
        list[str], typer.Argument(help="What it may use besides: USDT=500; several are separated by blanks.")
    ],
    home: HomeOption = None,
) -> None:
    """Let a live bot use more of its account. It goes on with its orders and all that it holds."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast
    from automator.trading import funds  # noqa: PLC0415 - as above
    from jobs.bots.kinds import opened as strategy_of  # noqa: PLC0415 - as above
    from jobs.orders.risk import plain  # noqa: PLC0415 - as above

    given = amounts("the funds", more)
    async with engine(home) as opened:
        bot = bots_.one(opened.reader, name)
        with strategy_of(bot.kind, bot.parameters) as strategy:
            useful("the funds", given, tuple(strategy.symbols))
        after = await opened.writer.run(lambda tx: funds.add(tx, name, given, opened.clock.now(), actor="user"))
    told_ = ", ".join(f"{plain(much)} {asset}" for asset, much in after.funds.items())
    typer.echo(f"{name} was given {told_} in all; what it makes of that is its strategy's, from its next decision on")


@bots.command()
@told
async def stop(
    name: str, home: HomeOption = None, keep_orders: KeepOption = False, cancel_orders: CancelOption = False
) -> None:
    """Stop a bot, and keep or cancel its open orders. Also cancels those that a stopped bot left."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast

    policy = _policy(keep=keep_orders, cancel=cancel_orders, why="now")
    async with engine(home) as opened:
        left = await opened.writer.run(lambda tx: bots_.stop(tx, name, policy, opened.clock.now(), actor="user"))
    typer.echo(f"{name} has stopped")
    if left:
        typer.echo(f"{counted(left, 'order')} to cancel; `automator serve` does that")


@bots.command()
@told
async def remove(name: str, home: HomeOption = None) -> None:
    """Forget a bot that does not run. Its orders stay on the record."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        await opened.writer.run(lambda tx: bots_.remove(tx, name, opened.clock.now(), actor="user"))
        opened.store.delete(_place(name), SECRET)
    typer.echo(f"{name} is removed")


@bots.command()
@told
async def secret(name: str, home: HomeOption = None) -> None:
    """Make a new secret for a signal bot. The old one is good no more."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast
    from jobs.bots.kinds import of  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        if not of(bots_.one(opened.reader, name).kind).hears:
            raise fail(f"{name} takes no messages", 2)
        made = _new_secret(opened, name)
    typer.echo(f"its messages must carry this secret, which is not shown again: {made}")


@told
async def signal(
    bot: Annotated[str, typer.Argument(help="A bot of the kind signal.")],
    file: Annotated[str, typer.Argument(help="The message, a JSON object; - reads it from standard input.")],
    home: HomeOption = None,
) -> None:
    """Give a signal bot a message. It is checked, kept once, and acted on while it is fresh."""
    from automator.trading import bots as bots_  # noqa: PLC0415 - keeps --help fast
    from jobs.bots.parameters import read  # noqa: PLC0415 - as above
    from jobs.bots.strategies.signal import SignalBot, take  # noqa: PLC0415 - as above

    text = _text(file)
    async with engine(home) as opened:
        known = bots_.one(opened.reader, bot)
        if known.kind != "signal":
            raise fail(f"{bot} takes no messages; it is of the kind {known.kind}", 2)
        if known.state is not bots_.State.RUNNING:
            raise fail(f"{bot} does not run; the message was not kept; `automator bots start {bot}` starts it", 1)
        kept = opened.store.get(_place(bot), SECRET)
        if kept is None:
            raise fail(f"{bot} has no secret in the vault; `automator bots secret {bot}` makes one", 1)
        strategy = read("signal", SignalBot, known.parameters)
        taken = take(text, kept["secret"], strategy, opened.clock.now())
        fresh = await opened.writer.run(lambda tx: bots_.receive(tx, known, taken, opened.clock.now(), actor="user"))
    typer.echo("the message is kept; the bot acts on it" if fresh else "this message came before; nothing is done")


def _text(file: str) -> str:
    from jobs.bots.strategies.signal import LONGEST  # noqa: PLC0415 - keeps --help fast

    try:
        if file == "-":
            return sys.stdin.read(LONGEST + 1)
        with Path(file).open(encoding="utf-8") as opened:
            return opened.read(LONGEST + 1)
    except OSError as error:
        raise fail(f"{file} can't be read: {error.strerror}", 2) from None
    except UnicodeDecodeError:
        raise fail(f"{file} is no text in UTF-8", 2) from None
