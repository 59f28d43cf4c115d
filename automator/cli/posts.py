"""``automator post`` and ``automator posts``: what is published, where and when."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import HomeOption, JsonOption, engine, fail, show_json, told

if TYPE_CHECKING:
    from automator.engine import Engine
    from automator.posts import Listed
    from jobs.posting.campaign import Verdict

posts = typer.Typer(name="posts", help="Planned and published posts.", no_args_is_help=True)


def _one(opened: Engine, delivery: str) -> Listed:
    from automator.posts import listed  # noqa: PLC0415 - keeps --help fast

    found = listed(opened.reader, delivery=delivery) if delivery.isalnum() else []
    if len(found) != 1:
        what = "several posts begin" if found else "no post begins"
        raise fail(f"{what} with {delivery!r}; `automator posts list` shows them", 2)
    return found[0]


def _line(item: Listed) -> str:
    text = " ".join(item.texts[0].split())
    reason = f"  ({item.reason})" if item.reason else ""
    when = f"{item.wall or f'{item.at:%Y-%m-%d %H:%M}'} {item.zone}"
    return f"{item.id[:8]}  {when:34} {item.account:16} {item.state:11} {text[:48]}{reason}"


def _told_of(verdict: Verdict) -> None:
    for problem in verdict.problems:
        kind = "warning" if problem.warning else "problem"
        typer.echo(f"  row {verdict.row.number}: {kind}: {problem.field}: {problem.what}", err=True)


@told
async def post(  # noqa: PLR0913, PLR0917 - the options of one command
    text: str,
    to: Annotated[list[str], typer.Option("--to", help="An account; several times for several.")],
    at: Annotated[str, typer.Option(help='When: "2026-12-01 09:00", ISO 8601, now, "in 10 minutes".')] = "now",
    tz: Annotated[str | None, typer.Option(help="The time zone of --at (else the one in config.toml).")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture.")] = None,
    alt: Annotated[str, typer.Option(help="What the picture shows, for people who can't see it.")] = "",
    thread: Annotated[bool, typer.Option("--thread", help="Parts are divided by lines of ---.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be planned, and plan nothing.")] = False,
    home: HomeOption = None,
) -> None:
    """Plan a post."""
    from automator.campaigns import rules  # noqa: PLC0415 - keeps --help fast
    from automator.posts import NewDelivery, plan  # noqa: PLC0415 - as above
    from jobs.posting.campaign import Row, judge  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        now, zone = opened.clock.now(), tz or opened.settings.posting.zone
        picture = str(image.resolve()) if image else ""
        row = Row(
            1,
            tuple(to),
            at,
            text.replace("\\n", "\n") if thread else text,
            picture,
            alt,
            "yes" if thread else "",
            secrets.token_hex(8),
        )
        (verdict,) = judge([row], rules(opened.reader, Path(), now, zone))
        for problem in verdict.problems:
            typer.echo(f"{'warning' if problem.warning else 'problem'}: {problem.field}: {problem.what}", err=True)
        when = verdict.when
        if not verdict.ok or when is None:
            raise fail("nothing was planned", 2)
        if dry_run:
            for item in verdict.deliveries:
                for number, part in enumerate(item.parts, 1):
                    typer.echo(f"{item.account} {when.wall} {when.zone} part {number}: {part.text}")
            return
        deliveries = [
            NewDelivery(item.account, item.parts, when.at, when.zone, when.wall, item.identity)
            for item in verdict.deliveries
        ]
        late = timedelta(minutes=opened.settings.posting.late_minutes)
        added = await opened.writer.run(lambda tx: plan(tx, deliveries, now, source="command", late=late))
    typer.echo(f"planned for {when.wall} {when.zone}: {', '.join(item[:8] for item in added)}")


@posts.command("list")
@told
async def list_(
    home: HomeOption = None,
    week: Annotated[bool, typer.Option("--week", help="Only the seven days from now.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List posts by their time."""
    from automator.posts import listed  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        since: datetime | None = opened.clock.now() if week else None
        found = listed(opened.reader, since=since, until=since + timedelta(days=7) if since else None)
    if as_json:
        show_json([item.as_json() for item in found])
        return
    for item in found:
        typer.echo(_line(item))
    if not found:
        typer.echo("no posts")


@posts.command()
@told
async def show(delivery: str, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one post, with its links."""
    async with engine(home) as opened:
        item = _one(opened, delivery)
        _, network = opened.session(item.account, {})
        links = [network.link(result) for result in item.results if result.get("id") or result.get("uri")]
    if as_json:
        show_json({**item.as_json(), "links": links})
        return
    typer.echo(_line(item))
    for number, text in enumerate(item.texts):
        typer.echo(f"\n{text}\n{links[number] if number < len(links) else ''}")


@posts.command()
@told
async def cancel(delivery: str, home: HomeOption = None) -> None:
    """Take a planned post back."""
    from automator import posts as planned  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        item = _one(opened, delivery)
        done = await opened.writer.run(lambda tx: planned.cancel(tx, item.id, opened.clock.now(), actor="user"))
    if not done:
        raise fail(f"{item.id[:8]} is {item.state} and can't be taken back", 1)
    typer.echo(f"{item.id[:8]} is cancelled")


@posts.command()
@told
async def retry(delivery: str, home: HomeOption = None) -> None:
    """Publish a failed, missed or cancelled post now, going on at the part that is missing."""
    from automator import posts as planned  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        item = _one(opened, delivery)
        done = await opened.writer.run(lambda tx: planned.retry(tx, item.id, opened.clock.now(), actor="user"))
    if not done:
        raise fail(f"{item.id[:8]} is {item.state}; only what failed, was missed or cancelled can be tried again", 1)
    typer.echo(f"{item.id[:8]} is due now")


@posts.command()
@told
async def resolve(
    delivery: str,
    home: HomeOption = None,
    there: Annotated[str | None, typer.Option(help="It was published: its id at the provider.")] = None,
    send_again: Annotated[bool, typer.Option("--send-again", help="It was not published: send it again.")] = False,
) -> None:
    """Settle an unconfirmed post, after you have looked at the account."""
    from automator import posts as planned  # noqa: PLC0415 - keeps --help fast

    if bool(there) == send_again:
        raise fail("say either --there ID or --send-again", 2)
    async with engine(home) as opened:
        item = _one(opened, delivery)
        now = opened.clock.now()
        number = (there or "").rstrip("/").rsplit("/", 1)[-1]
        if there:
            done = await opened.writer.run(
                lambda tx: planned.resolve_there(tx, item.id, {"id": number, "uri": there}, now, actor="user")
            )
        else:
            done = await opened.writer.run(lambda tx: planned.resolve_send_again(tx, item.id, now, actor="user"))
    if not done:
        raise fail(f"{item.id[:8]} is {item.state}; there is nothing to settle", 1)
    typer.echo(f"{item.id[:8]} is settled")


@posts.command("import")
@told
async def import_(
    file: Path,
    home: HomeOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge every row, and plan nothing.")] = False,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Plan the good rows although others are bad.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Plan a campaign from a CSV or JSON file; importing it twice plans nothing twice."""
    from automator.campaigns import bring_in, rules  # noqa: PLC0415 - keeps --help fast
    from jobs.posting.campaign import judge, read  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        now, zone = opened.clock.now(), opened.settings.posting.zone
        verdicts = judge(read(file), rules(opened.reader, file.parent, now, zone))
        bad = [verdict for verdict in verdicts if not verdict.ok]
        for verdict in verdicts:
            _told_of(verdict)
        if dry_run or (bad and not skip_bad):
            if as_json:
                show_json([_as_json(verdict) for verdict in verdicts])
            typer.echo(f"{len(verdicts)} rows, {len(bad)} bad; nothing was planned", err=as_json)
            if bad and not dry_run:
                raise fail("correct them, or plan the good ones with --skip-bad", 1)
            return
        late = timedelta(minutes=opened.settings.posting.late_minutes)
        done = await bring_in(file, opened.writer, opened.reader, now, zone, late=late)
    typer.echo(f"{len(verdicts)} rows, {len(bad)} left out; {done.added} posts planned, {done.known} planned before")


def _as_json(verdict: Verdict) -> dict[str, object]:
    problems = [{"field": item.field, "what": item.what, "warning": item.warning} for item in verdict.problems]
    return {"row": verdict.row.number, "ok": verdict.ok, "to": list(verdict.row.to), "problems": problems}
