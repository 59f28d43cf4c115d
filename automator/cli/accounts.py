"""``automator accounts``: who calls are made for."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import HomeOption, JsonOption, engine, fail, show_json, told

if TYPE_CHECKING:
    from automator.engine import Engine
    from connectors.network import Identity, Network

accounts = typer.Typer(name="accounts", help="Connect accounts; their keys stay in the vault.", no_args_is_help=True)

StdinOption = Annotated[
    bool, typer.Option("--secret-stdin", help="Read the keys as one JSON object with the provider's field names.")
]


def _ask(network: Network, *, stdin: bool) -> dict[str, str]:
    names = [field.name for field in network.fields]
    if stdin:
        try:
            given = json.loads(sys.stdin.read())
        except ValueError:
            raise fail(f"standard input holds no JSON object; its fields are {', '.join(names)}", 2) from None
        if not isinstance(given, dict) or (unknown := sorted(given.keys() - set(names))):
            raise fail(
                f"unknown field {unknown[0] if isinstance(given, dict) else ''}; there are {', '.join(names)}", 2
            )
        found = {name: str(value) for name, value in given.items() if value}
    else:
        asked = {
            field.name: typer.prompt(field.label, hide_input=not field.public, default="", show_default=False)
            for field in network.fields
        }
        found = {name: value for name, value in asked.items() if value}
    missing = [field.name for field in network.fields if field.required and field.name not in found]
    if missing or not found:
        raise fail(f"{network.name} needs {', '.join(missing or names)}", 2)
    return found


async def _test(opened: Engine, name: str) -> Identity:
    from automator.accounts import tested  # noqa: PLC0415 - keeps --help fast

    session, network = opened.session(name, {"command": "accounts test"})
    identity = await network.test(session)
    await opened.writer.run(lambda tx: tested(tx, name, identity, opened.clock.now()))
    return identity


@accounts.command("add")
@told
async def add(
    name: str,
    home: HomeOption = None,
    base_url: Annotated[str | None, typer.Option(help="In place of the provider's own address.")] = None,
    secret_stdin: StdinOption = False,
) -> None:
    """Connect NAME (provider/name, such as x/brand): its keys are asked for, tested, and kept in the vault."""
    from automator.accounts import DEFAULT_SCOPES, NoAccount, Stored, load, remove  # noqa: PLC0415 - keeps --help fast
    from automator.accounts import add as store_account  # noqa: PLC0415 - as above
    from connectors.base import CallRefused, NotNow  # noqa: PLC0415 - as above
    from connectors.network import Rejected  # noqa: PLC0415 - as above
    from connectors.registry import build  # noqa: PLC0415 - as above

    provider, _, short = name.partition("/")
    if not short or not all(part.replace("-", "").replace("_", "").isalnum() for part in (provider, short)):
        raise fail(f"{name!r} is no account's name; write provider/name, such as x/brand", 2)
    network = build(provider, base_url)
    async with engine(home) as opened:
        try:
            load(opened.reader, name)
            raise fail(f"{name} is connected already; use `automator accounts rotate {name}` for new keys", 2)
        except NoAccount:
            secrets = _ask(network, stdin=secret_stdin)
        opened.store.put(name, 1, secrets)
        new = Stored(name, provider, base_url, frozenset(DEFAULT_SCOPES), 1, "", None, None, send_again=False)
        await opened.writer.run(lambda tx: store_account(tx, new, opened.clock.now(), actor="user"))
        try:
            identity = await _test(opened, name)
        except (Rejected, CallRefused, NotNow) as error:
            await opened.writer.run(lambda tx: remove(tx, name, opened.clock.now(), actor="user"))
            opened.store.delete(name, 1)
            raise fail(f"{name} was not connected: {error}", 1) from None
    typer.echo(f"{name} is connected as {identity.handle}")


@accounts.command("list")
@told
async def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the connected accounts."""
    from automator.accounts import everything  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        found = everything(opened.reader)
    if as_json:
        show_json(
            [
                {"name": who.name, "identity": who.identity, "scopes": sorted(who.scopes), "version": who.version}
                for who in found
            ]
        )
        return
    for who in found:
        typer.echo(f"{who.name:24} {who.identity.partition(' ')[2] or '-':24} {' '.join(sorted(who.scopes))}")
    if not found:
        typer.echo("no accounts; connect one with `automator accounts add x/brand`")


@accounts.command("test")
@told
async def try_(name: str, home: HomeOption = None) -> None:
    """Ask the provider who the key of NAME belongs to."""
    async with engine(home) as opened:
        identity = await _test(opened, name)
    typer.echo(f"{name} is {identity.handle} ({identity.id})")
    for warning in identity.warnings:
        typer.echo(f"  warning: {warning}")


@accounts.command("rotate")
@told
async def rotate(name: str, home: HomeOption = None, secret_stdin: StdinOption = False) -> None:
    """Give NAME new keys; the old ones stay in force until the new ones have been tested."""
    from automator.accounts import load  # noqa: PLC0415 - keeps --help fast
    from connectors.network import Rejected  # noqa: PLC0415 - as above
    from connectors.registry import build  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        stored = load(opened.reader, name)
        secrets = _ask(build(stored.provider, stored.base_url), stdin=secret_stdin)
        try:
            identity = await opened.try_keys(name, secrets)
        except Rejected as error:
            raise fail(f"the new keys of {name} do not work, the old ones stay: {error.reason}", 1) from None
    typer.echo(f"{name} has new keys, for {identity.handle}")


@accounts.command("remove")
@told
async def remove(name: str, home: HomeOption = None) -> None:
    """Forget NAME and its keys; what it did stays on the record."""
    from automator.accounts import load  # noqa: PLC0415 - keeps --help fast
    from automator.accounts import remove as forget  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        stored = load(opened.reader, name)
        await opened.writer.run(lambda tx: forget(tx, name, opened.clock.now(), actor="user"))
        for version in (stored.version - 1, stored.version):
            opened.store.delete(name, version)
    typer.echo(f"{name} is forgotten")
