"""``automator posts``: what is published, where and when."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import (
    HomeOption,
    JsonOption,
    engine,
    fail,
    records,
    show_json,
    told,
    without_keys,
    working,
)
from automator.cli.lines import table, width, wrapped
from automator.cli.post import copies_for, lines, media_line, say
from automator.cli.stats import stats
from connectors.post import Form, Part, Problem
from connectors.words import counted

if TYPE_CHECKING:
    import sqlite3

    from automator.engine import Engine
    from automator.posting.posts import Listed
    from jobs.posting.campaign import Verdict

ALIKE = 10  #: remarks of one kind on the rows of a campaign

posts = typer.Typer(name="posts", help="Planned and published posts.", no_args_is_help=True)
posts.command()(stats)


def _one(reader: sqlite3.Connection, delivery: str) -> Listed:
    from automator.posting.posts import listed  # noqa: PLC0415 - keeps --help fast

    found = listed(reader, delivery=delivery) if delivery.isalnum() else []
    if len(found) != 1:
        what = "several posts begin" if found else "no post begins"
        raise fail(f"{what} with {delivery!r}; `automator posts list` shows them", 2)
    return found[0]


def _row(item: Listed) -> tuple[Sequence[str], str, str]:
    count = len(item.parts)
    text = f"{count} parts: {item.texts[0]}" if count > 1 else item.texts[0]
    return (item.id[:8], _when(item), item.account, item.state), text, item.reason


def _when(item: Listed) -> str:
    return f"{item.wall or f'{item.at:%Y-%m-%d %H:%M}'} {item.zone}"


def _line(item: Listed) -> str:
    return "\n".join(table([_row(item)], width()))


def _tell(verdicts: Sequence[Verdict]) -> None:
    """All problems; of warnings and notes the first of a kind, since a thousand rows of one time have as many."""
    told: Counter[str] = Counter()
    for verdict in verdicts:
        for kind, words, bad in _remarks(verdict):
            told[kind] += not bad
            if told[kind] <= ALIKE:
                typer.echo(f"  row {verdict.row.number}: {kind}: {words}", err=True)
    for kind, count in told.items():
        if count > ALIKE:
            typer.echo(f"  {count - ALIKE} more: {kind}; --json lists them", err=True)


def _remarks(verdict: Verdict) -> Iterator[tuple[str, str, bool]]:
    for note in verdict.notes:
        yield "note", note, False
    for item in verdict.problems:
        yield f"{'warning' if item.warning else 'problem'}: {item.field}", item.what, not item.warning


@posts.command("list")
@told
def list_(
    home: HomeOption = None,
    week: Annotated[bool, typer.Option("--week", help="Only the seven days from now.")] = False,
    state: Annotated[str | None, typer.Option(help="Only those that are so: missed, unconfirmed, ...")] = None,
    as_json: JsonOption = False,
) -> None:
    """List posts by their time."""
    from automator.posting.posts import listed  # noqa: PLC0415 - keeps --help fast
    from automator.scheduling.states import RunState  # noqa: PLC0415 - as above

    if state is not None and state not in set(RunState):
        raise fail(f"no post is ever {state!r}; there are {', '.join(RunState)}", 2)
    with records(home) as kept:
        since: datetime | None = kept.now if week else None
        until = since + timedelta(days=7) if since else None
        found = listed(kept.reader, since=since, until=until, state=state)
    if as_json:
        show_json([item.as_json() for item in found])
        return
    for line in table(list(map(_row, found)), width()) if found else ["no posts"]:
        typer.echo(line)


@posts.command()
@told
def show(delivery: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one post: its parts, files and links."""
    from automator import accounts  # noqa: PLC0415 - keeps --help fast
    from connectors.registry import build  # noqa: PLC0415 - as above

    with records(home) as kept:
        item = _one(kept.reader, delivery)
        try:
            network = accounts.network(accounts.load(kept.reader, item.account), kept.settings.providers)
        except accounts.NoAccount:  # it was removed since, and what it published can still be looked at
            provider = item.account.partition("/")[0]
            network = build(provider, None, kept.settings.providers.get(provider))
        links = [network.link(result) if result.get("id") or result.get("uri") else "" for result in item.results]
    if as_json:
        show_json({**item.as_json(), "links": list(filter(None, links))})
        return
    room = width()
    typer.echo(f"{item.id[:8]}  {_when(item)}  {item.account}  {item.state}")
    for line in wrapped(item.reason, room, "  ") if item.reason else ():
        typer.echo(line)
    for number, part in enumerate(item.parts):
        typer.echo(f"\n{'' if part.form is Form.POST else f'[{part.form}] '}{part.text}".rstrip())
        for media in part.media:
            typer.echo(f"[{media_line(media)}]")
        if number < len(links) and links[number]:
            typer.echo(links[number])


@posts.command()
@told
async def edit(
    delivery: str,
    home: HomeOption = None,
    at: Annotated[str | None, typer.Option(help="When instead, as for `post --at`.")] = None,
    tz: Annotated[str | None, typer.Option(help="The time zone of --at (else the one in config.toml).")] = None,
    text: Annotated[str | None, typer.Option(help="What instead; a thread stays one, divided by lines of ---.")] = None,
) -> None:
    """Change the text or time of a post that is not out. Also a published one's text, where its network lets you."""
    from automator.posting import posts as planned  # noqa: PLC0415 - keeps --help fast
    from jobs.posting.characters import legible, strange  # noqa: PLC0415 - as above
    from jobs.posting.parts import rewritten  # noqa: PLC0415 - as above
    from jobs.posting.when import parse_when  # noqa: PLC0415 - as above

    if at is None and text is None:
        raise fail("say what to change: --at, --text, or both", 2)
    async with engine(home) as opened:
        item, now = _one(opened.reader, delivery), opened.clock.now()
        problems: list[Problem] = []
        parts = None
        if text is not None:
            _, network = opened.session(item.account, {})
            written = lines(text, thread=len(item.parts) > 1)
            parts = rewritten(item.parts, legible(written), problems)
            problems += [*strange("text", written), *network.check(parts)]
        when = parse_when(at, now=now, zone=tz or opened.settings.posting.zone) if at is not None else None
        if when is not None and when.at < now - timedelta(minutes=opened.settings.posting.late_minutes):
            problems.append(Problem("at", f"{at} lies in the past"))
        say(problems)
        if any(not problem.warning for problem in problems):
            raise fail("nothing was changed", 2)
        if item.state == "done" and parts is not None and at is None:
            typer.echo(f"{await _amended(opened, item, parts)} changed at {item.account}")
            return
        change = planned.Change(parts, *((when.at, when.zone, when.wall) if when else ()))
        done = await opened.writer.run(lambda tx: planned.edit(tx, item.id, change, now, actor="user"))
        changed = _one(opened.reader, item.id)
    if not done:
        only = "only what has not begun to go out can be changed"
        raise fail(f"{item.id[:8]} is {changed.state}; {only}{_half(changed)}", 1)
    typer.echo(_line(changed))
    if changed.state in planned.AGAIN:
        typer.echo(f"it stays {changed.state}; `automator posts retry {item.id[:8]}` publishes it now")


def _half(item: Listed) -> str:
    """What can be done about a post of which only some parts are out, to follow why it can't be changed."""
    if not 0 < len(item.results) < len(item.parts):
        return ""
    again = item.state in {"failed", "missed", "cancelled"}
    how = f"retry {item.id[:8]}` goes on with the rest" if again else f"cancel {item.id[:8]}` gives the rest up"
    return f", and {len(item.results)} of its {len(item.parts)} parts went out; `automator posts {how}"


async def _amended(opened: Engine, item: Listed, parts: Sequence[Part]) -> str:
    from automator.posting.amend import amend  # noqa: PLC0415 - keeps --help fast
    from connectors.base import CallRefused, NotNow, Unresolved  # noqa: PLC0415 - as above
    from connectors.network import Rejected  # noqa: PLC0415 - as above

    try:
        count = await amend(opened, item, parts)
    except (Rejected, CallRefused, NotNow, Unresolved) as error:
        raise fail(f"{item.id[:8]} is published and was not changed: {error}", 1) from None
    return f"{counted(count, 'part')} {'is' if count == 1 else 'are'}"


@posts.command("export")
@told
def export(
    to: Annotated[Path, typer.Option(help="The file to write: .csv or .json.")],
    home: HomeOption = None,
    planned: Annotated[bool, typer.Option("--planned", help="Only what is still to be published.")] = False,
) -> None:
    """Write posts to a campaign file that `posts import` reads. Pictures are named by their path."""
    from automator.posting.campaigns import save  # noqa: PLC0415 - keeps --help fast
    from automator.posting.posts import listed  # noqa: PLC0415 - as above

    with records(home) as kept:
        found = [item for item in listed(kept.reader) if not planned or item.state in {"scheduled", "waiting"}]
    try:
        rows = save(to, found)
    except OSError as error:
        raise fail(f"{to} can't be written: {error.strerror}", 1) from None
    typer.echo(f"{counted(rows, 'post')} in {to}")


@posts.command()
@told
async def cancel(delivery: str, home: HomeOption = None) -> None:
    """Take a planned post back. Or give one up of which it can't be known whether it went out."""
    from automator.posting import posts as planned  # noqa: PLC0415 - keeps --help fast

    async with without_keys(home) as opened:
        item = _one(opened.reader, delivery)
        done = await opened.writer.run(lambda tx: planned.cancel(tx, item.id, opened.clock.now(), actor="user"))
        stands = _one(opened.reader, item.id)
    if not done:
        raise fail(f"{item.id[:8]} is {stands.state} and can't be taken back", 1)
    unsure = item.state == "unconfirmed"
    stays = "cancelled; what may be out stays there, and nothing more goes out" if unsure else stands.reason
    typer.echo(f"{item.id[:8]} is {stays}")


@posts.command()
@told
async def retry(delivery: str, home: HomeOption = None) -> None:
    """Publish a failed, missed or cancelled post now. It goes on at the part that is missing."""
    from automator.posting import posts as planned  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        item = _one(opened.reader, delivery)
        done = await opened.writer.run(lambda tx: planned.retry(tx, item.id, opened.clock.now(), actor="user"))
    if not done:
        raise fail(f"{item.id[:8]} is {item.state}; only what failed, was missed or cancelled can be tried again", 1)
    typer.echo(f"{item.id[:8]} is due now")


@posts.command()
@told
async def resolve(
    delivery: str,
    home: HomeOption = None,
    there: Annotated[str | None, typer.Option(help="It was published: its address or id at the provider.")] = None,
    send_again: Annotated[bool, typer.Option("--send-again", help="It was not published: send it again.")] = False,
) -> None:
    """Settle an unconfirmed post. Look at the account first."""
    from automator.posting import posts as planned  # noqa: PLC0415 - keeps --help fast

    if bool(there) == send_again:
        raise fail("say either --there ID or --send-again", 2)
    async with engine(home) as opened:
        item = _one(opened.reader, delivery)
        now = opened.clock.now()
        _, network = opened.session(item.account, {})
        result = network.read_link(there) if there else None
        if there and result is None:
            raise fail(f"{there!r} is no post of {network.name}; give the address that it shows for the post", 2)
        if result is not None:
            done = await opened.writer.run(lambda tx: planned.resolve_there(tx, item.id, result, now, actor="user"))
        else:
            done = await opened.writer.run(lambda tx: planned.resolve_send_again(tx, item.id, now, actor="user"))
        stands = _one(opened.reader, item.id)
    if not done:
        raise fail(f"{item.id[:8]} is {item.state}; there is nothing to settle", 1)
    more = there and stands.state == "unconfirmed"
    typer.echo(f"{item.id[:8]} is settled" + (f"; now look for part {len(stands.results) + 1}" if more else ""))


@posts.command("import")
@told
async def import_(
    file: Path,
    home: HomeOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every row, and plan nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Plan the good rows although others are bad.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Plan a campaign from a CSV or JSON file. Importing it twice plans nothing twice."""
    from automator.posting.campaigns import bring_in, judged, rules  # noqa: PLC0415 - keeps --help fast
    from jobs.posting.characters import legible  # noqa: PLC0415 - as above
    from jobs.posting.rows import read  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        now, settings = opened.clock.now(), opened.settings
        with working(f"checking the rows of {file.name}"), copies_for(opened.home, dry_run=dry_run) as copies:
            zone = settings.posting.zone
            against = rules(opened.reader, file.parent, now, zone, settings=settings, copies=copies)
            verdicts = judged(opened.reader, read(file), against)
        bad = [verdict for verdict in verdicts if not verdict.ok]
        _tell(verdicts)
        if dry_run or (bad and not skip_bad):
            if as_json:
                show_json([_as_json(verdict) for verdict in verdicts])
            typer.echo(f"{counted(len(verdicts), 'row')}, {len(bad)} bad; nothing was planned", err=as_json)
            if bad and not dry_run:
                raise fail("correct them, or plan the good ones with --skip-bad", 1)
            return
        late = timedelta(minutes=settings.posting.late_minutes)
        with working(f"planning {counted(len(verdicts) - len(bad), 'row')}"):
            try:
                done = await bring_in(verdicts, opened.writer, now, source=legible(file.name), late=late)
            except asyncio.CancelledError:
                left = "stopped before all rows were planned; import the file again, which plans those that are missing"
                raise fail(left, 130) from None
    if as_json:
        show_json([_as_json(verdict) for verdict in verdicts])
    planned = f"{counted(done.added, 'post')} planned, {done.known} planned before"
    typer.echo(f"{counted(len(verdicts), 'row')}, {len(bad)} left out; {planned}", err=as_json)


def _as_json(verdict: Verdict) -> dict[str, object]:
    problems = [{"field": item.field, "what": item.what, "warning": item.warning} for item in verdict.problems]
    row: dict[str, object] = {"row": verdict.row.number, "ok": verdict.ok, "to": list(verdict.row.to)}
    return row | {"problems": problems, "notes": list(verdict.notes)}
