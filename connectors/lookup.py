"""Looking for what was sent, among what a provider dates by its own clock, whatever this machine's shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import TypeVar

from connectors.network import Rejected, Wire

T = TypeVar("T")

SLACK = timedelta(minutes=2)  #: by which the provider may date it earlier than it left
LESS = timedelta(minutes=1)  #: a difference that is within the slack, such as that of a slow answer
NOISE = timedelta(seconds=5)  #: by which times that are told in whole seconds, after a while on the way, may be off
FRESH = timedelta(minutes=3)  #: so long after it left, our clock is taken to be the one that it left by


def earliest(wire: Wire, since: datetime) -> datetime:
    """Before which the provider does not date it, by its own clock as far as its answers have told.

    A clock that is found to be behind may have been set since it left, so that makes this later only while it has
    just left: what is taken for absent is sent twice, which is worse than finding an older one like it.

    Args:
        wire: Its ``sent`` is moved when the clock is set, which ``since`` is not.
        since: Before which it did not leave, by our clock as it was then, less the slack.
    """
    first = since if wire.sent is None else min(since, wire.sent - SLACK)
    fresh = wire.sent is not None and timedelta() <= wire.now() - wire.sent <= FRESH
    return first + (wire.ahead if fresh else min(wire.ahead, timedelta()))


async def listed(
    wire: Wire, since: datetime, ask: Callable[[datetime], Awaitable[list[T]]]
) -> tuple[list[T], datetime]:
    """What ``ask`` finds from an instant by the provider's clock on, and that instant; see ``earliest``.

    The first answer tells that clock; if it is so far behind ours that too little was asked for, it is asked again.

    Raises:
        Rejected: the provider does not say.
    """
    first = earliest(wire, since)
    try:
        found = await ask(first)
    except Rejected:
        if earliest(wire, since) > first - LESS:
            raise
        found = []  # to the provider that instant may be yet to come
    told = earliest(wire, since)
    return (await ask(told) if told <= first - LESS else found), told


def likeliest(wire: Wire, found: Iterable[tuple[datetime, T]]) -> list[T]:
    """What is alike, each with its time by the provider's clock: first what came when it left or later, oldest first.

    What is older a person may have published by hand; it comes last, since clocks may differ in ways unknown.
    """
    left = wire.sent + wire.ahead - NOISE if wire.sent is not None else None
    by = sorted(found, key=lambda one: (left is not None and one[0] < left, one[0]))
    return [item for _, item in by]
