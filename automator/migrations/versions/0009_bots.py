"""Bots, trades on paper, signals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """None are there yet."""
    text, number = sa.String(), sa.Integer()
    op.create_table(
        "bot",
        *(sa.Column(name, text, nullable=False) for name in ("name", "kind", "account")),
        sa.Column("live", number, nullable=False),
        *(sa.Column(name, text, nullable=False) for name in ("parameters", "funds")),
        sa.Column("every", number, nullable=False),
        *(sa.Column(name, text, nullable=False) for name in ("on_stop", "state", "why", "job", "kept")),
        *(sa.Column(name, number, nullable=False) for name in ("seen", "news", "version", "created_at")),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "paper_fill",
        sa.Column("id", number, nullable=False),
        *(
            sa.Column(name, text, nullable=False)
            for name in ("bot", "tag", "symbol", "side", "price", "amount", "fee", "fee_asset")
        ),
        sa.Column("at", number, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_paper_fill_bot", "paper_fill", ["bot"])
    op.create_table(
        "signal",
        *(sa.Column(name, text, nullable=False) for name in ("bot", "id", "said")),
        *(sa.Column(name, number, nullable=False) for name in ("at", "received_at")),
        sa.Column("told_at", number, nullable=True),
        sa.PrimaryKeyConstraint("bot", "id"),
    )
