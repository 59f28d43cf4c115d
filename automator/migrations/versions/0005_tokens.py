"""Accounts know when their access tokens end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Of those that are there, the next renewal tells."""
    op.add_column("account", sa.Column("token_from", sa.Integer(), nullable=True))
    op.add_column("account", sa.Column("token_ends", sa.Integer(), nullable=True))
