"""Accounts say how their provider is used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing is chosen for those that are there."""
    op.add_column("account", sa.Column("chosen", sa.String(), server_default="{}", nullable=False))
