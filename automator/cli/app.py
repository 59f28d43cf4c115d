"""The commands: where each is, and what the list of them says of it."""

from __future__ import annotations

from functools import cache, partial
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

from automator.cli.late import late, loaded

PARTS = {
    "Begin": {
        "init": ("service.init", "Make the folder of an installation."),
        "doctor": ("service.doctor", "Say whether everything works."),
        "demo": ("service.demo", "Publish a campaign on the sandbox, through a kill -9."),
        "sandbox": ("service.sandbox", "Serve twins of the providers, to try all without a key."),
        "accounts": ("accounts.accounts", "Connect accounts; their keys stay in the vault."),
    },
    "Posts": {
        "post": ("post.post", "Plan a post."),
        "posts": ("posts.posts", "Planned and published posts."),
        "media": ("media.media", "Where providers fetch pictures and videos."),
    },
    "Trading": {
        "orders": ("orders.orders", "Orders at exchanges."),
        "fills": ("trades.fills", "List the trades that filled orders."),
        "positions": ("trades.positions", "Show what is held by our records."),
        "profit": ("trades.profit", "Show what each day (UTC) earned, fees included."),
        "risk": ("risk.risk", "Limits that every order must keep to, by account and by bot."),
        "bots": ("bots.bots", "Strategies that trade: on paper, or live if you say so."),
        "signal": ("bots.signal", "Give a signal bot a message."),
        "backtest": ("backtest.backtest", "Run a strategy over candles of the past."),
    },
    "Work": {
        "serve": ("service.serve", "Work until told to stop (Ctrl-C, SIGTERM)."),
        "run-due": ("service.run_due", "Do all that is due, then exit: for cron."),
        "service": ("service.service", "Start with the machine."),
        "notices": ("service.notices", "List what you must know."),
        "halt": ("halt.halt", "Stop every write at once, until you resume."),
        "resume": ("halt.resume", "Lift a halt."),
    },
    "Record": {
        "calls": ("calls.calls", "Audit the calls that left for providers."),
        "limits": ("service.limits", "Provider limits: used, free, next reset."),
        "backup": ("backup.backup", "Copy the database to FILE, also while the service runs."),
        "restore": ("backup.restore", "Put the backup FILE in place of the database."),
        "restored": ("backup.restored", "Say that an older copy of the database was put in place."),
        "check": ("check.check", "Play a connector's cases on its twin."),
    },
}


class _Program(TyperGroup):
    """Lists its commands without loading them."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer calls it with both
        for part, commands in PARTS.items():
            with formatter.section(part):
                formatter.write_dl([(name.ljust(9), summary) for name, (_, summary) in commands.items()])


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - keeps --help fast

        typer.echo(f"automator {version('automator')}")
        raise typer.Exit


def _begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Posts and orders through the providers' own APIs: once, on the record, within limits."""


@cache
def program() -> TyperGroup:
    """All of them, ready to be called."""
    app = typer.Typer(
        cls=_Program,
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"max_content_width": 120},
    )
    app.callback()(_begin)
    places = {name: place for commands in PARTS.values() for name, (place, _) in commands.items()}
    return late(get_group(app), {name: partial(loaded, name, place) for name, place in places.items()})
