"""A trade between two orders of one account is stored with each of them."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"

NAMES = "id, account, symbol, fill, order_id, side, price, amount, fee, fee_asset, maker, at"


def upgrade() -> None:
    """Those that are there stay as they are."""
    op.drop_index("fill_order", "fill")
    op.execute("ALTER TABLE fill RENAME TO fill_before")
    op.execute(
        """
CREATE TABLE fill (
    id INTEGER NOT NULL,
    account VARCHAR NOT NULL,
    symbol VARCHAR NOT NULL,
    fill VARCHAR NOT NULL,
    order_id VARCHAR NOT NULL,
    side VARCHAR NOT NULL,
    price VARCHAR NOT NULL,
    amount VARCHAR NOT NULL,
    fee VARCHAR NOT NULL,
    fee_asset VARCHAR NOT NULL,
    maker INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (account, symbol, fill, order_id)
)"""
    )
    op.execute(f"INSERT INTO fill ({NAMES}) SELECT {NAMES} FROM fill_before")  # noqa: S608 - constants
    op.execute("DROP TABLE fill_before")
    op.create_index("fill_order", "fill", ["account", "symbol", "order_id"])
