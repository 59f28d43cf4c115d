"""Orders of which one cancels the other."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Those that are there stand alone."""
    op.add_column("ordered", sa.Column("pair", sa.String(), nullable=True))
    op.create_index("ordered_pair", "ordered", ["pair"], sqlite_where=sa.text("pair IS NOT NULL"))
