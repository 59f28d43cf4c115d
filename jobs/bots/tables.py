"""Bots, the trades of those on paper, and the messages that came for them."""

from __future__ import annotations

from sqlmodel import Field, SQLModel


class BotRow(SQLModel, table=True):
    """A bot, and how far it has come."""

    __tablename__ = "bot"

    name: str = Field(primary_key=True)
    kind: str  #: the strategy: ``grid``; ``own``: a file of the user's
    account: str  #: where it trades, or on paper takes its prices from
    live: int  #: 0: on paper
    parameters: str  #: canonical JSON
    funds: str  #: canonical JSON: what it may use, by asset
    every: int  #: a candle's length in seconds; it decides when one has closed
    on_stop: str  #: what its open orders become when it stops by itself: ``keep`` or ``cancel``
    state: str  #: ``new``, ``running``, ``stopped``
    why: str  #: why it stopped, for a person
    job: str  #: of the present start; before the first its beginning
    kept: str  #: canonical JSON: the strategy's state, and what it holds, or its desk on paper
    seen: int  #: the last close at which it decided, or it was started, microseconds UTC
    news: int  #: what became of its orders is dealt with up to this row
    version: int  #: raised with every change; who decided by an older one keeps nothing
    created_at: int


class PaperFillRow(SQLModel, table=True):
    """A trade on paper."""

    __tablename__ = "paper_fill"

    id: int = Field(primary_key=True)
    bot: str = Field(index=True)
    tag: str
    symbol: str
    side: str
    price: str
    amount: str
    fee: str
    fee_asset: str
    at: int  #: microseconds UTC, by the candle


class SignalRow(SQLModel, table=True):
    """A message for a bot, each once. The row stays, so that a copy is known."""

    __tablename__ = "signal"

    bot: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    said: str  #: canonical JSON, without the secret
    at: int  #: when it was made, microseconds UTC
    received_at: int
    told_at: int | None  #: when its bot was shown it
