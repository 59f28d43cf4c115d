"""One measured figure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A value beside what was asked for; without a goal it is there to compare with."""

    name: str
    value: float
    unit: str
    goal: str = ""
    rounds: int = 1

    def as_json(self) -> dict[str, object]:
        return {"value": round(self.value, 3), "unit": self.unit, "goal": self.goal, "rounds": self.rounds}

    def __str__(self) -> str:
        return f"{self.name:28} {round(self.value, 3):>12} {self.unit:8} {self.goal}"


def percentile(values: Sequence[float], part: int) -> float:
    """The value below which ``part`` of a hundred lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[part - 1]
