"""The tables of an installation, all of them, and how a database gets them, or is brought to this version."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, MetaData, create_engine, event
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlmodel import SQLModel

from automator.db import DatabaseError
from automator.ledger.tables import Body, Entry, UsageRow
from automator.scheduling import lease
from automator.scheduling.tables import BeatRow, JobRow, RunRow
from automator.tables import AccountRow, BudgetRow, HaltRow, HostedRow, IntentionRow, LimitRow, MetricRow, NoticeRow
from automator.trouble import trouble
from automator.version import LATEST, version
from jobs.bots.tables import BotRow, PaperFillRow, SignalRow
from jobs.orders.tables import FillRow, HoldingRow, MarkRow, NewsRow, OrderRow, PositionRow, RiskRow, TallyRow
from jobs.orders.tally import TRIGGERS
from jobs.posting.tables import DeliveryRow, PostRow

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).parent / "migrations"
VERSIONS: Sequence[Path] = (SCRIPTS / "versions",)

TABLES: tuple[type[SQLModel], ...] = (
    AccountRow,
    BudgetRow,
    LimitRow,
    HaltRow,
    IntentionRow,
    Entry,
    Body,
    UsageRow,
    NoticeRow,
    JobRow,
    RunRow,
    BeatRow,
    PostRow,
    DeliveryRow,
    MetricRow,
    HostedRow,
    OrderRow,
    TallyRow,
    FillRow,
    NewsRow,
    PositionRow,
    RiskRow,
    HoldingRow,
    MarkRow,
    BotRow,
    PaperFillRow,
    SignalRow,
)


def metadata() -> MetaData:
    """The tables as the code has them."""
    return SQLModel.metadata


def create(path: Path, *, apart: bool = False) -> None:
    """Make the database, or bring one of an older version to this one; one that is up to date is left alone.

    ``apart``: it is a copy that is not in place yet, which nobody else knows.

    Raises:
        DatabaseError: it can't be opened or written, is of a newer version, or is of an older one and in use.
    """
    with suppress(OSError):  # which SQLite meets too, and what it says of it is told
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # its log gets the same rights
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            found = version(connection)
            if found == LATEST:
                return
            empty = not found and not _has_tables(connection)
            if empty:
                _make(connection)
        if found > LATEST:
            raise DatabaseError(f"{path} was made by a newer version of Automator; install that one")
        if not empty:
            with nullcontext(True) if apart else lease.alone(path.parent / lease.FOLDER) as alone:
                _bring_up(path, alone=alone)
    except (sqlite3.Error, SQLAlchemyError) as error:
        if isinstance(why := error.orig if isinstance(error, DBAPIError) else error, sqlite3.Error):
            raise DatabaseError(f"{path} can't be opened: {trouble(path, why)}") from error
        raise DatabaseError(f"{path} can't be brought to this version ({why})") from error


def _has_tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'entry'").fetchone() is not None


def _make(connection: sqlite3.Connection) -> None:
    """All tables at once, as the steps would have made them one after the other (a test compares)."""
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # what pruning frees goes back to the file system
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("BEGIN IMMEDIATE")
    if not _has_tables(connection):  # another process may have been faster
        dialect = sqlite.dialect()
        for row in TABLES:
            table = metadata().tables[str(row.__tablename__)]
            connection.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
        for trigger in TRIGGERS:
            connection.execute(trigger)
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (f"{LATEST:04}",))
        connection.execute(f"PRAGMA user_version={LATEST}")
    connection.execute("COMMIT")


def _bring_up(path: Path, *, alone: bool) -> None:
    with closing(sqlite3.connect(path)) as source:
        found = version(source)
        if found == LATEST:
            return  # another process was faster, and the copy beside it is not to be made of what it is now
        if not alone:
            raise DatabaseError(f"{path} must be brought to this version; stop `automator serve` first")
        before = path.with_name(f"{path.name}.before-{found or 1:04}")
        _keep(source, before)
    upgrade(path)


def _keep(source: sqlite3.Connection, to: Path) -> None:
    """Copy a database whole or not at all: what a full disk or a kill left of it is no copy to go back to."""
    part = to.with_name(f"{to.name}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        part.replace(to)
    except OSError as error:
        raise DatabaseError(f"{to} can't be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def upgrade(path: Path) -> None:
    """Do every step that a database lacks, in one transaction."""
    from alembic import command  # noqa: PLC0415 - slow to load, and hardly ever needed

    with connected(path) as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'table'").scalars().all()
        if "entry" in tables and "alembic_version" not in tables:
            command.stamp(config(connection), "0001")  # made before versions were kept
        command.upgrade(config(connection), "head")
        connection.exec_driver_sql(f"PRAGMA user_version={LATEST}")


@contextmanager
def connected(path: Path) -> Iterator[Connection]:
    """One transaction on the database, changes of tables included, which sqlite3 by itself would commit at once."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def by_hand(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def config(connection: Connection) -> Config:
    """Alembic's, for a connection that is open."""
    from alembic.config import Config  # noqa: PLC0415 - as above

    made = Config()
    made.set_main_option("script_location", str(SCRIPTS))
    made.set_main_option("path_separator", "newline")
    made.set_main_option("version_locations", "\n".join(map(str, VERSIONS)))
    made.attributes["connection"] = connection
    return made
