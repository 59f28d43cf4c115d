"""Taking down what a case has published, and looking whether it is gone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import Intent, Kind, outcome_of
from connectors.network import Network, Rejected, Wire


async def undone(
    network: Network, wire: Wire, key: str, results: Sequence[Mapping[str, Any]], plans: Sequence[Mapping[str, Any]]
) -> str:
    """Why something of it is still there; empty if nothing is. ``key`` begins the intentions of the deletions."""
    # comments and answers first: what they are under may take them along
    for number, result in reversed(list(enumerate(results))):
        answer = await network.delete(wire, Intent(f"{key}/{number}/delete", {"published": dict(result)}))
        if outcome_of(answer).kind is not Kind.OK:
            return f"it could not be taken down: {outcome_of(answer).reason}"
    for plan in plans:
        with contextlib.suppress(Rejected):  # what is gone may not be asked for
            if await network.find(wire, plan) is not None:
                return "taken down, but the provider still finds it"
    return ""
