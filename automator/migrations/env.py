"""Called by Alembic, with a connection on which a transaction is open: a step is done whole or not at all."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlmodel import AutoString

from automator.schema import metadata


def plain(kind: str, item: Any, _: object) -> str | Literal[False]:
    """A step names SQLAlchemy's own types alone: it must run for ever, whatever SQLModel calls them by then."""
    return "sa.String()" if kind == "type" and isinstance(item, AutoString) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata(),
    render_as_batch=True,  # SQLite can't alter most of a table in place
    transactional_ddl=True,
    render_item=plain,
)
context.run_migrations()
