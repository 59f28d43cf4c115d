"""``automator calls``: what left, and what came back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from automator.cli.common import HomeOption, JsonOption, fail, folder

DATABASE = "automator.db"
OUTCOMES = ("ok", "rejected", "later", "unsent", "unknown", "open")

calls = typer.Typer(name="calls", help="Audit the calls that left for providers.", no_args_is_help=True)


@contextmanager
def _ledger(home: Path | None) -> Iterator[sqlite3.Connection]:
    from automator.db import connect  # noqa: PLC0415 - keeps --help fast

    path = folder(home) / DATABASE
    if not path.is_file():
        raise fail(f"there is no database at {path}; name its folder with --home or AUTOMATOR_HOME", 2)
    connection = connect(path, readonly=True)
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise fail(f"{path} can't be read as a ledger ({error}); restore a backup of it", 1) from None
    finally:
        connection.close()


@calls.command("list")
def list_(
    home: HomeOption = None,
    account: Annotated[str | None, typer.Option(help="Only this account's: provider/name.")] = None,
    outcome: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(OUTCOMES)}.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List calls, newest first."""
    from automator.ledger.query import newest  # noqa: PLC0415 - keeps --help fast

    if outcome is not None and outcome not in OUTCOMES:
        raise fail(f"{outcome!r} is no outcome; use one of {', '.join(OUTCOMES)}", 2)
    with _ledger(home) as ledger:
        found = newest(ledger, account=account, outcome=outcome, limit=limit)
    if as_json:
        typer.echo(json.dumps([call.as_json() for call in found], ensure_ascii=False, indent=2))
        return
    for call in found:
        status = (call.answer or {}).get("status") or "-"
        when = f"{call.at:%Y-%m-%d %H:%M:%S}Z"
        typer.echo(f"{call.seq:>8}  {when}  {call.account}  {call.operation}  {status}  {call.outcome}")
    if not found:
        typer.echo("no calls")


@calls.command()
def show(number: int, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one call, with what is kept of its bodies."""
    from automator.ledger.chain import read_body  # noqa: PLC0415 - keeps --help fast
    from automator.ledger.query import one  # noqa: PLC0415 - keeps --help fast

    with _ledger(home) as ledger:
        call = one(ledger, number)
        if call is None:
            raise fail(f"there is no call {number}; `automator calls list` shows those that there are", 1)
        shown = call.as_json()
        for side in ("request", "answer"):
            body = (shown[side] or {}).get("body")
            if body:
                kept = read_body(ledger, bytes.fromhex(body["sha256"]))
                body["text"] = kept.decode(errors="replace") if kept is not None else None
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for name, value in shown.items():
        typer.echo(f"{name:>12}  {json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value}")


@calls.command()
def export(
    to: Annotated[Path, typer.Option(help="The file to write; a manifest is written beside it.")],
    format_: Annotated[str, typer.Option("--format", help="har, jsonl or csv.")] = "jsonl",
    home: HomeOption = None,
    account: Annotated[str | None, typer.Option(help="Only this account's: provider/name.")] = None,
    outcome: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(OUTCOMES)}.")] = None,
) -> None:
    """Write calls to a file, oldest first, without keys."""
    from automator.ledger.export import FORMATS  # noqa: PLC0415 - keeps --help fast
    from automator.ledger.export import export as write  # noqa: PLC0415 - as above

    if format_ not in FORMATS:
        raise fail(f"{format_!r} is no format; use one of {', '.join(FORMATS)}", 2)
    if outcome is not None and outcome not in OUTCOMES:
        raise fail(f"{outcome!r} is no outcome; use one of {', '.join(OUTCOMES)}", 2)
    with _ledger(home) as ledger:
        try:
            manifest = write(ledger, to, format_, account=account, outcome=outcome)
        except OSError as error:
            raise fail(f"{to} can't be written: {error.strerror}", 1) from None
    typer.echo(f"{manifest.calls} calls in {to}, up to entry {manifest.head_number}")


@calls.command()
def verify(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check that no recorded entry was altered or removed, as far as the last signed checkpoint."""
    from automator.ledger import chain, checkpoint  # noqa: PLC0415 - keeps --help fast

    with _ledger(home) as ledger:
        try:
            result = chain.verify(ledger, checkpoint.read(folder(home)))
        except checkpoint.BadCheckpoint as error:
            raise fail(str(error), 1) from None
    fault = result if isinstance(result, chain.Fault) else None
    if as_json:
        typer.echo(json.dumps({"ok": fault is None, "entries": None if fault else result, "fault": str(fault or "")}))
    elif fault is None:
        typer.echo(f"{result} entries, none altered or missing")
    if fault is not None:
        if not as_json:
            typer.echo(f"automator: {fault}", err=True)
        raise typer.Exit(1)
