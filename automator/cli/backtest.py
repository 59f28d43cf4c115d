"""``automator backtest``: a strategy over candles of the past."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automator.cli.common import JsonOption, counting, fail, show_json, told, working
from automator.outfile import replaced
from connectors.words import counted
from jobs.bots.strategies import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.exchange.candles import Series
    from connectors.market import Market
    from jobs.bots.backtest import Played
    from jobs.bots.figures import Figures
    from jobs.bots.strategy import Signal, Strategy

_NAMED = re.compile(r"([A-Za-z0-9]{1,12})[-_/]([A-Za-z0-9]{1,12})(?:[-_.].*)?")
#: what is taken for granted of the market, which makes figures better than they would have been
FILLED = "whole, at their own price or the last one: no spread, no slippage, as much as is asked for"
KIND_HELP = f"{', '.join(NAMES)}; or a Python file with a strategy of your own."
ParamOption = Annotated[
    list[str], typer.Option("--param", "-p", help="A parameter: NAME=VALUE. `automator bots kinds` lists them.")
]


@dataclass(frozen=True, slots=True)
class _Money:
    fee: Decimal
    tick: Decimal | None
    lot: Decimal
    oco: bool


@told
async def backtest(  # noqa: PLR0913, PLR0917 - each is an option
    kind: Annotated[str, typer.Argument(help=KIND_HELP)],
    data: Annotated[
        list[str], typer.Option(help="Candles, a CSV file: FILE, or BTC/USDT=FILE; again for each symbol.")
    ],
    param: ParamOption = [],  # noqa: B006 - typer copies it
    signals: Annotated[
        Path | None, typer.Option(help="For signal: its messages, one a line, as `automator signal` takes them.")
    ] = None,
    balance: Annotated[
        list[str], typer.Option(help="What it begins with: USDT=10000 (the default for its quote).")
    ] = [],  # noqa: B006
    fee: Annotated[str, typer.Option(help="Of each trade, in percent.")] = "0.1",
    tick: Annotated[str, typer.Option(help="Prices are multiples of it; else as fine as in the file.")] = "",
    lot: Annotated[str, typer.Option(help="Amounts are multiples of it.")] = "0.00001",
    oco: Annotated[
        bool, typer.Option("--oco/--no-oco", help="The exchange holds two orders of which one cancels the other.")
    ] = True,
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="Play over missing candles.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write an HTML file with plots, which needs no network.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a strategy over candles of the past. The engine is the one that also fills on paper.

    `automator bots kinds KIND` says what a strategy's parameters mean.

    Example: automator backtest grid --data BTC-USD-1m.csv -p lower_price=35000 -p upper_price=48000
    -p grids_quantity=20 -p quantity_per_grid=0.01 --report grid.html
    """
    from jobs.bots.backtest import play  # noqa: PLC0415 - keeps --help fast
    from jobs.bots.figures import curves, figures  # noqa: PLC0415 - as above
    from jobs.bots.kinds import needs, of, opened, pairs, parameters, which  # noqa: PLC0415 - as above

    money = _money(fee, tick, lot, oco=oco)
    with working("reading"):
        files = _files(data, allow_gaps=allow_gaps)
    markets, quote, every = _markets(files, money)
    given = {} if kind.endswith(".py") else dict(of(kind).played_on(tuple(files), quote))
    given |= pairs(param)
    balances = amounts("--balance", balance)
    count = sum(len(of.candles) for of in files.values())
    with opened(*which(kind, given)) as strategy, counting("playing", count) as done:
        if wrong := sorted(set(strategy.symbols) ^ set(files)):
            symbol = wrong[0]
            raise fail(f"{symbol} is in --data or in the parameters, but not in both; name it: --data {symbol}=FILE", 2)
        messages = _messages(signals, strategy)
        balances = balances or {quote: Decimal(10_000)} | dict(needs(strategy))
        useful("--balance", balances, strategy.symbols)
        candles = {name: of.candles for name, of in files.items()}
        played = play(strategy, markets, balances, candles, every, done, messages)
        taken = parameters(strategy, given)
    curve = curves(played, markets)
    if not curve.at:
        raise fail("the files have no time in common", 2)
    found = figures(played, markets, curve)
    said = _said(signals, messages, played)
    title = f"{Path(kind).stem if kind.endswith('.py') else kind} on {', '.join((*files, *said.values()))}"
    setting = {"data": ", ".join(_path(item).name for item in data)} | said
    setting |= _set(markets, balances, fee) | _lacking(files)
    if report is not None:
        from jobs.bots.report import html  # noqa: PLC0415 - slow to load

        with working("drawing"):
            _write(report, html(title, taken, setting, played, found, curve))
    if as_json:
        show_json({"strategy": kind, "parameters": given, "setting": setting, **found.as_json()})
        return
    _show(title, found, quote, every)
    for line in (f"filled {FILLED}", *(f"{name}: {lack}" for name, lack in _lacking(files).items())):
        typer.echo(line)
    if report is not None:
        typer.echo(f"the report is {report}")


def _messages(path: Path | None, strategy: Strategy[Any]) -> Sequence[Signal]:
    from jobs.bots.strategies.signal import BadSignal, SignalBot, replayed  # noqa: PLC0415 - keeps --help fast

    if not isinstance(strategy, SignalBot):
        if path is not None:
            raise fail("--signals is for the strategy signal", 2)
        return ()
    if path is None:
        raise fail("signal acts on messages, and candles bring none; name a file of them: --signals FILE", 2)
    try:
        with path.open(encoding="utf-8") as lines:
            return replayed(lines, strategy)
    except OSError as error:
        raise fail(f"{path} can't be read: {error.strerror}", 2) from None
    except UnicodeDecodeError:
        raise fail(f"{path} is no text in UTF-8", 2) from None
    except BadSignal as bad:
        raise fail(f"{path}, {bad}", 2) from None


def _said(path: Path | None, messages: Sequence[Signal], played: Played) -> dict[str, str]:
    """How many messages were played, for a person; empty: it was not about messages."""
    from jobs.bots.backtest import within  # noqa: PLC0415 - keeps --help fast

    if path is None:
        return {}
    there = len(within(messages, played.candles, played.every))
    outside = len(messages) - there
    if not there:
        raise fail(f"no message of {path} is of the candles' time", 2)
    left = f"; left out, as not of the candles' time: {outside}" if outside else ""
    return {"signals": f"{counted(there, 'message')} of {path.name}{left}"}


def _set(markets: Mapping[str, Market], balances: Mapping[str, Decimal], fee: str) -> dict[str, str]:
    """What it was played on, for the report."""
    one = next(iter(markets.values()))
    return {
        "begins with": ", ".join(f"{much:f} {asset}" for asset, much in balances.items()),
        "fee of a trade": f"{fee} %",
        "least step of amounts": f"{one.filters.lot:f}",
        "least step of prices": ", ".join(f"{market.filters.tick:f} {market.quote}" for market in markets.values()),
        "orders are filled": FILLED,
        "stop-loss and take-profit": "rest as a pair (OCO)" if one.pairs else "one of them rests",
    }


def _lacking(files: Mapping[str, Series]) -> dict[str, str]:
    """How many candles were played over, for the report; empty: none."""
    lacks = {symbol: sum(gap.missing for gap in of.gaps) for symbol, of in files.items()}
    return {f"missing candles of {symbol}": f"{number:,}" for symbol, number in lacks.items() if number}


def _write(report: Path, page: str) -> None:
    try:
        with replaced(report) as out:
            out.write(page)
    except OSError as error:
        raise fail(f"{report} can't be written: {error.strerror}", 1) from None


def _money(fee: str, tick: str, lot: str, *, oco: bool) -> _Money:
    money = _Money(number("--fee", fee) / 100, number("--tick", tick) if tick else None, number("--lot", lot), oco)
    if money.fee >= 1 or not money.lot or money.tick == 0:
        raise fail("--fee is a percentage below 100, --tick and --lot are above 0", 2)
    return money


def _markets(files: dict[str, Series], money: _Money) -> tuple[dict[str, Market], str, timedelta]:
    """The markets, the asset that all are paid with, and the length of all candles."""
    markets = {symbol: _market(symbol, of, money) for symbol, of in files.items()}
    quotes, lengths = {market.quote for market in markets.values()}, {of.every for of in files.values()}
    if len(quotes) > 1:
        raise fail("all symbols must be paid with one asset", 2)
    if len(lengths) > 1:
        raise fail("the files' candles have different lengths", 2)
    return markets, quotes.pop(), lengths.pop()


def number(option: str, text: str) -> Decimal:
    """An amount as typed."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or not -18 <= value.adjusted() <= 15:  # noqa: PLR2004 - an amount of this world
        raise fail(f"{option}: {text[:40]!r} is no amount; give a number, not below 0", 2)
    return value


def amounts(option: str, given: list[str]) -> dict[str, Decimal]:
    """``USDT=1000`` as typed, once for each asset."""
    from jobs.bots.kinds import pairs  # noqa: PLC0415 - keeps --help fast

    return {asset: number(option, much) for asset, much in pairs([item.upper() for item in given]).items()}


def useful(option: str, given: Mapping[str, Decimal], symbols: Sequence[str]) -> None:
    """Refuse an asset that a strategy of these symbols has no use for."""
    if strange := sorted(given.keys() - {asset for symbol in symbols for asset in symbol.split("/")}):
        raise fail(f"{option}: it trades {', '.join(symbols)}, and has no use for {strange[0]}", 2)


def _files(data: list[str], *, allow_gaps: bool) -> dict[str, Series]:
    from connectors.exchange.candles import CandlesError, read  # noqa: PLC0415 - keeps --help fast

    found: dict[str, Series] = {}
    for item in data:
        symbol, path = _symbol(item)
        if symbol in found:
            raise fail(f"there are two files for {symbol}; name their symbols: --data ETH/USDT=FILE", 2)
        try:
            found[symbol] = read(path, gaps=allow_gaps)
        except CandlesError as error:
            raise fail(str(error).replace("allow gaps", "play over gaps with --allow-gaps"), 2) from None
    return found


def _path(item: str) -> Path:
    return _symbol(item)[1]


def _symbol(item: str) -> tuple[str, Path]:
    """``BTC/USDT=FILE``, or a file whose name begins so: ``BTC-USD-1m-2022-01.csv``."""
    symbol, equals, path = item.partition("=")
    if equals and "/" in symbol and not Path(item).exists():
        return symbol.upper(), Path(path)
    named = _NAMED.fullmatch(Path(item).stem)
    if named is None:
        raise fail(f"{item} does not say which symbol it is for; write --data BTC/USDT={item}", 2)
    return f"{named[1]}/{named[2]}".upper(), Path(item)


def _market(symbol: str, of: Series, money: _Money) -> Market:
    from connectors.market import Filters, Market  # noqa: PLC0415 - keeps --help fast

    base, _, quote = symbol.partition("/")
    finest = min(int(candle.close.normalize().as_tuple().exponent) for candle in of.candles)
    tick = money.tick or Decimal(1).scaleb(max(-12, min(finest, -2)))
    filters = Filters(tick=tick, lot=money.lot)
    return Market(symbol, symbol, base, quote, filters, maker=money.fee, taker=money.fee, pairs=money.oco)


def _show(title: str, found: Figures, quote: str, every: timedelta) -> None:
    from rich.console import Console  # noqa: PLC0415 - keeps --help fast
    from rich.table import Table  # noqa: PLC0415 - as above

    from jobs.bots.report import lines, span  # noqa: PLC0415 - as above

    console = Console(highlight=False, soft_wrap=True)
    console.print(title, style="bold")
    console.print(span(found, every))
    table = Table("", "strategy", "buy and hold")
    for column in table.columns[1:]:
        column.justify = "right"
    for line in lines(found, quote):
        table.add_row(*line)
    console.print(table)
    if found.stopped:
        console.print(f"it stopped before the end: {found.stopped}")
