"""Usage is counted as it arises; what arose before is counted once, here."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Count what the ledger still has."""
    text = [sa.Column(name, sa.String(), nullable=False) for name in ("day", "account")]
    more = [sa.Column(name, sa.String(), nullable=False) for name in ("operation", "outcome", "cost")]
    key, calls = (sa.Column(name, sa.Integer(), nullable=False) for name in ("key", "calls"))
    names = ("day", "account", "key", "operation", "outcome", "cost")
    op.create_table("usage", *text, key, *more, calls, sa.PrimaryKeyConstraint(*names))
    op.execute("""
        INSERT INTO usage (day, account, key, operation, outcome, cost, calls)
        SELECT date(c.at / 1000000, 'unixepoch'), c.account, coalesce(json_extract(c.data, '$.key'), 0), c.operation,
          coalesce(a.outcome, 'open'), coalesce(json_extract(c.data, '$.cost'), '{}'), count(*)
        FROM entry AS c LEFT JOIN entry AS a ON a.call = c.seq
        WHERE c.kind = 'call' AND c.account IS NOT NULL AND c.operation IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5, 6
    """)
