"""Times are what a person meant, or they are refused; never silently shifted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.posting.when import WhenError, parse_when

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-12-01 09:00", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01 09:00 Asia/Ho_Chi_Minh", "2026-12-01T02:00:00+00:00"),
        ("2026-12-01 09:00 UTC", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01T09:00-05:00", "2026-12-01T14:00:00+00:00"),
        ("now", "2026-11-24T12:00:00+00:00"),
        ("in 10 minutes", "2026-11-24T12:10:00+00:00"),
        ("in 1 hour", "2026-11-24T13:00:00+00:00"),
        ("in 3 days", "2026-11-27T12:00:00+00:00"),
        ("in 90 seconds", "2026-11-24T12:01:30+00:00"),
        ("in 1 minute", "2026-11-24T12:01:00+00:00"),
        ("in 5 min", "2026-11-24T12:05:00+00:00"),
        ("in an hour", "2026-11-24T13:00:00+00:00"),
        ("IN 2 HOURS", "2026-11-24T14:00:00+00:00"),
        ("in 1 day", "2026-11-25T12:00:00+00:00"),
        ("in 1 week", "2026-12-01T12:00:00+00:00"),
        ("in a week", "2026-12-01T12:00:00+00:00"),
        ("in 2 weeks", "2026-12-08T12:00:00+00:00"),
        ("tomorrow 09:00", "2026-11-25T08:00:00+00:00"),
        ("Tomorrow at 09:00", "2026-11-25T08:00:00+00:00"),
        ("today 20:00", "2026-11-24T19:00:00+00:00"),
        ("tomorrow 09:00 America/New_York", "2026-11-25T14:00:00+00:00"),
        ("tomorrow 01:00 Pacific/Auckland", "2026-11-25T12:00:00+00:00"),
        ("2026-10-25T02:30+02:00", "2026-10-25T00:30:00+00:00"),
        ("2026-12-01 9:00", "2026-12-01T08:00:00+00:00"),
        ("tomorrow 9:00", "2026-11-25T08:00:00+00:00"),
        ("tomorrow at 9 pm", "2026-11-25T20:00:00+00:00"),
        ("tomorrow 12:30am", "2026-11-24T23:30:00+00:00"),
        ("2026-12-01 12:00 PM", "2026-12-01T11:00:00+00:00"),
        ("2026-12-01 09:05:30 p.m. Asia/Tokyo", "2026-12-01T12:05:30+00:00"),
        ("2026/12/1  9:00", "2026-12-01T08:00:00+00:00"),
        ("2026-12-01T9:00", "2026-12-01T08:00:00+00:00"),
        ("in 2h", "2026-11-24T14:00:00+00:00"),
        ("2026-12-01 09:00 utc", "2026-12-01T09:00:00+00:00"),
        ("2026-12-01 09:00 america/new_york", "2026-12-01T14:00:00+00:00"),
    ],
)
def test_times(text: str, instant: str) -> None:
    """Every way of writing a time that is promised."""
    assert parse_when(text, now=NOW, zone="Europe/Berlin").at.isoformat() == instant


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tomorrow-ish", "is no time"),
        ("", "is no time"),
        ("2026-12-01", "no time of day"),
        ("tomorrow", "is no time"),
        ("tomorrow 9", "is no time"),
        ("tomorrow 25:00", "is no time"),
        ("in 10", "is no time"),
        ("in some weeks", "is no time"),
        ("in 999999 weeks", "too far away"),
        ("2026-02-30 09:00", "is no time"),
        ("2026-12-01 09.30", "is no time"),
        ("2026-12-01T09,30", "is no time"),
        ("2026-12-01 13:00 PM", "no time zone"),
        ("2026-12-01 0:30 am", "no time zone"),
        ("01/12/2026 09:00", "is no time"),
        ("01.12.2026 9:00", "is no time"),
        ("2026/12-01 09:00", "is no time"),
        ("2026-12-01 09:00 Mars/Base", "no time zone"),
        ("2026-12-01 09:00 ../etc/passwd", "is no time"),
        ("0001-01-01 00:00 Asia/Tokyo", "too far away"),
        ("9999-12-31T23:59:00-11:00", "too far away"),
        ("2026-03-29 02:30 Europe/Berlin", "does not exist.*03:30"),
        ("2026-10-25 02:30 Europe/Berlin", r"happens twice.*02:30\+02:00 or .*02:30\+01:00"),
    ],
)
def test_refused(text: str, words: str) -> None:
    """One sentence says what is wrong and what to write."""
    with pytest.raises(WhenError, match=words):
        parse_when(text, now=NOW, zone="UTC")


def test_a_zone_is_named_as_everybody_names_it() -> None:
    """However it was written, so that two writings of one time are one."""
    one, other = (
        parse_when(f"tomorrow 9:00 {name}", now=NOW, zone="utc") for name in ("europe/BERLIN", "Europe/Berlin")
    )
    assert one == other
    assert parse_when("now", now=NOW, zone="utc").zone == "UTC"


@pytest.mark.parametrize(
    ("text", "wall", "instant"),
    [
        ("in 1 week", "2026-10-29 10:00", "2026-10-29T09:00:00+00:00"),
        ("in 7 days", "2026-10-29 10:00", "2026-10-29T09:00:00+00:00"),
        ("in 168 hours", "2026-10-29 09:00", "2026-10-29T08:00:00+00:00"),
    ],
)
def test_a_day_is_one_of_the_calendar(text: str, wall: str, instant: str) -> None:
    """When the clocks change meanwhile, days keep the time of day, and hours are hours."""
    when = parse_when(text, now=datetime(2026, 10, 22, 8, tzinfo=UTC), zone="Europe/Berlin")
    assert (when.wall, when.at.isoformat()) == (wall, instant)


def test_a_day_that_ends_at_no_time_is_refused() -> None:
    """The time of day that it would keep is skipped, or comes twice."""
    with pytest.raises(WhenError, match="happens twice"):
        parse_when("in 1 day", now=datetime(2026, 10, 24, 0, 30, tzinfo=UTC), zone="Europe/Berlin")


@given(
    st.integers(0, 4 * 365 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1) + timedelta(minutes=minutes)),  # noqa: DTZ001 - a wall
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Ho_Chi_Minh", "Australia/Lord_Howe", "UTC"]),
)
def test_the_clocks_there_show_what_was_written(wall: datetime, zone: str) -> None:
    """Whatever zone, a time that is accepted shows on its clocks exactly as written."""
    written = f"{wall:%Y-%m-%d %H:%M}"
    try:
        when = parse_when(f"{written} {zone}", now=NOW, zone="UTC")
    except WhenError:
        return
    assert f"{when.at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}" == written == when.wall


@given(
    st.text()
    | st.from_regex(r"(in |tomorrow |today at )?[0-9]{1,7}[- :T0-9]{0,16}( ?[A-Za-z/+-]{0,12})?", fullmatch=True)
)
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    """No text of any kind ends in anything but a time or a sentence."""
    try:
        when = parse_when(text, now=NOW, zone="Europe/Berlin")
    except WhenError:
        return
    assert when.at.tzinfo is not None
