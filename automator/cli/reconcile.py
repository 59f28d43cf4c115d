"""``automator accounts reconcile``: what the provider shows, beside our records."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import HomeOption, JsonOption, asking, begins, engine, fail, show_json, told, working
from automator.cli.lines import cut
from connectors.words import counted

if TYPE_CHECKING:
    from automator.reconcile import Comparison, Finding
    from automator.trading.books import Seen

WEEK = timedelta(days=7)


@told
async def reconcile(
    name: str,
    home: HomeOption = None,
    since: Annotated[str | None, typer.Option(help="From when on: 2026-12-01 09:00; a week ago without.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare what the provider shows of NAME with our records. Exit code 1 if they differ.

    At an exchange: orders that are open now, fills and balances; orders of others are shown, never touched.
    """
    from automator.accounts import load  # noqa: PLC0415 - keeps --help fast
    from automator.reconcile import Kind  # noqa: PLC0415 - as above
    from automator.reconcile import reconcile as look  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        if load(opened.reader, name).trades:
            with asking(name):
                seen = await opened.books.reconcile(name, "user")
            _show_exchange(name, seen, as_json=as_json)
            return
        now, zone = opened.clock.now(), opened.settings.posting.zone
        start = begins(since, now, zone) if since else now - WEEK
        if start >= now:
            raise fail(f"--since {since} has not come yet; name a time that has passed", 2)
        with working(f"asking for the posts of {name}"):
            found = await look(opened, name, start)
    if as_json:
        show_json(found.as_json())
    else:
        _show(name, found)
    if len(found.of(Kind.MATCHED)) < len(found.findings):
        raise typer.Exit(1)


def _show_exchange(name: str, seen: Seen, *, as_json: bool) -> None:
    from jobs.orders.risk import plain  # noqa: PLC0415 - keeps --help fast

    if as_json:
        show_json(seen.as_json())
    else:
        typer.echo(f"{name}: {seen.fills} fills that were not in our records")
        for balance in seen.balances.values():
            typer.echo(f"{balance.asset:8} {plain(balance.free)} free, {plain(balance.locked)} in orders")
        for order in seen.foreign:
            at = f" at {plain(order.price)}" if order.price is not None else ""
            what = f"{order.side} {plain(order.amount or order.filled)} {order.symbol}{at}"
            typer.echo(f"not in our records: {what} ({order.id})")
        if seen.foreign:
            typer.echo("  someone else trades on this account, or a backup was put back; they are left alone")
        for lost in seen.missing:
            typer.echo(f"not shown: {lost.id[:8]} {lost.says()} ({lost.exchange_id}), which was accepted; look there")
            typer.echo(f"  `automator orders resolve {lost.id[:8]} --gone` if it has ended")
        if len(seen.missing) > 1:
            ids = " ".join(lost.id[:8] for lost in seen.missing)
            typer.echo(
                f"  if all of them have ended, as when a test network begins anew:\n"
                f"  `automator orders resolve {ids} --gone`"
            )
        for doubted in seen.doubtful:
            typer.echo(f"unconfirmed: {doubted.id[:8]} {doubted.says()}; look there, then say")
            typer.echo(f"  `automator orders resolve {doubted.id[:8]} --there ORDER` or `--not-placed`")
    if seen.foreign or seen.missing or seen.doubtful:
        raise typer.Exit(1)


def _show(name: str, found: Comparison) -> None:
    from automator.reconcile import LAG, Kind  # noqa: PLC0415 - keeps --help fast

    shown = sum(item.shown is not None for item in found.findings)
    matched, cost = len(found.of(Kind.MATCHED)), f"; looking took up to ${found.cost / 1000:.3f}" if found.cost else ""
    posts = f"{counted(shown, 'post')} shown, {matched} of them ours"
    typer.echo(f"{name} since {found.since:%Y-%m-%d %H:%M}Z: {posts}{cost}")
    for item in found.of(Kind.FOREIGN):
        typer.echo(f"not in our records: {_line(found, item)}")
    if found.of(Kind.FOREIGN):
        typer.echo("  someone else posts for this account, or a backup was put back")
    for item in found.of(Kind.OPEN):
        typer.echo(f"{'open, and shown' if item.shown else 'open, and not shown'}: {_line(found, item)}")
        typer.echo(f"  {'' if item.shown else 'when you have looked yourself: '}{found.command(item)}")
    for item in found.of(Kind.MISSING):
        young = item.ours is not None and found.now - item.ours.sent < LAG
        why = "it is young, and the list may lag" if young else "taken down, or hidden"
        typer.echo(f"not shown: {_line(found, item)}\n  {why}")


def _line(found: Comparison, item: Finding) -> str:
    at = item.shown.at if item.shown else item.ours.sent if item.ours else found.now
    text = cut(item.shown.text if item.shown else item.ours.text if item.ours else "", 48)
    whose = f"  {item.ours.delivery[:8]} part {item.ours.part + 1}" if item.ours else ""
    where = f"  {found.link(item.shown)}" if item.shown else ""
    return f"{at:%Y-%m-%d %H:%M}Z  {text}{whose}{where}"
