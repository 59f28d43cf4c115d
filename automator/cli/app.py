"""The commands."""

from __future__ import annotations

import typer

from automator.cli.calls import calls

app = typer.Typer(
    help="Posts and orders through the providers' own APIs: once, on the record, within limits.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(calls)


@app.callback()
def _root() -> None:
    pass
