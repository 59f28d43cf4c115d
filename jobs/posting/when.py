"""When a person wants something done: an instant, and the wall-clock time and zone that they meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

FORMS = "write 2026-12-01 09:00, 2026-12-01 09:00 Europe/Berlin, an ISO 8601 time, now, or in 10 minutes"
_IN = re.compile(r"in\s+(\d{1,6})\s*(minute|min|hour|day|second)s?", re.IGNORECASE)
UNITS = {
    "second": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_ZONED = re.compile(r"(\S+[ T]\S+)\s+([A-Za-z_+\-0-9/]+)")


class WhenError(ValueError):
    """A time that can't be read, does not exist, or exists twice; one sentence for a person."""


@dataclass(frozen=True, slots=True)
class When:
    """A point in time.

    Attributes:
        at: The instant (UTC).
        zone: IANA name of the zone that was meant.
        wall: What the clocks there show: ``2026-12-01 09:00``.
    """

    at: datetime
    zone: str
    wall: str


def parse_when(text: str, *, now: datetime, zone: str) -> When:
    """Read a time as a person writes it; one that names no zone is meant in ``zone``.

    Raises:
        WhenError: it can't be read, or the clocks never or twice show it.
    """
    try:
        return _read(text, now, zone)
    except OverflowError:
        raise WhenError(f"{text!r} is too far away; {FORMS}") from None


def _read(text: str, now: datetime, zone: str) -> When:
    written = text.strip()
    if written.lower() == "now":
        return _instant(now, zone)
    if (relative := _IN.fullmatch(written)) is not None:
        return _instant(now + int(relative[1]) * UNITS[relative[2].lower()], zone)
    wall, named = written, zone
    if (zoned := _ZONED.fullmatch(written)) is not None:
        wall, named = zoned[1], zoned[2]
    try:
        read = datetime.fromisoformat(wall)
    except ValueError:
        raise WhenError(f"{text!r} is no time; {FORMS}") from None
    if len(wall) <= len("2026-12-01"):
        raise WhenError(f"{text!r} has no time of day; {FORMS}")
    return _instant(read, named) if read.tzinfo else _local(read, named)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise WhenError(f"{name!r} is no time zone; use an IANA name such as Europe/Berlin") from None


def _instant(at: datetime, zone: str) -> When:
    instant = at.astimezone(UTC)
    return When(instant, zone, f"{instant.astimezone(_zone(zone)):%Y-%m-%d %H:%M}")


def _local(wall: datetime, zone: str) -> When:
    place = _zone(zone)
    shown = f"{wall:%Y-%m-%d %H:%M}"
    readings = [wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1)]
    real = [at for at in readings if at.astimezone(place).replace(tzinfo=None) == wall]
    if not real:
        later = max(readings).astimezone(place)
        raise WhenError(f"{shown} does not exist in {zone}: the clocks go forward over it; the next is {later:%H:%M}")
    if readings[0] != readings[1]:
        both = " or ".join(wall.replace(tzinfo=place, fold=fold).isoformat(timespec="minutes") for fold in (0, 1))
        raise WhenError(f"{shown} happens twice in {zone}: the clocks go back; write {both}")
    return When(real[0], zone, shown)
