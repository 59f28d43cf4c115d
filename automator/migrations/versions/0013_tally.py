"""A tally of each owner's orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from jobs.orders import tally

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Those that are there are counted."""
    op.create_table(
        "tally",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("quote", sa.String(), nullable=False),
        sa.Column("open_orders", sa.Integer(), nullable=False),
        sa.Column("buying", sa.Float(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("worth", sa.Float(), nullable=False),
        sa.Column("moved", sa.Float(), nullable=False),
        sa.Column("minute", sa.Integer(), nullable=False),
        sa.Column("made", sa.Integer(), nullable=False),
        sa.Column("before", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "owner", "symbol"),
    )
    for statement in (tally.COUNT, *tally.TRIGGERS):
        op.get_bind().exec_driver_sql(statement)
