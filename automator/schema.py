"""The tables of an installation, all of them, and how a database gets them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import SQLModel

from automator.accounts import AccountRow
from automator.budgets.store import BudgetRow, LimitRow
from automator.db import DatabaseError
from automator.halts import HaltRow
from automator.intentions import IntentionRow
from automator.ledger.tables import Body, Entry
from automator.notices import NoticeRow
from automator.scheduling.tables import BeatRow, JobRow, RunRow
from jobs.posting.tables import DeliveryRow, PostRow

TABLES: tuple[type[SQLModel], ...] = (
    AccountRow,
    BudgetRow,
    LimitRow,
    HaltRow,
    IntentionRow,
    Entry,
    Body,
    NoticeRow,
    JobRow,
    RunRow,
    BeatRow,
    PostRow,
    DeliveryRow,
)


def create(path: Path) -> None:
    """Make the tables in ``path`` where they are missing.

    Raises:
        DatabaseError: it can't be opened or written.
    """
    try:
        if not path.exists():
            fresh = sqlite3.connect(path)
            fresh.execute("PRAGMA auto_vacuum=INCREMENTAL")  # what pruning frees goes back to the file system
            fresh.execute("PRAGMA journal_mode=WAL")
            fresh.close()
        _create_all(path)
    except (sqlite3.Error, SQLAlchemyError) as error:
        why = error.orig if isinstance(error, DBAPIError) else error
        raise DatabaseError(f"{path} can't be opened ({why}); is the disk full, or is it no database?") from error


def _create_all(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    try:
        SQLModel.metadata.create_all(engine, [SQLModel.metadata.tables[str(row.__tablename__)] for row in TABLES])
    finally:
        engine.dispose()
