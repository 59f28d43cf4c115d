"""Small bodies stand beside their entries; what may leave the ledger is found without looking into entries."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

from automator.ledger import chain, pack

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Bodies that are there stay where they are; which entry names them last, and where intentions began, is noted."""
    op.add_column("entry", sa.Column("body", sa.LargeBinary(), nullable=True))
    op.create_index("entry_event", "entry", ["seq"], sqlite_where=sa.text("kind = 'event'"))
    op.add_column("body", sa.Column("seq", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("intention", sa.Column("call", sa.Integer(), nullable=True))
    raw = op.get_bind().connection.driver_connection
    if raw is None:
        raise TypeError("a migration needs an open connection")
    named: dict[int, int] = {}
    begun: dict[str, int] = {}
    for seq, data in raw.execute("SELECT seq, data FROM entry WHERE kind <> 'event' ORDER BY seq"):
        _read(seq, data, named, begun)
    raw.executemany("UPDATE body SET seq = ? WHERE mark = ?", [(seq, mark) for mark, seq in named.items()])
    raw.executemany("UPDATE intention SET call = ? WHERE key = ?", [(seq, key) for key, seq in begun.items()])


def _read(seq: int, data: bytes | str, named: dict[int, int], begun: dict[str, int]) -> None:
    try:
        said = json.loads(chain.said(data))
    except (pack.Unpackable, ValueError):
        return  # it was altered; `calls verify` says so
    digest = (said.get("body") or {}).get("sha256")
    if digest:
        named[chain.mark_of(bytes.fromhex(digest))] = seq
    if said.get("intention"):
        begun.setdefault(said["intention"], seq)
