"""The ledger's tables: one chain of entries, and the bodies they name by digest."""

from __future__ import annotations

from sqlalchemy import Index, LargeBinary, text
from sqlmodel import Field, SQLModel


class Entry(SQLModel, table=True):
    """One link of the chain: a call, its answer, or an event. Never updated, but that its body may be pruned."""

    __tablename__ = "entry"
    __table_args__ = (
        Index("entry_newest", "account", "outcome", "seq"),
        Index("entry_answer", "call", unique=True, sqlite_where=text("call IS NOT NULL")),
        Index("entry_event", "seq", sqlite_where=text("kind = 'event'")),
    )

    seq: int = Field(primary_key=True)
    kind: str
    at: int  #: microseconds UTC
    call: int | None  #: an answer's call
    account: str | None
    operation: str | None  #: a call's; an answer is to its call's
    outcome: str | None
    data: bytes = Field(sa_type=LargeBinary)  #: canonical JSON, without secrets, packed
    link: bytes = Field(sa_type=LargeBinary)
    body: bytes | None = Field(sa_type=LargeBinary)  #: packed, if it is small


class Body(SQLModel, table=True):
    """The bytes behind the digests of entries, of large bodies; may be pruned without breaking the chain."""

    __tablename__ = "body"

    id: int = Field(primary_key=True)
    mark: int = Field(index=True)  #: the first 32 bits of its SHA-256
    seq: int  #: the newest entry that names it
    packed: bytes = Field(sa_type=LargeBinary)


class UsageRow(SQLModel, table=True):
    """How many calls of one key on one day (UTC) came to one outcome at one cost."""

    __tablename__ = "usage"

    day: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    key: int = Field(primary_key=True)  #: the version of the account's key; 0: none
    operation: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    cost: str = Field(primary_key=True)  #: canonical JSON: units by budget, of one call
    calls: int
