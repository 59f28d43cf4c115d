"""``automator calls``: what left, and what came back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import (
    LARGEST,
    LONG,
    HomeOption,
    JsonOption,
    begins,
    engine,
    fail,
    folder,
    show_json,
    told,
    working,
)
from connectors.words import counted

if TYPE_CHECKING:
    from automator.ledger.query import Filter

OUTCOMES = ("ok", "rejected", "later", "unsent", "unknown", "open")

calls = typer.Typer(name="calls", help="Audit the calls that left for providers.", no_args_is_help=True)

AccountOption = Annotated[str | None, typer.Option(help="Only this account's: provider/name.")]
OutcomeOption = Annotated[str | None, typer.Option(help=f"Only these: {', '.join(OUTCOMES)}.")]
OperationOption = Annotated[str | None, typer.Option(help="Only this operation, such as x.post.create.")]
SinceOption = Annotated[str | None, typer.Option(help="From this time or day on.")]
UntilOption = Annotated[str | None, typer.Option(help="Before this time or day.")]


def _filter(
    account: str | None,
    outcome: str | None = None,
    operation: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> Filter:
    from automator.ledger.query import Filter  # noqa: PLC0415 - keeps --help fast

    if outcome is not None and outcome not in OUTCOMES:
        raise fail(f"{outcome!r} is no outcome; use one of {', '.join(OUTCOMES)}", 2)
    return Filter(account, outcome, operation, _instant(since), _instant(until))


def _instant(written: str | None) -> datetime | None:
    from jobs.posting.when import FORMS, WhenError  # noqa: PLC0415 - keeps --help fast

    if written is None:
        return None
    try:
        return begins(written, datetime.now(UTC), "UTC")
    except WhenError as error:
        forms = "write 2026-12-01, 2026-12-01 09:00 (UTC), 2026-12-01 09:00 Europe/Berlin, or an ISO 8601 time"
        raise fail(str(error).replace(FORMS, forms), 2) from None


@contextmanager
def _ledger(home: Path | None) -> Iterator[sqlite3.Connection]:
    from automator.db import connect  # noqa: PLC0415 - keeps --help fast
    from automator.home import Home  # noqa: PLC0415 - as above
    from automator.ledger.pack import Unpackable  # noqa: PLC0415 - as above
    from automator.trouble import DAMAGED, damaged, trouble  # noqa: PLC0415 - as above

    path = Home(folder(home)).database
    if not path.is_file():
        raise fail(f"there is no database at {path}; name its folder with --home or AUTOMATOR_HOME", 2)
    connection = connect(path, readonly=True)
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise fail(f"{path} can't be read as a ledger: {trouble(path, error)}", 1) from None
    except (TypeError, UnicodeDecodeError) as error:
        if not damaged(path):
            raise
        raise fail(f"{path} can't be read as a ledger: {DAMAGED}", 1) from error
    except Unpackable as error:
        raise fail(f"an entry in {path} can't be read: {error}; `automator calls verify` says which", 1) from None
    finally:
        connection.close()


@calls.command("list")
@told
def list_(  # noqa: PLR0913, PLR0917 - the command's options
    home: HomeOption = None,
    account: AccountOption = None,
    outcome: OutcomeOption = None,
    operation: OperationOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many, newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List calls, newest first."""
    from automator.ledger.query import newest  # noqa: PLC0415 - keeps --help fast

    wanted = _filter(account, outcome, operation, since, until)
    with _ledger(home) as ledger:
        found = newest(ledger, wanted, limit)
    if as_json:
        show_json([call.as_json() for call in found])
        return
    for call in found:
        status = (call.answer or {}).get("status") or "-"
        when = f"{call.at:%Y-%m-%d %H:%M:%S}Z"
        typer.echo(f"{call.seq:>8}  {when}  {call.account}  {call.operation}  {status}  {call.outcome}")
    if not found:
        typer.echo("no calls")


@calls.command()
@told
def events(  # noqa: PLR0913, PLR0917 - the command's options
    home: HomeOption = None,
    account: AccountOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, max=LARGEST, help="How many, newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List what was changed beside calls, and by whom. Keys, scopes, limits, halts, verdicts, prunings."""
    from automator.ledger.events import events as found_  # noqa: PLC0415 - keeps --help fast

    with _ledger(home) as ledger:
        found = found_(ledger, _filter(account, None, None, since, until), limit)
    if as_json:
        show_json([event.as_json() for event in found])
        return
    for event in found:
        more = ", ".join(f"{name} {_short(value)}" for name, value in event.data.items() if name != "what")
        typer.echo(f"{event.seq:>8}  {event.at:%Y-%m-%d %H:%M:%S}Z  {event.account or '-'}  {event.what}: {more}")
    if not found:
        typer.echo("no events")


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@calls.command()
@told
def show(
    number: Annotated[int, typer.Argument(max=LARGEST)], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Show one call, with what is kept of its bodies."""
    from automator.cli.callview import lines  # noqa: PLC0415 - keeps --help fast
    from automator.ledger.chain import read_body  # noqa: PLC0415 - as above
    from automator.ledger.query import one  # noqa: PLC0415 - as above

    with _ledger(home) as ledger:
        call = one(ledger, number)
        if call is None:
            raise fail(f"there is no call {number}; `automator calls list` shows those that there are", 1)
        said = {"request": (call.seq, call.request), "answer": (call.answer_seq or 0, call.answer or {})}
        bodies = {side: read_body(ledger, entry, of.get("body")) for side, (entry, of) in said.items()}
    if not as_json:
        for line in lines(call, bodies["request"], bodies["answer"]):
            typer.echo(line)
        return
    shown = call.as_json()
    for side, kept in bodies.items():
        if body := (shown[side] or {}).get("body"):
            body["text"] = kept.decode(errors="replace") if kept is not None else None
    show_json(shown)


@calls.command()
@told
def export(  # noqa: PLR0913, PLR0917 - the command's options
    to: Annotated[Path, typer.Option(help="The file to write; a manifest is written beside it (not of a pipe).")],
    format_: Annotated[str, typer.Option("--format", help="har, jsonl or csv.")] = "jsonl",
    home: HomeOption = None,
    account: AccountOption = None,
    outcome: OutcomeOption = None,
    operation: OperationOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Write calls to a file, oldest first, without keys."""
    from automator.ledger.export import FORMATS  # noqa: PLC0415 - keeps --help fast
    from automator.ledger.export import export as write  # noqa: PLC0415 - as above

    if format_ not in FORMATS:
        raise fail(f"{format_!r} is no format; use one of {', '.join(FORMATS)}", 2)
    wanted = _filter(account, outcome, operation, since, until)
    with _ledger(home) as ledger, working("writing"):
        try:
            manifest = write(ledger, to, format_, wanted)
        except BrokenPipeError:
            raise  # nobody reads on, as after ``| head``
        except OSError as error:
            raise fail(f"{to} can't be written: {error.strerror}", 1) from None
    typer.echo(f"{counted(manifest.calls, 'call')} in {to}, up to entry {manifest.head[0]}", err=not manifest.sha256)


@calls.command()
@told
def stats(
    home: HomeOption = None,
    account: AccountOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    as_json: JsonOption = False,
) -> None:
    """Count calls and costs by day, account, key and operation. A day is UTC's."""
    from automator.ledger.usage import usage  # noqa: PLC0415 - keeps --help fast

    wanted = _filter(account, None, None, since, until)
    with _ledger(home) as ledger, working("counting"):
        found = usage(ledger, wanted)
    if as_json:
        show_json([row.as_json() for row in found])
        return
    for row in found:
        outcomes = ", ".join(f"{count} {outcome}" for outcome, count in row.outcomes.most_common())
        costs = ", ".join(f"{units} {name}" for name, units in row.cost.items())
        typer.echo(
            f"{row.day}  {row.account} key {row.key or '-'}  {row.operation:26} {outcomes}; {costs or 'no cost'}"
        )
    if not found:
        typer.echo("no calls")


@calls.command()
@told
async def prune(
    home: HomeOption = None,
    body_days: Annotated[int, typer.Option(min=0, max=LONG, help="Drop bodies older than so many days.")] = 0,
    row_days: Annotated[int, typer.Option(min=0, max=LONG, help="Drop whole entries older than so many days.")] = 0,
    max_mb: Annotated[int, typer.Option(min=0, help="Drop the oldest entries beyond so many megabytes.")] = 0,
) -> None:
    """Drop old bodies and entries, on the record. The chain still holds. Without options: as configured."""
    from automator.ledger.prune import Retention  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        asked = Retention(body_days, row_days, max_mb)
        keep = asked if asked != Retention() else Retention(**opened.settings.ledger.model_dump())
        if keep == Retention():
            raise fail("nothing says what to drop; give --body-days, --row-days or --max-mb, or set [ledger]", 2)
        with working("dropping what is old"):
            gone = await opened.prune(keep, "user")
    typer.echo(f"{counted(gone.entries, 'entry', 'entries')} and {counted(gone.bodies, 'body', 'bodies')} dropped")


@calls.command()
@told
def verify(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check that no recorded entry was altered or removed. That holds as far as the last signed checkpoint."""
    from automator.ledger import chain, checkpoint  # noqa: PLC0415 - keeps --help fast

    with _ledger(home) as ledger, working("checking every entry"):
        try:
            result = chain.whole(ledger, checkpoint.read(folder(home)))
        except checkpoint.BadCheckpoint as error:
            raise fail(str(error), 1) from None
    fault = str(result) if isinstance(result, chain.Fault) else ""
    entries = None if isinstance(result, chain.Fault) else result
    if as_json:
        typer.echo(json.dumps({"ok": not fault, "entries": entries, "fault": fault}))
    elif entries is not None:
        typer.echo(f"{counted(entries, 'entry', 'entries')}, none altered or missing")
    else:
        typer.echo(f"automator: {fault}", err=True)
    if fault:
        raise typer.Exit(1)
