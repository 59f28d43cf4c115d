"""``automator post``: one post for one or more accounts, planned or only shown."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automator.cli.common import HomeOption, JsonOption, engine, fail, records, show_json, told
from automator.cli.lines import width, wrapped
from connectors.post import Media, Problem
from connectors.words import counted

if TYPE_CHECKING:
    from automator.home import Home
    from jobs.posting.campaign import Verdict
    from jobs.posting.preview import Piece, Shown
    from jobs.posting.rows import Row

MB = 1_000_000


def say(problems: Sequence[Problem], notes: Sequence[str] = ()) -> None:
    """Tell a person, on standard error."""
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    for problem in problems:
        typer.echo(f"{'warning' if problem.warning else 'problem'}: {problem.field}: {problem.what}", err=True)


@contextmanager
def copies_for(home: Home, *, dry_run: bool) -> Iterator[Path]:
    """Where smaller copies of pictures are kept; what is not planned leaves nothing behind."""
    if not dry_run:
        yield home.copies
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def lines(text: str, *, thread: bool) -> str:
    r"""In a thread ``\n`` may be written, since a shell makes it hard to write a line's end."""
    plain = text.replace("\r\n", "\n")
    return plain.replace("\\n", "\n") if thread else plain


def _overrides(given: list[str], *, thread: bool) -> dict[str, str]:
    pairs = [item.partition("=") for item in given]
    if wrong := next((before for before, equals, _ in pairs if not equals), None):
        raise fail(f"{wrong!r} names no provider; write --text-for x=TEXT", 2)
    return {provider: lines(text, thread=thread) for provider, _, text in pairs}


def _tags(given: list[str], pictures: int) -> list[str]:
    """The tags of each picture: ``NAME@X,Y`` belongs to the last one, ``2:NAME@X,Y`` to the second."""
    found = [""] * max(1, pictures)
    for item in given:
        number, colon, tag = item.partition(":")
        place = int(number) if colon and number.isdecimal() else len(found)
        if not 1 <= place <= pictures:
            raise fail(f"--tag {item}: there is no picture {place if colon else 'to tag'}", 2)
        found[place - 1] = f"{found[place - 1]} {tag if colon else item}".strip()
    return found


@told
async def post(  # noqa: PLR0913, PLR0917 - the options of one command
    text: str,
    to: Annotated[list[str], typer.Option("--to", help="An account; several times for several.")],
    at: Annotated[
        str,
        typer.Option(help='When: "2026-12-01 09:00", ISO 8601, now, "in 10 minutes", "in 2 weeks", "tomorrow 09:00".'),
    ] = "now",
    tz: Annotated[str | None, typer.Option(help="The time zone of --at (else the one in config.toml).")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="A picture; several times for several.")] = None,
    video: Annotated[Path | None, typer.Option(help="A video.")] = None,
    alt: Annotated[
        list[str] | None, typer.Option(help="What a picture (or the video) shows; one for each, in their order.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help='Who is in the last picture, and where: NAME@X,Y from 0 to 1; "1:NAME@X,Y": in the first.'),
    ] = None,
    form: Annotated[str, typer.Option(help="post, reel or story.")] = "post",
    comment: Annotated[str, typer.Option(help="A first comment; a reply, where there are no other comments.")] = "",
    collaborator: Annotated[
        list[str] | None, typer.Option(help="An account that is asked to show it as theirs too.")
    ] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Publish smaller copies of pictures that are too large.")] = False,
    thread: Annotated[bool, typer.Option("--thread", help="Parts are divided by lines of ---.")] = False,
    text_for: Annotated[
        list[str] | None, typer.Option("--text-for", help='Another text for one provider: "x=Shorter".')
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be published, and plan nothing.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Plan a post."""
    from jobs.posting.rows import Row, alt_cell, joined  # noqa: PLC0415 - keeps --help fast

    pictures, alts = [str(one.absolute()) for one in image or []], alt or []
    files = len(pictures) + (video is not None)
    if len(alts) > max(1, files):
        given = f"{counted(len(alts), 'time')} --alt for {counted(files, 'file')}"
        raise fail(f"{given}; give one for each, in their order", 2)
    row = Row(
        1,
        tuple(to),
        at,
        lines(text, thread=thread),
        image=joined(pictures),
        alt=alt_cell(alts, max(1, files)),
        thread="yes" if thread else "",
        id=secrets.token_hex(8),
        texts=_overrides(text_for or [], thread=thread),
        video=str(video.absolute()) if video else "",
        form=form,
        comment=lines(comment, thread=thread),
        collaborators=" ".join(collaborator or []),
        tags=joined(_tags(tag or [], len(pictures))),
        fit="yes" if fit else "",
    )
    if dry_run:
        _shown(row, tz, home, as_json=as_json)
    else:
        await _planned(row, tz, home, as_json=as_json)


async def _planned(row: Row, tz: str | None, home: Path | None, *, as_json: bool) -> None:
    from automator.posting.campaigns import deliveries, rules  # noqa: PLC0415 - keeps --help fast
    from automator.posting.posts import plan  # noqa: PLC0415 - as above
    from jobs.posting.campaign import judge  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        now, zone, settings = opened.clock.now(), tz or opened.settings.posting.zone, opened.settings
        against = rules(opened.reader, Path(), now, zone, settings=settings, copies=opened.home.copies)
        (verdict,) = judge([row], against)
        say(verdict.problems, verdict.notes)
        when = verdict.when
        if not verdict.ok or when is None:
            raise fail("nothing was planned", 2)
        late = timedelta(minutes=settings.posting.late_minutes)
        added = await opened.writer.run(lambda tx: plan(tx, deliveries(verdict), now, source="command", late=late))
    if as_json:
        show_json({"at": when.at.isoformat(), "wall": when.wall, "zone": when.zone, "planned": added})
        return
    typer.echo(f"planned for {when.wall} {when.zone}: {', '.join(item[:8] for item in added)}")


def _shown(row: Row, tz: str | None, home: Path | None, *, as_json: bool) -> None:
    from automator.posting.campaigns import rules  # noqa: PLC0415 - keeps --help fast
    from jobs.posting.campaign import judge  # noqa: PLC0415 - as above
    from jobs.posting.preview import previews  # noqa: PLC0415 - as above

    with records(home) as kept:
        settings = kept.settings
        zone = tz or settings.posting.zone
        with copies_for(kept.home, dry_run=True) as copies:
            against = rules(kept.reader, Path(), kept.now, zone, settings=settings, copies=copies)
            (verdict,) = judge([row], against)
        found = previews(verdict, against.networks)
    if as_json:
        show_json(_as_json(verdict, found))
    else:
        for item in found:
            _show(item)
        say(verdict.problems, verdict.notes)
    if not verdict.ok:
        raise fail("it could not be planned so", 2)


def _as_json(verdict: Verdict, found: Sequence[Shown]) -> dict[str, Any]:
    problems = [{"field": item.field, "what": item.what, "warning": item.warning} for item in verdict.problems]
    shown = [item.as_json() for item in found]
    return {"ok": verdict.ok, "problems": problems, "notes": list(verdict.notes), "deliveries": shown}


def _show(item: Shown) -> None:
    when = f"{item.at} {item.zone}" if item.at else "at no time"
    cost = f", about ${item.cost.normalize():f}" if item.cost else ""
    typer.echo(f"{item.account}  {when}{cost}")
    for number, piece in enumerate(item.pieces, 1):
        typer.echo(f"  {number}. {_headline(piece)}")
        for line in wrapped(piece.shown.text, width(), "     "):
            typer.echo(line)
        for media in piece.part.media:
            typer.echo(f"     [{media_line(media)}]")
        if piece.shown.card:
            typer.echo(f"     [card of {piece.shown.card}]")


def _headline(piece: Piece) -> str:
    shown = piece.shown
    people = f", with {', '.join(piece.part.collaborators)}" if piece.part.collaborators else ""
    return f"{piece.part.form}, {shown.used} of {shown.limit} {shown.unit}{people}"


def media_line(media: Media) -> str:
    """A file for a person: what it is, how large, and the text for people who can't see it."""
    from connectors.takes import named, shown  # noqa: PLC0415 - keeps --help fast

    size = f"{media.size / MB:.1f} MB" if media.size >= MB else f"{media.size / 1000:.1f} kB"
    pixels = f"{media.width}x{media.height} " if media.width else ""
    seconds = f", {media.seconds:g} s" if media.seconds else ""
    alt = f", {media.alt!r}" if media.alt else ", no text for people who can't see it"
    tags = "".join(f", {tag.name} at {tag.x:g},{tag.y:g}" for tag in media.tags)
    fitted = f", fitted to {media.width} x {media.height}" if media.source else ""
    return f"{named(media.own)}{fitted}: {pixels}{shown(media.type)}, {size}{seconds}{alt}{tags}"
