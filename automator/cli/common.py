"""What every command needs: the home folder, the engine, and errors told in one sentence."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import select
import signal
import sqlite3
import sys
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from getpass import GetPassWarning
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from automator.cli.lines import visible

if TYPE_CHECKING:
    from automator.engine import Engine
    from automator.home import Home
    from automator.settings import Settings
    from automator.vault.store import Store

LARGEST = 2**63 - 1  #: a number that the database can hold
LONG = 36_500  #: days; a hundred years
READ_AS = (TypeError, ValueError, UnicodeDecodeError)  #: what a value of a damaged database comes to
TRACEBACK = "AUTOMATOR_TRACEBACK"  #: set: what nobody foresaw is shown whole

HomeOption = Annotated[
    Path | None, typer.Option("--home", help="The folder of this installation (else AUTOMATOR_HOME).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Failure(typer.Exit):
    """The end of a command; ``told`` says the sentence on standard error once nothing moves at the terminal."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(code)
        self.sentence = sentence


def fail(sentence: str, code: int) -> Failure:
    """What is wrong, to be raised within a command."""
    return Failure(sentence, code)


def folder(home: Path | None) -> Path:
    """The installation's folder: the option, AUTOMATOR_HOME, or the user's data folder."""
    if home is not None:
        return home.absolute()
    if "AUTOMATOR_HOME" in os.environ:
        return Path(os.environ["AUTOMATOR_HOME"]).absolute()
    from platformdirs import user_data_path  # noqa: PLC0415 - keeps --help fast

    return user_data_path("automator")


def existing(home: Path | None) -> Home:
    """The installation, which must have been made by ``automator init``."""
    from automator.home import Home  # noqa: PLC0415 - keeps --help fast

    found = Home(folder(home))
    if not found.database.is_file():
        raise fail(
            f"there is no database at {found.database}; make one with `automator init`, or name it with --home", 2
        )
    found.prepare()
    return found


@dataclass(frozen=True, slots=True)
class Records:
    """An installation that is only read: no keys, no calls, nothing that takes long to load."""

    home: Home
    reader: sqlite3.Connection
    now: datetime

    @property
    def settings(self) -> Settings:
        """Read from config.toml."""
        return self.home.settings()


@contextmanager
def records(home: Path | None) -> Iterator[Records]:
    """Open the installation to read it."""
    from automator.db import connect  # noqa: PLC0415 - keeps --help fast

    place = existing(home)
    with _usable(place), closing(connect(place.database, readonly=True)) as reader:
        yield Records(place, reader, datetime.now(UTC))


@contextmanager
def _usable(place: Home) -> Iterator[None]:
    """What SQLite can't do is told with what is wrong with the file or where it lies."""
    try:
        yield
    except sqlite3.Error as error:
        from automator.db import DatabaseError  # noqa: PLC0415 - only when something went wrong
        from automator.trouble import trouble  # noqa: PLC0415 - as above

        raise DatabaseError(f"{place.database} can't be used: {trouble(place.database, error)}") from error
    except (TypeError, ValueError) as error:
        from automator.db import DatabaseError  # noqa: PLC0415 - as above
        from automator.trouble import DAMAGED, damaged  # noqa: PLC0415 - as above

        if type(error) not in READ_AS or not damaged(place.database):
            raise
        raise DatabaseError(f"{place.database} can't be used: {DAMAGED}") from error


@asynccontextmanager
async def engine(home: Path | None) -> AsyncIterator[Engine]:
    """Open the installation."""
    from automator.vault.choose import choose  # noqa: PLC0415 - keeps --help fast

    place = existing(home)
    async with _opened(place, choose(place.path, place.settings().vault.kind, os.environ)) as opened:
        yield opened


@asynccontextmanager
async def without_keys(home: Path | None) -> AsyncIterator[Engine]:
    """Open it for what needs no key, such as a halt, which must not wait for a vault that can't be opened."""
    from automator.vault.choose import choose  # noqa: PLC0415 - keeps --help fast
    from automator.vault.later import Later  # noqa: PLC0415 - as above

    place = existing(home)
    kind = place.settings().vault.kind
    async with _opened(place, Later(lambda: choose(place.path, kind, os.environ))) as opened:
        yield opened


@asynccontextmanager
async def _opened(place: Home, store: Store) -> AsyncIterator[Engine]:
    from automator.engine import Engine  # noqa: PLC0415 - keeps --help fast

    with _usable(place):
        async with Engine(place, store) as opened:
            yield opened


def _known() -> dict[type[Exception], int]:
    from automator.accounts import NoAccount  # noqa: PLC0415 - only when something went wrong
    from automator.backup import BackupError  # noqa: PLC0415 - as above
    from automator.db import DatabaseError  # noqa: PLC0415 - as above
    from automator.ledger.checkpoint import BadCheckpoint  # noqa: PLC0415 - as above
    from automator.ledger.pack import Unpackable  # noqa: PLC0415 - as above
    from automator.sandbox.faults import FaultsError  # noqa: PLC0415 - as above
    from automator.settings import SettingsError  # noqa: PLC0415 - as above
    from automator.trading.bots import BotError  # noqa: PLC0415 - as above
    from automator.unit import UnitError  # noqa: PLC0415 - as above
    from automator.vault.store import VaultError  # noqa: PLC0415 - as above
    from connectors.base import CallRefused, NotNow, Unresolved  # noqa: PLC0415 - as above
    from connectors.network import Rejected  # noqa: PLC0415 - as above
    from connectors.registry import UnknownProvider  # noqa: PLC0415 - as above
    from jobs.bots.parameters import BadParameters  # noqa: PLC0415 - as above
    from jobs.bots.strategies.signal import BadSignal  # noqa: PLC0415 - as above
    from jobs.orders.risk import BadLimit  # noqa: PLC0415 - as above
    from jobs.posting.media import MediaError  # noqa: PLC0415 - as above
    from jobs.posting.rows import CampaignError  # noqa: PLC0415 - as above
    from jobs.posting.when import WhenError  # noqa: PLC0415 - as above

    usage = (
        SettingsError,
        FaultsError,
        UnknownProvider,
        CampaignError,
        WhenError,
        MediaError,
        NoAccount,
        BadParameters,
        BadSignal,
        BotError,
        BadLimit,
    )
    failure = (
        BackupError,
        UnitError,
        DatabaseError,
        BadCheckpoint,
        Unpackable,
        VaultError,
        CallRefused,
        NotNow,
        Unresolved,
        Rejected,
    )
    return {**dict.fromkeys(usage, 2), **dict.fromkeys(failure, 1)}


def _unforeseen(error: BaseException) -> str:
    if isinstance(error, OSError):
        return ": ".join(str(part) for part in (error.filename, error.strerror or type(error).__name__) if part)
    # what an error that nobody foresaw says may hold anything, so only its kind is shown
    return f"a mistake in Automator ({type(error).__name__}); run it with {TRACEBACK}=1 to see where, and tell us"


UNHEARD = 141  #: the exit code of a program that SIGPIPE ended, as shells say it
P = ParamSpec("P")


def told(command: Callable[P, Coroutine[Any, Any, None] | None]) -> Callable[P, None]:
    """Make a function, or a coroutine, a command; whatever goes wrong is one sentence and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            begun = command(*args, **kwargs)
            if begun is not None:
                asyncio.run(begun)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - what nobody foresaw is told too
            if isinstance(error, BrokenPipeError) and _unheard():
                raise typer.Exit(UNHEARD) from None
            ended = error if isinstance(error, typer.Exit) else _ended(error)
            if isinstance(ended, Failure):
                typer.echo(f"automator: {visible(ended.sentence)}", err=True)
            raise ended from None

    return run


def _unheard() -> bool:
    """Whether nobody reads what is printed any more, as after ``| head``; then nothing is left to print at the end."""
    look = select.poll()
    look.register(sys.stdout.fileno(), 0)
    if not look.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def _ended(error: BaseException) -> Failure:
    """What a person is told of an error.

    Raises:
        Exception: it itself, if nobody foresaw it and it is to be shown whole.
    """
    if isinstance(error, typer.Abort):
        return fail("stopped at a question without an answer; nothing was changed", 1)
    if isinstance(error, KeyboardInterrupt):
        return fail("stopped; what was begun is on the record, and is taken up again", 130)
    for kind, code in _known().items():
        if isinstance(error, kind):
            return fail(str(error), code)
    if TRACEBACK in os.environ:
        raise error
    return fail(_unforeseen(error), 1)


def asked(question: str, *, hidden: bool = False, default: str | None = None) -> str:
    """Ask a person; Ctrl-C ends the question at once, which asyncio would put off until it is answered."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            return str(typer.prompt(question, hide_input=hidden, default=default, show_default=False))
    except GetPassWarning:
        typer.echo()
        raise fail("no terminal is here that hides what is typed; give it with --secret-stdin", 2) from None
    finally:
        signal.signal(signal.SIGINT, before)


def tidied(keys: Mapping[str, str]) -> dict[str, str]:
    """Keys by field, without the blanks that copying adds, and without those that are empty.

    Raises:
        Failure: one holds what no key does; a provider's refusal, or none at all, would be blamed on something else.
    """
    tidy = {name: value.strip() for name, value in keys.items()}
    for name, value in tidy.items():
        # a private key may come with its lines
        seen = "".join(value.splitlines()) if value.startswith("-----BEGIN ") else value
        if not seen.isprintable():
            raise fail(f"the field {name} holds a line break or a character that can't be seen; copy it again", 2)
    return {name: value for name, value in tidy.items() if value}


@contextmanager
def asking(account: str) -> Iterator[None]:
    """Show a person at a terminal who is asked; say who it is that can't be asked now."""
    from connectors.base import NotNow  # noqa: PLC0415 - keeps --help fast

    with working(f"asking {account}"):
        try:
            yield
        except NotNow as later:
            raise fail(f"{account} can't be asked now: {later}; nothing was done, try again later", 1) from None


@contextmanager
def working(on: str) -> Iterator[None]:
    """Show a person at a terminal that something takes its time."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help fast

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"{on} ..."):
        yield


@contextmanager
def counting(on: str, count: int) -> Iterator[Callable[[int], None]]:
    """The same, with how much of it is done: the function takes how many of ``count`` are."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help fast
    from rich.progress import Progress  # noqa: PLC0415 - as above

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with Progress(console=console, transient=True) as shown:
        task = shown.add_task(on, total=count)
        yield lambda done: shown.update(task, completed=done)


def begins(written: str, now: datetime, zone: str) -> datetime:
    """What ``--since`` names: a time, or a day, which begins at midnight.

    Raises:
        jobs.posting.when.WhenError: it is neither.
    """
    from jobs.posting.when import parse_when  # noqa: PLC0415 - keeps --help fast

    with suppress(ValueError):
        written = f"{date.fromisoformat(written.strip())} 00:00"
    return parse_when(written, now=now, zone=zone).at


def show_json(value: Any) -> None:
    """Print for programs; where the terminal's encoding is not UTF-8, all else is escaped."""
    typer.echo(json.dumps(value, ensure_ascii=not (sys.stdout.encoding or "").lower().startswith("utf"), indent=2))
