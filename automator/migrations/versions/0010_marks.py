"""The last price that is known of each symbol, and the one with which its day began."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

# what was traded last is the last price that is known of it
SEED = """
INSERT INTO mark (account, symbol, day, opened, price, at)
SELECT account, symbol, strftime('%Y-%m-%d', max(at) / 1000000, 'unixepoch'), price, price, max(at)
FROM fill GROUP BY account, symbol
"""


def upgrade() -> None:
    """Begin with what the fills say."""
    op.create_table(
        "mark",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("account", "symbol", "day", "opened", "price")),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "symbol"),
    )
    op.execute(SEED)
