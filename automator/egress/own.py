"""Places of a person's own (a webhook, a bucket), as the egress sees a provider: no published limits, no new keys."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import httpx

from connectors.base import Budget, Operation, Reading


class Own:
    """The part of a ``connectors.base.Provider`` in which such places are alike."""

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """It has no published limits."""
        return ()

    def costs(self, _: Operation, __: httpx.Request) -> Mapping[str, int]:
        """Nothing, of no limit."""
        return {}

    def observe(self, _: Operation, __: httpx.Response) -> tuple[Reading, ...]:
        """It does not state any either."""
        return ()

    def harvest(self, _: Operation, __: httpx.Response) -> Mapping[str, str]:
        """It brings no keys."""
        return {}

    def lasts(self, _: Operation, __: httpx.Response) -> timedelta | None:
        """None that could end."""
        return None
