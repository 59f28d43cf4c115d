"""The limits of a data server, as the server itself counts them (for the twin)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class Rule:
    """So many points in a window that begins with the first call in it (``seconds``)."""

    name: str
    points: int
    seconds: int


@dataclass(frozen=True)
class Claim:
    """What a call takes of a rule, and on whose account."""

    rule: Rule
    whose: str
    points: int = 1


ANYTHING = Rule("global-ip", 3000, 5 * MINUTE)
WRITES = (Rule("repo-write-hour", 5000, HOUR), Rule("repo-write-day", 35_000, DAY))
LOGINS = (Rule("createSession-0", 300, DAY), Rule("createSession-1", 30, 5 * MINUTE))
UPLOADS = (Rule("uploadBlob-0", 1000, DAY),)
POINTS = {"createRecord": 3, "putRecord": 2, "deleteRecord": 1}


@dataclass(frozen=True)
class Status:
    """How a rule stands after a call."""

    rule: Rule
    used: int
    ends: datetime

    @property
    def exceeded(self) -> bool:
        return self.used > self.rule.points

    @property
    def remaining(self) -> int:
        return max(0, self.rule.points - self.used)

    def headers(self) -> dict[str, str]:
        """As the server writes them; of the window's end, the fraction of a second is cut off."""
        return {
            "ratelimit-limit": str(self.rule.points),
            "ratelimit-reset": str(int(self.ends.timestamp())),
            "ratelimit-remaining": str(self.remaining),
            "ratelimit-policy": f"{self.rule.points};w={self.rule.seconds}",
        }


@dataclass
class Meter:
    """What was used. A call that is refused counts too, with every rule."""

    now: Callable[[], datetime]
    _windows: dict[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)

    def take(self, claims: Sequence[Claim]) -> Status:
        """Count a call; of the rules that it falls under, the first that is exceeded, else the one with least left."""
        told = [self._count(claim) for claim in claims]
        return next((status for status in told if status.exceeded), min(told, key=lambda status: status.remaining))

    def _count(self, claim: Claim) -> Status:
        now, key = self.now(), (claim.rule.name, claim.whose)
        used, ends = self._windows.get(key, (0, now))
        if ends <= now:
            used, ends = 0, now + timedelta(seconds=claim.rule.seconds)
        self._windows[key] = (used + claim.points, ends)
        return Status(claim.rule, used + claim.points, ends)
