"""What is planned of a campaign, and what was before: one post on one account each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connectors.post import Part


@dataclass(frozen=True, slots=True)
class Earlier:
    """A post that was planned before. ``state`` is its run's: ``done``, ``missed``."""

    id: str
    account: str
    identity: str
    at: datetime
    parts: tuple[Part, ...]
    state: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """A row on one account.

    Attributes:
        identity: The same when the same row is imported again.
        elsewhere: Zones by the identities that it would have had there; nothing if its time names one.
        zone: In which of those it was planned; empty: in the present one, or not yet.
    """

    account: str
    parts: tuple[Part, ...]
    identity: str
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    zone: str = ""
