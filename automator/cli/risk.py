"""``automator risk``: the limits that every order must keep to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import HomeOption, JsonOption, engine, fail, records, show_json, told
from automator.cli.halt import known

if TYPE_CHECKING:
    from jobs.orders.risk import Limit

risk = typer.Typer(
    name="risk", help="Limits that every order must keep to, by account and by bot.", no_args_is_help=True
)

SubjectArgument = Annotated[str, typer.Argument(help="An account, a bot, or * for everything.")]
NameArgument = Annotated[
    str,
    typer.Argument(help="order, day, loss, position (money); open-orders, per-minute, distance, symbols."),
]
AssetArgument = Annotated[str, typer.Argument(help="For money: the asset that orders are paid with, such as USDT.")]


def _limit(name: str) -> Limit:
    from jobs.orders.risk import Limit as Known  # noqa: PLC0415 - keeps --help fast

    if name not in set(Known):
        raise fail(f"there is no limit {name!r}; there are {', '.join(Known)}", 2)
    return Known(name)


@risk.command("list")
@told
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the limits, and how much of each is used now. Of the day, by orders that are open, by what is held."""
    from automator.clock import SystemClock  # noqa: PLC0415 - keeps --help fast
    from automator.trading.used import listed  # noqa: PLC0415 - as above

    with records(home) as kept:
        found = listed(kept.reader, SystemClock().now())
    if as_json:
        show_json(found)
        return
    for row in found:
        used = "" if row["used"] is None else f"{row['used']} used of "
        typer.echo(f"{row['subject']:16} {row['name']:12} {used}{row['value']} {row['asset']}".rstrip())
    if not found:
        typer.echo("no limits; `automator risk set '*' order 100 USDT` sets one")


@risk.command("set")
@told
async def set_(
    subject: SubjectArgument,
    name: NameArgument,
    value: Annotated[str, typer.Argument(help="100, 2%, BTC/USDT,ETH/USDT")],
    asset: AssetArgument = "",
    home: HomeOption = None,
) -> None:
    """Set a limit. `risk set binance/main order 100 USDT`, `risk set '*' distance 2%`."""
    from automator.trading.orders import USER  # noqa: PLC0415 - keeps --help fast
    from automator.trading.risks import change  # noqa: PLC0415 - as above

    limit = _limit(name)
    async with engine(home) as opened:
        if subject != USER:
            known(opened, subject)
        now = opened.clock.now()
        kept = await opened.writer.run(lambda tx: change(tx, subject, limit, value, asset.upper(), now, actor="user"))
    typer.echo(f"{subject}: {limit} is {kept} {asset.upper()}".rstrip() + " from now on")


@risk.command()
@told
async def remove(
    subject: SubjectArgument, name: NameArgument, asset: AssetArgument = "", home: HomeOption = None
) -> None:
    """Take a limit away."""
    from automator.trading.risks import remove as forget  # noqa: PLC0415 - keeps --help fast

    limit = _limit(name)
    async with engine(home) as opened:
        now = opened.clock.now()
        gone = await opened.writer.run(lambda tx: forget(tx, subject, limit, asset.upper(), now, actor="user"))
    if not gone:
        raise fail(f"{subject} has no limit {limit} {asset.upper()}".rstrip() + "; `automator risk list` shows them", 2)
    typer.echo(f"{subject}: {limit} is no longer limited")
