"""When a person wants something done: an instant, and the wall-clock time and zone that they meant."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

FORMS = (
    "write 2026-12-01 09:00, 2026-12-01 09:00 Europe/Berlin, tomorrow 09:00, an ISO 8601 time, now, "
    "or in 10 minutes (hours, days, weeks)"
)
SPANS = {"second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
DAYS = {"day": 1, "week": 7}  #: counted by the calendar: the time of day stays when the clocks change
SHORT = {"sec": "second", "min": "minute", "hr": "hour", "h": "hour"}
NAMED = {"today": 0, "tomorrow": 1}
_IN = re.compile(rf"in\s+(an?|[0-9]{{1,6}})\s*({'|'.join([*SPANS, *DAYS, *SHORT])})s?", re.IGNORECASE)
_NAMED = re.compile(rf"({'|'.join(NAMED)})\s+(at\s+)?(\S+)", re.IGNORECASE)
_DATE = re.compile(r"([0-9]{4})([-/])([0-9]{1,2})\2([0-9]{1,2})(?:T|\s+)(?=[0-9])")
_HALF = re.compile(r"(?<![0-9:.])([0-9]{1,2})(:[0-9]{2})?(:[0-9]{2})?\s*([ap])\.?m\b\.?", re.IGNORECASE)
_HOUR = re.compile(r"(?<=\s)[0-9](?=:[0-9]{2})")
_PART = re.compile(r"[T\s][0-9]{1,2}[.,]")  #: ISO 8601 knows parts of an hour, by which 09.30 would be 09:00
_ZONED = re.compile(r"(.*\S)\s+([A-Za-z_][A-Za-z_+\-0-9/]*)")


class WhenError(ValueError):
    """A time that can't be read, does not exist, or exists twice; one sentence for a person."""


@dataclass(frozen=True, slots=True)
class When:
    """A point in time.

    Attributes:
        at: The instant (UTC).
        zone: IANA name of the zone that was meant.
        wall: What the clocks there show: ``2026-12-01 09:00``.
        counted: How it was written, if it is counted from the moment of reading: ``in 10 minute``; else empty.
    """

    at: datetime
    zone: str
    wall: str
    counted: str = ""


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
    written, zone = " ".join(text.split()), _zone(zone).key
    if written.lower() == "now":
        return replace(_instant(now, zone), counted="now")
    if (relative := _IN.fullmatch(written)) is not None:
        return _later(relative[1].lower(), relative[2].lower(), now, zone)
    written = _plain(written)
    wall, named = written, zone
    if (zoned := _ZONED.fullmatch(written)) is not None and zoned[1].lower() not in {*NAMED, "in"}:
        wall, named = zoned[1], zoned[2]
    counted = ""
    if (day := _NAMED.fullmatch(wall)) is not None:
        name, time, named = day[1].lower(), day[3], _zone(named).key
        date = now.astimezone(_zone(named)).date() + timedelta(days=NAMED[name])
        wall, counted = f"{date} {time}", f"{name} {time} {named}"
    try:
        read = datetime.fromisoformat(wall)
    except ValueError:
        read = None
    if read is None or _PART.search(wall):
        raise WhenError(f"{text!r} is no time; {FORMS}")
    if len(wall) <= len("2026-12-01"):
        raise WhenError(f"{text!r} has no time of day; {FORMS}")
    named = _zone(named).key
    return replace(_instant(read, named) if read.tzinfo else _local(read, named), counted=counted)


def _plain(written: str) -> str:
    """The same time in digits of 24 hours, with both digits of each number."""
    dated = _DATE.sub(lambda date: f"{date[1]}-{date[3]:0>2}-{date[4]:0>2} ", written, count=1)
    return _HOUR.sub(lambda hour: f"0{hour[0]}", _HALF.sub(_whole, dated), count=1)


def _whole(half: re.Match[str]) -> str:
    hour = int(half[1])
    if not 1 <= hour <= 12:  # noqa: PLR2004 - the hours of half a day
        return half[0]
    return f"{hour % 12 + (12 if half[4].lower() == 'p' else 0):02}{half[2] or ':00'}{half[3] or ''}"


def _later(number: str, unit: str, now: datetime, zone: str) -> When:
    count, unit = 1 if number.startswith("a") else int(number), SHORT.get(unit, unit)
    if unit in SPANS:
        when = _instant(now + count * SPANS[unit], zone)
    else:
        there = now.astimezone(_zone(zone)).replace(tzinfo=None)
        when = _local(there + timedelta(days=count * DAYS[unit]), zone)
    return replace(when, counted=f"in {count} {unit}")


@cache
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        if known := _zones().get(name.lower()):
            return ZoneInfo(known)
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
