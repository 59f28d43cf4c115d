"""``automator media``: the place where providers fetch pictures and videos."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from automator.cli.common import HomeOption, asked, engine, fail, tidied, told, working

media = typer.Typer(name="media", help="Where providers fetch pictures and videos.", no_args_is_help=True)

FIELDS = ("access_key", "secret_key")


@media.command("set-key")
@told
async def set_key(
    home: HomeOption = None,
    secret_stdin: Annotated[
        bool, typer.Option("--secret-stdin", help="Read one JSON object with access_key and secret_key.")
    ] = False,
) -> None:
    """Keep the key of the bucket that [media] names in the vault."""
    from automator.hosting import host  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        if opened.settings.media.kind != "s3":
            raise fail('only a bucket has a key; config.toml names one in [media] with kind = "s3"', 2)
        given = tidied(_given() if secret_stdin else {name: asked(name, hidden=True) for name in FIELDS})
        if given.keys() != set(FIELDS):
            raise fail(f"a bucket's key has {' and '.join(FIELDS)}; both are needed", 2)
        host.set_key(opened.store, given["access_key"], given["secret_key"])
    typer.echo("the key is in the vault; `automator media test` tries it")


def _given() -> dict[str, str]:
    try:
        found = json.loads(sys.stdin.read())
    except ValueError:
        found = None
    if not isinstance(found, dict) or set(found) != set(FIELDS) or not all(map(str, found.values())):
        raise fail(f"standard input must hold one JSON object with {' and '.join(FIELDS)}", 2)
    return {name: str(value) for name, value in found.items()}


@media.command("test")
@told
async def attempt(home: HomeOption = None) -> None:
    """Try that place. A picture is put there, fetched as a provider would, and removed."""
    async with engine(home) as opened:
        if opened.media is None:
            raise fail("no media host is set; config.toml names one in [media]", 2)
        with working("putting a picture there, and fetching it"):
            trouble = await opened.media.trouble()
        if trouble:
            raise fail(trouble, 1)
        typer.echo(f"{opened.media.at.public_url} shows what is put into {opened.media.at.place}")
