"""What a key may do, judged: who may connect, and what a person is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from connectors.network import UNTOLD, Identity, Rejected
from connectors.venue import Custom, Rights

SOON = timedelta(days=30)
SKEWED = timedelta(seconds=1)
UNVERIFIED = "unverified"


def identity(  # noqa: PLR0913, PLR0917 - each is one thing that it depends on
    exchange: str, owner: str, rights: Rights, custom: Custom, ahead: timedelta, now: datetime
) -> Identity:
    """Whose key this is, and what should be known of it. Pure.

    Raises:
        Rejected: the key may move money out.
    """
    if rights.withdraw or rights.transfer:
        what = "withdraw" if rights.withdraw else "transfer"
        raise Rejected(f"this key may {what}; make one at {exchange} that may only read and trade, and remove this one")
    return Identity(
        id=owner.replace(" ", "-") or UNTOLD,
        handle=said(rights),
        expires=rights.expires,
        warnings=tuple(_warnings(exchange, rights, custom, ahead, now)),
    )


def said(rights: Rights) -> str:
    """What a key may do, in a few words for a list."""
    if rights.withdraw is None or rights.transfer is None:
        return UNVERIFIED
    may = {True: "may trade", False: "may only read", None: "may perhaps trade"}[rights.trade]
    where = {True: "from fixed addresses", False: "from any address", None: ""}[rights.ip_restricted]
    return ", ".join(part for part in (may, "not withdraw", where) if part)


def _warnings(exchange: str, rights: Rights, custom: Custom, ahead: timedelta, now: datetime) -> Iterator[str]:
    if rights.withdraw is None or rights.transfer is None:
        yield f"{UNVERIFIED}: {exchange} does not say whether this key may move money out; see there that it may not"
    if rights.trade is False:
        yield "this key may not trade: orders with it will be refused"
    if rights.ip_restricted is False:
        yield "this key works from any address; bind it to this machine's, so that a stolen one is useless"
    if rights.expires is not None and rights.expires - now < SOON:
        yield f"this key stops working on {rights.expires:%Y-%m-%d}"
    if not custom.tested:
        yield (
            f"{exchange} has no row of its own here: only plain limit orders, market sales, and market buys for an "
            "amount of the quote asset (where ccxt has those) are placed, calls are spaced as ccxt says, and an order "
            "whose answer is lost waits for you"
        )
    if wrong := skewed(exchange, ahead):
        yield wrong


def skewed(exchange: str, ahead: timedelta) -> str:
    """What should be known of a clock that is so far ahead of the exchange's; empty if it is right."""
    if abs(ahead) <= SKEWED:
        return ""
    way, seconds = "ahead of" if ahead > timedelta() else "behind", abs(ahead).total_seconds()
    return f"this machine's clock is {seconds:.1f} s {way} {exchange}'s; calls are corrected by it, but set it right"


def lines(key: str) -> str:
    """A private key with its lines; given in one, it has a backslash and an n between them."""
    return key.replace("\\n", "\n") if "PRIVATE KEY" in key else key
