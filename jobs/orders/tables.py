"""Orders, their fills, what was told of them, and the limits that a person set."""

from __future__ import annotations

from sqlalchemy import Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel


class OrderRow(SQLModel, table=True):
    """One order of ours. Its numbers are frozen in its intention's plan; those here are for reading."""

    __tablename__ = "ordered"
    __table_args__ = (
        UniqueConstraint("owner", "tag"),
        Index("ordered_untold", "account", sqlite_where=text("told = 0")),
        Index("ordered_made", "created_at"),
        Index("ordered_exchange", "account", "symbol", "exchange_id"),
        Index("ordered_pair", "pair", sqlite_where=text("pair IS NOT NULL")),
    )

    id: str = Field(primary_key=True)  #: the client order id; its intention, and its job, have the same, but for a pair
    pair: str | None  #: of two orders one cancels the other: the client order id of both, and of intention and job
    account: str
    owner: str  #: a bot's name, or ``user``
    tag: str  #: the owner's own name for it
    symbol: str
    side: str
    type: str
    quote: str  #: the asset that it is paid with
    amount: str | None  #: base asset
    price: str | None  #: quote asset, as all prices
    notional: str  #: what it is worth at its price, or at the market's when it was approved; quote asset
    mark: str  #: the market's price when it was approved
    state: str
    reason: str  #: why it ended so, for a person
    exchange_id: str | None  #: with a ``~`` in it: of before the exchange began its numbers anew
    filled: str  #: base asset, by the exchange's word
    cost: str  #: quote asset, without fees, by the exchange's word
    closing: int  #: 1: it makes what is at risk smaller, by a person's word: a halt does not stop it
    cancel_at: int | None  #: when it was asked to be cancelled, microseconds UTC
    created_at: int
    ended_at: int | None
    told: int  #: 1: it has ended, and its owner was told so
    looked_at: int | None  #: when the exchange was last asked about this one


class TallyRow(SQLModel, table=True):
    """What the orders of one owner in one symbol at one account come to; ``jobs.orders.tally`` keeps it."""

    __tablename__ = "tally"

    account: str = Field(primary_key=True)
    owner: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    quote: str
    open_orders: int
    buying: float  #: what open orders to buy may yet cost; quote asset
    day: int  #: days since 1970 (UTC): the newest order's
    worth: float  #: of the orders of that day; quote asset
    moved: float  #: the sizes of all numbers that went into the two: by a billionth of it they may be wrong
    minute: int  #: minutes since 1970: the newest order's
    made: int  #: orders in that minute, also those that were not placed: of some it is said later that they were
    before: int  #: and in the minute before it


class FillRow(SQLModel, table=True):
    """One trade of an account, whoever placed its order; an order of ours is found by the exchange's id of it."""

    __tablename__ = "fill"
    __table_args__ = (
        UniqueConstraint("account", "symbol", "fill", "order_id"),
        Index("fill_order", "account", "symbol", "order_id"),
    )

    id: int = Field(primary_key=True)
    account: str
    symbol: str
    fill: str  #: the exchange's id of it, which another order's may have too
    order_id: str  #: the exchange's id of the order, as in its row
    side: str
    price: str
    amount: str
    fee: str
    fee_asset: str
    maker: int
    at: int  #: microseconds UTC, by the exchange's clock


class NewsRow(SQLModel, table=True):
    """What an order's owner is told, once each and in order: each fill, then that the order has ended."""

    __tablename__ = "order_news"
    __table_args__ = (
        UniqueConstraint("ordered", "fill"),
        Index("order_news_owner", "owner", "id"),
        Index("order_news_day", "at", sqlite_where=text("realised IS NOT NULL")),
    )

    id: int = Field(primary_key=True)
    owner: str
    account: str
    ordered: str
    fill: int  #: its row; 0: the order has ended; negative: it was told so, and wrongly
    at: int  #: microseconds UTC
    quote: str
    realised: str | None  #: what the fill earned at average cost, fees included, in the quote asset


class PositionRow(SQLModel, table=True):
    """What an owner holds of a symbol's base asset at average cost, as the fills told so far make it."""

    __tablename__ = "position"

    owner: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    amount: str  #: negative: more was sold than was bought here
    cost: str  #: what it cost, in the quote asset; negative for a negative amount


class RiskRow(SQLModel, table=True):
    """One limit that a person set."""

    __tablename__ = "risk"

    subject: str = Field(primary_key=True)  #: an account, a bot, or ``*``: everything
    name: str = Field(primary_key=True)
    asset: str = Field(primary_key=True)  #: for amounts of money; else empty
    value: str


class HoldingRow(SQLModel, table=True):
    """What an exchange said an account holds, when it was last asked."""

    __tablename__ = "holding"

    account: str = Field(primary_key=True)
    asset: str = Field(primary_key=True)
    free: str
    locked: str
    at: int  #: microseconds UTC


class MarkRow(SQLModel, table=True):
    """The last price that is known of a symbol at an account, and the one with which its day began; quote asset."""

    __tablename__ = "mark"

    account: str = Field(primary_key=True)
    symbol: str = Field(primary_key=True)
    day: str  #: of the last price (UTC): ``2026-12-01``
    opened: str  #: the last price known before that day, else its first
    price: str
    at: int  #: microseconds UTC
