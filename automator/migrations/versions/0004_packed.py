"""Entries and bodies are packed; a body is found by the first 32 bits of its digest."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Entries that are there stay text, which is read as before; bodies move to a table with a smaller index."""
    op.drop_index("entry_answer", "entry")
    op.drop_index("entry_newest", "entry")
    op.rename_table("entry", "entry_before")
    op.create_table(
        "entry",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("call", sa.Integer(), nullable=True),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("operation", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.execute("INSERT INTO entry SELECT * FROM entry_before")  # never cast: a text stays one
    op.drop_table("entry_before")
    op.create_index("entry_newest", "entry", ["account", "outcome", "seq"])
    op.create_index("entry_answer", "entry", ["call"], unique=True, sqlite_where=sa.text("call IS NOT NULL"))
    op.rename_table("body", "body_before")
    op.create_table(
        "body",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_body_mark", "body", ["mark"])
    _move(op.get_bind())
    op.drop_table("body_before")


def _move(connection: sa.Connection) -> None:
    raw = connection.connection.driver_connection
    if raw is None:
        raise TypeError("a migration needs an open connection")

    def rows() -> Iterator[tuple[int, bytes]]:
        for digest, frame in raw.execute("SELECT digest, zstd FROM body_before"):
            # 0: a frame that was made without a dictionary
            yield int.from_bytes(digest[:4], "big", signed=True), b"\0" + frame

    raw.executemany("INSERT INTO body (mark, packed) VALUES (?,?)", rows())
