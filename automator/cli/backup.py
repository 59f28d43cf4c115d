"""``automator backup``, ``restore`` and ``restored``."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import HomeOption, begins, engine, folder, records, told, working
from connectors.words import counted

if TYPE_CHECKING:
    from automator.engine import Engine


@told
def backup(file: Path, home: HomeOption = None) -> None:
    """Copy the database to FILE, also while the service runs. Keys are not in it."""
    from automator.backup import backup as copy  # noqa: PLC0415 - keeps --help fast

    with records(home) as kept, working("copying"):
        copy(kept.reader, file)
    typer.echo(f"{file} holds everything but the keys, which stay in the vault")


@told
def restore(file: Path, home: HomeOption = None) -> None:
    """Put the backup FILE in place of the database. That is kept beside it; what may have gone out since is held."""
    from automator.backup import restore as put_back  # noqa: PLC0415 - keeps --help fast
    from automator.home import Home  # noqa: PLC0415 - as above
    from automator.vault.choose import choose  # noqa: PLC0415 - as above

    place = Home(folder(home))
    store = choose(place.path, place.settings().vault.kind, os.environ)
    store.check()
    with working("copying"):
        made, held = put_back(place.database, file, store, datetime.now(UTC), actor="user")
    typer.echo(f"restored what was there at {made:%Y-%m-%d %H:%M:%S}Z")
    _say(held)


@told
async def restored(
    home: HomeOption = None,
    since: Annotated[str | None, typer.Option(help="When the copy was made, for the record.")] = None,
) -> None:
    """Say that an older copy of the database was put in place. What may have gone out since is held for you."""
    async with engine(home) as opened:
        made = begins(since, opened.clock.now(), "UTC") if since else None
        held = await _restored(opened, made)
    _say(held)


async def _restored(opened: Engine, made: datetime | None) -> int:
    from automator import backup as backups  # noqa: PLC0415 - keeps --help fast
    from automator.ledger import checkpoint  # noqa: PLC0415 - as above

    now = opened.clock.now()
    if backups.behind(opened.home.path, opened.reader):
        # they name entries that this copy never had
        backups.aside(opened.home.path / checkpoint.FILE, now)
    keys = backups.newest_keys(opened.reader, opened.store)
    return await opened.writer.run(lambda tx: backups.restored(tx, keys, made, now, actor="user"))


def _say(held: int) -> None:
    if held:
        hint = "look, and settle each with `automator posts resolve`"
        typer.echo(f"{counted(held, 'post')} may have gone out since; {hint}")
    else:
        typer.echo("nothing was due since; posts planned after the copy was made are not in it")
