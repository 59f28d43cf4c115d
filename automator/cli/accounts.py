"""``automator accounts``: who calls are made for."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from automator.cli.common import (
    HomeOption,
    JsonOption,
    asked,
    engine,
    fail,
    records,
    show_json,
    tidied,
    told,
    working,
)
from automator.cli.lines import visible
from automator.cli.reconcile import reconcile
from connectors.base import Scope
from connectors.words import counted

if TYPE_CHECKING:
    from automator.engine import Engine
    from connectors.network import Identity, Network
    from connectors.signin import Found
    from connectors.venue import Exchange

accounts = typer.Typer(name="accounts", help="Connect accounts; their keys stay in the vault.", no_args_is_help=True)
accounts.command()(reconcile)

PORT = 8765
WAIT = 30.0  #: seconds for orders that are cancelled


class Right(StrEnum):
    """A scope that an account can have: all but the webhook's own."""

    READ = Scope.READ
    WRITE = Scope.WRITE
    DELETE = Scope.DELETE
    TRADE = Scope.TRADE


ScopeOption = Annotated[
    list[Right] | None, typer.Option("--scope", help="What it may do (several times); all else is refused.")
]
ChosenOption = Annotated[
    list[str] | None, typer.Option("--option", help="How its provider is used: NAME=VALUE (NAME= takes it back).")
]
SignInOption = Annotated[bool, typer.Option("--sign-in", help="In the browser (OAuth 2.0), where the provider has it.")]
PasteOption = Annotated[bool, typer.Option("--paste", help="In a browser elsewhere: paste the address it ends at.")]
PageOption = Annotated[
    str | None, typer.Option("--page", help="For a sign-in: the id of the page or account that is meant.")
]
ClientOption = Annotated[str | None, typer.Option(help="For a sign-in: the client id of your app.")]
PortOption = Annotated[
    int, typer.Option(min=1, max=65_535, help="For a sign-in: the port of the callback address on this machine.")
]
StdinOption = Annotated[
    bool, typer.Option("--secret-stdin", help="Read the keys as one JSON object with the provider's field names.")
]


def _ask(network: Network | Exchange, *, stdin: bool) -> dict[str, str]:
    if stdin:
        found = _read(sys.stdin.buffer.read(), [field.name for field in network.fields])
    else:
        answers = {field.name: asked(field.label, hidden=not field.public, default="") for field in network.fields}
        found = tidied(answers)
    missing = [field.name for field in network.fields if field.required and field.name not in found]
    if missing or not found:
        raise fail(f"{network.name} needs {', '.join(missing or [field.name for field in network.fields])}", 2)
    return found


def _read(written: bytes, names: list[str]) -> dict[str, str]:
    """Keys from a JSON object; nothing of what was given is repeated but names of fields."""
    try:
        given = json.loads(written)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise fail(f"standard input holds no JSON object; its fields are {', '.join(names)}", 2)
    if unknown := sorted(given.keys() - set(names)):
        raise fail(f"unknown field {unknown[0]}; there are {', '.join(names)}", 2)
    if wrong := next((name for name, value in given.items() if not isinstance(value, str | None)), None):
        raise fail(f"the field {wrong} must be text in quotes", 2)
    return tidied({name: value for name, value in given.items() if value})


async def _given(network: Network | Exchange, way: Way) -> tuple[dict[str, str], str | None]:
    """The keys that a person gives, and with a sign-in the redirect address that they are bound to."""
    from automator.cli.signin import signed_in  # noqa: PLC0415 - keeps --help fast

    if not (way.sign_in or way.paste):
        return _ask(network, stdin=way.stdin), None
    sign_in = getattr(network, "sign_in", None)  # exchanges have none
    if sign_in is None:
        raise fail(f"{network.name} has no sign-in in the browser; give its keys", 2)
    client_id = (way.client_id or asked("OAuth 2.0 client id of your app")).strip()
    secret = _app_secret(sign_in.secret, stdin=way.stdin) if sign_in.secret else {}
    given, redirect = await signed_in(sign_in, client_id, way.port, paste=way.paste)
    return given | secret, redirect


def _app_secret(field: str, *, stdin: bool) -> dict[str, str]:
    if not stdin:
        return tidied({field: asked("the secret of your app", hidden=True)})
    try:
        given = json.loads(sys.stdin.readline())[field]
    except (ValueError, KeyError, TypeError):
        raise fail(f'the first line of standard input is no JSON object with the field "{field}"', 2) from None
    return tidied({field: str(given)})


def picking(page: str | None) -> Callable[[Sequence[Found]], Found]:
    """Asks a person which of the accounts a sign-in is for; two of one name are told apart by their ids."""

    def pick(found: Sequence[Found]) -> Found:
        if page is not None:
            if (one := next((one for one in found if one.id == page), None)) is None:
                raise fail(f"{page} is none of {', '.join(one.id for one in found)}", 2)
            return one
        usable = [one for one in found if not one.why]
        if len(found) == 1 or len(usable) == 1:
            return (usable or list(found))[0]
        for number, one in enumerate(found, 1):
            typer.echo(visible(f"{number}  {one.name} ({one.id}){f': {one.why}' if one.why else ''}"))
        wanted = asked("which one")
        if not (wanted.isdecimal() and 1 <= int(wanted) <= len(found)):
            raise fail(f"{wanted!r} is none of the numbers 1 to {len(found)}", 2)
        return found[int(wanted) - 1]

    return pick


@dataclass(frozen=True, slots=True)
class Way:
    """How the keys come in. With a sign-in, ``stdin`` means the app's secret."""

    stdin: bool
    sign_in: bool
    paste: bool
    client_id: str | None
    port: int


@accounts.command("add")
@told
async def add(  # noqa: PLR0913, PLR0917 - the command's options
    name: str,
    home: HomeOption = None,
    base_url: Annotated[str | None, typer.Option(help="A server in place of the provider's own.")] = None,
    secret_stdin: StdinOption = False,
    sign_in: SignInOption = False,
    paste: PasteOption = False,
    client_id: ClientOption = None,
    port: PortOption = PORT,
    page: PageOption = None,
    scope: ScopeOption = None,
    option: ChosenOption = None,
) -> None:
    """Connect NAME (provider/name, such as x/brand). Its keys are asked for, tested, and kept in the vault."""
    from automator.accounts import NoAccount, fresh, load, wrong_name  # noqa: PLC0415 - keeps --help fast
    from automator.egress.session import Reconnect  # noqa: PLC0415 - as above
    from connectors.base import CallRefused, NotNow  # noqa: PLC0415 - as above
    from connectors.network import Rejected  # noqa: PLC0415 - as above
    from connectors.registry import connector  # noqa: PLC0415 - as above

    if why := wrong_name(name):
        raise fail(why, 2)
    provider = name.partition("/")[0]
    chosen, server, scopes = _chosen(provider, option), _server(base_url), _scopes(scope)
    network = connector(provider, server, chosen)
    async with engine(home) as opened:
        with contextlib.suppress(NoAccount):
            load(opened.reader, name)
            raise fail(f"{name} is connected already; use `automator accounts rotate {name}` for new keys", 2)
        secrets, redirect = await _given(network, Way(secret_stdin, sign_in, paste, client_id, port))
        try:
            new = fresh(name, server, scopes, chosen)
            identity = await opened.connect(new, secrets, redirect, picking(page))
        except Reconnect as dead:
            raise fail(f"{name} was not connected: {network.name} does not take these keys ({dead.why})", 1) from None
        except (Rejected, CallRefused, NotNow) as error:
            raise fail(f"{name} was not connected: {error}", 1) from None
    _show(f"{name} is connected as {identity.handle}", identity)


def _show(line: str, identity: Identity) -> None:
    """Say what came of keys, and all that should be known of them."""
    typer.echo(line)
    for warning in identity.warnings:
        typer.echo(f"  warning: {warning}")


@accounts.command("list")
@told
def list_(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the connected accounts."""
    from automator.accounts import everything  # noqa: PLC0415 - keeps --help fast
    from automator.clock import instant  # noqa: PLC0415 - as above

    with records(home) as kept:
        found = everything(kept.reader)
    if as_json:
        show_json(
            [
                {
                    "name": who.name,
                    "identity": who.identity,
                    "scopes": sorted(who.scopes),
                    "version": who.version,
                    "send_again": who.send_again,
                    "options": dict(who.chosen),
                    "tested_at": instant(who.tested_at).isoformat() if who.tested_at else None,
                    "expires_at": instant(who.expires_at).isoformat() if who.expires_at else None,
                    "token_ends": who.token.ends.isoformat() if who.token else None,
                }
                for who in found
            ]
        )
        return
    for who in found:
        identity = visible(who.identity.partition(" ")[2] or "-")
        typer.echo(f"{who.name:24} {identity:24} {' '.join(sorted(who.scopes))}")
    if not found:
        typer.echo("no accounts; connect one with `automator accounts add x/brand`")


@accounts.command("test")
@told
async def try_(name: str, home: HomeOption = None) -> None:
    """Ask the provider who the key of NAME belongs to."""
    async with engine(home) as opened:
        identity = await opened.test(name)
    _show(f"{name} is {identity.handle} ({identity.id})", identity)


@accounts.command("rotate")
@told
async def rotate(  # noqa: PLR0913, PLR0917 - the command's options
    name: str,
    home: HomeOption = None,
    secret_stdin: StdinOption = False,
    sign_in: SignInOption = False,
    paste: PasteOption = False,
    client_id: ClientOption = None,
    port: PortOption = PORT,
) -> None:
    """Give NAME new keys. The old ones stay in force until the new ones have been tested."""
    from automator.accounts import load  # noqa: PLC0415 - keeps --help fast
    from automator.egress.session import Reconnect  # noqa: PLC0415 - as above
    from automator.turns import Stuck  # noqa: PLC0415 - as above
    from connectors.base import CallRefused, NotNow  # noqa: PLC0415 - as above
    from connectors.network import Rejected  # noqa: PLC0415 - as above

    async with engine(home) as opened:
        stored = load(opened.reader, name)
        network = opened.connector(stored)
        secrets, redirect = await _given(network, Way(secret_stdin, sign_in, paste, client_id, port))
        try:
            identity = await opened.rotate(name, secrets, redirect)
        except Reconnect:
            why = f"{network.name} does not take them"
            raise fail(f"the new keys of {name} are not taken, the old ones stay: {why}", 1) from None
        except Stuck as stuck:
            raise fail(f"the new keys of {name} work, but are not in force yet: {stuck}", 1) from None
        except (Rejected, CallRefused, NotNow) as error:
            raise fail(f"the new keys of {name} are not taken, the old ones stay: {error}", 1) from None
    _show(f"{name} has new keys, for {identity.handle}", identity)


@accounts.command("change")
@told
async def change(
    name: str,
    home: HomeOption = None,
    scope: ScopeOption = None,
    send_again: Annotated[
        bool | None,
        typer.Option(help="Send again by itself what got no answer and is in no list, at the risk of a double post."),
    ] = None,
    option: ChosenOption = None,
) -> None:
    """Change what NAME may do. Also what happens when the provider can't say whether something went out."""
    from automator.accounts import change as put  # noqa: PLC0415 - keeps --help fast

    scopes = _scopes(scope)
    if scope is None and send_again is None and not option:
        raise fail("say what to change: --scope, --option, --send-again or --no-send-again", 2)
    chosen = _chosen(name.partition("/")[0], option)
    async with engine(home) as opened:
        now = opened.clock.now()
        stands = await opened.writer.run(
            lambda tx: put(tx, name, now, scopes=scopes, send_again=send_again, chosen=chosen, actor="user")
        )
    again = "is sent again" if stands.send_again else "waits for you"
    typer.echo(f"{name} may {', '.join(sorted(stands.scopes))}; what can't be known {again}")


def _chosen(provider: str, given: list[str] | None) -> dict[str, str]:
    from connectors.registry import wrong_choice  # noqa: PLC0415 - keeps --help fast

    pairs = [item.partition("=") for item in given or []]
    if wrong := next((before for before, equals, _ in pairs if not equals), None):
        raise fail(f"{wrong!r} is no option; write --option NAME=VALUE", 2)
    chosen = {name: value for name, _, value in pairs}
    if why := wrong_choice(provider, {name: value for name, value in chosen.items() if value}):
        raise fail(why, 2)
    return chosen


def _scopes(given: list[Right] | None) -> list[Scope] | None:
    if given and Right.READ not in given:
        raise fail("an account that may not read can't be tested, nor a lost answer settled; add --scope read", 2)
    return [Scope(name) for name in given] if given else None


def _server(base_url: str | None) -> str | None:
    from connectors.address import origin  # noqa: PLC0415 - keeps --help fast

    try:
        return origin(base_url) if base_url else None
    except ValueError as error:
        raise fail(f"--base-url: {error}", 2) from None


@accounts.command("remove")
@told
async def remove(
    name: str,
    home: HomeOption = None,
    cancel_orders: Annotated[
        bool, typer.Option("--cancel-orders", help="At an exchange: stop its bots, and cancel its orders first.")
    ] = False,
    keep_orders: Annotated[
        bool, typer.Option("--keep-orders", help="At an exchange: stop its bots; its orders stay there.")
    ] = False,
    cancel_posts: Annotated[bool, typer.Option("--cancel-posts", help="Cancel what is planned for it.")] = False,
) -> None:
    """Forget NAME and its keys; what it did stays on the record."""
    from automator.accounts import load  # noqa: PLC0415 - keeps --help fast
    from automator.posting import posts  # noqa: PLC0415 - as above
    from automator.trading import parting  # noqa: PLC0415 - as above

    if cancel_orders and keep_orders:
        raise fail("say --cancel-orders or --keep-orders, not both", 2)
    async with engine(home) as opened:
        load(opened.reader, name)
        stands = parting.standing(opened.reader, name)
        if stands and not (cancel_orders or keep_orders):
            raise fail(f"{name} has {stands}; say what becomes of its orders: --cancel-orders or --keep-orders", 2)
        planned = posts.planned(opened.reader, name)
        if planned and not cancel_posts:
            raise fail(
                f"{name} has {counted(len(planned), 'planned post')}; to cancel what is planned, say --cancel-posts", 2
            )
        if stands and cancel_orders:
            await _cancelled(opened, name)
        for one in await opened.forget(name):
            typer.echo(f"  may have gone out: {one[:8]}; look whether it did")
    for order in stands.orders if keep_orders else ():
        typer.echo(f"  left as it is: {order.id[:8]} {order.says()} ({order.exchange_id or 'perhaps not there'})")
    typer.echo(f"{name} is forgotten")


async def _cancelled(opened: Engine, name: str) -> None:
    """Have nothing of it rest, or keep the account that is needed for that."""
    from automator.trading import parting  # noqa: PLC0415 - keeps --help fast
    from automator.trading.closing import ending  # noqa: PLC0415 - as above

    now = opened.clock.now()
    asked = await opened.writer.run(lambda tx: parting.wind_down(tx, name, now, actor="user"))
    with working("cancelling"):
        await opened.worker.see_through(ending(asked), WAIT)
    if left := parting.standing(opened.reader, name):
        unsure = any(order.state == "unconfirmed" for order in left.orders)
        then = "settle what is unconfirmed with `automator orders resolve`" if unsure else "`automator serve` goes on"
        raise fail(f"{name} stays connected: it still has {left}; {then}, or say --keep-orders", 1)
