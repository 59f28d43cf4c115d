"""A kind of bot: the parameters of a strategy that comes with Automator, and what else must be known of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar, Literal

from jobs.bots.parameters import Model


class Kind(Model):
    """What every file in ``jobs/bots/strategies`` holds one of, beside what a ``Strategy`` is.

    Attributes:
        answers: It answers to fills and prices, so that what they call for comes late if it looks seldom.
        hears: It acts on messages, which carry its secret.
        bought: What it sells it has bought before; else that is a person's own, which a halt does not sell.
        shows: What ``told`` tells of.
        names: The parameter that says what it trades.
    """

    answers: ClassVar[bool] = False
    hears: ClassVar[bool] = False
    bought: ClassVar[bool] = True
    shows: ClassVar[Literal["exits", "lines"]] = "exits"
    names: ClassVar[str] = "symbol"

    @abstractmethod
    def begin(self) -> Any:
        """As of a ``Strategy``."""

    def told(self, state: Any) -> Sequence[str]:  # noqa: ARG002 - here there is nothing to tell
        """What it has at the exchange, what it watches, or where it has moved, for a person."""
        return ()

    def needs(self) -> Mapping[str, Decimal]:
        """What it must be given, by asset, since it does not buy that."""
        return {}

    @classmethod
    def played_on(cls, symbols: Sequence[str], quote: str) -> Mapping[str, str]:  # noqa: ARG003 - others need it
        """Parameters that candles of these symbols, paid with ``quote``, make plain."""
        return {"symbol": symbols[0]} if len(symbols) == 1 else {}
