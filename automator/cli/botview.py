"""What bots look like to a person and to a program: their list, and one of them with all that it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from automator.cli.table import money

if TYPE_CHECKING:
    from sqlite3 import Connection

    from rich.text import Text

    from automator.trading.bots import Bot
    from connectors.order import Fill

NEWEST = 10  #: trades that are shown to a person


def gathered(reader: Connection, bot: Bot) -> dict[str, Any]:
    """A bot with all that it has, for ``--json``; what a person is shown is made of it."""
    from automator.trading import bots, news  # noqa: PLC0415 - keeps --help fast
    from jobs.bots import kinds  # noqa: PLC0415 - as above
    from jobs.orders.risk import plain  # noqa: PLC0415 - as above

    kept = bot.kept or {}
    since = news.since(reader, bot.name, bot.news) if bot.live else []
    fills = _fills(reader, bot)
    runs = bot.state is bots.State.RUNNING
    stands = list(kinds.told(bot.kind, bot.parameters, kept.get("state"))) if runs else []
    shows: dict[str, list[str]] = {"exits": [], "lines": []} | {kinds.of(bot.kind).shows: stands}
    return {
        **bot.as_json(),
        "holds": {asset: plain(much) for asset, much in news.held(bots.held(bot), since).items() if much},
        **shows,
        "open_orders": _orders(reader, bot),
        "realised": _realised(fills),
        "trades": [_trade(fill) for fill in fills],
        "waits": bots.waits(reader, bot),
    }


def _orders(reader: Connection, bot: Bot) -> list[str]:
    from automator.trading.bots import State  # noqa: PLC0415 - keeps --help fast
    from automator.trading.orders import standing  # noqa: PLC0415 - as above

    if bot.live:
        return [f"{item.says()}{_kind(item.type)}" for item in standing(reader, account=bot.account, owner=bot.name)]
    if bot.state is not State.RUNNING:
        return []  # on paper nobody fills them any more, and a start begins without them
    desk = (bot.kept or {}).get("desk")
    asked = [item["request"] for item in desk["paper"]["open"]] if desk else []
    return [
        f"{one['side']} {_plain(one['amount'])} {one['symbol']} at {_price(one)}{_kind(one['type'])}" for one in asked
    ]


def _price(request: Mapping[str, Any]) -> str:
    return _plain(request.get("price") or request.get("stop_price") or "0")


def _kind(name: str) -> str:
    """What it is, where that is not what most are."""
    return "" if name in {"limit", "market"} else f" ({name.replace('_', '-')})"


def _plain(number: str) -> str:
    from jobs.orders.risk import plain  # noqa: PLC0415 - keeps --help fast

    return plain(Decimal(number))


def _fills(reader: Connection, bot: Bot) -> list[Fill]:
    from automator.trading.bots import paper  # noqa: PLC0415 - keeps --help fast
    from automator.trading.fills import traded  # noqa: PLC0415 - as above

    if bot.live:
        return [one.fill for one in traded(reader, owner=bot.name)]
    return [one.fill for one in paper(reader, bot.name)]


def _realised(fills: Sequence[Fill]) -> dict[str, str]:
    """What was earned at average cost, fees included, by quote asset."""
    from jobs.orders.positions import average, profit  # noqa: PLC0415 - keeps --help fast
    from jobs.orders.risk import plain  # noqa: PLC0415 - as above

    earned: dict[str, Decimal] = {}
    for symbol in sorted({fill.symbol for fill in fills}):
        quote = symbol.partition("/")[2]
        made = profit([fill for fill in fills if fill.symbol == symbol], average)
        earned[quote] = earned.get(quote, Decimal(0)) + made.realised
    return {asset: plain(much) for asset, much in earned.items()}


def _trade(fill: Fill) -> dict[str, Any]:
    from jobs.orders.risk import plain  # noqa: PLC0415 - keeps --help fast

    return {
        "at": fill.at.isoformat(),
        "side": fill.side.value,
        "amount": plain(fill.amount),
        "symbol": fill.symbol,
        "price": plain(fill.price),
        "fee": plain(fill.fee),
        "fee_asset": fill.fee_asset,
    }


def list_all(found: Sequence[Bot]) -> None:
    """Print a line for each."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help fast
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table("bot", "", "kind", "account", "trades", "state", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in table.columns[:-1]:
        column.no_wrap = True
    for bot in found:
        why = bot.why if bot.why.startswith(bot.state.value) else f"{bot.state.value}: {bot.why}"
        table.add_row(bot.name, _mode(bot), bot.kind, bot.account, _symbols(bot), why.removesuffix(": "))
    Console(highlight=False).print(table)


def _mode(bot: Bot) -> Text:
    from rich.text import Text as Words  # noqa: PLC0415 - keeps --help fast

    return Words("LIVE", style="bold red") if bot.live else Words("paper")


def _symbols(bot: Bot) -> str:
    from jobs.bots.kinds import of  # noqa: PLC0415 - keeps --help fast

    return str(bot.parameters.get(of(bot.kind).names) or "")


def show_one(bot: Bot, all_of_it: Mapping[str, Any]) -> None:
    """Print one."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help fast
    from rich.markup import escape  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    console = Console(highlight=False)
    console.print(f"[bold]{bot.name}[/bold] ", _mode(bot), f" {bot.kind} on {bot.account}, {bot.state.value}", sep="")
    lines = {
        "because": [bot.why] if bot.why else [],
        "waits": [all_of_it["waits"]] if all_of_it["waits"] else [],
        "may use": [", ".join(f"{much} {asset}" for asset, much in all_of_it["funds"].items())],
        "holds": [_amounts(all_of_it["holds"]) or "nothing yet"],
        "realised": [_amounts(all_of_it["realised"]) or "nothing yet"],
        "exits": all_of_it["exits"],
        "lines": all_of_it["lines"],
        "when it stops": [f"its open orders are {'kept' if bot.on_stop.value == 'keep' else 'cancelled'}"],
        "open orders": all_of_it["open_orders"] or ["none"],
        "parameters": [f"{name} = {value}" for name, value in bot.parameters.items()],
    }
    table = Table("", "", box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.columns[0].no_wrap = True
    for name, told in lines.items():
        for number, line in enumerate(told):
            table.add_row("" if number else name, escape(str(line)))
    console.print(table)
    if trades := all_of_it["trades"][-NEWEST:]:
        _trades(console, trades, len(all_of_it["trades"]))
    if bot.live:
        console.print(f"`automator orders list --bot {bot.name}`, `automator profit --bot {bot.name}` show more")


def _trades(console: Any, trades: Sequence[Mapping[str, Any]], count: int) -> None:
    from rich.table import Table  # noqa: PLC0415 - keeps --help fast

    title = f"the newest {len(trades)} of {count} trades" if count > len(trades) else "trades"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("at (UTC)", "side", "amount", "symbol", "price", "fee", ""):
        numbers = name in {"amount", "price", "fee"}
        table.add_column(name, justify="right" if numbers else "left", no_wrap=True)
    for one in trades:
        at = one["at"][:16].replace("T", " ")
        table.add_row(at, one["side"], one["amount"], one["symbol"], one["price"], one["fee"], one["fee_asset"])
    console.print(table)


def _amounts(held: Mapping[str, str]) -> str:
    return ", ".join(f"{money(much)} {asset}" for asset, much in held.items())
