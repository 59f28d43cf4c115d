"""Posts and their deliveries."""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field, SQLModel


class PostRow(SQLModel, table=True):
    """What a person wrote, for one or more accounts."""

    __tablename__ = "post"

    id: str = Field(primary_key=True)
    created_at: int  #: microseconds UTC
    source: str  #: ``command``, or the name of the campaign file and the line in it


class DeliveryRow(SQLModel, table=True):
    """A post on one account. Its id is its job's; its state is its run's."""

    __tablename__ = "delivery"
    __table_args__ = (Index("delivery_account", "account", "at"),)

    id: str = Field(primary_key=True)
    post: str = Field(index=True)
    account: str
    identity: str = Field(unique=True)  #: what makes a second import of the same row recognisable
    at: int  #: when it is to be published, microseconds UTC
    parts: str  #: canonical JSON; one object per part of the thread
    generation: int  #: raised when a person sends it again
