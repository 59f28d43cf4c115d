"""The tables of an installation, all of them, and how a database gets them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import create_engine
from sqlmodel import SQLModel

from automator.accounts import AccountRow
from automator.budgets.store import BudgetRow, LimitRow
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
    """Make the tables in ``path`` where they are missing."""
    if not path.exists():
        fresh = sqlite3.connect(path)
        fresh.execute("PRAGMA auto_vacuum=INCREMENTAL")  # what pruning frees goes back to the file system
        fresh.execute("PRAGMA journal_mode=WAL")
        fresh.close()
    engine = create_engine(f"sqlite:///{path}")
    try:
        SQLModel.metadata.create_all(engine, [SQLModel.metadata.tables[str(row.__tablename__)] for row in TABLES])
    finally:
        engine.dispose()
