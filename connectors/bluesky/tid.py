"""Record keys: TIDs, 13 characters that sort by time (atproto.com/specs/tid)."""

from __future__ import annotations

import secrets
import threading
from datetime import UTC, datetime

ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CLOCK = secrets.randbelow(1024)
_lock = threading.Lock()
_last = 0


def earliest(at: datetime) -> str:
    """The first record key of an instant: those of later ones sort behind it."""
    return _written(_micros(at) << 10)


def tid(at: datetime) -> str:
    """A new record key for about ``at``; later calls in this process give later keys."""
    global _last  # noqa: PLW0603 - two keys of one instant must differ
    with _lock:
        _last = max(_micros(at), _last + 1)
        value = (_last << 10) | _CLOCK
    return _written(value)


def _micros(at: datetime) -> int:
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def _written(value: int) -> str:
    return "".join(ALPHABET[(value >> shift) & 31] for shift in range(60, -1, -5))
