"""What a job gets from the engine: the one seam between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from connectors.post import Part


class Publishing(Protocol):
    """Publishes the parts of a delivery, each exactly once."""

    async def part(self, key: str, part: Part, thread: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Publish one part, or learn that it is published already; returns the provider's result."""
