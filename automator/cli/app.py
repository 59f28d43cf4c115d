"""The commands."""

from __future__ import annotations

from functools import cache

import typer
import typer.main
from typer.core import TyperGroup

from automator.cli import backup, halt, posts, reconcile, service, stats, trades
from automator.cli.accounts import accounts
from automator.cli.backtest import backtest
from automator.cli.bots import bots, signal
from automator.cli.calls import calls
from automator.cli.check import check
from automator.cli.media import media
from automator.cli.orders import orders
from automator.cli.post import post
from automator.cli.risk import risk

app = typer.Typer(
    help="Posts and orders through the providers' own APIs: once, on the record, within limits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(service.init)
app.command()(service.doctor)
app.command()(service.demo)
app.command()(service.sandbox)
app.command()(service.serve)
app.command("run-due")(service.run_due)
app.command()(service.notices)
app.command()(halt.halt)
app.command()(halt.resume)
accounts.command()(reconcile.reconcile)
app.add_typer(accounts)
app.command()(post)
posts.posts.command()(stats.stats)
app.add_typer(posts.posts)
app.add_typer(orders)
app.command()(trades.fills)
app.command()(trades.positions)
app.command()(trades.profit)
app.add_typer(risk)
app.add_typer(calls)
app.add_typer(media)
app.add_typer(service.limits)
app.add_typer(service.service)
app.add_typer(bots)
app.command()(signal)
app.command()(backtest)
app.command()(check)
app.command()(backup.backup)
app.command()(backup.restore)
app.command()(backup.restored)


@app.callback()
def _root() -> None:
    pass


@cache
def program() -> TyperGroup:
    """All of them, ready to be called; made once, since that takes longer than most of what they do."""
    return typer.main.get_group(app)
