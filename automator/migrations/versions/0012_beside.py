"""Small bodies stand beside their entries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Those that are there stay where they are."""
    op.add_column("entry", sa.Column("body", sa.LargeBinary(), nullable=True))
