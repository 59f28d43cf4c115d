"""Orders, fills, positions, and the limits of risk."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Nothing was traded so far."""
    text, number = sa.String(), sa.Integer()
    op.create_table(
        "ordered",
        *(
            sa.Column(name, text, nullable=False)
            for name in ("id", "account", "owner", "tag", "symbol", "side", "type", "quote")
        ),
        sa.Column("amount", text, nullable=True),
        sa.Column("price", text, nullable=True),
        *(sa.Column(name, text, nullable=False) for name in ("notional", "mark", "state", "reason")),
        sa.Column("exchange_id", text, nullable=True),
        sa.Column("filled", text, nullable=False),
        sa.Column("cost", text, nullable=False),
        sa.Column("closing", number, nullable=False),
        sa.Column("cancel_at", number, nullable=True),
        sa.Column("created_at", number, nullable=False),
        sa.Column("ended_at", number, nullable=True),
        sa.Column("told", number, nullable=False),
        sa.Column("looked_at", number, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("owner", "tag"),
    )
    op.create_index("ordered_untold", "ordered", ["account"], sqlite_where=sa.text("told = 0"))
    op.create_index("ordered_made", "ordered", ["created_at"])
    op.create_index("ordered_exchange", "ordered", ["account", "symbol", "exchange_id"])
    op.create_table(
        "fill",
        sa.Column("id", number, nullable=False),
        *(
            sa.Column(name, text, nullable=False)
            for name in ("account", "symbol", "fill", "order_id", "side", "price", "amount", "fee", "fee_asset")
        ),
        sa.Column("maker", number, nullable=False),
        sa.Column("at", number, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account", "symbol", "fill"),
    )
    op.create_index("fill_order", "fill", ["account", "symbol", "order_id"])
    op.create_table(
        "order_news",
        sa.Column("id", number, nullable=False),
        *(sa.Column(name, text, nullable=False) for name in ("owner", "account", "ordered")),
        *(sa.Column(name, number, nullable=False) for name in ("fill", "at")),
        sa.Column("quote", text, nullable=False),
        sa.Column("realised", text, nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("ordered", "fill"),
    )
    op.create_index("order_news_owner", "order_news", ["owner", "id"])
    op.create_index("order_news_day", "order_news", ["at"], sqlite_where=sa.text("realised IS NOT NULL"))
    op.create_table(
        "position",
        *(sa.Column(name, text, nullable=False) for name in ("owner", "account", "symbol", "amount", "cost")),
        sa.PrimaryKeyConstraint("owner", "account", "symbol"),
    )
    op.create_table(
        "risk",
        *(sa.Column(name, text, nullable=False) for name in ("subject", "name", "asset", "value")),
        sa.PrimaryKeyConstraint("subject", "name", "asset"),
    )
    op.create_table(
        "holding",
        *(sa.Column(name, text, nullable=False) for name in ("account", "asset", "free", "locked")),
        sa.Column("at", number, nullable=False),
        sa.PrimaryKeyConstraint("account", "asset"),
    )
