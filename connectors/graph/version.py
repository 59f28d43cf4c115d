"""Versions of the Graph API and when they end (developers.facebook.com, Graph API: changelog, as of 2026-11)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from connectors.network import Option

NEWEST = "v26.0"
#: the day on which a version ends; ``None``: Meta has not said
ENDS: dict[str, date | None] = {
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
    "v26.0": None,
}
OPTION = Option(
    "version",
    NEWEST,
    "the version of the Graph API",
    form=r"v\d{1,2}\.\d",
    ends={version: ends for version, ends in ENDS.items() if ends is not None},
)
AHEAD = timedelta(days=180)  #: warned before a version ends


def warning(version: str, now: datetime, provider: str) -> str:
    """What a person should know of a version, in one sentence; empty: nothing. Pure."""
    ends = ENDS.get(version)
    cure = f"choose {NEWEST} in [providers.{provider}] of config.toml"
    if version not in ENDS:
        return f"version {version} of the Graph API is newer or older than what this was made for; {cure}"
    if ends is None or now + AHEAD < datetime(ends.year, ends.month, ends.day, tzinfo=UTC):
        return ""
    what = "has ended" if now.date() >= ends else "ends"
    return f"version {version} of the Graph API {what} on {ends}; {cure}"
