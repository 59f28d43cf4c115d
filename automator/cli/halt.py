"""``automator halt`` and ``automator resume``."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import HomeOption, fail, told, without_keys, working

if TYPE_CHECKING:
    from automator.engine import Engine

WAIT = 30.0  #: seconds for what a halt has cancelled and sold; the service goes on with the rest


@told
async def halt(
    name: Annotated[str, typer.Argument(help="An account, or a bot; everything without.")] = "*",
    home: HomeOption = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    cancel_orders: Annotated[bool, typer.Option("--cancel-orders", help="Cancel its open orders too.")] = False,
    sell: Annotated[
        bool, typer.Option("--sell", help="Cancel them, then sell at the market what they bought.")
    ] = False,
) -> None:
    """Stop every write at once, until you resume. With the options, also cancel and sell.

    After --cancel-orders bots go on when you resume, and place what they want anew; --sell stops them.
    """
    from automator import failpoints, halts  # noqa: PLC0415 - keeps --help fast
    from automator.clock import micros  # noqa: PLC0415 - as above
    from automator.trading import closing  # noqa: PLC0415 - keeps --help fast
    from automator.vault.store import VaultError  # noqa: PLC0415 - as above

    async with without_keys(home) as opened:
        known(opened, name)
        now = opened.clock.now()

        def stop(tx: sqlite3.Connection) -> tuple[dict[str, str], list[str], list[str]]:
            halts.halt(tx, name, micros(now), reason=reason, actor="user")
            stopped = closing.stop_all(tx, name, now, actor="user") if sell else {}
            asked = closing.cancel_all(tx, name, now, actor="user") if cancel_orders or sell else []
            return stopped, asked, closing.sell_all(tx, name, now) if sell else []

        failpoints.reach("before-halt")
        stopped, asked, sales = await opened.writer.run(stop)
        failpoints.reach("after-halt")
        typer.echo(f"{'everything' if name == halts.EVERYTHING else name} is halted")
        for bot, why in stopped.items():
            typer.echo(f"{bot} has stopped: {why} with `automator bots start {bot}`, after a resume")
        if asked or sales:
            try:
                opened.store.check()
            except VaultError as shut:
                raise fail(f"the orders are left to `automator serve`: {shut}", 1) from None
        if cancel_orders or sell:
            with working("cancelling and selling" if sell else "cancelling"):
                await _wound_down(opened, asked, sales)
            _say(opened, asked, sales)


def known(opened: Engine, name: str) -> None:
    """Refuse a name that nobody has: it would stop, or limit, nothing."""
    from automator import halts  # noqa: PLC0415 - keeps --help fast
    from automator.accounts import load  # noqa: PLC0415 - as above
    from automator.trading import closing  # noqa: PLC0415 - keeps --help fast

    if "/" in name:
        load(opened.reader, name)
    elif name != halts.EVERYTHING and not closing.known(opened.reader, name):
        raise fail(f"there is no account and no bot called {name!r}; `automator accounts list` shows the accounts", 2)


async def _wound_down(opened: Engine, asked: list[str], sales: list[str]) -> None:
    from automator.trading.closing import ending  # noqa: PLC0415 - keeps --help fast
    from automator.trading.orders import by_tag  # noqa: PLC0415 - as above

    await opened.worker.see_through(ending(asked), WAIT)
    await opened.worker.see_through(sales, WAIT)
    sold = [by_tag(opened.reader, _owner(opened, job), job) for job in sales]
    await opened.worker.see_through([order.id for order in sold if order is not None], WAIT)


def _owner(opened: Engine, job: str) -> str:
    (owner,) = opened.reader.execute("SELECT json_extract(payload, '$.owner') FROM job WHERE id = ?", (job,)).fetchone()
    return str(owner)


def _say(opened: Engine, asked: list[str], sales: list[str]) -> None:
    from automator.scheduling import due  # noqa: PLC0415 - keeps --help fast
    from automator.trading.orders import by_tag, load  # noqa: PLC0415 - as above

    found = [load(opened.reader, order) for order in asked]
    found += [by_tag(opened.reader, _owner(opened, job), job) for job in sales]
    for order in found:
        if order is not None:
            why = f" ({order.reason})" if order.reason else ""
            typer.echo(f"{order.id[:8]}  {order.owner}: {order.says()}: {order.state.replace('_', ' ')}{why}")
    waiting = [job for job in sales if due.is_open(opened.reader, job)]
    for job in waiting:
        (why,) = opened.reader.execute("SELECT reason FROM run WHERE job = ? ORDER BY id DESC", (job,)).fetchone()
        typer.echo(
            f"a sale of {_owner(opened, job)}'s waits: {why or 'it is being worked on'}; `automator serve` goes on"
        )
    if not found and not waiting:
        typer.echo("there is nothing to cancel or to sell")


@told
async def resume(
    name: Annotated[str, typer.Argument(help="An account, or a bot; everything without.")] = "*",
    home: HomeOption = None,
) -> None:
    """Lift a halt."""
    from automator import failpoints, halts  # noqa: PLC0415 - keeps --help fast
    from automator.clock import micros  # noqa: PLC0415 - as above
    from automator.trading import closing  # noqa: PLC0415 - as above

    async with without_keys(home) as opened:
        failpoints.reach("before-resume")
        done = await opened.writer.run(lambda tx: halts.resume(tx, name, micros(opened.clock.now()), actor="user"))
        failpoints.reach("after-resume")
        left, stopped = halts.standing(opened.reader), closing.sold(opened.reader, name)
        unsold = closing.unsold(opened.reader, name)
    typer.echo(f"{'everything' if name == '*' else name} {'goes on' if done else 'was not halted'}")
    for halted in left:
        typer.echo(f"but {halted}")
    for sale in unsold if done else ():
        typer.echo(f"but {sale}; `automator serve` does that, and sells nothing that is bought from now on")
    for bot in stopped if done else ():
        typer.echo(f"but {bot} has stopped; `automator bots start {bot}` lets it begin anew")
