"""Setting up, running, stopping, and looking after an installation."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from automator.cli.common import (
    LARGEST,
    HomeOption,
    JsonOption,
    engine,
    fail,
    folder,
    records,
    show_json,
    told,
    without_keys,
    working,
)
from automator.cli.lines import visible
from automator.process import leave_no_core, told_to_stop
from connectors.words import counted

if TYPE_CHECKING:
    from automator.engine import Engine
    from automator.health import Health


service = typer.Typer(
    name="service",
    help="Start with the machine. Logged in or not (systemd), or from log-in on (launchd).",
    no_args_is_help=True,
)


DAY = 86_400.0  #: seconds


class _Named(TyperGroup):
    """What names no command is an account's name: ``limits x/brand``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, args if self.get_command(ctx, args[0]) else ["show", *args])


limits = typer.Typer(name="limits", cls=_Named, help="Provider limits: used, free, next reset.", no_args_is_help=False)


@told
async def init(
    home: HomeOption = None,
    vault: Annotated[
        str, typer.Option(help="auto, keyring, or file (makes a key file for the encrypted one).")
    ] = "auto",
) -> None:
    """Make the folder of an installation. One that exists is left as it is."""
    from automator.home import Home  # noqa: PLC0415 - keeps --help fast
    from automator.vault import kek  # noqa: PLC0415 - as above
    from automator.vault.choose import choose, closed  # noqa: PLC0415 - as above

    if vault not in {"auto", "keyring", "file"}:
        raise fail(f"{vault!r} is no vault; there are auto, keyring and file", 2)
    place = Home(folder(home))
    place.prepare()
    found = place.config.exists()
    kind = place.settings().vault.kind if found else vault
    if vault not in {"auto", kind} and (kind, vault) != ("auto", "file"):  # auto takes the file once it has a key
        raise fail(f"{place.config} says that the vault is {kind!r}; write {vault!r} there, and add accounts anew", 2)
    if vault == "file" and kek.find(place.path, os.environ) is None and not closed(place.path):
        kek.new_key_file(place.path / kek.OWN)
    keys = choose(place.path, kind, os.environ).check()
    if not found:  # not before its vault opens, so that another can be asked for
        text = f'# config.example.toml shows every setting\n[vault]\nkind = "{kind}"\n'
        place.config.touch(0o600)  # a webhook's address, which may stand there, is as good as a key
        place.config.write_text(text, encoding="utf-8")
    typer.echo(f"{place.path} is ready; {keys}")
    typer.echo("next: automator accounts add x/brand")


@told
async def doctor(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Say whether everything works. Exit code 1 if something needs you."""
    from automator.health import health  # noqa: PLC0415 - keeps --help fast
    from automator.home import Home  # noqa: PLC0415 - as above

    place = Home(folder(home))
    if not place.database.is_file():
        none = f"no installation at {place.path} yet; `automator init` makes one"
        if as_json:
            show_json({"ok": True, "problems": [], "installation": None})
        typer.echo(none, err=as_json)
        return
    async with without_keys(home) as opened:
        with working("looking"):
            found = health(opened, await _media_trouble(opened))
    if as_json:
        show_json(found.as_json())
    else:
        _show(found)
    if found.problems:
        raise typer.Exit(1)


async def _media_trouble(opened: Engine) -> str:
    from automator.vault.store import VaultError  # noqa: PLC0415 - keeps --help fast

    try:
        return await opened.media.trouble() if opened.media is not None else ""
    except VaultError:
        return ""  # which is told by itself


def _show(found: Health) -> None:
    if found.vault:
        typer.echo(found.vault)
    for name, trouble in found.vault_elsewhere.items():
        typer.echo(f"{name} can't use it: {trouble}" if trouble else f"{name} opens it too")
    ticked = found.ticked_seconds_ago
    typer.echo("the service has never run" if ticked is None else f"ticked {ticked} s ago")
    for halted in found.halted:
        typer.echo(f"{halted}; `automator resume` lifts it")
    typer.echo(f"oldest due run {found.oldest_due_seconds_late} s late")
    if found.clock_ahead_seconds is not None:
        typer.echo(f"clock: {found.clock_ahead_seconds:+.0f} s beside the providers'")
    typer.echo(f"media host: {found.media}")
    typer.echo(f"ledger: {found.ledger}")
    typer.echo(f"{counted(found.notices, 'unread notice')}; `automator notices` tells more")
    for problem in found.problems:
        typer.echo(f"problem: {problem}", err=True)


@told
async def serve(home: HomeOption = None) -> None:
    """Work until told to stop (Ctrl-C, SIGTERM). What is in flight is finished within 30 seconds."""
    from automator import hand, memory, upkeep  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        opened.store.check()
        await _not_damaged(opened)
        await _not_a_copy(opened)
        leave_no_core()
        memory.settle()
        stop = told_to_stop()
        typer.echo(f"working on {opened.home.path}; stop with Ctrl-C")
        await asyncio.gather(opened.worker.serve(stop), upkeep.run(opened, stop), hand.lend(opened, stop))
    typer.echo("stopped; nothing is lost")


async def _not_damaged(opened: Engine) -> None:
    from automator.trouble import DAMAGED, damaged  # noqa: PLC0415 - keeps --help fast

    # what went out may be on a page that can't be read any more, while all else still works
    if await asyncio.to_thread(damaged, opened.home.database):
        raise fail(f"{opened.home.database} can't be used: {DAMAGED}", 1)


async def _not_a_copy(opened: Engine) -> None:
    from automator import place  # noqa: PLC0415 - keeps --help fast
    from automator.backup import behind  # noqa: PLC0415 - as above

    if behind(opened.home.path, opened.reader):
        raise fail(
            "this database is older than its own signed checkpoints, so posts might go out twice; "
            "if you put a backup in place, say so with `automator restored`",
            1,
        )
    here = place.here(opened.home.database)
    if why := place.trouble(opened.reader, here):
        raise fail(why, 1)
    if place.known(opened.reader) != here:
        await opened.writer.run(lambda tx: place.note(tx, here, opened.clock.now()))


@service.command("install")
@told
async def install(home: HomeOption = None) -> None:
    """Run `automator serve` from now on, and after every start. Kept up by systemd or launchd."""
    from automator import unit  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        made = unit.unit(opened.home.path)
        vault = opened.store.check()
        unit.install(made)
    typer.echo(f"{made.path} is in force; `automator doctor` says whether it works")
    if "keyring" in vault:
        typer.echo("note: the keyring opens when you log in; for a machine that starts alone use the encrypted file")


@service.command("remove")
@told
async def uninstall(home: HomeOption = None) -> None:
    """Stop the service and take it out of the machine's start."""
    from automator import unit  # noqa: PLC0415 - keeps --help fast

    made = unit.unit(folder(home))
    typer.echo(f"{made.path} is removed" if unit.remove(made) else "no service is installed")


@told
async def run_due(
    home: HomeOption = None,
    wait: Annotated[float, typer.Option(min=0.0, max=DAY, help="Also do what falls due within so many seconds.")] = 0.0,
) -> None:
    """Do all that is due, then exit: for cron."""
    from automator import upkeep  # noqa: PLC0415 - keeps --help fast

    async with engine(home) as opened:
        opened.store.check()
        await _not_a_copy(opened)
        until = opened.clock.now() + timedelta(seconds=wait) if wait else None
        await asyncio.gather(opened.worker.run_due(until), upkeep.once(opened))
        if opened.media is not None and (left := await opened.media.sweep()):
            kept = f"{counted(left, 'file')} could not be removed from the media host"
            typer.echo(f"automator: {kept}; the next run tries", err=True)
        if opened.webhook is not None and (why := await opened.webhook.deliver()):
            typer.echo(f"automator: the webhook did not take what waits for it: {why}", err=True)


@told
async def notices(
    home: HomeOption = None,
    as_json: JsonOption = False,
    clear: Annotated[bool, typer.Option("--clear", help="Mark all as read.")] = False,
    test: Annotated[bool, typer.Option("--test", help="Send one to the webhook, to see it arrive.")] = False,
) -> None:
    """List what you must know. What was missed, failed, is unconfirmed, expires or is halted."""
    from automator.clock import instant, micros  # noqa: PLC0415 - keeps --help fast
    from automator.notices import mark_seen, unread  # noqa: PLC0415 - as above

    if test:
        await _try_webhook(home)
        return
    with records(home) as kept:
        found = unread(kept.reader)
    if clear:
        async with without_keys(home) as opened:
            await opened.writer.run(lambda tx: mark_seen(tx, found, micros(opened.clock.now())))
    for item in found:
        for name in ("at", "sent_at"):
            item[name] = instant(int(str(item[name]))).isoformat() if item[name] is not None else None
    if as_json:
        show_json(found)
        return
    for item in found:
        typer.echo(visible(f"{item['at']}  {item['kind']:12} {item['text']}"))
    if not found:
        typer.echo("no notices")


async def _try_webhook(home: Path | None) -> None:
    async with engine(home) as opened:
        if opened.webhook is None:
            raise fail("no webhook is set; config.toml names its address in [webhook] url", 2)
        if why := await opened.webhook.test():
            raise fail(f"the webhook did not take it: {why}", 1)
    typer.echo("the webhook took it")


@limits.callback(invoke_without_command=True)
def all_limits(context: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show budgets: used, free, and when more fits."""
    if context.invoked_subcommand is None:
        show_limits(None, home, as_json)


@limits.command("show")
@told
def show_limits(
    name: Annotated[str | None, typer.Argument(help="An account; all of them without.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one account's budgets. Also those that its provider counts for all; `limits NAME` does the same."""
    from automator.accounts import load  # noqa: PLC0415 - keeps --help fast
    from automator.limits import rows  # noqa: PLC0415 - as above

    with records(home) as kept:
        found = rows(kept.reader, kept.now)
        if name is not None:
            stored = load(kept.reader, name)
            found = [row for row in found if row.subject in {stored.name, stored.provider}]
    if as_json:
        show_json([row.as_json() for row in found])
        return
    for row in found:
        size = "no limit" if row.limit is None else f"of {row.limit}"
        name = f"{row.name}, each {row.each}" if row.each else row.name
        typer.echo(f"{row.subject:16} {name:22} {row.used:>8.0f} {size:12} {row.unit:9} {row.reset or ''}")
    if not found:
        typer.echo("no accounts, no limits")


@limits.command("set")
@told
async def set_limit(
    account: str, name: str, value: Annotated[int, typer.Argument(max=LARGEST)], home: HomeOption = None
) -> None:
    """Set a limit of your own. Such as `limits set x/brand credit 10000` (thousandths of a dollar a month).

    What waits for it is tried at once.
    """
    from automator.limits import change  # noqa: PLC0415 - keeps --help fast

    if value < 0:
        raise fail("a limit can't be negative", 2)
    async with without_keys(home) as opened:
        known = await opened.writer.run(lambda tx: change(tx, account, name, value, opened.clock.now(), actor="user"))
    if known:
        raise fail(f"{account} has no limit {name!r}; there are {', '.join(known)}", 2)
    typer.echo(f"{account}: {name} is {value} from now on")


@told
async def sandbox(  # noqa: PLR0913, PLR0917 - each is one option
    state: Annotated[Path, typer.Option(help="Folder for accounts.json and world.json.")],
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port of the first twin; 0 takes free ones.")] = 0,
    faults: Annotated[Path | None, typer.Option(help="A JSON list of faults.")] = None,
    lists_lag: Annotated[
        float, typer.Option(min=0.0, max=DAY, help="Seconds until a new post is in the providers' lists.")
    ] = 0.0,
    clock_ahead: Annotated[
        float, typer.Option(min=-DAY, max=DAY, help="Seconds by which the providers' clocks are ahead.")
    ] = 0.0,
    candles: Annotated[
        list[str] | None, typer.Option(metavar="SYMBOL=FILE", help="What the exchange trades: a CSV of candles.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0, help="How fast candles come in; 0: only when told to.")] = 1.0,
) -> None:
    """Serve twins of the providers, to try all without a key."""
    from automator.sandbox.faults import read  # noqa: PLC0415 - keeps --help fast
    from automator.sandbox.server import ACCOUNTS, SETTINGS, TRADING, WORLD, Sandbox  # noqa: PLC0415 - as above

    trouble = read(faults) if faults else []
    box = Sandbox(state, trouble, timedelta(seconds=lists_lag), timedelta(seconds=clock_ahead), speed=speed)
    box.markets = _markets(candles or [])
    try:
        served = await box.start(port)
    except ValueError as error:
        raise fail(str(error), 2) from None
    trading = json.loads((state / TRADING).read_text(encoding="utf-8"))
    for name, account in (served | trading).items():
        typer.echo(f"{name} at {account['base_url']}")
    for symbol, file in box.markets.items():
        typer.echo(f"{symbol} goes through {file}, dated as if its first candle had closed just now{_pace(speed)}")
    typer.echo(f"a media host for config.toml (Instagram needs one) is in {state / SETTINGS}")
    typer.echo(f"keys are in {state / ACCOUNTS} and {state / TRADING}, what the world sees in {state / WORLD}")
    typer.echo("stop with Ctrl-C")
    await told_to_stop().wait()
    await box.stop()


def _pace(speed: float) -> str:
    return "" if speed == 1 else ", and moves only when told to" if not speed else f", {speed:g} times as fast"


def _markets(given: list[str]) -> dict[str, Path]:
    """Files of candles by symbol, from ``BTC/USDT=FILE``."""
    pairs = [item.partition("=") for item in given]
    wrong = [f"{symbol}={file}" if file else symbol for symbol, _, file in pairs if not symbol or not file]
    if wrong:
        raise fail(f"--candles {wrong[0]} names no file; write it like BTC/USDT=candles.csv", 2)
    return {symbol: Path(file) for symbol, _, file in pairs}


def demo(
    keep: Annotated[Path | None, typer.Option(help="Keep the demo's installation in this folder.")] = None,
) -> None:
    """Publish a campaign on the sandbox, through a kill -9. What the world saw is counted."""
    from automator.sandbox.demo import run  # noqa: PLC0415 - keeps --help fast

    raise typer.Exit(run(keep))
