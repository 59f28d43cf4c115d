"""The engine's own tables. Rows are read and written with SQL; only who makes or changes tables loads these."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel


class AccountRow(SQLModel, table=True):
    """One connected account."""

    __tablename__ = "account"

    name: str = Field(primary_key=True)  #: ``provider/name``
    provider: str
    base_url: str | None  #: in place of the provider's own
    scopes: str  #: separated by spaces
    version: int  #: of the key in the vault
    identity: str  #: who the provider says it is: its id, a space, its handle
    created_at: int  #: microseconds UTC
    tested_at: int | None
    expires_at: int | None
    send_again: int  #: 1: what lists do not show may be sent again
    token_from: int | None  #: when its access token came, microseconds UTC; ``None``: it is not said to end
    token_ends: int | None
    chosen: str = Field(sa_column_kwargs={"server_default": "{}"})  #: canonical JSON; values of its provider's options


class HaltRow(SQLModel, table=True):
    """One halt in force."""

    __tablename__ = "halt"

    name: str = Field(primary_key=True)  #: an account's name, a bot's, or ``*``
    at: int  #: microseconds UTC
    reason: str


class IntentionRow(SQLModel, table=True):
    """One thing meant to happen once."""

    __tablename__ = "intention"

    key: str = Field(primary_key=True)
    account: str
    operation: str
    plan: str  #: canonical JSON
    state: str
    attempt: int  #: the claim that may send now
    result: str | None
    sent_at: int | None  #: microseconds UTC
    call: int | None  #: the number of its first call in the ledger


class NoticeRow(SQLModel, table=True):
    """One thing that a person must know."""

    __tablename__ = "notice"
    __table_args__ = (UniqueConstraint("kind", "about", "at"),)

    id: int = Field(primary_key=True)
    kind: str  #: missed, failed, unconfirmed, expiring, reconnect, warning, halted, refused, rejected, order, sale
    about: str  #: the job's or account's name
    account: str | None
    text: str  #: one sentence
    at: int  #: microseconds UTC
    seen_at: int | None
    sent_at: int | None  #: when the webhook took it


class MetricRow(SQLModel, table=True):
    """One reading of one part; without figures if the provider no longer showed it."""

    __tablename__ = "metric"

    delivery: str = Field(primary_key=True)
    part: int = Field(primary_key=True)  #: from 0
    at: int = Field(primary_key=True)  #: microseconds UTC
    likes: int | None
    comments: int | None
    shares: int | None
    impressions: int | None


class HostedRow(SQLModel, table=True):
    """A file that lies, or is about to lie, on the media host."""

    __tablename__ = "hosted"

    name: str = Field(primary_key=True)
    place: str
    run: int
    at: int  #: microseconds UTC


class BudgetRow(SQLModel, table=True):
    """What is used of one budget."""

    __tablename__ = "budget"

    subject: str = Field(primary_key=True)  #: an account's name, or the provider's for a shared one
    name: str = Field(primary_key=True)
    charges: str  #: JSON
    closed: int  #: microseconds UTC; 0 if open


class LimitRow(SQLModel, table=True):
    """A limit that a person set in place of the provider's published one."""

    __tablename__ = "limit_setting"

    subject: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    value: int
